package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// A condition is built as somebody without JavaScript does it: every button
// sends the whole form and gets it back, and nothing is saved before Save.
func TestAConditionIsBuiltWithPlainForms(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.NewPolicy("Default", jwtauth.TypeName))
	press := func(change string, typed url.Values) {
		t.Helper()
		typed.Set("change", change)
		page = v.Submit(t, page, "#policy-form", typed)
		wantStatus(t, page, http.StatusOK)
	}
	if got := page.One(t, "#condition-count").Text(); got != "none" {
		t.Errorf("badge %q", got)
	}
	press("condition.add-rule", url.Values{"name": {"Admin only"}})
	if got := page.One(t, "[autofocus]").Attr("name"); got != "condition.0.first" {
		t.Errorf("focus on %s", got)
	}
	press("condition.add-rule", url.Values{"condition.criteria": {"OR"}, "condition.0.first.text": {"X-Environment"}, "condition.0.value": {"production"}})
	press("condition.add-rule", url.Values{"condition.1.first": {"CONTEXT_VALUES"}})
	page.One(t, `select[name="condition.1.first.context"]`)
	press("condition.remove:2", url.Values{
		"condition.1.first.context": {"REQUEST_REMOTE_ADDRESS"}, "condition.1.operator": {"IN"}, "condition.1.value": {"10.0.0.0/8"}, "conditionUnmetAction": {"REJECT"},
	})
	if got := page.One(t, "#condition-count").Text(); got != "2" {
		t.Errorf("badge %q", got)
	}
	if got := page.One(t, "[name=name]").Attr("value"); got != "Admin only" {
		t.Errorf("the name is %q", got)
	}
	const sentence = `Applies when header X-Environment equals "production" or client address is one of "10.0.0.0/8".`
	if got := page.One(t, ".Conditions-sentence").Text(); got != sentence {
		t.Error(got)
	}
	if got := v.Get(t, link.Policies("Default", jwtauth.TypeName)); strings.Contains(got.Text(), "Admin only") {
		t.Error("a button saved the policy")
	}
	saved := v.Submit(t, page, "#policy-form", url.Values{})
	wantStatus(t, saved, http.StatusSeeOther)
	base := policyNamed(t, site, "Admin only").Config.Base()
	if base.Condition.Words() == "" || base.ConditionUnmetAction != policy.Reject || len(base.Condition.Rules[0].Rules) != 2 {
		t.Errorf("saved %+v %s", base.Condition, base.ConditionUnmetAction)
	}
	view := v.Get(t, link.Policy("Default", jwtauth.TypeName, "Admin only"))
	if text := view.Text(); !strings.Contains(text, sentence) || !strings.Contains(text, "answered 403") {
		t.Error("the page of the policy does not say the condition")
	}

	t.Run("a wrong rule comes back as it was, with the cursor in it", func(t *testing.T) {
		form := v.Get(t, link.PolicyEdit("Default", jwtauth.TypeName, "Admin only"))
		wrong := v.Submit(t, form, "#policy-form", url.Values{"condition.1.value": {"here"}})
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		field := wrong.One(t, `[name="condition.1.value"]`)
		if field.Attr("value") != "here" || field.Attr("aria-invalid") != "true" || !field.HasAttr("autofocus") {
			t.Error(field.HTML())
		}
		summary := wrong.One(t, "[data-problems] a")
		if summary.Text() != "Value of rule 2" || summary.Attr("href") != "#"+field.Attr("id") {
			t.Error(summary.HTML())
		}
		if tab := wrong.One(t, `[data-tabs] [aria-current]`).Text(); !strings.Contains(tab, "Conditions") {
			t.Errorf("shows %s", tab)
		}
	})

	t.Run("pasted JSON replaces the rules", func(t *testing.T) {
		form := v.Get(t, link.PolicyEdit("Default", jwtauth.TypeName, "Admin only"))
		form = v.Submit(t, form, "#policy-form", url.Values{"change": {"condition.to-json"}})
		if got := form.One(t, `textarea[name="condition.json"]`).Text(); !strings.Contains(got, `"X-Environment"`) {
			t.Error(got)
		}
		wrong := v.Submit(t, form, "#policy-form", url.Values{"condition.json": {`{"rules":[]}`}})
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		if got := wrong.One(t, `textarea[name="condition.json"]`); got.Text() != `{"rules":[]}` || got.Attr("aria-invalid") != "true" {
			t.Error(got.HTML())
		}
		done := v.Submit(t, wrong, "#policy-form", url.Values{"condition.json": {""}})
		wantStatus(t, done, http.StatusSeeOther)
		if c := policyNamed(t, site, "Admin only").Config.Base().Condition; !c.Empty() {
			t.Errorf("left %s", c.Words())
		}
	})
}

func TestAnAnswerToHTMXIsTheTabAlone(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := handlerstest.Fields(v.Get(t, link.NewPolicy("Default", jwtauth.TypeName)).One(t, "#policy-form"))
	form.Set("change", "condition.add-group")
	answer := v.HTMX().Post(t, link.PolicyConditions("Default", jwtauth.TypeName), form)
	wantStatus(t, answer, http.StatusOK)
	answer.One(t, "#condition-builder .Rule")
	if badge := answer.One(t, "#condition-count"); badge.Text() != "1" || badge.Attr("hx-swap-oob") != "true" {
		t.Error(badge.HTML())
	}
	if answer.Has("#policy-form") {
		t.Error("the whole page came")
	}
}

// Whoever may look may try a condition; nothing is kept of it.
func TestAnAuditorTriesACondition(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	answer := v.Post(t, link.PolicyConditions("Default", jwtauth.TypeName), url.Values{
		"change": {"condition.test"}, "condition.0.kind": {"rule"}, "condition.0.first": {"HEADER"}, "condition.0.first.text": {"X-Environment"},
		"condition.0.type": {"STRING"}, "condition.0.operator": {"EQ"}, "condition.0.source": {"VALUE"}, "condition.0.value": {"production"},
		"sample.curl": {"curl -H 'X-Environment: staging' https://api.example.com/orders"},
	})
	wantStatus(t, answer, http.StatusOK)
	if got := answer.Texts(".Rule .Light"); !slices.Equal(got, []string{`False saw "staging"`}) {
		t.Error(got)
	}
	if got := answer.One(t, "#condition-verdict > p").Text(); got != "Not met: this request goes on without the policy." {
		t.Error(got)
	}
}

func TestALocalPolicyHasConditionsToo(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	page := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy(jwtauth.TypeName)+"?pipeline=REQUEST")
	page = w.v.Submit(t, page, "#policy-form", url.Values{"name": {"own"}, "change": {"condition.add-rule"}})
	wantStatus(t, page, http.StatusOK)
	saved := w.v.Submit(t, page, "#policy-form", url.Values{"condition.0.first.text": {"X-A"}, "condition.0.operator": {"IS_EXISTS"}})
	wantStatus(t, saved, http.StatusSeeOther)
	edit := link.Proxy("Default", "orders").BindingEdit(w.reload(t).Bindings[0].ID)
	form := w.v.Get(t, edit)
	if got := form.One(t, ".Conditions-sentence").Text(); got != "Applies when header X-A exists." {
		t.Error(got)
	}
	form = w.v.Submit(t, form, "#policy-form", url.Values{"change": {"condition.remove:0"}})
	wantStatus(t, form, http.StatusOK)
	wantStatus(t, w.v.Submit(t, form, "#policy-form", url.Values{}), http.StatusSeeOther)
	if got := w.v.Get(t, edit).One(t, ".Conditions-sentence").Text(); got != "Applies to every request." {
		t.Error(got)
	}
}

func TestARuleNamesAVariableOfTheProject(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	stage := condition.Variable{Name: "stage", Type: condition.Header, HeaderName: "X-Stage"}
	if _, err := site.Store.SaveVariable(t.Context(), modelstest.By(), site.Project.ID, "", 0, stage); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Submit(t, v.Get(t, link.NewPolicy("Default", jwtauth.TypeName)), "#policy-form", url.Values{"name": {"staged"}, "change": {"condition.add-rule"}})
	rule := url.Values{"condition.0.first": {"VARIABLE"}, "condition.0.first.text": {"Stage"}, "condition.0.value": {"production"}}
	test := url.Values{"change": {"condition.test"}, "sample.headers": {"X-Stage: production"}}
	for name, value := range rule {
		test[name] = value
	}
	tried := v.Submit(t, form, "#policy-form", test)
	tried.One(t, "#condition-variables option[value=stage]")
	if got := tried.Texts(".Rule .Light"); !slices.Equal(got, []string{`True saw "production"`}) {
		t.Error(got, tried.One(t, "#condition-verdict").Text())
	}

	t.Run("and not one that is not there", func(t *testing.T) {
		rule.Set("condition.0.first.text", "no such")
		wrong := v.Submit(t, form, "#policy-form", rule)
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		field := wrong.One(t, `[name="condition.0.first.text"]`)
		if field.Attr("value") != "no such" || field.Attr("aria-invalid") != "true" {
			t.Error(field.HTML())
		}
	})
}
