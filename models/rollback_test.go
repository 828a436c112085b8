package models_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// revised is a proxy with two revisions in production: the second has another
// path and policy.
func revised(t *testing.T) (bench, models.Owner) {
	t.Helper()
	s := newBench(t)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), modelstest.Policy(t, s.Store, s.project, "Standard"))
	modelstest.Deploy(t, s.Store, p, "production")
	global := p.Bindings[0].Policy
	config := global.Config.(*jwtauth.Config)
	config.LeewaySeconds = 77
	if _, err := s.SavePolicy(t.Context(), by, s.project, global.ID, global.Version, config); err != nil {
		t.Fatal(err)
	}
	p = modelstest.Reload(t, s.Store, p)
	p.Route.BasePath = "/moved"
	if _, _, err := s.SaveProxy(t.Context(), by, s.project, p); err != nil {
		t.Fatal(err)
	}
	p = modelstest.Reload(t, s.Store, p)
	modelstest.Deploy(t, s.Store, p, "production")
	return s, modelstest.Reload(t, s.Store, p)
}

func TestRollbackIsANewRevisionOfWhatRanBefore(t *testing.T) {
	t.Parallel()
	s, p := revised(t)
	first, err := s.Revision(t.Context(), p.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Rollback(t.Context(), by, s.project, p.ID, "production", 1, "The new path was wrong.")
	if err != nil {
		t.Fatal(err)
	}
	third, err := s.Revision(t.Context(), p.ID, 3)
	if err != nil || r.Revision != 3 || third.Digest != first.Digest || string(third.Definition) != string(first.Definition) || !third.Live || third.Note != "The new path was wrong." {
		t.Errorf("%+v %+v %v", r, third, err)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil || b.Owners[0].Revision != 3 || b.Owners[0].Digest != first.Digest || b.Generation != r.Generation {
		t.Errorf("the environment runs %+v, %v", b.Owners, err)
	}
	if now := modelstest.Reload(t, s.Store, p); now.Version != p.Version || now.Route.BasePath != "/moved" || now.Deployments[0].State != models.RedeployRequired {
		t.Errorf("the draft is %+v", now)
	}
	if r, err := s.Rollback(t.Context(), by, s.project, p.ID, "production", 2, ""); err != nil || r.Revision != 4 || state(t, s, p) != models.Live {
		t.Errorf("and back again: %+v %v", r, err)
	}
}

func TestRollbackIsRefused(t *testing.T) {
	t.Parallel()
	s, p := revised(t)
	back := func(environment string, revision int, note string) error {
		_, err := s.Rollback(t.Context(), by, s.project, p.ID, environment, revision, note)
		return err
	}
	wantProblem(t, back("production", 2, ""), "revision")
	wantProblem(t, back("production", 1, "\x00"), "note")
	for _, number := range []int{0, -1, 9} {
		wantNotFound(t, back("production", number, ""))
	}
	wantNotFound(t, back("nowhere", 1, ""))
	modelstest.Environment(t, s.Store, "test")
	wantNotFound(t, back("test", 1, "")) // a revision is one of its own environment
	// Somebody else has taken the place meanwhile.
	modelstest.Deploy(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "rival", func(x *models.Owner) { x.Route.BasePath = "/orders" }), "production")
	wantProblem(t, back("production", 1, ""), "basePath")
	if list, err := s.Revisions(t.Context(), p.ID, 10); err != nil || len(list) != 2 {
		t.Errorf("%d revisions, %v", len(list), err)
	}
}

func TestARevisionRunsAgainUnderTheNameOfToday(t *testing.T) {
	t.Parallel()
	s, p := revised(t)
	p.Name = "renamed"
	if _, _, err := s.SaveProxy(t.Context(), by, s.project, p); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rollback(t.Context(), by, s.project, p.ID, "production", 1, ""); err != nil {
		t.Fatal(err)
	}
	third, err := s.Revision(t.Context(), p.ID, 3)
	if err != nil || !strings.Contains(string(third.Definition), `"name":"renamed"`) || !strings.Contains(string(third.Definition), `"basePath":"/orders"`) {
		t.Errorf("%s %v", third.Definition, err)
	}
}
