package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestTheMemoryLimitIsThatOfTheContainerOrTheMachine(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:        4194304 kB\nMemFree:         1 kB\n" // 4 GiB
	for name, c := range map[string]struct {
		files map[string]string
		share float64
		mib   int64 // 0: none
		from  string
	}{
		"nothing is known": {},
		"the machine alone": {
			files: map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user.slice\n", "sys/fs/cgroup/user.slice/memory.max": "max\n"},
			mib:   2048, from: "the memory of the machine",
		},
		"version 2, the container's own": {
			files: map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"},
			mib:   448, from: "/sys/fs/cgroup/memory.max",
		},
		"version 2, a group above": {
			files: map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/pods/a/b\n", "sys/fs/cgroup/pods/a/b/memory.max": "max\n",
				"sys/fs/cgroup/pods/a/memory.max": "1073741824\n", "sys/fs/cgroup/pods/memory.max": "2147483648\n"},
			mib: 896, from: "/sys/fs/cgroup/pods/a/memory.max",
		},
		"version 2, where the system begins to slow it": {
			files: map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "1073741824\n", "sys/fs/cgroup/a/memory.high": "536870912\n"},
			mib:   448, from: "/sys/fs/cgroup/a/memory.high",
		},
		"version 1, under a name that is not seen from within": {
			files: map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/docker/x\n4:hugetlb,memory:/docker/x\n0::/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"},
			mib:   448, from: "/sys/fs/cgroup/memory/memory.limit_in_bytes",
		},
		"version 1 without a limit": {
			files: map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"},
			mib:   2048, from: "the memory of the machine",
		},
		"a group outside of what is seen": {
			files: map[string]string{"proc/self/cgroup": "0::/../../other\n", "sys/fs/cgroup/memory.max": "536870912\n"},
			mib:   448, from: "/sys/fs/cgroup/memory.max",
		},
		"beside the database": {
			files: map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, share: sharedShare,
			mib: 256, from: "/sys/fs/cgroup/memory.max",
		},
		"files that say nothing": {
			files: map[string]string{"proc/meminfo": "MemTotal: many\n", "proc/self/cgroup": "0\n0::/a\n", "sys/fs/cgroup/a/memory.max": "-1\n", "sys/fs/cgroup/memory.max": "\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for name, text := range c.files {
				file := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			share := c.share
			if share == 0 {
				share = containerShare
			}
			got, known := chooseMemoryLimit(os.DirFS(root), share)
			if known != (c.mib != 0) || known && (got.bytes != c.mib<<20 || got.from != c.from) {
				t.Errorf("%d MiB from %q, %v; want %d from %q", got.bytes>>20, got.from, known, c.mib, c.from)
			}
		})
	}
}

// saysItsLimit starts a node with that GOMEMLIMIT, stops it, and is what limit it
// had and what it logged.
func (l *lone) saysItsLimit(set string) (limit float64, log string) {
	l.t.Helper()
	var logged bytes.Buffer
	cmd := exec.Command(os.Args[0], l.args()...)
	cmd.Env, cmd.Stderr = []string{"GOMEMLIMIT=" + set}, &logged
	s := launchAs(l.t, cmd)
	limit = (&soakNode{served: s}).figure(l.t, "go_gc_gomemlimit_bytes")
	s.stop(l.t, syscall.SIGTERM)
	for line := range strings.Lines(logged.String()) {
		if strings.Contains(line, "memory limit") {
			log += line
		}
	}
	return limit, log
}

func TestAProcessHasAMemoryLimitUnlessItIsToldOtherwise(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	chosen, known := chooseMemoryLimit(os.DirFS("/"), containerShare)
	if !known {
		chosen.bytes = math.MaxInt64
	}
	limit, log := l.saysItsLimit("")
	if limit != float64(chosen.bytes) || known != strings.Contains(log, chosen.from) || known != strings.Contains(log, fmt.Sprintf("limit=%dMiB", chosen.bytes>>20)) {
		t.Errorf("of itself it has %g and says %q; want %+v", limit, log, chosen)
	}
	if limit, log := l.saysItsLimit("off"); limit != math.MaxInt64 || !strings.Contains(log, "limit=off from=GOMEMLIMIT") {
		t.Errorf("with off it has %g and says %q", limit, log)
	}
	if limit, log := l.saysItsLimit("123MiB"); limit != 123<<20 || !strings.Contains(log, "limit=123MiB from=GOMEMLIMIT") {
		t.Errorf("with 123 MiB it has %g and says %q", limit, log)
	}
}

// confined is a file that takes the number of a process which may have so much
// memory from then on. Where the system does not let us, the test is skipped.
func confined(t *testing.T, memory int64) string {
	t.Helper()
	raw, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(raw)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		for _, name := range memoryFiles(fields[1], fields[2]) {
			limit := filepath.Join(filepath.Dir("/"+name), fmt.Sprint("gatewright-test-", os.Getpid()), filepath.Base(name))
			group := filepath.Dir(limit)
			if _, err := os.Stat("/" + name); err != nil || os.Mkdir(group, 0o755) != nil {
				continue
			}
			t.Cleanup(func() { _ = os.Remove(group) })
			if os.WriteFile(limit, []byte(strconv.FormatInt(memory, 10)), 0o644) == nil {
				return filepath.Join(group, "cgroup.procs")
			}
			_ = os.Remove(group)
		}
	}
	t.Skip("no control group can be made here")
	return ""
}

// A container that says how much memory there is says enough: bodies beyond a
// quarter of what the process may have are turned away, and it lives.
func TestAConfinedProcessShedsWithoutBeingToldItsLimit(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("the race detector takes more memory than the process may have")
	}
	const memory, size, uploads = 160 << 20, 1 << 20, 60
	const limit = memory / 8 * 7
	const room = limit / 4 / size // for bodies that conditions read
	group := confined(t, memory)
	l := newLone(t, readsBodies)
	cmd := exec.Command("sh", append([]string{"-c", `echo $$ > "$0" && exec "$@"`, group, os.Args[0]}, l.args("--log-level=error")...)...)
	cmd.Env = []string{"GOMEMLIMIT="}
	s := launchAs(t, cmd)
	node := &soakNode{served: s}
	if got := node.figure(t, "go_gc_gomemlimit_bytes"); got != limit {
		t.Errorf("the limit is %g", got)
	}
	var sent []*upload
	for range uploads {
		u := beginUpload(t, s.gateway, size)
		sent = append(sent, u)
		go io.CopyN(u.conn, spaces{}, size-2) // all but the last byte; ends with the connection
	}
	eventually(t, "those for whom there is no room are told", func() bool {
		turnedAway := 0
		for _, u := range sent {
			select {
			case res := <-u.answer:
				u.answer <- res
				// The answer may be lost to who goes on sending.
				if res != nil && res.StatusCode != http.StatusServiceUnavailable {
					t.Fatalf("answered %+v", res)
				}
				turnedAway++
			default:
			}
		}
		return turnedAway >= uploads-room
	})
	if shed := node.figure(t, `gatewright_calls_shed_total\{environment="production",reason="memory"\}`); shed == 0 {
		t.Error("nothing was shed for memory")
	}
	for _, u := range sent {
		u.conn.Close()
	}
	s.stop(t, syscall.SIGTERM)
}

// spaces are as many as are read.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
