package console

import (
	"cmp"
	"context"
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

// ListPolicyGroups is the list of a project's policy groups.
func (c *Console) ListPolicyGroups(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	q := proxyQueryOf(g, "name", "pipeline", "order", "status", "updated")
	l := proxies.PolicyGroupList{Query: q.text, Pipeline: policy.Pipeline(g.Query("pipeline"))}
	base := link.KindPolicyGroup.List(project.Name)
	l.Clear = q.with("", 1).address(base)
	if slices.Contains(pipelines(), l.Pipeline) {
		q.carry = []ui.Hidden{{Name: "pipeline", Value: string(l.Pipeline)}}
	} else {
		l.Pipeline = ""
	}
	filter := q.filter()
	filter.Kind, filter.Pipeline = engine.KindPolicyGroup, l.Pipeline
	found, total, err := c.store.Owners(ctx, project.ID, filter)
	if err != nil {
		return err
	}
	if l.Rows, err = c.groupRows(g, project, found, q.address(base)); err != nil {
		return err
	}
	l.Columns, l.Page = groupColumns(q, base), q.pager(base, len(found), total, "policy group", "policy groups")
	l.Search = ui.Search{Action: base, Value: q.text, Label: "Search policy groups", Clear: q.with("", 1).address(base), Hidden: q.sorting()}
	if visit.From(ctx).Can(models.ManageAPIs) {
		l.New = link.KindPolicyGroup.New(project.Name)
	}
	frame, err := c.frame(g, "Policy Groups", project, kindNamed(engine.KindPolicyGroup).crumbs(project)...)
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, proxies.PolicyGroupListPage(frame, l))
}

func pipelines() []policy.Pipeline {
	return []policy.Pipeline{policy.Request, policy.Response, policy.Error}
}

func groupColumns(q proxyQuery, base string) []ui.Column {
	columns := []ui.Column{
		q.column(base, "Name", "name"), q.column(base, "Pipeline", "pipeline"), q.column(base, "Order", "order"), {Label: "Default"},
		q.column(base, "Status", "status"), {Label: "Policies", Number: true}, {Label: "Used in", Number: true}, {Label: "Deployments"},
		q.column(base, "Last change", "updated"), {Label: "Actions", Hidden: true, Tight: true},
	}
	columns[2].Number, columns[4].Tight = true, true
	return columns
}

// groupRows are groups as the list shows them; back is where it stands.
func (c *Console) groupRows(g *gin.Context, project models.Project, groups []models.Owner, back string) ([]proxies.PolicyGroupRow, error) {
	ids := make([]string, len(groups))
	for i, o := range groups {
		ids[i] = o.ID
	}
	counts, err := c.store.GroupCounts(g.Request.Context(), ids)
	rows := make([]proxies.PolicyGroupRow, len(groups))
	for i, o := range groups {
		rows[i] = proxies.PolicyGroupRow{
			Owner: linkOf(project.Name, o), ID: o.ID, Name: o.Name, Description: o.Description, Pipeline: o.Pipeline, Order: o.Rank,
			Default: o.MakeDefault, Active: o.Active, Policies: counts[o.ID].Policies, Used: counts[o.ID].Places,
			Places: c.places(g, project.Name, o), Several: len(o.Deployments) > 1, Version: o.Version,
			ChangedAt: o.UpdatedAt, ChangedBy: o.UpdatedBy, Now: c.now(), Return: back, Manage: visit.From(g.Request.Context()).Can(models.ManageAPIs),
		}
	}
	return rows, err
}

// groupUse is where a policy or a policy group is bound, and how much hangs on it.
type groupUse struct{ models.Places }

func (c *Console) groupUse(ctx context.Context, id string) (groupUse, error) {
	places, err := c.store.PlacesOf(ctx, id)
	return groupUse{places}, err
}

// owners are those that run it, in words such as "orders (proxy)".
func (u groupUse) owners() string { return someOutOf(withKinds(u.First), u.Owners) }

// live are those of them that are deployed.
func (u groupUse) live() string { return someOutOf(withKinds(u.FirstLive), u.Live) }

func withKinds(list []models.OwnerName) []string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = fmt.Sprintf("%s (%s)", o.Name, kindNamed(o.Kind).noun)
	}
	return names
}

// redeploy says what a change of the group asks for (D5).
func (u groupUse) redeploy() string {
	if u.Live == 0 {
		return ""
	}
	return fmt.Sprintf(" To take it over, redeploy %s in %s.", u.live(), someOf(u.Environments))
}

// effects are what a change touches. What it does to a place is said by does,
// such as "It is skipped in".
func (u groupUse) effects(does, without string) []string {
	if u.Owners == 0 {
		return []string{"No proxy or proxy group uses it."}
	}
	effects := []string{fmt.Sprintf("%s %s.", does, u.owners())}
	if u.Live == 0 {
		return append(effects, "None of them is live.")
	}
	return append(effects, fmt.Sprintf("Live in %s: %s. Calls go on as deployed until a redeploy, and from then on %s.",
		someOf(u.Environments), u.live(), without))
}

// ShowPolicyGroup is what a policy group is, where it is bound and where it runs.
func (c *Console) ShowPolicyGroup(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	places, err := c.store.FirstPolicyGroupUsage(g.Request.Context(), d.owner.ID, reportLines+1) // one more tells whether there are others
	if err != nil {
		return err
	}
	rows, err := c.groupRows(g, d.project, []models.Owner{d.owner}, d.page())
	if err != nil {
		return err
	}
	frame, err := c.frame(g, d.owner.Name, d.project, append(d.crumbs(d.project), layout.Crumb{Label: d.owner.Name})...)
	if err != nil {
		return err
	}
	audited(g, &frame, d.project.Name, d.owner.ID)
	about := lanes[slices.IndexFunc(lanes, func(l laneText) bool { return l.pipeline == d.owner.Pipeline })]
	lane := d.lane(about, "")
	v := proxies.PolicyGroupView{
		Head: d.head(proxies.OnOverview), Row: rows[0], ClientID: d.owner.ClientID, Members: lane.Policies, Add: lane.Add, Closed: lane.Closed,
		Pipeline: proxies.PipelineName(d.owner.Pipeline) + ". " + about.text, Deploys: groupDeploys, Created: d.owner.CreatedAt, Creator: d.owner.CreatedBy,
	}
	v.UsesCut = len(places) > reportLines
	for _, p := range places[:min(len(places), reportLines)] {
		v.Uses = append(v.Uses, d.groupPlace(p))
	}
	if d.v.Can(models.DeployAPIs) {
		v.BulkDeploy = link.NewGroupBulkDeploy(d.project.Name, d.owner.Name)
	}
	if d.v.Can(models.ManageAPIs) {
		v.Status = d.groupToggle()
	}
	return render(g, http.StatusOK, proxies.PolicyGroupPage(frame, v))
}

// groupDeploys is what deploying a policy group itself does.
const groupDeploys = "Deployed, the group's own key pair can ask for tokens in the environment. What runs in proxies and proxy groups changes when they are redeployed, not here."

func (d *ownerDesk) groupPlace(p models.Usage) proxies.PolicyGroupUse {
	u := proxies.PolicyGroupUse{
		Owner: link.Owner{Project: d.project.Name, Kind: kindNamed(p.OwnerKind).at, Name: p.OwnerName}, Noun: kindNamed(p.OwnerKind).noun,
		Scope: cmp.Or(p.Endpoint, "All endpoints"), Pipeline: p.Pipeline, Position: p.Position, Live: p.Live, Deploy: d.v.Can(models.DeployAPIs),
	}
	if p.OwnerKind == engine.KindProxyGroup {
		u.Scope = "All calls"
	}
	return u
}

// groupToggle switches the group from its page. Switching it off asks first.
func (d *ownerDesk) groupToggle() *ui.Action {
	a := &ui.Action{Label: "Activate", Icon: "activate", Href: d.link().Status(), Name: "active", Value: "true", Small: true}
	if d.owner.Active {
		a.Label, a.Icon, a.Value = "Deactivate", "passive", "false"
	}
	a.Hidden = append(d.version(), ui.Hidden{Name: "return", Value: d.page()})
	return a
}

// ConfirmGroupStatus asks before a group that runs somewhere is made passive.
func (c *Console) ConfirmGroupStatus(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	return d.askGroupStatus(http.StatusOK, "")
}

func (d *ownerDesk) askGroupStatus(status int, refused string) error {
	use, err := d.c.groupUse(d.g.Request.Context(), d.owner.ID)
	if err != nil {
		return err
	}
	frame, err := d.frame("Deactivate "+d.owner.Name, layout.Crumb{Label: "Deactivate"})
	if err != nil {
		return err
	}
	back := localPath(d.g.Request.Form.Get("return"), d.page())
	question := ui.Confirm{
		Title: "Make policy group " + d.owner.Name + " passive?", Text: "It keeps its policies and its places, and can be made active again.",
		Effects: use.effects("It is skipped in", "without its policies"), Action: d.link().Status(), Label: "Deactivate", Cancel: back, Error: refused,
		Hidden: append(d.version(), ui.Hidden{Name: "active", Value: "false"}, ui.Hidden{Name: "return", Value: back}),
	}
	if use.Live > 0 {
		question.Name, question.Typed = d.owner.Name, d.g.PostForm("confirm")
	}
	return render(d.g, status, proxies.AskPage(frame, question))
}

// SetGroupStatus switches a policy group active or passive, as it was read. Where
// it is live its name has to be typed before it is made passive.
func (c *Console) SetGroupStatus(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	active, err := strconv.ParseBool(g.PostForm("active"))
	if err != nil {
		return problem.List{{Field: "active", Message: "Send true or false."}}
	}
	if g.PostForm("ownerId") != d.owner.ID { // another group has the name now
		return fmt.Errorf("policy group %s: %w", g.PostForm("ownerId"), models.ErrNotFound)
	}
	ctx := g.Request.Context()
	use, err := c.groupUse(ctx, d.owner.ID)
	if err != nil {
		return err
	}
	if !active && use.Live > 0 && g.PostForm("confirm") != d.owner.Name {
		return d.confirmGroupStatus()
	}
	o := d.owner
	o.Active, o.Version = active, number(g.PostForm("version"))
	saved, _, err := c.store.SavePolicyGroup(ctx, d.v.Actor(), d.project.ID, o)
	stale := new(models.StaleError)
	switch {
	case errors.As(err, &stale) && !stale.Deleted:
		text := fmt.Sprintf("%s was changed by %s in the meantime, so it was not switched. It is %s.", stale.Name, stale.By, strings.ToLower(string(ui.StateOf(d.owner.Active))))
		return d.groupSwitched(http.StatusConflict, visit.Warning, layout.Toast{Tone: ui.ToneDanger, Text: text})
	case err != nil:
		return err
	}
	d.owner = saved
	toast, kind := layout.Toast{Tone: ui.ToneSuccess, Text: saved.Name + " is passive now." + use.redeploy()}, visit.Success
	if active {
		toast.Text = saved.Name + " is active now." + use.redeploy()
	}
	if use.Live > 0 {
		toast.Tone, kind = ui.ToneWarning, visit.Warning
	}
	return d.groupSwitched(http.StatusOK, kind, toast)
}

// confirmGroupStatus asks for the name: on a page of its own, unless a wrong one
// was typed there.
func (d *ownerDesk) confirmGroupStatus() error {
	if _, typed := d.g.GetPostForm("confirm"); typed {
		return d.askGroupStatus(http.StatusUnprocessableEntity, "Type the name exactly as it is shown: "+d.owner.Name)
	}
	return redirect(d.g, withQuery(d.link().Status(), url.Values{"return": {localPath(d.g.PostForm("return"), d.page())}}))
}

// groupSwitched answers with the row where a switch of the list asked, else with
// the page that it stood on.
func (d *ownerDesk) groupSwitched(status int, kind visit.Kind, toast layout.Toast) error {
	ctx, back := d.g.Request.Context(), localPath(d.g.PostForm("return"), d.page())
	if _, asked := d.g.GetPostForm("confirm"); asked || !isHTMX(d.g) {
		d.v.Say(ctx, kind, toast.Text)
		return redirect(d.g, back)
	}
	rows, err := d.c.groupRows(d.g, d.project, []models.Owner{d.owner}, back)
	if err != nil {
		return err
	}
	return render(d.g, status, proxies.PolicyGroupSwitched(&rows[0], toast))
}
