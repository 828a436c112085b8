package apiops

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/handlers/visit"
)

func (a *API) nodeOperations() []operation {
	return []operation{{
		method: http.MethodGet, path: Prefix + "nodes/", id: "listAllNodes", tag: "Environments", summary: "List the gateway nodes of all environments",
		text:  "Those that have reported in the last day, once for each environment that they serve.",
		right: visit.ViewSystem, result: listOf[nodeAnywhere]{}, do: a.listAllNodes,
	}}
}

// nodeAnywhere is what a gateway node runs of one of its environments.
type nodeAnywhere struct {
	nodeState
	Environment string    `json:"environmentName"`
	Running     int64     `json:"runningGeneration" doc:"The generation that it runs; 0 when it runs nothing yet."`
	Newest      int64     `json:"newestGeneration" doc:"The generation that the environment is at."`
	Kept        bool      `json:"fromDisk" doc:"Whether what it runs is its last good configuration off its own disk: it started without the database and has taken nothing over since."`
	StartedAt   time.Time `json:"startedAt" doc:"When its process began, by its own clock."`
}

func (a *API) listAllNodes(c *call) (any, error) {
	reports, err := a.Store.Nodes(c.ctx())
	if err != nil {
		return nil, err
	}
	environments, err := a.Store.Environments(c.ctx())
	if err != nil {
		return nil, err
	}
	newest := make(map[string]int64, len(environments))
	for _, e := range environments {
		newest[e.Name] = e.Generation
	}
	list := make([]nodeAnywhere, len(reports))
	for i, r := range reports {
		g := newest[r.Environment]
		list[i] = nodeAnywhere{nodeOf(r, g), r.Environment, r.Running, g, r.Kept, r.StartedAt}
	}
	return listing(list, len(list)), nil
}
