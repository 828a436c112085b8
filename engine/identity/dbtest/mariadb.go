package dbtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity/database/mysql"
)

// mariadbd is the environment variable that names the program.
const mariadbd = "GATEWRIGHT_MARIADBD"

const admin = "admin"

// maria is the server of this test program, once one was needed.
type maria struct {
	server
	// children are kept, also those that ended, as one that is forgotten ends the
	// server: the garbage collector closes its input.
	children []*child
	program  string
	dir      string
}

var startMaria = sync.OnceValues(newMaria)

func mariaServer(t testing.TB) *server {
	t.Helper()
	m, err := startMaria()
	if err != nil {
		t.Fatalf("start a MariaDB for tests (.ci/mariadb brings one; %s names one): %v", mariadbd, err)
	}
	return &m.server
}

func newMaria() (*maria, error) {
	program, err := findMaria()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "gatewright-dbtest-")
	if err != nil {
		return nil, err
	}
	m := &maria{program: program, dir: dir}
	m.driver, m.username, m.password = mysql.Driver(), admin, rand.Text()
	m.dial = (&net.Dialer{}).DialContext
	if err := errors.Join(m.writeFiles(), m.bootstrap(), m.run()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return m, nil
}

// findMaria asks the script that also brings one, so that both look in the same
// places. Nothing is installed by a test.
func findMaria() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	var why bytes.Buffer
	cmd := exec.Command(filepath.Join(root, ".ci", "mariadb"), "find")
	cmd.Stderr = &why
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, why.String())
	}
	return strings.TrimSpace(string(out)), nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	return strings.TrimSpace(string(out)), err
}

func (m *maria) writeFiles() error {
	init := "create user " + admin + "@'127.0.0.1' identified by '" + m.password + "'; grant all on *.* to " + admin + "@'127.0.0.1' with grant option;"
	var failed error
	for name, content := range map[string]string{
		"init.sql": strings.ReplaceAll(init, "; ", ";\n"), "cert.pem": authority().cert, "key.pem": authority().key, "ca.pem": authority().ca,
	} {
		failed = errors.Join(failed, os.WriteFile(filepath.Join(m.dir, name), []byte(content), 0o600))
	}
	return errors.Join(failed, os.Mkdir(filepath.Join(m.dir, "data"), 0o700))
}

// share is the folder of the program with its messages and its first SQL.
func (m *maria) share() string {
	prefix := filepath.Dir(filepath.Dir(m.program))
	for _, name := range []string{"share/mysql", "share/mariadb"} {
		if _, err := os.Stat(filepath.Join(prefix, name, "mysql_system_tables.sql")); err == nil {
			return filepath.Join(prefix, name)
		}
		if _, err := os.Stat(filepath.Join(prefix, name, "mariadb_system_tables.sql")); err == nil {
			return filepath.Join(prefix, name)
		}
	}
	return filepath.Join(prefix, "share/mysql")
}

// arguments are those of both ways to run the program. Durability is given up for
// speed.
func (m *maria) arguments(more ...string) []string {
	all := []string{
		"--no-defaults", "--datadir=" + filepath.Join(m.dir, "data"), "--lc-messages-dir=" + m.share(), "--tmpdir=" + m.dir,
		"--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0", "--innodb-use-native-aio=0",
		"--skip-log-bin", "--performance-schema=0",
	}
	if os.Geteuid() == 0 {
		all = append(all, "--user=root")
	}
	return append(all, more...)
}

// bootstrap makes the tables of the server itself.
func (m *maria) bootstrap() error {
	tables, err := filepath.Glob(filepath.Join(m.share(), "m*_system_tables.sql"))
	if err != nil || len(tables) != 1 {
		return fmt.Errorf("no system tables in %s", m.share())
	}
	sql, err := os.ReadFile(tables[0])
	if err != nil {
		return err
	}
	cmd := exec.Command(m.program, m.arguments("--bootstrap")...)
	cmd.Env = m.environment()
	cmd.Stdin = strings.NewReader("create database mysql;\nuse mysql;\n" + string(sql))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the first tables: %w: %s", err, out)
	}
	return nil
}

// environment lets a program that was only unpacked find its libraries.
func (m *maria) environment() []string {
	prefix := filepath.Dir(filepath.Dir(m.program))
	libraries, _ := filepath.Glob(filepath.Join(prefix, "lib", "*-linux-*"))
	if prefix == "/usr" || len(libraries) == 0 {
		return os.Environ()
	}
	return append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
}

// run starts the server on a free port, and on another if that was taken meanwhile.
func (m *maria) run() error {
	var err error
	for range 3 {
		if m.port, err = freePort(); err != nil {
			return err
		}
		if err = m.runOn(m.port); err == nil {
			return nil
		}
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (m *maria) runOn(port int) error {
	_ = os.Remove(filepath.Join(m.dir, "ended"))
	in := func(name string) string { return filepath.Join(m.dir, name) }
	command := append([]string{m.program}, m.arguments(
		"--port="+strconv.Itoa(port), "--bind-address=127.0.0.1", "--skip-name-resolve", "--socket="+in("socket"), "--pid-file="+in("pid"),
		"--init-file="+in("init.sql"), "--ssl-cert="+in("cert.pem"), "--ssl-key="+in("key.pem"), "--ssl-ca="+in("ca.pem"),
		"--max-connections=300", "--character-set-server=utf8mb4", "--log-warnings=1",
	)...)
	if libraries := m.environment(); len(libraries) > len(os.Environ()) {
		command = append([]string{"env", libraries[len(libraries)-1]}, command...)
	}
	c, err := start(m.dir, command...)
	if err != nil {
		return err
	}
	m.children = append(m.children, c)
	return m.await(c)
}

// await returns once the server answers or has ended.
func (m *maria) await(c *child) error {
	db, err := m.connect("")
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		if err := db.PingContext(context.Background()); err == nil {
			return nil
		}
		if err := c.ended(); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
