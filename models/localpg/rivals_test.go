//go:build linux || darwin

package localpg

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverDir is a folder for a server, in a place that its account can reach.
func serverDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gatewright-localpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "database")
}

func mustStart(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

// kept connects and returns the connection with what is in the table kept.
func kept(t *testing.T, url string) (*pgx.Conn, string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	var names string
	if _, err := conn.Exec(t.Context(), `create table if not exists kept (name text)`); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), `select coalesce(string_agg(name, ','), '') from kept`).Scan(&names); err != nil {
		t.Fatal(err)
	}
	return conn, names
}

// An orphan is what a killed gatewright leaves behind where the kernel does not
// tell children of it, as on macOS.
func TestOrphanedServerIsEnded(t *testing.T) {
	t.Parallel()
	o := Options{Dir: serverDir(t), Relaxed: true}.withDefaults()
	if err := mustStart(t, o).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &cluster{Options: o}
	for _, step := range []func(context.Context) error{c.chooseAccount, c.findPrograms, c.initialize, c.makeSocketDir} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// The kernel ends a child with the thread that began it, so that must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	orphan := c.account.command(filepath.Join(c.programs.dir, "postgres"), c.arguments()...)
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	for c.openDatabase(t.Context()) != nil {
		select {
		case err := <-ended:
			t.Fatalf("the orphan ended too early: %v", err)
		case <-time.After(again):
		}
	}
	conn, _ := kept(t, c.url(database))
	if _, err := conn.Exec(t.Context(), `insert into kept values ('by the orphan')`); err != nil {
		t.Fatal(err)
	}

	_, names := kept(t, mustStart(t, o).URL())
	if names != "by the orphan" {
		t.Errorf("the row is %q after the orphan's end", names)
	}
	if err := <-ended; err != nil {
		t.Errorf("the orphan did not shut down cleanly: %v", err)
	}
}

// A backend that outlives its postmaster still writes to the cluster: a second
// server beside it would destroy the data.
func TestBackendThatOutlivesItsServerIsEnded(t *testing.T) {
	t.Parallel()
	o := Options{Dir: serverDir(t), Relaxed: true}
	first := mustStart(t, o)
	conn, _ := kept(t, first.URL())
	if _, err := conn.Exec(t.Context(), `set synchronous_commit = on; insert into kept values ('kept')`); err != nil {
		t.Fatal(err)
	}
	backend := int(conn.PgConn().PID())
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	first.process.child.signal(syscall.SIGKILL)
	<-first.Done()
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	var log strings.Builder
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if _, names := kept(t, mustStart(t, o).URL()); names != "kept" {
		t.Errorf("the row is %q after the restart", names)
	}
	if !strings.Contains(log.String(), "left over from a crash") {
		t.Errorf("nothing was ended; the log is %s", log.String())
	}
}

func TestServersOnlyCountsPostgresOfThisCluster(t *testing.T) {
	t.Parallel()
	o := Options{Dir: serverDir(t), Relaxed: true}
	s := mustStart(t, o)
	other := mustStart(t, Options{Dir: serverDir(t), Relaxed: true})
	c := &cluster{Options: o.withDefaults()}
	if err := c.chooseAccount(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A shell that somebody left standing in the folder is not to be killed.
	bystander := c.account.command("/bin/sh", "-c", `cd "$1" && exec sleep 600`, "sh", dataDir(o.Dir))
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		bystander.Process.Kill()
		bystander.Wait()
	})

	found, err := c.servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ours := s.process.child.cmd.Process.Pid
	var seen bool
	for _, pid := range found {
		seen = seen || pid == ours
		if pid == bystander.Process.Pid || pid == other.process.child.cmd.Process.Pid {
			t.Errorf("process %d is not of this cluster", pid)
		}
	}
	if !seen {
		t.Errorf("found %v, the server %d is missing", found, ours)
	}
}
