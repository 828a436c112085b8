// Package steady owns the clock by which things are forgotten for good. A clock that
// jumps ahead and is set right again must not have made anybody forget what still
// holds, such as that a token is revoked.
package steady

import (
	"sync"
	"time"
)

const (
	// tolerance is how far a clock is followed at once. It is less than revocations
	// outlive their tokens.
	tolerance = 5 * time.Minute
	// patience is how long a clock must stay ahead to be believed: a machine that was
	// asleep is ahead, too, and nobody sets its clock back.
	patience = 24 * time.Hour
)

// Clock follows the clock of the machine, back at once and ahead only as fast as time
// passes. It is safe for concurrent use.
type Clock struct {
	wall    func() time.Time
	elapsed func() time.Duration // does not jump

	mu    sync.Mutex
	at    time.Time // what the wall said
	then  time.Duration
	ahead bool
	since time.Duration // when the wall was first seen ahead
}

// New follows the machine's clock.
func New() *Clock {
	began := time.Now()
	return newClock(time.Now, func() time.Duration { return time.Since(began) })
}

func newClock(wall func() time.Time, elapsed func() time.Duration) *Clock {
	return &Clock{wall: wall, elapsed: elapsed, at: wall().Round(0), then: elapsed()}
}

// Now is never later than the machine's clock says.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, elapsed := c.wall().Round(0), c.elapsed()
	should := c.at.Add(elapsed - c.then)
	switch {
	case !wall.After(should.Add(tolerance)):
	case !c.ahead:
		c.ahead, c.since = true, elapsed
		return should
	case elapsed-c.since < patience:
		return should
	}
	c.at, c.then, c.ahead = wall, elapsed, false
	return wall
}

// process is the clock of Now.
var process = New()

// Now is what a clock says that has run since the process began.
func Now() time.Time { return process.Now() }
