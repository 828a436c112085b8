package engine

import (
	"context"
	"net/http"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/policy"
)

// Tracer follows calls, for whoever collects traces. A gateway without one
// spends nothing on it. Its methods are called on the way of a call and return
// at once.
type Tracer interface {
	// Begin is called with the header of a request; nil means that this one is
	// not followed. Only what a trusted proxy says of a trace is to be believed:
	// anybody else could have every call of his recorded, or write into the trace
	// of somebody else.
	Begin(header http.Header, trusted bool) Trace
}

// Trace is one call that is followed. It is used by one goroutine at a time.
type Trace interface {
	// Context carries the trace to what is asked on the way of a call, such as
	// an identity source (identity.Watch).
	Context(context.Context) context.Context
	// Policy is called as a policy of a lane begins, end as it ends: with nil where
	// it lets the call on or its condition leaves it out.
	Policy(lane policy.Pipeline, name string) (end func(error))
	// Forward is called as the API is asked, with the header that it gets. What
	// the caller said of a trace is in it and is to be replaced.
	Forward(header http.Header)
	// End is called last, with what is known of the call; when it was the token
	// service's, that has reported the request to the sink before.
	End(event.Access)
}

// follow begins the trace of a call.
func (c *call) follow() {
	if c.trace = c.g.tracer.Begin(c.in.Header(), c.trusted); c.trace != nil {
		c.r = c.r.WithContext(c.trace.Context(c.r.Context()))
	}
}

// ending ends what a trace was told of; nil where the call is not followed.
type ending func(error)

func begun(t Trace, lane policy.Pipeline, s *step) ending {
	if t == nil {
		return nil
	}
	return t.Policy(lane, s.name)
}

func (e ending) with(err error) {
	if e != nil {
		e(err)
	}
}
