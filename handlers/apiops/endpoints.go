package apiops

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// The endpoints of a proxy, named by path and method in bodies as a path cannot
// stand in an address (reference 6.4).

func (a *API) endpointOperations() []operation {
	at := proxyKind.path() + "endpoints/"
	return []operation{
		{
			method: http.MethodGet, path: at, id: "listEndpoints", tag: endpointTag, summary: "List the endpoints of an API proxy",
			right: models.ViewAPIs, query: pagingParameters, result: listOf[endpointView]{}, versioned: true, do: a.listEndpoints,
		},
		{
			method: http.MethodPost, path: at, id: "addEndpoint", tag: endpointTag, summary: "Add an endpoint to an API proxy",
			text:  "The first one changes what the proxy is: from then on only what is an endpoint is passed on.",
			right: models.ManageAPIs, body: endpointRequest{}, result: proxySaved{}, versioned: true, do: a.addEndpoint,
		},
		{
			method: http.MethodPatch, path: at, id: "changeEndpoint", tag: endpointTag, summary: "Change an endpoint",
			text:  "What is left out stays. Its policies stay too, also with a new path or method.",
			right: models.ManageAPIs, body: endpointChange{}, result: proxySaved{}, versioned: true, do: a.changeEndpoint,
		},
		{
			method: http.MethodPost, path: at + "details/", id: "getEndpoint", tag: endpointTag, summary: "Look at an endpoint with its policies",
			text:  "A POST, as the endpoint is named in the body. Nothing is changed.",
			right: models.ViewAPIs, body: endpointName{}, result: one[endpointView]{}, do: a.getEndpoint,
		},
		{
			method: http.MethodPost, path: at + "delete/", id: "deleteEndpoint", tag: endpointTag, summary: "Delete an endpoint with its policies",
			text:  "The last one changes what the proxy is: without endpoints every path is passed on.",
			right: models.ManageAPIs, body: endpointDelete{}, result: proxySaved{}, versioned: true, do: a.deleteEndpoint,
		},
	}
}

const endpointTag = "Endpoints"

// endpointName says which endpoint is meant.
type endpointName struct {
	Path   string `json:"name" required:"true" doc:"The path of the endpoint."`
	Method string `json:"httpMethod" required:"true" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"`
}

type endpointRequest struct {
	endpointItem
	wish
}

type endpointDelete struct {
	endpointName
	wish
}

type endpointChange struct {
	endpointName
	NewPath     string  `json:"newName" doc:"A new path."`
	NewMethod   string  `json:"newHttpMethod" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS" doc:"A new method."`
	Description *string `json:"description"`
	wish
}

// in is where the endpoint stands in the list of the proxy.
func (n endpointName) in(o models.Owner) (int, error) {
	var l problem.List
	if n.Path == "" {
		l.Add("name", "Give the path of the endpoint.")
	}
	if n.Method == "" {
		l.Add("httpMethod", "Give the method of the endpoint.")
	}
	if l != nil {
		return 0, l
	}
	i := slices.IndexFunc(o.Endpoints, func(e models.Endpoint) bool { return e.Path == n.Path && e.Method == n.Method })
	if i < 0 {
		return 0, &refusal{status: http.StatusNotFound, code: "not_found", text: o.Name + " has no endpoint " + n.Method + " " + n.Path + "."}
	}
	return i, nil
}

func (a *API) listEndpoints(c *call) (any, error) {
	page, size, err := c.paging()
	if err != nil {
		return nil, err
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	var list []endpointView
	for _, e := range pageOf(o.Endpoints, page, size) {
		list = append(list, endpointViewOf(o, e, false))
	}
	c.tag(o.FlowVersions()...)
	return listing(list, len(o.Endpoints)), nil
}

// pageOf is a page of a list that is read whole.
func pageOf[T any](list []T, page, size int) []T {
	from := min((page-1)*size, len(list))
	return list[from:min(from+size, len(list))]
}

func (a *API) getEndpoint(c *call) (any, error) {
	var r endpointName
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	i, err := r.in(o)
	if err != nil {
		return nil, err
	}
	return single(endpointViewOf(o, o.Endpoints[i], true)), nil
}

func (a *API) addEndpoint(c *call) (any, error) {
	var r endpointRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	fresh := models.Endpoint{Method: r.Method, Path: r.Path, Description: r.Description}
	if err := taken(o.Endpoints, fresh, "name"); err != nil {
		return nil, err
	}
	o.Endpoints = append(o.Endpoints, fresh)
	return c.saveProxy(o, r.wish, map[string]string{endpointField(len(o.Endpoints) - 1): "name", "endpoints": "name"})
}

// taken refuses an operation that another endpoint has.
func taken(list []models.Endpoint, e models.Endpoint, field string) error {
	if slices.ContainsFunc(list, func(x models.Endpoint) bool { return x.ID != e.ID && x.Path == e.Path && x.Method == e.Method }) {
		return problem.List{{Field: field, Message: "The proxy has an endpoint " + e.Method + " " + e.Path + ".", Taken: true}}
	}
	return nil
}

func (a *API) changeEndpoint(c *call) (any, error) {
	var r endpointChange
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	i, err := r.in(o)
	if err != nil {
		return nil, err
	}
	e := &o.Endpoints[i]
	e.Path, e.Method = cmp.Or(r.NewPath, e.Path), cmp.Or(r.NewMethod, e.Method)
	if r.Description != nil {
		e.Description = *r.Description
	}
	if err := taken(o.Endpoints, *e, "newName"); err != nil {
		return nil, err
	}
	return c.saveProxy(o, r.wish, map[string]string{endpointField(i): cmp.Or(r.wrong(), "description")})
}

// wrong is the member that a problem of the endpoint is about.
func (r endpointChange) wrong() string {
	switch {
	case r.NewPath != "":
		return "newName"
	case r.NewMethod != "":
		return "newHttpMethod"
	}
	return ""
}

func (a *API) deleteEndpoint(c *call) (any, error) {
	var r endpointDelete
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	i, err := r.in(o)
	if err != nil {
		return nil, err
	}
	o.Endpoints = slices.Delete(o.Endpoints, i, i+1)
	return c.saveProxy(o, r.wish, proxyNames)
}
