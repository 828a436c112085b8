package wire

import (
	"encoding/binary"
	"syscall"
)

const established = 1 // TCP_ESTABLISHED, netinet/tcp.h

// ended tells whether the other end has closed its direction, whatever still waits to be
// read: goodbyes of TLS do. It is the first byte of TCP_INFO, tcp(7).
func ended(s syscall.RawConn) bool {
	state := [4]byte{established}
	err := s.Control(func(fd uintptr) {
		if n, failed := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO); failed == nil {
			binary.NativeEndian.PutUint32(state[:], uint32(n))
		}
	})
	return err == nil && state[0] != established
}
