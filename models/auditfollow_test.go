package models_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// read calls a follower until it has read so many records, or a few times where
// there should be none, and says which objects they were about. Transactions of
// other tests on the server hold it up for a while.
func read(t *testing.T, f *models.AuditFollower, want int) (names []string) {
	t.Helper()
	for try := 0; try < 4 || len(names) < want && t.Context().Err() == nil; try++ {
		if err := f.Next(t.Context(), func(_ context.Context, list []models.AuditRecord) error {
			for _, r := range list {
				names = append(names, r.ObjectName)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestAFollowerReadsEachRecordOnceItIsCommittedAndGoesOnWhereItStood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := read(t, b.FollowAudit("siem"), 0); len(got) != 0 {
		t.Errorf("it begins with %v, want what comes from now on", got)
	}
	modelstest.Policy(t, b.Store, b.project, "one")

	// A transaction that has taken an id and is not committed holds back all that follow.
	conn := connect(t, b.url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `insert into audit_records (at, actor, client, correlation_id, action, kind, object_id, object_name, project)
		values (now(), '', '', '', 'REVOKED', 'POLICY', '', 'slow', '')`); err != nil {
		t.Fatal(err)
	}
	modelstest.Policy(t, b.Store, b.project, "two")
	f := b.FollowAudit("siem")
	if got := read(t, f, 0); len(got) != 0 {
		t.Errorf("it read %v past one that is not committed", got)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, f, 3), []string{"one", "slow", "two"}; !slices.Equal(got, want) {
		t.Errorf("it read %v, want %v", got, want)
	}

	modelstest.Policy(t, b.Store, b.project, "three")
	broken := errors.New("the target is away")
	f = b.FollowAudit("siem")
	failed := false
	for !failed && t.Context().Err() == nil {
		err := f.Next(t.Context(), func(context.Context, []models.AuditRecord) error { return broken })
		failed = failed || errors.Is(err, broken)
	}
	if got := read(t, b.FollowAudit("siem"), 1); !failed || !slices.Equal(got, []string{"three"}) {
		t.Errorf("after a failure (%t) it read %v, want the same again", failed, got)
	}
}
