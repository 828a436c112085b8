package apiops

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
	"github.com/gatewright/gatewright/models"
)

// Global policies (reference 6.3). A name is one policy's in its project,
// whatever the type, so addresses need no type.

const (
	globalsPath = Prefix + "projects/{projectName}/globalPolicies/"
	globalPath  = globalsPath + "{policyName}/"
)

func (a *API) globalPolicyOperations() []operation {
	const tag = "Global policies"
	return []operation{
		{
			method: http.MethodGet, path: globalsPath, id: "listGlobalPolicies", tag: tag, summary: "List the global policies of a project",
			right: models.ViewSettings, result: listOf[globalPolicy]{}, do: a.listGlobalPolicies,
			query: slices.Concat([]parameter{
				{name: "q", text: "A part of the name or the description.", kind: ""},
				{name: "type", text: "The type of policy, such as policy-auth-jwt.", kind: ""},
				{name: "active", text: "Only active ones, or only passive ones.", kind: true},
				{name: "full", text: "Whether each comes with its settings in policy.", kind: true},
			}, sortedBy("name", "status", "used", "updated"), pagingParameters),
		},
		{
			method: http.MethodPost, path: globalsPath, id: "createGlobalPolicy", tag: tag, summary: "Create a global policy",
			text:  "The body is the policy. It is bound nowhere yet.",
			right: models.ManageSettings, body: policyBody{}, result: one[globalPolicy]{}, do: a.createGlobalPolicy,
		},
		{
			method: http.MethodGet, path: globalPath, id: "getGlobalPolicy", tag: tag, summary: "Read a global policy with its settings",
			right: models.ViewSettings, result: one[globalPolicy]{}, versioned: true, do: a.getGlobalPolicy,
		},
		{
			method: http.MethodPut, path: globalPath, id: "updateGlobalPolicy", tag: tag, summary: "Replace the settings of a global policy",
			text:  "For every API that has it. The body is the whole policy: members that are left out get their defaults. Its name may be left out, its type stays. Calls go on as deployed until the APIs of redeployRequired are deployed.",
			right: models.ManageSettings, body: policyBody{}, result: globalPolicySaved{}, versioned: true, do: a.updateGlobalPolicy,
		},
		{
			method: http.MethodDelete, path: globalPath, id: "deleteGlobalPolicy", tag: tag, summary: "Delete a global policy",
			text:  "It is taken out of everything that it is bound to. What is deployed goes on with it until its next deploy; redeployRequired names that.",
			right: models.ManageSettings, result: globalPolicyDeleted{}, versioned: true, do: a.deleteGlobalPolicy,
		},
		{
			method: http.MethodPatch, path: globalPath + "status/", id: "setGlobalPolicyStatus", tag: tag, summary: "Switch a global policy on or off",
			right: models.ManageSettings, body: policyStatus{}, result: globalPolicySaved{}, versioned: true, do: a.setGlobalPolicyStatus,
		},
		{
			method: http.MethodPost, path: globalPath + "duplicate/", id: "duplicateGlobalPolicy", tag: tag, summary: "Make a global policy like another one",
			text:  "The copy is bound nowhere.",
			right: models.ManageSettings, body: policyCopy{}, result: one[globalPolicy]{}, do: a.duplicateGlobalPolicy,
		},
	}
}

// sortedBy are the parameters of a list that can be sorted.
func sortedBy(words ...string) []parameter {
	return []parameter{
		{name: "sort", text: "What the list is sorted by.", kind: "", enum: words},
		{name: "desc", text: "Whether it is sorted downwards.", kind: true},
	}
}

// policyBody is a body that is a policy, see schemas.policyBody.
type policyBody struct{}

// globalPolicy is a global policy with what is known about it.
type globalPolicy struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Type        string    `json:"policyType" doc:"Such as policy-auth-jwt."`
	TypeLabel   string    `json:"policyTypeLabel" doc:"What people call the type."`
	Active      bool      `json:"active"`
	Used        int       `json:"usageCount" doc:"In how many places it is bound."`
	Version     int       `json:"version"`
	CreatedAt   time.Time `json:"createdAt"`
	CreatedBy   string    `json:"createdBy"`
	UpdatedAt   time.Time `json:"updatedAt"`
	UpdatedBy   string    `json:"updatedBy"`
	// Policy is nil in lists that were not asked for it.
	Policy policy.Config `json:"policy,omitempty" policy:"true" doc:"The settings."`
}

func (a *API) policyOf(p models.Policy, full bool) globalPolicy {
	t, _ := a.Types.Find(p.Type) // the store read it by its type
	g := globalPolicy{
		ID: p.ID, Name: p.Name, Description: p.Description, Type: p.Type, TypeLabel: t.Label, Active: p.Active, Used: p.Used, Version: p.Version,
		CreatedAt: p.CreatedAt, CreatedBy: p.CreatedBy, UpdatedAt: p.UpdatedAt, UpdatedBy: p.UpdatedBy,
	}
	if full {
		g.Policy = p.Config
	}
	return g
}

type globalPolicySaved struct {
	done
	Result globalPolicy `json:"result"`
	redeployNeed
}

type globalPolicyDeleted struct {
	deployAnswer
	redeployNeed
}

// redeployNeed is what a change asks for (D5).
type redeployNeed struct {
	Redeploy   []ownerIn `json:"redeployRequired" doc:"What runs something else than is edited now, by environment."`
	Uncompared int       `json:"redeployUncompared" doc:"How many more run it that were not compared."`
}

type ownerIn struct {
	Environment string `json:"environmentName"`
	Type        string `json:"type" enum:"API_PROXY,API_PROXY_GROUP,POLICY_GROUP"`
	Name        string `json:"name"`
}

type policyStatus struct {
	Active *bool `json:"active" required:"true"`
}

type policyCopy struct {
	Name string `json:"name" required:"true" doc:"Of the copy."`
}

func (a *API) listGlobalPolicies(c *call) (any, error) {
	page, size, err := c.paging()
	l := problem.Of(err)
	f := models.PolicyFilter{
		Type: c.g.Query("type"), Query: c.g.Query("q"), Page: page, PerPage: size,
		Sort: c.choice(&l, "sort", "name", "status", "used", "updated"), Desc: c.flag(&l, "desc"),
		Status: map[string]string{"true": "active", "false": "passive"}[c.choice(&l, "active", "true", "false")],
	}
	full := c.flag(&l, "full")
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, total, err := a.Store.Policies(c.ctx(), c.project.ID, f)
	if err != nil {
		return nil, err
	}
	list := make([]globalPolicy, len(rows))
	for i, p := range rows {
		list[i] = a.policyOf(p, full)
	}
	return listing(list, total), nil
}

// global is the global policy that the address names, when it is at the version
// of If-Match.
func (c *call) global() (models.Policy, error) {
	p, err := c.Store.GlobalPolicy(c.ctx(), c.project.ID, c.name("policyName"))
	if err != nil {
		return p, err
	}
	if c.op.writes() && c.op.versioned {
		err = c.matches(p.Version)
	}
	return p, err
}

// readPolicy reads a body that is a policy. Clients of the newer generation name
// the type in _class, and this one jwt-auth.
func (c *call) readPolicy(otherwise string) (policy.Config, error) {
	var members map[string]json.RawMessage
	if err := strict.Decode(c.sent, &members, "policy"); err != nil {
		return nil, err
	}
	if raw, ok := members["_class"]; ok {
		var class string
		if json.Unmarshal(raw, &class) != nil {
			return nil, invalid("_class", "Name the type of the policy, such as %q.", jwtauth.TypeName)
		}
		if class == "jwt-auth" {
			raw, _ = json.Marshal(jwtauth.TypeName) // text always can be
		}
		if _, both := members["type"]; !both {
			members["type"] = raw
		}
		delete(members, "_class")
	}
	if _, ok := members["name"]; !ok && otherwise != "" {
		members["name"], _ = json.Marshal(otherwise) // text always can be
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return c.Types.Decode(raw)
}

func (a *API) createGlobalPolicy(c *call) (any, error) {
	config, err := c.readPolicy("")
	if err != nil {
		return nil, err
	}
	p, err := a.Store.SavePolicy(c.ctx(), c.by(), c.project.ID, "", 0, config)
	if err != nil {
		return nil, err
	}
	c.tag(p.Version)
	return single(a.policyOf(p, true)), nil
}

func (a *API) getGlobalPolicy(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	c.tag(p.Version)
	return single(a.policyOf(p, true)), nil
}

func (a *API) updateGlobalPolicy(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	config, err := c.readPolicy(p.Name)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(config.Base().Name, p.Name) {
		return nil, invalid("name", "Leave the name out or send the one of the address, %s: the name of a global policy stays here.", p.Name)
	}
	config.Base().Name = p.Name
	saved, err := a.Store.SavePolicy(c.ctx(), c.by(), c.project.ID, p.ID, p.Version, config)
	return c.savedGlobal(saved, err)
}

// savedGlobal answers a change with what it asks for.
func (c *call) savedGlobal(p models.Policy, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	need, err := c.redeployOf(policySubject(p), models.BulkRedeploy)
	if err != nil {
		return nil, err
	}
	c.tag(p.Version)
	return globalPolicySaved{success(), c.policyOf(p, true), need}, nil
}

func (a *API) setGlobalPolicyStatus(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	var body policyStatus
	if err := c.read(&body); err != nil {
		return nil, err
	}
	if body.Active == nil {
		return nil, invalid("active", "Send true or false.")
	}
	saved, err := a.Store.SetPolicyActive(c.ctx(), c.by(), c.project.ID, p.ID, p.Version, *body.Active)
	return c.savedGlobal(saved, err)
}

func (a *API) deleteGlobalPolicy(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	// What runs it is known only as long as it is bound.
	need, err := c.redeployOf(policySubject(p), models.BulkRedeploy, models.BulkLive)
	if err != nil {
		return nil, err
	}
	if err := a.Store.DeletePolicy(c.ctx(), c.by(), c.project.ID, p.ID, p.Version); err != nil {
		return nil, err
	}
	c.tag(p.Version)
	none := deployment{Success: true, Results: []environment{}, Details: []nodeDetail{}}
	return globalPolicyDeleted{deployAnswer{success(), &none}, need}, nil
}

func (a *API) duplicateGlobalPolicy(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	var body policyCopy
	if err := c.read(&body); err != nil {
		return nil, err
	}
	made, err := a.Store.DuplicatePolicy(c.ctx(), c.by(), c.project.ID, p.ID, strings.TrimSpace(body.Name))
	if err != nil {
		return nil, err
	}
	return single(a.policyOf(made, true)), nil
}

func policySubject(p models.Policy) models.BulkSubject {
	return models.BulkSubject{Kind: models.SubjectPolicy, ID: p.ID, Type: p.Type, Name: p.Name}
}

// redeployNamed bounds how many owners an answer names of each environment.
const redeployNamed = 500

// redeployOf is what runs a subject and stands as one of the filters says.
func (c *call) redeployOf(subject models.BulkSubject, filters ...models.BulkFilter) (redeployNeed, error) {
	need := redeployNeed{Redeploy: []ownerIn{}}
	places, err := c.Store.Environments(c.ctx())
	if err != nil {
		return need, err
	}
	for _, e := range places {
		for i, filter := range filters {
			choice := models.BulkChoice{Subject: subject, Environment: e.Name, Kinds: ownerKinds(), Filter: filter}
			p, err := c.Store.PreviewBulkDeploy(c.ctx(), c.project.ID, choice, redeployNamed)
			if err != nil {
				return need, err
			}
			for _, t := range p.Targets {
				need.Redeploy = append(need.Redeploy, ownerIn{e.Name, ownerWords[t.Kind], t.Name})
			}
			if i == 0 { // each filter leaves the same ones out
				need.Uncompared += p.Uncompared
			}
		}
	}
	return need, nil
}

// ownerWords are the kinds of owners as the API calls them.
var ownerWords = map[string]string{
	engine.KindProxy: "API_PROXY", engine.KindProxyGroup: "API_PROXY_GROUP", engine.KindPolicyGroup: "POLICY_GROUP",
}

func ownerKinds() []string {
	return []string{engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup}
}

// ownerKind is the store's word for one of the API's, "" for none.
func ownerKind(word string) string {
	for kind, w := range ownerWords {
		if w == word {
			return kind
		}
	}
	return ""
}
