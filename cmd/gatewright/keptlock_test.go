package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestADirectoryOfTheLastGoodConfigurationHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *keptFiles {
		files, err := openKept(dir, mustSealer())
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	first, second := open(), open()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if got, err := first.claimed(true, logger); got != first || err != nil {
		t.Fatalf("the first: %v, %v", got, err)
	}
	if got, err := second.claimed(true, logger); got != nil || !errors.Is(err, errClaimed) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the second where it was named: %v, %v", got, err)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
	if got, err := second.claimed(false, logger); got != nil || err != nil || !strings.Contains(log.String(), "no last good configuration is kept") {
		t.Errorf("the second where it was not: %v, %v, logged %s", got, err, log.String())
	}
	first.release()
	if got, err := second.claimed(true, logger); got != second || err != nil {
		t.Errorf("after the first has ended: %v, %v", got, err)
	}
	second.release()
	if info, err := os.Stat(filepath.Join(dir, ".lock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the lock is %v, %v", info, err)
	}
}

// A lock that cannot be made, as on a disk that takes nothing, stops no start.
func TestADirectoryThatCannotBeLockedIsUsed(t *testing.T) {
	t.Parallel()
	files, err := openKept(filepath.Join(t.TempDir(), "gone"), mustSealer())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files.dir); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if got, err := files.claimed(true, slog.New(slog.NewTextHandler(&log, nil))); got != files || err != nil || !strings.Contains(log.String(), "cannot be locked") {
		t.Errorf("%v, %v, logged %s", got, err, log.String())
	}
}

// Two nodes that are given one directory would overwrite each other's; the second
// does not start, and does once the first was killed.
func TestANodeRefusesTheDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	l := newLone(t)
	shared := "--last-good-dir=" + filepath.Join(t.TempDir(), "shared")
	first := launch(t, l.args(shared)...)
	code, _, stderr := start(t, nil, l.args(shared)...)
	if code == 0 || !strings.Contains(stderr, "--last-good-dir") || !strings.Contains(stderr, "another process") {
		t.Fatalf("the second ended with %d: %s", code, stderr)
	}
	first.stop(t, syscall.SIGKILL)
	launch(t, l.args(shared)...)
}
