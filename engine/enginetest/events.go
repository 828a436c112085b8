package enginetest

import (
	"testing"

	"github.com/gatewright/gatewright/engine/event"
)

// Events is a sink that remembers. A call is reported after its answer, so
// tests wait for an event instead of looking for it.
type Events struct {
	access chan event.Access
	token  chan event.Token
	guard  chan event.Security
}

// NewEvents has room for a thousand events of each kind; more are dropped.
func NewEvents() *Events {
	return &Events{access: make(chan event.Access, 1000), token: make(chan event.Token, 1000), guard: make(chan event.Security, 1000)}
}

// Access remembers the event.
func (e *Events) Access(a event.Access) {
	select {
	case e.access <- a:
	default:
	}
}

// Token remembers the event.
func (e *Events) Token(t event.Token) {
	select {
	case e.token <- t:
	default:
	}
}

// Security remembers the event.
func (e *Events) Security(s event.Security) {
	select {
	case e.guard <- s:
	default:
	}
}

// NextSecurity waits for the oldest event that was not read yet.
func (e *Events) NextSecurity(t testing.TB) event.Security { return next(t, e.guard) }

// NextAccess waits for the oldest event that was not read yet.
func (e *Events) NextAccess(t testing.TB) event.Access { return next(t, e.access) }

// NextToken waits for the oldest event that was not read yet.
func (e *Events) NextToken(t testing.TB) event.Token { return next(t, e.token) }

func next[E any](t testing.TB, from <-chan E) E {
	t.Helper()
	select {
	case e := <-from:
		return e
	case <-t.Context().Done():
		t.Fatal("the test ended before the event came")
		panic("unreachable")
	}
}
