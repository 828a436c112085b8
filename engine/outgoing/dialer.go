package outgoing

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// maxTried bounds the addresses that one dial tries: whoever answers for a name
// could otherwise make it a tour through a thousand of them.
const maxTried = 8

// Dialer connects to what a rule allows. The zero Dialer allows everything and
// asks the system's resolver.
type Dialer struct {
	// Allow decides about an address, such as Rule.Allow; nil allows all.
	Allow func(netip.Addr) error
	// Resolve gives the addresses of a host name; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Candidate is an address of a host with what the rule says about it.
type Candidate struct {
	Addr netip.Addr
	// Err is nil when the address may be called.
	Err error
}

// Candidates resolves a host name, or reads an address, and asks the rule about
// every result.
func (d Dialer) Candidates(ctx context.Context, host string) ([]Candidate, error) {
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	out := make([]Candidate, 0, len(addrs))
	for _, a := range addrs {
		c := Candidate{Addr: a.Unmap()}
		if d.Allow != nil {
			c.Err = d.Allow(c.Addr)
		}
		out = append(out, c)
	}
	return out, nil
}

func (d Dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if d.Resolve != nil {
		return d.Resolve(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// DialContext connects like net.Dialer.DialContext, for "tcp" networks. The
// name is resolved once and only addresses that were checked are connected to,
// so that a name which changes its answer between check and use (DNS rebinding)
// gains nothing. Errors are a *Refused when no address is allowed, else the
// network's *net.OpError or *net.DNSError.
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	candidates, err := d.Candidates(ctx, host)
	if err != nil {
		return nil, err
	}
	addrs, err := allowed(host, candidates)
	if err != nil {
		return nil, err
	}
	return dialAny(ctx, network, addrs, port)
}

// allowed are the candidates that may be called. Where none is, the first
// refusal stands for all.
func allowed(host string, candidates []Candidate) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, c := range candidates {
		if c.Err == nil {
			out = append(out, c.Addr)
		}
	}
	switch {
	case len(candidates) == 0:
		return nil, fmt.Errorf("%s has no address", host)
	case len(out) == 0:
		return nil, fmt.Errorf("%s may not be called: %w", host, candidates[0].Err)
	}
	return out[:min(len(out), maxTried)], nil
}

func dialAny(ctx context.Context, network string, addrs []netip.Addr, port string) (net.Conn, error) {
	var errs []error
	for i, a := range addrs {
		conn, err := dialOne(ctx, network, net.JoinHostPort(a.String(), port), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// dialOne takes its share of the time that is left for so many addresses, so
// that one silent address does not cost the others their turn.
func dialOne(ctx context.Context, network, address string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}
