//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How long a stopping server gets for each way of being asked.
const fastGrace = 30 * time.Second

// postmaster is the running server's main process.
type postmaster struct {
	child    *child
	journal  *journal
	stopping atomic.Bool
	err      error         // written before done is closed
	done     chan struct{} // closed when the process has ended
}

// run starts the server and waits until it answers.
func (c *cluster) run(ctx context.Context) error {
	journal := &journal{log: c.Logger}
	cmd := c.account.command(filepath.Join(c.programs.dir, "postgres"), c.arguments()...)
	cmd.Stdout, cmd.Stderr = journal, journal
	// A child process that outlives the server must not keep us waiting for its output.
	cmd.WaitDelay = 2 * time.Second
	child, err := begin(cmd)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	p := &postmaster{child: child, journal: journal, done: make(chan struct{})}
	go p.watch()
	if err := c.awaitReady(ctx, p); err != nil {
		// The caller's ctx may have ended already; what was started is stopped properly.
		return errors.Join(err, p.stop(context.WithoutCancel(ctx)))
	}
	c.process = p
	return nil
}

func (c *cluster) arguments() []string {
	settings := []string{
		"listen_addresses=", // no TCP port: none to collide with, none to attack
		"port=5432",         // only names the socket
		"unix_socket_permissions=0700",
		"max_connections=" + strconv.Itoa(c.MaxConnections),
		"shared_buffers=64MB",
		// What the server writes down must not hold data or statements: they reach
		// our own log. Errors of statements are reported to those who sent them.
		"log_min_messages=log",
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
		"log_line_prefix=",
		"logging_collector=off",
		"log_destination=stderr",
	}
	if c.Relaxed {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", dataDir(c.Dir), "-k", c.socketDir}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}

// awaitReady connects until that works. It sets no limit of its own: after a crash
// the server first replays its log, however long that is.
func (c *cluster) awaitReady(ctx context.Context, p *postmaster) error {
	for {
		err := c.openDatabase(ctx)
		if err == nil {
			return nil
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code != stillStarting {
			return fmt.Errorf("connect to the database in %s: %w", c.Dir, err)
		}
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return fmt.Errorf("wait for the database in %s: %w", c.Dir, context.Cause(ctx))
		case <-time.After(again):
		}
	}
}

// PostgreSQL's error codes that mean something to us.
const (
	stillStarting = "57P03" // cannot_connect_now
	noDatabase    = "3D000" // invalid_catalog_name
)

// openDatabase connects to our database, which the first start has yet to make.
func (c *cluster) openDatabase(ctx context.Context) error {
	err := ping(ctx, c.url(database))
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != noDatabase {
		return err
	}
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+database)
	return errors.Join(err, conn.Close(ctx))
}

// watch waits for the process and says, when nobody asked it to end, why it did.
func (p *postmaster) watch() {
	err := <-p.child.exit
	if !p.stopping.Load() {
		p.err = fmt.Errorf("PostgreSQL ended by itself (%v): %s", describe(err), p.journal.end())
	}
	close(p.done)
}

func describe(exit error) string {
	if exit == nil {
		return "exit status 0"
	}
	return exit.Error()
}

func (p *postmaster) failure() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// stop asks for a fast shutdown, then for an immediate one, then kills.
func (p *postmaster) stop(ctx context.Context) error {
	p.stopping.Store(true)
	p.child.signal(syscall.SIGINT)
	if p.endsWithin(ctx, fastGrace) {
		return nil
	}
	p.child.signal(syscall.SIGQUIT)
	if p.endsWithin(context.WithoutCancel(ctx), quitGrace) {
		return errors.New("PostgreSQL did not shut down in time and was ended without a checkpoint; the next start replays its log")
	}
	p.child.signal(syscall.SIGKILL)
	<-p.done
	return errors.New("PostgreSQL did not shut down in time and was killed; the next start replays its log")
}

func (p *postmaster) endsWithin(ctx context.Context, d time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return false
	}
}
