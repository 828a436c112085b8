package engine

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/wire"
)

// forward calls the upstream. Both bodies stream.
func (c *call) forward() {
	if limit := c.g.limits.MaxBody; limit > 0 && c.r.ContentLength > limit {
		c.closeAfter()
		c.refuse(fault.TooLarge, errTooLarge)
		return
	}
	if c.r.ProtoMajor >= 2 {
		// There a deadline resets the stream even while nothing waits to be
		// written; WriteByteTimeout sees to callers that do not read.
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{})
	}
	if !c.asksForWebSocket() {
		c.ask()
		return
	}
	c.upgrade = c.g.sockets.add(c.whole())
	defer c.g.sockets.remove(c.upgrade)
	c.reverse(c.upgrade.request)
}

// ask forwards what is no handshake. A short body is read whole first: an API is not
// asked for somebody who does not say what he wants.
func (c *call) ask() {
	content, length, short := c.shortBody()
	if c.body.err() != nil {
		c.forwardFailed(nil, nil, c.body.err())
		return
	}
	c.called = c.g.now()
	if !short {
		c.body = newBody(c.r, c.w, c.g.limits)
	}
	if c.route.operation.proxy.direct() && (short || c.streams()) && c.relay(content, length, !short) {
		return
	}
	switch {
	case short && length > 0:
		c.reverse(withBody(c.whole(), io.NopCloser(bytes.NewReader(content))))
	case short:
		c.reverse(c.whole())
	default:
		if c.lean {
			defer c.body.stop() // net/http's transport may still read it
		}
		// On a copy: net/http looks at the body in its own request to find
		// out whether the connection can be used again.
		c.reverse(withBody(c.whole(), c.body))
	}
}

// streams tells whether a body can be read while the answer is written. Who awaits a
// go-ahead gets it from net/http, which over HTTP/1.1 reads bodies when it answers.
func (c *call) streams() bool {
	return !c.in.Has("Expect") && (c.lean || c.r.ProtoMajor == 2)
}

// shortBody is the body if it is short: in the call's memory, or in that which a
// condition has read it to. Its length is -1 where none was announced.
func (c *call) shortBody() (content []byte, length int, short bool) {
	switch {
	case c.held != nil:
		length = len(c.held.raw)
		if length == 0 && c.r.ContentLength == 0 {
			length = c.emptyLength()
		}
		return c.held.raw, length, true
	case c.r.Body == nil || c.r.Body == http.NoBody || c.r.ContentLength == 0:
		return nil, c.emptyLength(), true
	case c.r.ContentLength < 0 || c.r.ContentLength > wire.ShortBody || c.in.Has("Expect"):
		// Who awaits a go-ahead is not given it before the API is there.
		return nil, 0, false
	}
	c.body = newBody(c.r, c.w, c.g.limits)
	n := int(c.r.ContentLength)
	c.content = slices.Grow(c.content[:0], n)[:n]
	_, err := io.ReadFull(c.body, c.content)
	if err != nil {
		c.body.fail(err)
	}
	return c.content, n, true
}

// emptyLength is that of a body that is not there: methods that have one say so
// (RFC 9110 section 8.6).
func (c *call) emptyLength() int {
	switch c.r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return 0
	}
	return -1
}

// reverse leaves the call to the standard library.
func (c *call) reverse(r *http.Request) {
	c.called = c.g.now()
	c.proxy.Transport = c.route.operation.proxy.transport
	if c.route.operation.proxy.balancer != nil {
		c.proxy.Transport = &c.balanced
		defer c.balanced.end()
	}
	c.proxy.ServeHTTP(c, r)
}

func withBody(r *http.Request, b io.ReadCloser) *http.Request {
	changed := *r
	changed.Body = b
	return &changed
}

// rewrite makes the outgoing request. It runs after ReverseProxy has taken
// off what the caller's Connection field names, so nothing that is set here
// can be removed by the caller, which is why Rewrite is used and never
// Director.
func (c *call) rewrite(p *httputil.ProxyRequest) {
	c.aim(p.Out, &c.route.operation.proxy.upstream)
	c.out.SetHeader(p.Out.Header)
	c.rewriteFields(&c.out)
	p.Out.Header = c.out.Header()
	// Trailers come when the policies have long run.
	p.Out.Trailer = nil
}

// rewriteFields makes the outgoing header of what is left of the caller's.
func (c *call) rewriteFields(f *wire.Fields) {
	cleanFields(f, c.x.Strip)
	c.changeRequest(f)
	for _, name := range c.x.StripCookies {
		dropCookie(f, name)
	}
	if c.upgrade == nil {
		// Clients that offer h2c on every call are answered as if they had
		// not; no other protocol is spoken through the gateway.
		f.Del("Upgrade")
		f.Del("Connection")
	}
	f.Set(CorrelationHeader, c.id)
	c.setForwarded(f)
	setOwn(f, c.x.Set)
	if c.trace != nil {
		h := f.Header()
		c.trace.Forward(h)
		f.SetHeader(h)
	}
}

// aim points the outgoing request at an address of the upstream. Path and RawPath together
// make net/url write the normal form byte for byte.
func (c *call) aim(out *http.Request, to *upstream) {
	path := to.path(c.rest())
	decoded := path
	if strings.IndexByte(path, '%') >= 0 {
		decoded = decode(path)
	}
	*out.URL = url.URL{
		Scheme: to.scheme, Host: to.host,
		Path: decoded, RawPath: path, RawQuery: c.query(),
	}
	out.Host = to.host
}

// rest is the path after the base path.
func (c *call) rest() string {
	return c.target.path[segmentsEnd(c.target.path, c.route.owner.segments):]
}

// query is the caller's without what policies strip.
func (c *call) query() string {
	q := c.target.query
	for _, name := range c.x.StripParameters {
		q = dropParameter(q, name)
	}
	return q
}

// secure tells whether the caller used TLS, as far as a trusted proxy tells.
func (c *call) secure() bool {
	if !c.trusted {
		return c.r.TLS != nil
	}
	if before := c.in.Values("X-Forwarded-Proto"); len(before) == 1 && (before[0] == "http" || before[0] == "https") {
		return before[0] == "https"
	}
	return c.r.TLS != nil
}

// setForwarded tells the upstream where the call came from. What a trusted
// proxy said before is kept and continued; what anybody else said is gone.
func (c *call) setForwarded(f *wire.Fields) {
	chain, host, proto := c.peerText(), c.host, "http"
	if c.secure() {
		proto = "https"
	}
	if c.trusted {
		if before := c.in.Values("X-Forwarded-For"); len(before) > 0 {
			chain = strings.Join(before, ", ") + ", " + chain
		}
		if before := c.in.Values("X-Forwarded-Host"); len(before) == 1 {
			if name, port, err := normalHost(before[0]); err == nil && name != "" {
				host = forwardedHost(before[0], name, port)
			}
		}
	}
	f.Set("X-Forwarded-Proto", proto)
	f.Set("X-Forwarded-For", chain)
	f.Set("X-Forwarded-Host", host)
}

// peerText is the peer's address; for IPv4 it is a part of RemoteAddr, which
// costs no memory.
func (c *call) peerText() string {
	if i := strings.LastIndexByte(c.r.RemoteAddr, ':'); i > 0 && c.r.RemoteAddr[0] != '[' {
		return c.r.RemoteAddr[:i]
	}
	if !c.peer.IsValid() {
		return "unknown"
	}
	return c.peer.String()
}

// modify sees the upstream's header first.
func (c *call) modify(res *wire.Answer) error {
	c.answered = c.g.now()
	if err := c.frame(res); err != nil {
		return err
	}
	return c.changeAnswer(res)
}

// modifyResponse is modify for net/http's ReverseProxy.
func (c *call) modifyResponse(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return c.modifySwitch(res)
	}
	c.spoke(res)
	var fields wire.Fields
	fields.SetHeader(res.Header)
	a := wire.Answer{StatusCode: res.StatusCode, Fields: &fields, ContentLength: res.ContentLength, Body: res.Body, Trailer: res.Trailer}
	if err := c.modify(&a); err != nil {
		return err
	}
	if a.Body != res.Body {
		res.TransferEncoding = nil
	}
	res.Header, res.ContentLength, res.Body, res.Trailer = fields.Header(), a.ContentLength, a.Body, a.Trailer
	return nil
}

// modifySwitch: the answer to a handshake is not written through the call, so what
// WriteHeader does is done here.
func (c *call) modifySwitch(res *http.Response) error {
	c.answered = c.g.now()
	if c.upgrade == nil || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || !asksForUpgrade(res.Header["Connection"]) {
		return errSwitch
	}
	var fields wire.Fields
	fields.SetHeader(res.Header)
	if err := c.changeAnswer(&wire.Answer{StatusCode: res.StatusCode, Fields: &fields}); err != nil {
		return err
	}
	fields.Set(CorrelationHeader, c.id)
	res.Header = fields.Header()
	c.sent, c.status = true, res.StatusCode
	c.upgrade.begin(c.x.Identity.Expires, c.g.now())
	return nil
}

var errSwitch = errors.New("the API switched to a protocol that it was not asked for")
