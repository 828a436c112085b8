package apiops

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

func (a *API) nodeOperations() []operation {
	return []operation{{
		method: http.MethodGet, path: Prefix + "nodes/", id: "listAllNodes", tag: "Environments", summary: "List the gateway nodes of all environments",
		text:  "Those that have reported in the last day, once for each environment that they serve.",
		right: visit.ViewSystem, result: listOf[nodeAnywhere]{}, do: a.listAllNodes,
	}, {
		method: http.MethodGet, path: proxyKind.path() + "addresses/", id: "listProxyAddresses", tag: proxyTag, summary: "List what the gateway nodes know of the addresses of an API proxy",
		text:  "Once for each node and environment that has reported in the last day. Each node judges for itself. A proxy of one address that is not watched has none.",
		right: models.ViewAPIs, result: listOf[nodeOfProxy]{}, do: a.listProxyAddresses,
	}}
}

// nodeAnywhere is what a gateway node runs of one of its environments.
type nodeAnywhere struct {
	nodeState
	Environment string        `json:"environmentName"`
	Running     int64         `json:"runningGeneration" doc:"The generation that it runs; 0 when it runs nothing yet."`
	Newest      int64         `json:"newestGeneration" doc:"The generation that the environment is at."`
	Kept        bool          `json:"fromDisk" doc:"Whether what it runs is its last good configuration off its own disk: it started without the database and has taken nothing over since."`
	StartedAt   time.Time     `json:"startedAt" doc:"When its process began, by its own clock."`
	Addresses   nodeAddresses `json:"addresses" doc:"What it knows of the addresses of API proxies that have several, or whose one is watched."`
}

// nodeAddresses is what a node knows of the addresses of APIs.
type nodeAddresses struct {
	Well    int           `json:"wellCount" doc:"How many are called."`
	Resting int           `json:"restingCount" doc:"How many are not called for a while, as calls failed."`
	Down    int           `json:"downCount" doc:"How many are not called as their health check fails."`
	Calls   int64         `json:"activeCalls" doc:"Calls under way at all of them."`
	Named   []nodeAddress `json:"addressList" doc:"The first 200 of them: those that are not well, then those with the most calls under way."`
}

// nodeAddress is what a node knows of one address.
type nodeAddress struct {
	Project string    `json:"projectName"`
	Proxy   string    `json:"proxyName"`
	Address string    `json:"address"`
	State   string    `json:"state" enum:"WELL,RESTING,DOWN"`
	Since   time.Time `json:"since" doc:"When that began, by the clock of the node."`
	Reason  string    `json:"reason" doc:"Why it is not called; empty when it is."`
	Calls   int64     `json:"activeCalls" doc:"Calls under way at it."`
}

func nodeAddressesOf(a models.NodeAddresses) nodeAddresses {
	all := nodeAddresses{a.Well, a.Resting, a.Down, a.Calls, make([]nodeAddress, len(a.Named))}
	for i, n := range a.Named {
		all.Named[i] = nodeAddress{n.Project, n.Proxy, n.Address, string(n.Health), n.Since, n.Reason, n.Calls}
	}
	return all
}

// nodeOfProxy is what a gateway node knows of the addresses of one proxy. Its counts
// are of all proxies, and for those who look after the system.
type nodeOfProxy struct {
	Name        string        `json:"podName"`
	Environment string        `json:"environmentName"`
	Alive       bool          `json:"alive"`
	ReportedAt  time.Time     `json:"reportedAt"`
	Told        bool          `json:"unhealthyListed" doc:"Whether the list has all addresses that are not well: a node names 200, of all proxies."`
	Addresses   []nodeAddress `json:"addressList" doc:"Those that are not well, then those with the most calls under way."`
}

func (a *API) listProxyAddresses(c *call) (any, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	reports, err := a.Store.NodesOfProxy(c.ctx(), o.ID)
	if err != nil {
		return nil, err
	}
	list := make([]nodeOfProxy, len(reports))
	for i, r := range reports {
		list[i] = nodeOfProxy{r.Node, r.Environment, r.Alive, r.At, r.Addresses.Tells(), nodeAddressesOf(r.Addresses).Named}
	}
	return listing(list, len(list)), nil
}

func (a *API) listAllNodes(c *call) (any, error) {
	reports, err := a.Store.NodesWithAddresses(c.ctx())
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
		list[i] = nodeAnywhere{nodeOf(r, g), r.Environment, r.Running, g, r.Kept, r.StartedAt, nodeAddressesOf(r.Addresses)}
	}
	return listing(list, len(list)), nil
}
