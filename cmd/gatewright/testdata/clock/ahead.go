package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// ahead is by how many seconds the wall clock of a process under test is ahead: the
// first eight bytes of a file, which the test changes while the process runs.
var ahead = mapAhead()

func mapAhead() *int64 {
	path, there := syscall.Getenv("CLOCK_UNDER_TEST")
	if !there {
		return new(int64)
	}
	file, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	shared, err := syscall.Mmap(file, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&shared[0]))
}

// runtimeNowAhead is what Now calls there in place of runtimeNow. The clock that only
// runs on is left alone, as it is when somebody sets a machine's clock.
func runtimeNowAhead() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	return sec + atomic.LoadInt64(ahead), nsec, mono
}
