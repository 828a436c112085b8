package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// choicesShown is how many global policies the chooser lists; a search finds
// the others.
const choicesShown = 50

// spot is where the address, or the form, wants a policy.
func (d *ownerDesk) spot() (spot, error) {
	s := spot{policy.Pipeline(d.g.Request.Form.Get("pipeline")), d.g.Request.Form.Get("endpoint")}
	known := slices.ContainsFunc(lanes, func(l laneText) bool { return l.pipeline == s.pipeline })
	if !known {
		return s, fmt.Errorf("pipeline %q: %w", s.pipeline, models.ErrNotFound)
	}
	if !d.knows(s.endpoint) {
		return s, fmt.Errorf("endpoint %q: %w", s.endpoint, models.ErrNotFound)
	}
	return s, nil
}

// where names a lane.
func (d *ownerDesk) where(s spot) string {
	switch {
	case d.kind == engine.KindPolicyGroup:
		return words.Lane(s.pipeline)
	case s.endpoint == "":
		return words.Lane(s.pipeline) + " for all endpoints"
	}
	return words.Lane(s.pipeline) + " of " + d.scopeName(s.endpoint)
}

// ChoosePolicy is where a global policy is chosen for a lane, or a local one
// begun.
func (c *Console) ChoosePolicy(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	s, err := d.spot()
	if err != nil {
		return err
	}
	page, err := d.chooser(s, strings.TrimSpace(g.Query("q")))
	if err != nil {
		return err
	}
	if err := d.offerGroups(s, &page); err != nil {
		return err
	}
	frame, err := d.frame(page.Title, layout.Crumb{Label: "Develop", Href: d.scopeHref(s.endpoint)}, layout.Crumb{Label: "Add policy"})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, proxies.ChooserPage(frame, page))
}

func (d *ownerDesk) chooser(s spot, query string) (proxies.Chooser, error) {
	here := d.link().NewBinding()
	page := proxies.Chooser{
		Title: "Add a policy", Noun: d.noun, Text: fmt.Sprintf("%s, %s.", d.owner.Name, d.where(s)), Query: query,
		AddTo: d.link().Bindings(), Hidden: append(s.hidden(), d.version()...), Cancel: d.scopeHref(s.endpoint),
		Search: ui.Search{Action: here, Value: query, Label: "Search global policies", Clear: here + "?" + s.values().Encode(), Hidden: s.hidden()},
	}
	for _, t := range d.c.types {
		if !t.Allows(s.pipeline) {
			continue
		}
		page.Types = append(page.Types, proxies.TypeChoice{
			Label: t.Label, Summary: t.Summary, Href: d.link().NewLocalPolicy(t.Name) + "?" + s.values().Encode(),
		})
		found, total, err := d.c.store.Policies(d.g.Request.Context(), d.project.ID, models.PolicyFilter{Type: t.Name, Query: query, PerPage: choicesShown})
		if err != nil {
			return page, err
		}
		page.More += total - len(found)
		for _, p := range found {
			page.Globals = append(page.Globals, proxies.Choice{
				ID: p.ID, Name: p.Name, Description: p.Description, Type: t.Label, Href: link.Policy(d.project.Name, t.Name, p.Name),
				Active: p.Active, Used: p.Used, Taken: d.runs(s, p.ID),
			})
		}
	}
	return page, nil
}

// offerGroups adds the policy groups that can go into the lane.
func (d *ownerDesk) offerGroups(s spot, page *proxies.Chooser) error {
	if d.kind == engine.KindPolicyGroup {
		return nil
	}
	page.Grouped, page.Search.Label = true, "Search policies and policy groups"
	filter := models.OwnerFilter{Kind: engine.KindPolicyGroup, Pipeline: s.pipeline, Query: page.Query, PerPage: choicesShown}
	found, total, err := d.c.store.Owners(d.g.Request.Context(), d.project.ID, filter)
	if err != nil {
		return err
	}
	page.MoreGroups = total - len(found)
	ids := make([]string, len(found))
	for i, o := range found {
		ids[i] = o.ID
	}
	counts, err := d.c.store.GroupCounts(d.g.Request.Context(), ids)
	for _, o := range found {
		page.Groups = append(page.Groups, proxies.Choice{
			ID: o.ID, Name: o.Name, Description: o.Description, Type: "Policy group", Href: linkOf(d.project.Name, o).Page(),
			Active: o.Active, Policies: counts[o.ID].Policies, Used: counts[o.ID].Places, Taken: d.runsGroup(s, o.ID),
		})
	}
	return err
}

func (d *ownerDesk) runsGroup(s spot, groupID string) bool {
	return slices.ContainsFunc(d.owner.Bindings, func(b models.Binding) bool {
		return b.Group != nil && b.Group.ID == groupID && b.Pipeline == s.pipeline && b.EndpointID == s.endpoint
	})
}

// runs tells whether a policy is in the lane already.
func (d *ownerDesk) runs(s spot, policyID string) bool {
	return slices.ContainsFunc(d.owner.Bindings, func(b models.Binding) bool {
		return b.Group == nil && b.Policy.ID == policyID && b.Pipeline == s.pipeline && b.EndpointID == s.endpoint
	})
}

func (s spot) scope() policy.Scope {
	if s.endpoint == "" {
		return policy.All
	}
	return policy.Endpoint
}

func (s spot) binding() models.NewBinding {
	return models.NewBinding{Scope: s.scope(), EndpointID: s.endpoint, Pipeline: s.pipeline}
}

// AddBinding binds a global policy or a policy group in a lane.
func (c *Console) AddBinding(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	s, err := d.spot()
	if err != nil {
		return err
	}
	wanted := s.binding()
	wanted.PolicyID, wanted.GroupID = g.PostForm("policy"), g.PostForm("group")
	if d.runs(s, wanted.PolicyID) || d.runsGroup(s, wanted.GroupID) { // pressed twice, or in two windows
		return d.changed(nil, "", s.endpoint)
	}
	b, err := c.store.AddBinding(g.Request.Context(), d.v.Actor(), d.project.ID, d.owner.ID, number(g.PostForm("version")), wanted)
	return d.changed(err, fmt.Sprintf("%s was added to the %s.", b.Name(), d.where(s)), s.endpoint)
}

// localEditor is one visit to the form of a local policy.
type localEditor struct {
	*ownerDesk
	typ     policy.Type
	form    policies.Form
	spot    spot
	binding models.Binding // zero for a new one
}

// NewLocalPolicy is the empty form of a policy of the owner's own.
func (c *Console) NewLocalPolicy(g *gin.Context) error {
	e, err := c.newLocal(g)
	if err != nil {
		return err
	}
	return e.show(http.StatusOK, policies.FormPage{Values: policies.Write(e.form, e.form.New())})
}

func (c *Console) newLocal(g *gin.Context) (*localEditor, error) {
	d, err := c.ownerDesk(g)
	if err != nil {
		return nil, err
	}
	e := &localEditor{ownerDesk: d}
	if e.spot, err = d.spot(); err != nil {
		return nil, err
	}
	if e.typ, e.form, err = c.typeAndForm(g.Param("type")); err != nil {
		return nil, err
	}
	if !e.typ.Allows(e.spot.pipeline) {
		return nil, problem.List{{Message: fmt.Sprintf("%s cannot run in the %s.", e.typ.Label, words.Lane(e.spot.pipeline))}}
	}
	return e, nil
}

// CreateLocalPolicy makes the policy and binds it in one step.
func (c *Console) CreateLocalPolicy(g *gin.Context) error {
	e, err := c.newLocal(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	if policies.Change(e.form, values, values["change"]) {
		return e.show(http.StatusOK, policies.FormPage{Values: values})
	}
	config, problems := policies.Read(e.form, e.typ.Name, values)
	shared := values["asGlobal"] == "true"
	if shared && !e.v.Can(models.ManageSettings) {
		return models.ErrForbidden
	}
	if shared {
		problems, err = e.globalNameTaken(config, problems)
	} else {
		problems, err = e.nameTaken(config, problems)
	}
	if err != nil {
		return err
	}
	var b models.Binding
	if len(problems) == 0 {
		wanted := e.spot.binding()
		wanted.Local, wanted.AsGlobal = config, shared
		b, err = c.store.AddBinding(g.Request.Context(), e.v.Actor(), e.project.ID, e.owner.ID, number(values["version"]), wanted)
		problems = policies.InOrder(e.form, problem.Of(err))
	}
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return e.showLate(stale, values)
	}
	if len(problems) > 0 {
		return e.show(http.StatusUnprocessableEntity, policies.FormPage{Values: values, Problems: problems, Unsaved: true})
	}
	return e.changed(err, fmt.Sprintf("%s was added to the %s.", b.Policy.Name, e.where(e.spot)), e.spot.endpoint)
}

// nameTaken adds that the name is taken when other problems would keep the
// store from looking, so that everything is said at once.
func (e *localEditor) nameTaken(config policy.Config, problems problem.List) (problem.List, error) {
	if len(problems) == 0 || problems.For("name") != "" {
		return problems, nil
	}
	for _, b := range e.owner.Bindings {
		if p := b.Policy; !b.Shared() && p.ID != e.binding.Policy.ID && strings.EqualFold(p.Name, config.Base().Name) {
			problems.Add("name", "The name is taken by another policy; choose another one.")
			return policies.InOrder(e.form, problems), nil
		}
	}
	return problems, nil
}

// globalNameTaken is nameTaken for a policy that is to be a global one.
func (e *localEditor) globalNameTaken(config policy.Config, problems problem.List) (problem.List, error) {
	if len(problems) == 0 || problems.For("name") != "" {
		return problems, nil
	}
	why, err := e.c.store.PolicyNameProblem(e.g.Request.Context(), e.project.ID, config.Base().Name, "")
	if why != "" {
		problems.Add("name", "%s", why)
	}
	return policies.InOrder(e.form, problems), err
}

// showLate gives the form back when the owner changed while the policy was
// written: what was typed is kept and can be sent again as it is.
func (e *localEditor) showLate(stale *models.StaleError, values policies.Values) error {
	problems := problem.List{{Message: fmt.Sprintf("%s was changed by %s while you were writing. Look at its lanes if you like, then send the form again.", stale.Name, stale.By)}}
	if now, ok := stale.Current.(models.Owner); ok {
		e.owner = now
	}
	if !e.knows(e.spot.endpoint) {
		e.spot.endpoint = ""
		problems.Add("", "The endpoint is gone; the policy would now go to all endpoints.")
	}
	return e.show(http.StatusConflict, policies.FormPage{Values: values, Problems: problems, Unsaved: true})
}

// show fills in what every visit to the form has.
func (e *localEditor) show(status int, page policies.FormPage) error {
	title := "New local " + e.typ.Label + " policy"
	page.Frame, page.Form, page.Creates, page.Shares = layout.Props{}, e.form, true, e.v.Can(models.ManageSettings)
	page.Action = e.link().NewLocalPolicy(e.typ.Name) + "?" + e.spot.values().Encode()
	page.Hidden = append(e.spot.hidden(), e.version()...)
	page.Discard, page.Save = e.scopeHref(e.spot.endpoint), "Add policy"
	page.About = fmt.Sprintf("%s, end of the %s. It belongs to this %s alone.", e.owner.Name, e.where(e.spot), e.noun)
	if e.binding.ID != "" {
		title = "Edit " + e.binding.Policy.Name
		page.Creates, page.Shares, page.Save, page.States = false, false, "", []ui.State{ui.StateLocal}
		page.Action, page.Discard = e.link().BindingEdit(e.binding.ID), e.link().Binding(e.binding.ID)
		page.Hidden = []ui.Hidden{{Name: "version", Value: strconv.Itoa(e.binding.Policy.Version)}}
		page.About = fmt.Sprintf("%s, %s. Saving changes no traffic until the next deploy.", e.owner.Name, e.where(e.spot))
	}
	page.Title = title
	config, _ := policies.Read(e.form, e.typ.Name, page.Values)
	var err error
	if page.Choices, err = e.c.choices(e.g.Request.Context(), e.project, config); err != nil {
		return err
	}
	page.Choices.KeyPair, page.Choices.Proxy = e.page(), endpointsOf(e.owner)
	if page.Choices.Errors, err = e.c.errorChoices(e.g.Request.Context(), e.typ.Faults, policyErrors(e.project, e.typ.Name, &e.owner), &e.owner); err != nil {
		return err
	}
	if e.kind == engine.KindPolicyGroup {
		use, err := e.use()
		if err != nil {
			return err
		}
		page.Rail = proxies.PolicyGroupImpact(use.effects(e.owner.Name+" is bound in", "as it was saved last"))
	}
	page.Advice, page.Refresh = e.form.Advice(config, page.Choices), link.PolicyAdvice(e.project.Name, e.typ.Name)
	page.Redraw = link.PolicyConditions(e.project.Name, e.typ.Name)
	if page.Frame, err = e.frame(title, layout.Crumb{Label: "Develop", Href: e.scopeHref(e.spot.endpoint)}, layout.Crumb{Label: title}); err != nil {
		return err
	}
	return render(e.g, status, policies.ShowForm(page))
}

// bindingDesk finds the binding that the address names.
func (c *Console) bindingDesk(g *gin.Context) (*localEditor, error) {
	d, err := c.ownerDesk(g)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.owner.Bindings, func(b models.Binding) bool { return b.ID == g.Param("binding") })
	if i < 0 {
		return nil, fmt.Errorf("binding %q: %w", g.Param("binding"), models.ErrNotFound)
	}
	e := &localEditor{ownerDesk: d, binding: d.owner.Bindings[i]}
	e.spot = spot{e.binding.Pipeline, e.binding.EndpointID}
	if e.binding.Group != nil {
		return e, nil
	}
	e.typ, e.form, err = c.typeAndForm(e.binding.Policy.Type)
	return e, err
}

// local is bindingDesk for what only a local policy allows: a global one is
// changed on its own page.
func (c *Console) local(g *gin.Context) (*localEditor, error) {
	e, err := c.bindingDesk(g)
	if err == nil && e.binding.Shared() {
		return nil, fmt.Errorf("%s is shared: %w", e.binding.Name(), models.ErrNotFound)
	}
	return e, err
}

// ShowBinding is a bound policy as it is read. Like ShowPolicy it tries the
// condition on what is posted to it.
func (c *Console) ShowBinding(g *gin.Context) error {
	e, err := c.bindingDesk(g)
	if err != nil {
		return err
	}
	if e.binding.Group != nil { // it is read, and edited, on its own page
		return redirect(g, linkOf(e.project.Name, *e.binding.Group).Page())
	}
	frame, err := e.frame(e.binding.Policy.Name, layout.Crumb{Label: "Develop", Href: e.scopeHref(e.spot.endpoint)}, layout.Crumb{Label: e.binding.Policy.Name})
	if err != nil {
		return err
	}
	audited(g, &frame, e.project.Name, e.binding.Policy.ID)
	p := e.binding.Policy
	settings, err := e.read(p)
	if err != nil {
		return err
	}
	view := proxies.BindingView{
		Bound: e.bound(e.binding), Where: fmt.Sprintf("%s, position %d", e.where(e.spot), e.binding.Position), Back: e.scopeHref(e.spot.endpoint),
		Settings: settings, Noun: e.noun,
	}
	if p.Global() {
		view.Global = link.Policy(e.project.Name, p.Type, p.Name)
	}
	return render(g, http.StatusOK, proxies.BindingPage(frame, view))
}

// read is what a bound policy says, with its condition to try.
func (e *localEditor) read(p models.Policy) (templ.Component, error) {
	values, choices := policies.Write(e.form, p.Config), policies.Choices{Now: e.c.now()}
	settings := policies.SettingsOf(e.form, values)
	sent, err := sample(e.g)
	if err != nil {
		return nil, err
	}
	conditions.Try(values, sent)
	ctx := e.g.Request.Context()
	if err := e.c.offerVariables(ctx, e.project, &choices); err != nil {
		return nil, err
	}
	err = e.c.offerEnvironments(ctx, p.Config.Base().Condition, &choices)
	trial := conditions.Trial(policies.Conditions(values, nil, choices, ""), e.link().Binding(e.binding.ID))
	return templ.Join(policies.SettingPanels(settings), trial), err
}

// EditBinding is the form of a local policy.
func (c *Console) EditBinding(g *gin.Context) error {
	e, err := c.local(g)
	if err != nil {
		return err
	}
	return e.show(http.StatusOK, policies.FormPage{Values: policies.Write(e.form, e.binding.Policy.Config)})
}

// SaveBinding saves the form of a local policy.
func (c *Console) SaveBinding(g *gin.Context) error {
	e, err := c.local(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	version := number(values["version"])
	if policies.Change(e.form, values, values["change"]) {
		e.binding.Policy.Version = version
		return e.show(http.StatusOK, policies.FormPage{Values: values, Unsaved: true})
	}
	config, problems := policies.Read(e.form, e.typ.Name, values)
	if problems, err = e.nameTaken(config, problems); err != nil {
		return err
	}
	if len(problems) == 0 {
		_, err = c.store.SavePolicy(g.Request.Context(), e.v.Actor(), e.project.ID, e.binding.Policy.ID, version, config)
		problems = policies.InOrder(e.form, problem.Of(err))
	}
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return e.showConflict(stale, values)
	}
	if len(problems) > 0 {
		e.binding.Policy.Version = version
		return e.show(http.StatusUnprocessableEntity, policies.FormPage{Values: values, Problems: problems, Unsaved: true})
	}
	return e.changed(err, config.Base().Name+" was saved.", e.spot.endpoint)
}

// showConflict shows both sides of a save that came too late.
func (e *localEditor) showConflict(stale *models.StaleError, values policies.Values) error {
	conflict := &policies.Conflict{Name: stale.Name, By: stale.By, At: stale.At, Now: e.c.now()}
	if now, ok := stale.Current.(models.Policy); ok {
		theirs := policies.SettingsOf(e.form, policies.Write(e.form, now.Config))
		conflict.Different, conflict.Same = policies.Compare(theirs, policies.SettingsOf(e.form, values))
	}
	conflict.Discard = e.link().BindingEdit(e.binding.ID)
	e.binding.Policy.Version = stale.Version // theirs are shown: saving again keeps mine
	return e.show(http.StatusConflict, policies.FormPage{Values: values, Conflict: conflict, Unsaved: true})
}

// SetBindingStatus switches a local policy active or passive.
func (c *Console) SetBindingStatus(g *gin.Context) error {
	e, err := c.local(g)
	if err != nil {
		return err
	}
	active, err := strconv.ParseBool(g.PostForm("active"))
	if err != nil {
		return problem.List{{Field: "active", Message: "Send true or false."}}
	}
	p := e.binding.Policy
	_, err = c.store.SetPolicyActive(g.Request.Context(), e.v.Actor(), e.project.ID, p.ID, number(g.PostForm("policyVersion")), active)
	return e.changed(err, fmt.Sprintf("%s is %s now.", p.Name, strings.ToLower(string(ui.StateOf(active)))), e.spot.endpoint)
}

// ConfirmRemoveBinding asks, with what becomes of the policy.
func (c *Console) ConfirmRemoveBinding(g *gin.Context) error {
	e, err := c.bindingDesk(g)
	if err != nil {
		return err
	}
	name := e.binding.Name()
	frame, err := e.frame("Remove "+name, layout.Crumb{Label: "Develop", Href: e.scopeHref(e.spot.endpoint)}, layout.Crumb{Label: "Remove " + name})
	if err != nil {
		return err
	}
	effects, err := e.removeEffects()
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, proxies.AskPage(frame, ui.Confirm{
		Title: fmt.Sprintf("Remove %s from the %s?", name, e.where(e.spot)), Effects: effects,
		Action: e.link().BindingRemove(e.binding.ID), Label: e.removeLabel(),
		Cancel: e.scopeHref(e.spot.endpoint), Hidden: e.version(),
	}))
}

func (e *localEditor) removeLabel() string {
	if e.binding.Group != nil {
		return "Remove policy group"
	}
	return "Remove policy"
}

func (e *localEditor) removeEffects() ([]string, error) {
	p := e.binding.Policy
	effects := []string{"It belongs to this " + e.noun + " alone and is deleted"}
	switch {
	case e.binding.Group != nil:
		effects[0] = "It is detached here and kept with its " + countOf(len(e.binding.Group.Bindings), "policy", "policies")
	case p.Global():
		effects[0] = "It is global: it is detached here and kept" + elsewhere(p.Used-1)
	}
	last, err := e.untouched()
	return append(effects, last), err
}

func elsewhere(n int) string {
	if n < 1 {
		return ""
	}
	return ", also where it is bound in " + countOf(n, "other place", "other places")
}

// RemoveBinding takes a policy or a policy group out of its lane.
func (c *Console) RemoveBinding(g *gin.Context) error {
	e, err := c.bindingDesk(g)
	if err != nil {
		return err
	}
	err = c.store.RemoveBinding(g.Request.Context(), e.v.Actor(), e.project.ID, e.owner.ID, number(g.PostForm("version")), e.binding.ID)
	done := fmt.Sprintf("%s was removed from the %s and deleted.", e.binding.Name(), e.where(e.spot))
	if e.binding.Shared() {
		done = fmt.Sprintf("%s was detached from the %s.", e.binding.Name(), e.where(e.spot))
	}
	return e.changed(err, done, e.spot.endpoint)
}
