package console

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/nodes"
)

// ListNodes is the page of all gateway nodes.
func (c *Console) ListNodes(g *gin.Context) error {
	reports, newest, err := c.nodes(g.Request.Context(), c.store.NodesWithAddresses)
	if err != nil {
		return err
	}
	p := nodes.Page{Now: c.now(), Environments: link.Environments}
	p.Unwell, p.More = unwell(reports)
	for _, r := range reports {
		n := nodeRow(r, newest[r.Environment])
		p.Nodes = append(p.Nodes, nodes.Node{
			Name: n.Name, Version: n.Version, Environment: r.Environment, Href: link.EnvironmentPage(r.Environment), Running: r.Running,
			Newest: newest[r.Environment], Tone: n.Tone, State: n.State, Message: n.Message, Alive: n.Alive, StartedAt: r.StartedAt, At: n.At,
			Addresses: r.Addresses.All(), NotWell: r.Addresses.NotWell(),
		})
	}
	frame, err := c.frame(g, "Gateway Nodes", models.Project{}, layout.Crumb{Label: "Administration"}, layout.Crumb{Label: "Gateway Nodes"})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, nodes.ListPage(frame, p))
}

// nodes are the reports of all nodes as they are listed by one of the store's
// methods, with the newest generations by environment.
func (c *Console) nodes(ctx context.Context, list func(context.Context) ([]models.NodeReport, error)) ([]models.NodeReport, map[string]int64, error) {
	reports, err := list(ctx)
	if err != nil {
		return nil, nil, err
	}
	environments, err := visit.From(ctx).Environments(ctx, c.store)
	newest := make(map[string]int64, len(environments))
	for _, e := range environments {
		newest[e.Name] = e.Generation
	}
	return reports, newest, err
}
