// Package localpg owns the private PostgreSQL of D2: the server that gatewright
// runs for itself when it is given no database URL.
//
// It finds a PostgreSQL (see binaries.go), makes a cluster in a directory of its
// own, runs it as an unprivileged account on a Unix socket that nobody else can
// reach, and stops it cleanly. It opens no TCP port and needs neither root nor a
// system service. It is meant for trials and for small single-node use; anything
// larger gives gatewright a database URL.
//
// What lies in Options.Dir:
//
//	lock      held (flock) by the process that owns the server
//	url       how to connect; there only while the server answers
//	password  of the superuser, mode 0600
//	pgsql/    our copy of the server's program files, when they came from npm
//	data/     the cluster
//	run/      the socket
package localpg

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// Options says where and how a private server runs.
type Options struct {
	// Dir holds what belongs to the server, under the names above; other files may
	// lie beside them. It is created when missing. Required.
	Dir string
	// BinDir is the folder with postgres and initdb to use. Default: that of the
	// environment variable GATEWRIGHT_PG_BIN; when that is empty too, look for one.
	BinDir string
	// MaxConnections bounds the connections at any one time. Default 60.
	MaxConnections int
	// Relaxed gives up durability for speed: a power cut may lose everything.
	// For tests only.
	Relaxed bool
	// Logger hears what the server has to say. Nil discards it.
	Logger *slog.Logger
}

const (
	defaultMaxConnections = 60
	// oldestMajor is the oldest PostgreSQL whose SQL our migrations may assume.
	oldestMajor = 15
	// superuser and database are the only role and database we make.
	superuser = "gatewright"
	database  = "gatewright"
)

// Server is a running private PostgreSQL, owned by this process or, when another
// process was first, only attached to.
type Server struct {
	dir     string
	url     string
	release func() error
	process *postmaster // nil when only attached

	stop    sync.Once
	stopErr error
}

// Start brings the private server of o.Dir up and returns once it answers. When
// another process already runs it, Start attaches to that one instead, so that a
// second command works while serve is up.
//
// It waits as long as ctx lets it: replaying the log after a crash may take a
// while, and so may another process that is just starting the same server.
// Errors name what is wrong and what would be right.
func Start(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, o.withDefaults())
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.BinDir == "" {
		o.BinDir = os.Getenv("GATEWRIGHT_PG_BIN")
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultMaxConnections
	}
	return o
}

// URL is the connection URL, in the form that pgx and GORM take. It contains the
// password: never log it.
func (s *Server) URL() string { return s.url }

// Owned reports whether this process runs the server, and so will stop it.
func (s *Server) Owned() bool { return s.process != nil }

// Dir is the absolute path of the server's directory.
func (s *Server) Dir() string { return s.dir }

// Done is closed when a server that this process owns has ended, whether by Stop
// or by itself; Err tells which. It is never closed for an attached server, whose
// end shows as lost connections.
func (s *Server) Done() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.done
}

// Err says why the server ended by itself. It is nil while the server runs and
// after a clean Stop.
func (s *Server) Err() error {
	if s.process == nil {
		return nil
	}
	return s.process.failure()
}

// Stop ends a server that this process owns: connections are cut, work in
// progress is rolled back and the cluster is written out, usually within 50 ms.
// After 30 s, or when ctx ends, it stops asking nicely; nothing that was committed
// is lost either way. Stop may be called more than once; on an attached server it
// does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		if s.process != nil {
			s.stopErr = s.process.stop(ctx)
		}
		if err := s.release(); s.stopErr == nil {
			s.stopErr = err
		}
	})
	return s.stopErr
}

// The names of what lies in Dir.
func lockFile(dir string) string     { return filepath.Join(dir, "lock") }
func urlFile(dir string) string      { return filepath.Join(dir, "url") }
func passwordFile(dir string) string { return filepath.Join(dir, "password") }
func programDir(dir string) string   { return filepath.Join(dir, "pgsql") }
func dataDir(dir string) string      { return filepath.Join(dir, "data") }
func socketLink(dir string) string   { return filepath.Join(dir, "run") }
