package apiops

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// Environments (D4, reference 6.4): slices of the gateway, which belong to no
// project.

const (
	environmentsPath = Prefix + "environments/"
	environmentPath  = environmentsPath + "{environmentName}/"
)

func (a *API) environmentOperations() []operation {
	const tag = "Environments"
	return []operation{
		{
			method: http.MethodGet, path: environmentsPath, id: "listEnvironments", tag: tag, summary: "List the environments",
			right: visit.ViewSystem, result: listOf[environmentEntry]{}, do: a.listEnvironments,
		},
		{
			method: http.MethodGet, path: Prefix + "projects/{projectName}/environments/", id: "listProjectEnvironments", tag: tag, summary: "List the environments that a project can be deployed to",
			right: visit.Member, result: listOf[environmentEntry]{}, do: a.listEnvironments,
		},
		{
			method: http.MethodPost, path: environmentsPath, id: "createEnvironment", tag: tag, summary: "Create an environment",
			text:  "No gateway node serves it until one is started with its name.",
			right: visit.ManageSystem, body: environmentBody{}, result: one[environmentDetail]{}, do: a.createEnvironment,
		},
		{
			method: http.MethodGet, path: environmentPath, id: "getEnvironment", tag: tag, summary: "Read an environment with what it has",
			right: visit.ViewSystem, result: one[environmentDetail]{}, versioned: true, do: a.getEnvironment,
		},
		{
			method: http.MethodPut, path: environmentPath, id: "updateEnvironment", tag: tag, summary: "Change an environment",
			text:  "The name stays. The public URL is the issuer of its tokens: those issued under another one are refused from then on, so where there may be traffic a new one has to be confirmed with confirm, the name of the environment. The answer says what ended with the old one.",
			right: visit.ManageSystem, body: environmentUpdate{}, result: environmentSaved{}, versioned: true, do: a.updateEnvironment,
		},
		{
			method: http.MethodDelete, path: environmentPath, id: "deleteEnvironment", tag: tag, summary: "Delete an environment",
			text:  "With what is deployed there and its history, keys, variables and logins; its tokens are worth nothing from then on. The last one, the last production one and one that a living node serves are refused. Where there may be traffic the query has to have confirm, the name of the environment.",
			right: visit.ManageSystem, result: environmentDeleted{}, versioned: true, do: a.deleteEnvironment,
			query: []parameter{{name: "confirm", text: "The name of the environment, where there may be traffic.", kind: ""}},
		},
		{
			method: http.MethodGet, path: environmentPath + "nodes/", id: "listNodes", tag: tag, summary: "List the gateway nodes of an environment", text: "Those that have reported in the last day.",
			right: visit.ViewSystem, result: listOf[nodeState]{}, do: a.listNodes,
		},
	}
}

// environmentEntry is an environment in a list.
type environmentEntry struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type" enum:"PRODUCTION,TEST,SANDBOX"`
	AccessURL   string `json:"accessUrl" doc:"Where callers reach it, and the issuer of its tokens."`
	Status      string `json:"status" enum:"UNPUBLISHED,PUBLISHED,REPUBLISH_REQUIRED" doc:"UNPUBLISHED: no living node serves it. REPUBLISH_REQUIRED: a node has not taken over everything."`
	Colour      string `json:"colour,omitempty" enum:"red,amber,green,blue,violet" doc:"Marks it in the console; left out where it has none."`
	Version     int    `json:"version"`
}

type environmentDetail struct {
	environmentEntry
	Has       environmentHas `json:"has"`
	CreatedAt time.Time      `json:"createdAt"`
	CreatedBy string         `json:"createdBy"`
	UpdatedAt time.Time      `json:"updatedAt"`
	UpdatedBy string         `json:"updatedBy"`
}

// environmentHas counts what an environment has.
type environmentHas struct {
	Deployed    int `json:"deployed" doc:"What it runs."`
	LiveTokens  int `json:"liveTokens" doc:"As far as the log of token requests goes back."`
	Logins      int `json:"logins" doc:"That can be refreshed."`
	Revisions   int `json:"revisions"`
	Keys        int `json:"keys"`
	Variables   int `json:"environmentVariables"`
	Credentials int `json:"credentialSettings"`
}

func hasOf(u models.EnvironmentUse) environmentHas {
	return environmentHas{len(u.Deployed), u.Live.Total, u.Logins, u.Revisions, u.Keys, u.Variables, u.Credentials}
}

type environmentBody struct {
	Name        string `json:"name" required:"true"`
	Type        string `json:"type" required:"true" enum:"PRODUCTION,TEST,SANDBOX"`
	AccessURL   string `json:"accessUrl" required:"true"`
	Description string `json:"description"`
	Colour      string `json:"colour" enum:"red,amber,green,blue,violet"`
}

type environmentUpdate struct {
	Name        string `json:"name" doc:"Absent or the one of the address."`
	Type        string `json:"type" required:"true" enum:"PRODUCTION,TEST,SANDBOX"`
	AccessURL   string `json:"accessUrl" required:"true"`
	Description string `json:"description"`
	Colour      string `json:"colour" enum:"red,amber,green,blue,violet"`
	Confirm     string `json:"confirm" doc:"The name of the environment, for a new accessUrl where there may be traffic."`
}

type environmentSaved struct {
	done
	Result environmentDetail `json:"result"`
	Ended  *environmentHas   `json:"ended,omitempty" doc:"Where accessUrl changed: what was there. Its live tokens are refused from now on; logins go on with tokens of the new issuer."`
}

type environmentDeleted struct {
	done
	Ended environmentHas `json:"ended" doc:"What went along."`
}

// nodeState is what a gateway node runs of an environment.
type nodeState struct {
	Name       string    `json:"podName"`
	Version    string    `json:"version"`
	Generation int64     `json:"generation" doc:"The one that it was asked to run last."`
	OK         bool      `json:"ok" doc:"Whether it runs that, and not what it ran before."`
	Current    bool      `json:"current" doc:"Whether that is the newest one."`
	Alive      bool      `json:"alive"`
	Detail     string    `json:"detail"`
	ReportedAt time.Time `json:"reportedAt"`
}

func nodeOf(r models.NodeReport, generation int64) nodeState {
	return nodeState{r.Node, r.Version, r.Generation, r.OK, r.Generation >= generation, r.Alive, r.Message, r.At}
}

// nodesAt are the nodes of an environment beside a generation of it.
func (c *call) nodesAt(environment string, generation int64) ([]nodeState, error) {
	reports, err := c.Store.NodesOf(c.ctx(), environment)
	list := make([]nodeState, len(reports))
	for i, r := range reports {
		list[i] = nodeOf(r, generation)
	}
	return list, err
}

func environmentOf(e models.Environment, nodes []models.NodeReport) environmentEntry {
	return environmentEntry{e.ID, e.Name, e.Description, e.Type, e.PublicURL, published(e, nodes), string(e.Colour), e.Version}
}

// published is the state of an environment in the words of the reference, 1.3.
func published(e models.Environment, nodes []models.NodeReport) string {
	status := "UNPUBLISHED"
	for _, n := range nodes {
		switch {
		case !n.Alive || n.Environment != e.Name:
		case !n.OK || n.Generation < e.Generation:
			return "REPUBLISH_REQUIRED"
		default:
			status = "PUBLISHED"
		}
	}
	return status
}

func (a *API) listEnvironments(c *call) (any, error) {
	all, err := a.Store.Environments(c.ctx())
	if err != nil {
		return nil, err
	}
	nodes, err := a.Store.Nodes(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]environmentEntry, len(all))
	for i, e := range all {
		list[i] = environmentOf(e, nodes)
	}
	return listing(list, len(list)), nil
}

// place is the environment that the address names, when it is at the version of
// If-Match.
func (c *call) place() (models.Environment, error) {
	e, err := c.Store.Environment(c.ctx(), c.name("environmentName"))
	if err != nil {
		return e, err
	}
	if c.op.writes() && c.op.versioned {
		err = c.matches(e.Version)
	}
	return e, err
}

func (c *call) environmentDetail(e models.Environment) (environmentDetail, error) {
	u, err := c.Store.EnvironmentUse(c.ctx(), e.Name)
	return environmentDetail{environmentOf(e, u.Nodes), hasOf(u), e.CreatedAt, e.CreatedBy, e.UpdatedAt, e.UpdatedBy}, err
}

func (a *API) getEnvironment(c *call) (any, error) {
	e, err := c.place()
	if err != nil {
		return nil, err
	}
	d, err := c.environmentDetail(e)
	if err != nil {
		return nil, err
	}
	c.tag(e.Version)
	return single(d), nil
}

var environmentFields = map[string]string{"publicUrl": "accessUrl"}

func (a *API) createEnvironment(c *call) (any, error) {
	var body environmentBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	e, err := a.Store.SaveEnvironment(c.ctx(), c.by(), models.Environment{
		Name: strings.TrimSpace(body.Name), Type: body.Type, PublicURL: strings.TrimSpace(body.AccessURL), Description: body.Description, Colour: models.Colour(body.Colour),
	})
	if err != nil {
		return nil, refielded(err, environmentFields)
	}
	d, err := c.environmentDetail(e)
	if err != nil {
		return nil, err
	}
	c.tag(e.Version)
	return single(d), nil
}

func (a *API) updateEnvironment(c *call) (any, error) {
	e, err := c.place()
	if err != nil {
		return nil, err
	}
	var body environmentUpdate
	if err := c.read(&body); err != nil {
		return nil, err
	}
	if body.Name != "" && !strings.EqualFold(body.Name, e.Name) {
		return nil, invalid("name", "The name stays %s: gateway nodes are started with it.", e.Name)
	}
	before, moves := e.PublicURL, strings.TrimRight(strings.TrimSpace(body.AccessURL), "/")
	e.Type, e.PublicURL, e.Description, e.Colour = body.Type, moves, body.Description, models.Colour(body.Colour)
	var ended *environmentHas
	if moves != before {
		u, err := c.traffic(e, "confirm", body.Confirm)
		if err != nil {
			return nil, err
		}
		had := hasOf(u)
		ended = &had
	}
	saved, err := a.Store.SaveEnvironment(c.ctx(), c.by(), e)
	if err != nil {
		return nil, refielded(err, environmentFields)
	}
	d, err := c.environmentDetail(saved)
	if err != nil {
		return nil, err
	}
	c.tag(saved.Version)
	return environmentSaved{success(), d, ended}, nil
}

// traffic is what ends with a change, which has to be confirmed where somebody
// may be calling, as the console asks for it.
func (c *call) traffic(e models.Environment, field, confirmed string) (models.EnvironmentUse, error) {
	u, err := c.Store.EnvironmentUse(c.ctx(), e.Name)
	if err == nil && u.Traffic() && confirmed != e.Name {
		err = invalid(field, "Callers may be there: %d deployed, %d live tokens, %d logins. Send the name of the environment, %s, to go on.", len(u.Deployed), u.Live.Total, u.Logins, e.Name)
	}
	return u, err
}

func (a *API) deleteEnvironment(c *call) (any, error) {
	e, err := c.place()
	if err != nil {
		return nil, err
	}
	if _, err := c.traffic(e, "confirm", c.g.Query("confirm")); err != nil {
		return nil, err
	}
	u, err := a.Store.DeleteEnvironment(c.ctx(), c.by(), e.ID, e.Version)
	if l := problem.Of(err); l != nil {
		return nil, conflict("%s", l[0].Message)
	}
	if err != nil {
		return nil, err
	}
	c.tag(e.Version)
	return environmentDeleted{success(), hasOf(u)}, nil
}

func (a *API) listNodes(c *call) (any, error) {
	e, err := c.place()
	if err != nil {
		return nil, err
	}
	list, err := c.nodesAt(e.Name, e.Generation)
	if err != nil {
		return nil, err
	}
	return listing(list, len(list)), nil
}
