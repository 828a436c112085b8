// Package modelstest owns the database of tests: a migrated one for each test,
// on a real PostgreSQL, and builders of rows. The server is the one that
// TEST_DATABASE_URL names or, without it, a private one for the test program.
package modelstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gatewright/gatewright/models/localpg"
)

// variable names the server to use.
const variable = "TEST_DATABASE_URL"

const (
	dirPrefix      = "gatewright-modelstest-"
	maxConnections = 200
)

// private is the server of this test program, once one was needed.
type private struct {
	once   sync.Once
	server *localpg.Server
	dir    string
	err    error
}

var server private

// Main runs the tests of a package and then stops the private server, if there
// is one. Without it the server ends with the test program, and its folder is
// removed by the next run.
//
//	func TestMain(m *testing.M) { os.Exit(modelstest.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	if err := server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "modelstest:", err)
		return max(code, 1)
	}
	return code
}

// serverURL is where databases can be made.
func serverURL() (string, error) {
	if url := os.Getenv(variable); url != "" {
		return url, nil
	}
	server.once.Do(func() { server.err = server.start() })
	if server.err != nil {
		return "", fmt.Errorf("start a PostgreSQL for tests (or set %s): %w", variable, server.err)
	}
	return server.server.URL(), nil
}

func (p *private) start() error {
	if err := removeLeftovers(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/tmp", dirPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return err
	}
	// The account that runs the server for root has to get through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	p.dir = dir
	p.server, err = localpg.Start(context.Background(), localpg.Options{
		Dir: filepath.Join(dir, "database"), Relaxed: true, MaxConnections: maxConnections,
		BinDir: os.Getenv("GATEWRIGHT_PG_BIN"),
	})
	return err
}

func (p *private) stop() error {
	if p.dir == "" {
		return nil
	}
	var err error
	if p.server != nil {
		err = p.server.Stop(context.Background())
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// removeLeftovers removes the folders of test programs that are gone.
func removeLeftovers() error {
	dirs, err := filepath.Glob(filepath.Join("/tmp", dirPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		text, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
		pid, err := strconv.Atoi(text)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	return nil
}
