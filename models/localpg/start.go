//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// again is how long to wait between two looks at something that will change soon.
const again = 20 * time.Millisecond

// start takes the directory's lock and runs the server, or attaches to the
// process that holds the lock; it looks again until one of the two works.
func start(ctx context.Context, o Options) (*Server, error) {
	dir, err := prepareDir(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	for waited := false; ; waited = true {
		lock, err := tryLock(lockFile(dir))
		if err != nil {
			return nil, fmt.Errorf("lock database directory: %w", err)
		}
		if lock != nil {
			return own(ctx, o, lock)
		}
		if s := attach(ctx, dir); s != nil {
			return s, nil
		}
		if !waited {
			o.Logger.Info("waiting for the process that is starting the private database", "dir", dir)
		}
		if err := pause(ctx, again); err != nil {
			return nil, fmt.Errorf("another process holds %s but its database does not answer: %w", lockFile(dir), err)
		}
	}
}

func prepareDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no directory given for the embedded database")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve database directory: %w", err)
	}
	if err := MakeDir(dir); err != nil {
		return "", fmt.Errorf("create database directory: %w", err)
	}
	return dir, allowPassage(dir)
}

// allowPassage lets others through dir, though not look around, where the server
// will run as somebody else than us.
func allowPassage(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 || info.Mode()&0o001 != 0 {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}

// own runs the server as the holder of lock. The lock is released on failure, and
// by Stop.
func own(ctx context.Context, o Options, lock *os.File) (*Server, error) {
	began := time.Now()
	c := &cluster{Options: o}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.cleanUp(), lock.Close())
	}
	o.Logger.Info("private database ready", "dir", c.Dir, "postgres", c.programs.version,
		"account", c.account.name, "took", time.Since(began).Round(time.Millisecond))
	return &Server{dir: c.Dir, url: c.url(database), process: c.process, release: func() error {
		// The lock goes last: whoever gets it finds everything put away.
		return errors.Join(c.cleanUp(), lock.Close())
	}}, nil
}

// start takes the steps in the order in which each relies on the one before.
func (c *cluster) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		c.forgetURL, c.chooseAccount, c.clearRivals, c.findPrograms, c.initialize, c.makeSocketDir, c.run,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return writePrivate(urlFile(c.Dir), []byte(c.url(database)))
}

// forgetURL keeps others from attaching to an orphan that is about to be ended.
func (c *cluster) forgetURL(context.Context) error {
	return removeIfThere(urlFile(c.Dir))
}

// cleanUp removes what must not outlive the server.
func (c *cluster) cleanUp() error {
	return errors.Join(removeIfThere(urlFile(c.Dir)), removeSocketDir(c.Dir))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// writePrivate writes a file that only the calling account can read, whole or not
// at all, and keeps it through a power cut.
func writePrivate(path string, content []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes renames inside dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
