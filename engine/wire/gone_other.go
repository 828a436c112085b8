//go:build !linux

package wire

import "syscall"

// ended sees the end where nothing waits to be read before it; a goodbye of TLS does.
func ended(s syscall.RawConn) bool {
	n, said := peek(s)
	return said && n == 0
}
