package engine_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// userPolicy lets users of the source "corp" in.
func userPolicy() *jwtauth.Config {
	c := jwtauth.NewForm()
	c.Name, c.GrantType, c.JWTSignatureAlgorithm = "Users", issue.Password, keys.ES256
	c.AuthenticationType, c.IdentityProviderName = identity.LDAP, "corp"
	return c
}

func people() *enginetest.People {
	return &enginetest.People{
		Passwords: map[string]string{"mia": "m1a", "leo": "l3o"},
		Roles:     map[string][]string{"mia": {"ops", "admin"}, "leo": {"guest"}},
	}
}

// shop is a gateway with one guarded proxy and the source "corp".
type shop struct {
	*engine.Gateway
	URL    string
	people *enginetest.People
	events *enginetest.Events
	clock  *enginetest.Clock
	bundle engine.Bundle
}

func newShop(t *testing.T, policies ...policy.Config) *shop {
	t.Helper()
	return openShop(t, engine.Options{}, policies...)
}

func openShop(t *testing.T, o engine.Options, policies ...policy.Config) *shop {
	t.Helper()
	s := &shop{people: people(), events: enginetest.NewEvents(), clock: enginetest.NewClock()}
	var bound []engine.Bound
	for _, p := range policies {
		bound = append(bound, enginetest.Bind(t, p))
	}
	proxy := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, bound...)
	proxy.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/items"}, {Method: "DELETE", Path: "/items/{id}"}}
	s.bundle = enginetest.Bundle(t, proxy)
	s.bundle.Sources = []engine.Source{enginetest.Source(t, "corp", "1")}
	o.Types, o.Identities, o.Sink, o.Now = policy.Set{jwtauth.Type()}, identity.Kinds{s.people.Kind()}, s.events, s.clock.Now
	g, server := enginetest.Gateway(t, o, s.bundle)
	s.Gateway, s.URL = g, server.URL
	return s
}

func (s *shop) apply(t *testing.T, change func(*engine.Bundle)) {
	t.Helper()
	change(&s.bundle)
	s.bundle.Generation++
	if err := s.Apply(t.Context(), s.bundle); err != nil {
		t.Fatal(err)
	}
}

func (s *shop) login(t *testing.T, name, password string) answer {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"orders-client"}, "username": {name}, "password": {password}}
	return send(t, request(t, "POST", s.URL+"/auth/jwt", form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
}

func (s *shop) token(t *testing.T, name, password string) string {
	t.Helper()
	a := s.login(t, name, password)
	_, rest, _ := strings.Cut(a.body, `"access_token":"`)
	text, _, ok := strings.Cut(rest, `"`)
	if a.status != http.StatusOK || !ok {
		t.Fatalf("login of %s: %d %s", name, a.status, a.body)
	}
	return text
}

func (s *shop) call(t *testing.T, method, path, token string, fields ...string) answer {
	t.Helper()
	return send(t, request(t, method, s.URL+path, "", append(fields, "Authorization", "Bearer "+token)...))
}

func TestUsersOfASourceCallTheAPI(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	if a := s.call(t, "GET", "/orders/items", s.token(t, "mia", "m1a")); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := s.login(t, "mia", "wrong"); a.status != 400 || !strings.Contains(a.body, "invalid_grant") {
		t.Errorf("a wrong password: %d %s", a.status, a.body)
	}
	if state := s.Sources(); len(state) != 1 || state[0].Name != "corp" || state[0].Accepted != 1 || state[0].Refused != 1 {
		t.Errorf("sources %+v", state)
	}
}

func TestASourceTakesEffectAtItsSaveAndKeepsItsCachesOtherwise(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	s.token(t, "mia", "m1a")
	s.apply(t, func(*engine.Bundle) {})
	s.token(t, "mia", "m1a")
	if n := s.people.Asked.Load(); n != 1 {
		t.Errorf("a new bundle emptied the cache: %d questions", n)
	}
	s.apply(t, func(b *engine.Bundle) { b.Sources = []engine.Source{enginetest.Source(t, "corp", "2")} })
	s.token(t, "mia", "m1a")
	if n := s.people.Asked.Load(); n != 2 {
		t.Errorf("a changed source was not opened anew: %d questions", n)
	}
	s.apply(t, func(b *engine.Bundle) { b.Sources = nil })
	if a := s.login(t, "mia", "m1a"); a.status != 503 || !strings.Contains(a.body, "server_error") {
		t.Errorf("without the source: %d %s", a.status, a.body)
	}
}

func TestASourceThatCannotBeOpenedLetsNobodyInAndHurtsNoOther(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	s.apply(t, func(b *engine.Bundle) {
		bad := enginetest.Source(t, "bad", "1")
		bad.Definition = []byte(`{"kind":"UNHEARD"}`)
		b.Sources = append(b.Sources, bad)
	})
	s.token(t, "mia", "m1a")
}

// Nobody would close it again.
func TestABundleThatDoesNotCompileOpensNoSource(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	b := s.bundle
	b.Sources = []engine.Source{enginetest.Source(t, "corp", "2")}
	b.Owners = append(slices.Clone(b.Owners), engine.Owner{ID: "broken", Definition: []byte("{")})
	if err := s.Apply(t.Context(), b); err == nil || s.people.Opened.Load() != 1 {
		t.Errorf("it was opened %d times, with the error %v", s.people.Opened.Load(), err)
	}
	s.token(t, "mia", "m1a")
}

func TestADeadSourceIsAnsweredQuicklyAndTold(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	token := s.token(t, "mia", "m1a")
	s.people.Down.Store(true)
	for range 6 {
		if a := s.login(t, "leo", "l3o"); a.status != 503 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if e := s.events.NextSecurity(t); e.Kind != event.SourceFailing || e.Source != "LDAP:corp" || e.Environment != "production" {
		t.Errorf("event %+v", e)
	}
	asked := s.people.Asked.Load()
	s.login(t, "leo", "l3o")
	if s.people.Asked.Load() != asked {
		t.Error("a source that is known to be dead was asked")
	}
	if a := s.call(t, "GET", "/orders/items", token); a.status != 200 {
		t.Errorf("a valid token needs no source: %d", a.status)
	}
}

func withRoles(change func(*jwtauth.Authorization)) *jwtauth.Config {
	c := userPolicy()
	c.Authorization = jwtauth.Authorization{
		EnableAuthorization: true, AddRolesToHeader: true, RolesHeaderName: "X-Roles", RoleRequirement: jwtauth.AnyRole,
		CredentialRoleNameList: []string{"ops", "guest"}, EnableMethodAccess: true,
		PolicyAuthorizationMethodDefList: []jwtauth.MethodAccess{
			{Endpoint: "/items/{id}", HTTPMethod: "DELETE", CredentialRoleNameList: []string{"admin"}, RoleRequirement: jwtauth.AllRoles},
		},
	}
	change(&c.Authorization)
	return c
}

// Reference 3.10, 9: ANY and ALL for the API and for an endpoint; spoofed headers
// never arrive.
func TestRolesDecideByAPIAndByEndpoint(t *testing.T) {
	t.Parallel()
	s := newShop(t, withRoles(func(*jwtauth.Authorization) {}))
	mia, leo := s.token(t, "mia", "m1a"), s.token(t, "leo", "l3o")
	for _, tt := range []struct {
		who, method, path string
		status            int
	}{
		{mia, "GET", "/orders/items", 200}, {leo, "GET", "/orders/items", 200},
		{mia, "DELETE", "/orders/items/7", 200}, {leo, "DELETE", "/orders/items/7", 403},
	} {
		if a := s.call(t, tt.method, tt.path, tt.who); a.status != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, a.status, a.body, tt.status)
		}
	}
	a := s.call(t, "GET", "/orders/items", mia, "X-Roles", "root", "X_Roles", "root", "Connection", "X-Roles")
	if got := arrived(t, a).Headers; strings.Join(got["X-Roles"], "|") != "ops,admin" || len(got["X_Roles"]) != 0 {
		t.Errorf("roles arrived as %v", got)
	}
}

func TestRolesAreReadAnewFromTheSource(t *testing.T) {
	t.Parallel()
	s := newShop(t, withRoles(func(a *jwtauth.Authorization) {
		a.AuthorizationType, a.AuthorizationProviderName = identity.LDAP, "corp"
	}))
	mia := s.token(t, "mia", "m1a")
	if a := s.call(t, "DELETE", "/orders/items/7", mia); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.people.Roles = map[string][]string{"mia": {"nothing"}}
	s.clock.Advance(2 * time.Minute) // beyond the cache
	if a := s.call(t, "GET", "/orders/items", mia); a.status != 403 {
		t.Errorf("roles that were taken away: %d %s", a.status, a.body)
	}
	s.clock.Advance(2 * time.Minute)
	s.people.Down.Store(true)
	if a := s.call(t, "GET", "/orders/items", mia); a.status != 503 {
		t.Errorf("a dead source: %d %s", a.status, a.body)
	}
}

// Reference 3.10, 10.
func TestClearAuthTakesTheTokenFromHeaderQueryAndCookie(t *testing.T) {
	t.Parallel()
	for _, clear := range []bool{false, true} {
		c := userPolicy()
		c.ClearAuth, c.AllowURLParameters = clear, true
		s := newShop(t, c)
		token := s.token(t, "mia", "m1a")
		inHeader := arrived(t, s.call(t, "GET", "/orders/items", token, "Cookie", "a=1; access_token=x; b=2"))
		inQuery := arrived(t, get(t, s.URL+"/orders/items?a=1&access_token="+token+"&b=2"))
		if sees := len(inHeader.Headers["Authorization"]) > 0; sees == clear {
			t.Errorf("clearAuth %v: Authorization %q", clear, inHeader.Headers["Authorization"])
		}
		if sees := strings.Contains(inQuery.Query, "access_token"); sees == clear {
			t.Errorf("clearAuth %v: query %q", clear, inQuery.Query)
		}
		if clear && (strings.Join(inHeader.Headers["Cookie"], "|") != "a=1; b=2" || inQuery.Query != "a=1&b=2") {
			t.Errorf("what is left: %q, %q", inHeader.Headers["Cookie"], inQuery.Query)
		}
	}
}

func TestARevocationActsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	mia, leo := s.token(t, "mia", "m1a"), s.token(t, "leo", "l3o")
	for range 2 { // the second comes from the cache of verified tokens
		if a := s.call(t, "GET", "/orders/items", mia); a.status != 200 {
			t.Fatalf("%d", a.status)
		}
	}
	s.Revoke(revoke.Entry{Kind: revoke.User, Key: "mia", Before: s.clock.Now().Add(time.Second)})
	if a := s.call(t, "GET", "/orders/items", mia); a.status != 401 {
		t.Errorf("a revoked user: %d", a.status)
	}
	if a := s.call(t, "GET", "/orders/items", leo); a.status != 200 {
		t.Errorf("another user: %d", a.status)
	}
	if e := s.events.NextSecurity(t); e.Kind != event.RevokedTokenUsed || e.Owner != "orders" {
		t.Errorf("event %+v", e)
	}
}

func TestAForgedTokenRaisesAFewAlarmsAndNoFlood(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	token := s.token(t, "mia", "m1a")
	forged := token[:len(token)-6] + "AAAAAA"
	for range 20 {
		if a := s.call(t, "GET", "/orders/items", forged); a.status != 401 {
			t.Fatalf("%d", a.status)
		}
	}
	for range 3 {
		if e := s.events.NextSecurity(t); e.Kind != event.ForgedToken || e.Client.String() != "127.0.0.1" {
			t.Errorf("event %+v", e)
		}
	}
	s.Revoke(revoke.Entry{Kind: revoke.All, Before: s.clock.Now().Add(time.Second)})
	s.call(t, "GET", "/orders/items", token)
	if e := s.events.NextSecurity(t); e.Kind != event.RevokedTokenUsed {
		t.Errorf("a fourth alarm of one kind: %+v", e)
	}
}

// Tokens of one owner are worthless at another, and in another environment.
func TestAUsersTokenIsGoodForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t, userPolicy())
	token := s.token(t, "mia", "m1a")
	s.apply(t, func(b *engine.Bundle) {
		b.Owners = append(b.Owners, enginetest.Owner(t, enginetest.Proxy("stock", "/stock", enginetest.Echo(t).URL, enginetest.Bind(t, userPolicy()))))
	})
	if a := s.call(t, "GET", "/stock/items", token); a.status != 401 {
		t.Errorf("another owner: %d", a.status)
	}
	s.apply(t, func(b *engine.Bundle) { b.PublicURL = "https://test.example.com" })
	if a := s.call(t, "GET", "/orders/items", token); a.status != 401 {
		t.Errorf("another environment: %d", a.status)
	}
}

func TestKeysOfAPolicysOwnArePublishedBesideTheEnvironments(t *testing.T) {
	t.Parallel()
	c := userPolicy()
	c.SigningKeyName = "Partner"
	k, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet([]keys.Entry{{Key: k, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t)
	s.apply(t, func(b *engine.Bundle) {
		b.NamedKeys = map[engine.KeyName]*keys.Set{{Project: "shop", Name: "partner"}: set}
		b.Owners = []engine.Owner{enginetest.Owner(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, c)))}
	})
	token := s.token(t, "mia", "m1a")
	jwks := get(t, s.URL+"/.well-known/jwks.json").body
	for _, kid := range []string{k.ID, enginetest.Keys().Signing(keys.ES256).ID} {
		if !strings.Contains(jwks, kid) {
			t.Errorf("JWKS lacks %s", kid)
		}
	}
	if a := s.call(t, "GET", "/orders", token); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The environment's own key is no key of this policy's.
	claims := enginetest.Claims("orders", s.clock.Now())
	claims.GrantType, claims.Subject = "password", "mia"
	if a := s.call(t, "GET", "/orders", enginetest.Token(t, keys.ES256, claims)); a.status != 401 {
		t.Errorf("signed by the environment: %d", a.status)
	}
}
