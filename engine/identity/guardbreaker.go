package identity

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"time"
)

// When the breaker opens, and for how long.
const (
	failuresInRow = 5
	lastCalls     = 20 // of which
	failuresOf    = 10 // open it too
	firstPause    = 2 * time.Second
	longestPause  = time.Minute
)

// errClosed means that the source was closed.
var errClosed = errors.New("the identity source was closed")

// breaker keeps calls from a source that fails: after some errors it is open
// and turns calls away at once; after a pause it lets one through to see. A
// failed source then costs its callers no time, and is not trampled on while it
// gets up again.
type breaker struct {
	now         func() time.Time
	onFailing   func(error)
	onRecovered func()

	mu       sync.Mutex
	shutdown bool
	round    int    // grows whenever it opens or closes; results of earlier rounds are void
	inRow    int    // errors since the last good answer
	recent   uint32 // the last calls, a set bit for each error
	count    int    // how many of them there were, up to lastCalls
	open     bool
	probing  bool // while open: one call is under way
	until    time.Time
	pause    time.Duration
	cause    error
}

func newBreaker(now func() time.Time, onFailing func(error), onRecovered func()) *breaker {
	return &breaker{now: now, onFailing: onFailing, onRecovered: onRecovered}
}

// begin lets a call through, or says why not. Every nil needs a done with the
// round, or an abandon.
func (b *breaker) begin() (round int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.shutdown:
		return 0, errClosed
	case !b.open:
		return b.round, nil
	case b.probing || b.now().Before(b.until):
		return 0, fmt.Errorf("the identity source failed and is given a pause: %w", b.cause)
	}
	b.probing = true
	return b.round, nil
}

// done takes the result of a call; nil when the source answered, whatever it
// said.
func (b *breaker) done(round int, err error) {
	if tell := b.record(round, err); tell != nil {
		tell() // outside the lock: it is somebody else's code
	}
}

func (b *breaker) record(round int, err error) (tell func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case round != b.round || b.shutdown:
		return nil // it began before the last turn
	case b.open:
		return b.probed(err)
	}
	b.note(err)
	if b.inRow < failuresInRow && (b.count < lastCalls || bits.OnesCount32(b.recent) < failuresOf) {
		return nil
	}
	b.turn(true)
	b.pause, b.cause = firstPause, err
	b.until = b.now().Add(b.pause)
	return func() { b.failing(err) }
}

func (b *breaker) failing(err error) {
	if b.onFailing != nil {
		b.onFailing(err)
	}
}

func (b *breaker) note(err error) {
	b.recent = b.recent << 1 & (1<<lastCalls - 1)
	b.count = min(b.count+1, lastCalls)
	if err == nil {
		b.inRow = 0
		return
	}
	b.recent |= 1
	b.inRow++
}

// probed closes the breaker after a good answer and prolongs the pause after
// another error.
func (b *breaker) probed(err error) (tell func()) {
	b.probing = false
	if err == nil {
		b.turn(false)
		return b.onRecovered
	}
	b.cause = err
	b.pause = min(2*b.pause, longestPause)
	b.until = b.now().Add(b.pause)
	return nil
}

// abandon ends a call that never reached the source.
func (b *breaker) abandon(round int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if round == b.round && b.open {
		b.probing = false
		b.until = b.now().Add(b.pause)
	}
}

func (b *breaker) turn(open bool) {
	b.open, b.round = open, b.round+1
	b.inRow, b.recent, b.count = 0, 0, 0
}

// shut turns every later call away.
func (b *breaker) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shutdown = true
}

func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}
