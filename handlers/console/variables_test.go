package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/variables"
)

const variableForm = "form#" + variables.FormID

func saveVariable(t *testing.T, site *handlerstest.Site, id string, version int, name, header string) models.Variable {
	t.Helper()
	v, err := site.Store.SaveVariable(t.Context(), models.Actor{Name: "grace"}, site.Project.ID, id, version,
		condition.Variable{Name: name, Type: condition.Header, HeaderName: header})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func variableNamed(t *testing.T, site *handlerstest.Site, name string) models.Variable {
	t.Helper()
	v, err := site.Store.Variable(t.Context(), site.Project.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// referring is a policy whose condition refers to a variable.
func referring(t *testing.T, site *handlerstest.Site, policy, variable string) {
	t.Helper()
	modelstest.Policy(t, site.Store, site.Project.ID, policy, func(c *jwtauth.Config) {
		c.Condition = condition.Condition{Rules: []condition.Rule{{
			Criteria: condition.Value, First: &condition.Variable{Name: variable}, Operator: "EQ", DataType: condition.String,
			Source: condition.FromValue, SecondValue: "production",
		}}}
	})
}

func TestVariablesBeginWithOneActionAndSuggestions(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Get(t, link.Variables("Default"))
	if got := p.One(t, "main a.Button--primary").Attr("href"); got != link.NewVariable("Default") {
		t.Errorf("leads to %q", got)
	}
	wantText(t, p.One(t, `nav a[aria-current="page"]`), "Variables")
	suggested := p.All(".EmptyState a[aria-label]")
	if len(suggested) != 3 {
		t.Fatalf("%d suggestions", len(suggested))
	}
	for _, s := range suggested {
		wantStatus(t, v.Submit(t, v.Get(t, s.Attr("href")), variableForm, nil), http.StatusSeeOther)
	}
	var words []string
	all, err := site.Store.Variables(t.Context(), site.Project.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		words = append(words, v.Definition.Words())
	}
	if diff := cmp.Diff([]string{"client address", "header X-Environment", "path"}, words); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKindOfVariableIsCreatedEditedAndListed(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	tests := []struct {
		kind  string
		typed map[string]string
		want  condition.Variable
	}{
		{"HEADER", map[string]string{"headerName": " X-Stage ", "zoneId": "Europe/Istanbul"}, condition.Variable{Type: condition.Header, HeaderName: "X-Stage", ZoneID: "Europe/Istanbul"}},
		{"QUERY", map[string]string{"paramName": "page"}, condition.Variable{Type: condition.Parameter, ParamType: condition.Query, ParamName: "page"}},
		{"PATH", map[string]string{"paramName": "id", "paramPath": "/orders/{id}"}, condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "/orders/{id}"}},
		{"FORM", map[string]string{"paramName": "user", "paramPath": "/not/counted"}, condition.Variable{Type: condition.Parameter, ParamType: condition.Form, ParamName: "user"}},
		{"JSON", map[string]string{"jsonPathValue": "$.a"}, condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.a"}},
		{"XML", map[string]string{"xpathValue": "/a/b"}, condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a/b"}},
		{"ALL_BODY", nil, condition.Variable{Type: condition.Body, ContentType: condition.AllBody}},
		{"CONTEXT_VALUES", map[string]string{"contextValue": "DATETIME_HOUR", "zoneId": "Asia/Tokyo"}, condition.Variable{Type: condition.Context, ContextValue: "DATETIME_HOUR", ZoneID: "Asia/Tokyo"}},
		{"CONTEXT_VALUES", map[string]string{"contextValue": "REQUEST_HTTP_METHOD", "zoneId": "hidden and wrong"}, condition.Variable{Type: condition.Context, ContextValue: "REQUEST_HTTP_METHOD"}},
	}
	for _, tt := range tests {
		name := strings.ToLower(tt.kind) + tt.typed["contextValue"]
		values := url.Values{"name": {name}, "kind": {tt.kind}}
		for field, value := range tt.typed {
			values.Set(field, value)
		}
		answer := v.Submit(t, v.Get(t, link.NewVariable("Default")), variableForm, values)
		wantStatus(t, answer, http.StatusSeeOther)
		wantText(t, v.Follow(t, answer).One(t, "main"), tt.want.Words())

		// A save of the form as it comes leaves the variable as it is.
		answer = v.Submit(t, v.Get(t, link.VariableEdit("Default", name)), variableForm, url.Values{"description": {"two\r\nlines"}})
		wantStatus(t, answer, http.StatusSeeOther)
		tt.want.Name, tt.want.Description = name, "two\nlines"
		if diff := cmp.Diff(tt.want, variableNamed(t, site, name).Definition); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestARefusedVariableSaysEverythingAndLosesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveVariable(t, site, "", 0, "Stage", "X-Stage")
	typed := url.Values{
		"name": {"STAGE"}, "kind": {"PATH"}, "paramName": {"id"}, "paramPath": {"orders"}, "zoneId": {"Mars/Base"},
		"headerName": {"X-Kept"}, "jsonPathValue": {"$.kept"}, "xpathValue": {"/kept"}, "contextValue": {"DATETIME_HOUR"}, "description": {"<script>alert(1)</script>"},
	}
	for how, v := range map[string]*handlerstest.Visitor{"plain": v, "htmx": v.HTMX()} {
		p := v.Submit(t, v.Get(t, link.NewVariable("Default")), variableForm, typed)
		wantStatus(t, p, http.StatusUnprocessableEntity)
		if diff := cmp.Diff([]string{"Name", "Path template", "Time zone"}, p.Texts(".Problems a")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", how, diff)
		}
		if got := p.One(t, variableForm+" [autofocus]").Attr("name"); got != "name" {
			t.Errorf("%s: the focus is on %q", how, got)
		}
		if diff := cmp.Diff(typed, handlerstest.Fields(p.One(t, variableForm))); diff != "" {
			t.Errorf("%s: what was typed came back otherwise (-want +got):\n%s", how, diff)
		}
		htmlcheck.Sound(t, p.Node)
	}
	p := v.Submit(t, v.Get(t, link.NewVariable("Default")), variableForm, url.Values{"kind": {"CUSTOM"}})
	if diff := cmp.Diff([]string{"Name", "Where the value stands"}, p.Texts(".Problems a")); diff != "" {
		t.Error(diff)
	}
}

func TestTheFieldsOfTheChosenKindAreShown(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for query, want := range map[string][]string{
		"":             {"headerName", "zoneId"},
		"?kind=PATH":   {"paramName", "paramPath", "zoneId"},
		"?kind=JSON":   {"jsonPathValue", "zoneId"},
		"?kind=nobody": {"zoneId"},
		"?kind=CONTEXT_VALUES&contextValue=CLIENT_COUNTRY": {"contextValue"},
		"?kind=CONTEXT_VALUES&contextValue=DATETIME_HOUR":  {"contextValue", "zoneId"},
	} {
		var got []string
		for _, block := range v.Get(t, link.NewVariable("Default")+query).All(".Depends") {
			if !block.HasAttr("data-off") {
				got = append(got, block.One(t, "[name]").Attr("name"))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

func TestVariableNamesAreChecked(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saved := saveVariable(t, site, "", 0, "Ölçüm", "X")
	for query, want := range map[string]string{
		"?name=other": "Available", "?name=%C3%B6l%C3%A7%C3%BCm": "taken", "?name=": "name",
		"?name=%C3%96l%C3%A7%C3%BCm&except=" + saved.ID: "Available",
	} {
		wantText(t, v.Get(t, link.CheckVariableName("Default")+query).One(t, ".Check"), want)
	}
}

func TestAStaleVariableShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saved := saveVariable(t, site, "", 0, "stage", "X-Old")
	p := v.Get(t, link.VariableEdit("Default", "stage"))
	saveVariable(t, site, saved.ID, 1, "renamed <b>", "X-Theirs")
	both := v.Submit(t, p, variableForm, url.Values{"headerName": {"X-Mine"}})
	wantStatus(t, both, http.StatusConflict)
	panel := both.One(t, "[data-problems]")
	for _, want := range []string{"was changed by grace", "header X-Theirs", "header X-Mine", "renamed <b>"} {
		wantText(t, panel, want)
	}
	if got := v.Get(t, panel.One(t, "a[data-discard]").Attr("href")).One(t, "input[name=headerName]").Attr("value"); got != "X-Theirs" {
		t.Errorf("discarding shows %q", got)
	}
	wantStatus(t, v.Submit(t, both, variableForm, nil), http.StatusSeeOther)
	if got := variableNamed(t, site, "stage").Definition.HeaderName; got != "X-Mine" {
		t.Errorf("after keeping mine: %q", got)
	}
}

func TestAVariableDeletedUnderItsFormCanBeCreatedAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saved := saveVariable(t, site, "", 0, "stage", "X-Old")
	p, ask := v.Get(t, link.VariableEdit("Default", "stage")), v.Get(t, link.VariableDelete("Default", "stage"))
	if err := site.Store.DeleteVariable(t.Context(), modelstest.By(), site.Project.ID, saved.ID, 1); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, v.Submit(t, ask, "form.Confirm", nil), http.StatusNotFound)
	gone := v.Submit(t, p, variableForm, url.Values{"headerName": {"X-Mine"}})
	wantStatus(t, gone, http.StatusConflict)
	wantText(t, gone.One(t, "[data-problems]"), "was deleted")
	wantStatus(t, v.Submit(t, gone, variableForm, nil), http.StatusSeeOther)
	if got := variableNamed(t, site, "stage").Definition.HeaderName; got != "X-Mine" {
		t.Errorf("created again with %q", got)
	}
}

func TestDeleteVariable(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saved := saveVariable(t, site, "", 0, "stage", "X-Old")
	ask := v.Get(t, link.VariableDelete("Default", "stage"))
	saveVariable(t, site, saved.ID, 1, "stage", "X-New")
	stale := v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, stale, http.StatusConflict)
	wantText(t, stale.One(t, "form.Confirm"), "changed by grace")
	answer := v.Submit(t, stale, "form.Confirm", nil)
	wantStatus(t, answer, http.StatusSeeOther)
	wantText(t, v.Follow(t, answer).One(t, "main"), "No variable yet")
}

func TestAVariableInUseStaysAndSaysWhy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saveVariable(t, site, "", 0, "stage", "X-Stage")
	ask := v.Get(t, link.VariableDelete("Default", "stage"))
	for _, policy := range []string{"Guarded <b>", "Öfke"} {
		referring(t, site, policy, "STAGE")
	}
	row := v.Get(t, link.Variables("Default")).One(t, "tbody tr")
	wantText(t, row, "2 policies")
	wantText(t, row, "Guarded <b>, Öfke")
	refused := v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	for _, p := range []handlerstest.Page{refused, v.Get(t, link.VariableDelete("Default", "stage"))} {
		if diff := cmp.Diff([]string{"Guarded <b>", "Öfke"}, p.Texts("[data-dialog-content] li")); diff != "" {
			t.Error(diff)
		}
	}
	edit := v.Get(t, link.VariableEdit("Default", "stage"))
	wantText(t, edit.One(t, "aside"), "2 policies refer to it")
	renamed := v.Submit(t, edit, variableForm, url.Values{"name": {"other"}})
	wantStatus(t, renamed, http.StatusUnprocessableEntity)
	wantText(t, renamed.One(t, ".Problems"), "policies refer to it")
	wantStatus(t, v.Submit(t, renamed, variableForm, url.Values{"name": {"stage"}, "headerName": {"X-Other"}}), http.StatusSeeOther)
}

func TestVariablesAreSearchedAndPaged(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	long := strings.Repeat("ğ", 255)
	for name, header := range map[string]string{"stage": "X-One", "<script>alert(1)": "X-Two", long: "X-Three", "50%": "X-Four"} {
		saveVariable(t, site, "", 0, name, header)
	}
	for query, want := range map[string]string{"?q=STAG": "stage", "?q=x-three": long, "?q=%25": "50%", "?q=script&page=1": "<script>alert(1)"} {
		p := v.Get(t, link.Variables("Default")+query)
		if diff := cmp.Diff([]string{want}, listOf(t, p)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		wantStatus(t, v.Get(t, p.One(t, "tbody th a").Attr("href")), http.StatusOK)
	}
	wantText(t, v.Get(t, link.Variables("Default")+"?q=nothing").One(t, ".EmptyState"), "No variable matches")
	for _, page := range []string{"-1", "0", "x"} {
		if got := len(listOf(t, v.Get(t, link.Variables("Default")+"?page="+page))); got != 4 {
			t.Errorf("page %s lists %d", page, got)
		}
	}
	for _, page := range []string{"9", "9223372036854775807"} {
		wantStatus(t, v.Get(t, link.Variables("Default")+"?page="+page), http.StatusOK)
	}
	for i := range 47 {
		saveVariable(t, site, "", 0, fmt.Sprintf("zz%02d", i), "X")
	}
	if got := listOf(t, v.Get(t, link.Variables("Default")+"?page=2")); len(got) != 1 {
		t.Errorf("the second page lists %v", got)
	}
	found := v.Get(t, "/palette?q=stage&project=Default")
	if !strings.Contains(found.Body, `"kind":"Variable"`) || !strings.Contains(found.Body, link.Variables("Default")+"?q=stage") {
		t.Errorf("the palette finds %s", found.Body)
	}
	for _, name := range []string{"", "<script>alert(1)", long} {
		path := link.Variables("Default")
		if name != "" {
			path = link.VariableEdit("Default", name)
		}
		p := v.Get(t, path)
		wantStatus(t, p, http.StatusOK)
		htmlcheck.Sound(t, p.Node)
		if strings.Contains(p.Body, "<script>alert") {
			t.Errorf("%s runs a name", path)
		}
	}
}

// ATTACK: a form that somebody wrote themselves, without the id of a page of
// ours or with that of another project, changes nothing.
func TestAttackAVariableIsChangedOnlyAsItWasRead(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	saved := saveVariable(t, site, "", 0, "stage", "X-Stage")
	other := modelstest.Project(t, site.Store, "Other")
	form := url.Values{"name": {"mine"}, "kind": {"ALL_BODY"}}
	wantStatus(t, v.Post(t, link.VariableEdit("Default", "stage"), form), http.StatusNotFound)
	wantStatus(t, v.Post(t, link.VariableDelete("Default", "stage"), form), http.StatusNotFound)
	form.Set("variableId", saved.ID)
	form.Set("version", "1")
	if p := v.Post(t, link.VariableEdit(other.Name, "stage"), form); p.Status != http.StatusConflict && p.Status != http.StatusNotFound {
		t.Errorf("from another project: %d", p.Status)
	}
	if got := variableNamed(t, site, "stage"); got.Version != 1 {
		t.Errorf("changed to %+v", got)
	}
}

func TestAnAuditorSeesVariablesAndChangesNone(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	saved := saveVariable(t, site, "", 0, "stage", "X-Stage")
	v := site.SignIn(t, handlerstest.Auditor)
	p := v.Get(t, link.Variables("Default"))
	wantText(t, p.One(t, "tbody"), "header X-Stage")
	if p.Has("main a.Button") || p.Has("tbody a") || p.Has("tbody button") {
		t.Error("an auditor is offered a change")
	}
	form := url.Values{"variableId": {saved.ID}, "version": {"1"}, "name": {"x"}, "kind": {"ALL_BODY"}}
	for _, path := range []string{link.NewVariable("Default"), link.VariableEdit("Default", "stage"), link.VariableDelete("Default", "stage")} {
		wantStatus(t, v.Get(t, path), http.StatusForbidden)
		wantStatus(t, v.Post(t, path, form), http.StatusForbidden)
	}
	wantStatus(t, site.Visitor(t).Post(t, link.NewVariable("Default"), form), http.StatusUnauthorized)
	if all, err := site.Store.Variables(t.Context(), site.Project.ID); err != nil || len(all) != 1 || all[0].Version != 1 {
		t.Errorf("there are %+v, %v", all, err)
	}
}

func TestVariablesThatAreNotThere(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for _, path := range []string{
		link.Variables("Nowhere"), link.NewVariable("Nowhere"), link.VariableEdit("Default", "nobody"), link.VariableDelete("Default", "nobody"),
		link.VariableEdit("Default", "a\x00b"), link.EnvironmentVariables("nowhere"), link.EnvironmentVariableEdit("production", "nobody"),
		link.EnvironmentVariableDelete("production", "nobody"), link.CheckEnvironmentVariableName("nowhere"),
	} {
		wantStatus(t, v.Get(t, path), http.StatusNotFound)
	}
}
