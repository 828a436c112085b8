//go:build linux || darwin

package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is who the server runs as. PostgreSQL refuses to run as root, so root
// has to lend it another one.
type account struct {
	name     string
	uid, gid uint32
	lent     bool // we are root and switch to it
}

// accountNames are the accounts that root lends, in order of preference. "nobody"
// comes last: other services may run as it, too.
var accountNames = []string{"gatewright", "postgres", "nobody"}

// chooseAccount settles who runs the server and makes sure that they can reach the
// directory. A cluster that exists decides for itself: PostgreSQL wants to be
// started by the owner of its files.
func (c *cluster) chooseAccount(ctx context.Context) error {
	a, err := accountFor(dataDir(c.Dir))
	if err != nil {
		return err
	}
	c.account = a
	if !a.lent {
		return nil
	}
	return c.checkReach(ctx)
}

func accountFor(data string) (account, error) {
	info, err := os.Stat(data)
	if errors.Is(err, os.ErrNotExist) {
		return newAccount()
	}
	if err != nil {
		return account{}, fmt.Errorf("look at database: %w", err)
	}
	owner, me := info.Sys().(*syscall.Stat_t), os.Geteuid()
	a := account{name: userName(owner.Uid), uid: owner.Uid, gid: owner.Gid, lent: me == 0}
	if me != 0 && owner.Uid != uint32(me) {
		return account{}, fmt.Errorf("database %s belongs to user %s; run as that user or choose another --data-dir", data, a.name)
	}
	if owner.Uid == 0 {
		return account{}, fmt.Errorf("database %s belongs to root, as whom PostgreSQL refuses to run; give it to another user (chown -R)", data)
	}
	return a, nil
}

// newAccount picks the account for a cluster that is yet to be made.
func newAccount() (account, error) {
	if me := os.Geteuid(); me != 0 {
		return account{name: userName(uint32(me)), uid: uint32(me), gid: uint32(os.Getegid())}, nil
	}
	known, err := readPasswd()
	if err != nil {
		return account{}, err
	}
	for _, name := range accountNames {
		for _, a := range known {
			if a.name == name && a.uid != 0 {
				a.lent = true
				return a, nil
			}
		}
	}
	return account{}, fmt.Errorf("PostgreSQL refuses to run as root and there is no user %s to run it as: "+
		"create one (useradd --system gatewright), or set --database-url", strings.Join(accountNames, ", "))
}

// readPasswd reads /etc/passwd by hand: os/user would need cgo to do more, and
// initdb looks there as well.
func readPasswd() ([]account, error) {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return nil, fmt.Errorf("look for an account to run PostgreSQL as: %w", err)
	}
	defer f.Close()
	var all []account
	for lines := bufio.NewScanner(f); lines.Scan(); {
		field := strings.Split(lines.Text(), ":")
		if len(field) < 4 {
			continue
		}
		// macOS gives nobody the number -2.
		uid, uidErr := strconv.ParseInt(field[2], 10, 64)
		gid, gidErr := strconv.ParseInt(field[3], 10, 64)
		if uidErr == nil && gidErr == nil {
			all = append(all, account{name: field[0], uid: uint32(uid), gid: uint32(gid)})
		}
	}
	return all, nil
}

func userName(uid uint32) string {
	known, _ := readPasswd()
	for _, a := range known {
		if a.uid == uid {
			return a.name
		}
	}
	return strconv.FormatUint(uint64(uid), 10)
}

// own hands path over to the account.
func (a account) own(path string) error {
	if !a.lent {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// command prepares a program to run as the account, in a process group of its own
// (Ctrl-C must reach gatewright first, so that requests drain before the database
// goes) and with nothing of our environment.
func (a account) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.lent {
		// Empty Groups: none of root's supplementary groups stay behind.
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: []uint32{}}
	}
	dieWithParent(cmd.SysProcAttr)
	return cmd
}

// checkReach refuses a directory that the lent account cannot enter, and names the
// folder in the way. The kernel is asked, not the mode bits: there may be ACLs.
func (c *cluster) checkReach(ctx context.Context) error {
	var closed string
	for dir := c.Dir; closed != "/"; dir = filepath.Dir(dir) {
		ok, err := c.canEnter(ctx, dir)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		closed = dir
	}
	if closed == "" {
		return nil
	}
	return fmt.Errorf("started as root, PostgreSQL runs as user %s, who cannot enter %s: "+
		"choose another --data-dir (such as /var/lib/gatewright), or allow passage with chmod o+x %s",
		c.account.name, closed, closed)
}

func (c *cluster) canEnter(ctx context.Context, dir string) (bool, error) {
	_, err := c.shell(ctx, `cd -- "$1"`, dir)
	if _, refused := errors.AsType[*exec.ExitError](err); refused {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("run a program as user %s: %w (may root switch users here? else set --database-url)", c.account.name, err)
	}
	return true, nil
}

// shell runs a one-line script as the account and returns what it printed.
func (c *cluster) shell(ctx context.Context, script string, args ...string) (string, error) {
	cmd := c.account.command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	var out strings.Builder
	cmd.Stdout = &out
	err := runToEnd(ctx, cmd)
	return out.String(), err
}
