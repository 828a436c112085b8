package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/balance"
	"github.com/gatewright/gatewright/engine/wire"
)

// balanced carries its call to one of the addresses of the API, and to another one
// where the rules of retries allow that: by RoundTrip, as an http.RoundTripper for
// the one request of its call, or by relay. end comes after either.
type balanced struct {
	call *call
	try  balance.Try
	// open tells that try has begun, told that its outcome was reported.
	open, told bool

	relayed  relayed
	reversed reversed
}

// way is how an address is asked. It keeps the answer of the last try.
type way interface {
	ask(to *address, again bool) (status int, err error)
	// discard gives that answer up in favour of the next try's. It does not wait for
	// the rest of it.
	discard()
	// gone tells that the body cannot be sent again after a try that ended so.
	gone(balance.Outcome) bool
}

func (b *balanced) bind(c *call) { b.call, b.relayed.call, b.reversed.call = c, c, c }

// relay asks as call.relay does.
func (b *balanced) relay() (*wire.Answer, error) {
	err := b.carry(&b.relayed)
	return b.relayed.answer, err
}

// RoundTrip implements http.RoundTripper.
func (b *balanced) RoundTrip(r *http.Request) (*http.Response, error) {
	b.reversed.request, b.reversed.body = r, keepUnread(r, b.call.route.operation.proxy.retries)
	defer func() { b.reversed.request, b.reversed.body, b.reversed.answer = nil, nil, nil }()
	err := b.carry(&b.reversed)
	return b.reversed.answer, err
}

func (b *balanced) carry(by way) error {
	to := b.call.route.operation.proxy
	try, ok := to.balancer.Pick(0)
	if !ok {
		return &nobodyIsWell{to.balancer.Wait()}
	}
	tried := balance.Set(0)
	for made := 1; ; made++ {
		b.begin(try)
		tried = tried.With(try.Address())
		status, err := by.ask(&to.addresses[try.Address()], made > 1)
		outcome := b.outcome(status, err)
		b.tell(outcome)
		if !to.retries.Allow(b.call.r.Method, by.gone(outcome), outcome, made) {
			return err
		}
		if try, ok = to.balancer.Pick(tried); !ok {
			return err
		}
		b.end()
		to.balancer.CountRetry()
		by.discard()
	}
}

// relayed asks over a connection of the gateway's own.
type relayed struct {
	call   *call
	answer *wire.Answer
}

func (w *relayed) ask(to *address, _ bool) (status int, err error) {
	if w.answer, err = w.call.relayTo(&to.upstream, to.pool); err != nil {
		return 0, err
	}
	return w.answer.StatusCode, nil
}

func (w *relayed) discard() {
	if w.answer != nil {
		_ = w.answer.Body.Close()
	}
}

// gone is as strict as with the standard library, although the body is still there:
// what is tried again must not depend on how long a body is.
func (w *relayed) gone(o balance.Outcome) bool {
	return (w.call.asked.Length > 0 || w.call.asked.Stream != nil) && o != balance.NotConnected
}

// reversed asks by the standard library.
type reversed struct {
	call    *call
	request *http.Request
	body    *unread
	answer  *http.Response
}

func (w *reversed) ask(to *address, again bool) (status int, err error) {
	if again { // what the last try left behind may still look at its request
		next := *w.request
		next.URL = new(url.URL)
		w.request = &next
	}
	w.call.aim(w.request, &to.upstream)
	if w.answer, err = w.call.route.operation.proxy.transport.RoundTrip(w.request); err != nil {
		return 0, err
	}
	return w.answer.StatusCode, nil
}

func (w *reversed) discard() {
	if w.answer != nil {
		_ = w.answer.Body.Close()
	}
}

func (w *reversed) gone(o balance.Outcome) bool { return w.body.gone(o) }

func (b *balanced) begin(try balance.Try) { b.try, b.open, b.told = try, true, false }

func (b *balanced) tell(o balance.Outcome) {
	if !b.told {
		b.told = true
		b.try.Report(o)
	}
}

// end gives back what the call had of its address: for as long as the answer
// goes on, the call is under way there.
func (b *balanced) end() {
	if !b.open {
		return
	}
	b.tell(balance.Abandoned)
	b.try.Release()
	b.open = false
}

// outcome sorts what became of a try. What the caller did is not the address's
// fault.
func (b *balanced) outcome(status int, err error) balance.Outcome {
	switch {
	case err != nil && (b.left() || b.call.body.err() != nil || errors.Is(err, wire.ErrHTTP2)):
		return balance.Abandoned
	case err != nil:
		return failure(err)
	}
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return balance.Unavailable
	}
	return balance.Answered
}

// failure is apart from outcome as it costs memory.
func failure(err error) balance.Outcome {
	var network net.Error
	switch {
	case notConnected(err):
		return balance.NotConnected
	case errors.As(err, &network) && network.Timeout():
		return balance.TimedOut
	}
	return balance.Broken
}

// left tells that nobody waits for the answer any more.
func (b *balanced) left() bool {
	if b.call.upgrade != nil {
		return b.call.upgrade.request.Context().Err() != nil
	}
	return b.call.r.Context().Err() != nil
}

// notConnected tells that nothing of a request can have been sent: neither a
// connection nor a handshake came about. Alerts are not among that: with TLS 1.3
// they may come after the request.
func notConnected(err error) bool {
	var op *net.OpError
	var handshake *wire.HandshakeError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	if errors.As(err, &handshake) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &certificate) || errors.As(err, &record) {
		return true
	}
	text := err.Error() // net/http has no types for these
	return strings.HasSuffix(text, "TLS handshake timeout") || strings.HasSuffix(text, "server gave HTTP response to HTTPS client")
}

// unread is a body that is kept for the next try until somebody reads it:
// transports close it also when they found no connection.
type unread struct {
	io.ReadCloser
	begun atomic.Bool
}

// keepUnread is nil where there is nothing to keep.
func keepUnread(r *http.Request, rules balance.Retries) *unread {
	if r.Body == nil || r.Body == http.NoBody || rules.Count == 0 || !balance.Idempotent(r.Method) {
		return nil
	}
	u := &unread{ReadCloser: r.Body}
	r.Body = u
	return u
}

// Read implements io.Reader.
func (u *unread) Read(p []byte) (int, error) {
	u.begun.Store(true)
	return u.ReadCloser.Read(p)
}

// Close implements io.Closer. What was not begun is closed with the call.
func (u *unread) Close() error {
	if !u.begun.Load() {
		return nil
	}
	return u.ReadCloser.Close()
}

// gone tells that the body cannot be sent again. Where a connection came about
// somebody may begin to read it at any moment.
func (u *unread) gone(o balance.Outcome) bool {
	return u != nil && (o != balance.NotConnected || u.begun.Load())
}

// nobodyIsWell is why a call is refused without a try.
type nobodyIsWell struct{ wait time.Duration }

// Error says it for the operator.
func (*nobodyIsWell) Error() string { return "every address of the API rests or is down" }

// after is what Retry-After says (RFC 9110 section 10.2.3).
func (e *nobodyIsWell) after() string {
	return strconv.Itoa(int((e.wait + time.Second - 1) / time.Second))
}
