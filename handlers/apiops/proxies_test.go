package apiops_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/models/modelstest"
)

const (
	proxiesAt = "/apiops/projects/Default/apiProxies/"
	groupsAt  = "/apiops/projects/Default/apiProxyGroups/"
)

const wholeProxy = `{"apiProxyName":"pets","apiProxyDescription":"All pets","apiProxyCreationType":"EMPTY_API",
	"clientRoute":{"relativePathList":["/pets"],"hostList":["api.example.com"],"methodList":["GET","POST"]},
	"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9/v1"}]},"timeouts":{"connect":100,"response":200},
	"endpoints":[{"name":"/{id}","httpMethod":"GET","description":"One"},{"name":"/","httpMethod":"POST"}],
	"errorTemplates":{"json":{"enabled":true,"template":"{\"m\":\"#FAULTMESSAGE#\"}"}}}`

const wholeView = `{"name":"pets","description":"All pets","clientRoute":{"relativePathList":["/pets"],"hostList":["api.example.com"],"methodList":["GET","POST"]},
	"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9/v1"}]},"timeouts":{"connect":100,"response":200},
	"endpoints":[{"name":"/{id}","httpMethod":"GET","description":"One"},{"name":"/","httpMethod":"POST","description":""}],
	"errorTemplates":{"json":{"enabled":true}},"deployList":[{"environmentName":"production","deployed":false,"state":"NOT_DEPLOYED"}]}`

func TestAProxyIsCreatedReadReplacedAndDeleted(t *testing.T) {
	t.Parallel()
	c := begin(t)
	made := c.send(t, http.MethodPost, proxiesAt, wholeProxy).want(t, http.StatusOK).holds(t, `{"success":true,"status":"SUCCESS","result":`+wholeView+`,"deploymentResult":{"success":true,"deploymentResults":[]}}`)
	if key := made.json(t)["clientSecret"].(string); len(key) < 43 || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the client secret is %q, Cache-Control %q", key, made.Header.Get("Cache-Control"))
	}
	read := c.get(t, proxiesAt+"PETS").want(t, http.StatusOK).holds(t, `{"result":`+wholeView+`}`) // names are compared without case
	if strings.Contains(read.Body, made.json(t)["clientSecret"].(string)) {
		t.Error("the secret is shown again")
	}
	c.send(t, http.MethodPost, proxiesAt+"pets/policies/guard/", strings.Replace(policyBody(`,"targetEndpoint":"/{id}","targetEndpointHTTPMethod":"GET"`, jwtBody), `"ALL"`, `"ENDPOINT"`, 1)).want(t, http.StatusOK)
	c.get(t, proxiesAt+"pets/?withPolicies=true").want(t, http.StatusOK).
		holds(t, `{"result":{"requestPolicyList":[],"responsePolicyList":[],"errorPolicyList":[],"endpoints":[{"requestPolicyList":[{"name":"guard"}]},{"requestPolicyList":[]}]}}`)
	if strings.Contains(c.get(t, proxiesAt+"pets/").Body, "PolicyList") {
		t.Error("policies are answered that nobody asked for")
	}
	c.refused(t, http.MethodGet, proxiesAt+"pets/?withPolicies=yes", "", "withPolicies")
	// A replacement keeps the endpoint that stays with its policy, and takes over the name.
	c.send(t, http.MethodPut, proxiesAt+"pets/", `{"apiProxyName":"animals","clientRoute":{"relativePathList":["/animals"]},
		"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]},"endpoints":[{"name":"/{id}","httpMethod":"GET"}]}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"animals","description":"","clientRoute":{"relativePathList":["/animals"],"hostList":[],"methodList":[]},"timeouts":{"connect":0,"response":0},"endpoints":[{"name":"/{id}"}]}}`)
	c.get(t, proxiesAt+"pets/").want(t, http.StatusNotFound)
	c.get(t, proxiesAt+"animals/?withPolicies=true").holds(t, `{"result":{"clientId":"`+made.json(t)["clientId"].(string)+`","endpoints":[{"requestPolicyList":[{"name":"guard"}]}]}}`)
	c.send(t, http.MethodDelete, proxiesAt+"animals/", "").want(t, http.StatusOK).holds(t, `{"success":true,"deploymentResult":{"deploymentResults":[]}}`)
	c.get(t, proxiesAt+"animals/").want(t, http.StatusNotFound)
}

func TestWhatIsWrongWithAProxyIsNamedAsItWasSent(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	route, routing := `"clientRoute":{"relativePathList":["/p"]}`, `"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]}`
	for what, with := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":                {`{"apiProxyName":""}`, []string{"apiProxyName", "clientRoute.relativePathList", "routingInfo.routingAddressList[0].address"}},
		"an unknown member":      {`{"apiProxyName":"p","nope":1}`, []string{"nope"}},
		"two base paths":         {`{"apiProxyName":"p","clientRoute":{"relativePathList":["/a","/b"]},` + routing + `}`, []string{"clientRoute.relativePathList"}},
		"one address twice":      {`{"apiProxyName":"p",` + route + `,"routingInfo":{"routingAddressList":[{"address":"http://a","weight":-1},{"address":"http://a/","weight":1001}]}}`, []string{"routingInfo.routingAddressList[0].weight", "routingInfo.routingAddressList[1].address", "routingInfo.routingAddressList[1].weight"}},
		"too many addresses":     {`{"apiProxyName":"p",` + route + `,"routingInfo":{"routingAddressList":[{"address":"http://a"}` + strings.Repeat(`,{"address":"http://b"}`, 32) + `]}}`, []string{"routingInfo.routingAddressList"}},
		"an algorithm of others": {`{"apiProxyName":"p",` + route + `,"routingInfo":{"routingAddressList":[{"address":"http://a"}],"loadBalanceAlgorithm":"RANDOM"}}`, []string{"routingInfo.loadBalanceAlgorithm"}},
		"failures and retries":   {`{"apiProxyName":"p",` + route + `,"routingInfo":{"routingAddressList":[{"address":"http://a"}],"retryCount":6,"circuitBreaker":{"failureCount":1001,"restTime":-1}}}`, []string{"routingInfo.circuitBreaker.failureCount", "routingInfo.circuitBreaker.restTime", "routingInfo.retryCount"}},
		"a health check": {`{"apiProxyName":"p",` + route + `,"routingInfo":{"routingAddressList":[{"address":"http://a"}],"healthCheck":{"path":"health","interval":1,"timeout":-1,"statusFrom":1,"statusTo":999,"healthyCount":101,"unhealthyCount":-1}}}`,
			[]string{"routingInfo.healthCheck.path", "routingInfo.healthCheck.interval", "routingInfo.healthCheck.timeout", "routingInfo.healthCheck.statusFrom", "routingInfo.healthCheck.statusTo", "routingInfo.healthCheck.healthyCount", "routingInfo.healthCheck.unhealthyCount"}},
		"an address of files":          {`{"apiProxyName":"p",` + route + `,"routingInfo":{"routingAddressList":[{"address":"file:///etc"}]}}`, []string{"routingInfo.routingAddressList[0].address"}},
		"a reserved path":              {`{"apiProxyName":"p","clientRoute":{"relativePathList":["/auth"]},` + routing + `}`, []string{"clientRoute.relativePathList"}},
		"a host with a port":           {`{"apiProxyName":"p","clientRoute":{"relativePathList":["/p"],"hostList":["a:1"],"methodList":["NOPE"]},` + routing + `}`, []string{"clientRoute.hostList", "clientRoute.methodList"}},
		"timeouts":                     {`{"apiProxyName":"p",` + route + `,` + routing + `,"timeouts":{"connect":-1,"response":600001}}`, []string{"timeouts.connect", "timeouts.response"}},
		"an endpoint":                  {`{"apiProxyName":"p",` + route + `,` + routing + `,"endpoints":[{"name":"/a","httpMethod":"GET"},{"name":"a","httpMethod":"GET"}]}`, []string{"endpoints[1]"}},
		"endpoints of a reverse proxy": {`{"apiProxyName":"p","apiProxyCreationType":"REVERSE_PROXY",` + route + `,` + routing + `,"endpoints":[{"name":"/a","httpMethod":"GET"}]}`, []string{"endpoints"}},
		"an empty API without any":     {`{"apiProxyName":"p","apiProxyCreationType":"EMPTY_API",` + route + `,` + routing + `}`, []string{"endpoints"}},
		"a type of others":             {`{"apiProxyName":"p","apiProxyCreationType":"WSDL",` + route + `,` + routing + `}`, []string{"apiProxyCreationType"}},
		"a template":                   {`{"apiProxyName":"p",` + route + `,` + routing + `,"errorTemplates":{"json":{"enabled":true}}}`, []string{"errorTemplates.json.template"}},
		"a long description":           {`{"apiProxyName":"p","apiProxyDescription":"` + strings.Repeat("a", 1001) + `",` + route + `,` + routing + `}`, []string{"apiProxyDescription"}},
		"a deploy to nowhere":          {`{"apiProxyName":"p",` + route + `,` + routing + `,"deploy":true}`, []string{"deployTargetEnvironmentNameList"}},
		"a deploy to what is not":      {`{"apiProxyName":"p",` + route + `,` + routing + `,"deploy":true,"deployTargetEnvironmentNameList":["production","nope"]}`, []string{"deployTargetEnvironmentNameList[1]"}},
	} {
		t.Run(what, func(t *testing.T) {
			s.refused(t, http.MethodPost, proxiesAt, with.body, with.fields...)
			if strings.Contains(with.body, "CreationType") || what == "a deploy to nowhere" || what == "nothing" {
				return // asked at creation only
			}
			s.refused(t, http.MethodPut, ordersAt, with.body, with.fields...)
		})
	}
	s.send(t, http.MethodPost, proxiesAt, `{"apiProxyName":"Orders",`+route+`,`+routing+`}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"apiProxyName"}]}`)
	s.send(t, http.MethodPost, proxiesAt, `{"apiProxyName":"fresh","clientRoute":{"relativePathList":["/orders"]},`+routing+`}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"clientRoute.relativePathList"}]}`)
	if s.get(t, proxiesAt).holds(t, `{"totalCount":2,"resultCount":2,"resultList":[{"name":"orders","relativePath":"/orders"},{"name":"stock"}]}`); s.owner(t, "PROXY").Version != s.orders.Version {
		t.Error("something that was refused has been written")
	}
}

func TestProxiesAndGroupsAreListedByPages(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	s.get(t, proxiesAt+"?pageSize=1&page=2").want(t, http.StatusOK).holds(t, `{"resultList":[{"name":"stock"}],"resultCount":1,"totalCount":2}`)
	s.get(t, proxiesAt+"?q=ORD").want(t, http.StatusOK).holds(t, `{"resultList":[{"name":"orders"}],"totalCount":1}`)
	s.get(t, groupsAt+"?q=mall").want(t, http.StatusOK).holds(t, `{"resultList":[{"name":"mall","relativePath":"/mall"}],"totalCount":1}`)
	s.get(t, groupsAt+"?q=nothing").want(t, http.StatusOK).holds(t, `{"resultList":[],"totalCount":0}`)
}

func TestAProxyIsDeployedAsItIsSaved(t *testing.T) {
	t.Parallel()
	c := begin(t)
	modelstest.Environment(t, c.site.Store, "test")
	body := strings.Replace(wholeProxy, "{", `{"deploy":true,"deployTargetEnvironmentNameList":["production"],`, 1)
	c.send(t, http.MethodPost, proxiesAt, body).want(t, http.StatusOK).
		holds(t, `{"deploymentResult":{"success":true,"deploymentResults":[{"environmentName":"production","success":true}]},"result":{"deployList":[{"state":"LIVE","revision":1},{"state":"NOT_DEPLOYED"}]}}`)
	// Without environments it goes where it runs.
	again := `{"deploy":true,"clientRoute":{"relativePathList":["/moved"]},"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]}}`
	c.send(t, http.MethodPut, proxiesAt+"pets/", again).want(t, http.StatusOK).
		holds(t, `{"deploymentResult":{"deploymentResults":[{"environmentName":"production"}]},"result":{"deployList":[{"state":"LIVE","revision":2},{"state":"NOT_DEPLOYED"}]}}`)
	c.send(t, http.MethodPost, proxiesAt+"pets/endpoints/", `{"name":"/x","httpMethod":"GET","deploy":true,"deployTargetEnvironmentNameList":["test"]}`).want(t, http.StatusOK).
		holds(t, `{"deploymentResult":{"success":true},"result":{"deployList":[{"state":"REDEPLOY_REQUIRED"},{"state":"LIVE"}]}}`)
	// A save is kept where its deploy fails: another API runs at the path still.
	other := `{"apiProxyName":"other","clientRoute":{"relativePathList":["/x"]},"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]},"deploy":true,"deployTargetEnvironmentNameList":["production"]}`
	c.send(t, http.MethodPost, proxiesAt, other).want(t, http.StatusOK)
	c.send(t, http.MethodPut, proxiesAt+"other/", strings.Replace(strings.Replace(other, `"/x"`, `"/y"`, 1), `"deploy":true`, `"deploy":false`, 1)).want(t, http.StatusOK)
	c.send(t, http.MethodPut, proxiesAt+"pets/", strings.Replace(again, "/moved", "/x", 1)).want(t, http.StatusOK).
		holds(t, `{"success":true,"deploymentResult":{"success":false,"deploymentResults":[{"environmentName":"production","success":false},{"environmentName":"test","success":true}]},"result":{"clientRoute":{"relativePathList":["/x"]}}}`)
	// Asked for directly, it is refused.
	c.do(t, call{method: http.MethodPost, path: proxiesAt + "pets/environments/production/"}).want(t, http.StatusConflict).holds(t, `{"error":"conflict"}`)
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	at := ordersAt + "endpoints/"
	s.get(t, at+"?pageSize=1&page=2").want(t, http.StatusOK).holds(t, `{"resultList":[{"name":"/pets","httpMethod":"POST","description":""}],"totalCount":2}`)
	s.get(t, at+"?page=9").want(t, http.StatusOK).holds(t, `{"resultList":[],"totalCount":2}`)
	s.refused(t, http.MethodGet, at+"?pageSize=0", "", "pageSize")
	s.send(t, http.MethodPost, at, `{"name":"/new","httpMethod":"DELETE","description":"Gone"}`).want(t, http.StatusOK).holds(t, `{"result":{"endpoints":[{},{},{"name":"/new","httpMethod":"DELETE","description":"Gone"}]}}`)
	s.send(t, http.MethodPost, at, `{"name":"/new","httpMethod":"DELETE"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	s.send(t, http.MethodPost, at+"details/", `{"name":"/new","httpMethod":"DELETE"}`).want(t, http.StatusOK).holds(t, `{"result":{"description":"Gone","requestPolicyList":[]}}`)
	for _, body := range []string{`{"name":"new","httpMethod":"GET"}`, `{"name":"/new","httpMethod":"NOPE"}`, `{"name":"/pets/{other}","httpMethod":"GET"}`, `{}`} {
		s.refused(t, http.MethodPost, at, body, "name")
	}
	// With a new path and method its policy stays.
	s.send(t, http.MethodPost, ordersAt+"policies/own/", strings.Replace(policyBody(`,"targetEndpoint":"/new","targetEndpointHTTPMethod":"DELETE"`, jwtBody), `"ALL"`, `"ENDPOINT"`, 1)).want(t, http.StatusOK)
	s.send(t, http.MethodPatch, at, `{"name":"/new","httpMethod":"DELETE","newName":"/newer","newHttpMethod":"PATCH"}`).want(t, http.StatusOK)
	s.send(t, http.MethodPost, at+"details/", `{"name":"/newer","httpMethod":"PATCH"}`).want(t, http.StatusOK).holds(t, `{"result":{"description":"Gone","requestPolicyList":[{"name":"own"}]}}`)
	s.send(t, http.MethodPatch, at, `{"name":"/newer","httpMethod":"PATCH","description":""}`).want(t, http.StatusOK)
	s.send(t, http.MethodPatch, at, `{"name":"/newer","httpMethod":"PATCH","newName":"/pets","newHttpMethod":"POST"}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"newName"}]}`)
	s.refused(t, http.MethodPatch, at, `{"name":"/newer","httpMethod":"PATCH","newName":"x"}`, "newName")
	s.refused(t, http.MethodPatch, at, `{"name":"/newer","httpMethod":"PATCH","newHttpMethod":"x"}`, "newHttpMethod")
	s.refused(t, http.MethodPatch, at, `{"name":"/newer","httpMethod":"PATCH","description":"`+strings.Repeat("a", 1001)+`"}`, "description")
	for _, path := range []string{"details/", "delete/"} {
		s.refused(t, http.MethodPost, at+path, `{}`, "name", "httpMethod")
		s.send(t, http.MethodPost, at+path, `{"name":"/nowhere","httpMethod":"GET"}`).want(t, http.StatusNotFound)
	}
	s.send(t, http.MethodPost, at+"delete/", `{"name":"/newer","httpMethod":"PATCH"}`).want(t, http.StatusOK)
	o := s.owner(t, "PROXY")
	if len(o.Endpoints) != 2 || o.Endpoints[0].ID != s.orders.Endpoints[0].ID || len(o.Bindings) != 2 {
		t.Errorf("after all that the proxy has %+v and %d policies", o.Endpoints, len(o.Bindings))
	}
}

func TestAProxyGroup(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	body := `{"name":"bazaar","description":"Both","clientRoute":{"relativePathList":["/bazaar"]},"apiProxyNameList":["stock","Orders"],"blockDirectAccess":true,"environmentName":"production"}`
	view := `{"name":"bazaar","description":"Both","clientRoute":{"relativePathList":["/bazaar"],"hostList":[],"methodList":[]},"apiProxyNameList":["stock","orders"],"blockDirectAccess":true`
	s.send(t, http.MethodPost, groupsAt, body).want(t, http.StatusOK).holds(t, `{"result":`+view+`,"deployList":[{"state":"LIVE"}]},"deploymentResult":{"success":true}}`)
	s.get(t, groupsAt+"bazaar/?withPolicies=true").want(t, http.StatusOK).holds(t, `{"result":`+view+`,"requestPolicyList":[]}}`)
	s.get(t, mallAt+"?withPolicies=true").want(t, http.StatusOK).holds(t, `{"result":{"requestPolicyList":[{"name":"guard"},{"name":"standard"}]}}`)
	s.refused(t, http.MethodGet, mallAt+"?withPolicies=1", "", "withPolicies")
	s.send(t, http.MethodPut, groupsAt+"bazaar/", `{"name":"market","clientRoute":{"relativePathList":["/market"]},"apiProxyNameList":["orders"],"deploy":true}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"market","apiProxyNameList":["orders"],"blockDirectAccess":false,"deployList":[{"state":"LIVE","revision":2}]}}`)
	s.send(t, http.MethodPut, groupsAt+"market/", `{"clientRoute":{"relativePathList":["/market"]}}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"market","apiProxyNameList":[]}}`)
	for what, with := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":                   {`{"name":"g","clientRoute":{}}`, []string{"clientRoute.relativePathList"}},
		"members":                   {`{"name":"g","clientRoute":{"relativePathList":["/g"]},"apiProxyNameList":["stock","nope","STOCK"]}`, []string{"apiProxyNameList[1]", "apiProxyNameList[2]"}},
		"an environment":            {`{"name":"g","clientRoute":{"relativePathList":["/g"]},"environmentName":"nope"}`, []string{"environmentName"}},
		"environments in two words": {`{"name":"g","clientRoute":{"relativePathList":["/g"]},"environmentName":"production","deploy":true}`, []string{"environmentName"}},
		"two paths":                 {`{"name":"g","clientRoute":{"relativePathList":["/g","/h"]}}`, []string{"clientRoute.relativePathList"}},
		"a name":                    {`{"name":"a/b","clientRoute":{"relativePathList":["/g"]}}`, []string{"name"}},
		"a template":                {`{"name":"g","clientRoute":{"relativePathList":["/g"]},"errorTemplates":{"xml":{"enabled":true}}}`, []string{"errorTemplates.xml.template"}},
	} {
		t.Run(what, func(t *testing.T) {
			s.refused(t, http.MethodPost, groupsAt, with.body, with.fields...)
			s.refused(t, http.MethodPut, groupsAt+"market/", with.body, with.fields...)
		})
	}
	s.send(t, http.MethodPost, groupsAt, `{"name":"orders","clientRoute":{"relativePathList":["/g"]}}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
}

func TestMembersComeAndGoOnce(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	added := s.do(t, call{method: http.MethodPost, path: mallAt + "apiProxies/STOCK/"}).want(t, http.StatusOK).holds(t, `{"result":{"apiProxyNameList":["orders","stock"]}}`)
	again := s.do(t, call{method: http.MethodPost, path: mallAt + "apiProxies/stock/"}).want(t, http.StatusOK).holds(t, `{"result":{"apiProxyNameList":["orders","stock"]}}`)
	if added.Header.Get("ETag") != again.Header.Get("ETag") {
		t.Error("adding what is there changes the group")
	}
	s.do(t, call{method: http.MethodPost, path: mallAt + "apiProxies/nope/"}).want(t, http.StatusNotFound)
	s.do(t, call{method: http.MethodDelete, path: mallAt + "apiProxies/nope/"}).want(t, http.StatusNotFound)
	for range 2 {
		s.do(t, call{method: http.MethodDelete, path: mallAt + "apiProxies/orders/"}).want(t, http.StatusOK).holds(t, `{"result":{"apiProxyNameList":["stock"]}}`)
	}
}

func TestAProxyHasSeveralAddresses(t *testing.T) {
	t.Parallel()
	c := begin(t)
	sent := `"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9/v1"},{"address":"http://127.0.0.1:10","weight":7}],"loadBalanceAlgorithm":"LEAST_CONNECTIONS",
		"circuitBreaker":{"failureCount":2,"restTime":3000,"countUnavailable":true,"refuseWhileAllRest":true},
		"healthCheck":{"path":"/health","interval":500,"timeout":400,"statusFrom":204,"statusTo":299,"healthyCount":4,"unhealthyCount":6},
		"retryCount":2,"retryUnavailable":true}`
	whole := strings.Replace(sent, `9/v1"}`, `9/v1","weight":100}`, 1)
	body := `{"apiProxyName":"spread","clientRoute":{"relativePathList":["/spread"]},` + sent + `}`
	c.send(t, http.MethodPost, proxiesAt, body).want(t, http.StatusOK).holds(t, `{"result":{`+whole+`}}`)
	c.get(t, proxiesAt+"spread/").want(t, http.StatusOK).holds(t, `{"result":{`+whole+`}}`)
	// What is read can be sent, and changes nothing.
	c.send(t, http.MethodPut, proxiesAt+"spread/", strings.Replace(body, sent, whole, 1)).want(t, http.StatusOK).holds(t, `{"result":{`+whole+`}}`)
	// Left out, each member has its default.
	c.send(t, http.MethodPut, proxiesAt+"spread/", `{"clientRoute":{"relativePathList":["/spread"]},"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]}}`).want(t, http.StatusOK).
		holds(t, `{"result":{"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9","weight":100}],"loadBalanceAlgorithm":"ROUND_ROBIN",
			"circuitBreaker":{"failureCount":5,"restTime":10000,"countUnavailable":false,"refuseWhileAllRest":false},"retryCount":0,"retryUnavailable":false}}}`)
	if strings.Contains(c.get(t, proxiesAt+"spread/").Body, "healthCheck") {
		t.Error("a health check is left")
	}
}
