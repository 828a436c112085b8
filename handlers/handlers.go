// Package handlers owns the console's and the management API's HTTP surface:
// the list of routes with the right that each needs, the order of middleware,
// the adapters that turn errors into answers, and sessions.
package handlers

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/assets"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/apiops"
	"github.com/gatewright/gatewright/handlers/console"
	"github.com/gatewright/gatewright/models"
)

// Options are what the surface needs.
type Options struct {
	Store *models.Store
	Types policy.Set
	// Identities are the kinds of identity source that can be added; Outgoing
	// decides where a test of one may connect to, and from where the document of
	// an API is fetched; nil allows everything.
	Identities identity.Kinds
	Outgoing   func(netip.Addr) error
	Logger     *slog.Logger
	Now        func() time.Time
	// SecureCookies marks cookies for TLS only and sends HSTS.
	SecureCookies bool
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Dev serves the component gallery.
	Dev bool
}

// New is the handler of the console's listener.
func New(o Options) http.Handler {
	throttle := newThrottle(o.Now)
	sessions := newSessions(o.Store, o.SecureCookies, o.Logger, console.ServerError)
	api := apiops.New(apiops.Options{
		Store: o.Store, Types: o.Types, Identities: o.Identities, Outgoing: o.Outgoing, Logger: o.Logger, Now: o.Now, Throttle: throttle, Client: clientOf,
	})
	pages := console.New(console.Options{
		Reference: api.Reference(),
		Store:     o.Store, Types: o.Types, Identities: o.Identities, Outgoing: o.Outgoing, Logger: o.Logger, Now: o.Now, Sessions: sessions, Throttle: throttle,
	})
	// Only requests that change something are checked: a browser says where
	// they come from, and what comes from another site is refused (D22).
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This form was sent from another site and has been refused.", http.StatusForbidden)
	}))
	site := middleware(router(o, pages),
		withSession,
		sessions.LoadAndSave,
		withVisit(o.Store, sessions, o.Logger),
	)
	mux := http.NewServeMux()
	mux.Handle(assets.Prefix, assets.Handler())
	mux.Handle("/", site)
	return middleware(under(apiops.Prefix, withRecovery(o.Logger, api.ServerError)(api.Handler()), mux),
		withClientAddress(o.TrustedProxies),
		withCorrelationID,
		withAccessLog(o.Logger, o.Now),
		withRecovery(o.Logger, console.ServerError),
		withSecurityHeaders(o.SecureCookies),
		crossOrigin.Handler,
		withBodyLimit,
		withFinishedWrites,
	)
}

// under sends what is below a prefix to its own handler as it came: a mux would
// lead a path with an empty or dotted part elsewhere, where a program finds HTML.
func under(prefix string, handler, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix) {
			handler.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// router is gin without its defaults: it trusts no forwarding header, guesses
// no addresses and leaves recovery and logs to the middleware around it.
func router(o Options, pages *console.Console) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.HandleMethodNotAllowed = true
	e.UseRawPath = true          // a name with an encoded slash must not become two segments
	e.UnescapePathValues = false // gin reads a plus as a blank there; see names
	if err := e.SetTrustedProxies(nil); err != nil {
		panic(err) // nil is always valid
	}
	r := registrar{engine: e, store: o.Store, pages: pages}
	routes(&r, pages, o.Dev)
	pages.AskRights(rightsOf(r.table).of)
	e.NoRoute(r.adapt("", pages.NotFound))
	e.NoMethod(r.adapt("", pages.NotFound))
	return e
}
