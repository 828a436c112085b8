package token

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/revoke"
)

func (w *world) renew(t testing.TB, token string, more ...string) reply {
	t.Helper()
	return w.ask(t, "/auth/jwt", form("refresh_token", append(more, "refresh_token", token)...))
}

// The count is how many refreshes one login may make (D7); reference 3.10, 7.
func TestTheThirdRefreshOfTwoIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.edit(func(o *Owner) { o.Settings.Issue.RefreshTokenCount = 2 })
	first := w.signIn(t, "mia")
	token := first.text(t, "refresh_token")
	for i := range 2 {
		r := w.renew(t, token)
		r.wants(t, 200, "")
		if next := r.text(t, "refresh_token"); next == token || next == "" {
			t.Fatalf("refresh %d gave the refresh token %q", i+1, next)
		}
		token = r.text(t, "refresh_token")
		w.move(20 * time.Second) // beyond the window
	}
	w.renew(t, token).wants(t, 400, "invalid_grant")
	if e := w.lastEvent(); e.Reason != "the refresh token is used up" {
		t.Errorf("the third: %s", e.Reason)
	}
	w.renew(t, token).wants(t, 400, "invalid_grant")
	if e := w.lastEvent(); e.Reason != "the login has ended: all of its refreshes were made" || e.Username != "mia" {
		t.Errorf("the fourth: %s of %q", e.Reason, e.Username)
	}
	w.claimsOf(t, first, clientID) // lives to its end
}

func TestARefreshTokenLivesFromItsIssue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	token := w.signIn(t, "mia").text(t, "refresh_token")
	for range 3 { // each at the last moment
		w.move(time.Hour - time.Second)
		token = w.renew(t, token).text(t, "refresh_token")
	}
	w = newWorld(t)
	w.usePasswords()
	token = w.signIn(t, "mia").text(t, "refresh_token")
	w.move(time.Hour)
	w.renew(t, token).wants(t, 400, "invalid_grant")
}

func TestARetryInsideTheWindowCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	token := w.signIn(t, "mia").text(t, "refresh_token")
	first := w.renew(t, token)
	w.move(9 * time.Second)
	again := w.renew(t, token)
	if again.text(t, "refresh_token") != first.text(t, "refresh_token") || again.token(t) == first.token(t) {
		t.Errorf("first %s\nagain %s", first.body, again.body)
	}
}

// RFC 9700 section 4.14.2: a stolen refresh token is found out at its second use.
func TestAReusedRefreshTokenEndsTheLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	stolen := w.signIn(t, "mia").text(t, "refresh_token")
	thief := w.renew(t, stolen).text(t, "refresh_token")
	w.move(time.Minute)
	w.renew(t, stolen).wants(t, 400, "invalid_grant")
	w.renew(t, thief).wants(t, 400, "invalid_grant")
	if len(w.alarms) != 1 || w.alarms[0].Kind != event.RefreshReused || w.alarms[0].Subject != "mia" {
		t.Errorf("alarms %+v", w.alarms)
	}
	if len(w.store.revoked) != 1 || w.store.revoked[0].Kind != revoke.Family || !w.store.revoked[0].Expires.After(w.clock()) {
		t.Errorf("revoked %+v", w.store.revoked)
	}
}

// A hundred clients redeem one token at once: all get the same successor.
func TestAHundredRedemptionsAtOnceGiveOneSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	token := w.signIn(t, "mia").text(t, "refresh_token")
	var mu sync.Mutex
	got := map[string]int{}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			next := w.renew(t, token).text(t, "refresh_token")
			mu.Lock()
			defer mu.Unlock()
			got[next]++
		})
	}
	group.Wait()
	if len(got) != 1 || got[""] != 0 {
		t.Errorf("successors %v", got)
	}
}

func TestWhatIsNoRefreshTokenOfOursIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	r := w.signIn(t, "mia")
	good := r.text(t, "refresh_token")
	flip := func(i int) string {
		return good[:i] + map[bool]string{true: "B", false: "A"}[good[i] == 'A'] + good[i+1:]
	}
	other := (&refreshTokens{key: []byte("another key")}).mint("production", FamilyID{1}, 0)
	elsewhere := w.refresh.mint("test", FamilyID{1}, 0)
	for name, token := range map[string]string{
		"an access token": r.token(t), "no prefix": good[4:], "one letter more": good + "A", "cut": good[:40], "another id": flip(6),
		"another generation": flip(27), "another mac": flip(60), "of another key": other, "of another environment": elsewhere,
		"another prefix": "gwx_" + good[4:], "padding": good + "=", "a line break": good[:20] + "\n" + good[20:],
	} {
		if r := w.renew(t, token); r.status != 400 || r.text(t, "error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	w.renew(t, "").wants(t, 400, "invalid_request")
	w.renew(t, good).wants(t, 200, "")
}

func TestARefreshTokenIsItsClientsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.mu.Lock()
	other := w.owners[clientID]
	other.ID, other.ClientID, other.Name = "other", "other-client", "Other"
	w.owners["other-client"] = other
	w.mu.Unlock()
	token := w.signIn(t, "mia").text(t, "refresh_token")
	w.renew(t, token, "client_id", "other-client", "client_secret", clientSecret).wants(t, 400, "invalid_grant")
	w.renew(t, token).wants(t, 200, "")
}

func TestARefreshAsksTheSecretManagerAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.edit(func(o *Owner) { o.Settings.NeedsScope = true })
	token := w.signIn(t, "mia").text(t, "refresh_token")
	w.person("mia", func(c *identity.Credential) { c.Roles = []string{"audit", "boss"} })
	r := w.renew(t, token)
	if c := w.claimsOf(t, r, clientID); c.Scope != "audit boss" {
		t.Errorf("scope %q", c.Scope)
	}
	w.person("mia", func(c *identity.Credential) { c.Enabled = false })
	w.renew(t, r.text(t, "refresh_token")).wants(t, 400, "invalid_grant")
	w.person("mia", func(c *identity.Credential) { c.Enabled = true })
	w.renew(t, r.text(t, "refresh_token")).wants(t, 400, "invalid_grant") // the login is over
}

func TestARefreshMayNarrowTheScopeAndNeverWidenIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	in := w.ask(t, "/auth/jwt", form("password", "username", "mia", "password", "pass of mia", "scope", "ops"))
	if in.text(t, "scope") != "ops" {
		t.Fatal(in.body)
	}
	token := in.text(t, "refresh_token")
	w.renew(t, token, "scope", "ops audit").wants(t, 400, "invalid_scope")
	if r := w.renew(t, token); r.text(t, "scope") != "ops" {
		t.Errorf("%s", r.body)
	}
}

// Who asked for too much, or from the wrong place, has not spent the token:
// trying again long after is no reuse.
func TestARefusedRefreshSpendsNothing(t *testing.T) {
	t.Parallel()
	elsewhere := func(c *identity.Credential) {
		c.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	}
	tests := map[string]struct {
		ask          []string
		before, then func(*world)
		status       int
		code         string
	}{
		"a scope that the login has not": {
			ask: []string{"scope", "boss"}, before: func(*world) {}, then: func(*world) {},
			status: 400, code: "invalid_scope",
		},
		"an address that is not allowed": {
			before: func(w *world) {
				w.edit(func(o *Owner) { o.Settings.CheckAddress = true })
				w.person("mia", elsewhere)
			},
			then:   func(w *world) { w.person("mia", func(c *identity.Credential) { c.Networks = nil }) },
			status: 403, code: "access_denied",
		},
		"a grant that the settings do not allow for a while": {
			ask:    []string{"client_secret", clientSecret},
			before: func(w *world) { w.edit(func(o *Owner) { o.Settings.Issue.GrantType = issue.ClientCredentials }) },
			then:   func(w *world) { w.edit(func(o *Owner) { o.Settings.Issue.GrantType = issue.Password }) },
			status: 400, code: "unauthorized_client",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.usePasswords()
			token := w.signIn(t, "mia").text(t, "refresh_token")
			tt.before(w)
			w.renew(t, token, tt.ask...).wants(t, tt.status, tt.code)
			tt.then(w)
			w.move(time.Minute)
			w.renew(t, token).wants(t, 200, "")
		})
	}
}

func TestALoginByASecretIsRefreshedWithItOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	w.edit(func(o *Owner) { o.Settings.Issue.GrantType, o.Settings.Source = issue.ClientCredentials, "" })
	token := w.login(t, clientID, clientSecret).text(t, "refresh_token")
	w.renew(t, token).wants(t, 401, "invalid_client")
	w.renew(t, token, "client_secret", "-").wants(t, 401, "invalid_client")
	w.renew(t, token, "client_secret", clientSecret).wants(t, 200, "")
}

func TestARevokedLoginIsNotRefreshed(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]revoke.Entry{
		"the user":   {Kind: revoke.User, Key: "mia", Before: start.Add(time.Minute)},
		"the client": {Kind: revoke.Client, Key: clientID, Before: start.Add(time.Minute)},
		"the policy": {Kind: revoke.Policy, Project: "Default", Key: "Standard", Before: start.Add(time.Minute)},
		"everything": {Kind: revoke.All, Before: start.Add(time.Minute)},
	} {
		w := newWorld(t)
		w.usePasswords()
		token := w.signIn(t, "mia").text(t, "refresh_token")
		w.gone.Add(entry)
		w.move(2 * time.Minute)
		if r := w.renew(t, token); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		w.signIn(t, "mia").wants(t, 200, "") // a new login is none of it
	}
}

func TestWithoutTheStoreNothingIsIssuedThatCouldNotBeEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	token := w.signIn(t, "mia").text(t, "refresh_token")
	w.store.down = errors.New("connection refused")
	w.signIn(t, "mia").wants(t, 503, "temporarily_unavailable")
	w.renew(t, token).wants(t, 503, "temporarily_unavailable")
	w.ask(t, "/auth/revoke", url.Values{"client_id": {clientID}, "token": {token}}).wants(t, 503, "temporarily_unavailable")
	w.edit(func(o *Owner) { o.Settings.Issue.RefreshTokenAllowed = false })
	w.signIn(t, "mia").wants(t, 200, "") // needs no store
	w.store.down = nil
	w.renew(t, token).wants(t, 400, "unauthorized_client")
}

func TestTheRegeneratorSaysWhatARefreshedTokenHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.useSource(identity.API)
	w.edit(func(o *Owner) { o.Settings.Regenerator, o.Settings.NeedsScope = "renewer", true })
	in := w.signIn(t, "mia")
	token := in.text(t, "refresh_token")
	s.id = identity.Identity{Name: "mallory", Roles: []string{"boss"}, Claims: map[string]any{"plan": "gold"}}
	r := w.renew(t, token)
	c := w.claimsOf(t, r, clientID)
	if plan, _ := c.Custom("plan"); c.Subject != "Mia" || c.Scope != "boss" || plan != `"gold"` {
		t.Errorf("refreshed: %s", c.Payload)
	}
	// A service that is down costs nobody a login, however long it is down.
	s.err = errors.New("down")
	w.renew(t, r.text(t, "refresh_token")).wants(t, 503, "server_error")
	w.move(10 * time.Minute)
	s.err = nil
	w.renew(t, r.text(t, "refresh_token")).wants(t, 200, "")
	s.out.Verdict = identity.Refused
	w.renew(t, r.text(t, "refresh_token")).wants(t, 400, "invalid_grant")
}

func TestRegenerateMakesATokenOfAValidOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.useSource(identity.API)
	w.edit(func(o *Owner) { o.Settings.Regenerator = "renewer" })
	access := w.signIn(t, "mia").token(t)
	s.id = identity.Identity{Name: "mallory", Roles: []string{"boss"}}
	ask := func(token, password string) reply {
		return w.postTo(t, "/auth/jwt/regenerate", url.Values{"client_id": {clientID}, "client_secret": {password}}, "Bearer "+token)
	}
	r := ask(access, clientSecret)
	if c := w.claimsOf(t, r, clientID); c.Subject != "Mia" || c.Scope != "boss" || r.member(t, "refresh_token") != nil {
		t.Errorf("%s", r.body)
	}
	ask(access, "wrong").wants(t, 401, "invalid_client")
	ask(access, "").wants(t, 401, "invalid_client")
	ask(access[:len(access)-4]+"AAAA", clientSecret).wants(t, 400, "invalid_grant")
	w.move(time.Hour)
	ask(access, clientSecret).wants(t, 400, "invalid_grant")
	w.edit(func(o *Owner) { o.Settings.Regenerator = "" })
	ask(access, clientSecret).wants(t, 400, "unauthorized_client")
	w.ask(t, "/auth/jwt/regenerate", url.Values{"client_id": {clientID}, "client_secret": {clientSecret}}).wants(t, 400, "invalid_request")
}

func TestNoRefreshTokenIsInALogOrAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.usePasswords()
	token := w.signIn(t, "mia").text(t, "refresh_token")
	w.renew(t, token)
	w.renew(t, token[:30])
	w.ask(t, "/auth/revoke", url.Values{"client_id": {clientID}, "token": {token}})
	// The id of the login may be told; what makes it a token may not.
	if said := w.said(); strings.Contains(said, token[30:]) {
		t.Errorf("a refresh token's MAC is in %s", said)
	}
}
