// Package dbtest owns the databases of tests of identity sources: a real PostgreSQL
// and a real MariaDB, of which each test gets a database and an account of its own,
// with TLS under an authority made for the test program. Servers that a test
// program starts end with it, however it ends, and leave nothing behind.
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/mysql"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/secret"
)

// Database is one test's database, and the account that the gateway is to use: it
// may read tables and nothing else.
type Database struct {
	Driver             database.Driver
	Host               string
	Port               int
	Name               string
	Username, Password string
	// CA is the authority that signed the server's certificate, in PEM. The
	// certificate is for localhost and 127.0.0.1.
	CA string

	admin *sql.DB // connected to this database as its owner
}

// PostgreSQL makes a database on the server that TEST_DATABASE_URL names or, without
// it, on a private one.
func PostgreSQL(t testing.TB) *Database {
	t.Helper()
	at := postgresServer(t)
	d := newDatabase(postgres.Driver(), at.port)
	at.exec(t, "postgres", `create database `+d.Name, `create role `+d.Username+` login password '`+d.Password+`'`)
	t.Cleanup(func() { at.exec(t, "postgres", `drop database `+d.Name+` with (force)`, `drop role `+d.Username) })
	d.admin = at.open(t, d.Name)
	d.Exec(t, `alter default privileges grant select on tables to `+d.Username)
	return d
}

// MariaDB makes a database on a private server.
func MariaDB(t testing.TB) *Database {
	t.Helper()
	at := mariaServer(t)
	d := newDatabase(mysql.Driver(), at.port)
	at.exec(t, "", `create database `+d.Name, `create user `+d.Username+` identified by '`+d.Password+`'`,
		`grant select, execute on `+d.Name+`.* to `+d.Username)
	t.Cleanup(func() { at.exec(t, "", `drop database `+d.Name, `drop user `+d.Username) })
	d.admin = at.open(t, d.Name)
	return d
}

func newDatabase(driver database.Driver, port int) *Database {
	name := "gw" + strings.ToLower(rand.Text()[:16])
	return &Database{
		Driver: driver, Host: "localhost", Port: port, Name: name, Username: name, Password: rand.Text(), CA: authority().ca,
	}
}

// Each is both databases by name, for tests that hold for any.
func Each(t *testing.T, test func(t *testing.T, d *Database)) {
	t.Helper()
	for name, make := range map[string]func(testing.TB) *Database{"PostgreSQL": PostgreSQL, "MariaDB": MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, make(t))
		})
	}
}

// Exec runs statements as the owner of the database.
func (d *Database) Exec(t testing.TB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.admin.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Insert adds one row as the owner of the database.
func (d *Database) Insert(t testing.TB, table string, values ...any) {
	t.Helper()
	marks := make([]string, len(values))
	for i := range values {
		marks[i] = "?"
		if d.Driver.Syntax.Numbered {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	if _, err := d.admin.ExecContext(context.Background(), "insert into "+table+" values ("+strings.Join(marks, ", ")+")", values...); err != nil {
		t.Fatalf("insert into %s: %v", table, err)
	}
}

// Text is the one value of a query, run as the owner of the database.
func (d *Database) Text(t testing.TB, query string) string {
	t.Helper()
	var text string
	if err := d.admin.QueryRowContext(context.Background(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// Kill ends every connection of the account, as a restart of the server would, and
// returns how many there were.
func (d *Database) Kill(t testing.TB) int {
	t.Helper()
	ids := d.connections(t)
	for _, id := range ids {
		kill := "kill " + id
		if d.Driver.Name == postgres.Name {
			kill = "select pg_terminate_backend(" + id + ", 10000)"
		}
		d.Exec(t, kill)
	}
	return len(ids)
}

// Connections is how many connections the account has.
func (d *Database) Connections(t testing.TB) int {
	t.Helper()
	return len(d.connections(t))
}

func (d *Database) connections(t testing.TB) []string {
	t.Helper()
	query := "select id from information_schema.processlist where user = '" + d.Username + "'"
	if d.Driver.Name == postgres.Name {
		query = "select pid from pg_stat_activity where usename = '" + d.Username + "'"
	}
	rows, err := d.admin.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// server is a running server with an account that may do everything.
type server struct {
	driver             database.Driver
	port               int
	username, password string
	dial               func(ctx context.Context, network, address string) (net.Conn, error)
	// input is that of the program that runs the server, which ends with it. It is
	// kept from the garbage collector, who would close it.
	input io.Closer
}

// open connects to a database for the length of a test.
func (s *server) open(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := s.connect(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (s *server) connect(name string) (*sql.DB, error) {
	connector, err := s.driver.Connector(database.Server{
		Host: "127.0.0.1", Port: s.port, Database: name, Username: s.username, Password: secret.New(s.password), Dial: s.dial,
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (s *server) exec(t testing.TB, name string, statements ...string) {
	t.Helper()
	db, err := s.connect(name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
