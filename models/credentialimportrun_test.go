package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

var updating = models.ImportOptions{UpdateExisting: true}

// kept is a file that was previewed, with the digest of its plan.
func (v *vault) kept(file string) (id, digest string) {
	v.t.Helper()
	id, err := v.KeepImport(v.t.Context(), by, v.project.ID, []byte(file), updating)
	if err != nil {
		v.t.Fatal(err)
	}
	return id, v.planned(file, updating).Digest
}

func (v *vault) imported(id string) models.Import {
	v.t.Helper()
	i, err := v.Import(v.t.Context(), by, v.project.ID, id)
	if err != nil {
		v.t.Fatal(err)
	}
	return i
}

func (v *vault) start(id, digest string) {
	v.t.Helper()
	if err := v.StartImport(v.t.Context(), by, v.project.ID, id, digest); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) count() int {
	v.t.Helper()
	return scalar[int](v.t, connect(v.t, v.url), "select count(*) from credentials")
}

func (v *vault) sql(statement string, args ...any) {
	v.t.Helper()
	if _, err := connect(v.t, v.url).Exec(v.t.Context(), statement, args...); err != nil {
		v.t.Fatal(err)
	}
}

// manyLines is a file that takes a while to hash.
func manyLines(n int) string {
	var b strings.Builder
	b.WriteString("username,password\n")
	for i := range n {
		fmt.Fprintf(&b, "user-%d,a-good-secret-%d\n", i, i)
	}
	return b.String()
}

func TestAnImportGoesOnAfterTheRequestAndTellsItsEnd(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("anna"))
	id, digest := v.kept("username,password,roles\nnew,a-good-secret-1,admin\nanna,another-secret-1,ops\nanna,,\n")
	if i := v.imported(id); i.State != models.ImportKept {
		t.Errorf("kept as %+v", i)
	}
	err := v.StartImport(t.Context(), by, v.project.ID, id, digest)
	wantProblemSaying(t, err, "file", "1 of 3")

	id, digest = v.kept("username,password,roles\nnew,a-good-secret-1,admin\nanna,another-secret-1,ops\n")
	request, done := context.WithCancel(t.Context())
	if err := v.StartImport(request, by, v.project.ID, id, digest); err != nil {
		t.Fatal(err)
	}
	done() // the browser has left
	v.Rest()
	i := v.imported(id)
	if i.State != models.ImportDone || i.Creates != 1 || i.Updates != 1 || i.Skips != 0 || i.Hashed != 2 || i.ToHash != 2 || i.Project != "Shop" {
		t.Errorf("ended as %+v", i)
	}
	for name, password := range map[string]string{"new": "a-good-secret-1", "anna": "another-secret-1"} {
		if ok, err := secret.Verify(v.bundled("production", name).SecretHash, password); !ok || err != nil {
			t.Errorf("%s has another secret, %v", name, err)
		}
	}
	if n := scalar[int](t, connect(t, v.url), "select length(content) from credential_imports"); n != 0 {
		t.Errorf("%d bytes of the file are kept beyond its import", n)
	}
	v.start(id, digest) // a second click, or the back button
	v.Rest()
	if again := v.imported(id); again != i {
		t.Errorf("imported twice: %+v", again)
	}
	if last, err := v.LastImport(t.Context(), by); err != nil || last.ID != id {
		t.Errorf("the last import is %+v, %v", last, err)
	}
}

func TestConfirmingAtOnceFromManyPlacesImportsOnce(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	id, digest := v.kept(manyLines(3))
	stores := []*models.Store{v.Store, modelstest.Open(t, v.url)}
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if err := stores[i%2].StartImport(t.Context(), by, v.project.ID, id, digest); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, s := range stores {
		s.Rest()
	}
	runs := scalar[int](t, connect(t, v.url), "select run from credential_imports")
	if i := v.imported(id); i.State != models.ImportDone || runs != 1 || v.count() != 3 {
		t.Errorf("%d runs made %d credentials: %+v", runs, v.count(), i)
	}
}

func TestAnImportIsInterruptedInOrderWhenTheProcessStopsAndCanBeStartedAgain(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	node := modelstest.Open(t, v.url)
	id, digest := v.kept(manyLines(60))
	if err := node.StartImport(t.Context(), by, v.project.ID, id, digest); err != nil {
		t.Fatal(err)
	}
	node.Close()
	if i := v.imported(id); i.State != models.ImportInterrupted || v.count() != 0 {
		t.Errorf("%d credentials of %+v", v.count(), i)
	}
	// Another node begins anew, until it stops itself.
	v.start(id, digest)
	ended, end := context.WithCancel(t.Context())
	end()
	v.Drain(ended)
	if err := v.StartImport(t.Context(), by, v.project.ID, id, digest); err != nil {
		t.Fatal(err)
	}
	if i := v.imported(id); i.State != models.ImportInterrupted {
		t.Errorf("a process that stops began %+v", i)
	}
}

func TestAStopGivesAnImportTimeToFinish(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	id, digest := v.kept(manyLines(2))
	v.start(id, digest)
	v.Drain(t.Context())
	if i := v.imported(id); i.State != models.ImportDone || v.count() != 2 {
		t.Errorf("%d credentials of %+v", v.count(), i)
	}
}

func TestAnImportWhoseNodeDiedIsInterruptedAndItsGhostWritesNothing(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	id, digest := v.kept(manyLines(40))
	dead := modelstest.Open(t, v.url)
	if err := dead.StartImport(t.Context(), by, v.project.ID, id, digest); err != nil {
		t.Fatal(err)
	}
	if i := v.imported(id); i.State != models.ImportRunning || i.ToHash != 40 || i.Writing() {
		t.Errorf("under way is %+v", i)
	}
	v.sql("update credential_imports set alive_until = now() - interval '1 second', run = run + 1")
	if i := v.imported(id); i.State != models.ImportInterrupted {
		t.Errorf("a silent run is %+v", i)
	}
	dead.Rest() // it wakes up, as a machine that was asleep does
	if i := v.imported(id); i.State != models.ImportInterrupted || v.count() != 0 {
		t.Errorf("the ghost wrote %d credentials: %+v", v.count(), i)
	}
	v.start(id, digest)
	v.Rest()
	if i := v.imported(id); i.State != models.ImportDone || v.count() != 40 {
		t.Errorf("started again it wrote %d credentials: %+v", v.count(), i)
	}
}

func TestAPersonHasOneImportAtATime(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	first, _ := v.kept(manyLines(1))
	v.sql("update credential_imports set state = 'RUNNING', to_hash = 1000, hashed = 312, alive_until = now() + interval '1 hour'")
	second, digest := v.kept("username,password\nnew,a-good-secret-1\n")
	if err := v.StartImport(t.Context(), by, v.project.ID, second, digest); !errors.Is(err, models.ErrImportRunning) {
		t.Errorf("a second import at once: %v", err)
	}
	if last, err := v.LastImport(t.Context(), by); err != nil || last.ID != first || last.Hashed != 312 {
		t.Errorf("the one under way is %+v, %v", last, err)
	}
	other := models.Actor{Name: "bert"}
	theirs, err := v.KeepImport(t.Context(), other, v.project.ID, []byte("username,password\ntheirs,a-good-secret-1\n"), updating)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.StartImport(t.Context(), other, v.project.ID, theirs, v.planned("username,password\ntheirs,a-good-secret-1\n", updating).Digest); err != nil {
		t.Errorf("somebody else's import: %v", err)
	}
	v.sql("update credential_imports set alive_until = now() - interval '1 second' where id = $1", first) // its node died
	v.start(second, digest)
	v.Rest()
	if i := v.imported(second); i.State != models.ImportDone {
		t.Errorf("the second is %+v", i)
	}
}

func TestAnImportSaysWhyNothingWasWritten(t *testing.T) {
	t.Parallel()
	t.Run("the credentials have changed before", func(t *testing.T) {
		t.Parallel()
		v := newVault(t)
		id, digest := v.kept("username,password\nanna,a-good-secret-1\n")
		v.save(draft("anna"))
		if err := v.StartImport(t.Context(), by, v.project.ID, id, digest); !errors.Is(err, models.ErrPlanChanged) {
			t.Errorf("got %v", err)
		}
		if _, plan, err := v.KeptPlan(t.Context(), by, v.project.ID, id); err != nil || plan.Count(models.ImportUpdate) != 1 {
			t.Errorf("the new plan is %+v, %v", plan, err)
		}
	})
	t.Run("the credentials change while secrets are hashed", func(t *testing.T) {
		t.Parallel()
		v := newVault(t)
		id, digest := v.kept(manyLines(40))
		v.start(id, digest)
		v.save(draft("user-39"))
		v.Rest()
		if i := v.imported(id); i.State != models.ImportChanged || v.count() != 1 {
			t.Errorf("%d credentials of %+v", v.count(), i)
		}
	})
	t.Run("the database refuses", func(t *testing.T) {
		t.Parallel()
		v := newVault(t)
		v.sql("create function refuse() returns trigger language plpgsql as 'begin raise exception ''no room''; end'")
		v.sql("create trigger refuse before insert on credential_role_members for each row execute function refuse()")
		id, digest := v.kept("username,password,roles\nanna,a-good-secret-1,\nbert,a-good-secret-1,ops\n")
		v.start(id, digest)
		v.Rest()
		i := v.imported(id)
		if i.State != models.ImportFailed || v.count() != 0 || !strings.Contains(i.Reason, by.CorrelationID) || strings.Contains(i.Reason, "no room") {
			t.Errorf("%d credentials of %+v", v.count(), i)
		}
	})
	t.Run("its project is deleted", func(t *testing.T) {
		t.Parallel()
		v := newVault(t)
		id, digest := v.kept(manyLines(40))
		v.start(id, digest)
		v.sql("delete from projects")
		v.Rest()
		_, err := v.Import(t.Context(), by, v.project.ID, id)
		wantNotFound(t, err)
	})
}

func TestAttackAKeptFileIsSealedAndOnlyForWhoGaveIt(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	id, digest := v.kept("username,password\nnew,a-good-secret-1\n")
	raw := scalar[[]byte](t, connect(t, v.url), "select content from credential_imports")
	if strings.Contains(string(raw), "a-good-secret-1") {
		t.Error("the kept file can be read in the database")
	}
	mallory, other := models.Actor{Name: "mallory"}, modelstest.Project(t, v.Store, "Other")
	refused := func(name string, who models.Actor, project, id string) {
		t.Helper()
		if err := v.StartImport(t.Context(), who, project, id, digest); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s starts it: %v", name, err)
		}
		if _, err := v.Import(t.Context(), who, project, id); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s sees it: %v", name, err)
		}
		if _, plan, err := v.KeptPlan(t.Context(), who, project, id); !errors.Is(err, models.ErrNotFound) || len(plan.Lines) > 0 {
			t.Errorf("%s reads it: %v", name, err)
		}
	}
	refused("somebody else", mallory, v.project.ID, id)
	refused("another project", by, other.ID, id)
	refused("no id", by, v.project.ID, "' or true --")
	if _, err := v.LastImport(t.Context(), mallory); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("somebody else finds it: %v", err)
	}
	v.sql("update credential_imports set alive_until = now() - interval '31 minutes'")
	refused("who comes late", by, v.project.ID, id)
	if _, acted, err := v.Purge(t.Context()); !acted || err != nil {
		t.Fatalf("clean-up: %v, %v", acted, err)
	}
	if n := scalar[int](t, connect(t, v.url), "select count(*) from credential_imports"); n != 0 {
		t.Error("a file that nobody came back for stays in the database")
	}
}
