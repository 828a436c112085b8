package models_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/models"
)

// history is an API that was deployed n times, each time in another form.
func history(t *testing.T, n int) (groups, models.Owner) {
	t.Helper()
	g := newGroups(t)
	p := g.orders
	for i := range n {
		p.Upstream.URL = fmt.Sprintf("http://%d.test", i+1)
		var err error
		if p, _, err = g.SaveProxy(t.Context(), by, g.project, p); err != nil {
			t.Fatal(err)
		}
		g.deploy(t, p)
	}
	return g, p
}

// numbers are the revisions that are left, newest first; a pinned one has a star.
func (g *groups) numbers(t *testing.T, o models.Owner) string {
	t.Helper()
	list, err := g.Revisions(t.Context(), o.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range list {
		star := ""
		if r.Pinned {
			star = "*"
		}
		all = append(all, fmt.Sprint(r.Number, star))
	}
	return strings.Join(all, " ")
}

func TestRetentionKeepsWhatIsPinnedAndWhatRuns(t *testing.T) {
	t.Parallel()
	g, p := history(t, 9)
	if _, err := g.Rollback(t.Context(), by, g.project, p.ID, "production", 1, ""); err != nil {
		t.Fatal(err)
	}
	g.deploy(t, g.standard)
	if err := g.PinRevision(t.Context(), by, g.project, p.ID, 2, true); err != nil {
		t.Fatal(err)
	}
	if purged, acted, err := g.Purge(t.Context()); err != nil || !acted || purged.Revisions != 3 {
		t.Fatalf("purged %+v, %v, %v", purged, acted, err)
	}
	if got, want := g.numbers(t, p), "10 9 8 7 6 5 2*"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
	if got := g.numbers(t, g.standard); got != "1" {
		t.Errorf("of another owner %s", got)
	}
	if err := g.PinRevision(t.Context(), by, g.project, p.ID, 2, false); err != nil {
		t.Fatal(err)
	}
	kept, err := g.Retention(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	few := kept.Value
	few.Revisions = 1
	if _, err := g.SaveRetention(t.Context(), by, kept.Version, few); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Undeploy(t.Context(), by, g.project, p.ID, "production"); err != nil {
		t.Fatal(err)
	}
	g.deploy(t, p)
	if _, _, err := g.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := g.numbers(t, p); got != "11" {
		t.Errorf("of one that is kept %s are left", got)
	}
}

func TestRevisionIsDeletedUnlessItIsNeeded(t *testing.T) {
	t.Parallel()
	g, p := history(t, 4)
	if err := g.PinRevision(t.Context(), by, g.project, p.ID, 2, true); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Undeploy(t.Context(), by, g.project, p.ID, "production"); err != nil {
		t.Fatal(err)
	}
	for number, name := range map[int]string{2: "a pinned one", 4: "the newest, although it was undeployed"} {
		err := g.DeleteRevision(t.Context(), by, g.project, p.ID, number)
		t.Run(name, func(t *testing.T) { wantProblem(t, err, "revision") })
	}
	if err := g.DeleteRevision(t.Context(), by, g.project, p.ID, 3); err != nil {
		t.Fatal(err)
	}
	if got := g.numbers(t, p); got != "4 2* 1" {
		t.Errorf("left are %s", got)
	}
	for name, err := range map[string]error{
		"a number that is gone":         g.DeleteRevision(t.Context(), by, g.project, p.ID, 3),
		"an owner that is gone":         g.DeleteRevision(t.Context(), by, g.project, g.global.ID, 1),
		"an owner of no project's":      g.PinRevision(t.Context(), by, g.project, "nonsense", 1, true),
		"a number that was never there": g.PinRevision(t.Context(), by, g.project, p.ID, 99, true),
	} {
		if !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRunningRevisionIsNotDeleted(t *testing.T) {
	t.Parallel()
	g, p := history(t, 1)
	if _, _, err := g.EnsureEnvironment(t.Context(), by, "test", "http://test.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Deploy(t.Context(), by, g.project, p.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, g.DeleteRevision(t.Context(), by, g.project, p.ID, 1), "revision")
}
