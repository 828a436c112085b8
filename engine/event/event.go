// Package event owns what the engine reports of its work: access decisions,
// token requests and security events. A sink must never block or slow the
// request that reports; whoever stores events does so behind a bounded buffer.
package event

import (
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
)

// Result sorts the outcome of a call.
type Result string

// The results: passed, refused by a policy or routing, failed technically.
const (
	Success Result = "SUCCESS"
	Blocked Result = "BLOCKED"
	Failed  Result = "ERROR"
)

// TokenCheck is how the token of a call was found to be good.
type TokenCheck string

// The checks: by its signature, or by having been checked before.
const (
	TokenVerified   TokenCheck = "VERIFIED"
	TokenRemembered TokenCheck = "REMEMBERED"
)

// Access is one proxied call, reported after its answer. It is passed by
// value and holds no token and no body.
type Access struct {
	Time          time.Time
	Environment   string
	Project       string
	Group         string // the proxy group through which the call came, "" for none
	Proxy         string // "" when no proxy of the group answers
	Endpoint      string // method and template, "" when none matched
	Method        string
	Path          string // without the query, which may hold a secret
	Client        netip.Addr
	Subject       string
	Status        int
	Result        Result
	TokenCheck    TokenCheck // "" without a token, and for one that is not good
	Fault         fault.Type // "" on success
	Policy        string     // the policy that refused; "" when none did
	Reason        string     // for the operator; never sent to the caller
	Cause         error      // what Reason says, for fault.Explain; nil when there is no more to say
	CorrelationID string
	Duration      time.Duration // whole call
	Upstream      time.Duration // until the upstream's header; 0 when not called
}

// Operation says what was asked of the token service.
type Operation string

// The operations.
const (
	Issue      Operation = "ISSUE" // client credentials and passwords
	Refresh    Operation = "REFRESH"
	Regenerate Operation = "REGENERATE"
	Introspect Operation = "INTROSPECT"
	Revoke     Operation = "REVOKE"
)

// Token is one request to the token service. It is passed by value and holds no
// token, no secret and no password.
type Token struct {
	Time        time.Time
	Environment string
	Operation   Operation
	Project     string
	Owner       string // the owner that the token is for; "" when unknown
	Policy      string
	Grant       string // the grant_type; "" when it could not be read
	ClientID    string // abridged while the client is not authenticated
	Username    string // the subject of the token, or the name that was tried, abridged
	// Source is the identity source that was asked: its kind, or its kind and
	// its name with a colon between them, such as "LDAP:corp".
	Source       string
	Client       netip.Addr // after trusted proxies
	ForwardedFor string     // the field as it came, at most 255 bytes
	Method       string
	ContentType  string
	Algorithm    string
	KeyID        string // kid
	TokenID      string // jti of what was issued
	Family       string // sid, the login that refreshes belong to
	Scope        string
	IssuedAt     time.Time
	ExpiresAt    time.Time // zero: never, or nothing issued
	NeverExpires bool
	// RefreshExpiresAt is zero when no refresh token was issued; RefreshCount
	// and RefreshMax are the refreshes made and allowed.
	RefreshExpiresAt         time.Time
	RefreshCount, RefreshMax int
	Status                   int
	Error                    string     // RFC 6749 error code; "" when all went well
	Fault                    fault.Type // the row of the catalogue; "" when none fits
	Reason                   string     // for the operator; never sent to the caller
	CorrelationID            string
	Duration                 time.Duration
}

// SecurityKind names what happened.
type SecurityKind string

// The security events.
const (
	RefreshReused    SecurityKind = "REFRESH_TOKEN_REUSED" // a spent refresh token came again after its window
	LoginsThrottled  SecurityKind = "LOGINS_THROTTLED"     // too many wrong guesses at a name or from an address
	SourceFailing    SecurityKind = "IDENTITY_SOURCE_FAILING"
	SourceRecovered  SecurityKind = "IDENTITY_SOURCE_RECOVERED"
	AddressRefused   SecurityKind = "CLIENT_ADDRESS_REFUSED" // a good secret from an address that is not allowed
	TokensRevoked    SecurityKind = "TOKENS_REVOKED"
	KeyRotated       SecurityKind = "SIGNING_KEY_ROTATED"
	KeyRevoked       SecurityKind = "SIGNING_KEY_REVOKED"
	ForgedToken      SecurityKind = "FORGED_TOKEN" // the signature of a well-formed token of ours is wrong
	RevokedTokenUsed SecurityKind = "REVOKED_TOKEN_USED"
	ForgingThrottled SecurityKind = "FORGED_TOKENS_THROTTLED" // so many of them that further ones are not looked at
)

// SecurityKinds are all of them.
var SecurityKinds = []SecurityKind{
	RefreshReused, LoginsThrottled, SourceFailing, SourceRecovered, AddressRefused, TokensRevoked, KeyRotated, KeyRevoked,
	ForgedToken, RevokedTokenUsed, ForgingThrottled,
}

// Security is something that whoever watches over the installation should see.
type Security struct {
	Time          time.Time
	Kind          SecurityKind
	Environment   string
	Project       string
	Owner         string
	Subject       string // the user or client it is about
	Source        string // as in Token
	Client        netip.Addr
	Detail        string // one sentence, without secrets
	CorrelationID string
}

// Sink takes events. Implementations are safe for concurrent use and return
// at once.
type Sink interface {
	Access(Access)
	Token(Token)
	Security(Security)
}

// Discard is the sink that drops everything.
type Discard struct{}

// Access drops the event.
func (Discard) Access(Access) {}

// Token drops the event.
func (Discard) Token(Token) {}

// Security drops the event.
func (Discard) Security(Security) {}
