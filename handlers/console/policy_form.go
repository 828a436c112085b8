package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// typeAndForm is the type of policy that an address names, with its form.
func (c *Console) typeAndForm(name string) (policy.Type, policies.Form, error) {
	return words.TypeAndForm(c.types, name)
}

// typed is the form as it was sent, field by field and as text.
func typed(g *gin.Context) (policies.Values, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	v := policies.Values{}
	for name, values := range g.Request.PostForm {
		v[name] = values[0]
	}
	return v, nil
}

// sample is the request on which the page of a policy is to try its condition,
// nil for a page that is only opened. It comes by POST: a pasted request can
// hold secrets.
func sample(g *gin.Context) (policies.Values, error) {
	if g.Request.Method != http.MethodPost {
		return nil, nil
	}
	return typed(g)
}

// badForm keeps the meaning of a form that is too large; any other that cannot
// be read did not come from one of our pages.
func badForm(err error) error {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return err
	}
	return problem.List{{Message: "The form could not be read. Send it again from its page."}}
}

// policyEditor is one visit to the form of a global policy.
type policyEditor struct {
	c       *Console
	g       *gin.Context
	project models.Project
	typ     policy.Type
	form    policies.Form
	sample  policies.Values // see sample
}

func (c *Console) policyEditor(g *gin.Context) (*policyEditor, error) {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return nil, err
	}
	typ, form, err := c.typeAndForm(g.Param("type"))
	if err != nil {
		return nil, err
	}
	return &policyEditor{c: c, g: g, project: project, typ: typ, form: form}, nil
}

// crumbs is the way to a page of the type, as the guide's menu has it.
func (e *policyEditor) crumbs(more ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{
		{Label: e.project.Name, Href: link.Project(e.project.Name)},
		{Label: "Global Policies"},
		{Label: e.typ.Label, Href: link.Policies(e.project.Name, e.typ.Name)},
	}, more...)
}

// NewPolicy is the empty form.
func (c *Console) NewPolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	return e.showNew(http.StatusOK, policies.Write(e.form, e.form.New()), nil)
}

// CreatePolicy saves a new policy.
func (c *Console) CreatePolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	if policies.Change(e.form, values, values["change"]) {
		return e.showNew(http.StatusOK, values, nil)
	}
	saved, problems, err := e.save("", 0, values)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return e.showNew(http.StatusUnprocessableEntity, values, problems)
	}
	visit.From(g.Request.Context()).Say(g.Request.Context(), visit.Success, saved.Name+" was created.")
	return redirect(g, link.Policy(e.project.Name, e.typ.Name, saved.Name))
}

// save reads and saves what was typed. Everything that is wrong comes back at
// once: what only the store knows is asked even when the value itself is wrong.
func (e *policyEditor) save(id string, version int, values policies.Values) (models.Policy, problem.List, error) {
	ctx := e.g.Request.Context()
	config, problems := policies.Read(e.form, e.typ.Name, values)
	if len(problems) > 0 {
		if problems.For("name") == "" {
			taken, err := e.c.store.PolicyNameProblem(ctx, e.project.ID, config.Base().Name, id)
			if err != nil {
				return models.Policy{}, nil, err
			}
			if taken != "" {
				problems.Add("name", "%s", taken)
			}
		}
		return models.Policy{}, policies.InOrder(e.form, problems), nil
	}
	saved, err := e.c.store.SavePolicy(ctx, visit.From(ctx).Actor(), e.project.ID, id, version, config)
	if list := problem.Of(err); list != nil {
		return models.Policy{}, policies.InOrder(e.form, list), nil
	}
	return saved, nil, err
}

func (e *policyEditor) showNew(status int, values policies.Values, problems problem.List) error {
	choices, advice, err := e.offer(values)
	if err != nil {
		return err
	}
	frame, err := e.c.frame(e.g, "New "+e.typ.Label+" policy", e.project, e.crumbs(layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	return render(e.g, status, policies.ShowForm(policies.FormPage{
		Frame: frame, Title: "New " + e.typ.Label + " policy", About: e.typ.Summary, Form: e.form,
		Values: values, Problems: problems, Choices: choices, Advice: advice,
		Action: link.NewPolicy(e.project.Name, e.typ.Name), Discard: link.Policies(e.project.Name, e.typ.Name),
		Check: link.CheckPolicyName(e.project.Name), Refresh: link.PolicyAdvice(e.project.Name, e.typ.Name),
		Redraw: link.PolicyConditions(e.project.Name, e.typ.Name),
		Save:   "Create policy", Creates: true, Unsaved: len(problems) > 0,
	}))
}

// consider finds what the form offers, and the advice about what is typed, also
// while parts of it are wrong.
func (e *policyEditor) consider(values policies.Values) (policies.Choices, []policies.Advice, error) {
	config, _ := policies.Read(e.form, e.typ.Name, values)
	choices, err := e.c.choices(e.g.Request.Context(), e.project, config)
	return choices, e.form.Advice(config, choices), err
}

// offer is consider for a whole form, with its error messages.
func (e *policyEditor) offer(values policies.Values) (policies.Choices, []policies.Advice, error) {
	choices, advice, err := e.consider(values)
	if err == nil {
		choices.Errors, err = e.c.errorChoices(e.g.Request.Context(), e.typ.Faults, policyErrors(e.project, e.typ.Name, nil), nil)
	}
	return choices, advice, err
}

// EditPolicy is the form of a policy that exists.
func (c *Console) EditPolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	p, err := c.store.Policy(g.Request.Context(), e.project.ID, e.typ.Name, g.Param("policy"))
	if err != nil {
		return err
	}
	return e.showEdit(http.StatusOK, p, policies.FormPage{Values: policies.Write(e.form, p.Config)})
}

// SavePolicy saves the form of a policy that exists. The form says which one
// by its id, so that a policy renamed in the meantime is still the same.
func (c *Console) SavePolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	read := models.Policy{ID: values["policyId"], Name: g.Param("policy"), Stamp: models.Stamp{Version: number(values["version"])}}
	if now, err := e.posted(read.ID); err == nil {
		read.ID = now.ID
	} else if read.ID == "" || !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if policies.Change(e.form, values, values["change"]) {
		return e.showEdit(http.StatusOK, read, policies.FormPage{Values: values, Unsaved: true})
	}
	saved, problems, err := e.save(read.ID, read.Version, values)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return e.showConflict(stale, read, values)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return e.showEdit(http.StatusUnprocessableEntity, read, policies.FormPage{Values: values, Problems: problems, Unsaved: true})
	}
	if err := e.c.saySaved(g, saved, "was saved"); err != nil {
		return err
	}
	return redirect(g, link.Policy(e.project.Name, e.typ.Name, saved.Name))
}

// number reads a hidden field; anything else than a number counts as zero,
// which no version is.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// showConflict shows both sides of a save that came too late. Where the policy
// is gone, the same form creates it again.
func (e *policyEditor) showConflict(stale *models.StaleError, read models.Policy, values policies.Values) error {
	conflict := &policies.Conflict{Name: stale.Name, By: stale.By, At: stale.At, Now: e.c.now(), Deleted: stale.Deleted}
	now, ok := stale.Current.(models.Policy)
	if stale.Deleted || !ok {
		conflict.Deleted = true
		return e.showEdit(http.StatusConflict, read, policies.FormPage{
			Values: values, Conflict: conflict, Unsaved: true, Creates: true,
			Action: link.NewPolicy(e.project.Name, e.typ.Name), Save: "Create it again", Discard: link.Policies(e.project.Name, e.typ.Name),
		})
	}
	theirs := policies.SettingsOf(e.form, policies.Write(e.form, now.Config))
	conflict.Different, conflict.Same = policies.Compare(theirs, policies.SettingsOf(e.form, values))
	conflict.Discard = link.PolicyEdit(e.project.Name, e.typ.Name, now.Name)
	// The form names the version that is shown as theirs: saving again keeps
	// mine, unless they go on changing it.
	return e.showEdit(http.StatusConflict, now, policies.FormPage{Values: values, Conflict: conflict, Unsaved: true})
}

// showEdit fills in what every visit to the form of p has.
func (e *policyEditor) showEdit(status int, p models.Policy, page policies.FormPage) error {
	project := e.project.Name
	frame, err := e.c.frame(e.g, "Edit "+p.Name, e.project, e.crumbs(
		layout.Crumb{Label: p.Name, Href: link.Policy(project, e.typ.Name, p.Name)}, layout.Crumb{Label: "Edit"})...)
	if err != nil {
		return err
	}
	audited(e.g, &frame, project, p.ID)
	page.Frame, page.Form, page.Title = frame, e.form, "Edit "+p.Name
	if page.Choices, page.Advice, err = e.offer(page.Values); err != nil {
		return err
	}
	page.About = e.typ.Label + " policy. Saving changes no traffic; proxies that use it take it over when they are redeployed."
	page.Refresh, page.Redraw = link.PolicyAdvice(project, e.typ.Name), link.PolicyConditions(project, e.typ.Name)
	page.Check = link.CheckPolicyName(project)
	if page.Action == "" {
		page.Action = link.PolicyEdit(project, e.typ.Name, p.Name)
		page.Discard = link.Policy(project, e.typ.Name, p.Name)
		page.Check += "?" + url.Values{"except": {p.ID}}.Encode()
		page.Hidden = []ui.Hidden{{Name: "policyId", Value: p.ID}, {Name: "version", Value: strconv.Itoa(p.Version)}}
		usage, err := e.c.usage(e.g.Request.Context(), p.ID)
		if err != nil {
			return err
		}
		page.Rail = policies.UseRail(usage.rail(), usage.Live)
	}
	return render(e.g, status, policies.ShowForm(page))
}

// CheckPolicyName says while it is typed whether a name is free.
func (c *Console) CheckPolicyName(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	why, err := c.store.PolicyNameProblem(g.Request.Context(), project.ID, g.Query("name"), g.Query("except"))
	if err != nil {
		return err
	}
	if why != "" {
		return render(g, http.StatusOK, ui.CheckResult(false, why))
	}
	return render(g, http.StatusOK, ui.CheckResult(true, "Available"))
}

// PolicyAdvice is what to consider about a form as it is typed now.
func (c *Console) PolicyAdvice(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	_, advice, err := e.consider(values)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, policies.AdviceList(advice))
}

// PolicyConditions draws the conditions of a form anew after one of their
// buttons, and tries them on a sample request. Nothing is saved.
func (c *Console) PolicyConditions(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	values, err := typed(g)
	if err != nil {
		return err
	}
	policies.Change(e.form, values, values["change"])
	choices := policies.Choices{Now: c.now()}
	ctx := g.Request.Context()
	if err := c.offerVariables(ctx, e.project, &choices); err != nil {
		return err
	}
	cond, _, _ := conditions.Read(values)
	if err := c.offerEnvironments(ctx, cond, &choices); err != nil {
		return err
	}
	page := policies.Conditions(values, nil, choices, link.PolicyConditions(e.project.Name, e.typ.Name))
	return render(g, http.StatusOK, conditions.Redrawn(page))
}
