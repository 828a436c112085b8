package engine

import (
	"io"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/engine/wire"
)

// relay asks an API that is reached by plain HTTP, without the standard library's
// transport and ReverseProxy, which cost a call several times what all policies do.
// What is sent and shown is the same.
func (c *call) relay(content []byte, length int) {
	to := c.route.operation.proxy
	c.asked = wire.Request{
		Method: c.r.Method, Query: c.query(), Header: c.outgoingHeader(), Body: content, Length: length, Informational: c.informs,
	}
	var res *http.Response
	var err error
	if to.balancer == nil {
		res, err = c.relayTo(&to.upstream, to.pool)
	} else {
		defer c.balanced.end()
		res, err = c.balanced.relay()
	}
	if err != nil {
		c.forwardFailed(nil, nil, err)
		return
	}
	removeHop(res.Header)
	if err := c.modifyResponse(res); err != nil {
		_ = res.Body.Close()
		c.forwardFailed(nil, nil, err)
		return
	}
	c.passOn(res)
}

// relayTo asks one address.
func (c *call) relayTo(to *upstream, pool *wire.Pool) (*http.Response, error) {
	c.asked.Base, c.asked.Path = to.parts(c.rest())
	c.asked.Host = to.host
	return pool.Do(c.r.Context(), c.w, &c.asked)
}

// outgoingHeader is the header for the API. It lies in the call's memory: whoever
// sends it has done so when relay returns.
func (c *call) outgoingHeader() http.Header {
	if c.out == nil {
		c.out = make(http.Header, 16)
	}
	clear(c.out)
	for name, values := range c.r.Header {
		c.out[name] = values
	}
	trailers := removeHop(c.out)
	c.own = c.rewriteHeader(c.out, c.own[:0])
	if trailers {
		c.out["Te"] = onlyTrailers
	}
	return c.out
}

var onlyTrailers = []string{"trailers"}

// hopFields are for one hop alone (RFC 9110 section 7.6.1), as are those that
// Connection names.
var hopFields = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade",
}

// removeHop takes off what is for one hop alone, and tells whether that asked for
// trailers.
func removeHop(h http.Header) (trailers bool) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, line := range h["Te"] {
		for coding := range strings.SplitSeq(line, ",") {
			trailers = trailers || strings.EqualFold(strings.TrimSpace(coding), "trailers")
		}
	}
	for _, name := range hopFields {
		delete(h, name)
	}
	return trailers
}

// inform passes an informational answer on.
func (c *call) inform(status int, header http.Header) {
	h := c.w.Header()
	for name, values := range header {
		h[name] = values
	}
	c.WriteHeader(status)
	clear(h)
}

// passOn gives the caller the answer.
func (c *call) passOn(res *http.Response) {
	defer res.Body.Close()
	h := c.w.Header()
	for name, values := range res.Header {
		h[name] = values
	}
	if _, said := h["Content-Type"]; !said {
		h["Content-Type"] = nil // or net/http would guess one
	}
	announced := len(res.Trailer)
	for name := range res.Trailer {
		h["Trailer"] = append(h["Trailer"], name)
	}
	c.WriteHeader(res.StatusCode)
	if err := c.copyBody(res); err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(res.Trailer) > 0 {
		c.passTrailers(h, res.Trailer, announced)
	}
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
func (c *call) copyBody(res *http.Response) error {
	wait, _ := res.Body.(interface{ Waits() bool })
	streams := wait != nil && (res.ContentLength < 0 || strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream"))
	buffer := copyBuffer{c}.Get()
	for {
		if streams && wait.Waits() {
			if err := http.NewResponseController(c.w).Flush(); err != nil {
				c.lost = true
				return err
			}
		}
		n, err := res.Body.Read(buffer)
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
