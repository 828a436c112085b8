package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
	"github.com/gatewright/gatewright/web/ui"
)

// mergedShown bounds the operations that the page of a group lists: members may
// have thousands each.
const mergedShown = 200

// ListProxyGroups is the list of a project's proxy groups.
func (c *Console) ListProxyGroups(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	q := proxyQueryOf(g, "name", "basePath", "updated")
	filter := q.filter()
	filter.Kind = engine.KindProxyGroup
	kind, redeploy := kindNamed(engine.KindProxyGroup), q.narrowToRedeploys(g)
	base := kind.at.List(project.Name)
	found, page, err := c.owners(ctx, project, q, filter, base, "proxy group", "proxy groups")
	if err != nil {
		return err
	}
	frame, err := c.frame(g, kind.list, project, kind.crumbs(project)...)
	if err != nil {
		return err
	}
	l := proxies.GroupList{
		Query: q.text, Redeploy: redeploy, Now: c.now(), Columns: q.groupColumns(base), Page: page,
		Search: ui.Search{Action: base, Value: q.text, Label: "Search proxy groups", Clear: q.with("", 1).address(base), Hidden: q.sorting()},
	}
	if visit.From(ctx).Can(models.ManageAPIs) {
		l.New = kind.at.New(project.Name)
	}
	counts, err := c.store.GroupCounts(ctx, idsOf(found))
	if err != nil {
		return err
	}
	for _, o := range found {
		row := c.groupRow(g, project.Name, o)
		row.Policies = counts[o.ID].Policies
		l.Rows = append(l.Rows, row)
		l.Several = l.Several || len(o.Deployments) > 1
	}
	return render(g, http.StatusOK, proxies.GroupListPage(frame, l))
}

func (c *Console) groupRow(g *gin.Context, project string, o models.Owner) proxies.GroupRow {
	at := linkOf(project, o)
	r := proxies.GroupRow{
		Name: o.Name, Description: o.Description, BasePath: o.Route.BasePath, Members: len(o.Members),
		Places: c.places(g, project, o), ChangedAt: o.UpdatedAt, ChangedBy: o.UpdatedBy, Href: at.Page(), Develop: at.Develop(),
	}
	if visit.From(g.Request.Context()).Can(models.ManageAPIs) {
		r.Edit, r.Assign, r.Duplicate, r.Delete = at.Edit(), at.Assign(), at.Duplicate(), at.Delete()
	}
	return r
}

func idsOf(list []models.Owner) []string {
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o.ID
	}
	return ids
}

func (q proxyQuery) groupColumns(base string) []ui.Column {
	return []ui.Column{
		q.column(base, "Name", "name"), q.column(base, "Base path", "basePath"), {Label: "Members", Number: true}, {Label: "Policies", Number: true},
		{Label: "Deployments"}, q.column(base, "Last change", "updated"), {Label: "Actions", Hidden: true, Tight: true},
	}
}

// ShowProxyGroup is the overview.
func (c *Console) ShowProxyGroup(g *gin.Context) error {
	d, err := c.ownerDesk(g)
	if err != nil {
		return err
	}
	frame, err := c.frame(g, d.owner.Name, d.project, append(d.crumbs(d.project), layout.Crumb{Label: d.owner.Name})...)
	if err != nil {
		return err
	}
	audited(g, &frame, d.project.Name, d.owner.ID)
	o := proxies.GroupOverview{Overview: d.overview(), Blocks: d.owner.BlockDirectAccess}
	ids := make([]string, len(d.owner.Members))
	for i, m := range d.owner.Members {
		o.Members, ids[i] = append(o.Members, memberRow(d.project, m)), m.ID
	}
	if o.Direct, err = c.directCalls(g.Request.Context(), ids); err != nil {
		return err
	}
	if err := d.merge(g.Request.Context(), &o); err != nil {
		return err
	}
	if d.v.Can(models.ManageAPIs) {
		o.Assign = d.link().Assign()
	}
	return render(g, http.StatusOK, proxies.GroupPage(frame, o))
}

// merge says who answers what, by the code that routes calls.
func (d *ownerDesk) merge(ctx context.Context, o *proxies.GroupOverview) error {
	if len(d.owner.Members) == 0 || len(d.owner.Deployments) == 0 {
		return nil
	}
	raw, _, err := d.c.store.Draft(ctx, d.owner.ID, d.owner.Deployments[0].Environment)
	if err != nil {
		return err
	}
	var definition engine.ProxyGroup
	if err := json.Unmarshal(raw, &definition); err != nil {
		return err
	}
	for _, e := range definition.Endpoints() {
		if e.By != e.Member {
			o.Hidden++
		}
		if len(o.Merged) == mergedShown {
			o.More++
			continue
		}
		name := definition.Members[e.Member].Proxy.Name
		shown := proxies.MergedEndpoint{
			Method: e.Endpoint.Method, Path: e.Endpoint.Path, Methods: e.Methods, Member: name, Href: link.Proxy(d.project.Name, name).Page(),
		}
		switch {
		case e.By < 0:
			shown.Hidden = "Its methods leave it out"
		case e.By != e.Member:
			shown.Hidden = definition.Members[e.By].Proxy.Name + " answers before it"
		}
		o.Merged = append(o.Merged, shown)
	}
	return nil
}

// memberships are the groups of a proxy.
func (d *ownerDesk) memberships() ([]proxies.Group, error) {
	found, err := d.c.store.GroupsOf(d.g.Request.Context(), d.owner.ID)
	var list []proxies.Group
	for _, m := range found {
		list = append(list, proxies.Group{
			Name: m.Name, Description: m.Description, Href: link.ProxyGroup(d.project.Name, m.Name).Page(), Blocks: m.BlockDirectAccess, Live: m.Live,
		})
	}
	return list, err
}

// leaves says which groups a proxy would be missing from.
func (d *ownerDesk) leaves() ([]string, error) {
	if d.kind != engine.KindProxy {
		return nil, nil
	}
	groups, err := d.memberships()
	var effects []string
	for _, g := range groups {
		text := "It leaves the proxy group " + g.Name
		if len(g.Live) > 0 {
			text += ", which goes on with it in " + strings.Join(g.Live, ", ") + " until a redeploy there"
		}
		effects = append(effects, text)
	}
	return effects, err
}
