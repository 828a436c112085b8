package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// policiesPerPage is how many policies a page of the list has.
const policiesPerPage = 50

// ListPolicies is the list of a type's global policies.
func (c *Console) ListPolicies(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	return e.showList(http.StatusOK, policies.ParseQuery(g.Request.URL.Query()))
}

func (e *policyEditor) showList(status int, q policies.Query, toasts ...layout.Toast) error {
	ctx := e.g.Request.Context()
	rows, total, err := e.find(ctx, &q)
	if err != nil {
		return err
	}
	frame, err := e.c.frame(e.g, e.typ.Label, e.project, e.crumbs()...)
	if err != nil {
		return err
	}
	frame.Toasts = append(frame.Toasts, toasts...)
	page := policies.ListPage{
		Frame: frame, Project: e.project.Name, Type: e.typ, Query: q, Total: total, PerPage: policiesPerPage,
		Manage: visit.From(ctx).Can(models.ManageSettings), Now: e.c.now(),
	}
	for _, p := range rows {
		page.Items = append(page.Items, itemOf(p))
	}
	return render(e.g, status, policies.List(page))
}

// find asks for a page of the list; a page after the last one, as after a
// deletion, becomes the last one.
func (e *policyEditor) find(ctx context.Context, q *policies.Query) ([]models.Policy, int, error) {
	for {
		rows, total, err := e.c.store.Policies(ctx, e.project.ID, models.PolicyFilter{
			Type: e.typ.Name, Query: q.Text, Status: q.Status, Sort: q.Sort, Desc: q.Desc, Page: q.Page, PerPage: policiesPerPage,
		})
		if err != nil || len(rows) > 0 || q.Page == 1 {
			return rows, total, err
		}
		q.Page = max(1, min(q.Page-1, (total+policiesPerPage-1)/policiesPerPage))
	}
}

func itemOf(p models.Policy) policies.Item {
	return policies.Item{
		ID: p.ID, Name: p.Name, Description: p.Description, Active: p.Active, Used: p.Used,
		Version: p.Version, UpdatedAt: p.UpdatedAt, UpdatedBy: p.UpdatedBy,
	}
}

// policyUse is how much hangs on policies, in words.
type policyUse struct{ models.PolicyImpact }

func (c *Console) usage(ctx context.Context, policyIDs ...string) (policyUse, error) {
	impact, err := c.store.PolicyImpact(ctx, policyIDs...)
	return policyUse{impact}, err
}

// count is so many of what uses a policy, in words.
func (u policyUse) count(n int) string {
	if u.ProxyGroups+u.PolicyGroups == 0 {
		return countOf(n, "API proxy", "API proxies")
	}
	return countOf(n, "API or group", "APIs and groups")
}

// rail is who uses the policy, in words; "" for nobody.
func (u policyUse) rail() string {
	n := u.Bound + u.Through
	switch n {
	case 0:
		return ""
	case 1:
		return u.count(n) + " uses it"
	}
	return u.count(n) + " use it"
}

// redeploy says what a change of the policy asks for; traffic goes on with
// what is deployed until then (D5). Groups run what their members run, so they may be
// among those even where none of them uses the policy itself.
func (u policyUse) redeploy() string {
	if u.Live == 0 {
		return ""
	}
	one, many := "proxy needs", "proxies need"
	if u.LiveProxies < u.Live {
		one, many = "API or group needs", "APIs and groups need"
	}
	return " " + countOf(u.Live, one, many) + " a redeploy to take it over."
}

const bulkDeployIt = "Bulk deploy"

// saySaved leaves the message of a change for the next page, with the way to take it
// live.
func (c *Console) saySaved(g *gin.Context, p models.Policy, what string) error {
	ctx := g.Request.Context()
	u, err := c.usage(ctx, p.ID)
	if err != nil {
		return err
	}
	v, text := visit.From(ctx), p.Name+" "+what+"."+u.redeploy()
	switch {
	case u.Live == 0:
		v.Say(ctx, visit.Success, text)
	case !v.Can(models.DeployAPIs):
		v.Say(ctx, visit.Warning, text)
	default:
		v.SayWithLink(ctx, visit.Warning, text, bulkDeployIt, link.NewBulkDeploy(p.ProjectName, p.Type, p.Name))
	}
	return nil
}

// ShowPolicy is the page of a global policy. What is posted to it is a request
// to try the condition on; nothing of it is kept.
func (c *Console) ShowPolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	p, err := c.store.Policy(g.Request.Context(), e.project.ID, e.typ.Name, g.Param("policy"))
	if err != nil {
		return err
	}
	if e.sample, err = sample(g); err != nil {
		return err
	}
	return e.showPolicy(http.StatusOK, p)
}

func (e *policyEditor) showPolicy(status int, p models.Policy, toasts ...layout.Toast) error {
	ctx := e.g.Request.Context()
	frame, err := e.c.frame(e.g, p.Name, e.project, e.crumbs(layout.Crumb{Label: p.Name})...)
	if err != nil {
		return err
	}
	audited(e.g, &frame, e.project.Name, p.ID)
	frame.Toasts = append(frame.Toasts, toasts...)
	choices, err := e.c.choices(ctx, e.project, p.Config)
	if err != nil {
		return err
	}
	v, values := visit.From(ctx), policies.Write(e.form, p.Config)
	settings := policies.SettingsOf(e.form, values)
	conditions.Try(values, e.sample)
	page := policies.ViewPage{
		Frame: frame, Project: e.project.Name, Type: e.typ, Item: itemOf(p), CreatedAt: p.CreatedAt, CreatedBy: p.CreatedBy,
		Settings: settings, Trial: policies.Conditions(values, nil, choices, ""), Advice: e.form.Advice(p.Config, choices),
		Manage: v.Can(models.ManageSettings), Deploy: v.Can(models.DeployAPIs), Now: e.c.now(),
	}
	if err := e.addUses(&page, p); err != nil {
		return err
	}
	return render(e.g, status, policies.View(page))
}

// posted is the policy that a form means: by its id, which stays when somebody
// renames the policy, or else by its address. A local policy is not at home
// here.
func (e *policyEditor) posted(id string) (models.Policy, error) {
	ctx := e.g.Request.Context()
	if id == "" {
		return e.c.store.Policy(ctx, e.project.ID, e.typ.Name, e.g.Param("policy"))
	}
	p, err := e.c.store.PolicyByID(ctx, e.project.ID, id)
	if err == nil && (!p.Global() || p.Type != e.typ.Name) {
		return models.Policy{}, fmt.Errorf("policy %s is no global one of this type: %w", id, models.ErrForbidden)
	}
	return p, err
}

// SetPolicyStatus switches a policy active or passive, as it was read.
func (c *Console) SetPolicyStatus(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	active, err := strconv.ParseBool(g.PostForm("active"))
	if err != nil {
		return problem.List{{Field: "active", Message: "Send true or false."}}
	}
	ctx := g.Request.Context()
	id, version := g.PostForm("policyId"), number(g.PostForm("version"))
	if id == "" {
		p, err := e.posted("")
		if err != nil {
			return err
		}
		id = p.ID
	} else if _, err := e.posted(id); err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	saved, err := c.store.SetPolicyActive(ctx, visit.From(ctx).Actor(), e.project.ID, id, version, active)
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return e.staleSwitch(stale)
	}
	if err != nil {
		return err
	}
	return e.switched(saved)
}

func (e *policyEditor) back(p models.Policy) string {
	return localPath(e.g.PostForm("return"), link.Policy(e.project.Name, e.typ.Name, p.Name))
}

func (e *policyEditor) switched(p models.Policy) error {
	what := "is passive now"
	if p.Active {
		what = "is active now"
	}
	ctx := e.g.Request.Context()
	if !isHTMX(e.g) {
		if err := e.c.saySaved(e.g, p, what); err != nil {
			return err
		}
		return redirect(e.g, e.back(p))
	}
	u, err := e.c.usage(ctx, p.ID)
	if err != nil {
		return err
	}
	toast := layout.Toast{Tone: ui.ToneSuccess, Text: p.Name + " " + what + "." + u.redeploy()}
	if u.Live > 0 {
		toast.Tone = ui.ToneWarning
	}
	if u.Live > 0 && visit.From(ctx).Can(models.DeployAPIs) {
		toast.Link = ui.Action{Label: bulkDeployIt, Href: link.NewBulkDeploy(e.project.Name, p.Type, p.Name)}
	}
	return render(e.g, http.StatusOK, policies.Switched(e.row(p), toast))
}

func (e *policyEditor) row(p models.Policy) *policies.RowProps {
	return &policies.RowProps{
		Item: itemOf(p), Project: e.project.Name, Type: e.typ.Name, Return: e.back(p),
		Manage: visit.From(e.g.Request.Context()).Can(models.ManageSettings), Now: e.c.now(),
	}
}

// staleSwitch refuses a switch that was drawn before somebody else's change,
// and shows how things are.
func (e *policyEditor) staleSwitch(stale *models.StaleError) error {
	toast := layout.Toast{Tone: ui.ToneDanger, Text: staleText(stale)}
	now, exists := stale.Current.(models.Policy)
	if exists {
		state := strings.ToLower(string(ui.StateOf(now.Active)))
		toast.Text = fmt.Sprintf("%s was changed by %s in the meantime, so it was not switched. It is %s.", now.Name, stale.By, state)
	}
	if isHTMX(e.g) {
		var row *policies.RowProps
		if exists {
			row = e.row(now)
		}
		return render(e.g, http.StatusConflict, policies.Switched(row, toast))
	}
	back, err := url.Parse(e.back(now))
	list := link.Policies(e.project.Name, e.typ.Name)
	if exists && (err != nil || back.EscapedPath() != list) {
		return e.showPolicy(http.StatusConflict, now, toast)
	}
	query := policies.Query{Page: 1}
	if err == nil {
		query = policies.ParseQuery(back.Query())
	}
	return e.showList(http.StatusConflict, query, toast)
}

// ConfirmDeletePolicy asks before a policy is deleted.
func (c *Console) ConfirmDeletePolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	p, err := e.posted("")
	if err != nil {
		return err
	}
	return e.askDelete(http.StatusOK, p, "")
}

// askDelete says in numbers what the deletion does. Where proxies use the
// policy, its name has to be typed.
func (e *policyEditor) askDelete(status int, p models.Policy, refused string) error {
	u, err := e.c.usage(e.g.Request.Context(), p.ID)
	if err != nil {
		return err
	}
	frame, err := e.c.frame(e.g, "Delete "+p.Name, e.project, e.crumbs(
		layout.Crumb{Label: p.Name, Href: link.Policy(e.project.Name, e.typ.Name, p.Name)}, layout.Crumb{Label: "Delete"})...)
	if err != nil {
		return err
	}
	question := ui.Confirm{
		Title: "Delete policy " + p.Name + "?", Text: "The policy and its settings are removed. This cannot be undone.",
		Effects: u.effects(), Action: link.PolicyDelete(e.project.Name, e.typ.Name, p.Name), Label: "Delete policy",
		Cancel: link.Policy(e.project.Name, e.typ.Name, p.Name), Error: refused,
		Hidden: []ui.Hidden{{Name: "policyId", Value: p.ID}, {Name: "version", Value: strconv.Itoa(p.Version)}},
	}
	if u.Bound > 0 {
		question.Name, question.Typed = p.Name, e.g.PostForm("confirm")
	}
	return render(e.g, status, policies.Confirm(frame, question))
}

// effects are what a deletion touches.
func (u policyUse) effects() []string {
	if u.Bound == 0 {
		return []string{"Nothing uses it: no API proxy and no group."}
	}
	effects := []string{fmt.Sprintf("It is removed from %s: %s.", u.count(u.Bound), someOutOf(namesOf(u.BoundBy), u.Bound))}
	if u.Through > 0 {
		effects = append(effects, fmt.Sprintf("As a part of policy groups it runs in %s too.", someOutOf(namesOf(u.ThroughBy), u.Through)))
	}
	if u.Live == 0 {
		return append(effects, "None of them is live.")
	}
	return append(effects, fmt.Sprintf(
		"%s live in %s. Calls go on as deployed until a redeploy, and from then on without this policy.",
		countOf(u.Live, "of them is", "of them are"), someOf(u.Environments)))
}

// namesOf says of each owner that is no API proxy what it is.
func namesOf(list []models.OwnerName) []string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.Name
		if o.Kind != engine.KindProxy {
			names[i] = fmt.Sprintf("%s (%s)", o.Name, kindNamed(o.Kind).noun)
		}
	}
	return names
}

// someOf names a few and counts the rest.
func someOf(names []string) string { return someOutOf(names, len(names)) }

// someOutOf is someOf where not all names are there.
func someOutOf(names []string, all int) string {
	const most = 5
	if all <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", all-most)
}

// DeletePolicy deletes a policy as it was read.
func (c *Console) DeletePolicy(g *gin.Context) error {
	e, err := c.policyEditor(g)
	if err != nil {
		return err
	}
	p, err := e.posted(g.PostForm("policyId"))
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	u, err := c.usage(ctx, p.ID)
	if err != nil {
		return err
	}
	if u.Bound > 0 && g.PostForm("confirm") != p.Name {
		return e.askDelete(http.StatusUnprocessableEntity, p, "Type the name exactly as it is shown: "+p.Name)
	}
	err = c.store.DeletePolicy(ctx, visit.From(ctx).Actor(), e.project.ID, p.ID, number(g.PostForm("version")))
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return e.askDelete(http.StatusConflict, p, fmt.Sprintf("It was changed by %s since you opened this page and has not been deleted. Look at it again first.", stale.By))
	}
	if err != nil {
		return err
	}
	text := p.Name + " was deleted."
	if u.Bound > 0 {
		text = fmt.Sprintf("%s was deleted and removed from %s.%s", p.Name, u.count(u.Bound), u.redeploy())
	}
	visit.From(ctx).Say(ctx, visit.Success, text)
	return redirect(g, link.Policies(e.project.Name, e.typ.Name))
}
