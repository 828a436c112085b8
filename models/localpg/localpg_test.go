//go:build linux || darwin

package localpg_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewright/gatewright/models/localpg"
	"github.com/jackc/pgx/v5"
)

// query runs one statement and returns the first column of its first row.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// keepRow commits a row that wantRow finds again, on a relaxed server too: what is
// handed to the kernel survives the death of every process.
func keepRow(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	const sql = `set synchronous_commit = on; create table kept (name text); insert into kept values ('kept')`
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func wantRow(t *testing.T, url string) {
	t.Helper()
	if got := query(t, url, `select string_agg(name, ',') from kept`); got != "kept" {
		t.Errorf("rows after the restart: %q, want the committed one", got)
	}
}

// postmaster reads the number of the running server's main process.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone reports whether no process has the number, or only a dead one that nobody
// has reaped.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestStart(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := begin(t, localpg.Options{Dir: dir})
	if !s.Owned() || s.Dir() != dir {
		t.Errorf("Owned %v, Dir %s; want true, %s", s.Owned(), s.Dir(), dir)
	}

	for _, c := range []struct{ name, sql, want string }{
		{"text is UTF-8", `show server_encoding`, "UTF8"},
		{"text sorts the same on every machine", `select string_agg(x, '' order by x) from unnest(array['b','A','ä','a','B']) x`, "ABabä"},
		{"case folds beyond ASCII", `select lower('ÖLÇÜM')`, "ölçüm"},
		{"no TCP port is open", `show listen_addresses`, ""},
		{"commits reach the disk", `select current_setting('fsync') || current_setting('synchronous_commit')`, "onon"},
		{"connections are bounded", `show max_connections`, "60"},
		{"passwords are checked by SCRAM", `select string_agg(distinct auth_method, ',') from pg_hba_file_rules`, "scram-sha-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := query(t, s.URL(), c.sql); got != c.want {
				t.Errorf("%s: got %q, want %q", c.sql, got, c.want)
			}
		})
	}

	t.Run("nobody gets in without the password", func(t *testing.T) {
		u, err := url.Parse(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("gatewright", "guess")
		if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
			conn.Close(t.Context())
			t.Error("connected with a wrong password")
		}
	})
	t.Run("nothing in the directory is open to others", func(t *testing.T) { wantPrivate(t, dir) })
	t.Run("the server does not run as root", func(t *testing.T) { wantUnprivileged(t, dir) })
	t.Run("a restart is quick to find everything again", func(t *testing.T) {
		keepRow(t, s.URL())
		stop(t, s)
		wantRow(t, begin(t, localpg.Options{Dir: dir}).URL())
	})
}

// wantPrivate checks the modes of what holds data or passwords.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	for name, want := range map[string]fs.FileMode{
		"lock": 0o600, "url": 0o600, "password": 0o600, "data": 0o700, "run": 0o700,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s is %o, want %o", name, got, want)
		}
	}
}

func wantUnprivileged(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "uid=", "-p", strconv.Itoa(postmaster(t, dir))).Output()
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if uid == 0 {
		t.Error("PostgreSQL runs as root")
	}
	if me := os.Geteuid(); me != 0 && uid != me {
		t.Errorf("PostgreSQL runs as %d, want %d", uid, me)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := begin(t, localpg.Options{Dir: dir, Relaxed: true})
	pid := postmaster(t, dir)
	stop(t, s)

	if !gone(pid) {
		t.Error("the server still runs")
	}
	select {
	case <-s.Done():
	default:
		t.Error("Done is still open")
	}
	if err := s.Err(); err != nil {
		t.Errorf("a clean stop leaves the error %v", err)
	}
	for _, name := range []string{"url", "run"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", name)
		}
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
}

func TestStopCutsConnections(t *testing.T) {
	t.Parallel()
	s := begin(t, localpg.Options{Dir: tempDir(t), Relaxed: true})
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	stop(t, s)
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection survived the server")
	}
}

func TestSecondStartAttaches(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	owner := begin(t, localpg.Options{Dir: dir, Relaxed: true})
	guest := begin(t, localpg.Options{Dir: dir})

	if guest.Owned() || guest.URL() != owner.URL() || guest.Done() != nil || guest.Err() != nil {
		t.Errorf("the second start owns a server: Owned %v, Done %v, Err %v", guest.Owned(), guest.Done(), guest.Err())
	}
	stop(t, guest)
	if got := query(t, owner.URL(), `select 'here'`); got != "here" {
		t.Error("stopping the guest stopped the owner's server")
	}
	stop(t, owner)
	if again := begin(t, localpg.Options{Dir: dir, Relaxed: true}); !again.Owned() {
		t.Error("after the owner has gone, a start does not own the server")
	}
}

func TestManyStartsAtOnceMakeOneServer(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	servers, failures := make(chan *localpg.Server), make(chan error)
	const starts = 4
	for range starts {
		go func() {
			s, err := localpg.Start(t.Context(), localpg.Options{Dir: dir, Relaxed: true})
			servers <- s
			failures <- err
		}()
	}
	var owners int
	var owner *localpg.Server
	for range starts {
		s := <-servers
		if err := <-failures; err != nil {
			t.Error(err)
			continue
		}
		if s.Owned() {
			owners++
			owner = s
		}
	}
	if owners != 1 {
		t.Fatalf("%d of %d starts own the server, want 1", owners, starts)
	}
	stop(t, owner)
}

func TestServerThatDiesIsReportedAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := begin(t, localpg.Options{Dir: dir})
	keepRow(t, s.URL())
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "ended by itself (signal: killed)") {
		t.Errorf("Err is %v, want one that says the server was killed", err)
	}
	stop(t, s)
	wantRow(t, begin(t, localpg.Options{Dir: dir}).URL())
}

// owner runs Start in another process and returns it once its server answers.
func owner(t *testing.T, dir string) (process *exec.Cmd, url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestKilledOwnerLosesNothing(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	process, url := owner(t, dir)
	keepRow(t, url)
	server := postmaster(t, dir)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	process.Wait() // until then it still holds the lock
	// Without a pause: the old server may still be on its way out.
	s := begin(t, localpg.Options{Dir: dir})
	wantRow(t, s.URL())
	if !gone(server) {
		t.Error("the killed process's server still runs")
	}
}

// Nobody starts it again here: the kernel alone must end the server.
func TestKilledOwnerTakesItsServerAlong(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a process of its parent's death")
	}
	dir := tempDir(t)
	process, _ := owner(t, dir)
	server := postmaster(t, dir)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for !gone(server) {
		runtime.Gosched()
	}
}

// Ctrl-C goes to the terminal's process group: HTTP has to drain before the
// database may go.
func TestServerIsOutOfReachOfTheTerminal(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	begin(t, localpg.Options{Dir: dir, Relaxed: true})
	group, err := syscall.Getpgid(postmaster(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if group == syscall.Getpgrp() {
		t.Error("the server shares our process group")
	}
}

// crashed leaves a cluster behind whose server was killed, with content as the
// first line of its process file.
func crashed(t *testing.T, firstLine string) (dir string) {
	t.Helper()
	dir = tempDir(t)
	s := begin(t, localpg.Options{Dir: dir, Relaxed: true})
	keepRow(t, s.URL())
	file := filepath.Join(dir, "data", "postmaster.pid")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	stop(t, s)
	_, rest, _ := strings.Cut(string(content), "\n")
	if firstLine != "" {
		rest = firstLine + "\n" + rest
	} else {
		rest = ""
	}
	if err := os.WriteFile(file, []byte(rest), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestStaleProcessFile(t *testing.T) {
	t.Parallel()
	stranger := exec.Command("sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stranger.Process.Kill()
		stranger.Wait()
	})
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { zombie.Wait() })

	for name, firstLine := range map[string]string{
		"whose number a stranger has now": strconv.Itoa(stranger.Process.Pid),
		"whose number a zombie has":       strconv.Itoa(zombie.Process.Pid),
		"whose number nobody has":         "4194304",
		"with nonsense in it":             "nonsense",
		"that a power cut left empty":     "",
	} {
		t.Run("a file "+name+" does not stop the start", func(t *testing.T) {
			t.Parallel()
			dir := crashed(t, firstLine)
			wantRow(t, begin(t, localpg.Options{Dir: dir, Relaxed: true}).URL())
		})
	}
	t.Cleanup(func() {
		if gone(stranger.Process.Pid) {
			t.Error("the stranger was killed")
		}
	})
}

func TestLongPathStillGetsASocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), strings.Repeat("long", 25))
	for range 2 {
		s := begin(t, localpg.Options{Dir: dir, Relaxed: true})
		if got := query(t, s.URL(), `select 'here'`); got != "here" {
			t.Error("no answer")
		}
		short, err := os.Readlink(filepath.Join(dir, "run"))
		if err != nil {
			t.Fatal(err)
		}
		stop(t, s)
		if _, err := os.Stat(short); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind", short)
		}
	}
}

func TestInterruptedCreationIsStartedOver(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "pgsql.new", "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	begin(t, localpg.Options{Dir: dir, Relaxed: true})
	for _, name := range []string{"data.new", "data.password", "pgsql.new"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind", name)
		}
	}
}

// hearer calls back when a word passes through a log.
type hearer struct {
	word string
	call func()
}

func (h hearer) Write(b []byte) (int, error) {
	if strings.Contains(string(b), h.word) {
		h.call()
	}
	return len(b), nil
}

func TestCancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	for name, word := range map[string]string{
		"before initdb":                "creating the private database",
		"before the server can answer": "starting PostgreSQL",
	} {
		t.Run("cancelled "+name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			ears := hearer{word, func() { cancel(errors.New("changed my mind")) }}
			log := slog.New(slog.NewTextHandler(ears, &slog.HandlerOptions{Level: slog.LevelDebug}))

			s, err := localpg.Start(ctx, localpg.Options{Dir: dir, Relaxed: true, Logger: log})
			if err == nil || !strings.Contains(err.Error(), "changed my mind") {
				t.Errorf("Start gave %v, %v; want the cause of the cancellation", s, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); !errors.Is(err, fs.ErrNotExist) {
				t.Error("a server is left running")
			}
			if again := begin(t, localpg.Options{Dir: dir, Relaxed: true}); !again.Owned() {
				t.Error("the lock is still held")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, dir string) localpg.Options
		want    []string
	}{
		{"no directory", func(*testing.T, string) localpg.Options { return localpg.Options{} },
			[]string{"no directory given"}},
		{"a file in the place of the directory", fileInPlace,
			[]string{"is a file, not a directory"}},
		{"a cluster of a foreign major", foreignMajor,
			[]string{"no PostgreSQL 12, which made this database", "wants PostgreSQL 12", "--database-url"}},
		{"a folder of programs without any", noProgramsThere,
			[]string{"does not hold postgres and initdb"}},
		{"programs that are too old", oldPrograms,
			[]string{"is 14.9, at least 15 is needed"}},
		{"a cluster whose password is lost", lostPassword,
			[]string{"is there but its password is not"}},
		{"a cluster with another password", otherPassword,
			[]string{"password authentication failed"}},
		{"a broken setting, with what the server said", brokenSetting,
			[]string{"ended by itself", "syntax error in file"}},
		{"a directory that cannot be entered", closedDir,
			wantClosed()},
	} {
		t.Run(c.name+" is refused", func(t *testing.T) {
			t.Parallel()
			s, err := localpg.Start(t.Context(), c.prepare(t, tempDir(t)))
			if err == nil {
				s.Stop(context.Background())
				t.Fatal("it was not")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error is %q, want %q in it", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is more than a line: %q", err)
			}
		})
	}
}

func fileInPlace(t *testing.T, dir string) localpg.Options {
	write(t, dir, "")
	return localpg.Options{Dir: dir}
}

// existing leaves a cluster that was stopped cleanly.
func existing(t *testing.T, dir string) localpg.Options {
	o := localpg.Options{Dir: dir, Relaxed: true}
	stop(t, begin(t, o))
	return o
}

func foreignMajor(t *testing.T, dir string) localpg.Options {
	o := existing(t, dir)
	write(t, filepath.Join(dir, "data", "PG_VERSION"), "12\n")
	return o
}

func noProgramsThere(_ *testing.T, dir string) localpg.Options {
	return localpg.Options{Dir: dir, BinDir: "/usr/share"}
}

func oldPrograms(t *testing.T, dir string) localpg.Options {
	bin := dir + "-bin"
	for _, name := range []string{"postgres", "initdb"} {
		write(t, filepath.Join(bin, name), "#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
	}
	return localpg.Options{Dir: dir, BinDir: bin}
}

func lostPassword(t *testing.T, dir string) localpg.Options {
	o := existing(t, dir)
	if err := os.Remove(filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	return o
}

func otherPassword(t *testing.T, dir string) localpg.Options {
	o := existing(t, dir)
	write(t, filepath.Join(dir, "password"), "other\n")
	return o
}

func brokenSetting(t *testing.T, dir string) localpg.Options {
	o := existing(t, dir)
	write(t, filepath.Join(dir, "data", "postgresql.conf"), "this is no setting\n")
	return o
}

// closedDir is a folder that the account which is to run the server cannot enter:
// as root because only root may, otherwise because nobody may.
func closedDir(t *testing.T, dir string) localpg.Options {
	closed := filepath.Join(filepath.Dir(dir), "closed")
	mode := fs.FileMode(0o500)
	if os.Geteuid() == 0 {
		mode = 0o700
	}
	if err := os.Mkdir(closed, mode); err != nil {
		t.Fatal(err)
	}
	return localpg.Options{Dir: filepath.Join(closed, "database")}
}

// wantClosed is what the refusal names: for root's server the folder in the way and
// what to do about it.
func wantClosed() []string {
	if os.Geteuid() != 0 {
		return []string{"create database directory", "closed", "permission denied"}
	}
	return []string{"who cannot enter /tmp/gatewright-localpg-", "/closed: choose another --data-dir", "chmod o+x"}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestServerOfTheMachineServes(t *testing.T) {
	t.Parallel()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Skip("this machine has no PostgreSQL of its own in /usr/lib/postgresql")
	}
	dir := tempDir(t)
	o := localpg.Options{Dir: dir, BinDir: filepath.Dir(found[len(found)-1]), Relaxed: true}
	s := begin(t, o)
	keepRow(t, s.URL())
	version := query(t, s.URL(), `show server_version`)
	if got := query(t, s.URL(), `select lower('ÖLÇÜM')`); got != "ölçüm" {
		t.Errorf("case does not fold beyond ASCII: %s", got)
	}
	stop(t, s)

	// Without being told where it is: only this major can serve the cluster now.
	again := begin(t, localpg.Options{Dir: dir, Relaxed: true})
	wantRow(t, again.URL())
	if got := query(t, again.URL(), `show server_version`); got != version {
		t.Errorf("the second start took PostgreSQL %s, want %s", got, version)
	}
}
