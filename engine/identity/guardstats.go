package identity

import (
	"sync/atomic"
	"time"
)

// Stats is what a guard has seen since it was made.
type Stats struct {
	// Calls are the questions put to the source.
	Calls uint64
	// Accepted, Refused, Broken and Throttled are the logins by verdict,
	// remembered ones among them.
	Accepted, Refused, Broken, Throttled uint64
	// CacheHits are the logins and lookups answered from memory.
	CacheHits uint64
	// Open tells that the source has failed and is given a pause.
	Open bool
	// LastError is the source's last error, shortened; empty when there was none.
	LastError string
	// Latency is how long calls lasted lately, on the average.
	Latency time.Duration
}

// counters are Stats under way.
type counters struct {
	calls, accepted, refused, broken, throttled, hits atomic.Uint64
	latency                                           atomic.Int64 // nanoseconds
	lastError                                         atomic.Pointer[string]
}

// Stats is what the guard has seen so far.
func (g *Guard) Stats() Stats {
	c := &g.stats
	s := Stats{
		Calls: c.calls.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(), Broken: c.broken.Load(),
		Throttled: c.throttled.Load(), CacheHits: c.hits.Load(),
		Open: g.brake.isOpen(), Latency: time.Duration(c.latency.Load()),
	}
	if text := c.lastError.Load(); text != nil {
		s.LastError = *text
	}
	return s
}

// took counts a call. The average gives the last one an eighth of the weight.
func (c *counters) took(d time.Duration) {
	c.calls.Add(1)
	for {
		old := c.latency.Load()
		next := old + (int64(d)-old)/8
		if old == 0 {
			next = int64(d)
		}
		if c.latency.CompareAndSwap(old, next) {
			return
		}
	}
}

// maxErrorText bounds what is kept of an error, in bytes.
const maxErrorText = 300

func (c *counters) failed(err error) {
	text := err.Error()
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	c.lastError.Store(&text)
}
