package models_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// reached collects what WatchReach tells.
func reached(t *testing.T, s *models.Store) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told, done := make(chan error, 100), make(chan error, 1)
	go func() { done <- s.WatchReach(ctx, func(err error) { told <- err }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("WatchReach returned %v", err)
		}
	})
	return told
}

// A connection that an administrator ends, or a server that fails over in the
// blink of an eye, is no outage.
func TestReachSaysNothingOfAConnectionThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	told := reached(t, s.Store)
	if err := <-told; err != nil {
		t.Fatalf("at first: %v", err)
	}
	admin := connect(t, s.url)
	mine := scalar[int](t, admin, "select pg_backend_pid()")
	const others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name = 'gatewright'"
	was := scalar[int](t, admin, "select max(pid) "+others)
	if n := scalar[int](t, admin, "with cut as (select pg_terminate_backend(pid) "+others+") select count(*) from cut"); n == 0 || was == mine {
		t.Fatal("nothing was cut")
	}
	for scalar[int](t, admin, "select count(*) "+others) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if len(told) != 0 {
		t.Errorf("told %v", <-told)
	}
}

func TestRevocationsAreCaughtUpAfterALostConnection(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	applied, done := make(chan []revoke.Entry, 100), make(chan struct{})
	go func() {
		defer close(done)
		_ = models.NotPolling(modelstest.Open(t, s.url)).WatchRevocations(ctx, []string{"production"}, func(_ string, e []revoke.Entry) { applied <- e })
	}()
	t.Cleanup(func() { cancel(); <-done })
	<-applied
	conn := connect(t, s.url)
	awaitListener(t, conn)
	if n := scalar[int](t, conn, `with cut as (select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() and query like 'listen%') select count(*) from cut`); n != 1 {
		t.Fatalf("cut %d connections, want the one that listens", n)
	}
	if _, err := s.Revoke(t.Context(), by, "production", revoke.Entry{Kind: revoke.Token, Key: "x"}, "stolen"); err != nil {
		t.Fatal(err)
	}
	if got := <-applied; len(got) != 1 || got[0].Key != "x" {
		t.Errorf("got %+v", got)
	}
}
