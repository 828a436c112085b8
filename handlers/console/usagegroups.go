package console

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/reports"
	"github.com/gatewright/gatewright/web/ui"
)

// ProxyGroupUsage is the report of API proxy groups.
func (c *Console) ProxyGroupUsage(g *gin.Context) error {
	return c.groupUsage(g, engine.KindProxyGroup, "Proxy group usage")
}

// PolicyGroupUsage is the report of policy groups.
func (c *Console) PolicyGroupUsage(g *gin.Context) error {
	return c.groupUsage(g, engine.KindPolicyGroup, "Policy group usage")
}

// ProxyGroupUsageCSV is what the filter of the report leaves.
func (c *Console) ProxyGroupUsageCSV(g *gin.Context) error {
	return c.groupUsageCSV(g, engine.KindProxyGroup, "proxy-group-usage")
}

// PolicyGroupUsageCSV is what the filter of the report leaves.
func (c *Console) PolicyGroupUsageCSV(g *gin.Context) error {
	return c.groupUsageCSV(g, engine.KindPolicyGroup, "policy-group-usage")
}

func (d *reportDesk) groupFilter(q reports.Query, kind string) (models.GroupUsageFilter, problem.List) {
	s, l := d.stateFilter(q)
	oneOf(&l, q, "status", []string{"active", "passive"}, "Choose active or passive.")
	return models.GroupUsageFilter{
		Kind: kind, Query: q.Get("q"), Member: q.Get("member"), Status: q.Get("status"), Sort: q.Get("sort"), Desc: q.Desc(), StateFilter: s,
	}, l
}

func (c *Console) groupUsage(g *gin.Context, kind, title string) error {
	d, err := c.reportDesk(g)
	if err != nil {
		return err
	}
	q := reports.Groups(d.project.Name, kind, g.Request.URL.Query())
	f, problems := d.groupFilter(q, kind)
	page := reports.GroupsPage{Project: d.project.Name, Kind: kind, Query: q, Problems: problems, Environments: d.environments}
	status := http.StatusUnprocessableEntity
	if len(problems) == 0 {
		status = http.StatusOK
		if err := d.fillGroups(&page, f); err != nil {
			return err
		}
	}
	if page.Frame, err = d.frame(title); err != nil {
		return err
	}
	return render(g, status, reports.GroupUsage(page))
}

func (d *reportDesk) fillGroups(page *reports.GroupsPage, f models.GroupUsageFilter) error {
	if page.Query.Chart() {
		chart, err := d.groupChart(page.Query, f)
		page.Chart = &chart
		return err
	}
	lines, at, err := d.c.store.GroupReport(d.g.Request.Context(), d.project.ID, f)
	if err != nil {
		return err
	}
	page.Standing = standing(at, f.StateFilter)
	for _, l := range lines {
		page.Lines = append(page.Lines, reports.Group{
			Name: l.Name, Description: l.Description, Members: l.Members, Policies: l.Policies, Active: l.Active, MakeDefault: l.MakeDefault,
			Pipeline: l.Pipeline, Proxies: l.Proxies, ProxyGroups: l.ProxyGroups, In: runsIn(l.Kind, l.In),
		})
	}
	return nil
}

// groupChart is of the calls of proxy groups, and of the places of policy groups.
func (d *reportDesk) groupChart(q reports.Query, f models.GroupUsageFilter) (ui.Bars, error) {
	ctx := d.g.Request.Context()
	if f.Kind == engine.KindProxyGroup {
		chart := ui.Bars{ID: "calls", Title: "Calls of the last day", Noun: "calls", Table: q.With("view", "").URL(), Empty: "No call came through a group in the last day."}
		list, err := d.c.store.MostCalledGroups(ctx, d.project.ID, f.Environment, chartBars)
		for _, g := range list {
			chart.Rows = append(chart.Rows, ui.Bar{Label: g.Name, Value: int(g.Calls), Href: link.OwnerOf(d.project.Name, f.Kind, g.Name).Page()})
		}
		return chart, err
	}
	chart := ui.Bars{ID: "bound", Title: "Policy groups that are bound most", Noun: "owners", Table: q.With("view", "").URL(), Empty: "No policy group is bound anywhere."}
	f.Sort, f.Desc, f.Page, f.From, f.PerPage, f.State = "bound", true, 1, 0, chartBars, ""
	list, _, err := d.c.store.GroupReport(ctx, d.project.ID, f)
	for _, g := range list {
		if n := g.Proxies + g.ProxyGroups; n > 0 {
			chart.Rows = append(chart.Rows, ui.Bar{Label: g.Name, Value: n, Href: link.OwnerOf(d.project.Name, f.Kind, g.Name).Page()})
		}
	}
	return chart, err
}

func (c *Console) groupUsageCSV(g *gin.Context, kind, name string) error {
	d, err := c.reportDesk(g)
	if err != nil {
		return err
	}
	f, problems := d.groupFilter(reports.Groups(d.project.Name, kind, g.Request.URL.Query()), kind)
	if err := cmp.Or(err, problems.Err()); err != nil {
		return err
	}
	columns := []string{"group", "description", "members", "policies"}
	if kind == engine.KindPolicyGroup {
		columns = []string{"group", "description", "policies", "active", "default", "pipeline", "boundInProxies", "boundInProxyGroups"}
	}
	return c.sendCSV(g, name, append(columns, runColumns...), func(write func(...string) error) error {
		return c.store.EachGroup(g.Request.Context(), d.project.ID, f, func(u models.GroupUsage) error {
			return writeRuns(write, groupCells(u), kind, u.In)
		})
	})
}

func groupCells(u models.GroupUsage) []string {
	if u.Kind == engine.KindProxyGroup {
		return []string{u.Name, u.Description, strconv.Itoa(u.Members), strconv.Itoa(u.Policies)}
	}
	return []string{
		u.Name, u.Description, strconv.Itoa(u.Policies), strconv.FormatBool(u.Active), strconv.FormatBool(u.MakeDefault), string(u.Pipeline),
		strconv.Itoa(u.Proxies), strconv.Itoa(u.ProxyGroups),
	}
}
