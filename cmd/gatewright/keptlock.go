package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// errClaimed is the error where another process keeps its configuration.
var errClaimed = errors.New("another process keeps its configuration here, and two would overwrite each other's")

// claim makes the directory this process's own for as long as it lives.
func (k *keptFiles) claim() error {
	f, err := os.OpenFile(filepath.Join(k.dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close() // nothing was written
		return err
	}
	k.lock = f
	return nil
}

// release gives the directory back.
func (k *keptFiles) release() {
	if k != nil && k.lock != nil {
		_ = k.lock.Close() // nothing was written
	}
}

// claimed are the files once their directory is claimed. Whoever named the
// directory is refused one that is another's; where it is only that of the data
// directory, which processes on one machine may share, the second one keeps
// nothing. A directory that cannot be claimed at all, as on a disk that takes
// nothing, stops no start.
func (k *keptFiles) claimed(named bool, logger *slog.Logger) (*keptFiles, error) {
	err := k.claim()
	switch {
	case err == nil:
		return k, nil
	case !errors.Is(err, errClaimed):
		logger.Warn("the directory of the last good configuration cannot be locked; see that no other node has it", "dir", k.dir, "error", err)
		return k, nil
	case named:
		return nil, fmt.Errorf("%s: %w; give each node a directory of its own, or none", k.dir, err)
	}
	logger.Error("no last good configuration is kept: "+err.Error()+"; give this node a directory of its own with --last-good-dir", "dir", k.dir)
	return nil, nil
}
