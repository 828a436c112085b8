package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/reports"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	// reportLines is how many lines a page of a report has.
	reportLines = 25
	// chartBars is how many bars a chart has.
	chartBars = 20
)

// Reports leads to the first of them.
func (c *Console) Reports(g *gin.Context) error {
	return redirect(g, link.PolicyUsage(g.Param("project")))
}

// reportDesk is where a report of a project is made.
type reportDesk struct {
	c            *Console
	g            *gin.Context
	project      models.Project
	environments []string
}

func (c *Console) reportDesk(g *gin.Context) (*reportDesk, error) {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return nil, err
	}
	d := &reportDesk{c: c, g: g, project: project}
	d.environments, err = c.environmentNames(ctx)
	return d, err
}

func (d *reportDesk) frame(title string) (layout.Props, error) {
	return d.c.frame(d.g, title, d.project, reports.Crumbs(d.project.Name, layout.Crumb{Label: title})...)
}

// stateFilter reads what all reports can be narrowed to, and what is wrong with it.
func (d *reportDesk) stateFilter(q reports.Query) (models.StateFilter, problem.List) {
	var l problem.List
	f := models.StateFilter{
		Environment: q.Get("environment"), State: models.DeployState(q.Get("state")), Page: q.Number("page"), From: q.Number("from"), PerPage: reportLines,
	}
	if f.Environment != "" && !slices.ContainsFunc(d.environments, func(e string) bool { return strings.EqualFold(e, f.Environment) }) {
		l.Add("environment", "There is no environment %s.", f.Environment)
	}
	oneOf(&l, q, "state", states(), "Choose Live, Redeploy required or Not deployed.")
	return f, l
}

func states() (list []string) {
	for _, o := range reports.States {
		list = append(list, o.Value)
	}
	return list
}

// oneOf reports a value that the filter does not know: to show everything instead
// would mislead.
func oneOf(l *problem.List, q reports.Query, name string, known []string, otherwise string) {
	if v := q.Get(name); v != "" && !slices.Contains(known, v) {
		l.Add(name, "%s", otherwise)
	}
}

func (d *reportDesk) placeFilter(q reports.Query) (models.UsageFilter, problem.List, error) {
	s, l := d.stateFilter(q)
	oneOf(&l, q, "kind", []string{engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup}, "Choose API proxies, API proxy groups or policy groups.")
	oneOf(&l, q, "reach", []string{"global", "local"}, "Choose global or local.")
	oneOf(&l, q, "status", []string{"active", "passive"}, "Choose active or passive.")
	f := models.UsageFilter{
		Type: q.Get("type"), Policy: q.Get("policy"), OwnerKind: q.Get("kind"), Owner: q.Get("owner"), Reach: q.Get("reach"), Status: q.Get("status"),
		Query: q.Get("q"), Sort: q.Get("sort"), Desc: q.Desc(), StateFilter: s,
	}
	if name := q.Get("group"); name != "" {
		group, err := d.c.store.Owner(d.g.Request.Context(), d.project.ID, engine.KindPolicyGroup, name)
		if err != nil {
			return f, l, err
		}
		f.GroupID = group.ID
	}
	return f, l, nil
}

// PolicyUsage is the report of the places in which policies run.
func (c *Console) PolicyUsage(g *gin.Context) error {
	d, err := c.reportDesk(g)
	if err != nil {
		return err
	}
	q := reports.Places(d.project.Name, g.Request.URL.Query())
	f, problems, err := d.placeFilter(q)
	if err != nil {
		return err
	}
	page := reports.PlacesPage{Project: d.project.Name, Query: q, Problems: problems, Environments: d.environments, Types: c.typeOptions()}
	status := http.StatusUnprocessableEntity
	if len(problems) == 0 {
		status = http.StatusOK
		if err := d.fillPlaces(&page, f); err != nil {
			return err
		}
	}
	if page.Frame, err = d.frame("Policy usage"); err != nil {
		return err
	}
	return render(g, status, reports.PolicyUsage(page))
}

func (c *Console) typeOptions() []ui.Option {
	list := []ui.Option{{Label: "Any type"}}
	for _, t := range c.types {
		list = append(list, ui.Option{Value: t.Name, Label: t.Label})
	}
	return list
}

func (d *reportDesk) fillPlaces(page *reports.PlacesPage, f models.UsageFilter) error {
	ctx := d.g.Request.Context()
	if page.Query.Chart() {
		chart, err := d.mostUsed(page.Query, f)
		page.Chart = &chart
		return err
	}
	lines, at, err := d.c.store.UsageReport(ctx, d.project.ID, f)
	if err != nil {
		return err
	}
	page.Standing = standing(at, f.StateFilter)
	for _, line := range lines {
		page.Lines = append(page.Lines, d.c.placeLine(line))
	}
	return nil
}

func standing(at models.Scan, f models.StateFilter) reports.Standing {
	return reports.Standing{
		Total: at.Total, Capped: at.Total >= models.CountCap, Next: at.Next, Stopped: at.Stopped, Compared: f.Compared(), PerPage: f.PerPage,
	}
}

// mostUsed is the chart of the places of each policy. Where the filter has a state
// that has to be compared, the places are those that run at all.
func (d *reportDesk) mostUsed(q reports.Query, f models.UsageFilter) (ui.Bars, error) {
	list, err := d.c.store.MostUsed(d.g.Request.Context(), d.project.ID, f, chartBars)
	chart := ui.Bars{ID: "places", Title: "Policies in the most places", Noun: "places", Table: q.With("view", "").URL(), Empty: "No policy is bound in such a place."}
	if f.Compared() {
		chart.Title += ", of those that run"
	}
	for _, p := range list {
		bar := ui.Bar{Label: p.Name, Value: p.Places, Href: q.With("view", "", "type", p.Type, "policy", p.Name).URL()}
		if !p.Global {
			bar.Text = "local"
		}
		chart.Rows = append(chart.Rows, bar)
	}
	return chart, err
}

func (c *Console) placeLine(u models.PlaceUsage) reports.Place {
	label := u.PolicyType
	if t, ok := c.types.Find(u.PolicyType); ok {
		label = t.Label
	}
	return reports.Place{
		PolicyType: u.PolicyType, TypeLabel: label, Policy: u.PolicyName, Global: u.Global, Active: u.Active, Kind: u.OwnerKind, Owner: u.OwnerName,
		Scope: u.Scope, Endpoint: u.Endpoint, Pipeline: u.Pipeline, Position: u.Position, Via: u.Via, Order: u.Order, In: runsIn(u.OwnerKind, u.In),
	}
}

func runsIn(kind string, list []models.UsageIn) []reports.In {
	out := make([]reports.In, len(list))
	for i, in := range list {
		out[i] = reports.In{
			Environment: in.Environment, State: stateOf(in.State), Revision: in.Revision, Calls: in.Calls, Tokens: in.Tokens,
			Capped: in.Capped, Counted: kind != engine.KindPolicyGroup,
		}
	}
	return out
}

// PolicyUsageCSV is what the filter of the report leaves, whole: a line for each
// place and environment.
func (c *Console) PolicyUsageCSV(g *gin.Context) error {
	d, err := c.reportDesk(g)
	if err != nil {
		return err
	}
	f, problems, err := d.placeFilter(reports.Places(d.project.Name, g.Request.URL.Query()))
	if err := cmp.Or(err, problems.Err()); err != nil {
		return err
	}
	columns := []string{
		"policyType", "policy", "reach", "active", "ownerKind", "owner", "scope", "endpoint", "pipeline", "position", "policyGroup", "positionInGroup",
	}
	return c.sendCSV(g, "policy-usage", append(columns, runColumns...), func(write func(...string) error) error {
		return c.store.EachUsage(g.Request.Context(), d.project.ID, f, func(u models.PlaceUsage) error {
			reach, order := "global", ""
			if !u.Global {
				reach = "local"
			}
			if u.Via != "" {
				order = strconv.Itoa(u.Order)
			}
			cells := []string{
				u.PolicyType, u.PolicyName, reach, strconv.FormatBool(u.Active), u.OwnerKind, u.OwnerName, string(u.Scope), u.Endpoint, string(u.Pipeline),
				strconv.Itoa(u.Position), u.Via, order,
			}
			return writeRuns(write, cells, u.OwnerKind, u.In)
		})
	})
}

// runColumns are the figures of a line in an environment.
var runColumns = []string{"environment", "state", "revision", "callsLastDay", "liveTokens", "liveTokensMayBeMore"}

func writeRuns(write func(...string) error, cells []string, kind string, list []models.UsageIn) error {
	for _, in := range list {
		revision, calls := "", strconv.FormatInt(in.Calls, 10)
		if in.State == models.Live || in.State == models.RedeployRequired {
			revision = strconv.Itoa(in.Revision)
		}
		if kind == engine.KindPolicyGroup {
			calls = ""
		}
		line := append(slices.Clone(cells), in.Environment, string(in.State), revision, calls, strconv.Itoa(in.Tokens), strconv.FormatBool(in.Capped))
		if err := write(line...); err != nil {
			return err
		}
	}
	return nil
}
