package models_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Whoever has stolen a client's secret has logins of its own, and may refresh
// them as fast as it can while somebody takes the secret away.
func TestAttackRefreshingAllTheTimeDoesNotHoldUpTheRotationOfASecret(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	thieves := modelstest.Open(t, s.url)
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	var under, running sync.WaitGroup
	for range 8 {
		f := startFamily(t, s.Store, func(f *token.Family) { f.ClientID, f.MaxRefreshes = p.ClientID, 1<<30 })
		under.Add(1)
		running.Go(func() {
			var once sync.Once
			for g := 0; ; g++ {
				_, outcome, err := thieves.RedeemFamily(context.Background(), redemption(f, g))
				once.Do(under.Done)
				if err != nil {
					t.Error(err)
				}
				if outcome != token.Redeemed {
					return
				}
			}
		})
	}
	under.Wait()
	if _, err := s.RotateOwnerSecret(t.Context(), by, s.project, p.ID, p.Version); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		_ = s.RevokeTokens(t.Context(), "production", revoke.Entry{Kind: revoke.All}, "the test is over")
	}
	running.Wait()
	if n := scalar[int](t, connect(t, s.url), "select count(*) from refresh_families where ended_at is null"); n != 0 {
		t.Errorf("%d logins go on", n)
	}
}

// The end of a revocation's own life must not bring back to life what only it
// kept from being refreshed.
func TestALoginThatARevocationDidNotSeeStaysWorthlessWhenTheEntryGoes(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), modelstest.Policy(t, s.Store, s.project, "quarter"))
	modelstest.Deploy(t, s.Store, p, "production") // tokens of 15 minutes
	entry := revoke.Entry{Kind: revoke.User, Key: "ada", Before: time.Now().Add(time.Minute)}
	if err := s.RevokeTokens(t.Context(), "production", entry, "laptop lost"); err != nil {
		t.Fatal(err)
	}
	month := func(f *token.Family) { f.ExpiresAt = f.StartedAt.Add(30 * 24 * time.Hour) }
	unseen, bob := startFamily(t, s.Store, month), startFamily(t, s.Store, month, func(f *token.Family) { f.Subject = "bob" })
	for _, f := range []token.Family{unseen, bob} {
		elapse(t, conn, f, 10*24*time.Hour)
	}
	if _, err := conn.Exec(t.Context(), "update revocations set before = before - interval '10 days', revoked_at = revoked_at - interval '10 days'"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.PurgeRevocations(t.Context()); n != 1 || err != nil {
		t.Fatalf("purged %d, %v", n, err)
	}
	for f, want := range map[token.FamilyID]token.RedeemOutcome{unseen.ID: token.Unknown, bob.ID: token.Redeemed} {
		r := redemption(unseen, 0)
		r.ID = f
		if _, outcome, err := s.RedeemFamily(t.Context(), r); outcome != want || err != nil {
			t.Errorf("%s, %v; want %s", outcome, err, want)
		}
	}
}

func TestAnEndedLoginSaysWhy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	one := func(f *token.Family) { f.MaxActive, f.Subject = 1, "eve" }
	for _, c := range []struct {
		want string
		end  func(token.Family) error
		with func(*token.Family)
	}{
		{"it was revoked: laptop lost", func(token.Family) error {
			_, err := s.Revoke(t.Context(), by, "", revoke.Entry{Kind: revoke.User, Key: "kim"}, "laptop lost")
			return err
		}, func(f *token.Family) { f.Subject = "kim" }},
		{"it was revoked: asked for", func(f token.Family) error {
			_, err := s.EndLogin(t.Context(), by, f.ID.String(), "asked for")
			return err
		}, nil},
		{"the client revoked the token", func(f token.Family) error {
			_, err := s.EndFamily(t.Context(), "production", f.ID, f.ClientID, "the client revoked the token")
			return err
		}, nil},
		{"newer logins took its place", func(token.Family) error { return s.StartFamily(t.Context(), newFamily(one)) }, one},
		{"all of its refreshes were made", func(f token.Family) error {
			_, _, err := s.RedeemFamily(t.Context(), redemption(f, 0))
			return err
		}, func(f *token.Family) { f.MaxRefreshes = 0 }},
		{"a spent refresh token was used again", func(f token.Family) error {
			_, _, err := s.RedeemFamily(t.Context(), redemption(f, -1))
			return err
		}, nil},
		{"it was revoked", func(token.Family) error {
			return s.RevokeTokens(t.Context(), "production", revoke.Entry{Kind: revoke.All}, "")
		}, nil},
	} {
		f := startFamily(t, s.Store, func(f *token.Family) {
			if c.with != nil {
				c.with(f)
			}
		})
		if err := c.end(f); err != nil {
			t.Fatal(err)
		}
		if got, alive, err := s.FindFamily(t.Context(), "production", f.ID); alive || err != nil || got.Ended != c.want || got.Subject != f.Subject {
			t.Errorf("%q: alive %v, ended %q, of %q, %v", c.want, alive, got.Ended, got.Subject, err)
		}
	}
}

// The console may run where the clock is behind that of the database, by which
// logins begin.
func TestRevokingNowCoversALoginOfThisMomentWhicheverClockIsAhead(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for name, ahead := range map[string]time.Duration{"behind": -time.Hour, "ahead": time.Hour} {
		f := startFamily(t, s.Store)
		console := modelstest.Open(t, s.url, func(o *models.Options) { o.Now = func() time.Time { return time.Now().Add(ahead) } })
		entry := revoke.Entry{Kind: revoke.User, Key: "ada"}
		if r, err := console.PreviewRevoke(t.Context(), "production", entry); r.Families != 1 || err != nil {
			t.Errorf("%s: %d logins would end, %v", name, r.Families, err)
		}
		if r, err := console.Revoke(t.Context(), by, "production", entry, "test"); r.Families != 1 || err != nil {
			t.Errorf("%s: %d logins ended, %v", name, r.Families, err)
		}
		if _, alive, err := s.FindFamily(t.Context(), "production", f.ID); alive || err != nil {
			t.Errorf("%s: the login goes on, %v", name, err)
		}
	}
}

// ATTACK: the clock of a node was set back, and whoever has stolen tokens of a login
// goes on using them elsewhere: by the database's clock their revocation has expired.
func TestAttackARevocationHoldsWhicheverClockIsBehind(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for name, ahead := range map[string]time.Duration{"behind": -2 * time.Hour, "right": 0, "ahead": 2 * time.Hour} {
		now := time.Now().Add(ahead)
		node := modelstest.Open(t, s.url, func(o *models.Options) { o.Now = func() time.Time { return now } })
		if err := node.RevokeTokens(t.Context(), "production", revoke.Entry{Kind: revoke.Family, Key: name, Expires: now.Add(time.Hour)}, "test"); err != nil {
			t.Fatal(err)
		}
		list, err := s.Revocations(t.Context(), "production", 0)
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(list, func(e revoke.Entry) bool { return e.Key == name }); i < 0 || list[i].Expires.Before(time.Now().Add(59*time.Minute)) {
			t.Errorf("%s: others read %+v", name, list)
		}
	}
}

// An import of a thousand lines takes a while.
func TestALongChangeThatRevokesLetsOthersRevokeMeanwhile(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := v.save(draft("app"))
	conn := connect(t, v.url)
	tx, err := connect(t, v.url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select from environments for no key update"); err != nil { // what every change waits for
		t.Fatal(err)
	}
	disabled := make(chan error, 1)
	go func() {
		_, err := v.SetCredentialEnabled(context.Background(), by, v.project.ID, c.ID, c.Version, false)
		disabled <- err
	}()
	awaitBlocked(t, v.url, disabled)
	if n := scalar[int](t, conn, "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"); n != 0 {
		t.Error("nobody can revoke until it is done")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-disabled; err != nil {
		t.Fatal(err)
	}
	if got := entries(t, v.Store, "production", 0); len(got) != 2 {
		t.Errorf("entries %v", got)
	}
}
