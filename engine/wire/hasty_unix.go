//go:build unix

package wire

import (
	"io"
	"syscall"
)

// readNow takes what has come in on the socket.
func (b *below) readNow(fd uintptr) bool {
	n, err := syscall.Read(int(fd), b.into)
	switch {
	case n > 0:
		b.count, b.err = n, nil
	case err == nil:
		b.err = io.EOF
	case err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR:
		b.err = err
	}
	return true
}
