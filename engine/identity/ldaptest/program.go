package ldaptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// program is one OpenLDAP installation.
type program struct {
	path    string // of slapd
	schema  string // folder of the .schema files
	modules string // folder of the loadable modules; empty when there are none
	shared  string // folder of shared libraries that the system does not know; or empty
}

var errNoProgram = errors.New("no slapd (OpenLDAP) was found for the tests; run: make services")

// find looks where .ci/slapd does, which brings one when there is none.
func find() (program, error) {
	if path := os.Getenv("GATEWRIGHT_SLAPD"); path != "" {
		return examine(path)
	}
	if path, err := exec.LookPath("slapd"); err == nil {
		return examine(path)
	}
	for _, path := range []string{
		"/usr/sbin/slapd", "/usr/lib/slapd", "/usr/libexec/slapd", "/usr/lib/openldap/slapd", "/usr/local/libexec/slapd",
		"/opt/homebrew/opt/openldap/libexec/slapd", "/usr/local/opt/openldap/libexec/slapd", unpacked(),
	} {
		if exists(path) {
			return examine(path)
		}
	}
	return program{}, errNoProgram
}

// unpacked is the place in this repository where .ci/slapd unpacks packages.
func unpacked() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; !exists(filepath.Join(dir, "go.mod")); dir = filepath.Dir(dir) {
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
	return filepath.Join(dir, "build/deps/slapd/usr/sbin/slapd")
}

// examine finds what belongs to a slapd. Unpacked packages have the layout of a
// whole system below their own root.
func examine(path string) (program, error) {
	root := filepath.Join(filepath.Dir(path), "../..")
	p := program{path: path}
	p.schema = firstMatch(filepath.Join(root, "etc/*ldap/schema"), "/etc/*ldap/schema",
		"/opt/homebrew/etc/openldap/schema", "/usr/local/etc/openldap/schema")
	p.modules = firstMatch(filepath.Join(root, "usr/lib/ldap"), "/usr/lib/ldap", "/usr/lib*/openldap", "/usr/libexec/openldap")
	if clean := filepath.Clean(root); clean != "/" {
		p.shared = firstMatch(filepath.Join(clean, "usr/lib/*-linux-gnu*"))
	}
	if p.schema == "" {
		return p, fmt.Errorf("%s has no folder of schemas: %w", path, errNoProgram)
	}
	return p, nil
}

func firstMatch(patterns ...string) string {
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// copyInto makes the program run from another folder: where AppArmor guards
// /usr/sbin/slapd (Ubuntu), it may not read a configuration of ours. No process
// is started meanwhile: it would hold the file open for writing until its own
// program begins, and the kernel runs no program that somebody writes.
func (p *program) copyInto(dir string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	in, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer in.Close()
	p.path = filepath.Join(dir, "slapd")
	out, err := os.OpenFile(p.path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, args...)
	if p.shared != "" {
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+p.shared)
	}
	return cmd
}
