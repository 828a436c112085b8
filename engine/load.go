package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
)

const (
	// memoryShare is the part of the memory limit that may be in use after a garbage
	// collection: beyond it the collector would soon do nothing else.
	memoryShare = 0.9
	memoryEvery = 100 * time.Millisecond
	// retryAfter is what callers are told who are refused for the load, in seconds.
	retryAfter = 1
)

var errOverloaded = errors.New("too many calls are under way, or too much memory is in use")

// began is what the time is measured from that no clock which is set back brings back:
// memory would not be looked at until it is where it was. The first look is at once.
var began = time.Now().Add(-memoryEvery)

// load refuses calls before there are so many that none of them ends.
type load struct {
	calls  atomic.Int64
	heavy  atomic.Bool
	looked atomic.Int64 // when memory was, in nanoseconds since began
	// held are the bytes of bodies that conditions hold, room is how many there may be.
	held atomic.Int64
	room int64
	// crowded and full are the calls that were refused: for their number, for the memory.
	crowded, full atomic.Int64
}

// more counts a call and tells whether it may go on.
func (l *load) more(most int) bool {
	n := l.calls.Add(1)
	if most > 0 && n > int64(most) {
		l.crowded.Add(1)
		return false
	}
	if n == 1 || n&63 != 0 && !l.heavy.Load() { // memory grows with the calls that wait
		return true
	}
	l.weigh(int64(time.Since(began)))
	if l.heavy.Load() {
		l.full.Add(1)
		return false
	}
	return true
}

func (l *load) done() { l.calls.Add(-1) }

// weigh looks at the memory once in a while.
func (l *load) weigh(now int64) {
	before := l.looked.Load()
	if now-before < int64(memoryEvery) || !l.looked.CompareAndSwap(before, now) {
		return
	}
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		l.heavy.Store(false)
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	l.heavy.Store(float64(sample[0].Value.Uint64()) > memoryShare*float64(limit))
}

// heldShare is the part of the memory limit for bodies that conditions read: calls that
// were let in while there was memory would else fill it together.
const heldShare = 4

// hold makes room for a body.
func (l *load) hold(n int64) bool {
	if l.held.Add(n) <= l.room {
		return true
	}
	l.held.Add(-n)
	l.full.Add(1)
	return false
}

func (l *load) letGo(n int64) {
	if n > 0 {
		l.held.Add(-n)
	}
}

// Load is how much a gateway has to do, and what it turned away so far.
type Load struct {
	// Calls and Connections are those at the moment.
	Calls, Connections int64
	// Crowded are the calls that were refused as too many were under way, Full those
	// for which there was no memory, Refused the connections beyond the limit.
	Crowded, Full, Refused int64
	// Forged are the tokens with a wrong signature, Unseen those that were turned away
	// unseen as too many of these came from one network.
	Forged, Unseen int64
	// Signing and Hashing are the token requests that wait for a processor.
	Signing, Hashing int64
}

// Load tells how much there is to do.
func (g *Gateway) Load() Load {
	l := Load{
		Calls: g.load.calls.Load(), Connections: g.connections.Open.Load(),
		Crowded: g.load.crowded.Load(), Full: g.load.full.Load(), Refused: g.connections.Refused.Load(),
	}
	l.Forged, l.Unseen = g.forgeries.Counts()
	l.Signing, l.Hashing = g.tokens.Waiting()
	return l
}

// shed refuses a call for the load of the gateway.
func (c *call) shed() {
	c.fields.Set("Retry-After", strconv.Itoa(retryAfter))
	c.refuse(fault.Overloaded, errOverloaded)
}

// overloaded is what connections beyond the limit are told, whatever they ask.
func overloaded() []byte {
	row := fault.Find(fault.Overloaded)
	body := row.Body()
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d Service Unavailable\r\nContent-Type: %s\r\nContent-Length: %d\r\nRetry-After: %d\r\nConnection: close\r\n\r\n%s",
		row.Status, fault.ContentType, len(body), retryAfter, body)
	return b.Bytes()
}
