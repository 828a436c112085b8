package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/outgoing"
)

const (
	maxAnswer = 1 << 20  // bytes of a body, after decompression
	maxHeader = 64 << 10 // bytes of the headers
	pause     = 50 * time.Millisecond
)

// answer is what the service said.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	document any // the body as JSON, once it is needed
	tls      *tls.ConnectionState
}

// connectionError means that no whole answer came.
type connectionError struct{ error }

func (e *connectionError) Unwrap() error { return e.error }

// send makes the request, again where that may help and does no harm.
func (s *source) send(ctx context.Context, c *call, w *watch) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := s.once(ctx, c)
		if attempt > s.config.Retries || !s.again(a, err) || !wait(ctx, pause<<attempt) {
			w.answered(a, err)
			return a, inWords(ctx, err)
		}
		w.step(true, fmt.Sprintf("Attempt %d", attempt), "%s; asking again.", outcome(a, err))
	}
}

// wait sleeps, but not when the deadline would come first.
func wait(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once goes below http.Client: no redirect is followed, and no error quotes the
// address with a user's name in it.
func (s *source) once(ctx context.Context, c *call) (*answer, error) {
	r, err := c.request(ctx, s.config.Method)
	if err != nil {
		return nil, err
	}
	resp, err := s.transport.RoundTrip(r)
	if err != nil {
		return nil, &connectionError{err}
	}
	defer resp.Body.Close()
	// The limit counts decompressed bytes, so that a bomb is not unpacked.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, &connectionError{err}
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body, tls: resp.TLS}, nil
}

// again tells whether to repeat. A request that never left can always be
// repeated; one that may have arrived only if that is no second guess.
func (s *source) again(a *answer, err error) bool {
	repeatable := s.config.Method != http.MethodPost || s.config.RetryPost
	if err == nil {
		return repeatable && slices.Contains([]int{502, 503, 504}, a.status)
	}
	var failed *connectionError
	if !errors.As(err, &failed) || lasting(err) {
		return false
	}
	return repeatable || neverLeft(err)
}

// lasting tells that the next attempt would fail as well.
func lasting(err error) bool {
	var refused *outgoing.Refused
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var dns *net.DNSError
	return errors.As(err, &refused) || errors.As(err, &certificate) || errors.As(err, &alert) ||
		errors.As(err, &dns) && dns.IsNotFound
}

func neverLeft(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}

// inWords says what failed so that an administrator knows where to look.
func inWords(ctx context.Context, err error) error {
	var refused *outgoing.Refused
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fmt.Errorf("the service may not be called: %w", err)
	case errors.As(err, &authority):
		return fmt.Errorf("the service's certificate is from an authority that is not trusted; give its CA certificate: %w", err)
	case errors.As(err, &name), errors.As(err, &invalid):
		return fmt.Errorf("the service's certificate does not fit: %w", err)
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the service did not answer in time: %w", context.Cause(ctx))
	}
	var connection *connectionError
	if errors.As(err, &connection) {
		return fmt.Errorf("the connection to the service failed: %w", err)
	}
	return err
}
