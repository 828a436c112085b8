package models_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// everything does one of each write and returns every secret that it met.
func everything(t *testing.T, s bench) []string {
	t.Helper()
	ctx := t.Context()
	u := modelstest.User(t, s.Store, "ada", models.RoleAdministrator, password)
	ada := models.Actor{UserID: u.ID, Name: "ada", Client: netip.MustParseAddr("192.0.2.7"), CorrelationID: "corr-1"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := s.Authenticate(ctx, "ada", secret.New(password), ada.Client, "corr-1"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err := s.Authenticate(ctx, "ada", secret.New("mistyped password"), ada.Client, "corr-2"); err != nil || ok {
		t.Fatal(ok, err)
	}
	must(s.ChangePassword(ctx, ada, u.ID, secret.New(password), secret.New("another good one")))
	must(s.SetTheme(ctx, u.ID, models.ThemeDark))
	must(s.RecordSignOut(ctx, ada))

	global, err := s.SavePolicy(ctx, ada, s.project, "", 0, modelstest.JWT("P", func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.HS256 }))
	must(err)
	global, err = s.SetPolicyActive(ctx, ada, s.project, global.ID, global.Version, false)
	must(err)
	global, err = s.SetPolicyActive(ctx, ada, s.project, global.ID, global.Version, true)
	must(err)
	p, first, err := s.SaveProxy(ctx, ada, s.project, orders())
	must(err)
	p = modelstest.Bind(t, s.Store, p, global)
	_, err = s.Deploy(ctx, ada, s.project, p.ID, "production", "")
	must(err)
	second, err := s.RotateOwnerSecret(ctx, ada, s.project, p.ID, p.Version)
	must(err)
	_, err = s.Undeploy(ctx, ada, s.project, p.ID, "production")
	must(err)
	must(s.PinRevision(ctx, ada, s.project, p.ID, 1, true))
	b, err := s.Bundle(ctx, "production")
	must(err)
	material, err := b.Keys.Signing(keys.HS256).Marshal()
	must(err)
	m := issue.DefaultManagement()
	m.ExtendedResponse = true
	_, err = s.SaveTokenManagement(ctx, ada, 0, m)
	must(err)
	_, err = s.Revoke(ctx, ada, "production", revoke.Entry{Kind: revoke.All}, "test")
	must(err)
	_, _, err = s.SaveProxyGroup(ctx, ada, s.project, models.Owner{Name: "Shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: p.ID}}})
	must(err)
	_, _, err = s.SavePolicyGroup(ctx, ada, s.project, models.Owner{Name: "Standard", Pipeline: policy.Request})
	must(err)
	secrets := identities(t, s, ada, p)
	p = modelstest.Reload(t, s.Store, p)
	must(s.DeleteOwner(ctx, ada, s.project, p.ID, p.Version))
	must(s.DeletePolicy(ctx, ada, s.project, global.ID, global.Version))
	return append(secrets, password, "mistyped password", "another good one", first.Reveal(), second.Reveal(), string(material))
}

// identities does one of each write about keys and about who may come in.
func identities(t *testing.T, s bench, ada models.Actor, p models.Owner) []string {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	slot := models.KeySlot{Environment: "production", Algorithm: keys.HS256}
	b, err := s.Bundle(ctx, "production")
	must(err)
	turned, err := s.RotateKey(ctx, ada, slot, b.Keys.Signing(keys.HS256).ID)
	must(err)
	_, err = s.RetireKey(ctx, ada, "production", turned.Old.ID)
	must(err)
	_, err = s.RevokeKey(ctx, ada, "production", turned.New.ID)
	must(err)
	schedule, err := s.KeySchedule(ctx, "production")
	must(err)
	schedule.RotateEvery = 90 * 24 * time.Hour
	_, err = s.SaveKeySchedule(ctx, ada, "production", schedule)
	must(err)
	_, err = s.SaveRole(ctx, ada, s.project, "", 0, "ops", "")
	must(err)
	c, _, err := s.SaveCredential(ctx, ada, s.project, "", 0, models.CredentialDraft{
		Name: "mia", Secret: secret.New("mia's secret phrase"), Enabled: true, Roles: []string{"ops"}, Tokens: models.DefaultCredentialTokens(),
	})
	must(err)
	_, err = s.GrantAccess(ctx, ada, s.project, models.NewGrants{Credentials: []string{c.Name}, Proxies: []string{p.Name}})
	must(err)
	_, err = s.SaveIdentitySource(ctx, ada, s.project, "", 0, ldap("corp"), bindPassword("the source's secret"))
	must(err)
	_, err = s.SaveVariable(ctx, ada, s.project, "", 0, condition.Variable{Name: "stage", Type: condition.Header, HeaderName: "X-Stage"})
	must(err)
	_, err = s.SaveEnvironmentVariable(ctx, ada, "production", "", 0, "STAGE", "green")
	must(err)
	_, err = s.SaveErrorMessage(ctx, ada, 0, fault.Message{Type: fault.RoleMissing, Text: "Ask for the role."})
	must(err)
	return append(people(t, s, ada), "mia's secret phrase", "the source's secret")
}

// people does one of each write about who may do what.
func people(t *testing.T, s bench, ada models.Actor) []string {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	role, err := s.SaveProjectRole(ctx, ada, models.ProjectRole{Name: "Releaser", Permissions: models.Permissions{models.DeployAPIs}})
	must(err)
	_, err = s.SaveProjectMember(ctx, ada, s.project, models.ProjectMember{UserID: ada.UserID, Roles: []string{role.Name}}, models.AllPermissions())
	must(err)
	_, value, err := s.CreatePersonalToken(ctx, ada, models.PersonalToken{Name: "ci"})
	must(err)
	hold(t, s.SessionStore(), "session", ada.UserID)
	sessions, err := s.WebSessions(ctx, ada.UserID)
	must(err)
	must(s.EndWebSession(ctx, ada, ada.UserID, sessions[0].ID))
	return []string{value.Reveal()}
}

func TestEveryWriteIsAudited(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	everything(t, s)
	records, total, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 100})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(records)
	var got []string
	for _, r := range records {
		whole, err := s.AuditRecord(t.Context(), models.Everywhere, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %v %v", r.Actor, r.Action, r.Kind, r.Project, whole.Before != nil, whole.After != nil))
	}
	want := []string{
		"tester CREATED ENVIRONMENT  false true",
		"tester CREATED PROJECT Shop false true",
		"tester CREATED USER  false true",
		"ada SIGNED_IN USER  false false",
		"ada SIGN_IN_FAILED USER  false false",
		"ada PASSWORD_CHANGED USER  true true",
		"ada UPDATED USER  true true",
		"ada SIGNED_OUT USER  false false",
		"ada CREATED POLICY Shop false true",
		"ada UPDATED POLICY Shop true true",
		"ada UPDATED POLICY Shop true true",
		"ada CREATED PROXY Shop false true",
		"tester UPDATED PROXY Shop true true",
		"ada CREATED ENVIRONMENT_KEY  false true",
		"ada DEPLOYED PROXY Shop false true",
		"ada SECRET_ROTATED PROXY Shop true true",
		"ada UNDEPLOYED PROXY Shop true false",
		"ada UPDATED REVISION Shop true true",
		"ada UPDATED SETTINGS  true true",
		"ada REVOKED TOKENS  false true",
		"ada CREATED PROXY_GROUP Shop false true", "ada CREATED POLICY_GROUP Shop false true",
		"ada CREATED ENVIRONMENT_KEY  false true",
		"ada ROTATED ENVIRONMENT_KEY  true true",
		"ada RETIRED ENVIRONMENT_KEY  true true",
		"ada REVOKED ENVIRONMENT_KEY  true true",
		"ada CREATED ENVIRONMENT_KEY  false true",
		"ada ROTATED ENVIRONMENT_KEY  true true",
		"ada CREATED KEY_SCHEDULE  false true",
		"ada CREATED CREDENTIAL_ROLE Shop false true",
		"ada CREATED CREDENTIAL Shop false true",
		"ada CREATED CREDENTIAL_ACCESS Shop false true",
		"ada CREATED IDENTITY_SOURCE Shop false true",
		"ada CREATED VARIABLE Shop false true",
		"ada CREATED ENVIRONMENT_VARIABLE  false true",
		"ada CREATED ERROR_MESSAGE  false true",
		"ada CREATED PROJECT_ROLE  false true",
		"ada CREATED PROJECT_MEMBER Shop false true",
		"ada CREATED PERSONAL_TOKEN  false true",
		"ada REVOKED WEB_SESSION  false false",
		"ada DELETED PROXY Shop true false",
		"ada DELETED POLICY Shop true false",
	}
	if diff := cmp.Diff(want, got); diff != "" || total.Total != len(want) {
		t.Errorf("total %v; records (-want +got):\n%s", total, diff)
	}
	for _, action := range models.AuditActions() {
		if !slices.ContainsFunc(records, func(r models.AuditRecord) bool { return r.Action == action }) {
			t.Errorf("no record of %s", action)
		}
	}
	for _, kind := range models.AuditKinds() {
		if !slices.ContainsFunc(records, func(r models.AuditRecord) bool { return r.Kind == kind }) {
			t.Errorf("no record about %s", kind)
		}
	}
}

func TestAuditHoldsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Policy(t, s.Store, s.project, "P")
	if _, err := s.SetPolicyActive(t.Context(), by, s.project, p.ID, 1, false); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{PerPage: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.AuditRecord(t.Context(), models.Everywhere, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var before, after struct{ Active bool }
	if err := json.Unmarshal(r.Before, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(r.After, &after); err != nil {
		t.Fatal(err)
	}
	if !before.Active || after.Active || r.ObjectID != p.ID || r.ObjectName != "P" || time.Since(r.At) > time.Hour {
		t.Errorf("got %+v", r)
	}
	_, err = s.AuditRecord(t.Context(), models.Everywhere, 1_000_000)
	wantNotFound(t, err)
}

func TestARefusedWriteIsNotAudited(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Policy(t, s.Store, s.project, "P")
	_, before, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.SavePolicy(t.Context(), by, s.project, "", 0, modelstest.JWT("p"))
	wantProblem(t, err, "name")
	if _, after, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{}); err != nil || after != before {
		t.Errorf("%v records, had %v (%v)", after, before, err)
	}
}

func TestAttackAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	conn := connect(t, s.url)
	for _, sql := range []string{
		"update audit_records set actor = 'nobody'", "delete from audit_records", "truncate audit_records",
		"truncate audit_records cascade",
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestAuditFilter(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	everything(t, s)
	for _, tt := range []struct {
		name string
		f    models.AuditFilter
		want int
	}{
		{"action", models.AuditFilter{Action: models.ActionDeleted}, 2},
		{"kind", models.AuditFilter{Kind: models.KindKey}, 7},
		{"actor without case", models.AuditFilter{Actor: "TESTER"}, 4},
		{"project", models.AuditFilter{Project: "Shop", Kind: models.KindProject}, 1},
		{"object name, of a revision too", models.AuditFilter{Object: "oRDER"}, 8},
		{"correlation id", models.AuditFilter{Keyword: "corr-2"}, 1},
		{"from later on", models.AuditFilter{From: time.Now().Add(time.Hour)}, 0},
		{"to earlier", models.AuditFilter{To: time.Now().Add(-time.Hour)}, 0},
		{"within", models.AuditFilter{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Kind: models.KindKey}, 7},
		{"what cannot be held", models.AuditFilter{Keyword: "\x00", Object: "\x00", Actor: "\xff", Project: "\x00"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, total, err := s.Audit(t.Context(), models.Everywhere, tt.f)
			if err != nil || total.Total != tt.want || len(list) != tt.want {
				t.Errorf("got %d of %v, want %d (%v)", len(list), total, tt.want, err)
			}
		})
	}
}

// Whoever reads a dump of the database finds no secret in it (D18), in no
// table, audit included.
func TestAttackDumpHoldsNoSecret(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	secrets := everything(t, s)
	hold(t, s.SessionStore(), "hash-of-token", "")
	conn := connect(t, s.url)
	rows, err := conn.Query(t.Context(), "select table_name from information_schema.tables where table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) < 14 {
		t.Fatalf("only %d tables", len(tables))
	}
	for _, table := range tables {
		// As text, and as the hexadecimal that bytes are dumped as.
		dump := scalar[string](t, conn, "select coalesce(string_agg(t::text, E'\\n'), '') from "+table+" t")
		for i, value := range secrets {
			if strings.Contains(dump, value) || strings.Contains(dump, fmt.Sprintf("%x", value)) {
				t.Errorf("%s holds secret %d", table, i)
			}
		}
	}
}

func TestAttackAKeyMovedToAnotherRowDoesNotOpen(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), modelstest.Policy(t, s.Store, s.project, "P"))
	modelstest.Deploy(t, s.Store, p, "production")
	modelstest.Deploy(t, s.Store, p, "test")
	if _, err := connect(t, s.url).Exec(t.Context(), `update environment_keys k set material = o.material
		from environment_keys o where o.environment_id <> k.environment_id`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bundle(t.Context(), "production"); err == nil {
		t.Error("a key of another environment was accepted")
	}
}

// role makes a role of a project.
func (b bench) role(t *testing.T, projectID, name string) {
	t.Helper()
	if _, err := b.SaveRole(t.Context(), by, projectID, "", 0, name, "Does what it says"); err != nil {
		t.Fatal(err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Policy(t, s.Store, s.project, "my orders")
	modelstest.Proxy(t, s.Store, s.project, "Orders")
	modelstest.Proxy(t, s.Store, s.project, "pets", func(p *models.Owner) { p.Route.BasePath = "/orders/pets" })
	other := modelstest.Project(t, s.Store, "Other").ID
	modelstest.Proxy(t, s.Store, other, "order")
	s.role(t, s.project, "order-reader")
	s.role(t, other, "order-writer")
	got, err := s.Search(t.Context(), s.project, "ORDER", 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []models.Hit{
		{Kind: models.KindRole, Name: "order-reader", Project: "Shop", Path: "Does what it says"},
		{Kind: models.KindProxy, Name: "Orders", Project: "Shop", Path: "/Orders"},
		{Kind: models.KindPolicy, Name: "my orders", Project: "Shop", Path: jwtauth.TypeName},
		{Kind: models.KindProxy, Name: "pets", Project: "Shop", Path: "/orders/pets"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hits (-want +got):\n%s", diff)
	}
	for _, none := range []string{"", "  ", "%", "\x00"} {
		if got, err := s.Search(t.Context(), s.project, none, 10); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", none, got, err)
		}
	}
}
