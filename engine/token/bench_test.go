package token

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
)

// request runs the service without a network, which would cost more than it.
func (w *world) request(b *testing.B, form url.Values) string {
	req := httptest.NewRequest(http.MethodPost, "/auth/jwt", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", formType)
	rec := httptest.NewRecorder()
	w.serve(rec, req)
	if rec.Code != http.StatusOK {
		b.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// Logins of a user: what the gateway keeps itself (remembered after the first),
// a source that answers at once, and a first login with its hash.
func BenchmarkPassword(b *testing.B) {
	form := form("password", "username", "mia", "password", "pass of mia")
	b.Run("remembered", func(b *testing.B) {
		w := newWorld(b)
		w.quiet = true
		w.usePasswords()
		w.edit(func(o *Owner) { o.Settings.Issue.RefreshTokenAllowed = false })
		b.ReportAllocs()
		for b.Loop() {
			w.request(b, form)
		}
	})
	b.Run("source", func(b *testing.B) {
		w := newWorld(b)
		w.quiet = true
		s := w.useSource(identity.LDAP)
		s.forget = true
		w.edit(func(o *Owner) { o.Settings.Issue.RefreshTokenAllowed = false })
		b.ReportAllocs()
		for b.Loop() {
			w.request(b, form)
		}
	})
	b.Run("first", func(b *testing.B) {
		w := newWorld(b)
		w.quiet = true
		verify := w.logins.verify
		w.usePasswords()
		w.logins.verify = verify // argon2id again
		w.person("mia", func(c *identity.Credential) { c.SecretHash = secretHash() })
		w.edit(func(o *Owner) { o.Settings.Issue.RefreshTokenAllowed = false })
		form := url.Values{"grant_type": {"password"}, "client_id": {clientID}, "username": {"mia"}, "password": {clientSecret}}
		b.ReportAllocs()
		for b.Loop() {
			w.logins.good = newVerdicts()
			w.request(b, form)
		}
	})
}

// A refresh without the database, which is measured where it is.
func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b)
	w.quiet = true
	w.usePasswords()
	w.edit(func(o *Owner) { o.Settings.Issue.RefreshTokenCount = 1 << 20 })
	token := between(w.request(b, form("password", "username", "mia", "password", "pass of mia")), `"refresh_token":"`, `"`)
	b.ReportAllocs()
	for b.Loop() {
		token = between(w.request(b, form("refresh_token", "refresh_token", token)), `"refresh_token":"`, `"`)
	}
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}
