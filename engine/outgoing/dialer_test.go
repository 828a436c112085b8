package outgoing_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/outgoing"
)

// listener accepts and closes; it counts.
func listener(t *testing.T) (port string, accepted *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, accepted
}

func answers(lists ...[]string) func(context.Context, string) ([]netip.Addr, error) {
	var asked atomic.Int32
	return func(context.Context, string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, s := range lists[min(int(asked.Add(1)), len(lists))-1] {
			out = append(out, netip.MustParseAddr(s))
		}
		return out, nil
	}
}

func TestARefusedAddressIsNotConnectedTo(t *testing.T) {
	t.Parallel()
	port, accepted := listener(t)
	for _, host := range []string{"127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "localhost", "intranet.example"} {
		d := outgoing.Dialer{Allow: outgoing.Rule{}.Allow}
		if host == "intranet.example" {
			d.Resolve = answers([]string{"127.0.0.1"})
		}
		var refused *outgoing.Refused
		if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.As(err, &refused) {
			t.Errorf("%s: %v; want a refusal", host, err)
		}
	}
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
}

func TestANameThatChangesItsAnswerIsAskedOnce(t *testing.T) {
	t.Parallel()
	port, accepted := listener(t)
	asked := answers([]string{"127.0.0.1"}, []string{"127.0.0.2"})
	d := outgoing.Dialer{Allow: rule(t, "127.0.0.1").Allow, Resolve: asked}
	conn, err := d.DialContext(t.Context(), "tcp", "rebind.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if got := conn.RemoteAddr().(*net.TCPAddr).IP.String(); got != "127.0.0.1" {
		t.Errorf("connected to %s, want the address that was checked", got)
	}
	// The second answer is another address: refused, not connected to.
	var refused *outgoing.Refused
	if _, err := d.DialContext(t.Context(), "tcp", "rebind.example:"+port); !errors.As(err, &refused) {
		t.Errorf("after rebinding: %v; want a refusal", err)
	}
	if n := accepted.Load(); n > 1 {
		t.Errorf("%d connections arrived, want one", n)
	}
}

func TestRefusedAddressesAmongAllowedOnesAreLeftOut(t *testing.T) {
	t.Parallel()
	port, _ := listener(t)
	d := outgoing.Dialer{Allow: rule(t, "127.0.0.1").Allow, Resolve: answers([]string{"::1", "169.254.169.254", "127.0.0.1"})}
	conn, err := d.DialContext(t.Context(), "tcp", "mixed.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.RemoteAddr().(*net.TCPAddr).IP.String(); got != "127.0.0.1" {
		t.Errorf("connected to %s", got)
	}
}

func TestAnUnreachableAddressLeavesTheNextItsTurn(t *testing.T) {
	t.Parallel()
	port, _ := listener(t)
	d := outgoing.Dialer{Resolve: answers([]string{"127.0.0.9", "127.0.0.1"})} // nothing listens on .9
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", "two.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestANameWithoutAddressesIsAnError(t *testing.T) {
	t.Parallel()
	d := outgoing.Dialer{Resolve: answers(nil)}
	if _, err := d.DialContext(t.Context(), "tcp", "none.example:443"); err == nil {
		t.Error("no error")
	}
}
