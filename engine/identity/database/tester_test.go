package database_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/dbtest"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestATestShowsEachStep(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		d.Insert(t, "users", "none", nil)
		d.Insert(t, "users", "locked", "!")
		d.Insert(t, "users", "two", "x")
		d.Insert(t, "users", "two", "y")
		d.Insert(t, "users", "costly", "$2a$31$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe")
		c := config(d)
		c.RoleQuery = "select 'reader' where :username = 'ann'"
		if d.Driver.Name == "MYSQL" {
			c.RoleQuery = "select 'reader' from dual where :username = 'ann'"
		}
		c.ClaimColumns = []database.ClaimColumn{{Column: "name", Claim: "nick"}}
		ann := identity.Identity{Name: "ann", Roles: []string{"reader"}, Claims: map[string]any{"nick": "ann"}}
		for _, tc := range []struct {
			name, password string
			steps          string
			last           string
			identity       identity.Identity
			accepted       bool
		}{
			{"ann", "right", "+Connect +Run +Recognise +Check +Read +Read", "reader", ann, true},
			{"ann", "", "+Connect +Run +Recognise +Read +Read", "reader", ann, false},
			{"", "", "+Connect", "localhost", identity.Identity{}, false},
			{"ann", "wrong", "+Connect +Run +Recognise -Check", "wrong", identity.Identity{}, false},
			{"bob", "right", "+Connect -Run", "no such user", identity.Identity{}, false},
			{"two", "right", "+Connect -Run", "more than one row", identity.Identity{}, false},
			{"none", "right", "+Connect +Run -Recognise", "NULL", identity.Identity{}, false},
			{"locked", "right", "+Connect +Run -Recognise", "AUTO", identity.Identity{}, false},
			{"costly", "right", "+Connect +Run -Recognise", "cost 31, at most 15", identity.Identity{}, false},
		} {
			report := open(t, c, deps(d)).(identity.Tester).Test(t.Context(), tc.name, secret.New(tc.password))
			if got := steps(report); got != tc.steps {
				t.Errorf("%s: steps %s, want %s", tc.name, got, tc.steps)
			}
			if last := report.Steps[len(report.Steps)-1].Detail; !strings.Contains(last, tc.last) {
				t.Errorf("%s: ends with %q", tc.name, last)
			}
			if diff := cmp.Diff(tc.identity, report.Identity); diff != "" || report.Accepted != tc.accepted {
				t.Errorf("%s: accepted %v %s", tc.name, report.Accepted, diff)
			}
		}
	})
}

func TestATestOfAComparingQueryNeedsThePassword(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		d.Exec(t, "create table users (name varchar(100), password varchar(200))")
		d.Insert(t, "users", "ann", "right")
		c := config(d)
		c.PasswordCheck = database.InQuery
		c.Query = "select name from users where name = :username and password = :password"
		s := open(t, c, deps(d)).(identity.Tester)
		if r := s.Test(t.Context(), "ann", secret.New("right")); steps(r) != "+Connect +Run +Read" || !r.Accepted {
			t.Errorf("test = %+v", r)
		}
		if r := s.Test(t.Context(), "ann", secret.New("wrong")); steps(r) != "+Connect -Run" || r.Accepted {
			t.Errorf("test = %+v", r)
		}
		c.Host, c.CACertificates = "localhost", dbtest.OtherCA()
		if r := open(t, c, deps(d)).(identity.Tester).Test(t.Context(), "", secret.Text{}); steps(r) != "-Connect" || r.Accepted {
			t.Errorf("test = %+v", r)
		}
	})
}

func steps(r identity.Report) string {
	var all []string
	for _, s := range r.Steps {
		sign := "-"
		if s.OK {
			sign = "+"
		}
		word, _, _ := strings.Cut(s.Text, " ")
		all = append(all, sign+word)
	}
	return strings.Join(all, " ")
}
