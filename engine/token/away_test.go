package token

import (
	"net/http"
	"net/url"
	"testing"
)

// While the database is away nothing is issued or ended, and that is said at
// once: neither a password is hashed nor the store asked. What only reads goes on.
func TestNothingIsIssuedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := func(more ...string) url.Values {
		v := url.Values{"client_id": {clientID}, "client_secret": {clientSecret}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	token := w.ask(t, "/auth/jwt", form("grant_type", "client_credentials")).member(t, "access_token").(string)
	away, hashes := true, w.hashes
	w.away = func() bool { return away }
	for path, v := range map[string]url.Values{
		"/auth/jwt":       form("grant_type", "client_credentials"),
		"/auth/revoke":    form("token", token),
		"/credential/jwt": form("grant_type", "refresh_token", "refresh_token", "gwr_x"),
	} {
		r := w.ask(t, path, v)
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.member(t, "error") != "temporarily_unavailable" {
			t.Errorf("%s answers %d %s", path, r.status, r.body)
		}
	}
	if r := w.postTo(t, "/auth/jwt/regenerate", form(), "Bearer "+token); r.status != http.StatusServiceUnavailable {
		t.Errorf("regenerating answers %d %s", r.status, r.body)
	}
	if w.hashes != hashes {
		t.Errorf("%d secrets were hashed", w.hashes-hashes)
	}
	if r := w.ask(t, "/auth/introspect", form("token", token)); r.status != http.StatusOK || r.member(t, "active") != true {
		t.Errorf("introspection answers %d %s", r.status, r.body)
	}
	away = false
	if r := w.ask(t, "/auth/jwt", form("grant_type", "client_credentials")); r.status != http.StatusOK {
		t.Errorf("once it is back a token request is answered %d %s", r.status, r.body)
	}
}
