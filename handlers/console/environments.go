package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/environments"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// environmentDesk is one visit to an environment, or to all of them.
type environmentDesk struct {
	c           *Console
	g           *gin.Context
	v           *visit.Visit
	environment models.Environment
}

func (c *Console) environmentsDesk(g *gin.Context) (*environmentDesk, error) {
	if err := g.Request.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	return &environmentDesk{c: c, g: g, v: visit.From(g.Request.Context())}, nil
}

// environmentDesk finds the environment that the address names.
func (c *Console) environmentDesk(g *gin.Context) (*environmentDesk, error) {
	d, err := c.environmentsDesk(g)
	if err != nil {
		return nil, err
	}
	d.environment, err = c.store.Environment(g.Request.Context(), g.Param("environment"))
	return d, err
}

func (d *environmentDesk) page() string { return link.EnvironmentPage(d.environment.Name) }

// frame is the shell of the pages. The chooser on top leads to the page of the
// environment that is chosen there.
func (d *environmentDesk) frame(title string, more ...layout.Crumb) (layout.Props, error) {
	crumbs := []layout.Crumb{{Label: "Administration"}, {Label: "Environments", Href: link.Environments}}
	if d.environment.ID != "" {
		crumbs = append(crumbs, layout.Crumb{Label: d.environment.Name, Href: d.page()})
	}
	p, err := d.c.frame(d.g, title, models.Project{}, append(crumbs, more...)...)
	if d.environment.ID != "" {
		audited(d.g, &p, "", d.environment.ID)
		chooseEnvironment(&p, d.environment.Name, link.EnvironmentPage)
	}
	return p, err
}

// ListEnvironments is the list of all environments.
func (c *Console) ListEnvironments(g *gin.Context) error {
	d, err := c.environmentsDesk(g)
	if err != nil {
		return err
	}
	states, err := c.store.EnvironmentStates(g.Request.Context())
	if err != nil {
		return err
	}
	l := environments.List{}
	for _, s := range states {
		l.Items = append(l.Items, d.item(s))
	}
	if d.v.Can(visit.ManageSystem) {
		l.New = link.NewEnvironment
	}
	frame, err := d.frame("Environments")
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindEnvironment)
	return render(g, http.StatusOK, environments.ListPage(frame, l))
}

func (d *environmentDesk) item(s models.EnvironmentState) environments.Item {
	item := environments.Item{
		Name: s.Name, Description: s.Description, PublicURL: s.PublicURL, Type: typeLabel(s.Type), Colour: layout.Colour(s.Colour),
		Deployed: s.Deployed, Redeploy: redeployText(s), Stale: s.Stale > 0,
	}
	for _, r := range s.Nodes {
		item.Nodes = append(item.Nodes, nodeRow(r, s.Generation))
	}
	if d.v.Can(visit.ManageSystem) {
		item.Edit, item.Address, item.Delete = link.EnvironmentEdit(s.Name), link.EnvironmentAddress(s.Name), link.EnvironmentDelete(s.Name)
	}
	return item
}

// redeployText says how many owners run something else than is edited, and
// where not all were looked at, of how many that is.
func redeployText(s models.EnvironmentState) string {
	switch {
	case s.Deployed == 0:
		return "None"
	case s.Compared < s.Deployed:
		return fmt.Sprintf("%d of the %d changed last", s.Stale, s.Compared)
	case s.Stale == 0:
		return "None"
	}
	return countOf(s.Stale, "needs it", "need it")
}

func typeLabel(environmentType string) string {
	switch environmentType {
	case models.Production:
		return "Production"
	case models.Test:
		return "Test"
	case models.Sandbox:
		return "Sandbox"
	}
	return environmentType
}

// nodeRow is what a node runs of an environment that is at a generation.
func nodeRow(r models.NodeReport, generation int64) environments.Node {
	n := environments.Node{Name: r.Node, Version: r.Version, Generation: r.Generation, Alive: r.Alive, At: r.At, Tone: ui.ToneSuccess, State: "Up to date"}
	switch {
	case !r.Alive:
		n.Tone, n.State = ui.ToneWarning, "Silent"
		n.Message = "It ended without a word, or lost the database and serves what it had"
	case !r.OK:
		n.Tone, n.State = ui.ToneDanger, "Failed"
		n.Message = "It keeps what it ran before: " + r.Message
	case r.Kept:
		n.Tone, n.State = ui.ToneWarning, "Degraded"
		n.Message = "It started without the database from its last good configuration on disk, and has taken nothing over since"
	case r.Generation < generation:
		n.Tone, n.State = ui.ToneInfo, "Taking over"
	}
	return n
}

// nodesAwaited is how long a page asks by itself whether a node has come.
const nodesAwaited = 10 * time.Minute

// ShowEnvironment is the page of an environment.
func (c *Console) ShowEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	p, err := d.nodes()
	if err != nil {
		return err
	}
	ctx, name := g.Request.Context(), d.environment.Name
	owners, of, err := c.store.DeployedOwners(ctx, name)
	if err != nil {
		return err
	}
	missing, err := c.store.MissingValues(ctx, name)
	if err != nil {
		return err
	}
	p.Deployed = of
	for _, o := range owners {
		p.Owners = append(p.Owners, environments.Owner{
			Name: o.Name, Project: o.Project, Href: linkTo(o.Project, o.Kind, o.Name), Revision: fmt.Sprintf("r%d", o.Revision),
			State: stateOf(o.State), At: o.DeployedAt, By: o.DeployedBy,
		})
	}
	for _, m := range missing {
		p.Missing = append(p.Missing, environments.Missing{Name: m.Name, Messages: typeNames(m.Types)})
	}
	frame, err := d.frame(name)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, environments.ShowPage(frame, p))
}

// ShowEnvironmentNodes is the part of the page about its nodes. While it is as
// the browser shows it, there is nothing to answer.
func (c *Console) ShowEnvironmentNodes(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	p, err := d.nodes()
	if err != nil {
		return err
	}
	until := time.Unix(int64(number(g.Query("until"))), 0)
	if until.Before(p.Until) {
		p.Until = until
	}
	if p.Seen(g.Query("seen")) && p.Now.Before(p.Until) {
		g.Status(http.StatusNoContent)
		return nil
	}
	return render(g, http.StatusOK, environments.Nodes(p))
}

func (d *environmentDesk) nodes() (environments.Page, error) {
	e := d.environment
	now := d.c.now()
	reports, err := d.c.store.NodesOf(d.g.Request.Context(), e.Name)
	return environments.Page{
		Now: now, Until: now.Add(nodesAwaited),
		Item: d.item(models.EnvironmentState{Environment: e, Nodes: reports}), Generation: e.Generation,
		Created: environments.Stamp{At: e.CreatedAt, By: e.CreatedBy}, Changed: environments.Stamp{At: e.UpdatedAt, By: e.UpdatedBy},
	}, err
}

// ConfirmDeleteEnvironment asks, or says what keeps it.
func (c *Console) ConfirmDeleteEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	kept, err := c.store.EnvironmentKept(g.Request.Context(), d.environment.Name)
	if err != nil {
		return err
	}
	if kept != "" {
		return d.showKept(http.StatusOK, kept)
	}
	return d.askDelete(http.StatusOK, "", "")
}

func (d *environmentDesk) showKept(status int, why string) error {
	frame, err := d.frame("Delete "+d.environment.Name, layout.Crumb{Label: "Delete"})
	if err != nil {
		return err
	}
	return render(d.g, status, environments.KeptPage(frame, d.environment.Name, why, d.page()))
}

func (d *environmentDesk) askDelete(status int, typed, refused string) error {
	u, err := d.c.store.EnvironmentUse(d.g.Request.Context(), d.environment.Name)
	if err != nil {
		return err
	}
	frame, err := d.frame("Delete "+d.environment.Name, layout.Crumb{Label: "Delete"})
	if err != nil {
		return err
	}
	q := ui.Confirm{
		Title: "Delete " + d.environment.Name + "?", Text: "With everything that it has. It cannot be taken back; logs and audit keep what they have.",
		Effects: d.losses(u), Typed: typed, Error: refused, Action: link.EnvironmentDelete(d.environment.Name), Label: "Delete environment",
		Cancel: d.page(), Hidden: d.hidden(),
	}
	if u.Traffic() {
		q.Name = d.environment.Name
	}
	return render(d.g, status, environments.AskPage(frame, q))
}

// losses are what goes with an environment, in numbers.
func (d *environmentDesk) losses(u models.EnvironmentUse) []string {
	list := []string{"Nothing is deployed in it"}
	if n := len(u.Deployed); n > 0 {
		list[0] = countOf(n, "API or policy group is", "APIs and policy groups are") + " undeployed: " + ownerNames(u.Deployed)
	}
	if u.Revisions > 0 {
		list = append(list, countOf(u.Revisions, "revision goes", "revisions go")+": the history of deploys there")
	}
	list = append(list, dying(u.Live))
	if u.Logins > 0 {
		list = append(list, cappedCountOf(u.Logins, "login ends", "logins end")+" and cannot be refreshed any more")
	}
	list = append(list, fmt.Sprintf("Its keys (%d) and variables (%d) are deleted", u.Keys, u.Variables))
	if u.Credentials > 0 {
		list = append(list, countOf(u.Credentials, "credential loses its settings", "credentials lose their settings")+" for this environment")
	}
	for _, n := range u.Nodes {
		if !n.Alive {
			list = append(list, "The node "+n.Node+" has been silent since "+ui.Relative(n.At, d.c.now())+": if it runs without the database, it serves what it had until it hears of this")
		}
	}
	return append(list, "A gatewright serve that is started with --gateway "+d.environment.Name+"=… creates it anew, empty")
}

// ownerNames names the first few.
func ownerNames(list []models.OwnerRevision) string {
	const shown = 10
	var names []string
	for i, o := range list {
		if i == shown {
			names = append(names, fmt.Sprintf("%d more", len(list)-shown))
			break
		}
		names = append(names, o.Name+" ("+o.Project+")")
	}
	return strings.Join(names, ", ")
}

func (d *environmentDesk) hidden() []ui.Hidden {
	return []ui.Hidden{{Name: "environmentId", Value: d.environment.ID}, {Name: "version", Value: strconv.Itoa(d.environment.Version)}}
}

// posted is the id and the version that a form means: one of the same name may
// be another environment meanwhile.
func (d *environmentDesk) posted() (id string, version int, err error) {
	if id = d.g.PostForm("environmentId"); id == "" { // no page of ours sends that
		err = fmt.Errorf("environment without id: %w", models.ErrNotFound)
	}
	return id, number(d.g.PostForm("version")), err
}

// DeleteEnvironment deletes; where there may be traffic only with the name typed.
func (c *Console) DeleteEnvironment(g *gin.Context) error {
	d, err := c.environmentDesk(g)
	if err != nil {
		return err
	}
	ctx, name := g.Request.Context(), d.environment.Name
	u, err := c.store.EnvironmentUse(ctx, name)
	if err != nil {
		return err
	}
	if typed := g.PostForm("confirm"); u.Traffic() && typed != name {
		return d.askDelete(http.StatusUnprocessableEntity, typed, "Type the name exactly as it is: "+name+".")
	}
	id, version, err := d.posted()
	if err != nil {
		return err
	}
	if id != d.environment.ID { // what was asked about is another one: this has its name
		return &models.StaleError{Kind: models.KindEnvironment, Name: name, Deleted: true}
	}
	_, err = c.store.DeleteEnvironment(ctx, d.v.Actor(), id, version)
	if stale := new(models.StaleError); errors.As(err, &stale) && !stale.Deleted {
		return d.askDelete(http.StatusConflict, "", notDeletedText(stale))
	}
	if problems := problem.Of(err); problems != nil {
		return d.showKept(http.StatusUnprocessableEntity, problems[0].Message)
	}
	if err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, name+" was deleted.")
	return redirect(g, link.Environments)
}
