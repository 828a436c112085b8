package modelstest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/migrations"
	"github.com/gatewright/gatewright/models"
)

// templateLock is the advisory lock under which the template is made.
const templateLock = 4_620_155_871_103_622_711

// conns is enough for a test of writers that run into each other.
const conns = 10

// New is a store on a migrated database of the test's own, which goes with the
// test.
func New(t testing.TB) *models.Store {
	t.Helper()
	return Open(t, Database(t))
}

// Open is another store on a database, closed with the test. Changes are
// applied to the options that New uses.
func Open(t testing.TB, url string, changes ...func(*models.Options)) *models.Store {
	t.Helper()
	o := models.Options{Sealer: Sealer(t), Types: policy.Set{jwtauth.Type(), headers.Type()}, Identities: Kinds(), MaxConns: conns}
	for _, change := range changes {
		change(&o)
	}
	s, err := models.Open(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	urls.Store(s, url)
	t.Cleanup(func() { urls.Delete(s) })
	return s
}

// urls are the databases of open stores.
var urls sync.Map

// Beside is another store on the database of s, with other options.
func Beside(t testing.TB, s *models.Store, changes ...func(*models.Options)) *models.Store {
	t.Helper()
	url, _ := urls.Load(s)
	return Open(t, url.(string), changes...)
}

var masterKey = sync.OnceValue(func() []byte {
	key := make([]byte, secret.MinMasterKey)
	_, _ = rand.Read(key) // never fails: the runtime ends the process instead
	return key
})

// Sealer is the sealer of every store of the test program.
func Sealer(t testing.TB) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(masterKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Database is the URL of a migrated database of the test's own, which goes
// with the test.
func Database(t testing.TB) string {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	name := "gatewright_test_" + strings.ToLower(rand.Text())
	// file_copy is the fast way for a small template.
	if err := run(from.server, fmt.Sprintf("create database %s template %s strategy file_copy", name, from.name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run(from.server, fmt.Sprintf("drop database %s with (force)", name)); err != nil {
			t.Error(err)
		}
	})
	return inDatabase(t, from.server, name)
}

// Empty is the URL of a database of the test's own without any table.
func Empty(t testing.TB) string {
	t.Helper()
	server, err := serverURL()
	if err != nil {
		t.Fatal(err)
	}
	name := "gatewright_test_" + strings.ToLower(rand.Text())
	if err := run(server, "create database "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run(server, fmt.Sprintf("drop database %s with (force)", name)); err != nil {
			t.Error(err)
		}
	})
	return inDatabase(t, server, name)
}

func inDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := withDatabase(server, name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func withDatabase(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("%s is not a URL: %w", variable, err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// source is a database that others are cloned from.
type source struct{ server, name string }

// template is made once for a server and schema, and found again by every
// package and every later run: migrating anew would take longer than most
// tests. Only a finished one is marked as a template.
var template = sync.OnceValues(func() (source, error) {
	server, err := serverURL()
	if err != nil {
		return source{}, err
	}
	digest, err := migrations.Digest()
	if err != nil {
		return source{}, err
	}
	s := source{server: server, name: fmt.Sprintf("gatewright_template_%.16x", sha256.Sum256([]byte(digest+told())))}
	return s, s.ensure(context.Background())
})

func (s source) ensure(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.server)
	if err != nil {
		return fmt.Errorf("connect to the PostgreSQL for tests: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(templateLock)); err != nil {
		return fmt.Errorf("wait for the template: %w", err)
	}
	var ready bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1 and datistemplate)", s.name).Scan(&ready); err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	if ready {
		return nil
	}
	return s.make(ctx, conn)
}

func (s source) make(ctx context.Context, conn *pgx.Conn) error {
	for _, sql := range []string{"drop database if exists " + s.name + " with (force)", "create database " + s.name} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the template: %w", err)
		}
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	// Nobody may connect: a template in use cannot be cloned.
	if _, err := conn.Exec(ctx, "alter database "+s.name+" with is_template true allow_connections false"); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	return nil
}

func (s source) migrate(ctx context.Context) error {
	url, err := withDatabase(s.server, s.name)
	if err != nil {
		return err
	}
	store, err := models.Open(ctx, url, models.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	return run(url, told())
}

// ChangesDiffer is set by a test program that saves nothing as it is: then each
// record of an update has to tell a difference. It is set before the first database
// is made.
var ChangesDiffer bool

// told holds every audit record that any test of any package writes to what a
// record of its action must tell. In production a record that tells too little is
// better than a change that fails.
func told() string {
	differ := ""
	if ChangesDiffer {
		differ = " and before <> after"
	}
	return `alter table audit_records add constraint audit_records_told check (case action
		when 'CREATED' then before is null and after is not null
		when 'DELETED' then before is not null and after is null
		when 'UPDATED' then before is not null and after is not null` + differ + `
		else true end)`
}

// Silence makes all nodes of a database have reported last an hour and a half ago.
func Silence(t testing.TB, url string) {
	t.Helper()
	if err := run(url, "update nodes set reported_at = now() - interval '90 minutes'"); err != nil {
		t.Fatal(err)
	}
}

// run executes one statement on a connection of its own.
func run(url, sql string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to the PostgreSQL for tests: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
