package engine

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// statusGone stands in events for a caller that did not wait for the answer.
const statusGone = 499

// drainTimeout is how long the body of a refused request may still come.
const drainTimeout = 5 * time.Second

// Values that every answer of the gateway's own has.
var (
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	faultType   = []string{fault.ContentType}
	closingConn = []string{"close"}
)

// row is a row of the catalogue with its body made once.
type row struct {
	fault.Row
	body   []byte
	length []string
}

func (g *Gateway) row(t fault.Type) *row {
	r := fault.Find(t)
	if known, ok := g.rows.Load(r.Type); ok {
		return known.(*row)
	}
	body := r.Body()
	known, _ := g.rows.LoadOrStore(r.Type, &row{r, body, []string{strconv.Itoa(len(body))}})
	return known.(*row)
}

// refuse answers with a row of the catalogue; reason is for the operator.
// Nothing happens when the answer has begun.
func (c *call) refuse(t fault.Type, reason string) {
	row := c.g.row(t)
	c.fault, c.reason = row.Type, reason
	if c.sent {
		return
	}
	if c.called.IsZero() && c.r.ContentLength != 0 {
		// net/http reads what is left of a short body; not for long.
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(drainTimeout))
	}
	h := c.w.Header()
	h["Content-Type"], h["Content-Length"] = faultType, row.length
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	c.WriteHeader(row.Status)
	_, _ = c.Write(row.body) // a caller that has gone reads no refusal
}

// closeAfter ends the connection with the answer: what follows a body that
// was not read to its end cannot be told from it.
func (c *call) closeAfter() { c.w.Header()["Connection"] = closingConn }

// gone ends a call whose caller has left.
func (c *call) gone() {
	c.status, c.reason = statusGone, "the caller closed the connection"
	panic(http.ErrAbortHandler)
}

// The call is the http.ResponseWriter of everything that answers it, so that
// the correlation id is on every answer and the status in every event.

// Header is the answer's header.
func (c *call) Header() http.Header { return c.w.Header() }

// Unwrap lets http.ResponseController find the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.w }

// WriteHeader begins the answer. Informational answers pass without a trace.
func (c *call) WriteHeader(status int) {
	c.extend()
	if status >= 200 && !c.sent {
		c.sent, c.status = true, status
		c.w.Header()[CorrelationHeader] = c.ids
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
	case c.called.IsZero() && c.fault != fault.Unexpected && c.fault != fault.Unavailable:
		return event.Blocked
	case c.fault == fault.BadRequest || c.fault == fault.TooLarge:
		return event.Blocked
	}
	return event.Failed
}
