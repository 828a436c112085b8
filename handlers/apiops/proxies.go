package apiops

import (
	"fmt"
	"net/http"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// API proxies (reference 6.4), with the members of the reference's create body
// as far as there is what they mean.

const proxyTag = "API proxies"

func (a *API) proxyOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: proxyKind.list(), id: "listProxies", tag: proxyTag, summary: "List the API proxies of a project",
			right: models.ViewAPIs, query: listParameters, result: listOf[ownerRow]{}, do: a.listOwners,
		},
		{
			method: http.MethodPost, path: proxyKind.list(), id: "createProxy", tag: proxyTag, summary: "Create an API proxy",
			text:  "REVERSE_PROXY passes every path on, EMPTY_API has the endpoints that are sent. The client secret is answered this once.",
			right: models.ManageAPIs, body: proxyCreateRequest{}, result: proxyCreated{}, do: a.createProxy,
		},
		{
			method: http.MethodGet, path: proxyKind.path(), id: "getProxy", tag: proxyTag, summary: "Look at an API proxy",
			right: models.ViewAPIs, query: withPolicies, result: one[proxyView]{}, versioned: true, do: a.getProxy,
		},
		{
			method: http.MethodPut, path: proxyKind.path(), id: "replaceProxy", tag: proxyTag, summary: "Replace an API proxy",
			text:  "Members that are left out get their defaults. An endpoint that stays keeps its policies; those of one that goes are deleted. Policies for all calls stay.",
			right: models.ManageAPIs, body: proxyRequest{}, result: proxySaved{}, versioned: true, do: a.replaceProxy,
		},
		{
			method: http.MethodDelete, path: proxyKind.path(), id: "deleteProxy", tag: proxyTag, summary: "Delete an API proxy",
			text:  "Its local policies are deleted with it. While it runs somewhere it is refused with 409 unless undeploy=true is sent.",
			right: models.ManageAPIs, query: undeployParameter, result: deployAnswer{}, versioned: true, do: a.deleteOwner,
		},
		{
			method: http.MethodPost, path: proxyKind.path() + "secret/", id: "rotateProxySecret", tag: proxyTag, summary: "Give an API proxy a new client secret",
			text:  "The old one stops working at once, and so do the tokens that were issued for it. The new one is answered this once.",
			right: models.ManageAPIs, result: keyAnswer{}, versioned: true, do: a.rotateSecret,
		},
	}
}

// proxyFields are what can be written of a proxy.
type proxyFields struct {
	Description    string         `json:"apiProxyDescription"`
	Route          clientRoute    `json:"clientRoute"`
	Routing        routingInfo    `json:"routingInfo"`
	Timeouts       proxyTimeouts  `json:"timeouts"`
	Endpoints      []endpointItem `json:"endpoints" doc:"Without any, every path and method below the base path is passed on."`
	ErrorTemplates *fault.Bodies  `json:"errorTemplates" doc:"What error answers are put into."`
	wish
}

type proxyTimeouts struct {
	Connect  int `json:"connect" doc:"Milliseconds until the connection stands; 0 for the default, 5000."`
	Response int `json:"response" doc:"Milliseconds until the answer's header has arrived; 0 for the default, 60000."`
}

// endpointItem is one operation of a proxy.
type endpointItem struct {
	Path        string `json:"name" required:"true" doc:"The path below the base path, such as /pets/{petId}."`
	Method      string `json:"httpMethod" required:"true" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"`
	Description string `json:"description"`
}

type proxyCreateRequest struct {
	Name string `json:"apiProxyName" required:"true"`
	Type string `json:"apiProxyCreationType" enum:"REVERSE_PROXY,EMPTY_API" doc:"Left out: EMPTY_API with endpoints, else REVERSE_PROXY."`
	proxyFields
}

type proxyRequest struct {
	Name string `json:"apiProxyName" doc:"A new name; left out, it stays."`
	proxyFields
}

// into writes what was sent into a proxy.
func (f proxyFields) into(o *models.Owner) error {
	var l problem.List
	o.Description, o.Route = f.Description, f.Route.route(&l)
	o.Upstream = f.Routing.upstream(f.Timeouts)
	o.ErrorTemplates, o.Endpoints = f.ErrorTemplates, nil
	for _, e := range f.Endpoints {
		o.Endpoints = append(o.Endpoints, models.Endpoint{Method: e.Method, Path: e.Path, Description: e.Description})
	}
	return l.Err()
}

var proxyNames = map[string]string{"name": "apiProxyName", "description": "apiProxyDescription"}

// proxyView is a proxy as it is edited.
type proxyView struct {
	Name           string         `json:"name"`
	Description    string         `json:"description"`
	ClientID       string         `json:"clientId" doc:"The public half of the key pair, and the audience of its tokens."`
	Route          clientRoute    `json:"clientRoute"`
	Routing        routingInfo    `json:"routingInfo"`
	Timeouts       proxyTimeouts  `json:"timeouts"`
	Endpoints      []endpointView `json:"endpoints"`
	ErrorTemplates *fault.Bodies  `json:"errorTemplates,omitempty"`
	lanesOf
	Deployments []deployState `json:"deployList" doc:"One for each environment."`
	stamped
}

// endpointView is an endpoint with the policies of its own.
type endpointView struct {
	Path        string `json:"name"`
	Method      string `json:"httpMethod"`
	Description string `json:"description"`
	lanesOf
}

func proxyOf(o models.Owner, policies bool) proxyView {
	v := proxyView{
		Name: o.Name, Description: o.Description, ClientID: o.ClientID, Route: routeOf(o.Route),
		Routing:   routingOf(o.Upstream),
		Timeouts:  proxyTimeouts{o.Upstream.ConnectTimeout, o.Upstream.ResponseTimeout},
		Endpoints: []endpointView{}, ErrorTemplates: errorTemplates(o), Deployments: statesOf(o), stamped: stampOf(o.Stamp),
	}
	for _, e := range o.Endpoints {
		v.Endpoints = append(v.Endpoints, endpointViewOf(o, e, policies))
	}
	if policies {
		v.lanesOf = lanes(o, "")
	}
	return v
}

func endpointViewOf(o models.Owner, e models.Endpoint, policies bool) endpointView {
	v := endpointView{Path: e.Path, Method: e.Method, Description: e.Description}
	if policies {
		v.lanesOf = lanes(o, e.ID)
	}
	return v
}

type proxySaved struct {
	done
	Result     proxyView   `json:"result"`
	Deployment *deployment `json:"deploymentResult,omitempty"`
}

type proxyCreated struct {
	done
	Result       proxyView   `json:"result"`
	ClientID     string      `json:"clientId"`
	ClientSecret string      `json:"clientSecret" doc:"Shown this once."`
	Deployment   *deployment `json:"deploymentResult,omitempty"`
}

func (a *API) getProxy(c *call) (any, error) {
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
	return single(proxyOf(o, policies)), nil
}

// Types of creation, of those that the reference knows.
const (
	reverseProxy = "REVERSE_PROXY"
	emptyAPI     = "EMPTY_API"
)

// fits says what is wrong with the type for what else was sent.
func (r proxyCreateRequest) fits() error {
	switch {
	case r.Type == reverseProxy && len(r.Endpoints) > 0:
		return invalid("endpoints", "Leave them out, or create an EMPTY_API: a REVERSE_PROXY passes every path on.")
	case r.Type == emptyAPI && len(r.Endpoints) == 0:
		return invalid("endpoints", "Send one at least, or create a REVERSE_PROXY: without endpoints every path is passed on.")
	case r.Type != "" && r.Type != reverseProxy && r.Type != emptyAPI:
		return invalid("apiProxyCreationType", "Choose %s or %s.", reverseProxy, emptyAPI)
	}
	return nil
}

func (a *API) createProxy(c *call) (any, error) {
	var r proxyCreateRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := r.fits(); err != nil {
		return nil, err
	}
	return c.newProxy(r.Name, r.proxyFields)
}

// newProxy creates and, if that was asked for, deploys.
func (c *call) newProxy(name string, f proxyFields) (proxyCreated, error) {
	o := models.Owner{Name: name}
	if err := f.into(&o); err != nil {
		return proxyCreated{}, err
	}
	if err := c.firstDeploy(f.wish); err != nil {
		return proxyCreated{}, err
	}
	saved, key, err := c.Store.SaveProxy(c.ctx(), c.by(), c.project.ID, o)
	if err != nil {
		return proxyCreated{}, refield(err, proxyNames)
	}
	result := c.carryOut(saved, f.wish)
	if saved, err = c.reread(saved, f.wish); err != nil {
		return proxyCreated{}, err
	}
	c.noStore()
	return proxyCreated{success(), proxyOf(saved, false), saved.ClientID, key.Reveal(), result}, nil
}

func (a *API) replaceProxy(c *call) (any, error) {
	var r proxyRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	if r.Name != "" {
		o.Name = r.Name
	}
	if err := r.into(&o); err != nil {
		return nil, err
	}
	return c.saveProxy(o, r.wish, proxyNames)
}

// saveProxy writes a proxy that was read before and, if that was asked for,
// deploys it.
func (c *call) saveProxy(o models.Owner, w wish, fields map[string]string) (proxySaved, error) {
	if err := c.mayDeploy(w); err != nil {
		return proxySaved{}, err
	}
	saved, _, err := c.Store.SaveProxy(c.ctx(), c.by(), c.project.ID, o)
	if err != nil {
		return proxySaved{}, refield(err, fields)
	}
	result := c.carryOut(saved, w)
	if saved, err = c.reread(saved, w); err != nil {
		return proxySaved{}, err
	}
	c.tag(saved.FlowVersions()...)
	return proxySaved{success(), proxyOf(saved, false), result}, nil
}

// endpointField is where an endpoint of a list is wrong.
func endpointField(i int) string { return fmt.Sprintf("endpoints[%d]", i) }
