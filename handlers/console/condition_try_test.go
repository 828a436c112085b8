package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

const trialForm = "form#condition-trial"

func headerEquals(name, value string) condition.Rule {
	return condition.Rule{
		Criteria: condition.Value, First: &condition.Variable{Type: condition.Header, HeaderName: name}, Operator: "EQ", DataType: condition.String,
		Source: condition.FromValue, SecondValue: value,
	}
}

// The rules are drawn for reading: whoever may only look sees which of them a
// request meets, and with which values.
func TestAnAuditorTriesTheConditionOfASavedPolicy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	saved := modelstest.Policy(t, site.Store, site.Project.ID, "guarded", func(c *jwtauth.Config) {
		c.Condition = condition.Condition{Rules: []condition.Rule{
			{Criteria: condition.Or, Rules: []condition.Rule{headerEquals("X-Environment", "production"), headerEquals("Authorization", "Bearer t0p")}},
		}}
	})
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Policy("Default", jwtauth.TypeName, "guarded"))
	form := page.One(t, trialForm)
	if form.Attr("method") != "post" || form.Attr("action") != link.Policy("Default", jwtauth.TypeName, "guarded") {
		t.Error("what is pasted could come into an address")
	}
	if got := page.Texts(trialForm + " .Rule-words"); !slices.Equal(got, []string{`header X-Environment equals "production"`, `header Authorization equals "Bearer t0p"`}) {
		t.Error(got)
	}
	if page.Has(trialForm+" .Light") || page.Has(`[name^="condition."]`) {
		t.Error("a page that was only opened shows a result, or rules to edit")
	}
	curl := "curl -H 'X-Environment: staging' -H 'Authorization: Bearer t0p' https://api.example.com/orders"
	tried := v.Submit(t, page, trialForm, url.Values{"sample.curl": {curl}, "condition.0.kind": {"rule"}, "condition.0.first": {"HEADER"}, "active": {"false"}})
	wantStatus(t, tried, http.StatusOK)
	if got := tried.Texts(trialForm + " .Rule .Light"); !slices.Equal(got, []string{`False saw "staging"`, `True saw "Bearer t0p"`}) {
		t.Error(got)
	}
	wantText(t, tried.One(t, trialForm+" .Tester-verdict"), "Met: the policy applies to this request.")
	if got := policyNamed(t, site, "guarded"); got.Version != saved.Version || !got.Active {
		t.Errorf("version %d became %d", saved.Version, got.Version)
	}

	t.Run("and is told what is wrong with the request", func(t *testing.T) {
		wrong := v.Submit(t, tried, trialForm, url.Values{"sample.headers": {"no colon"}})
		wantStatus(t, wrong, http.StatusOK)
		if got := wrong.One(t, `[name="sample.headers"]`); got.Text() != "no colon" || got.Attr("aria-invalid") != "true" {
			t.Error(got.HTML())
		}
	})
	t.Run("but not where there is no condition", func(t *testing.T) {
		modelstest.Policy(t, site.Store, site.Project.ID, "open")
		if v.Get(t, link.Policy("Default", jwtauth.TypeName, "open")).Has(trialForm) {
			t.Error("there is nothing to try")
		}
	})
}

func TestTheConditionOfABoundPolicyIsTriedWhereItIsRead(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	page := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy(jwtauth.TypeName)+"?pipeline=REQUEST")
	page = w.v.Submit(t, page, "#policy-form", url.Values{"name": {"own"}, "change": {"condition.add-rule"}})
	wantStatus(t, w.v.Submit(t, page, "#policy-form", url.Values{"condition.0.first.text": {"X-A"}, "condition.0.operator": {"IS_EXISTS"}}), http.StatusSeeOther)
	view := w.v.Get(t, link.Proxy("Default", "orders").Binding(w.reload(t).Bindings[0].ID))
	tried := w.v.Submit(t, view, trialForm, url.Values{"sample.headers": {"X-A: b"}})
	wantStatus(t, tried, http.StatusOK)
	if got := tried.Texts(trialForm + " .Rule .Light"); !slices.Equal(got, []string{`True saw "b"`}) {
		t.Error(got)
	}
}

// inEnvironments is a policy of a rule that each environment has its own value
// for.
func inEnvironments(t *testing.T, site *handlerstest.Site) {
	t.Helper()
	for environment, value := range map[string]string{"production": "live", "test": "try"} {
		if environment == "test" {
			modelstest.Environment(t, site.Store, "test")
		}
		if _, err := site.Store.SaveEnvironmentVariable(t.Context(), modelstest.By(), environment, "", 0, "STAGE", value); err != nil {
			t.Fatal(err)
		}
	}
	modelstest.Policy(t, site.Store, site.Project.ID, "staged", func(c *jwtauth.Config) {
		c.Condition = condition.Condition{Rules: []condition.Rule{headerEquals("X-Stage", "${STAGE}")}}
	})
}

func TestAConditionIsTriedInAnEnvironment(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	inEnvironments(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	sample := url.Values{"sample.headers": {"X-Stage: try"}, "change": {"condition.test"}}
	in := func(page handlerstest.Page, form, environment string) handlerstest.Page {
		t.Helper()
		changes := url.Values{"sample.environment": {environment}}
		for name, value := range sample {
			changes[name] = value
		}
		tried := v.Submit(t, page, form, changes)
		wantStatus(t, tried, http.StatusOK)
		return tried
	}
	pages := map[string]string{
		trialForm: link.Policy("Default", jwtauth.TypeName, "staged"), "#policy-form": link.PolicyEdit("Default", jwtauth.TypeName, "staged"),
	}
	for form, address := range pages {
		page := v.Get(t, address)
		if got := page.Texts(form + ` [name="sample.environment"] option`); !slices.Equal(got, []string{"production", "test"}) {
			t.Errorf("%s offers %q", form, got)
		}
		for environment, want := range map[string]string{"production": `False saw "try"`, "test": `True saw "try"`} {
			tried := in(page, form, environment)
			if got := tried.Texts(form + " .Rule .Light"); !slices.Equal(got, []string{want}) {
				t.Errorf("%s in %s: %q", form, environment, got)
			}
			asked := map[string]string{"production": `header X-Stage equals "live"`, "test": `header X-Stage equals "try"`}[environment]
			if got := tried.One(t, form).Text(); !strings.Contains(got, asked) {
				t.Errorf("%s in %s does not say what was asked", form, environment)
			}
		}
	}

	t.Run("that of the page on top unless another one is chosen", func(t *testing.T) {
		wantStatus(t, v.Post(t, "/preferences/environment", url.Values{"environment": {"test"}, "return": {"/"}}), http.StatusSeeOther)
		page := v.Get(t, pages[trialForm])
		if got := page.One(t, `[name="sample.environment"] option[selected]`).Text(); got != "test" {
			t.Error(got)
		}
	})
	t.Run("a value that it has not is said at the rule", func(t *testing.T) {
		edit := v.Get(t, pages["#policy-form"])
		sample.Set("condition.0.value", "${REGION}")
		tried := in(edit, "#policy-form", "test")
		field := tried.One(t, `[name="condition.0.value"]`)
		if field.Attr("aria-invalid") != "true" || field.Attr("value") != "${REGION}" {
			t.Error(field.HTML())
		}
		if got := tried.One(t, "#condition-verdict").Text(); !strings.Contains(got, "test has no variable REGION.") {
			t.Error(got)
		}
	})
	t.Run("and an answer to htmx has the choice too", func(t *testing.T) {
		answer := v.HTMX().Post(t, link.PolicyConditions("Default", jwtauth.TypeName), handlerstest.Fields(v.Get(t, pages["#policy-form"]).One(t, "#policy-form")))
		answer.One(t, `[name="sample.environment"]`)
	})
	t.Run("which a condition without such a value does not ask for", func(t *testing.T) {
		modelstest.Policy(t, site.Store, site.Project.ID, "plain", func(c *jwtauth.Config) {
			c.Condition = condition.Condition{Rules: []condition.Rule{headerEquals("X-Stage", "$STAGE {}")}}
		})
		if v.Get(t, link.Policy("Default", jwtauth.TypeName, "plain")).Has(`[name="sample.environment"]`) {
			t.Error("it asks for an environment")
		}
	})
}
