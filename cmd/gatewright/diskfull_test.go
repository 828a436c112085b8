package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// mounted runs a command with a disk of its own of 512 KiB at DISK, which nobody else
// sees: Linux gives that to any user. The process stays the one that was started.
const mounted = `mount -t tmpfs -o size=512k,mode=755 tmpfs "$DISK" && exec "$0" "$@"`

// onSmallDisk is a command on such a disk.
func onSmallDisk(t *testing.T, disk string, args ...string) *exec.Cmd {
	t.Helper()
	try := exec.Command("unshare", "-Urm", "sh", "-c", mounted, "true")
	try.Env = append(os.Environ(), "DISK="+disk)
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("this machine gives its users no disks of their own (unshare -Urm, mount -t tmpfs): %v %s", err, out)
	}
	cmd := exec.Command("unshare", append([]string{"-Urm", "sh", "-c", mounted, os.Args[0]}, args...)...)
	cmd.Env = []string{"DISK=" + disk}
	return cmd
}

// journal is what a process logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to it.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// String is all of it.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// lines is how many of its lines say something.
func (j *journal) lines(say string) int { return strings.Count(j.String(), say) }

// The disk of a node runs full: its last good configuration, its access log and its
// events cannot be written. Calls, tokens and deploys go on, the file that was written
// last stays whole, each part says so once, and all is made good when there is room.
func TestAFullDiskStopsNothingAndIsMadeGood(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	var log journal
	cmd := onSmallDisk(t, l.dir, l.args("--access-log="+l.dir+"/calls.log", "--events="+l.dir+"/events.log")...)
	cmd.Stderr = &log
	s := launchAs(t, cmd)
	disk := fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, l.dir)
	kept := filepath.Join(disk, "last-good", filepath.Base(l.files().path("production", keptBundleFile)))
	content := func(path string) []byte {
		raw, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return raw
	}
	issued := 0
	issue := func() string { issued++; return l.token(s.gateway) }
	token := issue()
	eventually(t, "the file", func() bool { return len(content(kept)) > 0 })
	eventually(t, "a line of a call", func() bool { l.call(s.gateway, token); return len(content(disk+"/calls.log")) > 0 })

	fill(t, disk+"/ballast")
	before := content(kept)
	l.deploy("/v1")
	eventually(t, "the deploy", func() bool { _, body := l.call(s.gateway, token); return body == "/v1/pets" })
	eventually(t, "word of the file", func() bool { return log.lines("last good configuration not kept") > 0 })
	eventually(t, "word of the access log", func() bool { l.call(s.gateway, token); return log.lines("access log not written") > 0 })
	for i := range 100 {
		if status, body := l.call(s.gateway, token); status != http.StatusOK || body != "/v1/pets" {
			t.Fatalf("call %d: %d %s", i, status, body)
		}
		if i%10 == 0 {
			issue()
		}
	}
	eventually(t, "word of the events", func() bool { return log.lines("events not sent; trying again") > 0 })
	if got := content(kept); !bytes.Equal(got, before) {
		t.Errorf("of the file %d of %d bytes are left", len(got), len(before))
	}
	if status, answer := l.ready(s.ops); status != http.StatusOK {
		t.Errorf("it says of itself %d %v", status, answer)
	}
	node := &soakNode{served: s}
	if n := node.figure(t, "gatewright_access_log_dropped_total"); n < 100 {
		t.Errorf("%.0f lines counted as lost", n)
	}

	if err := os.Remove(disk + "/ballast"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the access log", func() bool { l.call(s.gateway, token); return log.lines("access log is written again") > 0 })
	eventually(t, "the events", func() bool { return log.lines("events are sent again") > 0 })
	for _, once := range []string{
		"last good configuration not kept", "access log not written", "access log is written again", "events not sent; trying again", "events are sent again",
	} {
		if n := log.lines(once); n != 1 {
			t.Errorf("%q was said %d times:\n%s", once, n, log.String())
		}
	}
	l.call(s.gateway, token)
	held, err := os.OpenRoot(disk) // which keeps the disk when the process ends
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	s.stop(t, syscall.SIGTERM) // writes what is not written yet: else it waits half a minute
	if after, err := held.ReadFile("last-good/" + filepath.Base(kept)); err != nil || bytes.Equal(after, before) {
		t.Errorf("the file was not written anew: %v", err)
	}
	checkLines(t, held, "calls.log")
	if n := tokenEvents(t, held, "events.log"); n != issued {
		t.Errorf("%d tokens were issued, %d events tell of one", issued, n)
	}
	if err := os.RemoveAll(l.dir + "/last-good"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(l.dir+"/last-good", only(held.FS(), t)); err != nil {
		t.Fatal(err)
	}
	l.line.cut()
	if _, body := l.call(l.start().gateway, token); body != "/v1/pets" {
		t.Errorf("from what was kept at last comes %s", body)
	}
}

// only is the folder of the last good configuration.
func only(disk fs.FS, t *testing.T) fs.FS {
	t.Helper()
	sub, err := fs.Sub(disk, "last-good")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// checkLines wants a line of JSON for each call: one that was cut off by the full disk
// ends there, and takes none of those after it along.
func checkLines(t *testing.T, disk *os.Root, name string) {
	t.Helper()
	raw, err := disk.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	whole, cut := 0, 0
	for line := range bytes.Lines(raw) {
		if json.Valid(line) {
			whole++
		} else if cut++; bytes.Count(line, []byte(`{"time"`)) > 1 {
			t.Errorf("a line was lost with another: %s", line)
		}
	}
	if whole < 3 || cut > 2 || !bytes.HasSuffix(raw, []byte("}\n")) {
		t.Errorf("%d lines are whole, %d cut off", whole, cut)
	}
}

// tokenEvents is of how many tokens whole lines tell: events wait for the disk.
func tokenEvents(t *testing.T, disk *os.Root, name string) int {
	t.Helper()
	raw, err := disk.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for line := range bytes.Lines(raw) {
		var e struct{ Type, TokenID string }
		if json.Unmarshal(line, &e) == nil && e.Type == "token" {
			told[e.TokenID] = true
		}
	}
	return len(told)
}

// fill writes until the disk takes nothing any more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}
