package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

const environmentForm = "#environment-form"

func environmentNamed(t *testing.T, site *handlerstest.Site, name string) models.Environment {
	t.Helper()
	e, err := site.Store.Environment(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func staging(t *testing.T, site *handlerstest.Site) models.Environment {
	t.Helper()
	e, err := site.Store.SaveEnvironment(t.Context(), modelstest.By(), models.Environment{
		Name: "staging", Type: models.Test, PublicURL: "https://staging.example.com", Description: "Before production.", Colour: models.Amber,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// busy is an environment with a deployed proxy and a live token.
func busy(t *testing.T, site *handlerstest.Site, name string) {
	t.Helper()
	modelstest.Deploy(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), name)
	now := time.Now()
	if err := site.Store.AddTokenRequests(t.Context(), []event.Token{
		{Time: now, Environment: name, Project: "Default", Owner: "orders", TokenID: "t", IssuedAt: now, ExpiresAt: now.Add(time.Hour), Status: 200, Operation: event.Issue},
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAnEnvironmentIsCreatedAndItsPageSaysHowToServeIt(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	saveValue(t, site, "", 0, "HELP", "help@example.com")
	m := fault.Message{Type: fault.RoleMissing, Template: fault.Template{Build: true, Text: "Ask ${HELP}.", ContentType: "text/plain"}}
	if _, err := site.Store.SaveErrorMessage(t.Context(), modelstest.By(), 0, m); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	list := v.Get(t, link.Environments)
	wantText(t, list.One(t, `nav#side-menu a[aria-current="page"]`), "Environments")
	form := v.Get(t, list.One(t, "main a.Button--primary").Attr("href"))
	htmlcheck.Sound(t, form.Node)
	answer := v.Submit(t, form, environmentForm, url.Values{
		"name": {" Staging EU "}, "type": {"SANDBOX"}, "publicUrl": {"https://eu.example.com:8443/"}, "description": {"<script>alert(1)</script>"}, "colour": {"violet"},
	})
	wantStatus(t, answer, http.StatusSeeOther)
	if answer.Location() != link.EnvironmentPage("Staging EU") {
		t.Errorf("leads to %s", answer.Location())
	}
	p := v.Follow(t, answer)
	htmlcheck.Sound(t, p.Node)
	main := p.One(t, "main")
	wantText(t, main, "No gateway node serves Staging EU")
	wantText(t, main, "gatewright gateway --gateway 'Staging EU=:8443'")
	wantText(t, main, "The error catalogue names 1 variable that Staging EU has not")
	wantText(t, main, "HELP in POLICY_ROLE_GROUP_BASED_ACCESS")
	wantText(t, p.One(t, "[data-toasts]"), "Staging EU lacks 1 variable")
	if strings.Contains(p.Body, "<script>alert") || !p.Has(".Top--violet") {
		t.Error("the description runs, or the colour is missing on top")
	}
	e := environmentNamed(t, site, "staging eu")
	if e.Type != models.Sandbox || e.PublicURL != "https://eu.example.com:8443" || e.Colour != models.Violet || e.CreatedBy != handlerstest.Administrator {
		t.Errorf("saved %+v", e)
	}
	list = v.Get(t, link.Environments)
	htmlcheck.Sound(t, list.Node)
	if rows := list.Texts("tbody tr"); len(rows) != 2 || !strings.Contains(rows[1], "Not served") {
		t.Errorf("the list says %q", rows)
	}
}

func TestARefusedEnvironmentSaysEverythingAndLosesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	typed := url.Values{"name": {"Production"}, "type": {"LIVE"}, "publicUrl": {"eu.example.com"}, "description": {strings.Repeat("x", 1001)}, "colour": {"pink"}}
	p := v.Submit(t, v.Get(t, link.NewEnvironment), environmentForm, typed)
	wantStatus(t, p, http.StatusUnprocessableEntity)
	htmlcheck.Sound(t, p.Node)
	if diff := cmp.Diff([]string{"Name", "Type", "Public URL", "Description", "Colour"}, p.Texts(".Problems a")); diff != "" {
		t.Error(diff)
	}
	wantText(t, p.One(t, ".Problems"), "There is an environment of this name")
	fields := handlerstest.Fields(p.One(t, environmentForm))
	if fields.Get("name") != "Production" || fields.Get("publicUrl") != "eu.example.com" || len(fields.Get("description")) != 1001 || p.One(t, "[autofocus]").Attr("name") != "name" {
		t.Errorf("the form came back as %v", fields)
	}
	for name, want := range map[string]string{"production": "There is an environment of this name", "a%2Cb": "Remove the comma", "staging": "Available"} {
		wantText(t, v.Get(t, link.CheckEnvironmentName+"?name="+name).One(t, ".Check"), want)
	}
	e := staging(t, site)
	p = v.Submit(t, v.Get(t, link.EnvironmentEdit("staging")), environmentForm, url.Values{"description": {strings.Repeat("x", 1001)}, "name": {"other"}})
	wantStatus(t, p, http.StatusUnprocessableEntity)
	p = v.Submit(t, v.Get(t, link.EnvironmentEdit("staging")), environmentForm, url.Values{"name": {"other"}})
	wantStatus(t, p, http.StatusUnprocessableEntity)
	wantText(t, p.One(t, ".Problems"), "The name stays: gateway nodes are started with it")
	if now := environmentNamed(t, site, "staging"); !cmp.Equal(now, e) {
		t.Errorf("something was saved: %+v", now)
	}
}

func TestAStaleEnvironmentShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	theirs := staging(t, site)
	p, move, ask := v.Get(t, link.EnvironmentEdit("staging")), v.Get(t, link.EnvironmentAddress("staging")), v.Get(t, link.EnvironmentDelete("staging"))
	theirs.Description, theirs.PublicURL = "Theirs.", "https://theirs.example.com"
	if _, err := site.Store.SaveEnvironment(t.Context(), models.Actor{Name: "grace"}, theirs); err != nil {
		t.Fatal(err)
	}
	both := v.Submit(t, p, environmentForm, url.Values{"description": {"Mine."}, "colour": {"green"}})
	wantStatus(t, both, http.StatusConflict)
	htmlcheck.Sound(t, both.Node)
	if diff := cmp.Diff([]string{"Description Theirs. Mine.", "Colour Amber Green"}, both.Texts("[data-problems] tbody tr")); diff != "" {
		t.Error(diff)
	}
	late := v.Submit(t, move, "form.Confirm", url.Values{"publicUrl": {"https://mine.example.com"}})
	wantStatus(t, late, http.StatusConflict)
	htmlcheck.Sound(t, late.Node)
	wantText(t, late.One(t, "form.Confirm"), "its public URL is https://theirs.example.com now")
	kept := v.Submit(t, ask, "form.Confirm", nil)
	wantStatus(t, kept, http.StatusConflict)
	wantText(t, kept.One(t, "form.Confirm"), "changed by grace")

	wantStatus(t, v.Submit(t, late, "form.Confirm", nil), http.StatusSeeOther)
	if now := environmentNamed(t, site, "staging"); now.PublicURL != "https://mine.example.com" || now.Description != "Theirs." {
		t.Errorf("saved over as %+v", now)
	}
	both = v.Submit(t, both, environmentForm, nil) // the other form of mine was faster
	wantStatus(t, both, http.StatusConflict)
	wantStatus(t, v.Submit(t, both, environmentForm, nil), http.StatusSeeOther)
	now := environmentNamed(t, site, "staging")
	if now.PublicURL != "https://mine.example.com" || now.Description != "Mine." || now.Colour != models.Green {
		t.Errorf("saved over as %+v", now)
	}

	p = v.Get(t, link.EnvironmentEdit("staging"))
	if _, err := site.Store.DeleteEnvironment(t.Context(), modelstest.By(), now.ID, now.Version); err != nil {
		t.Fatal(err)
	}
	gone := v.Submit(t, p, environmentForm, url.Values{"description": {"Again."}})
	wantStatus(t, gone, http.StatusConflict)
	wantText(t, gone.One(t, "[data-problems]"), "was deleted")
	wantStatus(t, v.Submit(t, gone, environmentForm, nil), http.StatusSeeOther)
	if again := environmentNamed(t, site, "staging"); again.Description != "Again." || again.PublicURL != "https://mine.example.com" {
		t.Errorf("created again as %+v", again)
	}
}

func TestAnotherPublicURLSaysWhatEndsAndWantsTheNameWhereThereIsTraffic(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	busy(t, site, "production")
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, link.EnvironmentAddress("production"))
	htmlcheck.Sound(t, ask.Node)
	wantText(t, ask.One(t, "form.Confirm"), "1 live token is refused from then on, as far as the log of token requests goes back: of orders (1)")
	refused := v.Submit(t, ask, "form.Confirm", url.Values{"publicUrl": {"https://api.example.com"}, "confirm": {"prod"}})
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	wantText(t, refused.One(t, "form.Confirm"), "Type the name exactly as it is: production.")
	if got := handlerstest.Fields(refused.One(t, "form.Confirm")); got.Get("publicUrl") != "https://api.example.com" || got.Get("confirm") != "prod" {
		t.Errorf("the form came back as %v", got)
	}
	refused = v.Submit(t, ask, "form.Confirm", url.Values{"publicUrl": {"api.example.com"}, "confirm": {"production"}})
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	wantText(t, refused.One(t, "form.Confirm"), "begins with http:// or https://")
	wantStatus(t, v.Submit(t, refused, "form.Confirm", url.Values{"publicUrl": {"https://api.example.com"}}), http.StatusSeeOther)
	if now := environmentNamed(t, site, "production"); now.PublicURL != "https://api.example.com" {
		t.Errorf("reached at %s", now.PublicURL)
	}
}

func TestAnEnvironmentIsDeletedOnlyWithItsNameWhereThereIsTraffic(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	kept := v.Get(t, link.EnvironmentDelete("production"))
	htmlcheck.Sound(t, kept.Node)
	wantText(t, kept.One(t, "main"), "production is the only environment")
	e := staging(t, site)
	busy(t, site, "staging")
	v.Post(t, link.Environment, url.Values{"environment": {"staging"}, "return": {"/"}})
	ask := v.Get(t, link.EnvironmentDelete("staging"))
	htmlcheck.Sound(t, ask.Node)
	form := ask.One(t, "form.Confirm")
	wantText(t, form, "1 API or policy group is undeployed: orders (Default)")
	wantText(t, form, "1 live token is refused from then on")
	refused := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"Staging"}})
	wantStatus(t, refused, http.StatusUnprocessableEntity)
	wantText(t, refused.One(t, "form.Confirm"), "Type the name exactly as it is: staging.")

	if err := site.Store.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "staging", OK: true}); err != nil {
		t.Fatal(err)
	}
	served := v.Submit(t, refused, "form.Confirm", url.Values{"confirm": {"staging"}})
	wantStatus(t, served, http.StatusUnprocessableEntity)
	wantText(t, served.One(t, "main"), "staging is served by gw-1")
	wantText(t, v.Get(t, link.EnvironmentDelete("staging")).One(t, "main"), "staging is served by gw-1")
	if err := site.Store.ForgetNode(t.Context(), "gw-1"); err != nil {
		t.Fatal(err)
	}
	answer := v.Submit(t, refused, "form.Confirm", url.Values{"confirm": {"staging"}})
	wantStatus(t, answer, http.StatusSeeOther)
	list := v.Follow(t, answer)
	wantText(t, list.One(t, "[data-toasts]"), "staging was deleted.")
	wantText(t, list.One(t, `[popovertarget="choose-environment"]`), "production") // the choice went with it
	wantStatus(t, v.Get(t, link.EnvironmentPage("staging")), http.StatusNotFound)
	records, _, err := site.Store.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindEnvironment, Action: models.ActionDeleted})
	if err != nil || len(records) != 1 || records[0].ObjectID != e.ID || records[0].Actor != handlerstest.Administrator {
		t.Errorf("audited as %+v, %v", records, err)
	}
}

func TestThePageOfAnEnvironmentFollowsItsNodes(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	busy(t, site, "production")
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Get(t, link.EnvironmentPage("production"))
	wantText(t, p.One(t, "#environment-nodes"), "No gateway node serves production")
	wantText(t, p.One(t, "tbody tr"), "orders Default Live r1")
	poll := p.One(t, "#environment-nodes").Attr("hx-get")
	wantStatus(t, v.HTMX().Get(t, poll), http.StatusNoContent)
	generation := environmentNamed(t, site, "production").Generation
	for _, r := range []models.NodeReport{
		{Node: "gw-1", Generation: generation, OK: true, Message: "Running"}, {Node: "gw-2", Generation: generation, Message: "no key"}, {Node: "gw-3", OK: true},
	} {
		r.Environment, r.Version = "production", "v1"
		if err := site.Store.ReportNode(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	part := v.HTMX().Get(t, poll)
	wantStatus(t, part, http.StatusOK)
	wantText(t, part.One(t, "[role=status]"), "1 of 3 nodes failed")
	rows := part.Texts("tbody tr")
	for i, want := range []string{"Up to date", "It keeps what it ran before: no key", "Taking over"} {
		if !strings.Contains(rows[i], want) {
			t.Errorf("row %d says %q, want %q", i, rows[i], want)
		}
	}
	poll = part.One(t, "#environment-nodes").Attr("hx-get")
	wantStatus(t, v.HTMX().Get(t, poll), http.StatusNoContent)

	// A page that is left open must not keep its visitor signed in.
	site.Clock.Advance(11 * time.Minute)
	if late := v.HTMX().Get(t, poll); late.Status != http.StatusOK || late.Has("[hx-get]") {
		t.Errorf("it goes on asking: %d", late.Status)
	}
	if forged := v.HTMX().Get(t, strings.Replace(poll, "until=", "until=9", 1)); strings.Contains(forged.Body, "until=9") {
		t.Error("it asks as long as the browser likes")
	}
	for _, node := range []string{"gw-2", "gw-3"} {
		if err := site.Store.ForgetNode(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	if settled := v.Get(t, link.EnvironmentPage("production")); settled.Has("#environment-nodes[hx-get]") {
		t.Error("it goes on asking although all is well")
	}
}

func TestThePagesOfAnEnvironmentLeadToEachOther(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	staging(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	for path, current := range map[string]string{
		link.EnvironmentPage("staging"): "Environments", link.Keys("staging"): "Keys", link.EnvironmentVariables("staging"): "Environment Variables",
	} {
		p := v.Get(t, path)
		if diff := cmp.Diff([]string{"Overview", "Keys", "Variables"}, p.Texts(".Tabs a")); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		wantText(t, p.One(t, `nav#side-menu a[aria-current="page"]`), current)
		if !p.Has(".Top--amber") || !p.Has(`#choose-environment a[href="`+link.EnvironmentPage("staging")+`"]`) {
			t.Errorf("%s: the chooser shows another environment", path)
		}
	}
	found := v.Get(t, "/palette?q=stagin&project=Default")
	if !strings.Contains(found.Body, link.EnvironmentPage("staging")) {
		t.Errorf("the palette finds %s", found.Body)
	}
}

// ATTACK: forms that somebody wrote themselves, without the id of a page of ours
// or with that of another environment, change nothing.
func TestAttackAnEnvironmentIsChangedOnlyAsItWasRead(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	e := staging(t, site)
	production := environmentNamed(t, site, "production")
	v := site.SignIn(t, handlerstest.Administrator)
	form := url.Values{"name": {"staging"}, "type": {"TEST"}, "publicUrl": {"https://evil.example.com"}, "version": {"1"}, "confirm": {"staging"}}
	for _, path := range []string{link.EnvironmentEdit("staging"), link.EnvironmentAddress("staging"), link.EnvironmentDelete("staging")} {
		wantStatus(t, v.Post(t, path, form), http.StatusNotFound)
	}
	form.Set("environmentId", production.ID)
	wantStatus(t, v.Post(t, link.EnvironmentEdit("staging"), form), http.StatusUnprocessableEntity)
	wantStatus(t, v.Post(t, link.EnvironmentAddress("staging"), form), http.StatusUnprocessableEntity)
	live := modelstest.Environment(t, site.Store, "live")
	form.Set("environmentId", live.ID)
	wantStatus(t, v.Post(t, link.EnvironmentDelete("staging"), form), http.StatusConflict)
	environmentNamed(t, site, "live")
	form.Set("environmentId", e.ID)
	wantStatus(t, v.Post(t, link.EnvironmentEdit("staging"), form), http.StatusSeeOther) // the address is not of this form
	if now := environmentNamed(t, site, "staging"); now.PublicURL != e.PublicURL {
		t.Errorf("moved to %s without its question", now.PublicURL)
	}
	if now := environmentNamed(t, site, "production"); !cmp.Equal(now, production) {
		t.Errorf("production is %+v", now)
	}
}

func TestAnAuditorSeesEnvironmentsAndChangesNone(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	e := staging(t, site)
	v := site.SignIn(t, handlerstest.Auditor)
	for _, path := range []string{link.Environments, link.EnvironmentPage("staging")} {
		p := v.Get(t, path)
		wantStatus(t, p, http.StatusOK)
		if p.Has("main a.Button") || p.Has(`main a[href$="/delete"]`) {
			t.Errorf("%s offers a change", path)
		}
	}
	wantStatus(t, v.Get(t, link.EnvironmentNodes("staging")), http.StatusOK)
	form := url.Values{"environmentId": {e.ID}, "version": {"1"}, "name": {"staging"}, "type": {"TEST"}, "publicUrl": {"https://evil.example.com"}, "confirm": {"staging"}}
	for _, path := range []string{link.NewEnvironment, link.EnvironmentEdit("staging"), link.EnvironmentAddress("staging"), link.EnvironmentDelete("staging")} {
		wantStatus(t, v.Get(t, path), http.StatusForbidden)
		wantStatus(t, v.Post(t, path, form), http.StatusForbidden)
	}
	if now := environmentNamed(t, site, "staging"); !cmp.Equal(now, e) {
		t.Errorf("changed to %+v", now)
	}
}
