package apiops

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// A bulk deploy takes everything live that runs a global policy or a policy
// group (reference 5.8). It goes on by itself; who started it asks how far it is.

const (
	bulksPath = Prefix + "projects/{projectName}/bulkDeploys/"
	bulkPath  = bulksPath + "{bulkDeployId}/"
	// bulksListed is how many the list has.
	bulksListed = 100
)

func (a *API) bulkDeployOperations() []operation {
	const tag = "Bulk deploys"
	const started = "The answer has the id by which bulkDeploys tells how far it is."
	return []operation{
		{
			method: http.MethodPost, path: globalPath + "deploy/", id: "deployGlobalPolicy", tag: "Global policies", summary: "Deploy what runs a global policy", text: started,
			right: models.DeployAPIs, versioned: true, body: bulkBody{}, result: one[bulkDeploy]{}, status: http.StatusAccepted, do: a.deployGlobalPolicy,
		},
		{
			method: http.MethodPost, path: policyGroupPath + "deploy/", id: "deployPolicyGroup", tag: "Policy groups", summary: "Deploy what runs a policy group", text: started,
			right: models.DeployAPIs, versioned: true, body: bulkBody{}, result: one[bulkDeploy]{}, status: http.StatusAccepted, do: a.deployPolicyGroup,
		},
		{
			method: http.MethodGet, path: bulksPath, id: "listBulkDeploys", tag: tag, summary: "List the last bulk deploys", text: "The newest first, at most 100.",
			right: models.ViewAPIs, result: listOf[bulkDeploy]{}, do: a.listBulkDeploys,
		},
		{
			method: http.MethodGet, path: bulkPath, id: "getBulkDeploy", tag: tag, summary: "Tell how far a bulk deploy is", text: "With what became of each API, failures first, and once it has ended what the gateway nodes run.",
			right: models.ViewAPIs, result: one[bulkDeployDetail]{}, do: a.getBulkDeploy,
			query: slices.Concat([]parameter{{name: "state", text: "Only results of this kind.", kind: "", enum: bulkStates}}, pagingParameters),
		},
		{
			method: http.MethodPost, path: bulkPath + "cancel/", id: "cancelBulkDeploy", tag: tag, summary: "End a bulk deploy before its next API", text: "What is deployed stays.",
			right: models.DeployAPIs, result: one[bulkDeploy]{}, do: a.cancelBulkDeploy,
		},
		{
			method: http.MethodPost, path: bulkPath + "resume/", id: "resumeBulkDeploy", tag: tag, summary: "Go on with a bulk deploy that ended", text: "With those that still wait, and once more with those that failed. One that is under way is left to itself.",
			right: models.DeployAPIs, result: one[bulkDeploy]{}, do: a.resumeBulkDeploy,
		},
	}
}

var bulkStates = []string{models.BulkWaiting, models.BulkDeployed, models.BulkLeftOut, models.BulkFailed}

type bulkBody struct {
	Environment string   `json:"environmentName" required:"true"`
	Filter      string   `json:"filter" enum:"ALL,LIVE,REDEPLOY" doc:"ALL deploys also where it is not deployed yet, LIVE only what runs as it is edited, REDEPLOY, the default, only what does not."`
	Targets     []string `json:"targets" enum:"API_PROXY,API_PROXY_GROUP,POLICY_GROUP" doc:"The kinds to deploy; all unless told."`
	Description string   `json:"description" doc:"Kept with each revision."`
}

type bulkDeploy struct {
	ID          string     `json:"id"`
	Subject     string     `json:"subjectType" enum:"GLOBAL_POLICY,POLICY_GROUP"`
	Name        string     `json:"subjectName"`
	Environment string     `json:"environmentName"`
	Filter      string     `json:"filter" enum:"ALL,LIVE,REDEPLOY"`
	Description string     `json:"description"`
	State       string     `json:"state" enum:"RUNNING,DONE,CANCELLED,INTERRUPTED" doc:"INTERRUPTED: the process that was at it ended; resume goes on."`
	CreatedAt   time.Time  `json:"createdAt"`
	CreatedBy   string     `json:"createdBy"`
	CancelledBy string     `json:"cancelledBy,omitempty"`
	EndedAt     *time.Time `json:"endedAt,omitempty"`
	Total       int        `json:"total"`
	Waiting     int        `json:"waiting"`
	Deployed    int        `json:"deployed"`
	LeftOut     int        `json:"leftOut"`
	Failed      int        `json:"failed"`
}

func bulkOf(b models.BulkDeploy) bulkDeploy {
	subject := "GLOBAL_POLICY"
	if b.Subject.Kind == engine.KindPolicyGroup {
		subject = "POLICY_GROUP"
	}
	return bulkDeploy{
		ID: b.ID, Subject: subject, Name: b.Subject.Name, Environment: b.Environment, Filter: string(b.Filter), Description: b.Note, State: string(b.State),
		CreatedAt: b.CreatedAt, CreatedBy: b.CreatedBy, CancelledBy: b.CancelledBy, EndedAt: momentOrNone(b.EndedAt),
		Total: b.Total(), Waiting: b.Waiting, Deployed: b.Deployed, LeftOut: b.LeftOut, Failed: b.Failed,
	}
}

// momentOrNone leaves out a time that is not known.
func momentOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type bulkDeployDetail struct {
	bulkDeploy
	Results []bulkResult `json:"results"`
	Nodes   []nodeState  `json:"nodes" doc:"Empty while it runs."`
}

type bulkResult struct {
	Type     string     `json:"type" enum:"API_PROXY,API_PROXY_GROUP,POLICY_GROUP"`
	Name     string     `json:"name"`
	State    string     `json:"state" enum:"WAITING,DEPLOYED,LEFT_OUT,FAILED"`
	Revision int        `json:"revision"`
	Detail   string     `json:"detail"`
	EndedAt  *time.Time `json:"endedAt,omitempty"`
}

func (a *API) deployGlobalPolicy(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	c.tag(p.Version)
	return c.startBulk(policySubject(p))
}

func (a *API) deployPolicyGroup(c *call) (any, error) {
	g, err := c.policyGroup()
	if err != nil {
		return nil, err
	}
	c.tag(g.FlowVersions()...)
	return c.startBulk(models.BulkSubject{Kind: engine.KindPolicyGroup, ID: g.ID, Name: g.Name})
}

// startBulk begins what the body asks for.
func (c *call) startBulk(subject models.BulkSubject) (any, error) {
	body := bulkBody{Filter: string(models.BulkRedeploy)}
	if err := c.read(&body); err != nil {
		return nil, err
	}
	choice := models.BulkChoice{Subject: subject, Environment: body.Environment, Kinds: ownerKinds(), Filter: models.BulkFilter(body.Filter)}
	var l problem.List
	if body.Targets != nil {
		choice.Kinds = nil
	}
	for _, word := range body.Targets {
		choice.Kinds = append(choice.Kinds, ownerKind(word)) // "" is refused below
	}
	if _, err := c.Store.Environment(c.ctx(), body.Environment); isNotFound(err) {
		l.Add("environmentName", "There is no environment %q.", body.Environment)
	} else if err != nil {
		return nil, err
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	var seen []models.SeenSubject
	if c.conditional() {
		seen = append(seen, c.matches)
	}
	id, err := c.Store.StartBulkDeploy(c.ctx(), c.by(), c.project.ID, choice, strings.TrimSpace(body.Description), seen...)
	if err != nil {
		return nil, refielded(err, map[string]string{"kinds": "targets", "note": "description"})
	}
	return c.bulk(id)
}

// refielded gives the fields of problems the names that were sent.
func refielded(err error, fields map[string]string) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := slices.Clone(list)
	for i := range l {
		if to, ok := fields[l[i].Field]; ok {
			l[i].Field = to
		}
	}
	return l
}

func (c *call) bulk(id string) (any, error) {
	b, err := c.Store.BulkDeploy(c.ctx(), c.project.ID, id)
	if err != nil {
		return nil, err
	}
	return single(bulkOf(b)), nil
}

func (a *API) listBulkDeploys(c *call) (any, error) {
	list, err := a.Store.BulkDeploys(c.ctx(), c.project.ID, bulksListed)
	if err != nil {
		return nil, err
	}
	runs := make([]bulkDeploy, len(list))
	for i, b := range list {
		runs[i] = bulkOf(b)
	}
	return listing(runs, len(runs)), nil
}

func (a *API) getBulkDeploy(c *call) (any, error) {
	b, err := a.Store.BulkDeploy(c.ctx(), c.project.ID, c.name("bulkDeployId"))
	if err != nil {
		return nil, err
	}
	page, size, err := c.paging()
	l := problem.Of(err)
	state := c.choice(&l, "state", bulkStates...)
	if err := l.Err(); err != nil {
		return nil, err
	}
	owners, err := a.Store.BulkOwners(c.ctx(), b.ID, state, page, size)
	if err != nil {
		return nil, err
	}
	detail := bulkDeployDetail{bulkDeploy: bulkOf(b), Results: make([]bulkResult, len(owners)), Nodes: []nodeState{}}
	for i, o := range owners {
		detail.Results[i] = bulkResult{ownerWords[o.Kind], o.Name, o.State, o.Revision, o.Detail, momentOrNone(o.EndedAt)}
	}
	if b.State != models.BulkRunning {
		if detail.Nodes, err = c.nodesAt(b.Environment, b.Generation); err != nil {
			return nil, err
		}
	}
	return single(detail), nil
}

func (a *API) cancelBulkDeploy(c *call) (any, error) {
	id := c.name("bulkDeployId")
	if err := a.Store.CancelBulkDeploy(c.ctx(), c.by(), c.project.ID, id); err != nil {
		return nil, err
	}
	return c.bulk(id)
}

func (a *API) resumeBulkDeploy(c *call) (any, error) {
	id := c.name("bulkDeployId")
	if err := a.Store.ResumeBulkDeploy(c.ctx(), c.by(), c.project.ID, id); err != nil {
		return nil, err
	}
	return c.bulk(id)
}
