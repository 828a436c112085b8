package token

import (
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
)

// useClients makes the owner one that mobile clients with credentials of their
// own may get tokens for (D12), and gives it the client phone.
func (w *world) useClients() {
	w.cheap()
	w.edit(func(o *Owner) { o.Settings.Source = identity.SecretManager })
	w.person("phone", func(*identity.Credential) {})
}

// secondOwner is another one like the first, called Stock.
func (w *world) secondOwner(change func(*Owner)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.owners[clientID]
	o.ID, o.Name, o.ClientID, o.URL = "stock", "Stock", "stock-client", "https://gateway.example/stock"
	change(&o)
	w.owners[o.ClientID] = o
}

func byCredential(name string, more ...string) url.Values {
	return form("client_credentials", append([]string{"client_id", name, "client_secret", "pass of " + name}, more...)...)
}

func TestAClientWithACredentialOfItsOwnGetsATokenForTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	r := w.ask(t, "/auth/jwt", byCredential("phone", "scope", "audit nothing"))
	c := w.claimsOf(t, r, clientID)
	if c.Subject != "phone" || c.ClientID != "phone" || c.GrantType != "client_credentials" || c.Scope != "audit" {
		t.Errorf("claims %s", c.Payload)
	}
	if e := w.lastEvent(); e.Owner != "Orders" || e.ClientID != "phone" || e.Source != "SECRET_MANAGER" {
		t.Errorf("event %+v", e)
	}
	w.login(t, clientID, clientSecret).token(t) // the owner's own key pair goes on working
}

func TestACredentialThatMayNotGetsNoToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*identity.Credential)
		status int
		code   string
	}{
		"a wrong secret":    {func(c *identity.Credential) { c.SecretHash = "hash of another" }, 401, "invalid_client"},
		"disabled":          {func(c *identity.Credential) { c.Enabled = false }, 401, "invalid_client"},
		"disabled here":     {func(c *identity.Credential) { c.DisabledHere = true }, 401, "invalid_client"},
		"expired":           {func(c *identity.Credential) { c.Expires = start }, 401, "invalid_client"},
		"no access":         {func(c *identity.Credential) { c.Access = nil }, 400, "unauthorized_client"},
		"access that ended": {func(c *identity.Credential) { c.Access = map[string]identity.Access{"orders": {Expires: start}} }, 400, "unauthorized_client"},
		"a gone owner":      {func(c *identity.Credential) { c.Access = map[string]identity.Access{"gone": {}} }, 400, "unauthorized_client"},
		"another address":   {func(c *identity.Credential) { c.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} }, 403, "access_denied"},
		"access that lasts": {func(c *identity.Credential) {
			c.Access = map[string]identity.Access{"orders": {Expires: start.Add(time.Second)}}
		}, 200, ""},
		"an address allowed": {func(c *identity.Credential) { c.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }, 200, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.useClients()
			w.edit(func(o *Owner) { o.Settings.CheckAddress = true })
			w.person("phone", tt.change)
			w.ask(t, "/auth/jwt", byCredential("phone")).wants(t, tt.status, tt.code)
		})
	}
}

func TestAPolicyWithoutTheSecretManagerLetsNoCredentialIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	w.edit(func(o *Owner) { o.Settings.Source = "" })
	w.ask(t, "/auth/jwt", byCredential("phone")).wants(t, 400, "unauthorized_client")
}

func TestResourceNamesOneOfSeveralOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	w.secondOwner(func(*Owner) {})
	w.person("phone", func(c *identity.Credential) { c.Access = map[string]identity.Access{"orders": {}, "stock": {}} })
	w.ask(t, "/auth/jwt", byCredential("phone")).wants(t, 400, "invalid_target")
	w.ask(t, "/auth/jwt", byCredential("phone", "resource", "Nothing")).wants(t, 400, "invalid_target")
	for resource, audience := range map[string]string{
		"Orders": clientID, "https://gateway.example/orders": clientID, "https://gateway.example/orders/": clientID,
		"Stock": "stock-client", "https://gateway.example/stock": "stock-client",
	} {
		w.claimsOf(t, w.ask(t, "/auth/jwt", byCredential("phone", "resource", resource)), audience)
	}
	v := form("client_credentials", "client_secret", clientSecret, "resource", "Stock")
	w.ask(t, "/auth/jwt", v).wants(t, 400, "invalid_target") // the owner's own client has one owner
}

func TestACredentialRefreshesForTheOwnerOfItsLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	refreshable := func(o *Owner) {
		s := *o.Settings
		s.Issue.RefreshTokenAllowed, s.Issue.RefreshTokenCount = true, 5
		s.Issue.RefreshTokenExpiresInAmount, s.Issue.RefreshTokenExpiresInUnit = 1, issue.Hours
		o.Settings = &s
	}
	w.edit(refreshable)
	w.secondOwner(func(*Owner) {})
	w.person("phone", func(c *identity.Credential) { c.Access = map[string]identity.Access{"orders": {}, "stock": {}} })
	in := w.ask(t, "/auth/jwt", byCredential("phone", "resource", "Stock"))
	again := form("refresh_token", "client_id", "phone", "client_secret", "pass of phone", "refresh_token", in.text(t, "refresh_token"))
	w.claimsOf(t, w.ask(t, "/auth/jwt", again), "stock-client")
	again.Del("client_secret")
	w.ask(t, "/auth/jwt", again).wants(t, 401, "invalid_client")
	w.person("other", func(*identity.Credential) {})
	again.Set("client_id", "other")
	again.Set("client_secret", "pass of other")
	w.ask(t, "/auth/jwt", again).wants(t, 400, "invalid_grant")
	again.Set("client_id", "phone")
	again.Set("client_secret", "pass of phone")
	w.ask(t, "/auth/revoke", url.Values{"client_id": {"phone"}, "client_secret": {"pass of phone"}, "token": {in.text(t, "refresh_token")}}).empty(t, 200)
	w.ask(t, "/auth/jwt", again).wants(t, 400, "invalid_grant")
	if e := w.lastEvent(); e.Owner != "Stock" || e.Username != "phone" || e.ClientID != "phone" || e.Reason != "the login has ended: the client revoked the token" {
		t.Errorf("the record has owner %q, user %q, client %q: %s", e.Owner, e.Username, e.ClientID, e.Reason)
	}
}

func credentialTokens() issue.Settings {
	s := quarterHour()
	s.RefreshTokenAllowed, s.RefreshTokenCount, s.RefreshTokenExpiresInAmount, s.RefreshTokenExpiresInUnit = true, 2, 1, issue.Hours
	return s
}

func TestACredentialGetsItsOwnTokensAtCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	w.person("phone", func(c *identity.Credential) { c.Tokens = credentialTokens() })
	r := w.ask(t, "/credential/jwt", byCredential("phone"))
	if c := w.claimsOf(t, r, "phone"); c.Subject != "phone" || c.ClientID != "phone" {
		t.Errorf("claims %s", c.Payload)
	}
	again := form("refresh_token", "client_id", "phone", "client_secret", "pass of phone", "refresh_token", r.text(t, "refresh_token"))
	w.claimsOf(t, w.ask(t, "/credential/jwt", again), "phone")
	w.ask(t, "/auth/jwt", again).wants(t, 400, "invalid_grant") // a login of the other door
	w.person("phone", func(c *identity.Credential) { c.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} })
	w.ask(t, "/credential/jwt", byCredential("phone")).wants(t, 403, "access_denied")
}

func TestAUserLogsInThroughACredentialsClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	w.person("phone", func(c *identity.Credential) {
		c.Tokens = credentialTokens()
		c.Tokens.GrantType = issue.Password
	})
	w.person("mia", func(*identity.Credential) {})
	v := byCredential("phone", "grant_type", "password", "username", "mia", "password", "pass of mia", "scope", "ops")
	if c := w.claimsOf(t, w.ask(t, "/credential/jwt", v), "phone"); c.Subject != "mia" || c.GrantType != "password" || c.Scope != "ops" {
		t.Errorf("claims %s", c.Payload)
	}
	v.Set("client_secret", "-")
	w.ask(t, "/credential/jwt", v).wants(t, 401, "invalid_client") // a credential always shows its secret
}

// ERR-140: each kind of client has its own path.
func TestTheWrongPathIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	w.ask(t, "/credential/jwt", form("client_credentials", "client_secret", clientSecret)).wants(t, 401, "invalid_client")
	if e := w.lastEvent(); string(e.Fault) != "URL_TOKEN_MANAGEMENT_TYPE_MISMATCH" {
		t.Errorf("event %+v", e)
	}
	w.edit(func(o *Owner) { o.Settings.Managed = false })
	w.login(t, clientID, clientSecret).wants(t, 401, "invalid_client")
	if e := w.lastEvent(); string(e.Fault) != "URL_TOKEN_MANAGEMENT_TYPE_MISMATCH" {
		t.Errorf("event %+v", e)
	}
	w.ask(t, "/credential/jwt", byCredential("nobody")).wants(t, 401, "invalid_client")
}

func TestParametersInTheQueryAreASetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	query := form("client_credentials", "client_secret", clientSecret).Encode()
	get := func(path string) reply {
		req, err := http.NewRequest(http.MethodGet, w.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return do(t, req)
	}
	get("/auth/jwt?"+query).wants(t, 405, "invalid_request")
	w.ask(t, "/auth/jwt?"+query, url.Values{}).wants(t, 400, "invalid_request")
	if n := w.hashed(); n != 0 {
		t.Errorf("%d secrets from a query were checked", n)
	}
	w.edit(func(o *Owner) { o.Settings.Issue.AllowURLParameters = true })
	get("/auth/jwt?" + query).token(t)
	w.ask(t, "/auth/jwt?"+query, url.Values{}).token(t)
	// The body wins where both name a parameter (reference 3.4).
	w.ask(t, "/auth/jwt?grant_type=nothing&client_secret=wrong", form("client_credentials", "client_secret", clientSecret)).token(t)
	get("/auth/jwt?"+query+"&client_secret=again").wants(t, 400, "invalid_request")
	get("/auth/jwt?"+form("client_credentials", "client_id", "nobody", "client_secret", "x").Encode()).wants(t, 405, "invalid_request")
	get("/auth/introspect?"+query+"&token=x").wants(t, 405, "invalid_request")
	get("/auth/revoke?"+query+"&token=x").wants(t, 405, "invalid_request")
}

func (w *world) introspect(t testing.TB, path, token, id, password string) reply {
	t.Helper()
	return w.postTo(t, path, url.Values{"token": {token}}, basic(id, password))
}

func TestIntrospectionTellsAClientOfItsOwnTokensOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	in := w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "pass of mia", "scope", "ops"))
	access := in.token(t)
	r := w.introspect(t, "/auth/introspect", access, clientID, clientSecret)
	r.wants(t, 200, "")
	if r.member(t, "active") != true || r.text(t, "username") != "mia" || r.text(t, "scope") != "ops" || r.text(t, "client_id") != clientID ||
		r.text(t, "aud") != clientID || r.member(t, "exp") != float64(start.Add(15*time.Minute).Unix()) {
		t.Errorf("%s", r.body)
	}
	w.secondOwner(func(*Owner) {})
	for name, other := range map[string]reply{
		"another client's": w.introspect(t, "/auth/introspect", access, "stock-client", clientSecret),
		"a refresh token":  w.introspect(t, "/auth/introspect", in.text(t, "refresh_token"), clientID, clientSecret),
		"tampered with":    w.introspect(t, "/auth/introspect", access[:len(access)-4]+"AAAA", clientID, clientSecret),
		"no token at all":  w.introspect(t, "/auth/introspect", "x", clientID, clientSecret),
	} {
		if other.status != 200 || other.body != `{"active":false}` {
			t.Errorf("%s: %d %s", name, other.status, other.body)
		}
	}
	w.introspect(t, "/auth/introspect", access, clientID, "wrong").wants(t, 401, "invalid_client")
	w.introspect(t, "/auth/introspect", "", clientID, clientSecret).wants(t, 400, "invalid_request")
	w.ask(t, "/auth/introspect", url.Values{"token": {access}, "client_id": {clientID}}).wants(t, 401, "invalid_client")
	w.gone.Add(revoke.Entry{Kind: revoke.User, Key: "mia", Before: start.Add(time.Second)})
	if r := w.introspect(t, "/auth/introspect", access, clientID, clientSecret); r.body != `{"active":false}` {
		t.Errorf("revoked: %s", r.body)
	}
	w.move(time.Hour)
	if r := w.introspect(t, "/auth/introspect", access, clientID, clientSecret); r.body != `{"active":false}` {
		t.Errorf("expired: %s", r.body)
	}
}

func TestCredentialsIntrospectTheirTokensAtBothDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useClients()
	w.person("phone", func(c *identity.Credential) { c.Tokens = credentialTokens() })
	managed := w.ask(t, "/auth/jwt", byCredential("phone")).token(t)
	own := w.ask(t, "/credential/jwt", byCredential("phone")).token(t)
	for token, want := range map[string][2]bool{managed: {true, false}, own: {false, true}} {
		for i, path := range []string{"/auth/introspect", "/credential/introspect"} {
			if got := w.introspect(t, path, token, "phone", "pass of phone").member(t, "active"); got != want[i] {
				t.Errorf("%s: active %v, want %v", path, got, want[i])
			}
		}
	}
	w.person("tablet", func(*identity.Credential) {})
	if got := w.introspect(t, "/auth/introspect", managed, "tablet", "pass of tablet").member(t, "active"); got != false {
		t.Error("another credential's token is told of")
	}
}

func TestRevocationEndsALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	in := w.signIn(t, "mia")
	refresh, access := in.text(t, "refresh_token"), in.token(t)
	gone := func(token string) reply {
		return w.ask(t, "/auth/revoke", url.Values{"client_id": {clientID}, "client_secret": {clientSecret}, "token": {token}})
	}
	for _, token := range []string{"unknown", "gwr_x", access[:len(access)-4] + "AAAA"} {
		if r := gone(token); r.status != 200 || r.body != "" {
			t.Errorf("%q: %d %s", token, r.status, r.body)
		}
	}
	w.renewable(t, refresh)
	gone(refresh).empty(t, 200)
	w.renew(t, refresh).wants(t, 400, "invalid_grant")
	if len(w.store.revoked) != 0 { // the access token lives to its end (reference 3.10, 7)
		t.Errorf("revoked %+v", w.store.revoked)
	}
	in = w.signIn(t, "mia")
	gone(in.token(t)).empty(t, 200)
	w.renew(t, in.text(t, "refresh_token")).wants(t, 400, "invalid_grant")
	if len(w.store.revoked) != 1 || w.store.revoked[0].Kind != revoke.Token || w.store.revoked[0].Key != w.claimsOf(t, in, clientID).ID {
		t.Errorf("revoked %+v", w.store.revoked)
	}
	w.secondOwner(func(*Owner) {})
	in = w.signIn(t, "mia")
	w.ask(t, "/auth/revoke", url.Values{"client_id": {"stock-client"}, "client_secret": {clientSecret}, "token": {in.text(t, "refresh_token")}}).empty(t, 200)
	w.renewable(t, in.text(t, "refresh_token"))
}

// empty checks an answer without a body.
func (r reply) empty(t *testing.T, status int) {
	t.Helper()
	if r.status != status || r.body != "" || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s, want %d and nothing", r.status, r.body, status)
	}
}

// renewable checks that a login lives, without spending its token.
func (w *world) renewable(t *testing.T, token string) {
	t.Helper()
	id, _, _ := w.refresh.read("production", token)
	if _, ok, err := w.store.FindFamily(t.Context(), "production", id); !ok || err != nil {
		t.Fatal("the login has ended")
	}
}

func TestScopesFollowTokenManagement(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*world)
		scope  string
		status int
		want   string
	}{
		"nothing asked, nothing given":       {func(*world) {}, "", 200, ""},
		"nothing asked, all by setting":      {func(w *world) { w.manage.NoScope = issue.AllScopes }, "", 200, "ops audit"},
		"nothing asked, all for the policy":  {func(w *world) { w.edit(func(o *Owner) { o.Settings.NeedsScope = true }) }, "", 200, "ops audit"},
		"what both have, in the order asked": {func(*world) {}, "audit boss ops audit", 200, "audit ops"},
		"lenient and nothing both have":      {func(*world) {}, "boss", 200, ""},
		"strict and all there":               {func(w *world) { w.manage.ScopeMismatch = issue.Strict }, "audit", 200, "audit"},
		"strict and one missing":             {func(w *world) { w.manage.ScopeMismatch = issue.Strict }, "audit boss", 400, ""},
		"the request ignored":                {func(w *world) { w.manage.ScopeMismatch = issue.IgnoreRequest }, "boss", 200, "ops audit"},
		"no roles, refused by setting": {func(w *world) {
			w.manage.RejectWithoutRoles = true
			w.person("mia", func(c *identity.Credential) { c.Roles = nil })
		}, "ops", 400, ""},
		"no roles, ignored request": {func(w *world) {
			w.manage.RejectWithoutRoles, w.manage.ScopeMismatch = true, issue.IgnoreRequest
			w.person("mia", func(c *identity.Credential) { c.Roles = nil })
		}, "ops", 200, ""},
		"no roles, and none asked": {func(w *world) {
			w.manage.RejectWithoutRoles = true
			w.person("mia", func(c *identity.Credential) { c.Roles = nil })
		}, "", 200, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.usePasswords()
			tt.change(w)
			r := w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "pass of mia", "scope", tt.scope))
			if tt.status != 200 {
				r.wants(t, tt.status, "invalid_scope")
				return
			}
			if c := w.claimsOf(t, r, clientID); c.Scope != tt.want || r.text(t, "scope") != tt.want {
				t.Errorf("claim %q, member %q, want %q", c.Scope, r.text(t, "scope"), tt.want)
			}
			// Left out would mean that all of it was granted.
			if told := r.member(t, "scope") != nil; told != (tt.scope != "" || tt.want != "") {
				t.Errorf("the scope is told: %v in %s", told, r.body)
			}
		})
	}
}

func TestAPolicysOwnKeySigns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet([]keys.Entry{{Key: k, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	w.edit(func(o *Owner) { o.Settings.Keys = set })
	w.login(t, clientID, clientSecret).token(t)
	if e := w.lastEvent(); e.KeyID != k.ID {
		t.Errorf("signed by %s", e.KeyID)
	}
}
