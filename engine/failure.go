package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/gatewright/gatewright/engine/fault"
)

// upstreamFault sorts what went wrong between gateway and upstream.
func upstreamFault(err error) fault.Type {
	var dns *net.DNSError
	if errors.As(err, &dns) && !dns.IsTimeout {
		return fault.UpstreamUnknown
	}
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return fault.UpstreamTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.UpstreamRefused
	case handshake(err):
		return fault.UpstreamTLS
	}
	return fault.UpstreamConnection
}

// handshake finds the failures of TLS. Some have no type, only a text; should
// that text ever change, they become connection failures, still a 502.
func handshake(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	if errors.As(err, &certificate) || errors.As(err, &record) {
		return true
	}
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") {
		return true // an alert, from there or from here
	}
	text := err.Error()
	return strings.HasPrefix(text, "tls: ") || strings.HasSuffix(text, "server gave HTTP response to HTTPS client")
}

// forwardFailed is the end of a call that got no answer from the upstream.
// The caller's own fault is looked for first: the transport's error is only
// its echo.
func (c *call) forwardFailed(_ http.ResponseWriter, _ *http.Request, err error) {
	if stopped := new(stopped); errors.As(err, &stopped) {
		c.reject(stopped.by, stopped.err)
		return
	}
	left := c.r.Context().Err() != nil
	broken := c.body.err()
	if left {
		broken = c.body.settled()
	}
	if c.unfinished() {
		c.closeAfter()
	}
	var nobody *nobodyIsWell
	switch {
	case errors.Is(broken, errTooLarge):
		c.closeAfter()
		c.refuse(fault.TooLarge, broken)
	case left && !errors.Is(broken, os.ErrDeadlineExceeded): // who is slow still listens
		c.gone()
	case broken != nil:
		c.closeAfter()
		c.refuse(fault.BadRequest, fmt.Errorf("body: %w", broken))
	case errors.As(err, &nobody):
		c.fields.Set("Retry-After", nobody.after())
		c.refuse(fault.UpstreamResting, err)
	default:
		c.refuse(upstreamFault(err), err)
	}
}
