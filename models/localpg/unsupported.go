//go:build !linux && !darwin

package localpg

import (
	"context"
	"fmt"
	"os"
	"runtime"
)

// postmaster exists so that Server has one shape everywhere; none is ever made here.
type postmaster struct{ done chan struct{} }

func (p *postmaster) failure() error             { return nil }
func (p *postmaster) stop(context.Context) error { return nil }

// start refuses: file locks, signals and socket permissions work differently here.
func start(context.Context, Options) (*Server, error) {
	name := runtime.GOOS
	if name == "windows" {
		name = "Windows"
	}
	return nil, fmt.Errorf("embedded database is not supported on %s; set --database-url", name)
}

// MakeDir creates dir and its missing parents for the calling account alone.
func MakeDir(dir string) error { return os.MkdirAll(dir, 0o700) }
