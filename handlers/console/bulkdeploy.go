package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/reports"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	// bulkShown is how many owners the form names, bulkLines how many results a page
	// has, and bulkListed how many bulk deploys the list.
	bulkShown  = 50
	bulkLines  = 50
	bulkListed = 50
	// nodeSilent is after how long without a report a node that is behind counts as
	// gone.
	nodeSilent = 30 * time.Second
	// bulkRefresh is how many seconds a browser without JavaScript waits.
	bulkRefresh = 3
)

// bulkDesk is where a bulk deploy is begun.
type bulkDesk struct {
	c            *Console
	g            *gin.Context
	v            *visit.Visit
	project      models.Project
	environments []string
	subject      models.BulkSubject
}

// bulkDesk finds the policy or policy group that values name.
func (c *Console) bulkDesk(g *gin.Context, values url.Values) (*bulkDesk, error) {
	ctx := g.Request.Context()
	d := &bulkDesk{c: c, g: g, v: visit.From(ctx)}
	var err error
	if d.project, err = c.project(ctx, g.Param("project")); err != nil {
		return nil, err
	}
	if d.environments, err = c.environmentNames(ctx); err != nil {
		return nil, err
	}
	if name := values.Get("group"); name != "" {
		group, err := c.store.Owner(ctx, d.project.ID, engine.KindPolicyGroup, name)
		d.subject = models.BulkSubject{Kind: engine.KindPolicyGroup, ID: group.ID, Name: group.Name}
		return d, err
	}
	p, err := c.store.Policy(ctx, d.project.ID, values.Get("type"), values.Get("policy"))
	d.subject = models.BulkSubject{Kind: models.SubjectPolicy, ID: p.ID, Type: p.Type, Name: p.Name}
	return d, err
}

// choice reads what is chosen. A form that was not touched yet begins with all that
// needs it; a box that is not ticked is not sent, so the filter tells.
func (d *bulkDesk) choice(values url.Values) models.BulkChoice {
	c := models.BulkChoice{Subject: d.subject, Environment: values.Get("environment"), Kinds: values["kinds"], Filter: models.BulkFilter(values.Get("filter"))}
	if c.Filter == "" {
		c.Filter, c.Kinds = models.BulkRedeploy, []string{engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup}
	}
	if !slices.Contains(d.environments, c.Environment) {
		c.Environment = d.v.Environment(d.g.Request.Context())
	}
	if !slices.Contains(d.environments, c.Environment) && len(d.environments) > 0 {
		c.Environment = d.environments[0]
	}
	return c
}

// NewBulkDeploy asks what is to be deployed and says what that would do.
func (c *Console) NewBulkDeploy(g *gin.Context) error {
	values := g.Request.URL.Query()
	d, err := c.bulkDesk(g, values)
	if err != nil {
		return err
	}
	return d.ask(http.StatusOK, d.choice(values), values.Get("note"), nil)
}

func (d *bulkDesk) ask(status int, choice models.BulkChoice, note string, problems problem.List) error {
	page := reports.Bulk{
		Project: d.project.Name, Subject: d.subjectOf(d.subject), Environment: choice.Environment, Environments: d.environments,
		Kinds: choice.Kinds, Filter: string(choice.Filter), Note: note, Problems: problems,
	}
	p, err := d.c.store.PreviewBulkDeploy(d.g.Request.Context(), d.project.ID, choice, bulkShown)
	if err != nil {
		return err
	}
	page.Of, page.Matching, page.Uncompared = p.Of, p.Matching, p.Uncompared
	for _, t := range p.Targets {
		page.Targets = append(page.Targets, reports.Target{Kind: t.Kind, Name: t.Name, State: stateOf(t.State), Revision: t.Revision})
	}
	page.Frame, err = d.c.frame(d.g, "Bulk deploy of "+d.subject.Name, d.project, layout.Crumb{Label: d.subject.Name, Href: page.Subject.Href}, layout.Crumb{Label: "Bulk deploy"})
	if err != nil {
		return err
	}
	return render(d.g, status, reports.BulkForm(page))
}

func (d *bulkDesk) subjectOf(s models.BulkSubject) reports.Subject {
	return subjectOf(d.project.Name, s)
}

func subjectOf(project string, s models.BulkSubject) reports.Subject {
	if s.Kind == engine.KindPolicyGroup {
		return reports.Subject{Name: s.Name, Href: link.OwnerOf(project, s.Kind, s.Name).Page()}
	}
	return reports.Subject{Type: s.Type, Name: s.Name, Href: link.Policy(project, s.Type, s.Name)}
}

// StartBulkDeploy begins and leads to where it is watched.
func (c *Console) StartBulkDeploy(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	values := g.Request.PostForm
	d, err := c.bulkDesk(g, values)
	if err != nil {
		return err
	}
	choice, note := d.choice(values), strings.TrimSpace(plainLines(values.Get("note")))
	choice.Kinds, choice.Filter = values["kinds"], models.BulkFilter(values.Get("filter"))
	if e := values.Get("environment"); e != choice.Environment {
		return d.ask(http.StatusUnprocessableEntity, choice, note, problem.List{{Field: "environment", Message: "Choose the environment again; the one that was chosen is not there any more."}})
	}
	id, err := c.store.StartBulkDeploy(g.Request.Context(), d.v.Actor(), d.project.ID, choice, note)
	if l := problem.Of(err); len(l) > 0 {
		return d.ask(http.StatusUnprocessableEntity, choice, note, l)
	}
	if err != nil {
		return err
	}
	return redirect(g, link.BulkDeploy(d.project.Name, id))
}

// bulkOf is the bulk deploy that the address names.
func (c *Console) bulkOf(g *gin.Context) (models.Project, models.BulkDeploy, error) {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return project, models.BulkDeploy{}, err
	}
	b, err := c.store.BulkDeploy(g.Request.Context(), project.ID, g.Param("bulk"))
	return project, b, err
}

// ShowBulkDeploy is where a bulk deploy is watched, and what became of it. The page
// asks again while it runs, from whichever node; htmx is told to load it whole when
// it has ended.
func (c *Console) ShowBulkDeploy(g *gin.Context) error {
	project, b, err := c.bulkOf(g)
	if err != nil {
		return err
	}
	if g.GetHeader("HX-Target") == "bulk-progress" && b.State != models.BulkRunning {
		g.Header("HX-Refresh", "true")
		g.Status(http.StatusNoContent)
		return nil
	}
	run, err := c.bulkRun(g, project, b)
	if err != nil {
		return err
	}
	run.Frame, err = c.frame(g, run.Title(), project, reports.Crumbs(project.Name, layout.Crumb{Label: "Bulk deploys", Href: link.BulkDeploys(project.Name)}, layout.Crumb{Label: b.Subject.Name})...)
	if err != nil {
		return err
	}
	if run.Running() {
		run.Frame.Refresh = bulkRefresh
	}
	return render(g, http.StatusOK, reports.BulkRun(run))
}

func runOf(project string, b models.BulkDeploy) reports.Run {
	return reports.Run{
		Project: project, ID: b.ID, Subject: subjectOf(project, b.Subject), Environment: b.Environment, Filter: string(b.Filter), Note: b.Note,
		State: string(b.State), By: b.CreatedBy, CancelledBy: b.CancelledBy, At: b.CreatedAt, Ended: b.EndedAt,
		Waiting: b.Waiting, Deployed: b.Deployed, LeftOut: b.LeftOut, Failed: b.Failed, Generation: b.Generation,
	}
}

// bulkRun is a bulk deploy with its results and what the nodes run.
func (c *Console) bulkRun(g *gin.Context, project models.Project, b models.BulkDeploy) (reports.Run, error) {
	ctx := g.Request.Context()
	run := runOf(project.Name, b)
	run.Now, run.Deploy = c.now(), visit.From(ctx).Can(models.DeployAPIs)
	total := b.Total()
	if n, ok := map[string]int{models.BulkFailed: b.Failed, models.BulkDeployed: b.Deployed, models.BulkLeftOut: b.LeftOut, models.BulkWaiting: b.Waiting}[g.Query("state")]; ok {
		run.Shown, total = g.Query("state"), n
	}
	number := max(1, number(g.Query("page")))
	lines, err := c.store.BulkOwners(ctx, b.ID, run.Shown, number, bulkLines)
	if err != nil {
		return run, err
	}
	for _, o := range lines {
		run.Lines = append(run.Lines, reports.Outcome{Kind: o.Kind, Name: o.Name, State: o.State, Detail: o.Detail, Revision: o.Revision, At: o.EndedAt})
	}
	run.Page = ui.PageOf(number, bulkLines, len(lines), total, "owner", "owners", func(n int) string {
		return withQuery(link.BulkDeploy(project.Name, b.ID), url.Values{"state": {run.Shown}, "page": {fmt.Sprint(n)}})
	})
	run.Nodes, err = c.bulkNodes(g, b)
	return run, err
}

// bulkNodes is what the nodes of the environment run, once it has ended.
func (c *Console) bulkNodes(g *gin.Context, b models.BulkDeploy) ([]reports.Node, error) {
	if b.State == models.BulkRunning {
		return nil, nil
	}
	list, err := c.store.Nodes(g.Request.Context())
	if err != nil {
		return nil, err
	}
	var nodes []reports.Node
	for _, r := range list {
		if r.Environment == b.Environment {
			nodes = append(nodes, c.bulkNode(r, b.Generation))
		}
	}
	return nodes, nil
}

func (c *Console) bulkNode(r models.NodeReport, generation int64) reports.Node {
	n := reports.Node{Name: r.Node, State: ui.StateSucceeded, Generation: r.Generation, Detail: cmp.Or(r.Message, "Runs all of it"), At: r.At}
	switch silent := c.now().Sub(r.At) > nodeSilent; {
	case r.Generation < generation && silent:
		n.State, n.Detail = ui.StateFailed, "Has not reported since; it takes over when it is back."
	case r.Generation < generation:
		n.State, n.Detail = ui.StateDeploying, fmt.Sprintf("Runs an older generation than %d and takes over as soon as it can.", generation)
	case !r.OK:
		n.State, n.Detail = ui.StateFailed, cmp.Or(r.Message, "The node gave no reason")+" It keeps running what it ran before."
	}
	return n
}

// CancelBulkDeploy makes it end before its next owner.
func (c *Console) CancelBulkDeploy(g *gin.Context) error {
	project, b, err := c.bulkOf(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	if err := c.store.CancelBulkDeploy(ctx, visit.From(ctx).Actor(), project.ID, b.ID); err != nil {
		return err
	}
	return redirect(g, link.BulkDeploy(project.Name, b.ID))
}

// ResumeBulkDeploy goes on with what is left of it.
func (c *Console) ResumeBulkDeploy(g *gin.Context) error {
	project, b, err := c.bulkOf(g)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	if err := c.store.ResumeBulkDeploy(ctx, visit.From(ctx).Actor(), project.ID, b.ID); err != nil {
		return err
	}
	return redirect(g, link.BulkDeploy(project.Name, b.ID))
}

// ListBulkDeploys are the last ones of a project.
func (c *Console) ListBulkDeploys(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	list, err := c.store.BulkDeploys(ctx, project.ID, bulkListed)
	if err != nil {
		return err
	}
	page := reports.BulkList{Project: project.Name, Now: c.now()}
	for _, b := range list {
		page.Runs = append(page.Runs, runOf(project.Name, b))
	}
	if page.Frame, err = c.frame(g, "Bulk deploys", project, reports.Crumbs(project.Name, layout.Crumb{Label: "Bulk deploys"})...); err != nil {
		return err
	}
	return render(g, http.StatusOK, reports.BulkDeploys(page))
}
