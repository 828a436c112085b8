package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

func saveValue(t *testing.T, site *handlerstest.Site, id string, version int, name, value string) models.EnvironmentVariable {
	t.Helper()
	v, err := site.Store.SaveEnvironmentVariable(t.Context(), models.Actor{Name: "grace"}, "production", id, version, name, value)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func valuesOf(t *testing.T, site *handlerstest.Site) map[string]string {
	t.Helper()
	all, err := site.Store.EnvironmentVariables(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, v := range all {
		values[v.Name] = v.Value
	}
	return values
}

func TestEnvironmentVariablesAreAddedEditedAndDeleted(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	list := v.Get(t, link.EnvironmentVariables("production"))
	wantText(t, list.One(t, "main"), "No place for secrets: values are shown and audited.")
	wantText(t, list.One(t, `nav#side-menu a[aria-current="page"]`), "Environment Variables")

	answer := v.Submit(t, v.Get(t, list.One(t, "main a.Button--primary").Attr("href")), variableForm, url.Values{
		"name": {" NETWORKS "}, "value": {"10.0.0.0/8\r\n<script>alert(1)</script>"},
	})
	wantStatus(t, answer, http.StatusSeeOther)
	list = v.Follow(t, answer)
	wantText(t, list.One(t, "tbody tr"), "10.0.0.0/8")
	htmlcheck.Sound(t, list.Node)
	if strings.Contains(list.Body, "<script>alert") {
		t.Error("the list runs a value")
	}

	edit := v.Get(t, list.One(t, "tbody th a").Attr("href"))
	htmlcheck.Sound(t, edit.Node)
	wantStatus(t, v.Submit(t, edit, variableForm, url.Values{"value": {"127.0.0.1"}}), http.StatusSeeOther)
	if diff := cmp.Diff(map[string]string{"NETWORKS": "127.0.0.1"}, valuesOf(t, site)); diff != "" {
		t.Error(diff)
	}

	ask := v.Get(t, v.Get(t, link.EnvironmentVariables("production")).One(t, `tbody a[href$="/delete"]`).Attr("href"))
	htmlcheck.Sound(t, ask.Node)
	wantStatus(t, v.Submit(t, ask, "form.Confirm", nil), http.StatusSeeOther)
	if got := valuesOf(t, site); len(got) != 0 {
		t.Errorf("after the deletion: %v", got)
	}
}

func TestAVariableThatTheErrorCatalogueNamesSaysThatItActsAtOnce(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	help := saveValue(t, site, "", 0, "HELP", "help@example.com")
	saveValue(t, site, "", 0, "OTHER", "x")
	m := fault.Message{Type: fault.RoleMissing, Template: fault.Template{Build: true, Text: "Ask ${HELP}.", ContentType: "text/plain"}}
	if _, err := site.Store.SaveErrorMessage(t.Context(), modelstest.By(), 0, m); err != nil {
		t.Fatal(err)
	}
	ask := v.Get(t, link.EnvironmentVariableDelete("production", help.ID))
	htmlcheck.Sound(t, ask.Node)
	wantText(t, ask.One(t, "form.Confirm"), "1 message of the error catalogue loses it at once: POLICY_ROLE_GROUP_BASED_ACCESS")
	saved := v.Submit(t, v.Get(t, link.EnvironmentVariableEdit("production", help.ID)), variableForm, url.Values{"value": {"it@example.com"}})
	wantText(t, v.Follow(t, saved).One(t, "[data-toasts]"), "HELP was saved. The error catalogue uses it at once.")
}

func TestARefusedEnvironmentVariableSaysEverythingAndLosesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveValue(t, site, "", 0, "TAKEN", "1")
	other := saveValue(t, site, "", 0, "OTHER", "2")
	for _, path := range []string{link.NewEnvironmentVariable("production"), link.EnvironmentVariableEdit("production", other.ID)} {
		for name, why := range map[string]string{"TAKEN": "has a variable of this name", "1ST": "beginning with no digit", "": "Use letters"} {
			typed := url.Values{"name": {name}, "value": {strings.Repeat("x", 4097)}}
			p := v.Submit(t, v.Get(t, path), variableForm, typed)
			wantStatus(t, p, http.StatusUnprocessableEntity)
			if diff := cmp.Diff([]string{"Name", "Value"}, p.Texts(".Problems a")); diff != "" {
				t.Errorf("%s %q: %s", path, name, diff)
			}
			wantText(t, p.One(t, ".Problems"), why)
			fields := handlerstest.Fields(p.One(t, variableForm))
			if fields.Get("name") != name || len(fields.Get("value")) != 4097 || p.One(t, "[autofocus]").Attr("name") != "name" {
				t.Errorf("%s %q: the form came back otherwise", path, name)
			}
		}
	}
	for query, want := range map[string]string{"?name=NEW": "Available", "?name=TAKEN": "has a variable", "?name=taken": "Available", "?name=OTHER&except=" + other.ID: "Available"} {
		wantText(t, v.Get(t, link.CheckEnvironmentVariableName("production")+query).One(t, ".Check"), want)
	}
}

func TestAStaleEnvironmentVariableShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saved := saveValue(t, site, "", 0, "HOST", "old")
	edit := link.EnvironmentVariableEdit("production", saved.ID)
	p, ask := v.Get(t, edit), v.Get(t, link.EnvironmentVariableDelete("production", saved.ID))
	saveValue(t, site, saved.ID, 1, "HOST", "theirs")
	both := v.Submit(t, p, variableForm, url.Values{"value": {"mine"}})
	wantStatus(t, both, http.StatusConflict)
	if diff := cmp.Diff([]string{"Value theirs mine"}, both.Texts("[data-problems] tbody tr")); diff != "" {
		t.Error(diff)
	}
	kept := v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, kept, http.StatusConflict)
	wantText(t, kept.One(t, "form.Confirm"), "changed by grace")
	wantStatus(t, v.Submit(t, both, variableForm, nil), http.StatusSeeOther)

	p = v.Get(t, edit)
	if err := site.Store.DeleteEnvironmentVariable(t.Context(), modelstest.By(), "production", saved.ID, 3); err != nil {
		t.Fatal(err)
	}
	gone := v.Submit(t, p, variableForm, url.Values{"value": {"again"}})
	wantStatus(t, gone, http.StatusConflict)
	wantText(t, gone.One(t, "[data-problems]"), "was deleted")
	wantStatus(t, v.Submit(t, gone, variableForm, nil), http.StatusSeeOther)
	if got := valuesOf(t, site)["HOST"]; got != "again" {
		t.Errorf("added again with %q", got)
	}
}

func TestTheEnvironmentOnTopIsThatOfThePage(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Environment(t, site.Store, "test")
	saveValue(t, site, "", 0, "HOST", "of production")
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Get(t, link.EnvironmentVariables("test"))
	wantText(t, p.One(t, "main"), "No variable in test yet")
	if !p.Has(`input[name="return"][value="` + link.EnvironmentVariables("production") + `"]`) {
		t.Error("the chooser does not lead to the other environment")
	}
	found := v.Get(t, "/palette?q=environment%20var&project=Default")
	if !strings.Contains(found.Body, link.EnvironmentVariables("production")) {
		t.Errorf("the palette finds %s", found.Body)
	}
}

// ATTACK: forms that somebody wrote themselves, without the id of a page of ours
// or with that of another environment, change nothing.
func TestAttackAnEnvironmentVariableIsChangedOnlyWhereItIs(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Environment(t, site.Store, "test")
	saved := saveValue(t, site, "", 0, "HOST", "kept")
	v := site.SignIn(t, handlerstest.Administrator)
	form := url.Values{"name": {"HOST"}, "value": {"evil"}}
	edit, remove := link.EnvironmentVariableEdit("production", saved.ID), link.EnvironmentVariableDelete("production", saved.ID)
	wantStatus(t, v.Post(t, edit, form), http.StatusNotFound)
	wantStatus(t, v.Post(t, remove, form), http.StatusNotFound)
	form.Set("variableId", saved.ID)
	form.Set("version", "1")
	wantStatus(t, v.Post(t, link.EnvironmentVariableDelete("test", saved.ID), form), http.StatusNotFound)
	if p := v.Post(t, link.EnvironmentVariableEdit("test", saved.ID), form); p.Status < 400 {
		t.Errorf("from another environment: %d", p.Status)
	}
	if diff := cmp.Diff(map[string]string{"HOST": "kept"}, valuesOf(t, site)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAuditorSeesEnvironmentVariablesAndChangesNone(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	saved := saveValue(t, site, "", 0, "HOST", "shown")
	v := site.SignIn(t, handlerstest.Auditor)
	p := v.Get(t, link.EnvironmentVariables("production"))
	wantText(t, p.One(t, "tbody"), "shown")
	if p.Has("main a.Button") || p.Has("tbody a") {
		t.Error("an auditor is offered a change")
	}
	form := url.Values{"variableId": {saved.ID}, "version": {"1"}, "name": {"HOST"}, "value": {"evil"}}
	for _, path := range []string{
		link.NewEnvironmentVariable("production"), link.EnvironmentVariableEdit("production", saved.ID), link.EnvironmentVariableDelete("production", saved.ID),
	} {
		wantStatus(t, v.Get(t, path), http.StatusForbidden)
		wantStatus(t, v.Post(t, path, form), http.StatusForbidden)
	}
	if diff := cmp.Diff(map[string]string{"HOST": "shown"}, valuesOf(t, site)); diff != "" {
		t.Error(diff)
	}
}
