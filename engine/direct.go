package engine

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/engine/wire"
)

// newPool is for HTTP/1.1 with an address, over TLS as newTransport speaks it.
func newPool(u *upstream) *wire.Pool {
	address := u.address()
	if u.scheme != "https" {
		return wire.NewPool(address, u.timeouts.connect, u.timeouts.response)
	}
	name := (&url.URL{Host: u.host}).Hostname()
	return wire.NewSecurePool(address, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}, u.timeouts.connect, u.timeouts.response)
}

// international names are net/http's, which knows how to write them (RFC 5891).
func international(host string) bool {
	return strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 })
}

// direct tells whether the API can be asked without the standard library: over HTTP/1.1,
// at all its addresses, as far as is known.
func (b *backend) direct() bool {
	if b.pool == nil || b.pool.HTTP2() {
		return false
	}
	for i := range b.addresses {
		if b.addresses[i].pool.HTTP2() {
			return false
		}
	}
	return true
}

// spoke remembers that an address which had chosen HTTP/2 does so no more. A handshake
// for WebSocket says nothing: it offers HTTP/1.1 alone.
func (c *call) spoke(res *http.Response) {
	if res.ProtoMajor != 1 || c.upgrade != nil {
		return
	}
	to := c.route.operation.proxy
	pool := to.pool
	if to.balancer != nil {
		pool = to.addresses[c.balanced.try.Address()].pool
	}
	if pool != nil && pool.HTTP2() {
		pool.SpeaksHTTP1()
	}
}
