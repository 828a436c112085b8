package models_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// livelyShop is a project in which all that a bundle carries goes on changing.
type livelyShop struct {
	*vault
	r       *rand.Rand
	policy  models.Policy
	names   int
	turns   int
	proxies []models.Owner
	people  []models.Credential
	slot    models.KeySlot
	message int
}

func newLivelyShop(t *testing.T, seed uint64) *livelyShop {
	t.Helper()
	b := &livelyShop{vault: newVault(t), r: rand.New(rand.NewPCG(seed, 0))}
	b.policy = modelstest.Policy(t, b.Store, b.project.ID, "standard", func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.HS256 })
	b.slot = models.KeySlot{Environment: "production", Algorithm: keys.HS256}
	for range 4 {
		b.proxy()
		b.person()
	}
	return b
}

func (b *livelyShop) name() string { b.names++; return fmt.Sprintf("n%d", b.names) }

func (b *livelyShop) proxy() {
	b.proxies = append(b.proxies, modelstest.Bind(b.t, b.Store, modelstest.Proxy(b.t, b.Store, b.project.ID, b.name()), b.policy))
}

func (b *livelyShop) person() {
	b.people = append(b.people, b.save(draft(b.name(), func(d *models.CredentialDraft) { d.Roles = []string{"ops"} })))
}

// changes are what can happen. What is refused, such as the undeploy of what does
// not run, changes nothing and is no error here.
func (b *livelyShop) changes() map[string]func(p, c int) error {
	ctx, project := b.t.Context(), b.project.ID
	where := func() string { return []string{"production", "test"}[b.r.IntN(2)] }
	return map[string]func(p, c int) error{
		"deploy":   func(p, _ int) error { _, err := b.Deploy(ctx, by, project, b.proxies[p].ID, where(), ""); return err },
		"undeploy": func(p, _ int) error { _, err := b.Undeploy(ctx, by, project, b.proxies[p].ID, where()); return err },
		"go back": func(p, _ int) error {
			_, err := b.Rollback(ctx, by, project, b.proxies[p].ID, where(), 1, "")
			return err
		},
		"new proxy":  func(int, int) error { b.proxy(); return nil },
		"new person": func(int, int) error { b.person(); return nil },
		"edit a proxy": func(p, _ int) error {
			now := modelstest.Reload(b.t, b.Store, b.proxies[p])
			now.Upstream.URL = "http://" + b.name() + ".example.com"
			_, _, err := b.SaveProxy(ctx, by, project, now)
			return err
		},
		"delete a proxy": func(p, _ int) error {
			now := modelstest.Reload(b.t, b.Store, b.proxies[p])
			err := b.DeleteOwner(ctx, by, project, now.ID, now.Version)
			if err == nil {
				b.proxies[p] = b.proxies[len(b.proxies)-1]
				b.proxies = b.proxies[:len(b.proxies)-1]
			}
			return err
		},
		"turn a client secret": func(p, _ int) error {
			_, err := b.RotateOwnerSecret(ctx, by, project, b.proxies[p].ID, modelstest.Reload(b.t, b.Store, b.proxies[p]).Version)
			return err
		},
		"edit a person": func(_, c int) error {
			now, err := b.CredentialByID(ctx, project, b.people[c].ID)
			if err != nil {
				return err
			}
			d := now.Draft()
			d.Roles = [][]string{nil, {"admin"}, {"admin", "ops"}}[b.r.IntN(3)]
			d.Enabled = b.r.IntN(2) == 0
			_, err = b.update(now, d)
			return err
		},
		"delete a person": func(_, c int) error {
			now, err := b.CredentialByID(ctx, project, b.people[c].ID)
			if err == nil {
				err = b.DeleteCredential(ctx, by, project, now.ID, now.Version)
			}
			if err == nil {
				b.people[c] = b.people[len(b.people)-1]
				b.people = b.people[:len(b.people)-1]
			}
			return err
		},
		"grant": func(p, c int) error {
			_, err := b.GrantAccess(ctx, by, project, models.NewGrants{Credentials: []string{b.people[c].Name}, Proxies: []string{b.proxies[p].Name}})
			return err
		},
		"turn a key": func(int, int) error {
			bundle, err := b.Bundle(ctx, "production")
			if err != nil || bundle.Keys.Signing(keys.HS256) == nil {
				return err
			}
			_, err = b.RotateKey(ctx, by, b.slot, bundle.Keys.Signing(keys.HS256).ID)
			return err
		},
		"move an environment": func(int, int) error {
			e, err := b.Environment(ctx, "production")
			if err == nil {
				_, err = b.SetPublicURL(ctx, by, e.Name, e.Version, "https://"+b.name()+".example.com")
			}
			return err
		},
		"other words": func(int, int) error {
			m, err := b.SaveErrorMessage(ctx, by, b.message, fault.Message{Type: fault.RoleMissing, Text: "Ask for " + b.name() + "."})
			if err == nil {
				b.message = m.Version
			}
			return err
		},
		"a variable": func(int, int) error {
			_, err := b.SaveEnvironmentVariable(ctx, by, where(), "", 0, "V"+b.name(), "x")
			return err
		},
	}
}

// turn does one of them at random.
func (b *livelyShop) turn() string {
	all := b.changes()
	names := slices.Sorted(maps.Keys(all))
	if len(b.proxies) < 2 || len(b.people) < 2 {
		b.proxy()
		b.person()
	}
	b.turns++
	name := names[b.r.IntN(len(names))]
	if err := all[name](b.r.IntN(len(b.proxies)), b.r.IntN(len(b.people))); err != nil {
		b.t.Logf("%d: %s: %v", b.turns, name, err)
	}
	return name
}

// Whatever is changed and in whichever order, a bundle that is kept up to date is
// the one that is read afresh.
func TestABundleThatIsKeptUpToDateIsTheOneReadAfresh(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	b := newLivelyShop(t, seed)
	readers := map[string]*models.BundleReader{"production": b.BundleReader("production"), "test": b.BundleReader("test")}
	for range 150 {
		last := b.turn()
		if b.r.IntN(3) == 0 {
			continue // several at once
		}
		for environment, reader := range readers {
			sameAsAfresh(t, b.Store, reader, environment, last)
		}
	}
	for environment, reader := range readers {
		if _, missed, err := reader.Verify(t.Context()); missed || err != nil {
			t.Errorf("verify %s: missed %t, %v", environment, missed, err)
		}
	}
}

func sameAsAfresh(t *testing.T, s *models.Store, reader *models.BundleReader, environment, after string) {
	t.Helper()
	got, err := reader.Read(t.Context())
	if err != nil {
		t.Fatalf("after %q: %v", after, err)
	}
	want, err := s.Bundle(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Same(&want) {
		t.Fatalf("after %q %s runs\n%+v, want\n%+v", after, environment, got, want)
	}
}

// Transactions get their numbers in one order and commit in another, some never.
func TestABundleKnowsOfTransactionsThatCommitOutOfOrder(t *testing.T) {
	t.Parallel()
	b := newLivelyShop(t, 1)
	for _, p := range b.proxies {
		modelstest.Deploy(t, b.Store, p, "production")
	}
	conns := []*pgx.Conn{connect(t, b.url), connect(t, b.url), connect(t, b.url), connect(t, b.url)}
	reader := b.BundleReader("production")
	sameAsAfresh(t, b.Store, reader, "production", "nothing")
	for round := range 12 {
		open := make([]pgx.Tx, len(conns))
		for i, conn := range conns { // each changes a row of its own
			var err error
			if open[i], err = conn.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			change := []string{"update credentials set enabled = not enabled where id = $1", "delete from credential_role_members where credential_id = $1"}[round%2]
			id := b.people[i].ID
			if i%2 == 0 {
				change, id = "update owners set client_id = client_id || 'x' where id = $1", b.proxies[i].ID
			}
			exec(t, open[i], change, id)
			sameAsAfresh(t, b.Store, reader, "production", "a change that is not committed")
		}
		for _, i := range b.r.Perm(len(open)) {
			end := open[i].Commit
			if b.r.IntN(4) == 0 {
				end = open[i].Rollback
			}
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			sameAsAfresh(t, b.Store, reader, "production", "a commit out of order")
		}
	}
}

func exec(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// Several write at once while one reads on; at any moment both ways of reading
// see the same.
func TestABundleMissesNothingWhileOthersWrite(t *testing.T) {
	t.Parallel()
	b := newLivelyShop(t, rand.Uint64())
	for _, p := range b.proxies {
		modelstest.Deploy(t, b.Store, p, "production")
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, len(b.proxies))
	for i := range b.proxies {
		go func() { done <- b.write(ctx, i) }()
	}
	reader := b.BundleReader("production")
	for i := range 60 {
		if _, err := reader.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 {
			continue
		}
		if _, missed, err := reader.Verify(t.Context()); missed || err != nil {
			t.Errorf("missed %t, %v", missed, err)
		}
	}
	stop()
	for range b.proxies {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// write changes one proxy and one credential again and again until ctx ends.
func (b *livelyShop) write(ctx context.Context, i int) error {
	p, c := b.proxies[i], b.people[i]
	for enabled := false; ctx.Err() == nil; enabled = !enabled {
		now, err := b.SetCredentialEnabled(context.WithoutCancel(ctx), by, b.project.ID, c.ID, c.Version, enabled)
		if err != nil {
			return err
		}
		c = now
		if _, err := b.Deploy(context.WithoutCancel(ctx), by, b.project.ID, p.ID, "production", ""); err != nil {
			return err
		}
	}
	return nil
}

// A reader that was away for longer than changes are kept, or whose database is
// another one, reads all.
func TestABundleIsReadWholeWhereChangesSayNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"the environment was restored to an earlier moment": "update environments set generation = generation - 1",
		"it is another environment of the same name":        "update environments set id = gen_random_uuid() where name = 'test'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLivelyShop(t, 1)
			environment := "production"
			if spoil[len(spoil)-1] == '\'' {
				environment = "test"
			} else {
				modelstest.Deploy(t, b.Store, b.proxies[0], environment)
			}
			reader := b.BundleReader(environment)
			sameAsAfresh(t, b.Store, reader, environment, "nothing")
			conn := connect(t, b.url)
			for _, sql := range []string{spoil, "update credentials set enabled = not enabled", "delete from changes"} {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			sameAsAfresh(t, b.Store, reader, environment, name)
		})
	}
}

// A change that left no trace is found by looking at everything.
func TestVerifyFindsWhatWasMissed(t *testing.T) {
	t.Parallel()
	b := newLivelyShop(t, 1)
	reader := b.BundleReader("production")
	sameAsAfresh(t, b.Store, reader, "production", "nothing")
	conn := connect(t, b.url)
	for _, sql := range []string{"update credentials set enabled = not enabled", "delete from changes"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []bool{true, false} {
		if _, missed, err := reader.Verify(t.Context()); err != nil || missed != want {
			t.Errorf("look %d: missed %t, %v", i, missed, err)
		}
	}
	sameAsAfresh(t, b.Store, reader, "production", "verify")
}

// A deploy of one costs the same statements and one row of each, among however
// many.
func TestADeployIsReadAtACostThatDoesNotGrow(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	policy := modelstest.Policy(t, s.Store, s.project, "standard")
	counted, n := models.Counting(s.Store)
	reader := counted.BundleReader("production")
	conn := connect(t, s.url)
	var first models.Owner
	var costs []int64
	for i := range 12 {
		p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, fmt.Sprintf("x%d", i)), policy)
		modelstest.Deploy(t, s.Store, p, "production")
		if i == 0 {
			first = p
		}
		if _, err := reader.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		modelstest.Deploy(t, s.Store, first, "production")
		n.Store(0)
		if _, err := reader.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		costs = append(costs, n.Load())
		told := scalar[int](t, conn, `select count(*) from changes where kind = 'OWNER' and id = $1
			and xid = (select max(xid) from changes)`, first.ID)
		others := scalar[int](t, conn, "select count(*) from changes where id <> $1 and xid = (select max(xid) from changes)", first.ID)
		if told == 0 || others != 0 {
			t.Fatalf("the deploy is noted %d times, and %d others with it", told, others)
		}
	}
	for _, c := range costs {
		if c != costs[0] || c > 4 {
			t.Fatalf("statements among 1 to 12 proxies: %v", costs)
		}
	}
	t.Logf("%d statements", costs[0])
}
