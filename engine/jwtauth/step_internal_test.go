package jwtauth

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// warm is a compiled policy and a call whose token it has seen.
func warm(t testing.TB, alg keys.Algorithm) (policy.Step, *policy.Exchange) {
	t.Helper()
	key, err := keys.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet([]keys.Entry{{Key: key, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	c := NewForm()
	c.JWTSignatureAlgorithm, c.ClearAuth, c.AddUserToHeader = alg, true, true
	now := time.Now()
	s, err := c.Compile(policy.Runtime{Issuer: "https://gateway.example", Owner: policy.Owner{Name: "Orders", ClientID: "orders"}, Keys: set, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Sign(key, jwt.AccessToken, jwt.ClaimSet{
		Issuer: "https://gateway.example", Subject: "orders", Audience: []string{"orders"}, ClientID: "orders", ID: "1", GrantType: "client_credentials",
		IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	x := &policy.Exchange{Request: condition.Request{Header: http.Header{"Authorization": {"Bearer " + text}}, RawQuery: "page=2&access_level=3"}}
	if err := s.Do(x); err != nil {
		t.Fatal(err)
	}
	return s, x
}

func again(x *policy.Exchange) {
	before := *x
	x.Reset()
	x.Method, x.Header, x.RawQuery, x.Client, x.Identities = before.Method, before.Header, before.RawQuery, before.Client, before.Identities
	x.OwnerID, x.EndpointMethod, x.EndpointPath = before.OwnerID, before.EndpointMethod, before.EndpointPath
}

func TestARememberedTokenAllocatesNothing(t *testing.T) {
	s, x := warm(t, keys.ES256)
	noAllocations(t, s, x)
}

// TestRolesAndRevocationsAllocateNothing takes a user with roles through every
// check that needs no source.
func TestRolesAndRevocationsAllocateNothing(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet([]keys.Entry{{Key: key, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	c := NewForm()
	c.GrantType, c.AuthenticationType, c.JWTSignatureAlgorithm, c.ClearAuth, c.AddUserToHeader = issue.Password, identity.SecretManager, keys.ES256, true, true
	c.CheckClientIPAddress, c.AllowURLParameters = true, true
	c.Authorization = Authorization{
		EnableAuthorization: true, AddRolesToHeader: true, RolesHeaderName: "X-Roles", CredentialRoleNameList: []string{"clerk"}, RoleRequirement: AllRoles,
		EnableMethodAccess: true, PolicyAuthorizationMethodDefList: []MethodAccess{
			{Endpoint: "/customers/{customer}/orders/{order}", HTTPMethod: "GET", CredentialRoleNameList: []string{"reader"}, RoleRequirement: AnyRole},
		},
	}
	list := revoke.NewList(time.Now)
	list.Add(revoke.Entry{Kind: revoke.Token, Key: "other"})
	s, err := c.Compile(policy.Runtime{
		Issuer: "https://gateway.example", Owner: policy.Owner{ID: "o", Name: "Orders", ClientID: "orders"}, Keys: set, Now: time.Now, Revoked: list,
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, err := jwt.Sign(key, jwt.AccessToken, jwt.ClaimSet{
		Issuer: "https://gateway.example", Subject: "jane", Audience: []string{"orders"}, ClientID: "orders", ID: "1", GrantType: "password",
		Scope: "clerk reader", IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	x := &policy.Exchange{
		Request: condition.Request{
			Method: "GET", OwnerID: "o", Header: http.Header{"Authorization": {"Bearer " + text}}, RawQuery: "page=2&access_level=3",
			EndpointMethod: "GET", EndpointPath: "/customers/{id}/orders/{number}", Client: netip.MustParseAddr("192.0.2.7"),
		},
		Identities: one{&identity.Credential{
			Name: "jane", Enabled: true, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Access: map[string]identity.Access{"o": {}},
		}},
	}
	if err := s.Do(x); err != nil {
		t.Fatal(err)
	}
	noAllocations(t, s, x)
}

// one is a directory with a single credential.
type one struct{ only *identity.Credential }

func (o one) Credential(name string) (*identity.Credential, bool)  { return o.only, name == o.only.Name }
func (one) IdentitySource(string, string) (identity.Guarded, bool) { return nil, false }

func noAllocations(t *testing.T, s policy.Step, x *policy.Exchange) {
	t.Helper()
	allocations := testing.AllocsPerRun(1000, func() {
		again(x)
		if err := s.Do(x); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations a call, want none", allocations)
	}
}

// The first sight of a token beside the next ones.
func BenchmarkStep(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256} {
		s, x := warm(b, alg)
		b.Run(string(alg)+"/repeated", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				again(x)
				_ = s.Do(x)
			}
		})
		b.Run(string(alg)+"/first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				again(x)
				text := x.Header.Values("Authorization")[0][7:]
				if p, alg, err := s.(*step).read(text, time.Now()); err == nil {
					_, _ = s.(*step).shared.verify(&p, alg, len(text))
					p.End()
				}
			}
		})
	}
}
