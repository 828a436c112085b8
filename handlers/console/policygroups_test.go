package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// groupRoom is a console with the policy group Standard, which holds a local and a
// global policy and is bound in the proxy orders.
type groupRoom struct {
	site          *handlerstest.Site
	v             *handlerstest.Visitor
	group, orders models.Owner
	global        models.Policy
}

func newGroupRoom(t *testing.T) *groupRoom {
	t.Helper()
	site := handlerstest.New(t)
	r := &groupRoom{site: site, v: site.SignIn(t, handlerstest.Administrator)}
	r.group = r.make(t, models.Owner{Name: "Standard", Active: true, Pipeline: policy.Request})
	r.global = modelstest.Policy(t, site.Store, site.Project.ID, "company")
	r.bind(t, &r.group, models.NewBinding{Local: modelstest.JWT("first")})
	r.bind(t, &r.group, models.NewBinding{PolicyID: r.global.ID})
	r.orders = modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	r.bind(t, &r.orders, models.NewBinding{GroupID: r.group.ID})
	return r
}

func (r *groupRoom) make(t *testing.T, o models.Owner) models.Owner {
	t.Helper()
	saved, _, err := r.site.Store.SavePolicyGroup(t.Context(), modelstest.By(), r.site.Project.ID, o)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func (r *groupRoom) bind(t *testing.T, o *models.Owner, b models.NewBinding) {
	t.Helper()
	b.Scope, b.Pipeline = policy.All, policy.Request
	if _, err := r.site.Store.AddBinding(t.Context(), modelstest.By(), r.site.Project.ID, o.ID, o.Version, b); err != nil {
		t.Fatal(err)
	}
	*o = modelstest.Reload(t, r.site.Store, *o)
}

// names are those bound to an owner, with a star for what is passive.
func (r *groupRoom) names(t *testing.T, o models.Owner) string {
	t.Helper()
	var list []string
	for _, b := range modelstest.Reload(t, r.site.Store, o).Bindings {
		name := b.Name()
		if !b.Active() {
			name += "*"
		}
		list = append(list, name)
	}
	return strings.Join(list, " ")
}

func TestPolicyGroupsAreListed(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	r.make(t, models.Owner{Name: "Errors", Description: "Of the house", Pipeline: policy.Error, Rank: 7, MakeDefault: true})
	base := link.KindPolicyGroup.List("Default")
	list := r.v.Get(t, base)
	rows := list.All("tbody tr")
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	mustContain(t, rows[0].Text(), "Errors", "Of the house", "Error", "7", "Every new proxy")
	mustContain(t, rows[1].Text(), "Standard", "Request", "2", "1", "Not deployed")
	if !r.v.Get(t, base).Has(".Side a[aria-current=page][href='" + base + "']") {
		t.Error("the menu does not lead here")
	}
	sorted := r.v.Get(t, base+"?sort=order&order=desc")
	mustContain(t, sorted.All("tbody tr")[0].Text(), "Errors")
	narrowed := r.v.Get(t, base+"?pipeline=REQUEST&q=stand")
	if rows := narrowed.All("tbody tr"); len(rows) != 1 || !narrowed.Has("select[name=pipeline] option[value=REQUEST][selected]") {
		t.Errorf("%d rows", len(rows))
	}
	if next := narrowed.All("a.Table-sort")[1].Attr("href"); !strings.Contains(next, "pipeline=REQUEST") || !strings.Contains(next, "q=stand") {
		t.Errorf("sorting leaves the filter: %s", next)
	}
	mustContain(t, r.v.Get(t, base+"?q=nothing-is-called-this").Text(), "No policy group matches")
	mustContain(t, r.v.Get(t, base+"?sort=zzz&page=-4&pipeline=zzz").Text(), "Standard")
	mustContain(t, r.v.Get(t, "/palette?project=Default&q=stand").Body, "/policy-groups/Standard", "Policy group")
}

func TestTheEmptyListOfPolicyGroupsOffersOneAction(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	list := site.SignIn(t, handlerstest.Administrator).Get(t, link.KindPolicyGroup.List("Default"))
	mustContain(t, list.Text(), "No policy group yet")
	if n := len(list.All("#main .Button--primary")); n != 1 {
		t.Errorf("%d primary actions", n)
	}
	if site.SignIn(t, handlerstest.Auditor).Get(t, link.KindPolicyGroup.List("Default")).Has("#main .Button--primary") {
		t.Error("an auditor is offered to create one")
	}
}

func TestAPolicyGroupIsMadeAndItsSecretShownOnce(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	form := r.v.Get(t, link.KindPolicyGroup.New("Default"))
	mustContain(t, form.Text(), "Takes JWT Authentication, Headers.", "Takes Headers.", "before groups of a higher number")
	wrong := r.v.Submit(t, form, "#policy-group-form", url.Values{"name": {"standard"}, "order": {"many"}, "makeDefault": {"true"}, "description": {"kept"}})
	mustStatus(t, wrong, http.StatusUnprocessableEntity)
	mustContain(t, wrong.One(t, "[role=alert]").Text(), "taken by another policy group", "from 0 to")
	if field := wrong.One(t, "input[name=order]"); field.Attr("value") != "many" || wrong.One(t, "textarea[name=description]").Text() == "" || !wrong.Has("input[name=makeDefault][checked]") {
		t.Error("what was typed is lost")
	}
	if !wrong.Has("input[name=name][autofocus]") || wrong.Has("input[name=order][autofocus]") {
		t.Error("the cursor is not in the first wrong field")
	}
	made := r.v.Submit(t, wrong, "#policy-group-form", url.Values{"name": {"Defaults"}, "order": {"3"}})
	mustStatus(t, made, http.StatusOK)
	mustContain(t, made.Text(), "Copy the client secret now")
	o, err := r.site.Store.Owner(t.Context(), r.site.Project.ID, engine.KindPolicyGroup, "Defaults")
	if err != nil || o.Rank != 3 || !o.MakeDefault || !o.Active || o.Pipeline != policy.Request {
		t.Errorf("%+v, %v", o, err)
	}
	shown := made.All(".CopyText code")
	if page := r.v.Get(t, link.PolicyGroup("Default", "Defaults").Page()); len(shown) != 2 || strings.Contains(page.Body, shown[1].Text()) || !strings.Contains(page.Body, shown[0].Text()) {
		t.Error("the client id is not shown again, or the secret is")
	}
	mustContain(t, r.v.Get(t, link.CheckPolicyGroupName("Default")+"?name=STANDARD").Body, "taken")
	mustContain(t, r.v.Get(t, link.CheckPolicyGroupName("Default")+"?name=STANDARD&except="+r.group.ID).Body, "Available")
	mustContain(t, r.v.Get(t, link.CheckPolicyGroupName("Default")+"?name=orders").Body, "Available") // a proxy's name is no other's
}

func TestThePageOfAPolicyGroupShowsWhatItHoldsAndWhereItIs(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	modelstest.Deploy(t, r.site.Store, r.orders, "production")
	page := r.v.Get(t, standard.Page())
	mustContain(t, page.All("#main table")[0].Text(), "1. first", "2. company", "Local", "Global", "JWT Authentication")
	mustContain(t, page.One(t, "#usage").Text(), "orders", "proxy", "All endpoints", "Request", "production")
	mustContain(t, page.Text(), "own key pair can ask for tokens", "changes when they are redeployed", r.group.ClientID)
	local, global := r.group.Bindings[0].ID, r.group.Bindings[1].ID
	for _, href := range []string{
		standard.BindingEdit(local), standard.BindingRemove(local), standard.BindingLocalize(global), standard.Duplicate(),
		standard.Deploy("production"), standard.Secret(), standard.Edit(), standard.Delete(),
		link.NewGroupBulkDeploy("Default", r.group.Name), link.UsageOfPolicyGroup("Default", r.group.Name),
	} {
		if !page.Has("a[href='" + href + "']") {
			t.Errorf("no way to %s", href)
		}
	}
	if !page.Has("form[action='" + standard.BindingStatus(local) + "']") {
		t.Error("the local policy cannot be switched")
	}
	empty := r.make(t, models.Owner{Name: "Errors", Pipeline: policy.Error})
	mustContain(t, r.v.Get(t, linkFor(empty).Page()).Text(), "No policy yet", "Add policy", "No proxy or proxy group uses it")
}

func TestThePageOfAPolicyGroupShowsTheFirstOfManyPlaces(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	group := r.make(t, models.Owner{Name: "Wide", Active: true, Pipeline: policy.Request})
	rows := func() int { return len(r.v.Get(t, linkFor(group).Page()).All("#usage tbody tr")) }
	for i := range 26 {
		o := modelstest.Proxy(t, r.site.Store, r.site.Project.ID, fmt.Sprintf("wide-%02d", i))
		bound := models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: group.ID}
		if _, err := r.site.Store.AddBinding(t.Context(), modelstest.By(), r.site.Project.ID, o.ID, o.Version, bound); err != nil {
			t.Fatal(err)
		}
		if i == 24 && rows() != 25 {
			t.Errorf("%d of 25 places are shown", rows())
		}
	}
	page := r.v.Get(t, linkFor(group).Page())
	mustContain(t, page.One(t, "#usage").Text(), "wide-24", "The first places are shown. All places in the report")
	if rows() != 25 {
		t.Errorf("%d places of 26 are shown", rows())
	}
}

func linkFor(o models.Owner) link.Owner { return link.PolicyGroup("Default", o.Name) }

func TestAPolicyGroupIsEditedAsItWasRead(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	form := r.v.Get(t, standard.Edit())
	if !form.Has("input[name=pipeline][value=ERROR][disabled]") {
		t.Error("the pipeline of a group that is used can be chosen")
	}
	mustContain(t, form.Text(), "the group holds 2 policies and is bound in 1 place", "orders (proxy)")
	r.make(t, models.Owner{ID: r.group.ID, Stamp: models.Stamp{Version: r.group.Version}, Name: "Standard", Active: true, Pipeline: policy.Request, Rank: 9})
	late := r.v.Submit(t, form, "#policy-group-form", url.Values{"order": {"4"}})
	mustStatus(t, late, http.StatusConflict)
	mustContain(t, late.One(t, "[role=alert]").Text(), "was changed by tester", "9", "4")
	saved := r.v.Submit(t, late, "#policy-group-form", url.Values{"name": {"Renamed"}})
	mustStatus(t, saved, http.StatusSeeOther)
	if saved.Location() != link.PolicyGroup("Default", "Renamed").Page() {
		t.Errorf("leads to %s", saved.Location())
	}
	again, err := r.site.Store.Owner(t.Context(), r.site.Project.ID, engine.KindPolicyGroup, "Renamed")
	if err != nil || again.Rank != 4 || len(again.Bindings) != 2 {
		t.Errorf("%+v, %v", again, err)
	}
	if err := r.site.Store.DeleteOwner(t.Context(), modelstest.By(), r.site.Project.ID, again.ID, again.Version); err != nil {
		t.Fatal(err)
	}
	gone := r.v.Submit(t, late, "#policy-group-form", url.Values{"name": {"Back"}})
	mustStatus(t, gone, http.StatusConflict)
	mustStatus(t, r.v.Submit(t, gone, "#policy-group-form", nil), http.StatusOK) // made again, with a new secret
}

func TestALivePolicyGroupIsMadePassiveOnlyWithItsName(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	send := func(v *handlerstest.Visitor, active, confirm string) handlerstest.Page {
		form := url.Values{"ownerId": {r.group.ID}, "version": {strconv.Itoa(modelstest.Reload(t, r.site.Store, r.group).Version)}, "active": {active}, "return": {link.KindPolicyGroup.List("Default")}}
		if confirm != "" {
			form.Set("confirm", confirm)
		}
		return v.Post(t, standard.Status(), form)
	}
	row := send(r.v.HTMX(), "false", "") // nothing is live: at once
	mustStatus(t, row, http.StatusOK)
	mustContain(t, row.Body, "is passive now", `aria-checked="false"`)
	mustStatus(t, send(r.v, "true", ""), http.StatusSeeOther)
	modelstest.Deploy(t, r.site.Store, r.orders, "production")
	asked := send(r.v.HTMX(), "false", "")
	if !strings.HasPrefix(asked.Location(), standard.Status()) {
		t.Fatalf("leads to %q", asked.Location())
	}
	question := r.v.Follow(t, asked)
	mustContain(t, question.One(t, "form.Confirm").Text(), "orders (proxy)", "Live in production", "Type Standard")
	refused := r.v.Submit(t, question, "form.Confirm", url.Values{"confirm": {"standard"}})
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	if r.names(t, r.orders) != "Standard" {
		t.Error("it was switched without its name")
	}
	done := r.v.Submit(t, refused, "form.Confirm", url.Values{"confirm": {"Standard"}})
	mustContain(t, r.v.Follow(t, done).Text(), "Standard is passive now.", "redeploy orders (proxy) in production")
	if r.names(t, r.orders) != "Standard*" {
		t.Error("it is active still")
	}
	// The form asks the same.
	mustStatus(t, send(r.v, "true", ""), http.StatusSeeOther)
	form := r.v.Get(t, standard.Edit())
	values := url.Values{"active": {""}}
	refused = r.v.Submit(t, form, "#policy-group-form", values)
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	mustContain(t, refused.One(t, "[role=alert]").Text(), "live in production through orders (proxy)")
	mustStatus(t, r.v.Submit(t, refused, "#policy-group-form", url.Values{"confirm": {"Standard"}}), http.StatusSeeOther)
	if r.names(t, r.orders) != "Standard*" {
		t.Error("the form did not switch it")
	}
}

func TestASwitchOfAPolicyGroupThatComesTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	late := r.v.HTMX().Post(t, standard.Status(), url.Values{"ownerId": {r.group.ID}, "version": {"1"}, "active": {"false"}})
	mustStatus(t, late, http.StatusConflict)
	mustContain(t, late.Body, "in the meantime", `aria-checked="true"`)
	mustStatus(t, r.v.Post(t, standard.Status(), url.Values{"ownerId": {r.orders.ID}, "version": {"1"}, "active": {"false"}}), http.StatusNotFound)
	mustStatus(t, r.v.Post(t, standard.Status(), url.Values{"ownerId": {r.group.ID}, "active": {"perhaps"}}), http.StatusUnprocessableEntity)
}

func TestDeletingAPolicyGroupSaysWhatLosesIt(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	modelstest.Deploy(t, r.site.Store, r.orders, "production")
	question := r.v.Get(t, standard.Delete())
	mustContain(t, question.One(t, "form.Confirm").Text(), "orders (proxy)", "Live in production", "1 local policy is deleted with it", "Type Standard")
	refused := r.v.Submit(t, question, "form.Confirm", nil)
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	done := r.v.Submit(t, refused, "form.Confirm", url.Values{"confirm": {"Standard"}})
	mustContain(t, r.v.Follow(t, done).Text(), "Standard was deleted.", "redeploy orders (proxy) in production")
	if r.names(t, r.orders) != "" {
		t.Error("it is bound still")
	}
	if _, err := r.site.Store.PolicyByID(t.Context(), r.site.Project.ID, r.global.ID); err != nil {
		t.Errorf("the global policy: %v", err)
	}
}

func TestWhatAGroupHoldsCountsWhereTheGroupRuns(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	local, global := r.group.Bindings[0].ID, r.group.Bindings[1].ID
	mustContain(t, r.v.Get(t, standard.BindingRemove(local)).Text(), "Nothing that uses it is deployed")
	modelstest.Deploy(t, r.site.Store, r.orders, "production")
	for at, words := range map[string][]string{
		standard.BindingRemove(local):    {"Calls go on as deployed in orders (proxy) until these are redeployed to production"},
		standard.BindingLocalize(global): {"Calls go on as deployed in orders (proxy)"},
		standard.BindingEdit(local):      {"Standard is bound in orders (proxy).", "Live in production"},
		link.PolicyDelete("Default", r.global.Type, "company"): {
			"It is removed from 1 API or group: Standard (policy group).", "As a part of policy groups it runs in orders too.", "1 of them is live in production", "Type company",
		},
		link.PolicyEdit("Default", r.global.Type, "company"): {"2 APIs and groups use it", "1 of them is live"},
	} {
		mustContain(t, r.v.Get(t, at).One(t, "#main").Text(), words...)
	}
	done := r.v.Submit(t, r.v.Get(t, standard.BindingRemove(local)), "form.Confirm", nil)
	mustContain(t, r.v.Follow(t, done).Text(), "was removed from the request lane and deleted. To take it over, redeploy orders (proxy) in production.")
}

func TestALaneIsSwitchedAsAWhole(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	second := modelstest.Proxy(t, r.site.Store, r.site.Project.ID, "stock")
	r.bind(t, &second, models.NewBinding{GroupID: r.group.ID})
	modelstest.Deploy(t, r.site.Store, second, "production")
	at := link.Proxy("Default", "orders")
	if r.v.Get(t, at.Develop()).Has("a[href*='/switch?'][href*='active=true']") {
		t.Error("the lane offers to activate what is active")
	}
	r.bind(t, &r.orders, models.NewBinding{Local: modelstest.JWT("own")})
	disable := at.SwitchBindings() + "?active=false&pipeline=REQUEST"
	if !r.v.Get(t, at.Develop()).Has("a[href='" + disable + "']") {
		t.Error("the lane does not offer to disable it")
	}
	question := r.v.Get(t, disable)
	mustContain(t, question.One(t, "form.Confirm").Text(), "1 policy of this proxy alone: own", "Standard", "1 other place: stock (proxy).", "Live in production: stock (proxy).")
	if question.Has("input[name=includeShared][checked]") {
		t.Error("what is shared is switched unless one says no")
	}
	done := r.v.Submit(t, question, "form.Confirm", nil)
	mustContain(t, r.v.Follow(t, done).Text(), "1 policy is passive now: own.")
	if got := r.names(t, r.orders); got != "Standard own*" {
		t.Errorf("the lane is %q", got)
	}
	mustContain(t, r.v.Follow(t, r.v.Submit(t, question, "form.Confirm", url.Values{"includeShared": {"true"}})).Text(), "Nothing of yours was saved")
	none := r.v.Post(t, disable, url.Values{"ownerId": {r.orders.ID}, "version": {strconv.Itoa(modelstest.Reload(t, r.site.Store, r.orders).Version)}})
	mustStatus(t, none, http.StatusUnprocessableEntity)
	mustContain(t, none.One(t, "form.Confirm").Text(), "nothing to switch")
	r.v.Submit(t, r.v.Get(t, disable), "form.Confirm", url.Values{"includeShared": {"true"}})
	if got := r.names(t, second); got != "Standard*" {
		t.Errorf("the other lane is %q", got)
	}
	r.orders = modelstest.Reload(t, r.site.Store, r.orders)
	r.bind(t, &r.orders, models.NewBinding{PolicyID: r.global.ID})
	mustContain(t, r.v.Get(t, disable).One(t, "form.Confirm").Text(), "2 other places: Standard (policy group)", "stock (proxy)", "Live in production: stock (proxy).") // through the group
	mustStatus(t, r.v.Get(t, at.SwitchBindings()+"?active=x&pipeline=REQUEST"), http.StatusUnprocessableEntity)
	mustStatus(t, r.v.Get(t, at.SwitchBindings()+"?active=true&pipeline=x"), http.StatusNotFound)
	mustStatus(t, r.v.Get(t, at.SwitchBindings()+"?active=true&pipeline=REQUEST&endpoint=x"), http.StatusNotFound)
}

func TestThingsAreDuplicatedUnderAFreeName(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	pol := link.PolicyDuplicate("Default", r.global.Type, "company")
	if !r.v.Get(t, link.Policies("Default", r.global.Type)).Has("a[href='"+pol+"']") || !r.v.Get(t, link.Policy("Default", r.global.Type, "company")).Has("a[href='"+pol+"']") {
		t.Error("no way to duplicate a policy")
	}
	for at, name := range map[string]string{pol: "company (Copy)", standard.Duplicate(): "Standard (Copy)", link.Proxy("Default", "orders").Duplicate(): "orders (Copy)"} {
		question := r.v.Get(t, at)
		if got := question.One(t, "input[name=name]").Attr("value"); got != name {
			t.Errorf("%s offers %q, want %q", at, got, name)
		}
		refused := r.v.Submit(t, question, "form.Confirm", url.Values{"name": {"a/b"}})
		mustStatus(t, refused, http.StatusUnprocessableEntity)
		if field := refused.One(t, "input[name=name]"); field.Attr("value") != "a/b" || field.Attr("aria-invalid") != "true" {
			t.Errorf("%s: what was typed is lost", at)
		}
		done := r.v.Submit(t, refused, "form.Confirm", url.Values{"name": {name}})
		if at == pol {
			mustContain(t, r.v.Follow(t, done).Text(), "company (Copy) was made, a copy of company.")
		} else {
			mustStatus(t, done, http.StatusOK)
			mustContain(t, done.Text(), "Copy the client secret now")
		}
		if got := r.v.Get(t, at).One(t, "input[name=name]").Attr("value"); got != strings.Replace(name, "(Copy)", "(Copy 2)", 1) {
			t.Errorf("then it offers %q", got)
		}
	}
	made, err := r.site.Store.Proxy(t.Context(), r.site.Project.ID, "orders (Copy)")
	if err != nil || made.Route.BasePath != "/orders-copy" || len(made.Bindings) != 1 || made.ClientID == r.orders.ClientID {
		t.Errorf("%+v, %v", made, err)
	}
	taken := r.v.Submit(t, r.v.Get(t, link.Proxy("Default", "orders").Duplicate()), "form.Confirm", url.Values{"basePath": {"/orders"}})
	mustStatus(t, taken, http.StatusUnprocessableEntity)
	if !taken.Has("input[name=basePath][aria-invalid=true][autofocus]") {
		t.Error("the cursor is not in the wrong field")
	}
}

func TestAPolicyMadeInPlaceIsGlobalWhenAsked(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	form := r.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy(r.global.Type)+"?pipeline=REQUEST")
	refused := r.v.Submit(t, form, "#policy-form", url.Values{"name": {"COMPANY"}, "asGlobal": {"true"}})
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	if !refused.Has("input[name=asGlobal][checked]") {
		t.Error("the tick is lost")
	}
	done := r.v.Submit(t, refused, "#policy-form", url.Values{"name": {"for all"}})
	mustContain(t, r.v.Follow(t, done).Text(), "for all was added")
	if p, err := r.site.Store.Policy(t.Context(), r.site.Project.ID, r.global.Type, "for all"); err != nil || p.Used != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	edit := r.v.Get(t, standard.BindingEdit(r.group.Bindings[0].ID))
	if edit.Has("input[name=asGlobal]") {
		t.Error("the form of a policy that exists has the tick")
	}
}

func TestAuditorsChangeNoPolicyGroup(t *testing.T) {
	t.Parallel()
	r := newGroupRoom(t)
	otto := r.site.SignIn(t, handlerstest.Auditor)
	for _, path := range []string{link.KindPolicyGroup.List("Default"), standard.Page(), standard.Develop(), standard.History()} {
		page := otto.Get(t, path)
		mustStatus(t, page, http.StatusOK)
		if page.Has("#main form[method=post]") || page.Has("#main a[href$='/edit']") || page.Has("#main a[href$='/duplicate']") || page.Has("#main a[href*='/switch']") {
			t.Errorf("%s offers a change", path)
		}
	}
	proxy := link.Proxy("Default", "orders")
	form := url.Values{"ownerId": {r.group.ID}, "version": {strconv.Itoa(r.group.Version)}, "active": {"false"}, "name": {"x"}, "pipeline": {"REQUEST"}, "confirm": {"Standard"}}
	for _, path := range []string{
		link.KindPolicyGroup.New("Default"), standard.Edit(), standard.Status(), standard.Delete(), standard.Duplicate(), standard.SwitchBindings(),
		proxy.Duplicate(), proxy.SwitchBindings(), link.PolicyDuplicate("Default", r.global.Type, "company"),
	} {
		mustStatus(t, otto.Get(t, path), http.StatusForbidden)
		mustStatus(t, otto.Post(t, path, form), http.StatusForbidden)
	}
	mustStatus(t, otto.Get(t, link.CheckPolicyGroupName("Default")+"?name=x"), http.StatusForbidden)
	if now := modelstest.Reload(t, r.site.Store, r.group); now.Version != r.group.Version {
		t.Error("the group was changed")
	}
}
