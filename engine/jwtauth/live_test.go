package jwtauth_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// directory is an environment's identity side, for tests to change.
type directory struct {
	credentials map[string]*identity.Credential
	sources     map[string]identity.Guarded
}

func (d directory) Credential(name string) (*identity.Credential, bool) {
	c, ok := d.credentials[name]
	return c, ok
}

func (d directory) IdentitySource(project, name string) (identity.Guarded, bool) {
	s, ok := d.sources[project+"/"+name]
	return s, ok
}

// people is a source that answers with a table, or not at all.
type people struct {
	identity.Guarded
	roles map[string][]string
	err   error
}

func (p people) Find(_ context.Context, name string) (identity.Identity, bool, error) {
	roles, ok := p.roles[name]
	return identity.Identity{Name: name, Roles: roles}, ok, p.err
}

// mobile is a credential with all that a call needs; its own tokens are of RS256.
func mobile() *identity.Credential {
	return &identity.Credential{
		ID: "c1", Name: "mobile", FullName: "Mobile App", Email: "mobile@example.com", Enabled: true, Roles: []string{"clerk"},
		Tokens: issue.Settings{GrantType: issue.ClientCredentials, TokenExpiresInAmount: 15, TokenExpiresInUnit: issue.Minutes, JWTSignatureAlgorithm: keys.RS256},
		Access: map[string]identity.Access{"owner-1": {}},
	}
}

// byCredential is a policy that leaves access to credentials.
func byCredential() *jwtauth.Config {
	c := valid()
	c.ManagedFromThisPolicy = false
	return c
}

// ofCredential makes a token that of the credential, for the credential.
func ofCredential(c *jwt.ClaimSet) {
	c.Subject, c.ClientID, c.Audience, c.GrantType = "mobile", "mobile", []string{"mobile"}, "client_credentials"
}

func from(text string, d identity.Directory) *policy.Exchange {
	x := call("Bearer " + text)
	x.Identities, x.Client = d, netip.MustParseAddr("192.0.2.7")
	return x
}

func TestWhereCredentialsManageAccessEveryCallAsksThem(t *testing.T) {
	t.Parallel()
	token := sign(t, keys.RS256, ofCredential)
	tests := map[string]struct {
		change func(*identity.Credential)
		want   fault.Type
		status int
	}{
		"all is well":                     {func(*identity.Credential) {}, "", 0},
		"disabled":                        {func(c *identity.Credential) { c.Enabled = false }, fault.CredentialUnknown, 401},
		"disabled in this environment":    {func(c *identity.Credential) { c.DisabledHere = true }, fault.CredentialEnvironment, 401},
		"expired this moment":             {func(c *identity.Credential) { c.Expires = start }, fault.CredentialExpired, 401},
		"not expired yet":                 {func(c *identity.Credential) { c.Expires = start.Add(time.Second) }, "", 0},
		"access taken away":               {func(c *identity.Credential) { c.Access = nil }, fault.CredentialProxyDenied, 403},
		"access to another API":           {func(c *identity.Credential) { c.Access = map[string]identity.Access{"owner-2": {}} }, fault.CredentialProxyDenied, 403},
		"access expired":                  {access(identity.Access{Expires: start}), fault.CredentialProxyDenied, 403},
		"the method is denied":            {access(identity.Access{DeniedMethods: []string{"DELETE", "GET"}}), fault.CredentialMethodDenied, 403},
		"another method is denied":        {access(identity.Access{DeniedMethods: []string{"DELETE"}}), "", 0},
		"another network":                 {networks("198.51.100.0/24", "2001:db8::/32"), fault.CredentialAddressDenied, 403},
		"its network":                     {networks("198.51.100.0/24", "192.0.2.0/28"), "", 0},
		"another algorithm since":         {func(c *identity.Credential) { c.Tokens.JWTSignatureAlgorithm = keys.ES256 }, fault.TokenNotValid, 401},
		"another grant since":             {func(c *identity.Credential) { c.Tokens.GrantType = issue.Password }, fault.TokenNotValid, 401},
		"it may have tokens for ever now": {func(c *identity.Credential) { c.Tokens.TokenNeverExpires = true }, "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := compileIn(t, byCredential(), nil)
			good := directory{credentials: map[string]*identity.Credential{"mobile": mobile()}}
			c := mobile()
			tt.change(c)
			now := directory{credentials: map[string]*identity.Credential{"mobile": c}}
			// The answer must not depend on what was seen before.
			for _, d := range []directory{now, good, now} {
				want := tt.want
				if d.credentials["mobile"] != c {
					want = ""
				}
				r := rejection(t, step.Do(from(token, d)))
				if faultOf(r) != want {
					t.Fatalf("Do = %v, want %q", r, want)
				}
				if r != nil && fault.Find(r.Fault).Status != tt.status {
					t.Errorf("status %d, want %d", fault.Find(r.Fault).Status, tt.status)
				}
				if r != nil && (r.Challenge != "") != (tt.status == 401) {
					t.Errorf("challenge %q with status %d", r.Challenge, tt.status)
				}
			}
		})
	}
}

func access(a identity.Access) func(*identity.Credential) {
	return func(c *identity.Credential) { c.Access = map[string]identity.Access{"owner-1": a} }
}

func networks(prefixes ...string) func(*identity.Credential) {
	return func(c *identity.Credential) {
		for _, p := range prefixes {
			c.Networks = append(c.Networks, netip.MustParsePrefix(p))
		}
	}
}

func TestAHEADNeedsTheMethodGET(t *testing.T) {
	t.Parallel()
	c := mobile()
	access(identity.Access{DeniedMethods: []string{"GET"}})(c)
	x := from(sign(t, keys.RS256, ofCredential), directory{credentials: map[string]*identity.Credential{"mobile": c}})
	x.Method = "HEAD"
	if r := rejection(t, compileIn(t, byCredential(), nil).Do(x)); faultOf(r) != fault.CredentialMethodDenied {
		t.Errorf("Do = %v", r)
	}
}

func TestAnIdentityOfACredential(t *testing.T) {
	t.Parallel()
	x := from(sign(t, keys.RS256, ofCredential), directory{credentials: map[string]*identity.Credential{"mobile": mobile()}})
	if err := compileIn(t, byCredential(), nil).Do(x); err != nil {
		t.Fatal(err)
	}
	if x.Identity.Subject != "mobile" || x.Identity.ClientID != "mobile" || x.Identity.Grant != "client_credentials" || x.Identity.Email != "mobile@example.com" {
		t.Errorf("identity %+v", x.Identity)
	}
}

func TestTokensOfOneWayOfManagingAccessAreWorthlessInTheOther(t *testing.T) {
	t.Parallel()
	// Credentials are named like clients, as far as names allow it.
	likeOwner, other := mobile(), mobile()
	likeOwner.Name, other.Name = client, "other"
	all := directory{credentials: map[string]*identity.Credential{"mobile": mobile(), client: likeOwner, "other": other}}
	user := func(c *jwt.ClaimSet) { ofCredential(c); c.GrantType = "password" }
	tests := map[string]struct {
		config *jwtauth.Config
		change func(*jwt.ClaimSet)
		want   fault.Type
	}{
		"a credential's own token at a policy that issues": {valid(), ofCredential, fault.TokenNotValid},
		"the owner's token where credentials decide":       {byCredential(), nil, fault.TokenNotValid},
		"the owner's token for a user there":               {byCredential(), as("mobile"), fault.TokenNotValid},
		"a token for two":                                  {byCredential(), func(c *jwt.ClaimSet) { ofCredential(c); c.Audience = []string{"mobile", "other"} }, fault.TokenNotValid},
		"a token for another than its client":              {byCredential(), func(c *jwt.ClaimSet) { ofCredential(c); c.Audience = []string{"other"} }, fault.TokenNotValid},
		"a token without client":                           {byCredential(), func(c *jwt.ClaimSet) { ofCredential(c); c.ClientID, c.Audience = "", []string{""} }, fault.TokenNotValid},
		"a client's token for another client":              {byCredential(), func(c *jwt.ClaimSet) { ofCredential(c); c.Subject = "other" }, fault.TokenNotValid},
		"a user's token of a client's credential":          {byCredential(), user, fault.TokenNotValid},
		"a token without expiry":                           {byCredential(), func(c *jwt.ClaimSet) { ofCredential(c); c.Expires = 0 }, fault.TokenNotValid},
		"a credential that does not exist": {byCredential(), func(c *jwt.ClaimSet) {
			ofCredential(c)
			c.Subject, c.ClientID, c.Audience = "gone", "gone", []string{"gone"}
		}, fault.CredentialUnknown},
		"a client with a credential, where only the owner's key pair counts": {valid(), func(c *jwt.ClaimSet) { c.Subject, c.ClientID = "mobile", "mobile" }, fault.TokenNotValid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := from(sign(t, keys.RS256, tt.change), all)
			if r := rejection(t, compileIn(t, tt.config, nil).Do(x)); faultOf(r) != tt.want {
				t.Errorf("Do = %v, want %s", r, tt.want)
			}
		})
	}
}

func TestAForgedTokenFindsOutNothingAboutCredentials(t *testing.T) {
	t.Parallel()
	step := compileIn(t, byCredential(), nil)
	d := directory{credentials: map[string]*identity.Credential{"mobile": mobile()}}
	var seen []*policy.Rejection
	for _, name := range []string{"mobile", "gone"} {
		good := sign(t, keys.RS256, func(c *jwt.ClaimSet) {
			ofCredential(c)
			c.Subject, c.ClientID, c.Audience = name, name, []string{name}
		})
		seen = append(seen, rejection(t, step.Do(from(good[:len(good)-8]+"AAAAAAAA", d))))
	}
	for _, r := range seen {
		if faultOf(r) != fault.TokenNotValid || !errors.Is(r, jwtauth.ErrForged) || r.Challenge != seen[0].Challenge {
			t.Errorf("Do = %v, want one answer for both", r)
		}
	}
}

func TestAnUnsignedTokenCannotChooseItsAlgorithm(t *testing.T) {
	t.Parallel()
	c := mobile()
	c.Tokens.JWTSignatureAlgorithm = keys.HS256
	d := directory{credentials: map[string]*identity.Credential{"mobile": c}}
	step := compileIn(t, byCredential(), nil)
	for name, text := range map[string]string{
		"a public key as shared secret": confuse(t), "another key than the credential's algorithm": sign(t, keys.RS256, ofCredential),
	} {
		if r := rejection(t, step.Do(from(text, d))); faultOf(r) != fault.TokenNotValid {
			t.Errorf("%s: %v", name, r)
		}
	}
	if err := step.Do(from(sign(t, keys.HS256, ofCredential), d)); err != nil {
		t.Errorf("its own: %v", err)
	}
}

func TestFullNameAndEmailAreThoseOfTheCallersCredential(t *testing.T) {
	t.Parallel()
	app := mobile()
	app.Tokens.GrantType = issue.Password
	jane := &identity.Credential{Name: "jane", FullName: "Jane", Email: "jane@example.com", Enabled: true, Access: app.Access}
	byPolicy := forUsers()
	byPolicy.AuthenticationType = identity.SecretManager
	ofUser := func(c *jwt.ClaimSet) { ofCredential(c); c.Subject, c.GrantType = "jane", "password" }
	for name, tt := range map[string]struct {
		config *jwtauth.Config
		claims func(*jwt.ClaimSet)
		want   string
	}{
		"of a user, access managed by the credential": {byCredential(), ofUser, "Jane jane@example.com"},
		"of a user, access managed by the policy":     {byPolicy, as("jane"), "Jane jane@example.com"},
		"of LDAP, a user with a credential's name":    {forUsers(), as("jane"), " "},
	} {
		x := from(sign(t, keys.RS256, tt.claims), directory{credentials: map[string]*identity.Credential{"mobile": app, "jane": jane}})
		x.Identity.FullName, x.Identity.Email = "of", "the policy before"
		if err := compileIn(t, tt.config, nil).Do(x); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		x.Introduce()
		if got := x.FullName + " " + x.Email; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestAUserOfACredentialMustStillBeThere(t *testing.T) {
	t.Parallel()
	app := mobile()
	app.Tokens.GrantType = issue.Password
	token := sign(t, keys.RS256, func(c *jwt.ClaimSet) { ofCredential(c); c.Subject, c.GrantType = "jane", "password" })
	step := compileIn(t, byCredential(), nil)
	for name, tt := range map[string]struct {
		user *identity.Credential
		want fault.Type
	}{
		"there":    {&identity.Credential{Name: "jane", Enabled: true}, ""},
		"disabled": {&identity.Credential{Name: "jane"}, fault.CredentialUnknown},
		"expired":  {&identity.Credential{Name: "jane", Enabled: true, Expires: start}, fault.CredentialExpired},
		"gone":     {nil, fault.CredentialUnknown},
	} {
		d := directory{credentials: map[string]*identity.Credential{"mobile": app}}
		if tt.user != nil {
			d.credentials["jane"] = tt.user
		}
		if r := rejection(t, step.Do(from(token, d))); faultOf(r) != tt.want {
			t.Errorf("%s: %v, want %q", name, r, tt.want)
		}
	}
}

func TestTokensThatAPolicyIssuedToCredentialsEndWithThem(t *testing.T) {
	t.Parallel()
	clients, users := valid(), forUsers()
	clients.AuthenticationType = identity.SecretManager
	users.AuthenticationType, users.CheckClientIPAddress = identity.SecretManager, true
	forClient := func(c *jwt.ClaimSet) { c.Subject, c.ClientID = "mobile", "mobile" }
	tests := map[string]struct {
		config *jwtauth.Config
		claims func(*jwt.ClaimSet)
		change func(*identity.Credential)
		want   fault.Type
	}{
		"a client":                                 {clients, forClient, func(*identity.Credential) {}, ""},
		"a disabled client":                        {clients, forClient, func(c *identity.Credential) { c.Enabled = false }, fault.CredentialUnknown},
		"a client disabled in this environment":    {clients, forClient, func(c *identity.Credential) { c.DisabledHere = true }, fault.CredentialEnvironment},
		"an expired client":                        {clients, forClient, func(c *identity.Credential) { c.Expires = start }, fault.CredentialExpired},
		"a client without access":                  {clients, forClient, func(c *identity.Credential) { c.Access = nil }, fault.CredentialProxyDenied},
		"a client elsewhere, where nobody minds":   {clients, forClient, networks("198.51.100.0/24"), ""},
		"a user":                                   {users, as("mobile"), func(*identity.Credential) {}, ""},
		"a user who is gone":                       {users, as("gone"), func(*identity.Credential) {}, fault.CredentialUnknown},
		"a disabled user":                          {users, as("mobile"), func(c *identity.Credential) { c.Enabled = false }, fault.CredentialUnknown},
		"an expired user":                          {users, as("mobile"), func(c *identity.Credential) { c.Expires = start }, fault.CredentialExpired},
		"a user whose method is denied":            {users, as("mobile"), access(identity.Access{DeniedMethods: []string{"GET"}}), fault.CredentialMethodDenied},
		"a user elsewhere":                         {users, as("mobile"), networks("198.51.100.0/24"), fault.CredentialAddressDenied},
		"a user at a known address":                {users, as("mobile"), networks("192.0.2.7/32"), ""},
		"a user called like the owner's client":    {users, as(client), func(*identity.Credential) {}, fault.CredentialUnknown},
		"the owner's client needs no credential":   {clients, nil, func(*identity.Credential) {}, ""},
		"the owner's client is not that of a name": {clients, nil, func(c *identity.Credential) { c.Name, c.Enabled = client, false }, ""},
		"a client's token at a policy for users":   {users, forClient, func(*identity.Credential) {}, fault.TokenNotValid},
		"a user's token at a policy for clients":   {clients, as("mobile"), func(*identity.Credential) {}, fault.TokenNotValid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := *tt.config
			c := mobile()
			tt.change(c)
			x := from(sign(t, keys.RS256, tt.claims), directory{credentials: map[string]*identity.Credential{c.Name: c}})
			if r := rejection(t, compileIn(t, &config, nil).Do(x)); faultOf(r) != tt.want {
				t.Errorf("Do = %v, want %q", r, tt.want)
			}
		})
	}
}

func TestUsersOfADirectoryNeedNoCredential(t *testing.T) {
	t.Parallel()
	c := mobile()
	c.Name, c.Enabled = "jane", false
	x := from(sign(t, keys.RS256, as("jane")), directory{credentials: map[string]*identity.Credential{"jane": c}})
	if err := compileIn(t, forUsers(), nil).Do(x); err != nil {
		t.Errorf("a user of LDAP with the name of a disabled credential: %v", err)
	}
}

func TestARevokedTokenIsRefusedFromThatMomentOn(t *testing.T) {
	t.Parallel()
	session := func(c *jwt.ClaimSet) { as("jane")(c); c.ID, c.Session = "jti-1", "login-1" }
	for name, e := range map[string]revoke.Entry{
		"the token": {Kind: revoke.Token, Key: "jti-1"}, "the login": {Kind: revoke.Family, Key: "login-1"},
		"the user":   {Kind: revoke.User, Project: "Default", Key: "jane", Before: start.Add(time.Second)},
		"the policy": {Kind: revoke.Policy, Project: "Default", Key: "Orders", Before: start.Add(time.Second)},
		"the client": {Kind: revoke.Client, Key: client, Before: start.Add(time.Second)},
		"everything": {Kind: revoke.All, Before: start.Add(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := revoke.NewList(func() time.Time { return start })
			step := compileIn(t, forUsers(), func(rt *policy.Runtime) { rt.Revoked = list })
			text := "Bearer " + sign(t, keys.RS256, session)
			later := "Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { as("john")(c); c.ClientID, c.IssuedAt = "x", start.Unix()+20 })
			for range 2 {
				if err := step.Do(call(text)); err != nil {
					t.Fatalf("before: %v", err)
				}
			}
			list.Add(revoke.Entry{Kind: revoke.Token, Key: "another"})
			if err := step.Do(call(text)); err != nil {
				t.Fatalf("another token was revoked: %v", err)
			}
			list.Add(e)
			for range 2 {
				r := rejection(t, step.Do(call(text)))
				if faultOf(r) != fault.TokenNotValid || !errors.Is(r, jwtauth.ErrRevoked) || r.Challenge != `Bearer realm="Orders", error="invalid_token"` {
					t.Fatalf("after: %v", r)
				}
				var refused *jwtauth.Refused
				if !errors.As(r, &refused) || refused.Subject != "jane" {
					t.Errorf("the cause does not say whose token it was: %v", r)
				}
			}
			if err := step.Do(call(later)); err != nil {
				t.Errorf("somebody else's later token: %v", err)
			}
		})
	}
}

func TestATokenThatIsFirstSeenRevokedIsRefused(t *testing.T) {
	t.Parallel()
	list := revoke.NewList(func() time.Time { return start })
	list.Add(revoke.Entry{Kind: revoke.Token, Key: "1"})
	step := compileIn(t, valid(), func(rt *policy.Runtime) { rt.Revoked = list })
	text := "Bearer " + sign(t, keys.RS256, nil)
	for range 3 {
		if r := rejection(t, step.Do(call(text))); !errors.Is(r, jwtauth.ErrRevoked) {
			t.Fatalf("Do = %v", r)
		}
	}
}

func TestCausesTellForgedAndExpiredTokensApart(t *testing.T) {
	t.Parallel()
	step := compileIn(t, valid(), nil)
	good := sign(t, keys.RS256, nil)
	all := []error{jwtauth.ErrExpired, jwtauth.ErrForged, jwtauth.ErrRevoked}
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"another payload under our signature":  {swapPayload(t, good), jwtauth.ErrForged},
		"a foreign signature under our key id": {foreign(t, keySet().Signing(keys.RS256).ID), jwtauth.ErrForged},
		"a token that has expired":             {sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Expires = start.Unix() - 60 }), jwtauth.ErrExpired},
		"a key that nobody knows":              {foreign(t, ""), nil},
		"another owner's token":                {sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Audience = []string{"x"} }), nil},
		"rubbish":                              {"x.y.z", nil},
	} {
		r := rejection(t, step.Do(call("Bearer "+tt.text)))
		i := slices.IndexFunc(all, func(e error) bool { return errors.Is(r, e) })
		if r == nil || (tt.want == nil) != (i < 0) || i >= 0 && all[i] != tt.want {
			t.Errorf("%s: %v, want %v", name, r, tt.want)
		}
	}
}
