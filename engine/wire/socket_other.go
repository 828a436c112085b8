//go:build !unix

package wire

import "syscall"

func peek(syscall.RawConn) (int, bool) { return 0, false }

type probe struct{}

func newProbe(syscall.RawConn) *probe { return &probe{} }

func (*probe) ok() bool { return true }
