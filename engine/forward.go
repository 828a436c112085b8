package engine

import (
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
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
	r := c.r
	switch {
	case asksForWebSocket(r):
		c.upgrade = c.g.sockets.add(r)
		defer c.g.sockets.remove(c.upgrade)
		r = c.upgrade.request
	case r.Body != nil && r.Body != http.NoBody:
		// On a copy: net/http looks at the body in its own request to find
		// out whether the connection can be used again.
		c.body = c.outgoing(r)
		r = withBody(r, c.body)
	}
	c.called = c.g.now()
	c.proxy.Transport = c.route.operation.proxy.transport
	c.proxy.ServeHTTP(c, r)
}

func withBody(r *http.Request, b *body) *http.Request {
	changed := *r
	changed.Body = b
	return &changed
}

// rewrite makes the outgoing request. It runs after ReverseProxy has taken
// off what the caller's Connection field names, so nothing that is set here
// can be removed by the caller, which is why Rewrite is used and never
// Director.
func (c *call) rewrite(p *httputil.ProxyRequest) {
	c.aim(p.Out)
	h := p.Out.Header
	cleanFields(h, c.x.Strip)
	c.changeRequest(h)
	for _, name := range c.x.StripCookies {
		dropCookie(h, name)
	}
	if c.upgrade == nil {
		// Clients that offer h2c on every call are answered as if they had
		// not; no other protocol is spoken through the gateway.
		delete(h, "Upgrade")
		delete(h, "Connection")
	}
	// Trailers come when the policies have long run.
	p.Out.Trailer = nil
	own := newFields(h, 2+len(c.x.Set))
	h[CorrelationHeader] = c.ids
	c.setForwarded(&own)
	own.setAll(c.x.Set)
}

// aim points the outgoing request at the upstream. Path and RawPath together
// make net/url write the normal form byte for byte.
func (c *call) aim(out *http.Request) {
	to := &c.route.operation.proxy.upstream
	path := to.path(c.target.path[segmentsEnd(c.target.path, c.route.owner.segments):])
	decoded := path
	if strings.IndexByte(path, '%') >= 0 {
		decoded = decode(path)
	}
	*out.URL = url.URL{
		Scheme: to.scheme, Host: to.host,
		Path: decoded, RawPath: path, RawQuery: c.target.query,
	}
	for _, name := range c.x.StripParameters {
		out.URL.RawQuery = dropParameter(out.URL.RawQuery, name)
	}
	out.Host = to.host
}

// secure tells whether the caller used TLS, as far as a trusted proxy tells.
func (c *call) secure() bool {
	if !c.trusted {
		return c.r.TLS != nil
	}
	if before := c.r.Header["X-Forwarded-Proto"]; len(before) == 1 && (before[0] == "http" || before[0] == "https") {
		return before[0] == "https"
	}
	return c.r.TLS != nil
}

var forwardedProto = map[bool][]string{false: {"http"}, true: {"https"}}

// setForwarded tells the upstream where the call came from. What a trusted
// proxy said before is kept and continued; what anybody else said is gone.
func (c *call) setForwarded(own *fields) {
	in := c.r.Header
	chain, host := c.peerText(), c.host
	if c.trusted {
		if before := in["X-Forwarded-For"]; len(before) > 0 {
			chain = strings.Join(before, ", ") + ", " + chain
		}
		if before := in["X-Forwarded-Host"]; len(before) == 1 {
			if name, port, err := normalHost(before[0]); err == nil && name != "" {
				host = forwardedHost(before[0], name, port)
			}
		}
	}
	own.header["X-Forwarded-Proto"] = forwardedProto[c.secure()]
	own.set("X-Forwarded-For", chain)
	own.set("X-Forwarded-Host", host)
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

// modifyResponse sees the upstream's header first. The answer to a handshake
// is not written through the call, so what WriteHeader does is done here.
func (c *call) modifyResponse(res *http.Response) error {
	c.answered = c.g.now()
	if res.StatusCode != http.StatusSwitchingProtocols {
		if err := c.frame(res); err != nil {
			return err
		}
		return c.changeAnswer(res)
	}
	if c.upgrade == nil || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || !asksForUpgrade(res.Header["Connection"]) {
		return errSwitch
	}
	if err := c.changeAnswer(res); err != nil {
		return err
	}
	res.Header[CorrelationHeader] = c.ids
	c.sent, c.status = true, res.StatusCode
	c.upgrade.begin(c.x.Identity.Expires, c.g.now())
	return nil
}

var errSwitch = errors.New("the API switched to a protocol that it was not asked for")
