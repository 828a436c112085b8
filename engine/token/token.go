// Package token owns the gateway's token service: the token endpoint with its
// one pipeline and one file per grant, client authentication, the answers of
// RFC 6749, discovery and JWKS. What a deployed policy lets a client have is
// decided by the policy's own package and read here as Settings; verifying
// tokens on API calls is the policy's work.
package token

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/keys"
)

// Settings is what an active JWT policy says about the tokens of its owner.
type Settings struct {
	// Algorithm signs; the environment's key of that family is used (D6).
	Algorithm keys.Algorithm
	// Lifetime is how long an access token lives, in whole seconds; zero
	// means for ever (D8).
	Lifetime time.Duration
	// Grant is the grant_type that the policy allows, such as
	// GrantClientCredentials.
	Grant string
	// Policy is the policy's name, for events.
	Policy string
}

// Issuer is a compiled policy step that issues tokens for its owner.
type Issuer interface {
	TokenSettings() Settings
}

// Owner is a deployed owner as the token endpoint needs it.
type Owner struct {
	// Kind is PROXY; Project and Name address the owner.
	Kind, Project, Name string
	// ClientID is the public half of the owner's key pair, the audience and
	// the subject of its client tokens (D15).
	ClientID string
	// SecretHash is an argon2id PHC string (D18).
	SecretHash string
	// Settings come from the owner's active JWT policy; nil when it has none.
	Settings *Settings
}

// Directory is one environment as it is deployed at this moment. It is
// immutable: a request keeps the one it began with.
type Directory interface {
	// Environment is the environment's name.
	Environment() string
	// Issuer is the environment's public URL without a trailing slash (D15).
	Issuer() string
	// Keys sign and verify; never nil.
	Keys() *keys.Set
	// Owner is the deployed owner with that client id.
	Owner(clientID string) (Owner, bool)
}

// Caller is what the gateway found out about the sender of a request.
type Caller struct {
	// Client is the address after trusted proxies.
	Client netip.Addr
	// CorrelationID is already on the answer; here it is for events.
	CorrelationID string
}

// Options are the parts of the world that a Service uses. Each may be left
// out: the system's clock, no events, no log.
type Options struct {
	Now    func() time.Time
	Sink   event.Sink
	Logger *slog.Logger
}

// Service answers the gateway's own endpoints for every environment of the
// process. It holds no state but what it remembers of client checks, so any
// number of nodes may serve one environment. Safe for concurrent use.
type Service struct {
	now     func() time.Time
	sink    event.Sink
	log     *slog.Logger
	clients *clients
	signing *lane
}

// New makes a service.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sink == nil {
		o.Sink = event.Discard{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Service{now: o.Now, sink: o.Sink, log: o.Logger, clients: newClients(o.Now), signing: newSigningLane()}
}

// Handles tells whether a path belongs to the gateway itself: what is below
// /auth, /credential and /.well-known never reaches a proxy.
func (s *Service) Handles(path string) bool {
	for _, prefix := range []string{"/auth", "/credential", "/.well-known"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// ServeHTTP answers a request whose path it handles. There is no cross-origin
// access: a page in a browser is no place for a client secret.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request, d Directory, c Caller) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch r.URL.Path {
	case "/auth/jwt":
		s.serveToken(w, r, d, c)
	case "/.well-known/jwks.json", "/auth/.well-known/jwks.json":
		serveDocument(w, r, d.Keys().JWKS(), d.Keys().Digest())
	case "/.well-known/oauth-authorization-server", "/auth/.well-known/oauth-authorization-server":
		serveMetadata(w, r, d.Issuer())
	default:
		writeFault(w, fault.NotFound)
	}
}

func writeFault(w http.ResponseWriter, t fault.Type) {
	row := fault.Find(t)
	w.Header().Set("Content-Type", fault.ContentType)
	w.WriteHeader(row.Status)
	_, _ = w.Write(row.Body()) // the caller may have gone
}
