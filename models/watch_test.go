package models_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// watched collects what Watch tells.
func watched(t *testing.T, s *models.Store, environments ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	told, done := make(chan string, 100), make(chan error, 1)
	go func() {
		done <- s.Watch(ctx, environments, func(e string) error {
			told <- e
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch returned %v", err)
		}
	})
	return told
}

func TestWatchTellsOfItsEnvironmentsOnly(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	told := watched(t, models.NotPolling(s.Store), "Production") // as it was typed
	if got := <-told; got != "Production" {
		t.Fatalf("at once: %q", got)
	}
	awaitListener(t, connect(t, s.url))
	modelstest.Deploy(t, s.Store, p, "test")
	modelstest.Deploy(t, s.Store, p, "production")
	if got := <-told; got != "Production" {
		t.Errorf("after the deploys: %q", got)
	}
	if len(told) != 0 {
		t.Errorf("and also %q", <-told)
	}
}

func TestWatchCatchesUpAfterALostConnection(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	log := &journal{lines: make(chan string, 100)}
	watching := modelstest.Open(t, s.url, func(o *models.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	told := watched(t, models.NotPolling(watching), "production")
	<-told
	conn := connect(t, s.url)
	awaitListener(t, conn)
	if n := scalar[int](t, conn, `with cut as (select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() and query like 'listen%') select count(*) from cut`); n != 1 {
		t.Fatalf("cut %d connections, want the one that listens", n)
	}
	modelstest.Deploy(t, s.Store, p, "production")
	if got := <-told; got != "production" {
		t.Errorf("got %q", got)
	}
	if line := <-log.lines; !strings.Contains(line, "lost the connection that hears of changes") {
		t.Errorf("logged %q", line)
	}
	awaitListener(t, conn)
	modelstest.Deploy(t, s.Store, p, "production")
	<-told
}

// awaitListener waits until a connection listens.
func awaitListener(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for scalar[int](t, conn, "select count(*) from pg_stat_activity where datname = current_database() and query like 'listen%' and state = 'idle'") == 0 {
		time.Sleep(5 * time.Millisecond)
	}
}

// journal hands on log lines.
type journal struct{ lines chan string }

func (j *journal) Write(b []byte) (int, error) {
	j.lines <- string(b)
	return len(b), nil
}

func TestWatchSeesChangesWhoseNotificationWasLost(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	told := watched(t, s.Store, "production")
	<-told
	if _, err := connect(t, s.url).Exec(t.Context(), "update environments set generation = generation + 1"); err != nil {
		t.Fatal(err)
	}
	<-told // by the poll
}

// Its generation is the one that was told of, and yet all of it is another.
func TestWatchTellsOfAnEnvironmentMadeAnew(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	old := s.createEnvironment(t, models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"})
	told := watched(t, s.Store, "staging")
	<-told
	if _, err := s.DeleteEnvironment(t.Context(), by, old.ID, old.Version); err != nil {
		t.Fatal(err)
	}
	anew := s.createEnvironment(t, models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"})
	if anew.Generation != old.Generation {
		t.Fatal("the test shows nothing")
	}
	<-told // by the poll
}

// Its last letter has two small forms, of which Go knows one.
func TestWatchFindsAnEnvironmentWhateverLettersItsNameHas(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "ΟΔΟΣ")
	if got := <-watched(t, s.Store, "ΟΔΟΣ"); got != "ΟΔΟΣ" {
		t.Errorf("told of %q", got)
	}
}

// Whoever could not read a change, as its connection broke just then, must not
// wait for the next one.
func TestWatchTellsAgainOfAChangeThatCouldNotBeLookedAt(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := models.PollingEvery(s.Store, 10*time.Millisecond).Watch(ctx, []string{"production"}, func(string) error {
		if tries++; tries < 3 {
			return errors.New("the database is away")
		}
		cancel()
		return nil
	})
	if tries != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("told %d times, %v", tries, err)
	}
}

func TestAwaitNodes(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	report := func(node string, generation int64, ok bool, message string) {
		t.Helper()
		if err := s.ReportNode(t.Context(), models.NodeReport{
			Node: node, Environment: "production", Version: "v1", Generation: generation, OK: ok, Message: message,
		}); err != nil {
			t.Error(err)
		}
	}
	t.Run("nobody is there", func(t *testing.T) {
		if got, err := s.AwaitNodes(t.Context(), "production", 5); err != nil || len(got) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
	report("a", 4, true, "")
	report("b", 5, true, "")
	t.Run("one is behind and comes", func(t *testing.T) {
		conn := connect(t, s.url)
		done := make(chan struct{})
		go func() {
			defer close(done)
			awaitListener(t, conn)
			report("a", 5, false, "does not compile")
		}()
		got, err := s.AwaitNodes(t.Context(), "production", 5)
		<-done
		if err != nil || len(got) != 2 || got[0].Node != "a" || got[0].OK || got[0].Message != "does not compile" || got[0].At.IsZero() {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("one is behind and does not come", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // long enough to connect and read
		defer cancel()
		got, err := s.AwaitNodes(ctx, "production", 6)
		if err != nil || len(got) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("one that fell silent is not awaited, but listed", func(t *testing.T) {
		if _, err := connect(t, s.url).Exec(t.Context(), "update nodes set reported_at = now() - interval '16 seconds' where node = 'a'"); err != nil {
			t.Fatal(err)
		}
		report("b", 6, true, "")
		if got, err := s.AwaitNodes(t.Context(), "production", 6); err != nil || len(got) != 1 {
			t.Errorf("awaited %+v, %v", got, err)
		}
		if got, err := s.Nodes(t.Context()); err != nil || len(got) != 2 {
			t.Errorf("listed %+v, %v", got, err)
		}
	})
	t.Run("one that has been gone for a day is forgotten", func(t *testing.T) {
		conn := connect(t, s.url)
		if _, err := conn.Exec(t.Context(), "update nodes set reported_at = now() - interval '25 hours' where node = 'a'"); err != nil {
			t.Fatal(err)
		}
		report("b", 7, true, "")
		if n := scalar[int](t, conn, "select count(*) from nodes"); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
	wantNotFound(t, s.ReportNode(t.Context(), models.NodeReport{Node: "a", Environment: "nowhere"}))
	_, err := s.AwaitNodes(t.Context(), "nowhere", 1)
	wantNotFound(t, err)
}
