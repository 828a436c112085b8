package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

const (
	// containerShare leaves an eighth of what the container may have to what Go does
	// not count: the program's own pages, buffers of sockets, files that are written.
	containerShare = 7.0 / 8
	// sharedShare leaves the other half to those who are there too: whoever else is on
	// the machine, and in a container the database that serve starts itself.
	sharedShare = 1.0 / 2
)

// memoryLimit is how much memory the process gives itself, and why.
type memoryLimit struct {
	bytes int64
	from  string
}

// limitMemory sets a limit where the operator has set none: without one no call is
// refused for want of memory, until the system ends the process. It comes before
// the gateways, which take their shares of it. What it returns says so in the log.
func (s *service) limitMemory() (tell func()) {
	say := func(limit, from string) func() {
		return func() { s.logger.Info("memory limit", "limit", limit, "from", from) }
	}
	if set := s.goMemoryLimit(); set != "" {
		return say(set, "GOMEMLIMIT")
	}
	share := containerShare
	if s.DatabaseURL == "" {
		share = sharedShare
	}
	limit, known := chooseMemoryLimit(os.DirFS("/"), share)
	if !known {
		return func() {}
	}
	debug.SetMemoryLimit(limit.bytes)
	return say(fmt.Sprintf("%dMiB", limit.bytes>>20), limit.from)
}

// goMemoryLimit is what the runtime has read already; "off" is a choice too.
func (p *process) goMemoryLimit() (set string) {
	for _, kv := range p.environ {
		if value, ok := strings.CutPrefix(kv, "GOMEMLIMIT="); ok {
			set = value
		}
	}
	return set
}

// chooseMemoryLimit is that share of what the container may have, or a part of the
// machine's memory where that is less.
func chooseMemoryLimit(root fs.FS, share float64) (memoryLimit, bool) {
	machine, known := machineMemory(root)
	container, file, limited := containerMemory(root)
	if limited && (!known || container < machine) {
		return memoryLimit{int64(share * float64(container)), file}, true
	}
	return memoryLimit{int64(sharedShare * float64(machine)), "the memory of the machine"}, known
}

// machineMemory reads /proc/meminfo, which Linux has.
func machineMemory(root fs.FS) (int64, bool) {
	raw, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, false
	}
	_, rest, _ := bytes.Cut(raw, []byte("MemTotal:"))
	var kib int64
	_, err = fmt.Sscan(string(rest), &kib)
	return kib << 10, err == nil && kib > 0
}

// containerMemory is the least limit of the control groups that the process is in,
// and the file that says it.
func containerMemory(root fs.FS) (least int64, file string, limited bool) {
	raw, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, "", false
	}
	for line := range strings.Lines(string(raw)) { // 4:memory:/a/b, or 0::/a/b in version 2
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		for _, name := range memoryFiles(fields[1], fields[2]) {
			if n, ok := readBytes(root, name); ok && (!limited || n < least) {
				least, file, limited = n, "/"+name, true
			}
		}
	}
	return least, file, limited
}

// memoryFiles are those that may limit a group or one that it is in. A container
// often sees its own group as the topmost one, whatever the name it is told.
func memoryFiles(controllers, group string) (names []string) {
	dir, files := "sys/fs/cgroup", []string{"memory.max", "memory.high"}
	if controllers != "" {
		if !slices.Contains(strings.Split(controllers, ","), "memory") {
			return nil
		}
		dir, files = "sys/fs/cgroup/memory", []string{"memory.limit_in_bytes"}
	}
	for group = path.Join("/", group); ; group = path.Dir(group) {
		for _, file := range files {
			names = append(names, path.Join(dir, group, file))
		}
		if group == "/" {
			return names
		}
	}
}

// readBytes is false for a file that is not there or says "max".
func readBytes(root fs.FS, name string) (int64, bool) {
	raw, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n, err == nil && n > 0
}
