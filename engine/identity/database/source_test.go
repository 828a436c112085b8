package database_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/dbtest"
)

func TestTheRightPasswordLetsInAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Insert(t, "users", "empty", "")
		d.Insert(t, "users", "locked", "!")
		d.Insert(t, "users", "costly", "$2a$31$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe")
		d.Insert(t, "users", "none", nil)
		d.Insert(t, "users", nil, hash(t, "right"))
		s := open(t, config(d), deps(d))
		got, ok := login(t, s, "ann", "right")
		if diff := cmp.Diff(identity.Identity{Name: "ann"}, got); !ok || diff != "" {
			t.Fatalf("login = %v %s", ok, diff)
		}
		for _, pair := range [][2]string{
			{"ann", "wrong"}, {"ann", "right "}, {"ann", "right\x00"}, {"bob", "right"}, {"none", "right"}, {"empty", "right"},
			{"locked", "!"}, {"locked", "right"}, {"costly", "a"}, {"", "right"},
		} {
			if id, ok := login(t, s, pair[0], pair[1]); ok || id.Name != "" {
				t.Errorf("%q gets in with %q as %+v", pair[0], pair[1], id)
			}
		}
	})
}

func TestEveryEncodingComesFromAColumn(t *testing.T) {
	t.Parallel()
	stored := map[password.Encoding]string{
		password.Bcrypt:     "$2b$05$abcdefghijklmnopqrstuu/3aQOFeNmRkYedyGd5z6itS7Lree7ny",
		password.Argon2:     "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		password.Scrypt:     "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o.7qQT44.qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
		password.PBKDF2:     "pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=",
		password.SHA2Crypt:  "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		password.SaltedSHA2: "{SSHA256}lXT7qF+fT7OVoVlwD0tMd02E1ak2dLDbk993wZxIM65zYWx0MTIzNA==",
		password.SHA256:     "744a9101f7182a6ae0d978121ff74e33cac8d2832579c0637c1c37e9bbb6c065",
		password.Plain:      "Secret",
	}
	words := map[password.Encoding]string{
		password.Bcrypt: "pässwört", password.Argon2: "password", password.Scrypt: "pleaseletmein", password.PBKDF2: "lètmein",
		password.SHA2Crypt: "Hello world!", password.SaltedSHA2: "secret", password.SHA256: "secret", password.Plain: "Secret",
	}
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		// CHAR is filled up with blanks in PostgreSQL.
		d.Exec(t, "create table users (name varchar(100), password char(200), salt varchar(20))")
		for encoding, text := range stored {
			if encoding != password.Plain {
				d.Insert(t, "users", string(encoding), text, "pepper")
			}
		}
		d.Exec(t, "create table plain (name varchar(100), password varchar(200))")
		d.Insert(t, "plain", string(password.Plain), "Secret")
		for encoding := range stored {
			c := config(d)
			c.PasswordEncoding = encoding
			switch encoding {
			case password.Plain:
				c.Query = "select name, password from plain where name = :username"
			case password.SHA256:
				c.Query, c.SaltColumn = "select * from users where name = :username", "salt"
			}
			s := open(t, c, deps(d))
			if _, ok := login(t, s, string(encoding), words[encoding]); !ok {
				t.Errorf("%s refuses its password", encoding)
			}
			if _, ok := login(t, s, string(encoding), words[encoding]+"x"); ok {
				t.Errorf("%s accepts another password", encoding)
			}
		}
	})
}

func TestTwoRowsLetNobodyIn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Insert(t, "users", "ann", hash(t, "other"))
		s := open(t, config(d), deps(d))
		first, second := fails(t, s, "ann", "right"), fails(t, s, "ann", "wrong")
		if first.Error() != second.Error() {
			t.Errorf("errors differ: %v, %v", first, second)
		}
	})
}

func TestTheQueryMayCompareThePassword(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		d.Exec(t, "create table users (name varchar(100), password varchar(200))")
		d.Insert(t, "users", "plain", "right")
		d.Insert(t, "users", "sha256", "27042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad9")
		d.Insert(t, "users", "md5", "7c4f29407893c334a6cb7a87bf045c0d")
		d.Insert(t, "users", "base64", "JwQvTm7KfQsqfuQCbfLs+lHTM55tEiqgmRGOzYVjutk=")
		for name, encoding := range map[string]database.ParameterEncoding{
			"plain": database.NoEncoding, "sha256": "SHA256_HEX", "md5": "MD5_HEX", "base64": "SHA256_BASE64",
		} {
			c := config(d)
			c.PasswordCheck, c.ParameterEncoding = database.InQuery, encoding
			c.Query = "select name from users where name = :username and password = :password"
			s := open(t, c, deps(d))
			if id, ok := login(t, s, name, "right"); !ok || id.Name != name {
				t.Errorf("%s is refused", name)
			}
			for _, pair := range [][2]string{{name, "wrong"}, {"bob", "right"}, {name, "' or '1'='1"}, {name, "\xff"}, {name, "a\x00"}} {
				if _, ok := login(t, s, pair[0], pair[1]); ok {
					t.Errorf("%s: %q gets in with %q", name, pair[0], pair[1])
				}
			}
		}
	})
}

func TestRolesComeFromAQueryOfTheirOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Exec(t, "create table roles (name varchar(100), role varchar(100))")
		for _, role := range []any{"reader", "writer", "two words", "a,b", nil, "", "reader", "späher"} {
			d.Insert(t, "roles", "ann", role)
		}
		d.Insert(t, "roles", "bob", "admin")
		c := config(d)
		c.RoleQuery = "select role from roles where name = :username"
		if id, _ := login(t, open(t, c, deps(d)), "ann", "right"); !cmp.Equal(id.Roles, []string{"reader", "writer", "späher"}) {
			t.Errorf("roles = %q", id.Roles)
		}
		c.RoleQuery, c.RoleSeparator = "select 'b, a ,b;c', :username", ","
		if id, _ := login(t, open(t, c, deps(d)), "ann", "right"); !cmp.Equal(id.Roles, []string{"b", "a", "b;c"}) {
			t.Errorf("roles of one column = %q", id.Roles)
		}
		c.RoleQuery, c.RoleSeparator = "select role from nowhere where name = :username", ""
		fails(t, open(t, c, deps(d)), "ann", "right")
	})
}

func TestRolesAreThoseOfTheNameInTokens(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		d.Exec(t, "create table users (name varchar(100), mail varchar(100), password varchar(200), role varchar(20))")
		d.Insert(t, "users", "ann", "ann@example.com", hash(t, "right"), "reader")
		c := config(d)
		c.Query = "select name, password from users where lower(mail) = lower(:username) or name = :username"
		c.RoleQuery = "select role from users where name = :username"
		id, ok := login(t, open(t, c, deps(d)), "ANN@example.com", "right")
		if diff := cmp.Diff(identity.Identity{Name: "ann", Roles: []string{"reader"}}, id); !ok || diff != "" {
			t.Errorf("login = %v %s", ok, diff)
		}
	})
}

func TestColumnsBecomeClaims(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		kind, raw := "json", "varbinary(10)"
		if d.Driver.Name == postgres.Name {
			kind, raw = "jsonb", "bytea"
		}
		d.Exec(t, `create table users (name varchar(100), password varchar(200), mail varchar(100), age integer, big bigint, share double precision,
			price decimal(10,2), born date, doc `+kind+`, nothing varchar(10), long_text text, active boolean, raw `+raw+`)`)
		d.Insert(t, "users", "ann", hash(t, "right"), "ann@example.com", 33, int64(9007199254740993), 0.5, "10.50", "1990-02-03", `{"a": [1]}`, nil, "", true, []byte{0, 255})
		d.Exec(t, "update users set long_text = repeat('x', 3000)")
		c := config(d)
		c.Query = "select * from users where name = :username"
		for _, column := range []string{"mail", "age", "big", "share", "price", "nothing", "long_text", "born", "doc", "active", "raw"} {
			c.ClaimColumns = append(c.ClaimColumns, database.ClaimColumn{Column: column, Claim: "c_" + column})
		}
		id, _ := login(t, open(t, c, deps(d)), "ann", "right")
		wantDoc := any(`{"a": [1]}`) // MariaDB's JSON is text
		if d.Driver.Name == postgres.Name {
			wantDoc = map[string]any{"a": []any{json.Number("1")}}
		}
		want := map[string]any{
			"c_born": "1990-02-03", "c_doc": wantDoc, "c_active": true, "c_raw": "AP8=",
			"c_mail": "ann@example.com", "c_age": int64(33), "c_big": int64(9007199254740993), "c_share": 0.5, "c_price": "10.50",
		}
		if d.Driver.Name != postgres.Name {
			want["c_active"] = int64(1) // a boolean of MySQL is a number
		}
		if diff := cmp.Diff(want, id.Claims); diff != "" {
			t.Error(diff)
		}
		c.ClaimColumns = []database.ClaimColumn{{Column: "missing", Claim: "x"}}
		fails(t, open(t, c, deps(d)), "ann", "right")
	})
}

func TestAMissingOrDoubtfulColumnIsAnError(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		for _, query := range []string{
			"select name from users where name = :username",
			"select name, password, password as \"PASSWORD\", 'x' as password from users where name = :username",
			"select password from users where name = :username",
			"select name, password from nowhere where name = :username",
			"select name, password from users where nonsense(:username)",
		} {
			c := config(d)
			c.Query = query
			fails(t, open(t, c, deps(d)), "ann", "right")
		}
	})
}

func TestLookupFindsWithoutAPassword(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Exec(t, "create table roles (name varchar(100), role varchar(100))")
		d.Insert(t, "roles", "ann", "reader")
		c := config(d)
		c.RoleQuery = "select role from roles where name = :username"
		checkLookup(t, open(t, c, deps(d)))

		c.PasswordCheck = database.InQuery
		c.Query = "select name from users where name = :username and password = :password"
		checkLookup(t, open(t, c, deps(d)))

		c.RoleQuery = ""
		if _, _, err := open(t, c, deps(d)).Lookup(t.Context(), "ann"); !errors.Is(err, identity.ErrNoLookup) {
			t.Errorf("Lookup without a way = %v", err)
		}
	})
}

func checkLookup(t *testing.T, s identity.Source) {
	t.Helper()
	id, ok, err := s.Lookup(t.Context(), "ann")
	if diff := cmp.Diff(identity.Identity{Name: "ann", Roles: []string{"reader"}}, id); !ok || err != nil || diff != "" {
		t.Errorf("Lookup = %v, %v %s", ok, err, diff)
	}
	if id, ok, err := s.Lookup(t.Context(), "bob"); ok || err != nil || id.Name != "" {
		t.Errorf("Lookup of nobody = %+v, %v, %v", id, ok, err)
	}
}
