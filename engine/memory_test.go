package engine

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// It sets the memory limit of the process, so it does not run beside others.
func TestCallsAreShedBeforeMemoryEnds(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	held := make([]byte, 64<<20)
	runtime.GC()
	crowd := func() bool {
		var l load
		l.calls.Store(63) // memory is looked at once in 64 calls under way
		return l.more(0)
	}
	if !crowd() {
		t.Error("refused without a limit")
	}
	debug.SetMemoryLimit(64 << 20)
	if crowd() {
		t.Error("let in with all memory in use")
	}
	debug.SetMemoryLimit(1 << 30)
	if !crowd() {
		t.Error("refused with most memory free")
	}
	runtime.KeepAlive(held)
}
