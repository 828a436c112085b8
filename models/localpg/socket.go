//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// longestSocketPath leaves room below the 104 bytes of macOS and the 108 of Linux.
const longestSocketPath = 100

const (
	socketName     = "/.s.PGSQL.5432"
	shortDirPrefix = "/tmp/gw-"
)

// makeSocketDir makes a fresh folder for the socket, open to the account alone. It
// is made anew at each start because PostgreSQL trips over a stale socket's lock
// file; the directory's lock says that nobody uses the old one.
func (c *cluster) makeSocketDir(context.Context) error {
	dir, err := newSocketDir(c.Dir)
	if err != nil {
		return fmt.Errorf("create socket directory: %w", err)
	}
	if err := c.account.own(dir); err != nil {
		return fmt.Errorf("hand socket directory to %s: %w", c.account.name, err)
	}
	c.socketDir = dir
	return nil
}

// newSocketDir makes dir/run; where that path would be too long for a socket it is
// a link to a folder with a short name and a random end, which nobody can prepare
// for us.
func newSocketDir(dir string) (string, error) {
	link := socketLink(dir)
	if err := removeSocketDir(dir); err != nil {
		return "", err
	}
	if len(link)+len(socketName) <= longestSocketPath {
		return link, os.Mkdir(link, 0o700)
	}
	short, err := os.MkdirTemp(filepath.Dir(shortDirPrefix), filepath.Base(shortDirPrefix)+"*")
	if err != nil {
		return "", err
	}
	return short, os.Symlink(short, link)
}

func removeSocketDir(dir string) error {
	link := socketLink(dir)
	target, err := os.Readlink(link)
	if err != nil {
		return os.RemoveAll(link)
	}
	if strings.HasPrefix(target, shortDirPrefix) {
		err = os.RemoveAll(target)
	}
	return errors.Join(err, os.Remove(link))
}
