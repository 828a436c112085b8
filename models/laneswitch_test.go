package models_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// mixed has a lane of a local policy, a global one, a policy group and a local
// policy, all of them active.
func (g *groups) mixed(t *testing.T) models.Owner {
	t.Helper()
	p := modelstest.Proxy(t, g.Store, g.project, "mixed")
	p = g.bind(t, p, models.NewBinding{Local: jwt("first")})
	p = g.bind(t, p, models.NewBinding{PolicyID: g.global.ID})
	p = g.bind(t, p, models.NewBinding{GroupID: g.standard.ID})
	return g.bind(t, p, models.NewBinding{Local: jwt("last")})
}

func switches(o models.Owner) string {
	var parts []string
	for _, b := range o.Bindings {
		word := b.Name() + " off"
		if b.Active() {
			word = b.Name() + " on"
		}
		parts = append(parts, word)
	}
	return strings.Join(parts, ", ")
}

func TestSwitchingALaneLeavesWhatIsSharedAloneUnlessAsked(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	p := g.mixed(t)
	g.deploy(t, p)
	names, err := g.SetLaneActive(t.Context(), by, g.project, p.ID, p.Version, policy.Request, "", false, false)
	if err != nil || strings.Join(names, " ") != "first last" {
		t.Fatal(names, err)
	}
	p = modelstest.Reload(t, g.Store, p)
	if got := switches(p); got != "first off, Company on, Standard on, last off" {
		t.Errorf("the lane is %s", got)
	}
	if g.state(t, p) != models.RedeployRequired {
		t.Errorf("the proxy is %s", g.state(t, p))
	}
	names, err = g.SetLaneActive(t.Context(), by, g.project, p.ID, p.Version, policy.Request, "", false, true)
	if err != nil || strings.Join(names, " ") != "Company Standard" {
		t.Fatal(names, err)
	}
	p = modelstest.Reload(t, g.Store, p)
	if got := switches(p); got != "first off, Company off, Standard off, last off" {
		t.Errorf("the lane is %s", got)
	}
	if got := switches(modelstest.Reload(t, g.Store, g.shop)); got != "Standard off" {
		t.Errorf("the other place is %s", got)
	}
	if _, err := g.SetLaneActive(t.Context(), by, g.project, p.ID, p.Version, policy.Request, "", true, true); err != nil {
		t.Fatal(err)
	}
	if g.state(t, p) != models.Live {
		t.Errorf("switched off and on again the proxy is %s", g.state(t, p))
	}
}

func TestSwitchingALaneTouchesNoOtherLane(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	p := modelstest.Proxy(t, g.Store, g.project, "api", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a"}}
	})
	p = g.bind(t, p, models.NewBinding{Local: jwt("everywhere")})
	if _, err := g.AddBinding(t.Context(), by, g.project, p.ID, p.Version, models.NewBinding{
		Scope: policy.Endpoint, EndpointID: p.Endpoints[0].ID, Pipeline: policy.Request, Local: jwt("here"),
	}); err != nil {
		t.Fatal(err)
	}
	p = modelstest.Reload(t, g.Store, p)
	if _, err := g.SetLaneActive(t.Context(), by, g.project, p.ID, p.Version, policy.Request, p.Endpoints[0].ID, false, true); err != nil {
		t.Fatal(err)
	}
	if got := switches(modelstest.Reload(t, g.Store, p)); got != "everywhere on, here off" {
		t.Errorf("the lanes are %s", got)
	}
}

func TestSwitchingALaneIsAllOrNothing(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	p := g.mixed(t)
	before := modelstest.Reload(t, g.Store, p)
	wantStale(t, g.switching(t, p, p.Version-1, false))
	wantProblem(t, g.switching(t, p, p.Version, true), "") // all of them are on
	after := modelstest.Reload(t, g.Store, p)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("refused, and yet (-want +got):\n%s", diff)
	}
	if err := g.switching(t, p, p.Version, false); err != nil {
		t.Fatal(err)
	}
	records, _, err := g.Audit(t.Context(), models.Everywhere, models.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var audited []string
	for _, r := range records[:5] {
		audited = append(audited, r.Kind+" "+r.Action+" "+r.ObjectName)
	}
	for _, want := range []string{"POLICY UPDATED first", "POLICY UPDATED last", "POLICY UPDATED Company", engine.KindPolicyGroup + " UPDATED Standard", engine.KindProxy + " UPDATED mixed"} {
		if !strings.Contains(strings.Join(audited, "; "), want) {
			t.Errorf("the audit has not %q: %q", want, audited)
		}
	}
}

func (g *groups) switching(t *testing.T, p models.Owner, version int, active bool) error {
	_, err := g.SetLaneActive(t.Context(), by, g.project, p.ID, version, policy.Request, "", active, true)
	return err
}
