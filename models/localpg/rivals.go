//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long processes left over from a crash may take to end after each signal.
const (
	leftoverGrace = 3 * time.Second
	quitGrace     = 10 * time.Second
)

// clearRivals deals with what a crash left behind. We hold the directory's lock,
// so no other gatewright runs this cluster; but a server may have outlived the
// process that owned it, and a stale postmaster.pid keeps PostgreSQL from starting
// when its number now belongs to a stranger, or to a zombie that nobody reaps.
//
// Everything in the cluster is touched as the account that owns it: a server gone
// bad must not be able to lead root by a symbolic link.
func (c *cluster) clearRivals(ctx context.Context) error {
	_, err := os.Lstat(filepath.Join(dataDir(c.Dir), "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := c.endLeftovers(ctx); err != nil {
		return err
	}
	if _, err := c.shell(ctx, adoptPidFile, dataDir(c.Dir), strconv.Itoa(os.Getpid())); err != nil {
		return fmt.Errorf("take over the process file of an earlier PostgreSQL in %s: %w", dataDir(c.Dir), err)
	}
	return nil
}

// adoptPidFile writes our own number ($2) where the dead server's was. Deleting the
// file would be easier and wrong: PostgreSQL never takes its parent for a rival,
// but it still checks by the shared-memory key further down in the file that no
// process of the old server lives. A file cut short while being written has no key.
const adoptPidFile = `umask 077 && cd -- "$1" && if [ ! -e postmaster.pid ]; then
	: # an orphan that shut down cleanly took it away
elif [ "$(wc -l <postmaster.pid)" -lt 2 ]; then
	rm -f postmaster.pid
else
	{ echo "$2"; tail -n +2 postmaster.pid; } >postmaster.pid.new && mv -f postmaster.pid.new postmaster.pid
fi`

// endLeftovers ends processes that still work in the cluster. A living postmaster
// is shut down; without one its children end by themselves within moments.
func (c *cluster) endLeftovers(ctx context.Context) error {
	left, err := c.servers(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	c.Logger.Warn("ending a PostgreSQL left over from a crash", "dir", c.Dir, "processes", left)
	wait := leftoverGrace
	if main := c.lastPostmaster(ctx); slices.Contains(left, main) {
		_ = syscall.Kill(main, syscall.SIGINT)
		_ = syscall.Kill(main, syscall.SIGCONT)
		wait = fastGrace
	}
	for _, next := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		if left, err = c.serversAfter(ctx, wait); err != nil || len(left) == 0 {
			return err
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, next)
			_ = syscall.Kill(pid, syscall.SIGCONT) // a stopped process hears nothing else
		}
		wait = quitGrace
	}
	if left, err = c.serversAfter(ctx, wait); err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("processes %v of an earlier PostgreSQL still work in %s and cannot be ended", left, dataDir(c.Dir))
}

// lastPostmaster is the number in postmaster.pid, 0 if there is none to be read.
func (c *cluster) lastPostmaster(ctx context.Context) int {
	first, err := c.shell(ctx, `head -n 1 -- "$1/postmaster.pid"`, dataDir(c.Dir))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(first))
	return pid
}

// serversAfter waits up to limit for all servers to be gone and returns those that
// are not.
func (c *cluster) serversAfter(ctx context.Context, limit time.Duration) ([]int, error) {
	for deadline := time.Now().Add(limit); ; {
		left, err := c.servers(ctx)
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
		if err := pause(ctx, again); err != nil {
			return left, err
		}
	}
}

// servers lists the PostgreSQL processes that work in the cluster. The account
// looks for itself: in a container, root may not see another user's folders.
func (c *cluster) servers(ctx context.Context) ([]int, error) {
	out, err := c.shell(ctx, findServers, dataDir(c.Dir))
	if err != nil {
		return nil, fmt.Errorf("look for an earlier PostgreSQL: %w", err)
	}
	var pids []int
	for word := range strings.FieldsSeq(out) {
		if pid, err := strconv.Atoi(word); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
