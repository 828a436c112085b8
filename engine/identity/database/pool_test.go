package database_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/dbtest"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestALoginWorksAfterTheServerHasEndedAllConnections(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		c := config(d)
		c.IdleConnections = 4
		s := open(t, c, deps(d))
		for range 3 {
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() { _, _, _ = s.Authenticate(t.Context(), "ann", secret.New("right")) })
			}
			wait.Wait()
			if n := d.Kill(t); n == 0 {
				t.Fatal("no connection was kept")
			}
			if _, ok := login(t, s, "ann", "right"); !ok {
				t.Error("refused after the connections ended")
			}
		}
	})
}

func TestNoMoreConnectionsThanAllowed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *dbtest.Database) {
		people(t, d)
		c := config(d)
		c.MaxConcurrent, c.IdleConnections = 2, 1
		c.Query = "select name, password, sleep(0.1) from users where name = :username"
		if d.Driver.Name == postgres.Name {
			c.Query = "select name, password, pg_sleep(0.1) from users where name = :username"
		}
		s := open(t, c, deps(d))
		var left atomic.Int32
		left.Store(8)
		for range 8 {
			go func() {
				defer left.Add(-1)
				if _, ok, err := s.Authenticate(t.Context(), "ann", secret.New("right")); !ok {
					t.Errorf("refused: %v", err)
				}
			}()
		}
		most := 0
		for left.Load() > 0 {
			most = max(most, d.Connections(t))
		}
		if most < 1 || most > 2 {
			t.Errorf("%d connections at once", most)
		}
	})
}
