package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// groupForm is what was posted, as text.
func groupForm(g *gin.Context) (proxies.PolicyGroupForm, error) {
	if err := g.Request.ParseForm(); err != nil {
		return proxies.PolicyGroupForm{}, badForm(err)
	}
	posted := g.Request.PostForm
	return proxies.PolicyGroupForm{
		ID: posted.Get("ownerId"), Version: posted.Get("version"), Name: posted.Get("name"), Description: plainLines(posted.Get("description")),
		Pipeline: posted.Get("pipeline"), Order: posted.Get("order"), MakeDefault: posted.Get("makeDefault") == "true",
		Active: posted.Get("active") == "true", Confirmed: posted.Get("confirm"), Unsaved: true,
	}, nil
}

// groupOf is the typed form as a policy group.
func groupOf(f proxies.PolicyGroupForm) models.Owner {
	o := models.Owner{
		ID: f.ID, Kind: engine.KindPolicyGroup, Name: f.Name, Description: f.Description, Active: f.Active,
		Pipeline: policy.Pipeline(f.Pipeline), Rank: rankOf(f.Order), MakeDefault: f.MakeDefault,
	}
	o.Version = number(f.Version)
	return o
}

// rankOf reads the order; nothing typed means the default.
func rankOf(text string) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return unreadable
	}
	return n
}

// groupFormOf is a policy group as its form shows it.
func groupFormOf(o models.Owner) proxies.PolicyGroupForm {
	return proxies.PolicyGroupForm{
		ID: o.ID, Version: strconv.Itoa(o.Version), Name: o.Name, Description: o.Description, Pipeline: string(o.Pipeline),
		Order: strconv.Itoa(o.Rank), MakeDefault: o.MakeDefault, Active: o.Active,
	}
}

// NewPolicyGroup is the empty form.
func (c *Console) NewPolicyGroup(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.showNewGroup(g, http.StatusOK, project, proxies.PolicyGroupForm{Active: true, Pipeline: string(policy.Request)})
}

// CreatePolicyGroup saves a new policy group and shows its client secret, this
// once.
func (c *Console) CreatePolicyGroup(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := groupForm(g)
	if err != nil {
		return err
	}
	o := groupOf(f)
	o.ID, o.Version = "", 0
	saved, key, err := c.store.SavePolicyGroup(ctx, visit.From(ctx).Actor(), project.ID, o)
	if f.Problems = inGroupOrder(problem.Of(err)); len(f.Problems) > 0 {
		return c.showNewGroup(g, http.StatusUnprocessableEntity, project, f)
	}
	if err != nil {
		return err
	}
	return c.deskOf(g, project, saved).showSecret(key, true)
}

func (c *Console) showNewGroup(g *gin.Context, status int, project models.Project, f proxies.PolicyGroupForm) error {
	kind := kindNamed(engine.KindPolicyGroup)
	frame, err := c.frame(g, "New policy group", project, append(kind.crumbs(project), layout.Crumb{Label: "New"})...)
	if err != nil {
		return err
	}
	f.New, f.ID, f.Version = true, "", ""
	f.Action, f.Cancel = kind.at.New(project.Name), kind.at.List(project.Name)
	return render(g, status, proxies.PolicyGroupFormPage(frame, c.furnishedGroup(f, project.Name)))
}

// furnishedGroup adds what every form of a policy group shows beside what was
// typed.
func (c *Console) furnishedGroup(f proxies.PolicyGroupForm, project string) proxies.PolicyGroupForm {
	f.CheckName = link.CheckPolicyGroupName(project)
	if f.ID != "" {
		f.CheckName = withQuery(f.CheckName, url.Values{"except": {f.ID}})
	}
	f.MaxName, f.MaxDescription, f.MaxRank = problem.MaxName, problem.MaxDescription, models.MaxRank
	for _, l := range lanes {
		f.Pipelines = append(f.Pipelines, ui.Card{Value: string(l.pipeline), Label: proxies.PipelineName(l.pipeline), Text: l.text + " " + c.canRun(l.pipeline)})
	}
	return f
}

// canRun says which types of policy a pipeline takes.
func (c *Console) canRun(p policy.Pipeline) string {
	var labels []string
	for _, t := range c.types {
		if t.Allows(p) {
			labels = append(labels, t.Label)
		}
	}
	if len(labels) == 0 {
		return "No policy type of this version can run in it."
	}
	return "Takes " + strings.Join(labels, ", ") + "."
}

// EditPolicyGroup is the form of a policy group that exists.
func (c *Console) EditPolicyGroup(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	return d.showEditGroup(http.StatusOK, groupFormOf(d.owner))
}

// SavePolicyGroup saves the form of a policy group that exists. As a proxy's, the
// form says which one by its id.
func (c *Console) SavePolicyGroup(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	f, err := groupForm(g)
	if err != nil {
		return err
	}
	if f.ID == "" { // no page of ours sends that
		return fmt.Errorf("policy group without id: %w", models.ErrNotFound)
	}
	o, err := c.store.Owner(ctx, project.ID, engine.KindPolicyGroup, g.Param("group"))
	if errors.Is(err, models.ErrNotFound) { // renamed or gone; the save tells
		o = models.Owner{Kind: engine.KindPolicyGroup, Name: g.Param("group")}
	} else if err != nil {
		return err
	}
	return c.deskOf(g, project, o).saveGroup(f)
}

func (d *ownerDesk) saveGroup(f proxies.PolicyGroupForm) error {
	ctx := d.g.Request.Context()
	use, err := d.c.groupUse(ctx, f.ID)
	if err != nil {
		return err
	}
	if d.owner.Active && !f.Active && use.Live > 0 && f.Confirmed != d.owner.Name {
		f.Confirm = d.owner.Name
		f.Problems.Add("confirm", "Type %s: %s.", d.owner.Name, "the group is live in "+someOf(use.Environments)+" through "+use.live())
		return d.showEditGroup(http.StatusUnprocessableEntity, f)
	}
	saved, _, err := d.c.store.SavePolicyGroup(ctx, d.v.Actor(), d.project.ID, groupOf(f))
	if stale := new(models.StaleError); errors.As(err, &stale) {
		return d.showGroupConflict(stale, f)
	}
	if f.Problems = inGroupOrder(problem.Of(err)); len(f.Problems) > 0 {
		return d.showEditGroup(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	kind := visit.Success
	if use.Live > 0 {
		kind = visit.Warning
	}
	d.v.Say(ctx, kind, savedText(saved)+use.redeploy())
	return redirect(d.g, linkOf(d.project.Name, saved).Page())
}

func (d *ownerDesk) showEditGroup(status int, f proxies.PolicyGroupForm) error {
	use, err := d.c.groupUse(d.g.Request.Context(), f.ID)
	if err != nil {
		return err
	}
	frame, err := d.frame("Edit "+d.owner.Name, layout.Crumb{Label: "Edit"})
	if err != nil {
		return err
	}
	f.Title, f.Action, f.Cancel = d.owner.Name, d.link().Edit(), d.page()
	f.Fixed = groupFixed(len(d.owner.Bindings), use.Places.Places)
	f.Effects = use.effects("It is bound in", "as it was saved last")
	return render(d.g, status, proxies.PolicyGroupFormPage(frame, d.c.furnishedGroup(f, d.project.Name)))
}

// groupFixed says why the pipeline stays as it is.
func groupFixed(policies, places int) string {
	switch {
	case policies > 0 && places > 0:
		return fmt.Sprintf("It stays: the group holds %s and is bound in %s.", countOf(policies, "policy", "policies"), countOf(places, "place", "places"))
	case policies > 0:
		return fmt.Sprintf("It stays: the group holds %s.", countOf(policies, "policy", "policies"))
	case places > 0:
		return fmt.Sprintf("It stays: the group is bound in %s.", countOf(places, "place", "places"))
	}
	return ""
}

// showGroupConflict shows both sides of a save that came too late. Where the group
// is gone, the same form creates it again.
func (d *ownerDesk) showGroupConflict(stale *models.StaleError, f proxies.PolicyGroupForm) error {
	now, ok := stale.Current.(models.Owner)
	if stale.Deleted || !ok {
		f.Deleted = &proxies.Deletion{Name: stale.Name, By: stale.By, At: stale.At, Now: d.c.now()}
		return d.c.showNewGroup(d.g, http.StatusConflict, d.project, f)
	}
	d.owner = now
	f.Version = strconv.Itoa(stale.Version) // theirs are shown: saving again keeps mine
	f.Conflict = &proxies.Conflict{
		By: stale.By, At: stale.At, Now: d.c.now(), Differences: groupDifferences(f, groupFormOf(now)), Discard: linkOf(d.project.Name, now).Edit(),
	}
	return d.showEditGroup(http.StatusConflict, f)
}

// groupDifferences are the fields where the two sides are not the same.
func groupDifferences(mine, theirs proxies.PolicyGroupForm) []proxies.Difference {
	var list []proxies.Difference
	add := func(label, m, t string) {
		if m != t {
			list = append(list, proxies.Difference{Label: label, Mine: m, Theirs: t})
		}
	}
	add("Name", mine.Name, theirs.Name)
	add("Description", mine.Description, theirs.Description)
	add("Active", onOff(mine.Active), onOff(theirs.Active))
	add("Pipeline", mine.Pipeline, theirs.Pipeline)
	add("Order", mine.Order, theirs.Order)
	add("Give it to every new API proxy", onOff(mine.MakeDefault), onOff(theirs.MakeDefault))
	return list
}

// inGroupOrder sorts problems by where their fields stand in the form.
func inGroupOrder(problems problem.List) problem.List {
	fields := []string{"name", "description", "confirm", "pipeline", "order"}
	sorted := slices.Clone(problems)
	slices.SortStableFunc(sorted, func(a, b problem.Problem) int { return slices.Index(fields, a.Field) - slices.Index(fields, b.Field) })
	return sorted
}

// CheckPolicyGroupName says while it is typed whether a name is free.
func (c *Console) CheckPolicyGroupName(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	why, err := c.store.OwnerNameProblem(g.Request.Context(), project.ID, engine.KindPolicyGroup, g.Query("name"), g.Query("except"))
	if err != nil {
		return err
	}
	return checked(g, why)
}
