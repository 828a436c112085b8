package main

import (
	"syscall"
	"time"
)

// pause sleeps to within some ten microseconds; timers of the runtime keep to
// milliseconds when it waits for the network, too.
func pause(d time.Duration) {
	t := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&t, nil) // woken too early, it is called again
}
