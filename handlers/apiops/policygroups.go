package apiops

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/strict"
	"github.com/gatewright/gatewright/models"
)

// Policy groups (reference 6.3). A group is written whole, its policies with it.

const (
	policyGroupsPath = Prefix + "projects/{projectName}/policyGroups/"
	policyGroupPath  = policyGroupsPath + "{policyGroupName}/"
)

func (a *API) policyGroupOperations() []operation {
	const tag = "Policy groups"
	const whole = " The members of policyList are local policies, written whole, or name a global policy by globalPolicyName; they run in their order."
	return []operation{
		{
			method: http.MethodGet, path: policyGroupsPath, id: "listPolicyGroups", tag: tag, summary: "List the policy groups of a project",
			right: models.ViewAPIs, result: listOf[policyGroupEntry]{}, do: a.listPolicyGroups,
			query: slices.Concat([]parameter{
				{name: "q", text: "A part of the name or the description.", kind: ""},
				{name: "targetPipeline", text: "Only groups for this pipeline.", kind: "", enum: []string{"REQUEST", "RESPONSE", "ERROR"}},
			}, sortedBy("name", "status", "updated", "pipeline", "order"), pagingParameters),
		},
		{
			method: http.MethodPost, path: policyGroupsPath, id: "createPolicyGroup", tag: tag, summary: "Create a policy group",
			text:  "It gets a key pair of its own; secretKey is answered this once." + whole,
			right: models.ManageAPIs, body: policyGroupBody{}, result: one[policyGroupDetail]{}, do: a.createPolicyGroup,
		},
		{
			method: http.MethodGet, path: policyGroupPath, id: "getPolicyGroup", tag: tag, summary: "Read a policy group with its policies",
			right: models.ViewAPIs, result: one[policyGroupDetail]{}, versioned: true, do: a.getPolicyGroup,
		},
		{
			method: http.MethodPut, path: policyGroupPath, id: "updatePolicyGroup", tag: tag, summary: "Replace a policy group",
			text:  "Members that are left out get their defaults; without policyList the group is empty. Local policies are matched by name and type." + whole + " Calls go on as deployed until the APIs of redeployRequired are deployed.",
			right: models.ManageAPIs, body: policyGroupBody{}, result: policyGroupSaved{}, versioned: true, do: a.updatePolicyGroup,
		},
		{
			method: http.MethodDelete, path: policyGroupPath, id: "deletePolicyGroup", tag: tag, summary: "Delete a policy group",
			text:  "With its local policies. It is undeployed everywhere and taken out of what it is bound to, which goes on as deployed until its next deploy; redeployRequired names that.",
			right: models.ManageAPIs, result: policyGroupDeleted{}, versioned: true, do: a.deletePolicyGroup,
		},
		{
			method: http.MethodGet, path: policyGroupPath + "usage/", id: "listPolicyGroupUsage", tag: tag, summary: "List where a policy group is bound",
			right: models.ViewAPIs, result: listOf[groupPlace]{}, do: a.listPolicyGroupUsage,
		},
	}
}

// policyGroupBody is a policy group as it is written.
type policyGroupBody struct {
	Class       string            `json:"_class" enum:"policy-group" doc:"Of clients of another generation."`
	Name        string            `json:"name" doc:"With POST; with PUT the one of the address, unless the group is renamed."`
	Description string            `json:"description"`
	Active      bool              `json:"active" doc:"True unless told."`
	Pipeline    policy.Pipeline   `json:"targetPipeline" required:"true" doc:"The pipeline that it is for; it stays while the group holds policies or is bound."`
	Order       int               `json:"order" doc:"Place among the groups of a lane, 0 to 9999."`
	MakeDefault bool              `json:"makeDefault" doc:"Whether every new API proxy of the project gets it."`
	Policies    []json.RawMessage `json:"policyList" policy:"member"`
}

// policyGroupEntry is a policy group in a list.
type policyGroupEntry struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Active      bool            `json:"active"`
	Pipeline    policy.Pipeline `json:"targetPipeline"`
	Order       int             `json:"order"`
	MakeDefault bool            `json:"makeDefault"`
	PublicKey   string          `json:"publicKey" doc:"The client id of its key pair."`
	Policies    int             `json:"policyCount"`
	Places      int             `json:"usageCount" doc:"In how many places it is bound."`
	Version     int             `json:"version"`
	CreatedAt   time.Time       `json:"createdAt"`
	CreatedBy   string          `json:"createdBy"`
	UpdatedAt   time.Time       `json:"updatedAt"`
	UpdatedBy   string          `json:"updatedBy"`
}

type policyGroupDetail struct {
	policyGroupEntry
	SecretKey string `json:"secretKey,omitempty" doc:"Only in the answer to its creation."`
	List      []any  `json:"policyList" policy:"member" doc:"In running order, as a write takes them."`
}

type policyGroupSaved struct {
	done
	Result policyGroupDetail `json:"result"`
	redeployNeed
}

type policyGroupDeleted struct {
	deployAnswer
	redeployNeed
}

// globalMember is a global policy in a policy group.
type globalMember struct {
	Name string `json:"globalPolicyName" required:"true"`
}

func groupOf(g models.Owner, n models.GroupCount) policyGroupEntry {
	return policyGroupEntry{
		ID: g.ID, Name: g.Name, Description: g.Description, Active: g.Active, Pipeline: g.Pipeline, Order: g.Rank, MakeDefault: g.MakeDefault,
		PublicKey: g.ClientID, Policies: n.Policies, Places: n.Places, Version: g.Version,
		CreatedAt: g.CreatedAt, CreatedBy: g.CreatedBy, UpdatedAt: g.UpdatedAt, UpdatedBy: g.UpdatedBy,
	}
}

// groupDetail is a policy group with its policies; the secret is zero but at
// its creation.
func (c *call) groupDetail(g models.Owner, key secret.Text) (policyGroupDetail, error) {
	counts, err := c.Store.GroupCounts(c.ctx(), []string{g.ID})
	d := policyGroupDetail{policyGroupEntry: groupOf(g, counts[g.ID]), SecretKey: key.Reveal(), List: []any{}}
	for _, b := range g.Bindings {
		if b.Shared() {
			d.List = append(d.List, globalMember{b.Policy.Name})
		} else {
			d.List = append(d.List, b.Policy.Config)
		}
	}
	return d, err
}

func (a *API) listPolicyGroups(c *call) (any, error) {
	page, size, err := c.paging()
	l := problem.Of(err)
	f := models.OwnerFilter{
		Kind: engine.KindPolicyGroup, Query: c.g.Query("q"), Page: page, PerPage: size, Pipeline: policy.Pipeline(c.choice(&l, "targetPipeline", "REQUEST", "RESPONSE", "ERROR")),
		Sort: c.choice(&l, "sort", "name", "status", "updated", "pipeline", "order"), Desc: c.flag(&l, "desc"),
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	groups, total, err := a.Store.Owners(c.ctx(), c.project.ID, f)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.ID
	}
	counts, err := a.Store.GroupCounts(c.ctx(), ids)
	if err != nil {
		return nil, err
	}
	list := make([]policyGroupEntry, len(groups))
	for i, g := range groups {
		list[i] = groupOf(g, counts[g.ID])
	}
	return listing(list, total), nil
}

// policyGroup is the one that the address names, when it is at the versions of
// If-Match.
func (c *call) policyGroup() (models.Owner, error) {
	g, err := c.Store.Owner(c.ctx(), c.project.ID, engine.KindPolicyGroup, c.name("policyGroupName"))
	if err != nil {
		return g, err
	}
	if c.op.writes() && c.op.versioned {
		err = c.matches(g.FlowVersions()...)
	}
	return g, err
}

// readGroup reads the body over g.
func (c *call) readGroup(g *models.Owner) ([]models.GroupPolicy, error) {
	body := policyGroupBody{Name: g.Name, Active: true}
	if err := c.read(&body); err != nil {
		return nil, err
	}
	var l problem.List
	if body.Class != "" && body.Class != "policy-group" {
		l.Add("_class", "Leave it out or send policy-group.")
	}
	policies := make([]models.GroupPolicy, len(body.Policies))
	for i, raw := range body.Policies {
		p, err := c.groupPolicy(raw)
		list := problem.Of(err)
		if err != nil && list == nil {
			return nil, err
		}
		l.Append(fmt.Sprintf("policyList[%d]", i), list)
		policies[i] = p
	}
	g.Name, g.Description, g.Active, g.Pipeline = strings.TrimSpace(body.Name), body.Description, body.Active, body.Pipeline
	g.Rank, g.MakeDefault = body.Order, body.MakeDefault
	return policies, l.Err()
}

// groupPolicy reads a member of policyList.
func (c *call) groupPolicy(raw json.RawMessage) (models.GroupPolicy, error) {
	var members map[string]json.RawMessage
	if err := strict.Decode(raw, &members, "policy"); err != nil {
		return models.GroupPolicy{}, err
	}
	if _, named := members["globalPolicyName"]; !named {
		config, err := c.Types.Decode(raw)
		return models.GroupPolicy{Local: config}, err
	}
	var m globalMember
	if err := strict.Decode(raw, &m, "policy"); err != nil {
		return models.GroupPolicy{}, err
	}
	if m.Name == "" {
		return models.GroupPolicy{}, invalid("globalPolicyName", "Name a global policy.")
	}
	return models.GroupPolicy{Global: m.Name}, nil
}

var inGroup = regexp.MustCompile(`^policies\[(\d+)\](?:\.(global|policyId|policy))?`)

// groupFields gives the problems of a group the names that were sent.
func groupFields(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := slices.Clone(list)
	for i, p := range l {
		m := inGroup.FindStringSubmatch(p.Field)
		switch {
		case p.Field == "pipeline":
			l[i].Field = "targetPipeline"
		case m == nil:
		default:
			field := "policyList[" + m[1] + "]"
			if m[2] == "global" || m[2] == "policyId" {
				field += ".globalPolicyName"
			}
			l[i].Field = field + strings.TrimPrefix(p.Field, m[0])
		}
	}
	return l
}

func (a *API) createPolicyGroup(c *call) (any, error) {
	var g models.Owner
	policies, err := c.readGroup(&g)
	if err != nil {
		return nil, err
	}
	saved, key, err := a.Store.SaveWholePolicyGroup(c.ctx(), c.by(), c.project.ID, g, policies)
	if err != nil {
		return nil, groupFields(err)
	}
	d, err := c.groupDetail(saved, key)
	if err != nil {
		return nil, err
	}
	c.tag(saved.FlowVersions()...)
	return single(d), nil
}

func (a *API) getPolicyGroup(c *call) (any, error) {
	g, err := c.policyGroup()
	if err != nil {
		return nil, err
	}
	d, err := c.groupDetail(g, secret.Text{})
	if err != nil {
		return nil, err
	}
	c.tag(g.FlowVersions()...)
	return single(d), nil
}

func (a *API) updatePolicyGroup(c *call) (any, error) {
	g, err := c.policyGroup()
	if err != nil {
		return nil, err
	}
	policies, err := c.readGroup(&g)
	if err != nil {
		return nil, err
	}
	saved, _, err := a.Store.SaveWholePolicyGroup(c.ctx(), c.by(), c.project.ID, g, policies)
	if err != nil {
		return nil, groupFields(err)
	}
	d, err := c.groupDetail(saved, secret.Text{})
	if err != nil {
		return nil, err
	}
	need, err := c.redeployOf(groupSubject(saved), models.BulkRedeploy)
	if err != nil {
		return nil, err
	}
	c.tag(saved.FlowVersions()...)
	return policyGroupSaved{success(), d, need}, nil
}

func groupSubject(g models.Owner) models.BulkSubject {
	return models.BulkSubject{Kind: engine.KindPolicyGroup, ID: g.ID, Name: g.Name}
}

func (a *API) deletePolicyGroup(c *call) (any, error) {
	g, err := c.policyGroup()
	if err != nil {
		return nil, err
	}
	need, err := c.redeployOf(groupSubject(g), models.BulkRedeploy, models.BulkLive)
	if err != nil {
		return nil, err
	}
	if err := a.Store.DeleteOwner(c.ctx(), c.by(), c.project.ID, g.ID, g.Version); err != nil {
		return nil, err
	}
	need.Redeploy = slices.DeleteFunc(need.Redeploy, func(o ownerIn) bool { return o.Type == "POLICY_GROUP" && o.Name == g.Name })
	c.tag(g.FlowVersions()...)
	none := deployment{Success: true, Results: []environment{}, Details: []nodeDetail{}}
	return policyGroupDeleted{deployAnswer{success(), &none}, need}, nil
}

// groupPlace is a place in which a policy group is bound.
type groupPlace struct {
	Type     string          `json:"type" enum:"API_PROXY,API_PROXY_GROUP"`
	Name     string          `json:"name"`
	Scope    policy.Scope    `json:"targetScope"`
	Endpoint string          `json:"targetEndpoint,omitempty"`
	Method   string          `json:"targetEndpointHTTPMethod,omitempty"`
	Pipeline policy.Pipeline `json:"targetPipeline"`
	Order    int             `json:"order" doc:"Place in the lane, from 1."`
	Live     []string        `json:"liveEnvironments" doc:"Where it is deployed."`
}

func (a *API) listPolicyGroupUsage(c *call) (any, error) {
	g, err := c.policyGroup()
	if err != nil {
		return nil, err
	}
	uses, err := a.Store.PolicyGroupUsage(c.ctx(), g.ID)
	if err != nil {
		return nil, err
	}
	list := make([]groupPlace, len(uses))
	for i, u := range uses {
		method, path, _ := strings.Cut(u.Endpoint, " ")
		list[i] = groupPlace{ownerWords[u.OwnerKind], u.OwnerName, u.Scope, path, method, u.Pipeline, u.Position, append([]string{}, u.Live...)}
	}
	return listing(list, len(list)), nil
}
