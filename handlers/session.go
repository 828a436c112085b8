package handlers

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// A session ends an hour after its last request, or up to a minute before that as it
// is not written on each of them, and twelve hours after the sign-in whatever happens.
const (
	idleTimeout     = time.Hour
	sessionLifetime = 12 * time.Hour
)

// newSessions keeps sessions in the database under the hash of their token, so
// that reading the table opens no session. With TLS the cookie carries the
// __Host- prefix: no subdomain and no plain-text answer can set it.
func newSessions(store *models.Store, secure bool, logger *slog.Logger, failed http.HandlerFunc) *scs.SessionManager {
	m := scs.New()
	m.Store = store.SessionStore()
	m.HashTokenInStore = true
	m.Lifetime = sessionLifetime
	m.IdleTimeout = idleTimeout
	m.Cookie.Name = "gatewright-session"
	if secure {
		m.Cookie.Name = "__Host-gatewright-session"
	}
	m.Cookie.Secure = secure
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Persist = false
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		if r.Context().Err() != nil { // the visitor has gone; nothing is wrong
			return
		}
		logger.Error("session", "error", err, "correlationId", r.Header.Get(correlationHeader))
		failed(w, r)
	}
	return m
}

// withSession lets the session that a request finds be known until the request ends.
func withSession(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(models.WithSession(r.Context())))
	})
}

// withVisit finds who is asking. A session whose user is gone is nobody's.
func withVisit(store *models.Store, sessions *scs.SessionManager, logger *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var user models.User
			if id := sessions.GetString(r.Context(), models.SessionUserKey); id != "" {
				var err error
				if user, err = store.User(r.Context(), id); err != nil {
					logger.Warn("session without user", "error", err, "correlationId", r.Header.Get(correlationHeader))
					user = models.User{}
				}
				if user.Locked {
					user = models.User{}
				}
			}
			v := visit.New(user, r.Header.Get(correlationHeader), clientOf(r), sessions)
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				v.OnlyLooks()
			}
			next.ServeHTTP(w, r.WithContext(visit.With(r.Context(), v)))
		})
	}
}
