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
	b := newBody(c.r, c.w, c.g.limits)
	b.left = limit
	raw, err := io.ReadAll(&holder{b, c})
	if err != nil && !errors.Is(err, errTooLarge) && !errors.Is(err, errOverloaded) {
		err = fmt.Errorf("%w: %w", errBroken, err)
	}
	return raw, err
}

// holder takes room for what has come, not for what is announced: that costs its
// sender nothing.
type holder struct {
	io.Reader
	c *call
}

// Read ends where there is no room.
func (h *holder) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 && !h.c.g.load.hold(int64(n)) {
		return 0, errOverloaded
	}
	h.c.holds += int64(n)
	return n, err
}
