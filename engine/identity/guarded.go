package identity

import (
	"context"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
)

// Guarded is a source as the gateway uses it: with its caches, one call for
// many equal logins, the circuit breaker and the slowing of guesses.
type Guarded interface {
	// Login checks a name and a password that came from an address. An empty
	// one of either is Refused without a question to the source. The error is
	// set with Broken only.
	Login(ctx context.Context, name string, password secret.Text, from netip.Addr) (Identity, Outcome, error)
	// Find looks somebody up by name, from the cache or the source. False means
	// that there is no such user. ErrNoLookup when the source cannot.
	Find(ctx context.Context, name string) (Identity, bool, error)
	// Regenerate makes an identity anew without a password; the source must be
	// a Regenerator, or the error is ErrNoRegenerate.
	Regenerate(ctx context.Context, of Identity) (Identity, bool, error)
	// Config is what the source was made of.
	Config() Config
}

// Outcome is how a login ended.
type Outcome struct {
	Verdict Verdict
	// Wait is how long the caller should wait when Throttled.
	Wait time.Duration
}

// Verdict is the answer to a login.
type Verdict string

// The verdicts. Only Accepted lets anybody in.
const (
	Accepted Verdict = "accepted"
	Refused  Verdict = "refused"
	// Throttled: too many wrong guesses at this name or from this address.
	Throttled Verdict = "throttled"
	// Broken: the source did not answer, or is known not to.
	Broken Verdict = "broken"
)
