package database_test

import (
	"encoding/json"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/mysql"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/dbtest"
	"github.com/gatewright/gatewright/engine/secret"
)

// kinds is what the program registers.
func kinds() identity.Kinds {
	return identity.Kinds{database.Kind(postgres.Driver(), mysql.Driver())}
}

// config asks the table users of a test's database.
func config(d *dbtest.Database) *database.Config {
	c := database.New(postgres.Driver(), mysql.Driver())
	c.Name, c.Driver, c.Host, c.Port, c.Database, c.Username = "people", d.Driver.Name, d.Host, d.Port, d.Name, d.Username
	c.CACertificates = d.CA
	c.Query = "select name, password from users where name = :username"
	c.PasswordColumn, c.UserColumn = "password", "name"
	c.TimeoutMillis = 30_000
	return c
}

func deps(d *dbtest.Database) identity.Deps {
	return identity.Deps{Secrets: map[string]secret.Text{"password": secret.New(d.Password)}}
}

// open opens a source as the program does, from its JSON.
func open(t testing.TB, c *database.Config, deps identity.Deps) identity.Source {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := kinds().Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := decoded.Open(deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// hash is a cheap stored password.
func hash(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// people makes the table users with ann, whose password is "right".
func people(t testing.TB, d *dbtest.Database) {
	t.Helper()
	d.Exec(t, "create table users (name varchar(100), password varchar(200))")
	d.Insert(t, "users", "ann", hash(t, "right"))
}

func login(t testing.TB, s identity.Source, name, password string) (identity.Identity, bool) {
	t.Helper()
	id, ok, err := s.Authenticate(t.Context(), name, secret.New(password))
	if err != nil {
		t.Fatalf("login of %q: %v", name, err)
	}
	return id, ok
}

func fails(t testing.TB, s identity.Source, name, password string) error {
	t.Helper()
	id, ok, err := s.Authenticate(t.Context(), name, secret.New(password))
	if ok || err == nil || id.Name != "" {
		t.Fatalf("login of %q = %+v, %v, %v; want an error", name, id, ok, err)
	}
	return err
}

func kindsDrivers() []database.Driver { return []database.Driver{postgres.Driver(), mysql.Driver()} }
