package identity

import (
	"net/netip"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/guess"
)

// The limits of wrong guesses. Five at a name are free; in the long run one a
// minute is left, so that neither a password that people choose is found nor a
// user shut out for long. An address may fail more often, as many users may
// share one.
var (
	perName    = guess.Backoff{Free: 5, First: time.Second, Longest: 15 * time.Minute, Forget: time.Minute}
	perAddress = guess.Rate{Burst: 60, Every: time.Second}
)

const (
	// countedFor is how long a wrong pair that comes again is no new guess.
	countedFor = time.Hour
	// familiarFor is how long a network counts as one of the user's.
	familiarFor = 30 * 24 * time.Hour
)

// limits slows guesses by name and by address. Each pair counts once, and is
// counted before it is known to be wrong, so that of many sent at once none
// slips through; a right one is taken back. Unknown names count like any other.
type limits struct {
	mu       sync.Mutex           // makes counting a pair one step
	counted  *memory[charge]      // pairs that were counted
	familiar *memory[struct{}]    // names with networks that they logged in from
	names    *guess.Lock[nameKey] // failures at names
	networks *guess.Throttle[netip.Addr]
}

// nameKey is what failures are counted against: the name, or from a familiar
// network the name there.
type nameKey struct {
	account [32]byte
	network netip.Addr
}

// charge is what a pair was counted against.
type charge struct {
	key     nameKey
	network netip.Addr // not valid until the address was charged, too
}

func newLimits(now func() time.Time) *limits {
	return &limits{
		counted: newMemory[charge](now, maxAnswers), familiar: newMemory[struct{}](now, maxPlaces),
		names: guess.NewLock[nameKey](perName, now), networks: guess.NewThrottle[netip.Addr](perAddress, now),
	}
}

// name counts the attempt against its name, or reports how long that is locked.
func (l *limits) name(a attempt) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := nameKey{account: a.account}
	if _, known := l.familiar.get(a.place()); known {
		key.network = a.network
	}
	if _, again := l.counted.get(a.pair); again {
		return l.names.Peek(key)
	}
	if wait, ok = l.names.Take(key); ok {
		l.counted.put(a.pair, charge{key: key}, countedFor)
	}
	return wait, ok
}

// address counts the attempt against its address. When that is exhausted the
// attempt stays counted against the name: it was held against the memory, which
// a guess that matches would have passed.
func (l *limits) address(a attempt) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, counted := l.counted.get(a.pair)
	if counted && c.network.IsValid() {
		return l.networks.Peek(a.network)
	}
	if wait, ok = l.networks.Take(a.network); ok && counted {
		c.network = a.network
		l.counted.put(a.pair, c, countedFor)
	}
	return wait, ok
}

// right takes back what was counted for a pair that is right, and makes its
// network one of the user's.
func (l *limits) right(a attempt) {
	l.unknown(a)
	l.familiar.put(a.place(), struct{}{}, familiarFor)
}

// unknown takes back what was counted for a pair of which nobody can tell.
func (l *limits) unknown(a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.counted.get(a.pair)
	if !ok {
		return
	}
	l.counted.forget(a.pair)
	l.names.GiveBack(c.key)
	if c.network.IsValid() {
		l.networks.GiveBack(c.network)
	}
}

// place names the account and the network together.
func (a attempt) place() [32]byte {
	place := a.account
	for i, b := range a.network.As16() {
		place[i] ^= b
	}
	return place
}
