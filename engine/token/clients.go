package token

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
)

// maxRemembered bounds each of the two memories of verdicts, 32 bytes apiece.
const maxRemembered = 1 << 14

// clients authenticates clients by their secrets. An argon2id check costs 45 ms
// of a processor, so both verdicts are remembered for the life of the process:
//
//   - A good secret costs microseconds the second time, and goes on working
//     while somebody else guesses at the same client id.
//   - A wrong secret that comes again costs as little and is no new guess, so
//     it uses up no attempt. A client that tries a wrong form first at every
//     login, or a fleet that still has yesterday's secret, locks out nobody.
//
// What is left are new guesses. They are slowed by client id and by address.
// The one client that can suffer from another's guessing is one that this
// process has not seen since its start or since its secret changed: it is told
// to try again in a few seconds.
//
// An unknown client takes the same way as a known one, with a hash that no
// secret meets, so neither the answer nor its time tells them apart.
type clients struct {
	verify  func(ctx context.Context, hash, password string) (bool, error)
	dummy   string
	key     [32]byte // of this process, so that verdicts mean nothing elsewhere
	hashing *lane

	good, bad *verdicts
	ids       *throttle[[32]byte]
	addresses *throttle[netip.Addr]
}

func newClients(now func() time.Time) *clients {
	c := &clients{
		verify: secret.VerifyContext, dummy: secret.DummyHash(), hashing: newHashingLane(),
		good: newVerdicts(), bad: newVerdicts(),
		ids: newThrottle[[32]byte](perClient, now), addresses: newThrottle[netip.Addr](perAddress, now),
	}
	_, _ = rand.Read(c.key[:]) // never fails: the runtime ends the process instead
	return c
}

// attempt is one check under way.
type attempt struct {
	hash, password string
	verdict        [32]byte // names hash, id and password together
	id             [32]byte
	address        netip.Addr
	known          bool
}

// authenticate finds the owner whose key pair the request carries.
func (c *clients) authenticate(ctx context.Context, d Directory, q *request, from netip.Addr) (Owner, *failure) {
	if q.clientID == "" || q.secret.IsZero() {
		return Owner{}, refusedClient("the request has no client credentials")
	}
	owner, known := d.Owner(q.clientID)
	a := c.attempt(d.Environment(), q, owner, known, from)
	return owner, c.check(ctx, a)
}

func (c *clients) attempt(environment string, q *request, owner Owner, known bool, from netip.Addr) attempt {
	a := attempt{hash: c.dummy, password: q.secret.Reveal(), address: network(from), known: known}
	if known {
		a.hash = owner.SecretHash
	}
	a.id = c.mac(environment, q.clientID)
	a.verdict = c.mac(environment, q.clientID, a.hash, a.password)
	return a
}

// mac joins its parts so that no two lists of parts are the same text.
func (c *clients) mac(parts ...string) (sum [32]byte) {
	h := hmac.New(sha256.New, c.key[:])
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p)))) // a hash never fails
		_, _ = h.Write([]byte(p))
	}
	h.Sum(sum[:0])
	return sum
}

// check answers from memory, or hashes when the throttles and the lane allow.
func (c *clients) check(ctx context.Context, a attempt) *failure {
	if f, ok := c.remembered(a); ok {
		return f
	}
	if f := c.throttled(a); f != nil { // before it takes a place in the queue
		return f
	}
	if err := c.hashing.enter(ctx); err != nil {
		return shed(err)
	}
	defer c.hashing.leave()
	// Whoever waited behind the same credentials finds them answered.
	if f, ok := c.remembered(a); ok {
		return f
	}
	return c.hash(ctx, a)
}

func (c *clients) remembered(a attempt) (*failure, bool) {
	if c.good.has(a.verdict) {
		return nil, true
	}
	if c.bad.has(a.verdict) {
		return a.refused(), true
	}
	return nil, false
}

func (c *clients) throttled(a attempt) *failure {
	if wait, ok := c.ids.peek(a.id); !ok {
		return throttled(wait, "too many wrong secrets for this client id")
	}
	if wait, ok := c.addresses.peek(a.address); !ok {
		return throttled(wait, "too many failed logins from this address")
	}
	return nil
}

// hash takes the attempt beforehand and gives it back unless it was a wrong
// guess: of many guesses sent at once, none slips through in between.
func (c *clients) hash(ctx context.Context, a attempt) *failure {
	if wait, ok := c.ids.take(a.id); !ok {
		return throttled(wait, "too many wrong secrets for this client id")
	}
	if wait, ok := c.addresses.take(a.address); !ok {
		c.ids.giveBack(a.id)
		return throttled(wait, "too many failed logins from this address")
	}
	ok, err := c.verify(ctx, a.hash, a.password)
	if err == nil && !(ok && a.known) {
		c.bad.add(a.verdict)
		return a.refused()
	}
	c.ids.giveBack(a.id)
	c.addresses.giveBack(a.address)
	if err != nil {
		return shed(err)
	}
	c.good.add(a.verdict)
	return nil
}

func (a attempt) refused() *failure {
	if a.known {
		return refusedClient("the client secret is wrong")
	}
	return refusedClient("no deployed owner has this client id")
}

// shed tells a full queue and a caller who left from a check that failed.
func shed(err error) *failure {
	if errors.Is(err, errBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
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
