package models_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Whatever writes, a name that a client may give at the token endpoint is one
// client's alone, in any spelling.
func TestAClientIDAndACredentialNeverShareAName(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	conn := connect(t, v.url)
	orders, stock := modelstest.Proxy(t, v.Store, v.project.ID, "orders"), modelstest.Proxy(t, v.Store, v.project.ID, "stock")
	app := v.save(draft("Mobile-App"))
	for name, c := range map[string]struct{ sql, id, value string }{
		"an owner takes a credential's name":               {"update owners set client_id = $2 where id = $1", orders.ID, "Mobile-App"},
		"an owner takes it in other letters":               {"update owners set client_id = $2 where id = $1", orders.ID, "mobile-APP"},
		"a credential takes an owner's id":                 {"update credentials set name = $2 where id = $1", app.ID, orders.ClientID},
		"a credential takes it in other letters":           {"update credentials set name = $2 where id = $1", app.ID, strings.ToUpper(orders.ClientID)},
		"an owner takes another's id in other letters":     {"update owners set client_id = $2 where id = $1", orders.ID, strings.ToUpper(stock.ClientID)},
		"an owner takes another's id in the same spelling": {"update owners set client_id = $2 where id = $1", orders.ID, stock.ClientID},
	} {
		_, err := conn.Exec(t.Context(), c.sql, c.id, c.value)
		if err == nil {
			t.Errorf("%s: done", name)
		}
		if c.id == orders.ID {
			wantProblem(t, models.OwnerRace(err, engine.KindProxy), "clientId")
		}
	}
	app, _, err := v.SaveCredential(t.Context(), by, v.project.ID, app.ID, app.Version, draft(strings.ToUpper(stock.ClientID)))
	wantProblemSaying(t, err, "username", "client id of an API proxy")
	plan := v.planned("username,password\n"+strings.ToUpper(stock.ClientID)+",a-good-secret-1\n", models.ImportOptions{})
	if msg := plan.Lines[0].Problems.For("username"); !strings.Contains(msg, "client id of an API proxy") {
		t.Errorf("the import says %q", msg)
	}
}

func TestANameIsFreeAgainWhenItsClientHasGoneOrIsCalledOtherwise(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	conn := connect(t, v.url)
	orders, stock := modelstest.Proxy(t, v.Store, v.project.ID, "orders"), modelstest.Proxy(t, v.Store, v.project.ID, "stock")
	if err := v.DeleteOwner(t.Context(), by, v.project.ID, orders.ID, orders.Version); err != nil {
		t.Fatal(err)
	}
	taken := v.save(draft(orders.ClientID))
	renamed, _, err := v.SaveCredential(t.Context(), by, v.project.ID, taken.ID, taken.Version, draft("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "update owners set client_id = $2 where id = $1", stock.ID, orders.ClientID); err != nil {
		t.Errorf("the name that was given up: %v", err)
	}
	if err := v.DeleteCredential(t.Context(), by, v.project.ID, renamed.ID, renamed.Version); err != nil {
		t.Fatal(err)
	}
	v.save(draft("PLAIN"))
	if _, err := conn.Exec(t.Context(), "delete from projects"); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, conn, "select count(*) from client_names"); n != 0 {
		t.Errorf("%d names are left without a client", n)
	}
}

func TestTheMigrationTakesInTheNamesThatThereAre(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	conn := connect(t, v.url)
	orders, app := modelstest.Proxy(t, v.Store, v.project.ID, "orders"), v.save(draft("Mobile-App"))
	migration, err := os.ReadFile("../migrations/0014_client_names.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "drop table client_names; drop function keep_client_name cascade; "+strings.ReplaceAll(string(migration), "api_proxies", "owners")); err != nil {
		t.Fatal(err)
	}
	got := scalar[string](t, conn, "select string_agg(concat_ws(' ', name, kind, owner), ', ' order by kind) from client_names")
	if want := fmt.Sprintf("mobile-app CREDENTIAL %s, %s PROXY %s", app.ID, orders.ClientID, orders.ID); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Neither of the two sees what the other has not committed.
func TestAttackTwoTransactionsTakeOneClientName(t *testing.T) {
	t.Parallel()
	const name = "Both-Want-It"
	for title, c := range map[string]struct {
		// first is done by a transaction that stays open, second by another.
		first  string
		second func(*testing.T, *vault) func() error
		field  string
	}{
		"an owner, then a credential": {
			"update owners set client_id = $1",
			func(t *testing.T, v *vault) func() error {
				return func() error {
					_, _, err := v.SaveCredential(t.Context(), by, v.project.ID, "", 0, draft(strings.ToUpper(name)))
					return err
				}
			}, "username",
		},
		"a credential, then an owner": {
			"update credentials set name = upper($1)",
			func(t *testing.T, v *vault) func() error {
				conn := connect(t, v.url)
				return func() error {
					_, err := conn.Exec(t.Context(), "update owners set client_id = $1", name)
					return models.OwnerRace(err, engine.KindProxy)
				}
			}, "clientId",
		},
	} {
		for _, commits := range []bool{true, false} {
			t.Run(title+map[bool]string{true: ", and stays", false: ", and takes it back"}[commits], func(t *testing.T) {
				t.Parallel()
				v := newVault(t)
				modelstest.Proxy(t, v.Store, v.project.ID, "orders")
				v.save(draft("other"))
				tx, err := connect(t, v.url).Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec(t.Context(), c.first, name); err != nil {
					t.Fatal(err)
				}
				run, second := c.second(t, v), make(chan error, 1)
				go func() { second <- run() }()
				awaitBlocked(t, v.url, second)
				if !commits {
					if err := tx.Rollback(t.Context()); err != nil {
						t.Fatal(err)
					}
					if err := <-second; err != nil {
						t.Error(err)
					}
					return
				}
				if err := tx.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				wantProblem(t, <-second, c.field)
			})
		}
	}
}

// awaitBlocked waits until somebody waits for somebody else's transaction. It
// must be the one who ends with done.
func awaitBlocked(t *testing.T, url string, done <-chan error) {
	t.Helper()
	conn := connect(t, url)
	for scalar[int](t, conn, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0 {
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
