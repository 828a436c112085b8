package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// notValid begins the names of the fields of ERR-044.
const notValid = "errors.POLICY_AUTH_JWT_NOT_VALID."

const notValidRow = "#errors-row-errors-POLICY_AUTH_JWT_NOT_VALID"

func TestAnEmptyFormCustomizesNoMessage(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.NewPolicy("Default", jwt))
	htmlcheck.Sound(t, page.Node)
	wantStatus(t, v.Submit(t, page, "#policy-form", url.Values{"name": {"plain"}}), http.StatusSeeOther)
	if c := policyNamed(t, site, "plain").Config.Base().Custom; !c.Empty() {
		t.Errorf("customizes %+v", c)
	}
}

// A row is worded as somebody without JavaScript does it: every button sends the
// whole form and gets it back, and nothing is saved before Save.
func TestErrorMessagesAreWordedWithPlainForms(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	name := strings.Repeat("ğ", 255)
	page := v.Submit(t, v.Get(t, link.NewPolicy("Default", jwt)), "#policy-form", url.Values{
		"name": {"worded"}, notValid + "status": {"451"}, notValid + "message": {"Erişim <script>alert(1)</script>"}, "change": {notValid + "add-rule"},
	})
	wantStatus(t, page, http.StatusOK)
	htmlcheck.Sound(t, page.Node)
	if got := page.One(t, "[autofocus]").Attr("name"); got != notValid+"rules.0.name" {
		t.Errorf("focus on %s", got)
	}
	if got := page.One(t, "#errors-count").Text(); got != "1" {
		t.Errorf("badge %q", got)
	}
	if !strings.Contains(page.One(t, `[data-tabs] [aria-current]`).Text(), "Error messages") || !page.One(t, notValidRow).HasAttr("open") {
		t.Error("the row is not shown")
	}
	page = v.Submit(t, page, "#policy-form", url.Values{notValid + "rules.0.name": {name}, "change": {notValid + "rules.0.condition.add-rule"}})
	page = v.Submit(t, page, "#policy-form", url.Values{
		notValid + "rules.0.condition.0.first.text": {"X-Partner"}, notValid + "rules.0.condition.0.value": {"yes"}, notValid + "rules.0.answer": {"402"},
		notValid + "rules.0.template": {"{\r\n\"for\": \"<partners>\"}"}, "change": {notValid + "preview"},
	})
	want := []string{
		"When rule “" + name + "” applies 402 {\n\"for\": \"<partners>\"}",
		`When no rule applies 451 {"statusCode":451,"errorCode":"ERR-044","message":"Erişim \u003cscript\u003ealert(1)\u003c/script\u003e"}`,
	}
	if diff := cmp.Diff(want, shots(page.One(t, notValidRow))); diff != "" {
		t.Error(diff)
	}
	if got := v.Get(t, link.Policies("Default", jwt)); strings.Contains(got.Text(), "worded") {
		t.Error("a button saved the policy")
	}
	wantStatus(t, v.Submit(t, page, "#policy-form", url.Values{}), http.StatusSeeOther)
	custom := policyNamed(t, site, "worded").Config.Base().Custom
	if len(custom.Messages) != 1 || custom.Messages[0].Status != 451 || custom.Messages[0].Code != "" || len(custom.Messages[0].Rules) != 1 || custom.Build {
		t.Fatalf("saved %+v", custom)
	}

	t.Run("the page of the policy says it in words", func(t *testing.T) {
		view := v.Get(t, link.Policy("Default", jwt, "worded"))
		for _, want := range []string{
			"451 Unavailable For Legal Reasons instead of 401", "Erişim <script>alert(1)</script>", name + ": status 402", `Applies when header X-Partner equals "yes".`,
		} {
			wantText(t, view.One(t, "main"), want)
		}
	})

	t.Run("what is wrong comes back as it was, with the cursor in it", func(t *testing.T) {
		form := v.Get(t, link.PolicyEdit("Default", jwt, "worded"))
		wrong := v.Submit(t, form, "#policy-form", url.Values{
			notValid + "code": {strings.Repeat("x", 51)}, notValid + "rules.0.template": {"{#NOSUCH#"}, notValid + "rules.0.answer": {"soon"},
		})
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		htmlcheck.Sound(t, wrong.Node)
		status := wrong.One(t, `[name="`+notValid+`rules.0.answer"]`)
		if status.Attr("value") != "soon" || status.Attr("aria-invalid") != "true" {
			t.Error(status.HTML())
		}
		if got := wrong.One(t, `[name="`+notValid+`rules.0.template"]`); got.Raw() != "{#NOSUCH#" || got.Attr("aria-invalid") != "true" {
			t.Error(got.HTML())
		}
		if len(wrong.All("form [autofocus]")) != 1 || !wrong.One(t, notValidRow).HasAttr("open") {
			t.Error("no control of the row takes the cursor")
		}
		var links []string
		for _, a := range wrong.All("[data-problems] a") {
			links = append(links, a.Text())
			wrong.ByID(t, strings.TrimPrefix(a.Attr("href"), "#"))
		}
		for _, want := range []string{"HTTP status of the answer of response rule 1 of ERR-044", "Error code of ERR-044", "Template of response rule 1 of ERR-044"} {
			if !strings.Contains(strings.Join(links, "\n"), want) {
				t.Errorf("%s is not named in %q", want, links)
			}
		}
	})

	t.Run("both sides of a save that came too late name it", func(t *testing.T) {
		mine := v.Get(t, link.PolicyEdit("Default", jwt, "worded"))
		wantStatus(t, v.Submit(t, v.Get(t, link.PolicyEdit("Default", jwt, "worded")), "#policy-form", url.Values{notValid + "message": {"Theirs."}}), http.StatusSeeOther)
		both := v.Submit(t, mine, "#policy-form", url.Values{notValid + "message": {"Mine."}})
		wantStatus(t, both, http.StatusConflict)
		if diff := cmp.Diff([]string{"ERR-044 message Theirs. Mine."}, both.Texts("[role=alert] tbody tr")); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("the audit names rows by their code", func(t *testing.T) {
		list := v.Get(t, link.Audit+"?kind=POLICY&action=UPDATED")
		record := v.Get(t, list.All("tbody th a")[0].Attr("href"))
		wantText(t, record.One(t, "main"), "ERR-044 message")
		wantText(t, record.One(t, "main"), "Theirs.")
	})

	t.Run("a reset leaves nothing", func(t *testing.T) {
		form := v.Get(t, link.PolicyEdit("Default", jwt, "worded"))
		form = v.Submit(t, form, "#policy-form", url.Values{"change": {notValid + "reset"}})
		wantStatus(t, v.Submit(t, form, "#policy-form", url.Values{}), http.StatusSeeOther)
		if c := policyNamed(t, site, "worded").Config.Base().Custom; !c.Empty() {
			t.Errorf("left %+v", c)
		}
	})
}

// shots are the previewed answers: when, status and body.
func shots(n htmlcheck.Node) []string {
	var list []string
	for _, s := range n.All(".ErrorShot") {
		_, body, _ := strings.Cut(s.All("pre code")[0].Raw(), "\n\n")
		list = append(list, s.All(".CodeBlock-title")[0].Text()+" "+s.Attr("data-shot")+" "+body)
	}
	return list
}

// ask types into the form of a new policy and gets the row back, as a page with
// scripts does.
func draft(t *testing.T, v *handlerstest.Visitor, row, query string, typed url.Values) handlerstest.Page {
	t.Helper()
	form := handlerstest.Fields(v.Get(t, link.NewPolicy("Default", jwt)).One(t, "#policy-form"))
	for name, values := range typed {
		form[name] = values
	}
	page := v.HTMX().Post(t, link.PolicyErrors("Default", jwt)+"?row="+row+query, form)
	wantStatus(t, page, http.StatusOK)
	return page
}

func TestPreviewsFollowWhatIsTyped(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	twoRules := url.Values{
		notValid + "rules.0.kind": {"rule"}, notValid + "rules.0.name": {"all"}, notValid + "rules.0.active": {"true"}, notValid + "rules.0.template": {"{}"},
		notValid + "rules.1.kind": {"rule"}, notValid + "rules.1.name": {"late"}, notValid + "rules.1.active": {"true"}, notValid + "rules.1.template": {"[]"},
	}
	for name, tt := range map[string]struct {
		row   string
		typed url.Values
		want  []string
	}{
		"as it comes": {"POLICY_AUTH_JWT_NOT_VALID", nil, []string{`Always 401 {"statusCode":401,"message":"The access token is not valid."}`}},
		"a template": {"POLICY_AUTH_JWT_NOT_VALID", url.Values{notValid + "build": {"true"}, notValid + "template": {"no: #FAULTCODE#"}, notValid + "type": {"text/plain"}},
			[]string{"Always 401 no: ERR-044"}},
		"the template for everything goes before the fields": {"POLICY_AUTH_JWT_NOT_VALID",
			url.Values{notValid + "code": {"X"}, "errors.all.build": {"true"}, "errors.all.template": {`{"c":#FAULTCODE#}`}, "errors.all.answer": {"418"}},
			[]string{`Always 418 {"c":"X"}`}},
		"with a reason of its own": {"all",
			url.Values{"errors.all.reason": {"POLICY_ROLE_GROUP_BASED_ACCESS"}, "errors.all.build": {"true"}, "errors.all.template": {`{"c":#FAULTCODE#}`}},
			[]string{`Always 403 {"c":"ERR-104"}`}},
		"a token request": {"POLICY_AUTH_USERNOTEXISTS", url.Values{"errors.POLICY_AUTH_USERNOTEXISTS.as": {"token"}, "errors.POLICY_AUTH_USERNOTEXISTS.code": {"X"}},
			[]string{`Always 400 {"error":"invalid_grant","error_description":"The user name or the password is wrong.","errorCode":"X","message":"The user name or the password is wrong.","statusCode":401}`}},
		"a rule without a condition hides the others": {"POLICY_AUTH_JWT_NOT_VALID", twoRules, []string{"Rule “all”, whenever it is asked 401 {}"}},
	} {
		t.Run(name, func(t *testing.T) {
			page := draft(t, v, tt.row, "", tt.typed)
			got := shots(page.Node)
			if name == "a token request" && len(got) == 1 { // which members there are is the token endpoint's business
				if !strings.HasPrefix(got[0], "Always 400 {") || !strings.Contains(got[0], `"errorCode":"X"`) || !strings.Contains(got[0], `"error":"invalid_grant"`) {
					t.Error(got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	late := draft(t, v, "POLICY_AUTH_JWT_NOT_VALID", "", twoRules)
	wantText(t, late.One(t, "[data-error-preview]"), "Rule “late” is never asked: “all” before it has no condition.")

	t.Run("what no token request answers says so", func(t *testing.T) {
		page := draft(t, v, "POLICY_AUTH_JWT_NOT_VALID", "", url.Values{notValid + "as": {"token"}})
		wantText(t, page.One(t, "[data-error-preview]"), "No token request is refused with this error.")
	})
	t.Run("values of the environment are named", func(t *testing.T) {
		page := draft(t, v, "POLICY_AUTH_JWT_NOT_VALID", "", url.Values{notValid + "build": {"true"}, notValid + "template": {`{"help":"${HELP_DESK}"}`}})
		wantText(t, page.One(t, "[data-error-preview]"), "${HELP_DESK} has no value in production.")
	})
	t.Run("what is wrong is said in place of an answer", func(t *testing.T) {
		page := draft(t, v, "POLICY_AUTH_JWT_NOT_VALID", "", url.Values{notValid + "build": {"true"}, notValid + "template": {"#NOSUCH#"}})
		if got := page.One(t, "#errors-slot-errors-POLICY_AUTH_JWT_NOT_VALID").Text(); !strings.Contains(got, "There is no placeholder #NOSUCH#.") {
			t.Error(got)
		}
		if page.Has(".ErrorShot") || page.One(t, "[data-problem-links] a").Attr("href") != "#f-errors-POLICY_AUTH_JWT_NOT_VALID-template" {
			t.Error(page.One(t, "[data-error-preview]").HTML())
		}
	})
}

func TestPreviewsKnowThePlatformAndTheProxy(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	store := w.site.Store
	if _, err := store.SaveErrorMessage(t.Context(), modelstest.By(), 0, fault.Message{Type: fault.TokenNotValid, Text: "Sign in again."}); err != nil {
		t.Fatal(err)
	}
	proxy := w.reload(t)
	proxy.ErrorTemplates = &fault.Bodies{XML: fault.Body{Enabled: true, ContentType: "application/xml", Text: "<fault>#FAULTMESSAGE# #{apiProxy.name}</fault>"}}
	if _, _, err := store.SaveProxy(t.Context(), modelstest.By(), w.site.Project.ID, proxy); err != nil {
		t.Fatal(err)
	}
	page := draft(t, w.v, "POLICY_AUTH_JWT_NOT_VALID", "&kind=PROXY&owner=orders", url.Values{notValid + "speaks": {"xml"}})
	if diff := cmp.Diff([]string{"Always 401 <fault>Sign in again. orders</fault>"}, shots(page.Node)); diff != "" {
		t.Error(diff)
	}
	wantText(t, page.One(t, "[data-error-preview]"), "Answered by the platform's customized message, inside the proxy's error template.")
	form := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy(jwt)+"?pipeline=REQUEST")
	if got := form.One(t, notValidRow+" [data-error-preview]").Attr("hx-post"); !strings.Contains(got, "kind=PROXY&owner=orders") {
		t.Error(got)
	}
}

func TestTheCatalogueTakesEffectAtSave(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	address := link.ErrorMessage("POLICY_AUTH_JWT_NOT_VALID")
	page := v.Get(t, address)
	htmlcheck.Sound(t, page.Node)
	saved := v.Submit(t, page, "#error-message-form", url.Values{notValid + "message": {"Sign in again."}, notValid + "status": {"419"}})
	wantStatus(t, saved, http.StatusSeeOther)
	m, err := site.Store.ErrorMessage(t.Context(), fault.TokenNotValid)
	if err != nil || m.Text != "Sign in again." || m.Status != 419 || m.Version != 1 {
		t.Fatalf("%+v %v", m, err)
	}
	wantText(t, v.Follow(t, saved).One(t, "body"), "ERR-044 was saved and takes effect in every environment.")

	t.Run("a save that comes too late shows both sides", func(t *testing.T) {
		late := v.Submit(t, page, "#error-message-form", url.Values{notValid + "message": {"Mine."}})
		wantStatus(t, late, http.StatusConflict)
		if diff := cmp.Diff([]string{"ERR-044 HTTP status 419 instead of 401 None", "ERR-044 message Sign in again. Mine."}, withoutDash(late.Texts("[role=alert] tbody tr"))); diff != "" {
			t.Error(diff)
		}
		wantStatus(t, v.Submit(t, late, "#error-message-form", url.Values{}), http.StatusSeeOther)
		if m, _ := site.Store.ErrorMessage(t.Context(), fault.TokenNotValid); m.Text != "Mine." || m.Status != 0 {
			t.Errorf("%+v", m)
		}
	})

	t.Run("what is wrong is refused at its control", func(t *testing.T) {
		wrong := v.Submit(t, v.Get(t, address), "#error-message-form", url.Values{notValid + "status": {"200"}, notValid + "message": {"kept"}})
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		if got := wrong.One(t, "[autofocus]"); got.Attr("name") != notValid+"status" || got.Attr("value") != "200" {
			t.Error(got.HTML())
		}
		wantText(t, wrong.One(t, "[data-problems]"), "HTTP status of ERR-044")
		wantText(t, wrong.One(t, `[name="`+notValid+`message"]`), "kept")
	})

	t.Run("a rule may not name the variable of a project", func(t *testing.T) {
		form := v.Submit(t, v.Get(t, address), "#error-message-form", url.Values{"change": {notValid + "add-rule"}})
		form = v.Submit(t, form, "#error-message-form", url.Values{"change": {notValid + "rules.0.condition.add-rule"}})
		wrong := v.Submit(t, form, "#error-message-form", url.Values{
			notValid + "rules.0.condition.0.first": {"VARIABLE"}, notValid + "rules.0.condition.0.first.text": {"stage"}, notValid + "rules.0.condition.0.value": {"x"},
		})
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		if got := wrong.One(t, "form [autofocus]").Attr("name"); got != notValid+"rules.0.condition.0.first.text" {
			t.Error(got)
		}
	})

	t.Run("the list finds it", func(t *testing.T) {
		for query, want := range map[string]int{"": len(fault.Rows()), "?state=customized": 1, "?q=mine": 1, "?q=ERR-044": 1, "?group=Backend&state=customized": 0, "?q=zzz": 0, "?state=standard": len(fault.Rows()) - 1} {
			list := v.Get(t, link.ErrorMessages+query)
			wantStatus(t, list, http.StatusOK)
			htmlcheck.Sound(t, list.Node)
			if got := len(list.All("tbody tr")); got != want {
				t.Errorf("%q lists %d, want %d", query, got, want)
			}
		}
	})

	t.Run("an auditor reads it and changes nothing", func(t *testing.T) {
		a := site.SignIn(t, handlerstest.Auditor)
		view := a.Get(t, address+"?as=call&speaks=xml")
		wantStatus(t, view, http.StatusOK)
		htmlcheck.Sound(t, view.Node)
		if view.Has("#error-message-form") || view.Has("main [href$='/reset']") {
			t.Error("there is a form")
		}
		wantText(t, view.One(t, "main"), "ERR-044 message Mine.")
		if diff := cmp.Diff([]string{`Always 401 {"statusCode":401,"errorCode":"ERR-044","message":"Mine."}`}, shots(view.Node)); diff != "" {
			t.Error(diff)
		}
		wantStatus(t, a.Post(t, address, url.Values{"version": {"2"}, notValid + "message": {"x"}}), http.StatusForbidden)
	})

	t.Run("a reset asks first, and says what it changes", func(t *testing.T) {
		ask := v.Get(t, link.ErrorMessageReset("POLICY_AUTH_JWT_NOT_VALID"))
		wantText(t, ask.One(t, ".Confirm-effects"), "What goes: message. The standard answer is 401: The access token is not valid.")
		wantStatus(t, v.Submit(t, v.Get(t, address), "#error-message-form", url.Values{notValid + "message": {"Newer."}}), http.StatusSeeOther)
		wantStatus(t, v.Submit(t, ask, ".Confirm", url.Values{}), http.StatusConflict)
		wantStatus(t, v.Submit(t, v.Get(t, link.ErrorMessageReset("POLICY_AUTH_JWT_NOT_VALID")), ".Confirm", url.Values{}), http.StatusSeeOther)
		if list, err := site.Store.ErrorMessages(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
	})

	wantStatus(t, v.Get(t, link.ErrorMessage("NO_SUCH")), http.StatusNotFound)
}

// withoutDash drops the sign that stands for an empty cell.
func withoutDash(texts []string) []string {
	for i := range texts {
		texts[i] = strings.Join(strings.Fields(strings.ReplaceAll(texts[i], "–", " ")), " ")
	}
	return texts
}

// Attack: a link to the form of an administrator brings a wording of its own,
// which the next save would take.
func TestALinkFillsNothingIntoTheCatalogue(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	brought := url.Values{
		notValid + "message": {"Call +90 555"}, notValid + "rules.0.kind": {"rule"}, notValid + "rules.0.name": {"x"}, notValid + "rules.0.template": {"<script>"},
		"errors.focus": {notValid + "code"}, "change": {notValid + "add-rule"}, "as": {"token"},
	}
	page := v.Get(t, link.ErrorMessage("POLICY_AUTH_JWT_NOT_VALID")+"?"+brought.Encode())
	if page.Has(".ErrorRule") || page.One(t, `[name="`+notValid+`message"]`).Raw() != "" || page.Has("form [autofocus]") {
		t.Error("the link was taken over")
	}
}

func TestTheCatalogueCountsPoliciesThatWordAnErrorThemselves(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	wantText(t, v.Get(t, link.ErrorMessage("POLICY_AUTH_JWT_NOT_VALID")).One(t, "aside"), "No policy has a wording of its own")
	for _, name := range []string{"one", "two"} {
		form := v.Get(t, link.NewPolicy("Default", jwt))
		wantStatus(t, v.Submit(t, form, "#policy-form", url.Values{"name": {name}, notValid + "code": {"X"}}), http.StatusSeeOther)
	}
	wantText(t, v.Get(t, link.ErrorMessage("POLICY_AUTH_JWT_NOT_VALID")).One(t, "aside"), "2 policies have a wording of their own for this error")
	wantText(t, v.Get(t, link.ErrorMessage("POLICY_AUTH_EX_DB")).One(t, "aside"), "No policy has a wording of its own")
	wantText(t, v.Get(t, link.ErrorMessages+"?q=ERR-044").One(t, "tbody"), "Standard and in 2 policies")
}

func TestARuleOfAnErrorNamesAVariableOfTheProject(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	stage := condition.Variable{Name: "stage", Type: condition.Header, HeaderName: "X-Stage"}
	if _, err := site.Store.SaveVariable(t.Context(), modelstest.By(), site.Project.ID, "", 0, stage); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Submit(t, v.Get(t, link.NewPolicy("Default", jwt)), "#policy-form", url.Values{"name": {"staged"}, "change": {notValid + "add-rule"}})
	form = v.Submit(t, form, "#policy-form", url.Values{"change": {notValid + "rules.0.condition.add-rule"}})
	rule := url.Values{
		notValid + "rules.0.condition.0.first": {"VARIABLE"}, notValid + "rules.0.condition.0.first.text": {"no such"}, notValid + "rules.0.condition.0.value": {"x"},
	}
	wrong := v.Submit(t, form, "#policy-form", rule)
	wantStatus(t, wrong, http.StatusUnprocessableEntity)
	if got := wrong.One(t, "form [autofocus]"); got.Attr("name") != notValid+"rules.0.condition.0.first.text" || got.Attr("value") != "no such" {
		t.Error(got.HTML())
	}
	rule.Set(notValid+"rules.0.condition.0.first.text", "Stage")
	wantStatus(t, v.Submit(t, wrong, "#policy-form", rule), http.StatusSeeOther)
}
