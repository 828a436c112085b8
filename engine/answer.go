package engine

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/wire"
)

// statusGone stands in events for a caller that did not wait for the answer.
const statusGone = 499

// drainTimeout is how long the body of a refused request may still come.
const drainTimeout = 5 * time.Second

// answer is one that was made, with its header where that was made before.
type answer struct {
	fault.Answer
	fields wire.Fields
}

// standard is an answer that nobody has customized, made once for each row.
func (g *Gateway) standard(t fault.Type) *answer {
	if known, ok := g.rows.Load(t); ok {
		return known.(*answer)
	}
	a := &answer{Answer: fault.Levels{}.Answer(t, fault.Facts{})}
	a.WriteHeader(&a.fields)
	a.fields.Del(fault.Challenge) // it depends on the policy
	a.fields.Check()
	known, _ := g.rows.LoadOrStore(t, a)
	return known.(*answer)
}

// writeHeader adds what belongs to an answer to what the header has already: a
// challenge, or what comes with a single row.
func (a *answer) writeHeader(f *wire.Fields) {
	if a.fields.Len() == 0 {
		a.WriteHeader(f)
		return
	}
	f.AddAll(&a.fields)
	if a.Status == http.StatusUnauthorized && !f.Has(fault.Challenge) {
		f.Add(fault.Challenge, "Bearer")
	}
}

// refuse answers with a row of the catalogue, as it was customized; cause is for
// the operator. Nothing happens when the answer has begun.
func (c *call) refuse(t fault.Type, cause error) {
	t = fault.Find(t).Type
	c.fault, c.cause = t, cause
	if c.sent {
		return
	}
	if c.called.IsZero() && c.r.ContentLength != 0 {
		// net/http reads what is left of a short body; not for long.
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(drainTimeout))
	}
	a := c.answer(t)
	a.writeHeader(c.fields)
	c.changeError(a.Status)
	c.WriteHeader(a.Status)
	_, _ = c.Write(a.Body) // a caller that has gone reads no refusal
}

func (c *call) answer(t fault.Type) *answer {
	levels := c.levels()
	if !levels.Customized(t) {
		return c.g.standard(t)
	}
	if !c.called.IsZero() || c.by == nil {
		c.x.Content = nil // no rule reads a body that is on its way, or for nobody
	}
	c.x.Introduce()
	return &answer{Answer: levels.Answer(t, fault.Facts{Request: &c.x.Request})}
}

// levels are all that has a say in the answer.
func (c *call) levels() fault.Levels {
	var l fault.Levels
	if c.snap != nil {
		l.Platform = c.snap.messages
	}
	l.Frames = c.frames()
	if c.by != nil {
		l.Policy = c.by.answers
	}
	return l
}

// frames are what errors are put into: the templates of the proxy that answers,
// or those of the owner that was called where none does.
func (c *call) frames() *fault.Frames {
	switch {
	case c.route.operation != nil:
		return c.route.operation.proxy.frames
	case c.route.owner != nil:
		return c.route.owner.frames
	}
	return nil
}

// closeAfter ends the connection with the answer: what follows a body that
// was not read to its end cannot be told from it.
func (c *call) closeAfter() { c.fields.Set("Connection", "close") }

// gone ends a call whose caller has left.
func (c *call) gone() {
	c.status, c.cause = statusGone, errCallerLeft
	panic(http.ErrAbortHandler)
}

// The call is the http.ResponseWriter of everything that answers it, so that
// the correlation id is on every answer and the status in every event.

// Header is the answer's header for who speaks net/http.
func (c *call) Header() http.Header { return c.w.Header() }

// Unwrap lets http.ResponseController find the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.w }

// WriteHeader begins the answer. Informational answers pass without a trace,
// all but the go-ahead: net/http gives it to the caller when the body is first
// read, and the upstream's would be a second one (RFC 9110 section 15.2).
func (c *call) WriteHeader(status int) {
	if status == http.StatusContinue {
		return
	}
	c.extend()
	if status >= 200 && !c.sent {
		c.sent, c.status = true, status
		c.fields.Set(CorrelationHeader, c.id)
	}
	if !c.lean {
		c.fields.Into(c.w.Header())
	}
	c.w.WriteHeader(status)
}

// Write passes a part of the answer on.
func (c *call) Write(p []byte) (int, error) {
	if !c.sent {
		c.WriteHeader(http.StatusOK)
	}
	c.extend()
	n, err := c.w.Write(p)
	c.lost = c.lost || err != nil
	return n, err
}

// extend lets an answer take its time for as long as the caller reads it.
func (c *call) extend() {
	if c.lean {
		return // package wire sees to it
	}
	stall := c.g.limits.StallTimeout
	now := time.Now()
	if c.r.ProtoMajor != 1 || now.Sub(c.extended) < stall/8 {
		return
	}
	c.extended = now
	_ = http.NewResponseController(c.w).SetWriteDeadline(now.Add(stall)) // not every connection has deadlines
}

// result sorts the call for reports.
func (c *call) result() event.Result {
	switch {
	case c.status == statusGone:
		return event.Failed
	case c.fault == "":
		return event.Success
	case c.fault == fault.Overloaded:
		return event.Failed
	case c.called.IsZero() && c.fault != fault.Unexpected && c.fault != fault.Unavailable:
		return event.Blocked
	case c.fault == fault.BadRequest || c.fault == fault.TooLarge:
		return event.Blocked
	}
	return event.Failed
}
