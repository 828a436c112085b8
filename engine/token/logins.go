package token

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/secret"
)

// maxRemembered bounds each of the two memories of verdicts, 32 bytes apiece.
const maxRemembered = 1 << 14

// logins checks the secrets of clients and the passwords of users that the
// gateway keeps itself. An argon2id check costs 45 ms of a processor, so both
// verdicts are remembered for the life of the process:
//
//   - A good secret costs microseconds the second time. One that the gateway
//     has generated goes on working while somebody else guesses at its name.
//     One that a person may have chosen does so only from where it was used
//     before: otherwise the memory would tell the right guess from the wrong
//     ones, however many were tried.
//   - A wrong secret that comes again costs as little and is no new guess, so
//     it uses up no attempt. A client that tries a wrong form first at every
//     login, or a fleet that still has yesterday's secret, locks out nobody.
//
// What is left are new guesses. They are slowed by name and by address. The one
// client that can suffer from another's guessing is one that this process has
// not seen since its start or since its secret changed: it is told to try again
// in a few seconds.
//
// An unknown name takes the same way as a known one, with a hash that no secret
// meets, so neither the answer nor its time tells them apart.
type logins struct {
	verify  func(ctx context.Context, hash, password string) (bool, error)
	dummy   string
	key     [32]byte // of this process, so that verdicts mean nothing elsewhere
	hashing *guess.Lane

	good, bad *verdicts
	// homes are the names with the networks that they logged in from.
	homes     *verdicts
	names     *guess.Throttle[[32]byte]
	addresses *guess.Throttle[netip.Addr]
}

// The rates of failed checks. One name allows 14,400 guesses a day, nothing
// against a generated secret of 256 bits. The address allows more, as many
// clients may share one behind a NAT or a load balancer.
var (
	perName    = guess.Rate{Burst: 10, Every: 6 * time.Second}
	perAddress = guess.Rate{Burst: 60, Every: time.Second}
)

func newLogins(now func() time.Time) *logins {
	c := &logins{
		verify: secret.VerifyContext, dummy: secret.DummyHash(), hashing: hashingLane.Beside(),
		good: newVerdicts(), bad: newVerdicts(), homes: newVerdicts(),
		names: guess.NewThrottle[[32]byte](perName, now), addresses: guess.NewThrottle[netip.Addr](perAddress, now),
	}
	_, _ = rand.Read(c.key[:]) // never fails: the runtime ends the process instead
	return c
}

// The places to work are for all environments of the process together, as the
// processors are; each environment has a queue of its own.
var (
	// hashingLane leaves half of the processors to the proxied calls. One check
	// takes about 45 ms and 19 MiB, so the last in the queue waits some seconds.
	hashingLane = guess.NewLane(max(1, runtime.GOMAXPROCS(0)/2), 64)
	// signingLane uses all processors: even with RSA a signature takes only
	// about a millisecond.
	signingLane = guess.NewLane(runtime.GOMAXPROCS(0), 512)
)

// attempt is one check: of a client's secret or of a user's password, which are
// never taken for one another.
type attempt struct {
	space, environment, id string
	password               secret.Text
	from                   netip.Addr
	// hash is what the secret should meet; known tells that there is such a name,
	// strong that its secret was generated and cannot be guessed.
	hash          string
	known, strong bool

	// verdict names all of it, home the name with the network, and name is what
	// wrong guesses are counted by.
	verdict, home, name [32]byte
}

// check answers from memory, or hashes when the throttles and the lane allow.
func (c *logins) check(ctx context.Context, a attempt) *failure {
	if !a.known {
		a.hash = c.dummy
	}
	a.verdict = c.mac(a.space, a.environment, a.id, a.hash, a.password.Reveal())
	if c.bad.has(a.verdict) {
		return a.refused()
	}
	if a.strong && c.good.has(a.verdict) { // nearly every login of a fleet ends here
		return nil
	}
	c.place(&a)
	if wait, ok := c.names.Peek(a.name); !ok {
		return throttled(wait, "too many wrong secrets for this name")
	}
	if c.good.has(a.verdict) {
		return nil
	}
	// Before it takes a place in the queue.
	if wait, ok := c.addresses.Peek(a.from); !ok {
		return throttled(wait, "too many failed logins from this address")
	}
	if err := c.hashing.Enter(ctx); err != nil {
		return shed(err)
	}
	defer c.hashing.Leave()
	// Whoever waited behind the same credentials finds them answered.
	if f, ok := c.remembered(a); ok {
		return f
	}
	return c.hash(ctx, a)
}

// mac joins its parts so that no two lists of parts are the same text.
func (c *logins) mac(parts ...string) (sum [32]byte) {
	var space [512]byte
	text := space[:0]
	for _, p := range parts {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(p))), p...)
	}
	h := hmac.New(sha256.New, c.key[:])
	_, _ = h.Write(text) // a hash never fails
	h.Sum(sum[:0])
	return sum
}

func (c *logins) remembered(a attempt) (*failure, bool) {
	if c.good.has(a.verdict) {
		return nil, true
	}
	if c.bad.has(a.verdict) {
		return a.refused(), true
	}
	return nil, false
}

// place finds by what wrong guesses are counted: by the name, but where it
// logged in from before by name and network, so that guessing from elsewhere
// shuts nobody out.
func (c *logins) place(a *attempt) {
	a.from = guess.Network(a.from)
	a.home = c.mac(a.space, a.environment, a.id, a.from.String())
	if a.name = a.home; !c.homes.has(a.home) {
		a.name = c.mac(a.space, a.environment, a.id)
	}
}

// hash takes the attempt beforehand and gives it back unless it was a wrong
// guess: of many guesses sent at once, none slips through in between.
func (c *logins) hash(ctx context.Context, a attempt) *failure {
	if wait, ok := c.names.Take(a.name); !ok {
		return throttled(wait, "too many wrong secrets for this name")
	}
	if wait, ok := c.addresses.Take(a.from); !ok {
		c.names.GiveBack(a.name)
		return throttled(wait, "too many failed logins from this address")
	}
	ok, err := c.verify(ctx, a.hash, a.password.Reveal())
	if err == nil && !(ok && a.known) {
		c.bad.add(a.verdict)
		return a.refused()
	}
	c.names.GiveBack(a.name)
	c.addresses.GiveBack(a.from)
	if err != nil {
		return shed(err)
	}
	c.good.add(a.verdict)
	c.homes.add(a.home)
	return nil
}

// refused is the same answer for an unknown name and a wrong secret; only the
// reason differs.
func (a attempt) refused() *failure {
	switch {
	case a.space == "user" && a.known:
		return refusedGrant("the password is wrong", fault.CredentialSecret)
	case a.space == "user":
		return refusedGrant("there is no such credential", fault.CredentialUnknown)
	case a.known:
		return refusedClient("the client secret is wrong", fault.ClientRefused)
	}
	return refusedClient("no deployed owner and no credential has this client id", fault.ClientUnknown)
}

// shed tells a full queue and a caller who left from a check that failed.
func shed(err error) *failure {
	if errors.Is(err, guess.ErrBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return overloaded(err.Error())
	}
	return broken(err)
}

// verdicts is a bounded set.
type verdicts struct {
	mu  sync.RWMutex
	set map[[32]byte]struct{}
}

func newVerdicts() *verdicts { return &verdicts{set: map[[32]byte]struct{}{}} }

func (v *verdicts) has(sum [32]byte) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, ok := v.set[sum]
	return ok
}

// add makes room by dropping any other: a map is walked from a random place,
// and the worst that can happen is one more hash.
func (v *verdicts) add(sum [32]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.set) >= maxRemembered {
		for other := range v.set {
			delete(v.set, other)
			break
		}
	}
	v.set[sum] = struct{}{}
}
