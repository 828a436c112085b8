package apiops

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// Proxy groups (reference 6.4): API proxies behind one address.

const groupTag = "API proxy groups"

func (a *API) proxyGroupOperations() []operation {
	member := proxyGroupKind.path() + "apiProxies/{apiProxyName}/"
	return []operation{
		{
			method: http.MethodGet, path: proxyGroupKind.list(), id: "listProxyGroups", tag: groupTag, summary: "List the proxy groups of a project",
			right: models.ViewAPIs, query: listParameters, result: listOf[ownerRow]{}, do: a.listOwners,
		},
		{
			method: http.MethodPost, path: proxyGroupKind.list(), id: "createProxyGroup", tag: groupTag, summary: "Create a proxy group",
			text:  "The client secret is answered this once.",
			right: models.ManageAPIs, body: proxyGroupCreateRequest{}, result: proxyGroupCreated{}, do: a.createProxyGroup,
		},
		{
			method: http.MethodGet, path: proxyGroupKind.path(), id: "getProxyGroup", tag: groupTag, summary: "Look at a proxy group",
			right: models.ViewAPIs, query: withPolicies, result: one[proxyGroupView]{}, versioned: true, do: a.getProxyGroup,
		},
		{
			method: http.MethodPut, path: proxyGroupKind.path(), id: "replaceProxyGroup", tag: groupTag, summary: "Replace a proxy group",
			text:  "Members that are left out get their defaults: without apiProxyNameList the group has no API proxies. Its policies stay.",
			right: models.ManageAPIs, body: proxyGroupRequest{}, result: proxyGroupSaved{}, versioned: true, do: a.replaceProxyGroup,
		},
		{
			method: http.MethodDelete, path: proxyGroupKind.path(), id: "deleteProxyGroup", tag: groupTag, summary: "Delete a proxy group",
			text:  "Its API proxies stay, its local policies are deleted with it. While it runs somewhere it is refused with 409 unless undeploy=true is sent.",
			right: models.ManageAPIs, query: undeployParameter, result: deployAnswer{}, versioned: true, do: a.deleteOwner,
		},
		{
			method: http.MethodPost, path: proxyGroupKind.path() + "secret/", id: "rotateProxyGroupSecret", tag: groupTag, summary: "Give a proxy group a new client secret",
			text:  "The old one stops working at once, and so do the tokens that were issued for it. The new one is answered this once.",
			right: models.ManageAPIs, result: keyAnswer{}, versioned: true, do: a.rotateSecret,
		},
		{
			method: http.MethodPost, path: member, id: "addProxyToGroup", tag: groupTag, summary: "Add an API proxy to a group",
			text:  "Behind the ones that are there. One that is a member stays where it is. It takes effect with the next deploy of the group.",
			right: models.ManageAPIs, result: proxyGroupSaved{}, versioned: true, do: a.addMember,
		},
		{
			method: http.MethodDelete, path: member, id: "removeProxyFromGroup", tag: groupTag, summary: "Take an API proxy out of a group",
			text:  "One that is no member stays so. It takes effect with the next deploy of the group.",
			right: models.ManageAPIs, result: proxyGroupSaved{}, versioned: true, do: a.removeMember,
		},
	}
}

// proxyGroupFields are what can be written of a proxy group.
type proxyGroupFields struct {
	Description    string        `json:"description"`
	Route          clientRoute   `json:"clientRoute" required:"true" doc:"Takes the place of the API proxies' own."`
	Members        []string      `json:"apiProxyNameList" doc:"API proxies of the project in order: of two with the same endpoint the first one answers."`
	BlockDirect    bool          `json:"blockDirectAccess" doc:"Refuses calls of the API proxies at their own addresses."`
	ErrorTemplates *fault.Bodies `json:"errorTemplates" doc:"What error answers are put into; those of an API proxy, if it has any, come before."`
	Environment    string        `json:"environmentName" doc:"Deploys there, as deploy with deployTargetEnvironmentNameList does."`
	wish
}

type proxyGroupCreateRequest struct {
	Name string `json:"name" required:"true"`
	proxyGroupFields
}

type proxyGroupRequest struct {
	Name string `json:"name" doc:"A new name; left out, it stays."`
	proxyGroupFields
}

// deploys is the deploy that either generation of the API asks for.
func (f proxyGroupFields) deploys() (wish, error) {
	if f.Environment == "" {
		return f.wish, nil
	}
	if f.Deploy || len(f.Environments) > 0 {
		return wish{}, invalid("environmentName", "Leave it out where deploy or deployTargetEnvironmentNameList is sent.")
	}
	return wish{true, []string{f.Environment}}, nil
}

// into writes what was sent into a group.
func (f proxyGroupFields) into(c *call, o *models.Owner) error {
	var l problem.List
	o.Description, o.Route = f.Description, f.Route.route(&l)
	o.BlockDirectAccess, o.ErrorTemplates, o.Members = f.BlockDirect, f.ErrorTemplates, nil
	for i, name := range f.Members {
		p, err := c.Store.Proxy(c.ctx(), c.project.ID, name)
		switch {
		case isNotFound(err):
			l.Add(memberField(i), "The project has no API proxy %q.", name)
		case err != nil:
			return err
		case slices.ContainsFunc(o.Members, func(m models.Member) bool { return m.ID == p.ID }):
			l.Add(memberField(i), "Name each API proxy once.")
		}
		o.Members = append(o.Members, models.Member{ID: p.ID})
	}
	return l.Err()
}

func memberField(i int) string { return fmt.Sprintf("apiProxyNameList[%d]", i) }

var groupNames = map[string]string{"members": "apiProxyNameList"}

// proxyGroupView is a group as it is edited.
type proxyGroupView struct {
	Name           string        `json:"name"`
	Description    string        `json:"description"`
	ClientID       string        `json:"clientId" doc:"The public half of the key pair, and the audience of its tokens."`
	Route          clientRoute   `json:"clientRoute"`
	Members        []string      `json:"apiProxyNameList"`
	BlockDirect    bool          `json:"blockDirectAccess"`
	ErrorTemplates *fault.Bodies `json:"errorTemplates,omitempty"`
	lanesOf
	Deployments []deployState `json:"deployList" doc:"One for each environment."`
	stamped
}

func proxyGroupOf(o models.Owner, policies bool) proxyGroupView {
	v := proxyGroupView{
		Name: o.Name, Description: o.Description, ClientID: o.ClientID, Route: routeOf(o.Route), Members: []string{},
		BlockDirect: o.BlockDirectAccess, ErrorTemplates: errorTemplates(o), Deployments: statesOf(o), stamped: stampOf(o.Stamp),
	}
	for _, m := range o.Members {
		v.Members = append(v.Members, m.Name)
	}
	if policies {
		v.lanesOf = lanes(o, "")
	}
	return v
}

type proxyGroupSaved struct {
	done
	Result     proxyGroupView `json:"result"`
	Deployment *deployment    `json:"deploymentResult,omitempty"`
}

type proxyGroupCreated struct {
	done
	Result       proxyGroupView `json:"result"`
	ClientID     string         `json:"clientId"`
	ClientSecret string         `json:"clientSecret" doc:"Shown this once."`
	Deployment   *deployment    `json:"deploymentResult,omitempty"`
}

func (a *API) getProxyGroup(c *call) (any, error) {
	var l problem.List
	policies := c.flag(&l, "withPolicies")
	if l != nil {
		return nil, l
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	c.tag(o.FlowVersions()...)
	return single(proxyGroupOf(o, policies)), nil
}

func (a *API) createProxyGroup(c *call) (any, error) {
	var r proxyGroupCreateRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	w, err := r.deploys()
	if err != nil {
		return nil, err
	}
	o := models.Owner{Name: r.Name}
	if err := r.into(c, &o); err != nil {
		return nil, err
	}
	if err := c.firstDeploy(w); err != nil {
		return nil, r.inWords(err)
	}
	saved, key, err := a.Store.SaveProxyGroup(c.ctx(), c.by(), c.project.ID, o)
	if err != nil {
		return nil, refield(err, groupNames)
	}
	result := c.carryOut(saved, w)
	if saved, err = c.reread(saved, w); err != nil {
		return nil, err
	}
	c.noStore()
	return proxyGroupCreated{success(), proxyGroupOf(saved, false), saved.ClientID, key.Reveal(), result}, nil
}

// inWords names the environment by the member that it came in.
func (f proxyGroupFields) inWords(err error) error {
	if f.Environment == "" {
		return err
	}
	return refield(err, map[string]string{"deployTargetEnvironmentNameList[0]": "environmentName"})
}

func (a *API) replaceProxyGroup(c *call) (any, error) {
	var r proxyGroupRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	w, err := r.deploys()
	if err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	if r.Name != "" {
		o.Name = r.Name
	}
	if err := r.into(c, &o); err != nil {
		return nil, err
	}
	if err := c.mayDeploy(w); err != nil {
		return nil, r.inWords(err)
	}
	return c.saveGroup(o, w)
}

// saveGroup writes a group that was read before and, if that was asked for,
// deploys it.
func (c *call) saveGroup(o models.Owner, w wish) (any, error) {
	saved, _, err := c.Store.SaveProxyGroup(c.ctx(), c.by(), c.project.ID, o)
	if err != nil {
		return nil, refield(err, groupNames)
	}
	result := c.carryOut(saved, w)
	if saved, err = c.reread(saved, w); err != nil {
		return nil, err
	}
	c.tag(saved.FlowVersions()...)
	return proxyGroupSaved{success(), proxyGroupOf(saved, false), result}, nil
}

// unchangedGroup answers a write that had nothing to do.
func unchangedGroup(c *call, o models.Owner) (any, error) {
	c.tag(o.FlowVersions()...)
	return proxyGroupSaved{success(), proxyGroupOf(o, false), nothingDeployed()}, nil
}

func (a *API) addMember(c *call) (any, error) {
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	p, err := c.proxy()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(o.Members, func(m models.Member) bool { return m.ID == p.ID }) {
		return unchangedGroup(c, o)
	}
	o.Members = append(o.Members, models.Member{ID: p.ID})
	return c.saveGroup(o, wish{})
}

func (a *API) removeMember(c *call) (any, error) {
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	p, err := c.proxy()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(o.Members, func(m models.Member) bool { return m.ID == p.ID })
	if i < 0 {
		return unchangedGroup(c, o)
	}
	o.Members = slices.Delete(o.Members, i, i+1)
	return c.saveGroup(o, wish{})
}
