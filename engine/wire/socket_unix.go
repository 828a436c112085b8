//go:build unix

package wire

import "syscall"

// peek looks at what has come in on a socket without taking it: how much, and whether
// anything can be said at all. Nothing and no error is the other end's goodbye.
func peek(s syscall.RawConn) (n int, ok bool) {
	var one [1]byte
	err := s.Control(func(fd uintptr) {
		var failed error
		n, _, failed = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ok = failed == nil || failed == syscall.ECONNRESET
	})
	return max(n, 0), ok && err == nil
}

// probe tells whether an idle connection can be used: nothing has come in on it, no
// goodbye and no word that nobody asked for.
type probe struct {
	socket syscall.RawConn
	look   func(fd uintptr) bool
	quiet  bool
	one    [1]byte
}

func newProbe(s syscall.RawConn) *probe {
	p := &probe{socket: s}
	p.look = func(fd uintptr) bool { // bound once, so that asking allocates nothing
		_, err := syscall.Read(int(fd), p.one[:])
		p.quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	}
	return p
}

func (p *probe) ok() bool {
	p.quiet = false
	return p.socket.Read(p.look) == nil && p.quiet
}
