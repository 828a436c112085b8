//go:build unix

package wire

import (
	"net"
	"os"
	"syscall"
)

// turn asks over an idle socket: it looks, writes and waits in one go. The look tells that
// nothing has come in that nobody asked for, and no goodbye. It also is the read that the
// runtime must see fail before it waits, since what comes in after it wakes the waiting
// one. net.Conn would look a second time, after the request, nearly always in vain.
type turn struct {
	socket syscall.RawConn
	step   func(fd uintptr) bool
	text   []byte
	wrote  int
	asked  bool
	failed error
	one    [1]byte
	// written is called before the wait, if all of it was.
	written func()
}

// newTurn is nil for what is no bare socket, such as TLS.
func newTurn(nc net.Conn, written func()) *turn {
	s, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	t := &turn{socket: raw, written: written}
	t.step = t.take // bound once, so that asking allocates nothing
	return t
}

// ask writes a request and waits until something comes in, for as long as the socket's
// deadline for reading says. errStale is for a socket that cannot be used; nothing was
// written to it. When less was written than asked for without an error, the rest is
// still to be written and nothing was waited for.
func (t *turn) ask(text []byte) (wrote int, err error) {
	t.text, t.wrote, t.asked, t.failed = text, 0, false, nil
	err = t.socket.Read(t.step)
	t.text = nil
	if op, ok := err.(*net.OpError); ok {
		op.Op = "read" // as net.Conn says
	}
	if t.failed != nil {
		err = t.failed
	}
	return t.wrote, err
}

func (t *turn) take(fd uintptr) (done bool) {
	if t.asked {
		return true
	}
	t.asked = true
	if _, err := syscall.Read(int(fd), t.one[:]); err != syscall.EAGAIN && err != syscall.EWOULDBLOCK {
		t.failed = errStale
		return true
	}
	n, err := syscall.Write(int(fd), t.text)
	if err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR {
		n, err = 0, nil
	}
	t.wrote = max(n, 0)
	if err != nil {
		t.failed = &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", err)}
	}
	if err != nil || t.wrote < len(t.text) {
		return true
	}
	t.written()
	return false
}
