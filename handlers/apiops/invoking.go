package apiops

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
)

// How an API is called (reference 6.4).

func (a *API) invokeOperations() []operation {
	var list []operation
	for _, k := range []kind{proxyKind, proxyGroupKind} {
		list = append(list, operation{
			method: http.MethodGet, path: k.path() + "invoke-info/", id: "get" + k.id + "InvokeInfo", tag: deployTag, summary: "Ask how the " + k.noun + " is called",
			text:  "In each environment as it runs there; where it does not run, as it is edited.",
			right: models.ViewAPIs, result: listOf[invokeInfo]{}, do: a.invokeInfo,
		})
	}
	return list
}

// invokeInfo is how an API is called in an environment.
type invokeInfo struct {
	Environment string   `json:"environmentName"`
	BaseURL     string   `json:"gatewayBaseUrl"`
	Root        string   `json:"rootContext" doc:"The path of the environment itself."`
	Paths       []string `json:"fullPaths" doc:"Addresses of the API, one for each of its hosts."`
	TokenURL    string   `json:"tokenUrl" doc:"Where tokens for it are issued."`
	Methods     []string `json:"methods"`
	Schemes     []string `json:"schemes"`
	Deployed    bool     `json:"deployed"`
}

func (a *API) invokeInfo(c *call) (any, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	var list []invokeInfo
	for _, d := range o.Deployments {
		route, err := c.runningRoute(o, d)
		if err != nil {
			return nil, err
		}
		info, err := invokeOf(route, d)
		if err != nil {
			return nil, err
		}
		list = append(list, info)
	}
	return listing(list, len(list)), nil
}

func invokeOf(route engine.Route, d models.Deployment) (invokeInfo, error) {
	base, err := url.Parse(d.PublicURL)
	if err != nil {
		return invokeInfo{}, fmt.Errorf("read address of %s: %w", d.Environment, err)
	}
	root := strings.TrimSuffix(base.Path, "/")
	i := invokeInfo{
		Environment: d.Environment, BaseURL: base.Scheme + "://" + base.Host, Root: root + "/", TokenURL: strings.TrimSuffix(d.PublicURL, "/") + "/auth/jwt",
		Methods: routed(route), Schemes: []string{base.Scheme}, Deployed: d.Revision > 0,
	}
	for _, host := range hostsOf(route, base) {
		i.Paths = append(i.Paths, base.Scheme+"://"+host+root+route.BasePath)
	}
	return i, nil
}

// hostsOf are the hosts at which a route is called: the environment's, or its own
// at the same port.
func hostsOf(route engine.Route, base *url.URL) []string {
	if len(route.Hosts) == 0 {
		return []string{base.Host}
	}
	var list []string
	for _, h := range route.Hosts {
		if strings.Contains(h, ":") {
			h = "[" + h + "]" // IPv6, RFC 3986 section 3.2.2
		}
		if port := base.Port(); port != "" {
			h += ":" + port
		}
		list = append(list, h)
	}
	return list
}

// routed are the methods that a route lets through.
func routed(r engine.Route) []string {
	if len(r.Methods) == 0 {
		return engine.Methods()
	}
	return r.Methods
}

// runningRoute is the route that an environment runs, or the edited one where it
// runs none.
func (c *call) runningRoute(o models.Owner, d models.Deployment) (engine.Route, error) {
	if d.Revision == 0 {
		return o.Route, nil
	}
	r, err := c.Store.Revision(c.ctx(), o.ID, d.Revision)
	if err != nil {
		return engine.Route{}, err
	}
	var frozen struct {
		Route engine.Route `json:"route"`
	}
	if err := json.Unmarshal(r.Definition, &frozen); err != nil {
		return engine.Route{}, fmt.Errorf("read revision %d of %s: %w", r.Number, o.Name, err)
	}
	return frozen.Route, nil
}
