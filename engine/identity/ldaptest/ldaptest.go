// Package ldaptest owns a real OpenLDAP server for tests and journeys: it
// starts slapd as whoever we are, in a folder of its own, with TLS, a directory
// of demonstration people (demo.ldif) and two habits that make attacks count:
// it accepts a bind without a password as nobody (RFC 4513 section 5.1.2), and
// it gives at most Limit entries an answer, or PageLimit a page.
package ldaptest

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is in the directory.
const (
	Base         = "dc=gatewright,dc=test"
	People       = "ou=people," + Base
	Groups       = "ou=groups," + Base
	BindDN       = "cn=gateway,ou=services," + Base
	BindPassword = "service-Secret-1"
	// Password is that of every person.
	Password = "Correct-Horse-7"
	// Teams is how many groups the user "many" is in: team-001 and so on.
	Teams = 250
	// Limit is the most entries that the server gives without paging, PageLimit
	// the most that one page may have.
	Limit, PageLimit = 10, 100
)

//go:embed demo.ldif
var people string

// Server is a running slapd. Its addresses stay the same over Restart.
type Server struct {
	// LDAP and LDAPS are URLs with a numeric host and port.
	LDAP, LDAPS string
	// CA is the certificate in PEM that the server's certificate, for localhost
	// and 127.0.0.1, is signed with; CAFile is a file with it.
	CA, CAFile string

	dir     string
	program program
	process *process
}

// Start runs a server until the test ends. It fails the test when there is no
// slapd.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("stop slapd: %v", err)
		}
	})
	return s
}

// Open runs a server until Close. The context bounds the start alone.
func Open(ctx context.Context) (*Server, error) {
	p, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gatewright-slapd-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, program: p}
	if err := s.open(ctx); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("start slapd: %w", err)
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var err error
	for range 5 { // another program may take a free port before slapd does
		if err = s.choosePorts(); err != nil {
			return err
		}
		if err = s.run(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// prepare writes everything that the server reads.
func (s *Server) prepare(ctx context.Context) error {
	if err := s.program.copyInto(s.dir); err != nil {
		return err
	}
	if err := s.writeCertificates(); err != nil {
		return err
	}
	data := s.path("data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("slapd.conf"), []byte(s.config()), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("demo.ldif"), []byte(people+teams()), 0o600); err != nil {
		return err
	}
	out, err := s.program.command(ctx, "-Tadd", "-f", s.path("slapd.conf"), "-l", s.path("demo.ldif")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("fill the directory: %w: %s", err, out)
	}
	return nil
}

// teams are the groups of the user "many".
func teams() string {
	var b strings.Builder
	for i := range Teams {
		fmt.Fprintf(&b, "\ndn: cn=team-%03d,%s\nobjectClass: groupOfNames\ncn: team-%03d\nmember: uid=many,%s\n", i+1, Groups, i+1, People)
	}
	return b.String()
}

// Stop ends the process, as a crash of the directory would; Restart brings it
// back.
func (s *Server) Stop() error { return s.process.stop() }

// Restart stops the server and starts it at the same addresses. Every
// connection to it is lost.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.run(ctx)
}

// Close stops the server and removes what it wrote.
func (s *Server) Close() error {
	err := s.Stop()
	if gone := os.RemoveAll(s.dir); err == nil {
		err = gone
	}
	return err
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }
