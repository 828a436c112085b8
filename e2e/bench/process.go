package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// process is one whose use of the machine is read from /proc, where there is one.
type process struct{ dir string }

func processOf(pid int) *process { return &process{filepath.Join("/proc", strconv.Itoa(pid))} }

// tick is the unit of times in /proc/PID/stat: USER_HZ, 100 a second wherever Go runs.
const tick = 10 * time.Millisecond

// cpu is the processor time of all threads so far; false where there is no telling.
func (p *process) cpu() (time.Duration, bool) {
	if p == nil {
		return 0, false
	}
	raw, err := os.ReadFile(filepath.Join(p.dir, "stat"))
	if err != nil {
		return 0, false
	}
	// The second field is the name in brackets, which may hold anything; utime and
	// stime are the 14th and 15th.
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 13 {
		return 0, false
	}
	user, userErr := strconv.ParseInt(string(fields[11]), 10, 64)
	system, systemErr := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick, userErr == nil && systemErr == nil
}

// memory is what it has resident, in MiB; 0 where there is no telling.
func (p *process) memory() float64 {
	if p == nil {
		return 0
	}
	raw, _ := os.ReadFile(filepath.Join(p.dir, "status"))
	_, rest, _ := bytes.Cut(raw, []byte("VmRSS:"))
	var kib float64
	_, _ = fmt.Sscan(string(rest), &kib)
	return kib / 1024
}
