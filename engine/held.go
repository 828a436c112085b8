package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// heldBody is a body that a condition has read. The upstream gets the same
// bytes from memory.
type heldBody struct {
	raw []byte
	err error
}

// errBroken means that a body ended before its end.
var errBroken = errors.New("the body broke off")

// readBody is the whole body for a condition, bounded and once.
func (c *call) readBody() ([]byte, error) {
	if c.held == nil {
		c.held = &heldBody{}
		c.held.raw, c.held.err = c.hold()
		if c.held.err != nil {
			c.closeAfter()
		}
	}
	return c.held.raw, c.held.err
}

func (c *call) hold() ([]byte, error) {
	limit := c.g.limits.ConditionBody
	if most := c.g.limits.MaxBody; most > 0 {
		limit = min(limit, most)
	}
	switch {
	case c.r.Body == nil || c.r.Body == http.NoBody || c.asksForWebSocket():
		return nil, nil
	case c.r.ContentLength > limit:
		return nil, errTooLarge
	}
	if c.r.ContentLength >= 0 {
		limit = c.r.ContentLength
	}
	if !c.g.load.hold(limit) {
		return nil, errOverloaded
	}
	c.holds = limit
	b := newBody(c.r, c.w, c.g.limits)
	b.left = limit
	raw, err := io.ReadAll(b)
	if err != nil && !errors.Is(err, errTooLarge) {
		err = fmt.Errorf("%w: %w", errBroken, err)
	}
	return raw, err
}
