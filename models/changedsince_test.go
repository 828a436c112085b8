package models_test

import (
	"testing"

	"github.com/gatewright/gatewright/models"
)

// What was deployed long ago is compared once something is written that it may be
// made of.
func TestWhatIsComparedIsWhatWasWrittenSince(t *testing.T) {
	t.Parallel()
	g := busy(t)
	conn := connect(t, g.url)
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	compared := func() int {
		t.Helper()
		_, at, err := g.UsageReport(t.Context(), g.project, models.UsageFilter{StateFilter: models.StateFilter{State: models.RedeployRequired}})
		if err != nil {
			t.Fatal(err)
		}
		return at.Total
	}
	run("update deployments set updated_at = now() - interval '1 hour'")
	run("update owner_changes set at = now() - interval '2 hours'")
	run("update projects set updated_at = now() - interval '2 hours'")
	run("update variables set updated_at = now() - interval '2 hours'")
	if n := compared(); n != 0 {
		t.Errorf("nothing was written: %d are compared", n)
	}
	run("update projects set updated_at = now()")
	if compared() == 0 {
		t.Error("the project was written, but nothing is compared")
	}
	run("update projects set updated_at = now() - interval '2 hours'")
	run("update owner_changes set at = now()")
	if compared() == 0 {
		t.Error("the owners were written, but nothing is compared")
	}
}
