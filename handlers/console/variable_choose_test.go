package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

const chooserForm = "form[data-variable-form]"

func TestARuleLeadsToTheVariablesOnBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Submit(t, v.Get(t, link.NewPolicy("Default", jwtauth.TypeName)), "#policy-form", url.Values{"change": {"condition.add-rule"}})
	if form.Has("[data-variables]") {
		t.Error("a rule on a header leads to variables")
	}
	form = v.Submit(t, form, "#policy-form", url.Values{
		"condition.0.first": {"VARIABLE"}, "condition.0.source": {"VARIABLE"}, "condition.0.second": {"VARIABLE"}, "change": {"condition.add-rule"},
	})
	buttons := form.All("[data-variables]")
	if len(buttons) != 2 {
		t.Fatalf("%d buttons", len(buttons))
	}
	for i, side := range []string{"first", "second"} {
		b := buttons[i]
		if got, want := b.Attr("data-into"), form.One(t, `[name="condition.0.`+side+`.text"]`).Attr("id"); got != want {
			t.Errorf("fills in %s, want %s", got, want)
		}
		wantStatus(t, v.HTMX().Get(t, b.Attr("data-variables")), http.StatusOK)
	}
	if got := buttons[1].Attr("aria-label"); got != "Choose the second variable of rule 1" {
		t.Error(got)
	}
	for _, l := range form.All("noscript a") {
		if l.Attr("href") != link.Variables("Default") || l.Attr("target") != "_blank" {
			t.Errorf("without a script it leads to %s", l.HTML())
		}
	}
}

func TestARuleOfAnErrorMessageLeadsToTheVariablesToo(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	saveVariable(t, site, "", 0, "stage", "X-Stage")
	rule := headerEquals("", "production")
	rule.First = &condition.Variable{Name: "stage"}
	modelstest.Policy(t, site.Store, site.Project.ID, "worded", func(c *jwtauth.Config) {
		c.Custom.Messages = []fault.Message{{Type: fault.CredentialExpired, Rules: []fault.Rule{{Name: "ours", Text: "gone", ContentType: "text/plain", Condition: condition.Condition{Rules: []condition.Rule{rule}}}}}}
	})
	form := site.SignIn(t, handlerstest.Administrator).Get(t, link.PolicyEdit("Default", jwtauth.TypeName, "worded"))
	into := form.One(t, "[data-variables]").Attr("data-into")
	if got := form.One(t, "#"+into).Attr("value"); got != "stage" {
		t.Errorf("fills in %s, which holds %q", into, got)
	}
}

func TestVariablesAreSearchedToChooseOne(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for i := range 60 {
		saveVariable(t, site, "", 0, fmt.Sprintf("stage-%02d", i), fmt.Sprintf("X-Stage-%d", i))
	}
	length := condition.Variable{Name: "length <b>", Description: "Of the body.", Type: condition.Context, ContextValue: "REQUEST_CONTENT_LENGTH"}
	if _, err := site.Store.SaveVariable(t.Context(), modelstest.By(), site.Project.ID, "", 0, length); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator).HTMX()
	ask := func(q string) handlerstest.Page {
		t.Helper()
		p := v.Get(t, link.ChooseVariable("Default")+"?"+url.Values{"q": {q}}.Encode())
		wantStatus(t, p, http.StatusOK)
		return p
	}
	all := ask("")
	if n := len(all.All("[data-variable]")); n != 50 {
		t.Errorf("%d are listed", n)
	}
	wantText(t, all.One(t, "#variable-found"), "The first 50 of 61. Go on typing to find the others.")
	if all.Has("nav") {
		t.Error("the whole page came")
	}
	one := ask("LENGTH <")
	row := one.One(t, "#variable-choices tbody tr")
	if got := one.Texts("#variable-choices tbody td"); !slices.Equal(got, []string{"Context value", "Content length"}) {
		t.Error(got)
	}
	if got := row.One(t, "button").Attr("data-type"); got != "NUMERIC" {
		t.Errorf("suits %q", got)
	}
	stage := ask("x-stage-7")
	if got := stage.Texts("[data-variable]"); !slices.Equal(got, []string{"stage-07"}) {
		t.Error(got)
	}
	if got := stage.One(t, "[data-variable]").Attr("data-type"); got != "" {
		t.Errorf("a header suits %q alone", got)
	}
	wantText(t, ask("no such").One(t, "#variable-found"), "No variable matches.")
}

// Whoever may look may see which variables there are, and make none.
func TestAnAuditorIsOfferedNoNewVariable(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	list := site.SignIn(t, handlerstest.Auditor).HTMX().Get(t, link.ChooseVariable("Default"))
	wantStatus(t, list, http.StatusOK)
	wantText(t, list.One(t, "#variable-found"), "The project has no variable yet.")
	if strings.Contains(list.Text(), "New variable") {
		t.Error("an auditor is offered a new variable")
	}
	site.SignIn(t, handlerstest.Administrator).HTMX().Get(t, link.ChooseVariable("Default")).One(t, `[hx-get="`+link.NewChosenVariable("Default")+`"]`)
}

func TestAVariableIsMadeBesideTheRule(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	saveVariable(t, site, "", 0, "Stage", "X-Stage")
	v := site.SignIn(t, handlerstest.Administrator).HTMX()
	form := v.Get(t, link.NewChosenVariable("Default")+"?q=stage")
	if got := form.One(t, "[name=name]").Attr("value"); got != "stage" {
		t.Errorf("what was searched for is not the name: %q", got)
	}

	t.Run("everything wrong is said at once and nothing typed is lost", func(t *testing.T) {
		wrong := v.Submit(t, form, chooserForm, url.Values{"kind": {"PATH"}, "paramName": {"id"}, "paramPath": {"orders"}, "zoneId": {"Mars/Base"}, "description": {"kept"}})
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		want := []string{"Name", "Path template", "Time zone"}
		if got := wrong.Texts("[data-problems] a"); !slices.Equal(got, want) {
			t.Errorf("names %q", got)
		}
		for _, l := range wrong.All("[data-problems] a") {
			wrong.One(t, l.Attr("href"))
		}
		if !wrong.One(t, "[name=name]").HasAttr("autofocus") || wrong.One(t, "[name=paramPath]").Attr("value") != "orders" || wrong.One(t, "[name=description]").Text() != "kept" {
			t.Error(wrong.One(t, chooserForm).HTML())
		}
	})

	t.Run("its controls have no id of the form behind", func(t *testing.T) {
		behind := v.Get(t, link.NewPolicy("Default", jwtauth.TypeName))
		for _, control := range form.All("[id]") {
			if behind.Has("#" + control.Attr("id")) {
				t.Errorf("%s is there twice", control.Attr("id"))
			}
		}
	})

	t.Run("and is said to the rule once it is saved", func(t *testing.T) {
		made := v.Submit(t, form, chooserForm, url.Values{"name": {"amount"}, "kind": {"JSON"}, "jsonPathValue": {"$.amount"}})
		wantStatus(t, made, http.StatusOK)
		if got := made.One(t, "[data-variable-chosen]").Attr("data-variable-chosen"); got != "amount" {
			t.Error(got)
		}
		if got := variableNamed(t, site, "amount").Definition.JSONPath; got != "$.amount" {
			t.Error(got)
		}
	})
}
