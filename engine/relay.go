package engine

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/engine/wire"
)

// relay asks an API without the standard library's transport and ReverseProxy, which
// cost a call several times what all policies do. What is sent and shown is the same. It
// tells false, and has done nothing, for an API that turns out to speak HTTP/2. A body
// that streams is c.body.
func (c *call) relay(content []byte, length int, streams bool) bool {
	to := c.route.operation.proxy
	c.asked = wire.Request{
		Method: c.r.Method, Query: c.query(), Fields: c.outgoing(), Body: content, Length: length, Informational: c.informs,
	}
	left := false
	if streams {
		c.streaming = true
		c.asked.Length, c.asked.Stream = int(c.r.ContentLength), streamed{c.body}
		defer func() { c.asked.Stream = nil }()
		defer func() {
			if !left { // also after a panic, nobody reads it any more
				c.body.stop()
			}
		}()
	}
	var res *wire.Answer
	var err error
	if to.balancer == nil {
		res, err = c.relayTo(&to.upstream, to.pool)
	} else {
		defer c.balanced.end()
		res, err = c.balanced.relay()
	}
	if left = errors.Is(err, wire.ErrHTTP2); left {
		return false
	}
	if err != nil {
		c.forwardFailed(nil, nil, err)
		return true
	}
	res.Fields.RemoveHop()
	if err := c.modify(res); err != nil {
		_ = res.Body.Close()
		c.forwardFailed(nil, nil, err)
		return true
	}
	c.passOn(res)
	return true
}

// relayTo asks one address.
func (c *call) relayTo(to *upstream, pool *wire.Pool) (*wire.Answer, error) {
	c.asked.Base, c.asked.Path = to.parts(c.rest())
	c.asked.Host = to.host
	return pool.Do(c.r.Context(), c.w, &c.asked)
}

// outgoing is the header for the API. It lies in the call's memory: whoever sends it
// has done so when relay returns.
func (c *call) outgoing() *wire.Fields {
	c.out.Reset()
	c.out.AddAll(c.in)
	trailers := c.out.RemoveHop()
	c.rewriteFields(&c.out)
	if trailers {
		c.out.Set("Te", "trailers")
	}
	return &c.out
}

// inform passes an informational answer on.
func (c *call) inform(status int, header *wire.Fields) {
	c.fields.AddAll(header)
	c.WriteHeader(status)
	c.fields.Reset()
	if !c.lean {
		clear(c.w.Header())
	}
}

// passOn gives the caller the answer.
func (c *call) passOn(res *wire.Answer) {
	defer res.Body.Close()
	c.fields.AddAll(res.Fields)
	if !c.lean && !c.fields.Has("Content-Type") {
		c.w.Header()["Content-Type"] = nil // or net/http would guess one
	}
	if c.unfinished() {
		c.closeAfter()
	}
	announced := len(res.Trailer)
	for name := range res.Trailer {
		c.fields.Add("Trailer", name)
	}
	c.WriteHeader(res.StatusCode)
	if err := c.copyBody(res); err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(res.Trailer) > 0 {
		c.passTrailers(c.w.Header(), res.Trailer, announced)
	}
}

// unfinished tells whether the caller still sends what the API may not read any more: the
// connection cannot be used again.
func (c *call) unfinished() bool {
	return c.streaming && !c.body.ended.Load() && c.r.ProtoMajor == 1
}

// passTrailers writes what has come after the body. A body of unknown length must have
// begun, so that it is sent in chunks.
func (c *call) passTrailers(h, trailer http.Header, announced int) {
	_ = http.NewResponseController(c.w).Flush()
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range trailer {
		h[prefix+name] = values
	}
}

// copyBody passes each part on as it comes, where it comes in parts.
func (c *call) copyBody(res *wire.Answer) error {
	wait, _ := res.Body.(interface{ Waits() bool })
	streams := wait != nil && (res.ContentLength < 0 || strings.HasPrefix(res.Fields.Get("Content-Type"), "text/event-stream"))
	buffer := copyBuffer{c}.Get()
	large := res.ContentLength > int64(len(buffer))
	for {
		if large && len(buffer) == copyBufferSize {
			lent := wire.Large()
			defer wire.GiveBack(lent)
			buffer = lent[:]
		}
		if streams && wait.Waits() {
			if err := http.NewResponseController(c.w).Flush(); err != nil {
				c.lost = true
				return err
			}
		}
		n, err := res.Body.Read(buffer)
		large = large || n == len(buffer)
		if n > 0 {
			if _, err := c.Write(buffer[:n]); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
