package models_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestANewPublicURLReachesNodesAndAudit(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	before, err := s.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.SetPublicURL(t.Context(), modelstest.By(), "PRODUCTION", before.Version, "https://api.example.com/v1/")
	if err != nil {
		t.Fatal(err)
	}
	if after.PublicURL != "https://api.example.com/v1" || after.Version != before.Version+1 || after.Generation != before.Generation+1 {
		t.Errorf("saved as %+v, read as %+v", after, before)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil || b.PublicURL != after.PublicURL || b.Generation != after.Generation {
		t.Errorf("the nodes get %q of generation %d, %v", b.PublicURL, b.Generation, err)
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindEnvironment, Action: models.ActionUpdated})
	if err != nil || len(records) != 1 || records[0].ObjectName != "production" {
		t.Fatalf("audited as %+v, %v", records, err)
	}
	record, err := s.AuditRecord(t.Context(), models.Everywhere, records[0].ID)
	if err != nil || string(record.Before) == string(record.After) {
		t.Errorf("before %s, after %s, %v", record.Before, record.After, err)
	}

	var stale *models.StaleError
	_, err = s.SetPublicURL(t.Context(), modelstest.By(), "production", before.Version, "https://late.example.com")
	if !errors.As(err, &stale) || stale.Version != after.Version {
		t.Errorf("a late save gives %v", err)
	}
}

func TestAPublicURLThatCannotBeAnIssuerIsRefused(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	e, err := s.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "api.example.com", "ftp://api.example.com", "https://", "https://u:p@api.example.com", "https://api.example.com?x=1", "https://api.example.com#a"} {
		_, err := s.SetPublicURL(t.Context(), modelstest.By(), "production", e.Version, address)
		if problem.Of(err).For("publicUrl") == "" {
			t.Errorf("%q gives %v", address, err)
		}
	}
	if _, err := s.SetPublicURL(t.Context(), modelstest.By(), "nowhere", 1, "https://api.example.com"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("an unknown environment gives %v", err)
	}
	now, err := s.Environment(t.Context(), "production")
	if diff := cmp.Diff(e, now); err != nil || diff != "" {
		t.Errorf("something was written (%v):\n%s", err, diff)
	}
}

func (b bench) environment(t *testing.T, name string) models.Environment {
	t.Helper()
	e, err := b.Environment(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (b bench) createEnvironment(t *testing.T, e models.Environment) models.Environment {
	t.Helper()
	saved, err := b.SaveEnvironment(t.Context(), by, e)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func TestAnEnvironmentIsCreatedAndChanged(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	made := s.createEnvironment(t, models.Environment{
		Name: "Staging EU", Type: models.Test, PublicURL: "https://staging.example.com/", Description: "Before\nproduction.", Colour: models.Amber,
	})
	if made.PublicURL != "https://staging.example.com" || made.Version != 1 || made.Generation != 1 || made.CreatedBy != by.Name || made.Colour != models.Amber {
		t.Errorf("created %+v", made)
	}
	if diff := cmp.Diff(made, s.environment(t, "STAGING eu")); diff != "" {
		t.Errorf("read otherwise:\n%s", diff)
	}
	change := made
	change.Type, change.Description, change.Colour = models.Sandbox, "", ""
	after, err := s.SaveEnvironment(t.Context(), by, change)
	if err != nil || after.Type != models.Sandbox || after.Description != "" || after.Colour != "" || after.Version != 2 {
		t.Errorf("changed to %+v, %v", after, err)
	}
	if after.Generation != made.Generation {
		t.Error("nodes load anew for what they know nothing of")
	}
	after.PublicURL = "https://eu.example.com"
	if moved, err := s.SaveEnvironment(t.Context(), by, after); err != nil || moved.Generation != made.Generation+1 {
		t.Errorf("with another public URL: %+v, %v", moved, err)
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindEnvironment, Object: "Staging"})
	if err != nil || len(records) != 3 || records[2].Action != models.ActionCreated || records[0].Action != models.ActionUpdated {
		t.Errorf("audited as %+v, %v", records, err)
	}
}

func TestAnEnvironmentIsRefusedWithEveryProblemAtItsField(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	good := models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"}
	for name, c := range map[string]struct {
		field  string
		change func(*models.Environment)
	}{
		"a name that is taken in other letters": {"name", func(e *models.Environment) { e.Name = "Production" }},
		"no name":                               {"name", func(e *models.Environment) { e.Name = "" }},
		"a name that --gateway would cut":       {"name", func(e *models.Environment) { e.Name = "a=b" }},
		"a name that --gateway would split":     {"name", func(e *models.Environment) { e.Name = "a,b" }},
		"a name with NUL":                       {"name", func(e *models.Environment) { e.Name = "a\x00" }},
		"another type":                          {"type", func(e *models.Environment) { e.Type = "STAGING" }},
		"no public URL":                         {"publicUrl", func(e *models.Environment) { e.PublicURL = "" }},
		"a public URL of broken text":           {"publicUrl", func(e *models.Environment) { e.PublicURL = "https://a.test/\xff" }},
		"a description that is too long":        {"description", func(e *models.Environment) { e.Description = strings.Repeat("x", problem.MaxDescription+1) }},
		"another colour":                        {"colour", func(e *models.Environment) { e.Colour = "pink" }},
	} {
		e := good
		c.change(&e)
		_, err := s.SaveEnvironment(t.Context(), by, e)
		if l := problem.Of(err); len(l) != 1 || l[0].Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.SaveEnvironment(t.Context(), by, models.Environment{Name: "production"})
	if l := problem.Of(err); l.For("name") == "" || l.For("type") == "" || l.For("publicUrl") == "" {
		t.Errorf("not everything at once: %v", err)
	}
	if all, err := s.Environments(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("something was written: %+v, %v", all, err)
	}
	for name, free := range map[string]bool{"PRODUCTION": false, "a,b": false, "": false, "staging": true} {
		if why, err := s.EnvironmentNameProblem(t.Context(), name); err != nil || (why == "") != free {
			t.Errorf("%q: %q, %v", name, why, err)
		}
	}
}

func TestAnEnvironmentKeepsItsName(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for _, name := range []string{"live", "Production"} {
		e := s.environment(t, "production")
		e.Name = name
		_, err := s.SaveEnvironment(t.Context(), by, e)
		if why := problem.Of(err).For("name"); !strings.Contains(why, "--gateway production=") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALateSaveOfAnEnvironmentGetsTheOtherSide(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	mine := s.createEnvironment(t, models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"})
	theirs := mine
	theirs.Description = "Theirs."
	theirs = s.createEnvironment(t, theirs)
	stale := new(models.StaleError)
	if _, err := s.SaveEnvironment(t.Context(), by, mine); !errors.As(err, &stale) || !cmp.Equal(stale.Current, any(theirs)) {
		t.Errorf("a late save gives %v", err)
	}
	if _, err := s.DeleteEnvironment(t.Context(), by, mine.ID, mine.Version); !errors.Is(err, models.ErrStale) {
		t.Errorf("a late deletion gives %v", err)
	}
	if _, err := s.DeleteEnvironment(t.Context(), by, mine.ID, theirs.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveEnvironment(t.Context(), by, theirs); !errors.As(err, &stale) || !stale.Deleted {
		t.Errorf("after the deletion: %v", err)
	}
	_, err := s.DeleteEnvironment(t.Context(), by, "x", 1)
	wantNotFound(t, err)
}

// furnished is an environment with something of everything that hangs on one.
func furnished(t *testing.T, s bench, name string) models.Environment {
	t.Helper()
	e := s.createEnvironment(t, models.Environment{Name: name, Type: models.Test, PublicURL: "https://" + name + ".example.com"})
	p := modelstest.Reload(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders-of-"+name))
	p = modelstest.Bind(t, s.Store, p, modelstest.Policy(t, s.Store, s.project, "guard-of-"+name))
	modelstest.Deploy(t, s.Store, p, name)
	modelstest.Deploy(t, s.Store, p, name)
	if _, err := s.Undeploy(t.Context(), by, s.project, p.ID, name); err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.Store, p, name)
	modelstest.Deploy(t, s.Store, p, "production")
	if _, err := s.SaveEnvironmentVariable(t.Context(), by, name, "", 0, "HELP", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveKeySchedule(t.Context(), by, name, models.KeySchedule{RotateEvery: 30 * 24 * time.Hour, PublishAhead: time.Hour}); err != nil {
		t.Fatal(err)
	}
	startFamily(t, s.Store, func(f *token.Family) { f.Environment = name })
	now := time.Now()
	if err := s.AddTokenRequests(t.Context(), []event.Token{
		{Time: now, Environment: name, Project: "Shop", Owner: "orders", TokenID: "t", IssuedAt: now, ExpiresAt: now.Add(time.Hour), Status: 200, Operation: event.Issue},
		{Time: now, Environment: name, Project: "Shop", Owner: "orders", TokenID: "u", IssuedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour), Status: 200, Operation: event.Issue},
	}); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestADeletedEnvironmentTakesAlongWhatItHasAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	e := furnished(t, s, "staging")
	// The second token is of an environment of the same name that was there before.
	u, err := s.EnvironmentUse(t.Context(), "staging")
	if err != nil || len(u.Deployed) != 1 || u.Deployed[0].Name != "orders-of-staging" || u.Deployed[0].Project != "Shop" || u.Deployed[0].Revision != 3 ||
		u.Live.Total != 1 || u.Logins != 1 || u.Revisions != 3 || u.Keys != 1 || u.Variables != 1 || !u.Traffic() {
		t.Errorf("it has %+v, %v", u, err)
	}
	before := s.environment(t, "production")
	gone, err := s.DeleteEnvironment(t.Context(), by, e.ID, e.Version)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u, gone); diff != "" {
		t.Errorf("announced and gone differ:\n%s", diff)
	}
	conn := connect(t, s.url)
	for _, table := range []string{"deployments", "revisions", "environment_keys", "environment_variables", "key_schedules", "refresh_families", "signers", "nodes"} {
		if n := scalar[int](t, conn, "select count(*) from "+table+" where environment_id = $1", e.ID); n != 0 {
			t.Errorf("%s keeps %d rows", table, n)
		}
	}
	if after := s.environment(t, "production"); !cmp.Equal(before, after) {
		t.Errorf("production has changed: %+v", after)
	}
	if b, err := s.Bundle(t.Context(), "production"); err != nil || len(b.Owners) != 1 || b.Keys.Signing(keys.ES256) == nil {
		t.Errorf("production runs %+v, %v", b.Owners, err)
	}
	_, err = s.Bundle(t.Context(), "staging")
	wantNotFound(t, err)
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 2})
	if err != nil || records[0].Action != models.ActionDeleted || records[0].ObjectName != "staging" || records[1].Action != models.ActionUndeployed {
		t.Fatalf("audited as %+v, %v", records, err)
	}
	record, err := s.AuditRecord(t.Context(), models.Everywhere, records[0].ID)
	var was map[string]any
	if err != nil || json.Unmarshal(record.Before, &was) != nil || was["publicUrl"] != "https://staging.example.com" || was["liveTokens"] != 1.0 || was["deployed"] != 1.0 {
		t.Errorf("the audit keeps %s, %v", record.Before, err)
	}
}

func TestWhatKeepsAnEnvironment(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	kept := func(name, want string) {
		t.Helper()
		e := s.environment(t, name)
		_, err := s.DeleteEnvironment(t.Context(), by, e.ID, e.Version)
		if l := problem.Of(err); len(l) != 1 || !strings.Contains(l[0].Message, want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if why, err := s.EnvironmentKept(t.Context(), name); err != nil || !strings.Contains(why, want) {
			t.Errorf("%s is kept by %q, %v", name, why, err)
		}
	}
	kept("production", "the only environment")
	modelstest.Environment(t, s.Store, "test")
	kept("production", "the only production environment")
	if err := s.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "test", OK: true}); err != nil {
		t.Fatal(err)
	}
	kept("test", "served by gw-1")
	if _, err := connect(t, s.url).Exec(t.Context(), "update nodes set reported_at = now() - interval '1 minute'"); err != nil {
		t.Fatal(err)
	}
	u, err := s.EnvironmentUse(t.Context(), "test")
	if err != nil || len(u.Nodes) != 1 || u.Nodes[0].Alive {
		t.Errorf("nodes %+v, %v", u.Nodes, err)
	}
	e := s.environment(t, "test")
	if why, err := s.EnvironmentKept(t.Context(), "test"); why != "" || err != nil {
		t.Errorf("a node that is silent keeps it: %q, %v", why, err)
	}
	if _, err := s.DeleteEnvironment(t.Context(), by, e.ID, e.Version); err != nil {
		t.Error(err)
	}
	wantNotFound(t, s.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "test", OK: true}))
}

// Of the last two, each of which may go while the other is there, one stays.
func TestTheLastTwoEnvironmentsDoNotGoAtOnce(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	list := []models.Environment{s.environment(t, "production"), modelstest.Environment(t, s.Store, "live")}
	failed := make([]error, len(list))
	var wg sync.WaitGroup
	for i, e := range list {
		wg.Go(func() { _, failed[i] = s.DeleteEnvironment(t.Context(), by, e.ID, e.Version) })
	}
	wg.Wait()
	if (failed[0] == nil) == (failed[1] == nil) {
		t.Errorf("%v and %v", failed[0], failed[1])
	}
	if all, err := s.Environments(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("left: %+v, %v", all, err)
	}
}

func TestADeployDuringADeletionLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), modelstest.Policy(t, s.Store, s.project, "guard"))
	for range 5 {
		e := s.createEnvironment(t, models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Deploy(t.Context(), by, s.project, p.ID, "staging", ""); err != nil && !errors.Is(err, models.ErrNotFound) {
				t.Errorf("deploy: %v", err)
			}
		})
		wg.Go(func() {
			if _, err := s.DeleteEnvironment(t.Context(), by, e.ID, e.Version); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
		wg.Wait()
		_, err := s.Environment(t.Context(), "staging")
		wantNotFound(t, err)
	}
}

// ATTACK: whoever kept a token of a deleted environment waits for one of the
// same name and address. Its keys are new ones.
func TestAttackAnEnvironmentMadeAnewHasNewKeys(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	e := furnished(t, s, "staging")
	before, err := s.Bundle(t.Context(), "staging")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteEnvironment(t.Context(), by, e.ID, e.Version); err != nil {
		t.Fatal(err)
	}
	s.Store = modelstest.Open(t, s.url, func(o *models.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Minute) }
	})
	e = s.createEnvironment(t, models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"})
	p, err := s.Proxy(t.Context(), s.project, "orders-of-staging")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.Store, p, "staging")
	after, err := s.Bundle(t.Context(), "staging")
	if err != nil || after.Keys.Signing(keys.ES256).ID == before.Keys.Signing(keys.ES256).ID {
		t.Errorf("the key is the same (%v)", err)
	}
	if u, err := s.EnvironmentUse(t.Context(), e.Name); err != nil || u.Live.Total != 0 || u.Logins != 0 || u.Variables != 0 {
		t.Errorf("it begins with %+v, %v", u, err)
	}
}

func TestTheStatesOfEnvironments(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	global := modelstest.Policy(t, s.Store, s.project, "guard")
	other := modelstest.Project(t, s.Store, "Other").ID
	first := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "first"), global)
	second := modelstest.Proxy(t, s.Store, other, "second", func(p *models.Owner) { p.Route.BasePath = "/second" })
	for _, name := range []string{"production", "test"} {
		modelstest.Deploy(t, s.Store, first, name)
	}
	modelstest.Deploy(t, s.Store, second, "production")
	changed := modelstest.Reload(t, s.Store, first)
	changed.Upstream.URL = "http://changed.test"
	if _, _, err := s.SaveProxy(t.Context(), by, s.project, changed); err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.Store, first, "test")
	for _, node := range []string{"gw-1", "gw-2"} {
		if err := s.ReportNode(t.Context(), models.NodeReport{Node: node, Environment: "production", OK: true, Version: "v1", Generation: 3, Message: "Running"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := connect(t, s.url).Exec(t.Context(), "update nodes set reported_at = now() - interval '1 minute' where node = 'gw-2'"); err != nil {
		t.Fatal(err)
	}
	list, err := s.EnvironmentStates(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []models.EnvironmentState{{Deployed: 2, Compared: 2, Stale: 1}, {Deployed: 1, Compared: 1}} {
		if got := list[i]; got.Deployed != want.Deployed || got.Compared != want.Compared || got.Stale != want.Stale {
			t.Errorf("%s: %d deployed, %d of %d stale", got.Name, got.Deployed, got.Stale, got.Compared)
		}
	}
	reports, err := s.NodesOf(t.Context(), "production")
	if diff := cmp.Diff(list[0].Nodes, reports); err != nil || diff != "" || len(reports) != 2 || !reports[0].Alive || reports[1].Alive || len(list[1].Nodes) != 0 {
		t.Errorf("nodes %+v, %v", list[0].Nodes, err)
	}
	owners, of, err := s.DeployedOwners(t.Context(), "PRODUCTION")
	if err != nil || of != 2 || len(owners) != 2 {
		t.Fatalf("%+v of %d, %v", owners, of, err)
	}
	i := slices.IndexFunc(owners, func(o models.DeployedOwner) bool { return o.Project == "Shop" })
	if owners[i].Name != "first" || owners[i].State != models.RedeployRequired || owners[1-i].Project != "Other" || owners[1-i].State != models.Live {
		t.Errorf("it runs %+v", owners)
	}
}

func TestValuesThatTheErrorCatalogueNamesAreMissedInANewEnvironment(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for _, name := range []string{"HELP", "DESK"} {
		if _, err := s.SaveEnvironmentVariable(t.Context(), by, "production", "", 0, name, "x"); err != nil {
			t.Fatal(err)
		}
	}
	s.say(t, 0, fault.Message{Type: fault.RoleMissing, Template: fault.Template{Build: true, Text: "Ask ${HELP} or ${DESK}.", ContentType: "text/plain"}})
	s.createEnvironment(t, models.Environment{Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com"})
	if _, err := s.SaveEnvironmentVariable(t.Context(), by, "staging", "", 0, "HELP", "x"); err != nil {
		t.Fatal(err)
	}
	got, err := s.MissingValues(t.Context(), "staging")
	if diff := cmp.Diff([]models.MissingValue{{Name: "DESK", Types: []fault.Type{fault.RoleMissing}}}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := s.MissingValues(t.Context(), "production"); err != nil || got != nil {
		t.Errorf("production misses %v, %v", got, err)
	}
}

// BenchmarkEnvironmentsOfManyProxies is what the list of environments and the
// page of one ask for. A page has 50 ms (product.md, "How the console behaves").
func BenchmarkEnvironmentsOfManyProxies(b *testing.B) {
	url := modelstest.Database(b)
	s := modelstest.Open(b, url)
	modelstest.Environment(b, s, "production")
	modelstest.Environment(b, s, "test")
	crowd(b, url, s)
	for name, ask := range map[string]func() error{
		"list": func() error { _, err := s.EnvironmentStates(b.Context()); return err },
		"page": func() error { _, _, err := s.DeployedOwners(b.Context(), "production"); return err },
		"use":  func() error { _, err := s.EnvironmentUse(b.Context(), "production"); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
