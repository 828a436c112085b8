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

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
)

// Settings is what an active JWT policy says about the tokens of its owner.
type Settings struct {
	// Issue says what the tokens are like.
	Issue issue.Settings
	// Keys sign and verify: the environment's, or those that the policy names.
	Keys *keys.Set
	// Policy is the policy's name.
	Policy string
	// Leeway is allowed for clocks that differ when a token is checked.
	Leeway time.Duration
	// Managed tells that the policy issues tokens at /auth with these settings;
	// otherwise each credential has its own, at /credential.
	Managed bool
	// Source is where users and clients with credentials of their own are
	// checked; "" when only the owner's key pair counts. Provider is the
	// source's name, Regenerator that of the JWT regenerator service.
	Source                identity.KindName
	Provider, Regenerator string
	// CheckAddress demands an address from the credential's list.
	CheckAddress bool
	// NeedsScope tells that calls are decided by the roles in the token, so that
	// a request without a scope gets all of them.
	NeedsScope bool
	// Guard is a condition that token requests must meet too, because the
	// policy refuses what does not meet it (D11); nil for none.
	Guard *condition.Program
	// Rules are those of Guard one by one, to say which did not hold.
	Rules []condition.Single
	// Answers are the policy's own words for what is refused; nil for none.
	Answers *fault.Set
}

// Issuer is a compiled policy step that issues tokens for its owner.
type Issuer interface {
	TokenSettings() Settings
}

// Owner is a deployed owner as the token endpoint needs it.
type Owner struct {
	// ID is stable over the owner's revisions; credentials are granted access
	// to it.
	ID string
	// Kind is PROXY, PROXY_GROUP or POLICY_GROUP; Project and Name address the
	// owner, URL is where it is called, "" for a policy group.
	Kind, Project, Name, URL string
	// ClientID is the public half of the owner's key pair, the audience and
	// the subject of its client tokens (D15).
	ClientID string
	// SecretHash is an argon2id PHC string (D18).
	SecretHash string
	// Settings come from the owner's active JWT policy; nil when it has none.
	Settings *Settings
	// Members are the ids of the proxies of a proxy group, Groups of the groups that
	// a proxy is in: access to one of them can be enough.
	Members, Groups []string
}

// Directory is one environment as it is deployed at this moment. It is
// immutable: a request keeps the one it began with.
type Directory interface {
	// Newest is the one that a request gets which begins now.
	Newest() Directory
	// Environment is the environment's name.
	Environment() string
	// Issuer is the environment's public URL without a trailing slash (D15).
	Issuer() string
	// Keys sign and verify where a policy names no key of its own; never nil.
	Keys() *keys.Set
	// JWKS is the document of all public keys, and its version.
	JWKS() (document []byte, version string)
	// Owner is the deployed owner with that client id, OwnerByID with that id.
	Owner(clientID string) (Owner, bool)
	OwnerByID(id string) (Owner, bool)
	// Tokens is Token Management; never nil.
	Tokens() *issue.Management
	// Messages is the catalogue as it was customized; nil when it was not.
	Messages() *fault.Set
	identity.Directory
}

// Caller is what the gateway found out about the sender of a request.
type Caller struct {
	// Client is the address after trusted proxies.
	Client netip.Addr
	// CorrelationID is already on the answer; here it is for events.
	CorrelationID string
	// Request is what conditions see; it has no body.
	Request *condition.Request
}

// Options are the parts of the world that a Service uses. Each may be left
// out: the system's clock, no events, no log, no refresh tokens, nothing revoked.
type Options struct {
	Now    func() time.Time
	Sink   event.Sink
	Logger *slog.Logger
	// Store keeps refresh families and revocations.
	Store Store
	// RefreshKey makes the MACs of refresh tokens (D7): 32 bytes derived from
	// the master key, the same on all nodes.
	RefreshKey []byte
	// Revoked is asked about every token that is introspected or refreshed.
	Revoked *revoke.List
	// Away tells that the Store does not answer, without asking it. Until it does,
	// nothing is issued: who may have a token may have changed unseen, and what is
	// issued could not be recorded or revoked. Nil means never.
	Away func() bool
	// Issued hears of every access token that was made. Nil hears nothing.
	Issued func(token string)
}

// Service answers the gateway's own endpoints for every environment of the
// process. What it keeps itself is only what it remembers of logins, so any
// number of nodes may serve one environment. Safe for concurrent use.
type Service struct {
	now     func() time.Time
	sink    event.Sink
	log     *slog.Logger
	store   Store
	refresh *refreshTokens
	revoked *revoke.List
	away    func() bool
	issued  func(token string)
	logins  *logins
	signing *guess.Lane
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
	s := &Service{
		now: o.Now, sink: o.Sink, log: o.Logger, revoked: o.Revoked, logins: newLogins(o.Now), signing: signingLane.Beside(),
	}
	if s.issued = o.Issued; s.issued == nil {
		s.issued = func(string) {}
	}
	if s.away = o.Away; s.away == nil {
		s.away = func() bool { return false }
	}
	if o.Store != nil && len(o.RefreshKey) > 0 {
		s.store, s.refresh = o.Store, &refreshTokens{key: o.RefreshKey}
	}
	return s
}

// Waiting is how many requests wait for a processor: to sign,
// and to check a secret.
func (s *Service) Waiting() (signing, hashing int64) {
	return s.signing.Waiting(), s.logins.hashing.Waiting()
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

// door is the prefix that a request came by: /auth for owners whose policy
// manages their tokens, /credential for credentials with settings of their own.
type door string

const (
	authDoor       door = "/auth"
	credentialDoor door = "/credential"
)

// ServeHTTP answers a request whose path it handles. There is no cross-origin
// access: a page in a browser is no place for a client secret.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request, d Directory, c Caller) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	through, rest := authDoor, r.URL.Path
	for _, p := range []door{authDoor, credentialDoor} {
		if below, ok := strings.CutPrefix(r.URL.Path, string(p)); ok {
			through, rest = p, below
		}
	}
	if r.URL.Path == rest && !strings.HasPrefix(rest, "/.well-known/") {
		rest = ""
	}
	switch rest {
	case "/jwt", "/jwt/regenerate", "/introspect", "/revoke":
		s.serve(w, r, d, c, through, rest)
	case jwksPath, metadataPath:
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refusePath(w, d, c, fault.MethodNotAllowed)
		} else if rest == jwksPath {
			body, version := d.JWKS()
			serveDocument(w, r, body, version)
		} else {
			serveMetadata(w, r, d.Issuer(), through)
		}
	default:
		refusePath(w, d, c, fault.NotFound)
	}
}

const (
	jwksPath     = "/.well-known/jwks.json"
	metadataPath = "/.well-known/oauth-authorization-server"
)

// refusePath answers where there is no endpoint of RFC 6749.
func refusePath(w http.ResponseWriter, d Directory, c Caller, t fault.Type) {
	seen := c.Request
	if seen == nil {
		seen = &condition.Request{CorrelationID: c.CorrelationID}
	}
	a := fault.Levels{Platform: d.Messages()}.Answer(t, fault.Facts{Request: seen})
	a.WriteHeader(w.Header())
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the caller may have gone
}
