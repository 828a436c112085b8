package database_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/mysql"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/dbtest"
	"github.com/gatewright/gatewright/engine/secret"
)

// injections are names and passwords that mean something to a database that reads
// them as part of a statement.
var injections = []string{
	"' or 1=1 --", "' or ''='", `" or 1=1 #`, `\`, `\' or 1=1 -- `, "ann'--", "ann'/*", "x'; drop table users; --", "$1", "?", ":username", "%", "_nn", "ann\x00", "\x00",
	"ann\xff", "\xbf\x27 or 1=1 -- ", "ｓ' or 1=1", "ʼ or 1=1", "ann\u2019", "ann\n", "😀", "NULL", "0", "-1", "1e309", strings.Repeat("a", 256), strings.Repeat("'", 200),
}

func TestAttackNamesAndPasswordsAreNeverReadAsSQL(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Exec(t, "create table plain (name varchar(100), password varchar(200))")
		d.Insert(t, "plain", "ann", "right")
		column := open(t, config(d), deps(d))
		c := config(d)
		c.PasswordCheck = database.InQuery
		c.Query = "select name from plain where name = :username and password = :password"
		c.RoleQuery = "select name from plain where name = :username"
		query := open(t, c, deps(d))
		for _, text := range injections {
			for _, pair := range [][2]string{{text, "right"}, {"ann", text}, {text, text}} {
				for _, s := range []identity.Source{column, query} {
					if id, ok := login(t, s, pair[0], pair[1]); ok {
						t.Errorf("%q gets in with %q as %+v", pair[0], pair[1], id)
					}
				}
			}
			if id, ok, err := query.Lookup(t.Context(), text); ok || err != nil {
				t.Errorf("Lookup of %q = %+v, %v", text, id, err)
			}
		}
		if got := d.Text(t, "select count(*) from users"); got != "1" {
			t.Errorf("%s users left", got)
		}
	})
}

func TestAttackNamesThatAColumnCannotHoldAreNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		latin := "varchar(100)"
		if d.Driver.Name != postgres.Name {
			latin += " character set latin1"
		}
		d.Exec(t, "create table users (id integer, name "+latin+", password varchar(200))")
		d.Insert(t, "users", 7, "7", hash(t, "right"))
		c := config(d)
		c.Query = "select name, password from users where id = :username"
		if d.Driver.Name == postgres.Name {
			checkNobody(t, open(t, c, deps(d)), "ann", "7x", "99999999999999999999", "' or 1=1", "😀")
		}
		c.Query = "select name, password from users where name = :username"
		checkNobody(t, open(t, c, deps(d)), "ann", "😀", "日本")
	})
}

func checkNobody(t *testing.T, s identity.Source, names ...string) {
	t.Helper()
	if _, ok := login(t, s, "7", "right"); !ok {
		t.Error("the name that there is is refused")
	}
	for _, name := range names {
		if _, ok := login(t, s, name, "right"); ok {
			t.Errorf("%q gets in", name)
		}
	}
}

func TestAttackQueriesCannotWrite(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Exec(t, "create table log (name varchar(100))")
		queries := []string{"select bump(name) as name, password from users where name = :username"}
		if d.Driver.Name == postgres.Name {
			d.Exec(t, "create function bump(n text) returns text language plpgsql as $$ begin insert into log values (n); return n; end $$",
				"grant all on all tables in schema public to "+d.Username)
			queries = append(queries,
				"with d as (delete from users returning name, password) select * from d where name = :username",
				"with s as (select set_config('transaction_read_only', 'off', true)) select bump(name) as name, password from users, s where name = :username",
				"select name, password from users where name = :username for update",
			)
		} else {
			d.Exec(t, "create function bump(n varchar(100)) returns varchar(100) modifies sql data begin insert into log values (n); return n; end",
				"grant all on "+d.Name+".* to "+d.Username)
		}
		for _, query := range queries {
			c := config(d)
			c.Query = query
			err := fails(t, open(t, c, deps(d)), "ann", "right")
			if text := strings.ReplaceAll(strings.ToLower(err.Error()), "-", " "); !strings.Contains(text, "read only") && !strings.Contains(text, "read write") {
				t.Errorf("%s: %v", query, err)
			}
		}
		if got := d.Text(t, "select count(*) from log") + d.Text(t, "select count(*) from users"); got != "01" {
			t.Errorf("log and users have %s rows", got)
		}
	})
}

func TestAttackAServerThatHidesItsTLSGetsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		c := config(d)
		c.Port = d.WithoutTLS(t)
		if err := fails(t, open(t, c, deps(d)), "ann", "right"); !strings.Contains(err.Error(), "TLS") {
			t.Errorf("error = %v", err)
		}
		c.TLS = database.Plaintext
		if _, ok := login(t, open(t, c, deps(d)), "ann", "right"); !ok {
			t.Error("plain text does not work where it was asked for")
		}
	})
}

func TestAttackAServerWithAnotherCertificateIsNotTrusted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		for name, change := range map[string]func(*database.Config){
			"another authority":                            func(c *database.Config) { c.CACertificates = dbtest.OtherCA() },
			"the system authorities":                       func(c *database.Config) { c.CACertificates = "" },
			"another name":                                 func(c *database.Config) { c.ServerName = "db.example.com" },
			"an address without a name in the certificate": func(c *database.Config) { c.Host = "::ffff:127.0.0.1"; c.ServerName = "127.0.0.2" },
		} {
			c := config(d)
			change(c)
			if err := fails(t, open(t, c, deps(d)), "ann", "right"); !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%s: %v", name, err)
			}
		}
		c := config(d)
		c.Host, c.ServerName = "127.0.0.1", "localhost"
		if _, ok := login(t, open(t, c, deps(d)), "ann", "right"); !ok {
			t.Error("the right certificate is refused")
		}
	})
}

func TestAttackForbiddenAddressesAreNotDialled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		forbidden := errors.New("this address is not allowed")
		world := deps(d)
		world.Allow = func(a netip.Addr) error {
			if a.IsLoopback() {
				return forbidden
			}
			return nil
		}
		if err := fails(t, open(t, config(d), world), "ann", "right"); !strings.Contains(err.Error(), forbidden.Error()) {
			t.Errorf("error = %v", err)
		}
		if n := d.Connections(t); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

// ATTACK: rows of megabytes, or a server that sends without end, fill the memory.
func TestAttackAnAnswerIsNotReadWithoutEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		for range 40 {
			d.Insert(t, "users", "bob", "x")
		}
		c := config(d)
		c.RoleQuery = "select repeat('x', 1000000) from users where name = 'bob' or name = :username"
		if err := fails(t, open(t, c, deps(d)), "ann", "right"); !strings.Contains(err.Error(), "larger than 16 MiB") {
			t.Errorf("error = %v", err)
		}
		c.RoleQuery = "select repeat('x', 1000000) from users where name = :username"
		if _, ok := login(t, open(t, c, deps(d)), "ann", "right"); !ok {
			t.Error("an answer of one megabyte lets nobody in")
		}
	})
}

func TestARoleQueryWithoutColumnsIsAnError(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		if d.Driver.Name != postgres.Name {
			t.Skip("PostgreSQL alone has rows without columns")
		}
		people(t, d)
		c := config(d)
		c.RoleQuery = "select from users where name = :username"
		if err := fails(t, open(t, c, deps(d)), "ann", "right"); !strings.Contains(err.Error(), "without columns") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	const word = "s3cr3t-w0rd"
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Exec(t, "create table digits (name varchar(100), pin integer)")
		d.Insert(t, "digits", "ann", 1)
		queries := []string{
			"select name from users where name = :username and nonsense(:password)",
			"select name from users where name = :username and extractvalue('<a/>', concat('<', :password))",
		}
		if d.Driver.Name == postgres.Name {
			d.Exec(t, "create function shout(p text) returns text language plpgsql as $$ begin raise exception 'got %', p; end $$")
			queries = append(queries,
				"select name from users where name = :username and shout(:password) = ''",
				"select name from users where name = :username and (:password)::date > now()",
				"select name from users where name = :username and length(:password::json::text) > 1",
				"select name from users where name = :username and regexp_count(:password, '(') > 1",
			)
		} else {
			d.Exec(t, "create function shout(p varchar(100)) returns integer begin signal sqlstate '45000' set message_text = p; return 1; end")
			queries = append(queries, "select name from users where name = :username and shout(:password) = 1",
				"select name from users where name = :username and updatexml('<a/>', concat('<', :password), '') is null")
		}
		for _, query := range queries {
			c := config(d)
			c.PasswordCheck, c.Query = database.InQuery, query
			_, ok, err := open(t, c, deps(d)).Authenticate(t.Context(), "ann", secret.New(word))
			if ok {
				t.Errorf("%s lets in", query)
			}
			if err != nil && (strings.Contains(err.Error(), word) || strings.Contains(err.Error(), d.Password)) {
				t.Errorf("%s: %v", query, err)
			}
		}
		wrong := deps(d)
		wrong.Secrets["password"] = secret.New(word)
		if err := fails(t, open(t, config(d), wrong), "ann", "right"); strings.Contains(err.Error(), word) {
			t.Errorf("error = %v", err)
		}
	})
}

// Not beside the other tests of the package, which would slow now the one and now
// the other.
func TestAttackAnUnknownNameTakesAsLongAsAKnownOne(t *testing.T) {
	d := dbtest.MariaDB(t)
	d.Exec(t, "create table users (name varchar(100), password varchar(200))")
	// Four times as costly as what a source begins with.
	d.Insert(t, "users", "ann", "$2a$12$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe")
	d.Insert(t, "users", "none", nil)
	s := open(t, config(d), deps(d))
	least := map[string]time.Duration{}
	for range 2 { // in turns: other work makes each longer, never shorter
		for _, name := range []string{"ann", "bob", "none", "a\x00"} {
			start := time.Now()
			login(t, s, name, "wrong")
			if took, seen := time.Since(start), least[name]; seen == 0 || took < seen {
				least[name] = took
			}
		}
	}
	for name, took := range least {
		if took < least["ann"]/2 {
			t.Errorf("%q took %s, a known name %s", name, took, least["ann"])
		}
	}
}

func TestAttackAServerThatAsksForThePasswordItselfGetsNothing(t *testing.T) {
	t.Parallel()
	const word = "s3cr3t-w0rd"
	for _, tc := range []struct {
		driver           database.Driver
		greeting, demand string
	}{
		{postgres.Driver(), "", "R\x00\x00\x00\x08\x00\x00\x00\x03"},
		{
			mysql.Driver(),
			packet(0, "\x0a8.0.0\x00\x01\x00\x00\x00saltsalt\x00\x00\x82\x21\x02\x00\x08\x00\x15"+strings.Repeat("\x00", 10)+"saltsaltsalt\x00mysql_native_password\x00"),
			packet(2, "\xfemysql_clear_password\x00"),
		},
	} {
		t.Run(tc.driver.Label, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			heard := make(chan string, 1)
			go func() { heard <- demandPassword(l, tc.greeting, tc.demand) }()
			c := config(&dbtest.Database{Driver: tc.driver, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Name: "x", Username: "x"})
			c.TLS = database.Plaintext
			err = fails(t, open(t, c, deps(&dbtest.Database{Password: word})), "ann", "right")
			_ = l.Close()
			if got := <-heard; strings.Contains(got, word) || got == "" {
				t.Errorf("the server heard %q, then %v", got, err)
			}
		})
	}
}

func packet(number byte, body string) string {
	return string([]byte{byte(len(body)), 0, 0, number}) + body
}

// demandPassword is a server that greets one client, asks for its password in plain
// text and gives all that it has heard.
func demandPassword(l net.Listener, greeting, demand string) string {
	conn, err := l.Accept()
	if err != nil {
		return ""
	}
	defer conn.Close()
	first := make([]byte, 4096)
	_, _ = io.WriteString(conn, greeting)
	n, _ := conn.Read(first)
	_, _ = io.WriteString(conn, demand)
	rest, _ := io.ReadAll(conn)
	return string(first[:n]) + string(rest)
}

func TestAServerThatHangsEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, d := range database.New(kindsDrivers()...).Drivers() {
		t.Run(d.Label, func(t *testing.T) {
			t.Parallel()
			c := config(&dbtest.Database{Driver: d, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Name: "x", Username: "x"})
			c.TimeoutMillis = 100
			if err := fails(t, open(t, c, identity.Deps{}), "ann", "right"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestAQueryThatTakesTooLongEndsHereAndThere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		c := config(d)
		c.TimeoutMillis = 2000
		c.Query = "select name, password from users where name = :username and sleep(1000) = 0"
		if d.Driver.Name == postgres.Name {
			c.Query = "select name, password, pg_sleep(1000) from users where name = :username"
		}
		if err := fails(t, open(t, c, deps(d)), "ann", "right"); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "max_statement_time") {
			t.Errorf("error = %v", err)
		}
		for d.Connections(t) > 0 && t.Context().Err() == nil {
			d.Text(t, "select 1")
		}
	})
}
