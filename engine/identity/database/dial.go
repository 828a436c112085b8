package database

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/gatewright/gatewright/engine/outgoing"
)

// maxAnswer bounds what a database may send for one request, in bytes: a server
// that sends without end, or a role query with megabytes in each of its rows, must
// not fill our memory.
const maxAnswer = 16 << 20

var errTooMuch = errors.New("the answer of the database is larger than 16 MiB")

// dial connects where the destination rule allows it. It asks the rule about the
// very address that it then connects to.
func dial(allow func(netip.Addr) error) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := outgoing.Dialer{Allow: allow}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &meter{Conn: conn}, nil
	}
}

// meter counts what was read since the last request.
type meter struct {
	net.Conn
	read atomic.Int64
}

// Read implements net.Conn.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.read.Add(int64(n)) > maxAnswer {
		return 0, errTooMuch
	}
	return n, err
}

// Write implements net.Conn. What we send asks for another answer.
func (m *meter) Write(p []byte) (int, error) {
	m.read.Store(0)
	return m.Conn.Write(p)
}

// SyscallConn implements syscall.Conn, by which drivers find out whether the server
// has closed the connection meanwhile.
func (m *meter) SyscallConn() (syscall.RawConn, error) {
	if c, ok := m.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
