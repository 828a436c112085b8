package token

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/secret"
)

// usePasswords makes the owner's policy one of users that the secret manager
// knows, with three refreshes, and gives it the user mia.
func (w *world) usePasswords() {
	w.cheap()
	w.edit(func(o *Owner) {
		o.Settings.Issue.GrantType, o.Settings.Source = issue.Password, identity.SecretManager
		o.Settings.Issue.RefreshTokenAllowed, o.Settings.Issue.RefreshTokenCount = true, 3
		o.Settings.Issue.RefreshTokenExpiresInAmount, o.Settings.Issue.RefreshTokenExpiresInUnit = 1, issue.Hours
	})
	w.person("mia", func(*identity.Credential) {})
}

// person changes the credential of that name, or makes one with the password
// "pass of <name>" and the roles ops and audit, that may use the owner.
func (w *world) person(name string, change func(*identity.Credential)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := identity.Credential{
		ID: "id-" + name, Name: name, SecretHash: "hash of pass of " + name, Enabled: true, Roles: []string{"ops", "audit"},
		Access: map[string]identity.Access{"orders": {}},
	}
	if have := w.people[name]; have != nil {
		c = *have
	}
	change(&c)
	w.people[name] = &c
}

// form is a token request of a user; more are further parameters.
func form(grant string, more ...string) url.Values {
	v := url.Values{"grant_type": {grant}, "client_id": {clientID}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

func (w *world) ask(t testing.TB, path string, v url.Values) reply {
	t.Helper()
	return w.postTo(t, path, v, "")
}

func (w *world) postTo(t testing.TB, path string, v url.Values, authorization string) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL+path, strings.NewReader(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formType)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return do(t, req)
}

func (w *world) signIn(t testing.TB, name string) reply {
	t.Helper()
	return w.ask(t, "/auth/jwt", form("password", "username", name, "password", "pass of "+name))
}

// claimsOf verifies a token as a policy would.
func (w *world) claimsOf(t *testing.T, r reply, audience string) jwt.Claims {
	t.Helper()
	v := jwt.Verifier{Algorithm: keys.ES256, Keys: keySet(), Issuer: "https://gateway.example", Audience: audience, Now: w.clock}
	c, err := v.Verify(r.token(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r reply) text(t *testing.T, name string) string {
	t.Helper()
	text, _ := r.member(t, name).(string)
	return text
}

func (r reply) wants(t *testing.T, status int, code string) {
	t.Helper()
	if r.status != status || code != "" && r.text(t, "error") != code {
		t.Fatalf("%d %s, want %d %s", r.status, r.body, status, code)
	}
	checkHeaders(t, r)
}

func TestAUserGetsATokenOfHisOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.person("mia", func(c *identity.Credential) {
		c.Claims = map[string]any{"department": "sales", "iss": "https://evil.example", "SUB": "root"}
		c.Response = map[string]any{"plan": "gold", "access_token": "evil"}
	})
	w.edit(func(o *Owner) { o.Settings.NeedsScope = true })
	r := w.signIn(t, "mia")
	c := w.claimsOf(t, r, clientID)
	if c.Subject != "mia" || c.GrantType != "password" || c.ClientID != clientID || c.Scope != "ops audit" {
		t.Errorf("claims %s", c.Payload)
	}
	if department, _ := c.Custom("department"); department != `"sales"` {
		t.Errorf("department = %s", department)
	}
	if _, ok := c.Custom("SUB"); ok || r.text(t, "plan") != "gold" || r.text(t, "scope") != "ops audit" {
		t.Errorf("%s\n%s", c.Payload, r.body)
	}
	if _, ok := SessionID(c.Session); !ok || r.text(t, "refresh_token") == "" {
		t.Errorf("sid %q, answer %s", c.Session, r.body)
	}
	if e := w.lastEvent(); e.Username != "mia" || e.Source != "SECRET_MANAGER" || e.Family != c.Session || e.TokenID != c.ID || e.RefreshMax != 3 {
		t.Errorf("event %+v", e)
	}
}

// The answers for an unknown user, a wrong password and a user who may not log
// in are one and the same (user enumeration).
func TestRefusedUsersLookAlike(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*identity.Credential)
		name   string
		row    string
	}{
		"unknown":       {nil, "nobody", "POLICY_AUTH_CREDENTIAL_NOTEXISTS"},
		"wrong":         {func(c *identity.Credential) { c.SecretHash = "hash of another" }, "mia", "POLICY_AUTH_CREDENTIAL_PSSWD"},
		"disabled":      {func(c *identity.Credential) { c.Enabled = false }, "mia", "POLICY_AUTH_CREDENTIAL_NOTEXISTS"},
		"disabled here": {func(c *identity.Credential) { c.DisabledHere = true }, "mia", "POLICY_AUTH_CREDENTIAL_ENVNOTALLOWED"},
		"expired":       {func(c *identity.Credential) { c.Expires = start }, "mia", "POLICY_AUTH_CREDENTIAL_EXPIRED"},
		"no access":     {func(c *identity.Credential) { c.Access = nil }, "mia", "POLICY_AUTH_CREDENTIAL_PROXYNOTALLOWED"},
		"access ended":  {func(c *identity.Credential) { c.Access = map[string]identity.Access{"orders": {Expires: start}} }, "mia", "POLICY_AUTH_CREDENTIAL_PROXYNOTALLOWED"},
		"of another id": {func(c *identity.Credential) { c.Access = map[string]identity.Access{"other": {}} }, "mia", "POLICY_AUTH_CREDENTIAL_PROXYNOTALLOWED"},
	}
	var first string
	for name, tt := range tests {
		w := newWorld(t)
		w.usePasswords()
		if tt.change != nil {
			w.person("mia", tt.change)
		}
		r := w.signIn(t, tt.name)
		r.wants(t, 400, "invalid_grant")
		if e := w.lastEvent(); string(e.Fault) != tt.row {
			t.Errorf("%s: event row %s, want %s", name, e.Fault, tt.row)
		}
		if first == "" {
			first = r.body
		}
		if r.body != first {
			t.Errorf("%s: %s, others get %s", name, r.body, first)
		}
		if w.hashed() != 1 {
			t.Errorf("%s: %d hashes, so its time differs", name, w.hashed())
		}
	}
}

func TestAUserMustComeFromAnAllowedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.edit(func(o *Owner) { o.Settings.CheckAddress = true })
	w.person("mia", func(c *identity.Credential) { c.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} })
	w.signIn(t, "mia").wants(t, 403, "access_denied")
	if len(w.alarms) != 1 || w.alarms[0].Subject != "mia" || string(w.alarms[0].Kind) != "CLIENT_ADDRESS_REFUSED" {
		t.Errorf("alarms %+v", w.alarms)
	}
	// Whoever does not know the password learns nothing of the list.
	w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "guess")).wants(t, 400, "invalid_grant")
	w.comeFrom("198.51.100.7")
	w.signIn(t, "mia").wants(t, 200, "")
}

func TestTheClientOfAUserMayLeaveOutItsSecretButNotSendAWrongOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	for password, status := range map[string]int{"": 200, "-": 200, clientSecret: 200, "wrong": 401} {
		v := form("password", "username", "mia", "password", "pass of mia", "client_secret", password)
		if r := w.ask(t, "/auth/jwt", v); r.status != status {
			t.Errorf("secret %q: %d %s", password, r.status, r.body)
		}
	}
	v := form("password", "username", "mia", "password", "pass of mia")
	v.Set("client_id", "nobody")
	w.ask(t, "/auth/jwt", v).wants(t, 401, "invalid_client")
}

func TestUserNameAndPasswordAreBothNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	for _, v := range []url.Values{form("password"), form("password", "username", "mia"), form("password", "password", "x"), form("password", "username", "mia", "password", "")} {
		w.ask(t, "/auth/jwt", v).wants(t, 400, "invalid_request")
	}
	if n := w.hashed(); n != 0 {
		t.Errorf("%d hashes", n)
	}
}

// A user and a client of one name have separate throttles and verdicts.
func TestAClientsSecretIsNoUsersPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.person(clientID, func(c *identity.Credential) { c.SecretHash = "hash of another" })
	w.ask(t, "/auth/jwt", form("password", "username", clientID, "password", clientSecret)).wants(t, 400, "invalid_grant")
}

// source is an identity source that answers as told.
type source struct {
	id  identity.Identity
	out identity.Outcome
	err error
	got []string
	// forget keeps nothing of what was asked.
	forget bool
}

func (s *source) Login(_ context.Context, name string, password secret.Text, from netip.Addr) (identity.Identity, identity.Outcome, error) {
	if s.forget {
		return s.id, s.out, s.err
	}
	s.got = append(s.got, name+"/"+password.Reveal()+"/"+from.String())
	return s.id, s.out, s.err
}

func (s *source) Find(context.Context, string) (identity.Identity, bool, error) {
	return s.id, s.out.Verdict == identity.Accepted, s.err
}

func (s *source) Regenerate(context.Context, identity.Identity) (identity.Identity, bool, error) {
	return s.id, s.out.Verdict == identity.Accepted, s.err
}

func (s *source) Config() identity.Config { return nil }

func (w *world) useSource(kind identity.KindName) *source {
	w.usePasswords()
	s := &source{id: identity.Identity{Name: "Mia", Roles: []string{"ops", "a,b", "ops", "with blank", "audit"}}, out: identity.Outcome{Verdict: identity.Accepted}}
	w.edit(func(o *Owner) { o.Settings.Source, o.Settings.Provider = kind, "corp" })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.source = s
	return s
}

func TestASourceSaysWhoItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.useSource(identity.LDAP)
	w.edit(func(o *Owner) { o.Settings.NeedsScope = true })
	r := w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "p w"))
	if c := w.claimsOf(t, r, clientID); c.Subject != "Mia" || c.Scope != "ops audit" {
		t.Errorf("claims %s", c.Payload)
	}
	if len(s.got) != 1 || s.got[0] != "mia/p w/192.0.2.1" || w.lastEvent().Source != "LDAP:corp" {
		t.Errorf("asked %q, event %+v", s.got, w.lastEvent())
	}
}

func TestASourceThatDoesNotAcceptLetsNobodyIn(t *testing.T) {
	t.Parallel()
	broken := context.DeadlineExceeded
	tests := map[string]struct {
		change func(*world, *source)
		status int
		code   string
	}{
		"refused": {func(_ *world, s *source) { s.out.Verdict = identity.Refused }, 400, "invalid_grant"},
		"throttled": {func(_ *world, s *source) {
			s.out = identity.Outcome{Verdict: identity.Throttled, Wait: 7 * time.Second}
		}, 429, "temporarily_unavailable"},
		"broken":            {func(_ *world, s *source) { s.out.Verdict, s.err = identity.Broken, broken }, 503, "server_error"},
		"no verdict":        {func(_ *world, s *source) { s.out.Verdict = "" }, 503, "server_error"},
		"gone":              {func(w *world, _ *source) { w.mu.Lock(); w.source = nil; w.mu.Unlock() }, 503, "server_error"},
		"an empty name":     {func(_ *world, s *source) { s.id.Name = "" }, 503, "server_error"},
		"a name with break": {func(_ *world, s *source) { s.id.Name = "mia\nroot" }, 503, "server_error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.change(w, w.useSource(identity.Database))
			r := w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "pw-9"))
			r.wants(t, tt.status, tt.code)
			if strings.Contains(w.said(), "pw-9") {
				t.Errorf("the password is in %s", w.said())
			}
		})
	}
}

func TestTheExtendedResponseAndOtherNamesAreSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.manage.AccessTokenName, w.manage.ExtendedResponse, w.manage.ExpiresInMilliseconds = "token", true, true
	w.manage.IncludeTokenType, w.manage.RefreshTokenName = false, "again"
	var got map[string]any
	if err := json.Unmarshal([]byte(w.signIn(t, "mia").body), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"token", "again", "X-ExpiresAt", "X-RefreshTokenExpiresAt"} {
		if got[name] == nil {
			t.Errorf("%s is missing in %v", name, got)
		}
	}
	if got["expires_in"] != 900000.0 || got["token_type"] != nil || got["access_token"] != nil || got["X-IssuedAt"] != "2026-03-01T12:00:00.000Z" ||
		got["X-RefreshCount"] != "0" || got["X-MaxRefreshCount"] != "3" || got["X-ApplicationName"] != "Orders" {
		t.Errorf("answer %v", got)
	}
}

// Attack: the memory of good logins must not answer guesses that the throttle
// turns away, or a password could be searched for without end.
func TestAttackGuessingGoesOnBehindTheThrottle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.signIn(t, "mia").wants(t, 200, "")
	w.comeFrom("203.0.113.9")
	for i := range 10 {
		w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", fmt.Sprint("guess", i))).wants(t, 400, "invalid_grant")
	}
	wrong := w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "guess again"))
	right := w.signIn(t, "mia")
	if wrong.status != 429 || right.status != 429 || wrong.body != right.body {
		t.Errorf("a wrong guess: %d, the right one: %d %s", wrong.status, right.status, right.body)
	}
	w.comeFrom("192.0.2.1")
	w.signIn(t, "mia").wants(t, 200, "") // from where she was before
}
