//go:build linux || darwin

package localpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cluster is what start learns on its way to a running server.
type cluster struct {
	Options
	account   account
	programs  programs
	password  string
	socketDir string
	process   *postmaster
}

// initialize makes the cluster on the first start; later it only reads the
// password.
func (c *cluster) initialize(ctx context.Context) error {
	_, err := os.Stat(dataDir(c.Dir))
	if err == nil {
		return c.readPassword()
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at database: %w", err)
	}
	if err := c.makePassword(); err != nil {
		return fmt.Errorf("store the database's password: %w", err)
	}
	return c.makeData(ctx)
}

func (c *cluster) readPassword() error {
	content, err := os.ReadFile(passwordFile(c.Dir))
	if err != nil {
		return fmt.Errorf("the database in %s is there but its password is not: %w", dataDir(c.Dir), err)
	}
	c.password = strings.TrimSpace(string(content))
	return nil
}

// makePassword stores the password before the cluster exists, so that there is
// never a cluster without one.
func (c *cluster) makePassword() error {
	c.password = rand.Text()
	return writePrivate(passwordFile(c.Dir), []byte(c.password+"\n"))
}

// makeData runs initdb beside the final place and renames the result: the cluster
// is there whole or not at all, whenever the power goes.
func (c *cluster) makeData(ctx context.Context) error {
	c.Logger.Info("creating the private database", "dir", c.Dir, "postgres", c.programs.version)
	data := dataDir(c.Dir)
	fresh, secret := data+".new", data+".password"
	defer os.Remove(secret)
	if err := c.makeRoom(fresh, secret); err != nil {
		return fmt.Errorf("prepare database directory: %w", err)
	}
	if err := c.initdb(ctx, fresh, secret); err != nil {
		return err
	}
	if err := os.Rename(fresh, data); err != nil {
		return err
	}
	return syncDir(c.Dir)
}

// makeRoom prepares the empty folder and the password file that initdb wants, both
// the account's: it may read nothing else of Dir.
func (c *cluster) makeRoom(fresh, secret string) error {
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return err
	}
	if err := writePrivate(secret, []byte(c.password+"\n")); err != nil {
		return err
	}
	return errors.Join(c.account.own(fresh), c.account.own(secret))
}

func (c *cluster) initdb(ctx context.Context, dir, passwordFile string) error {
	args := []string{"-D", dir, "-U", superuser, "--pwfile=" + passwordFile, "--auth=scram-sha-256", "--encoding=UTF8"}
	args = append(args, localeArgs(c.programs.major)...)
	if c.Relaxed {
		args = append(args, "--no-sync")
	}
	cmd := c.account.command(filepath.Join(c.programs.dir, "initdb"), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := runToEnd(ctx, cmd); err != nil {
		return fmt.Errorf("create database in %s: %w: %s", c.Dir, err, lastLines(out.String(), 5))
	}
	return nil
}

// localeArgs choose rules of text that need no locale of the operating system and
// know letters beyond ASCII: names are compared without case (D17), Turkish ones too.
// Before 17 that is ICU, which every packaged server has.
func localeArgs(major int) []string {
	if major < 17 {
		return []string{"--locale-provider=icu", "--icu-locale=und", "--locale=C"}
	}
	return []string{"--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"}
}

// url is the address of one database of the cluster.
func (c *cluster) url(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {c.socketDir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// clusterMajor is the major version that made the cluster, 0 when there is none.
func clusterMajor(dir string) (int, error) {
	content, err := os.ReadFile(filepath.Join(dataDir(dir), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the database's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s does not hold a PostgreSQL database: PG_VERSION is not a number", dataDir(dir))
	}
	return major, nil
}

// lastLines is the end of a program's output, where it says what went wrong.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
