package dbtest_test

import (
	"testing"

	"github.com/gatewright/gatewright/engine/identity/dbtest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		d.Exec(t, "create table users (name varchar(20))")
		d.Insert(t, "users", "ann")
		if got := d.Text(t, "select name from users"); got != "ann" {
			t.Errorf("name = %q", got)
		}
		if n := d.Kill(t); n != 0 {
			t.Errorf("%d connections of an account that nobody has used", n)
		}
	})
}
