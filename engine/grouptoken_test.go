package engine_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/token"
)

// families is a store in memory, for one client after another.
type families struct {
	mu  sync.Mutex
	all map[token.FamilyID]token.Family
}

func (f *families) StartFamily(_ context.Context, family token.Family) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[family.ID] = family
	return nil
}

func (f *families) FindFamily(_ context.Context, _ string, id token.FamilyID) (token.Family, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	family, ok := f.all[id]
	return family, ok && family.Ended == "", nil
}

func (f *families) RedeemFamily(_ context.Context, r token.Redemption) (token.Family, token.RedeemOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	family, ok := f.all[r.ID]
	if !ok || family.Ended != "" || family.ClientID != r.ClientID || family.Generation != r.Generation {
		return token.Family{}, token.Unknown, nil
	}
	family.Generation++
	f.all[r.ID] = family
	return family, token.Redeemed, nil
}

func (f *families) EndFamily(_ context.Context, _ string, id token.FamilyID, client, reason string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	family, ok := f.all[id]
	if ok = ok && family.ClientID == client && family.Ended == ""; ok {
		family.Ended = reason
		f.all[id] = family
	}
	return ok, nil
}

func (*families) RevokeTokens(context.Context, string, revoke.Entry, string) error { return nil }

// refreshed is userPolicy with refresh tokens.
func refreshed(name string) *jwtauth.Config {
	c := userPolicy()
	c.Name, c.RefreshTokenAllowed, c.RefreshTokenCount = name, true, 5
	c.RefreshTokenExpiresInAmount, c.RefreshTokenExpiresInUnit = 1, issue.Hours
	return c
}

// post asks the token service and reads its answer.
func post(t *testing.T, at, path string, v ...string) (status int, said map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(v); i += 2 {
		form.Set(v[i], v[i+1])
	}
	a := send(t, request(t, "POST", at+path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
	_ = json.Unmarshal([]byte(a.body), &said) // an empty answer says nothing
	return a.status, said
}

// tokenShop is a gateway whose owners all have the secret "s3cret".
func tokenShop(t *testing.T, credentials []*identity.Credential, owners ...engine.Owner) string {
	t.Helper()
	hash, err := secret.Hash("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	b := enginetest.Bundle(t)
	for _, o := range owners {
		o.Client.SecretHash = hash
		b.Owners = append(b.Owners, o)
	}
	for _, c := range credentials {
		c.Enabled, c.SecretHash = true, hash
	}
	b.Credentials, b.Sources = credentials, []engine.Source{enginetest.Source(t, "corp", "1")}
	typ, _ := enginetest.Marks()
	_, s := enginetest.Gateway(t, engine.Options{
		Types: policy.Set{jwtauth.Type(), typ}, Identities: identity.Kinds{people().Kind()},
		Tokens: &families{all: map[token.FamilyID]token.Family{}}, RefreshKey: []byte(strings.Repeat("k", 32)),
	}, b)
	return s.URL
}

func TestTokensOfGroupsLiveAndDieLikeThoseOfProxies(t *testing.T) {
	t.Parallel()
	at := enginetest.Echo(t).URL
	open := enginetest.Proxy("open", "/open", at)
	all := enginetest.ProxyGroup("all", "/all", open)
	all.Policies = []engine.Bound{enginetest.Bind(t, refreshed("of all"))}
	checks := enginetest.PolicyGroup(t, "checks", refreshed("of checks"))
	guarded := enginetest.Proxy("guarded", "/guarded", at, enginetest.BindGroup(checks))
	host := tokenShop(t, nil, enginetest.Owner(t, open), enginetest.Owner(t, all), enginetest.Owner(t, checks), enginetest.Owner(t, guarded))
	for owner, path := range map[string]string{"all": "/all/x", "checks": "/guarded/x"} {
		client := []string{"client_id", owner + "-client", "client_secret", "s3cret"}
		calls := func(token any) int { return get(t, host+path, "Authorization", "Bearer "+token.(string)).status }
		active := func(by string, token any) any {
			_, said := post(t, host, "/auth/introspect", "client_id", by+"-client", "client_secret", "s3cret", "token", token.(string))
			return said["active"]
		}
		status, first := post(t, host, "/auth/jwt", append(client, "grant_type", "password", "username", "mia", "password", "m1a")...)
		if status != 200 || calls(first["access_token"]) != 200 {
			t.Fatalf("%s: login %d %v", owner, status, first)
		}
		_, said := post(t, host, "/auth/introspect", append(client, "token", first["access_token"].(string))...)
		if said["active"] != true || said["aud"] != owner+"-client" || said["username"] != "mia" {
			t.Errorf("%s: introspection says %v", owner, said)
		}
		if active("guarded", first["access_token"]) != false || active("open", first["access_token"]) != false {
			t.Errorf("%s: another owner learns of its token", owner)
		}
		if status, _ := post(t, host, "/auth/jwt", "client_id", "guarded-client", "client_secret", "s3cret", "grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string)); status != 400 {
			t.Errorf("%s: another owner refreshes its login: %d", owner, status)
		}
		status, second := post(t, host, "/auth/jwt", append(client, "grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string))...)
		if status != 200 || calls(second["access_token"]) != 200 {
			t.Fatalf("%s: refresh %d %v", owner, status, second)
		}
		if status, _ := post(t, host, "/auth/revoke", append(client, "token", second["access_token"].(string))...); status != 200 {
			t.Errorf("%s: revoke %d", owner, status)
		}
		if calls(second["access_token"]) != 401 || active(owner, second["access_token"]) != false {
			t.Errorf("%s: a revoked token is good", owner)
		}
		if status, _ := post(t, host, "/auth/jwt", append(client, "grant_type", "refresh_token", "refresh_token", second["refresh_token"].(string))...); status != 400 {
			t.Errorf("%s: a login that was ended is refreshed: %d", owner, status)
		}
	}
}

// D12: access to a member or to its group is enough for a token of either, as
// calls ask again; who has access to one alone is not asked which is meant.
func TestACredentialGetsTokensForWhatItMayCallThroughAGroup(t *testing.T) {
	t.Parallel()
	c := jwtPolicy(keys.HS256)
	c.AuthenticationType = identity.SecretManager
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, c))
	all := enginetest.ProxyGroup("all", "/all", orders)
	all.Policies = []engine.Bound{enginetest.Bind(t, c)}
	over, good := identity.Access{Expires: time.Now().Add(-time.Hour)}, identity.Access{}
	host := tokenShop(t, []*identity.Credential{
		{Name: "member", Access: map[string]identity.Access{"id-orders": good}}, {Name: "group", Access: map[string]identity.Access{"id-all": good}},
		{Name: "over", Access: map[string]identity.Access{"id-orders": over, "id-all": good}}, {Name: "both", Access: map[string]identity.Access{"id-orders": good, "id-all": good}},
		{Name: "nobody"},
	}, enginetest.Owner(t, orders), enginetest.Owner(t, all))
	for _, tt := range []struct {
		who, resource string
		status        int
		calls         map[string]int
	}{
		{"member", "", 200, map[string]int{"/orders": 200, "/all": 401}},
		{"member", "all", 200, map[string]int{"/orders": 401, "/all": 200}},
		{"member", enginetest.PublicURL + "/all", 200, map[string]int{"/all": 200}},
		{"group", "", 200, map[string]int{"/all": 200, "/orders": 401}},
		{"group", "orders", 200, map[string]int{"/orders": 403, "/all": 401}},
		{"over", "", 200, map[string]int{"/all": 403}},
		{"over", "orders", 400, nil},
		{"both", "", 400, nil},
		{"both", "all", 200, map[string]int{"/all": 200}},
		{"nobody", "", 400, nil},
		{"nobody", "all", 400, nil},
	} {
		status, said := post(t, host, "/auth/jwt", "grant_type", "client_credentials", "client_id", tt.who, "client_secret", "s3cret", "resource", tt.resource)
		if status != tt.status {
			t.Errorf("%s for %q: %d %v", tt.who, tt.resource, status, said)
			continue
		}
		for path, want := range tt.calls {
			if a := get(t, host+path, "Authorization", "Bearer "+said["access_token"].(string)); a.status != want {
				t.Errorf("%s for %q calls %s: %d, want %d", tt.who, tt.resource, path, a.status, want)
			}
		}
	}
}

// Nobody has access to a policy group: calls ask for the API that it guards.
func TestAUserOfTheSecretManagerLogsInAtAPolicyGroup(t *testing.T) {
	t.Parallel()
	c := userPolicy()
	c.AuthenticationType, c.IdentityProviderName = identity.SecretManager, ""
	checks := enginetest.PolicyGroup(t, "checks", c)
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.BindGroup(checks))
	host := tokenShop(t, []*identity.Credential{
		{Name: "ann", Access: map[string]identity.Access{"id-orders": {}}}, {Name: "bob"},
	}, enginetest.Owner(t, orders), enginetest.Owner(t, checks))
	for name, want := range map[string]int{"ann": 200, "bob": 403} {
		status, said := post(t, host, "/auth/jwt", "grant_type", "password", "client_id", "checks-client", "username", name, "password", "s3cret")
		if status != 200 {
			t.Fatalf("%s: %d %v", name, status, said)
		}
		if a := get(t, host+"/orders", "Authorization", "Bearer "+said["access_token"].(string)); a.status != want {
			t.Errorf("%s: %d, want %d", name, a.status, want)
		}
	}
}

// D11: what refuses calls refuses token requests, also inside a policy group and
// for the key pair of a group that borrows its members' tokens.
func TestTheConditionOfAGroupsPolicyGuardsItsTokenRequests(t *testing.T) {
	t.Parallel()
	c := userPolicy()
	c.Condition, c.ConditionUnmetAction = rule(byHeader, "EQ", "production"), policy.Reject
	checks := enginetest.PolicyGroup(t, "checks", c)
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.BindGroup(checks))
	host := tokenShop(t, nil, enginetest.Owner(t, orders), enginetest.Owner(t, checks), enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", orders)))
	for _, owner := range []string{"orders", "checks", "all"} {
		form := url.Values{"grant_type": {"password"}, "client_id": {owner + "-client"}, "username": {"mia"}, "password": {"m1a"}}.Encode()
		for field, want := range map[string]int{"production": 200, "test": 403} {
			a := send(t, request(t, "POST", host+"/auth/jwt", form, "Content-Type", "application/x-www-form-urlencoded", "X-Environment", field))
			if a.status != want {
				t.Errorf("%s in %s: %d %s", owner, field, a.status, a.body)
			}
		}
	}
}

// A token request is a call of no proxy, and of no group.
func TestATokenRequestIsNoCallOfAProxy(t *testing.T) {
	t.Parallel()
	c := userPolicy()
	c.Condition = rule(condition.Variable{Type: condition.Context, ContextValue: "REQUEST_IS_APIPROXY"}, "EQ", "true")
	c.ConditionUnmetAction = policy.Reject
	host := tokenShop(t, nil, enginetest.Owner(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, c))))
	status, _ := post(t, host, "/auth/jwt", "grant_type", "password", "client_id", "orders-client", "username", "mia", "password", "m1a")
	if status != 403 {
		t.Errorf("%d", status)
	}
}
