package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// dialer connects to addresses that the destination rule allows. It asks the rule
// about the very address that it then connects to: a name that is resolved a
// second time may lead elsewhere (DNS rebinding).
type dialer struct {
	allow func(netip.Addr) error
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var failed []error
	for i, a := range addresses {
		conn, err := dialOne(ctx, net.JoinHostPort(a.String(), port), len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// resolve gives the allowed addresses of a host.
func (d dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("find the address of %s: %w", host, err)
	}
	var allowed []netip.Addr
	refused := fmt.Errorf("%s has no address", host)
	for _, a := range all {
		a = a.Unmap()
		if d.allow != nil {
			if err := d.allow(a); err != nil {
				refused = fmt.Errorf("connect to %s: %w", a, err)
				continue
			}
		}
		allowed = append(allowed, a)
	}
	if len(allowed) == 0 {
		return nil, refused
	}
	return allowed, nil
}

// dialOne gives an address its share of the time that is left, so that a dead one
// does not take all of it.
func dialOne(ctx context.Context, address string, remaining int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		share, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(remaining))
		defer cancel()
		ctx = share
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}
