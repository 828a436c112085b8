//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// tryLock returns the open, locked file, or nil when another process has it. The
// kernel drops the lock with the process, however it ends. Children do not inherit
// it (Go opens files close-on-exec), so an orphaned server cannot hold it either.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// attach connects to the server that the lock's holder runs. It returns nil while
// that one is still starting, or already stopping.
func attach(ctx context.Context, dir string) *Server {
	url, err := os.ReadFile(urlFile(dir))
	if err != nil || ping(ctx, string(url)) != nil {
		return nil
	}
	return &Server{dir: dir, url: string(url), release: func() error { return nil }}
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
