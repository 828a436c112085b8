package apiops

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// Deploying and undeploying one owner, and what environments say of it
// (reference 6.4).

const deployTag = "Deployments"

func (a *API) deployOperations() []operation {
	var list []operation
	for _, k := range kinds {
		list = append(list, a.deployOperationsOf(k)...)
	}
	return list
}

func (a *API) deployOperationsOf(k kind) []operation {
	at := k.path() + "environments/{environmentName}/"
	return []operation{
		{
			method: http.MethodPost, path: at, id: "deploy" + k.id + "ToEnvironment", tag: deployTag, summary: "Deploy the " + k.noun,
			text:  "What does not compile is refused with 409, and what runs goes on. Where a node does not take it over deploymentResult says so.",
			right: models.DeployAPIs, versioned: true, body: deployRequest{}, optional: true, result: deployAnswer{}, do: a.deployOwner,
		},
		{
			method: http.MethodDelete, path: at, id: "undeploy" + k.id + "FromEnvironment", tag: deployTag, summary: "Undeploy the " + k.noun,
			text:  "It stays as it is edited and can be deployed again.",
			right: models.DeployAPIs, versioned: true, result: deployAnswer{}, do: a.undeployOwner,
		},
		{
			method: http.MethodGet, path: at + "deploy-status/", id: "get" + k.id + "DeployStatus", tag: deployTag, summary: "Ask what an environment runs of the " + k.noun,
			right: models.ViewAPIs, result: deployStatus{}, do: a.deployStatus,
		},
		{
			method: http.MethodGet, path: at + "route-health/", id: "get" + k.id + "RouteHealth", tag: deployTag, summary: "Ask which gateway nodes serve the " + k.noun,
			text:  "From what the nodes said last of themselves; they repeat it every few seconds.",
			right: models.ViewAPIs, result: routeHealth{}, do: a.routeHealth,
		},
	}
}

type deployRequest struct {
	Description string `json:"description" doc:"Of this deploy; left out: Deployed by the management API."`
	Persistent  bool   `json:"persistent" doc:"Keeps the revision however old it gets."`
}

// inPlace is the owner of the address, and its environment.
func (c *call) inPlace() (models.Owner, models.Deployment, error) {
	o, err := c.owner()
	if err != nil {
		return o, models.Deployment{}, err
	}
	d, err := inEnvironment(o, c.name("environmentName"))
	return o, d, err
}

// seen refuses what is done with an owner that is not at the version of If-Match,
// so that nobody deploys what they have not seen, and answers the version else: the
// owner stays at it. It is asked in the transaction that does it.
func (c *call) seen(o models.Owner) error {
	if err := c.matches(o.FlowVersions()...); err != nil {
		return err
	}
	c.tag(o.FlowVersions()...)
	return nil
}

func inEnvironment(o models.Owner, name string) (models.Deployment, error) {
	for _, d := range o.Deployments {
		if d.Environment == name {
			return d, nil
		}
	}
	return models.Deployment{}, &refusal{status: http.StatusNotFound, code: "not_found", text: fmt.Sprintf("There is no environment %q.", name)}
}

// changePlace changes what an environment runs and waits for its nodes. What is
// refused before anything happened is a conflict with what is there.
func (c *call) changePlace(done string, change func() (models.DeployResult, error)) (models.DeployResult, any, error) {
	start := c.Now()
	result, err := change()
	if l := problem.Of(err); l != nil {
		if l.For("note") != "" {
			return result, nil, refield(l, map[string]string{"note": "description"})
		}
		return result, nil, conflict("It was refused, and nothing has changed: %s", l.Error())
	}
	if err != nil {
		return result, nil, err
	}
	all := nothingDeployed()
	all.add(c.outcome(result, start, done))
	all.ResponseTime = c.Now().Sub(start).Milliseconds()
	return result, deployAnswer{success(), all}, nil
}

func (a *API) deployOwner(c *call) (any, error) {
	r := deployRequest{Description: deployedByUs}
	if c.sent != nil {
		if err := c.read(&r); err != nil {
			return nil, err
		}
	}
	o, d, err := c.inPlace()
	if err != nil {
		return nil, err
	}
	result, answer, err := c.changePlace("Deployment successful", func() (models.DeployResult, error) {
		return a.Store.Deploy(c.ctx(), c.by(), c.project.ID, o.ID, d.Environment, r.Description, c.seen)
	})
	if err != nil || !r.Persistent {
		return answer, err
	}
	return answer, a.Store.PinRevision(c.ctx(), c.by(), c.project.ID, o.ID, result.Revision, true)
}

func (a *API) undeployOwner(c *call) (any, error) {
	o, d, err := c.inPlace()
	if err != nil {
		return nil, err
	}
	_, answer, err := c.changePlace("Undeployment successful", func() (models.DeployResult, error) {
		return a.Store.Undeploy(c.ctx(), c.by(), c.project.ID, o.ID, d.Environment, c.seen)
	})
	if isNotFound(err) {
		return nil, &refusal{status: http.StatusNotFound, code: "not_found", text: fmt.Sprintf("%s does not run in %s.", o.Name, d.Environment)}
	}
	return answer, err
}

type deployStatus struct {
	done
	deployState
}

func (a *API) deployStatus(c *call) (any, error) {
	_, d, err := c.inPlace()
	if err != nil {
		return nil, err
	}
	return deployStatus{success(), deployStateOf(d)}, nil
}

// routeHealth is what the nodes of an environment say of an owner.
type routeHealth struct {
	done
	RouteActive  bool        `json:"routeActive" doc:"Every node that is alive serves it."`
	ServedPath   string      `json:"servedPath" doc:"The base path that runs; empty for a policy group, which has none."`
	Methods      []string    `json:"methods" doc:"Those that are routed."`
	Responded    int         `json:"podsResponded" doc:"How many nodes have reported lately."`
	Active       int         `json:"podsActive" doc:"How many of those serve it."`
	Deployed     bool        `json:"deployedInManager" doc:"Whether it is deployed there."`
	Inconsistent bool        `json:"inconsistent" doc:"Some nodes serve it and some do not, or what they run is not what is deployed."`
	Pods         []podHealth `json:"pods"`
}

type podHealth struct {
	Name      string `json:"podName"`
	Address   string `json:"podIp" doc:"Empty: nodes are known by name."`
	Responded bool   `json:"responded" doc:"Whether it has reported lately."`
	Active    bool   `json:"routeActive"`
	Detail    string `json:"detail"`
}

func (a *API) routeHealth(c *call) (any, error) {
	o, d, err := c.inPlace()
	if err != nil {
		return nil, err
	}
	e, err := a.Store.Environment(c.ctx(), d.Environment)
	if err != nil {
		return nil, err
	}
	nodes, err := a.Store.NodesOf(c.ctx(), d.Environment)
	if err != nil {
		return nil, err
	}
	h := routeHealth{done: success(), Deployed: d.Revision > 0, Methods: []string{}, Pods: []podHealth{}}
	if h.Deployed && o.Kind != engine.KindPolicyGroup {
		route, err := c.runningRoute(o, d)
		if err != nil {
			return nil, err
		}
		h.ServedPath, h.Methods = route.BasePath, routed(route)
	}
	for _, n := range nodes {
		h.add(n, e.Generation)
	}
	h.RouteActive = h.Active > 0 && h.Active == h.Responded
	h.Inconsistent = h.Deployed && h.Active != h.Responded
	return h, nil
}

// add counts a node. One that has not taken over the last change may run anything
// older.
func (h *routeHealth) add(n models.NodeReport, generation int64) {
	p := podHealth{Name: n.Node, Responded: n.Alive, Detail: strings.TrimSpace(n.Message)}
	current := n.OK && n.Generation >= generation
	p.Active = h.Deployed && n.Alive && current
	if p.Detail == "" && !current {
		p.Detail = "It has not taken over the last change yet."
	}
	if n.Alive {
		h.Responded++
	}
	if p.Active {
		h.Active++
	}
	h.Pods = append(h.Pods, p)
}
