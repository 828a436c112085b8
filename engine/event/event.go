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

// Access is one proxied call, reported after its answer. It is passed by
// value and holds no token and no body.
type Access struct {
	Time          time.Time
	Environment   string
	Project       string
	Proxy         string
	Endpoint      string // method and template, "" when none matched
	Method        string
	Path          string // without the query, which may hold a secret
	Client        netip.Addr
	Subject       string
	Status        int
	Result        Result
	Fault         fault.Type // "" on success
	Reason        string     // for the operator; never sent to the caller
	CorrelationID string
	Duration      time.Duration // whole call
	Upstream      time.Duration // until the upstream's header; 0 when not called
}

// Token is one request to the token endpoint.
type Token struct {
	Time          time.Time
	Environment   string
	Project       string
	Owner         string
	Grant         string // "" when it could not be read
	ClientID      string
	Client        netip.Addr
	Algorithm     string
	Status        int
	Error         string // RFC 6749 error code; "" when issued
	Reason        string
	CorrelationID string
	Duration      time.Duration
}

// Sink takes events. Implementations are safe for concurrent use and return
// at once.
type Sink interface {
	Access(Access)
	Token(Token)
}

// Discard is the sink that drops everything.
type Discard struct{}

// Access drops the event.
func (Discard) Access(Access) {}

// Token drops the event.
func (Discard) Token(Token) {}
