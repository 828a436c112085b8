package apiops_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const globals = "/apiops/projects/Default/globalPolicies/"

// namesFields fails the test unless the refusal names the fields.
func (a answer) namesFields(t *testing.T, fields ...string) {
	t.Helper()
	for _, field := range fields {
		if !strings.Contains(a.Body, fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("the answer %d does not name %s: %s", a.Status, field, a.Body)
		}
	}
}

// stale sends a write that was based on what is no more.
func (c *client) stale(t *testing.T, method, path, body string) {
	t.Helper()
	a := c.do(t, call{method: method, path: path, body: body, header: map[string]string{"If-Match": `"999"`}}).want(t, http.StatusPreconditionFailed)
	if a.Header.Get("ETag") == "" {
		t.Errorf("%s %s does not say what is current", method, path)
	}
}

func TestGlobalPoliciesFromFirstToLast(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, globals, `{"_class":"jwt-auth","name":"Company Standard","jwtSignatureAlgorithm":"RS256"}`).want(t, http.StatusOK).
		holds(t, `{"success":true,"result":{"name":"Company Standard","policyType":"policy-auth-jwt","policyTypeLabel":"JWT Authentication","active":true,"usageCount":0,"version":1,"policy":{"type":"policy-auth-jwt","tokenNeverExpires":true}}}`)
	c.send(t, http.MethodPost, globals, `{"type":"policy-headers","name":"no server","description":"hides it","active":false,"changes":[{"action":"REMOVE","name":"Server"}]}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, globals, `{"type":"policy-headers","name":"company standard","changes":[{"action":"REMOVE","name":"Server"}]}`).want(t, http.StatusConflict).
		holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	for query, want := range map[string]string{
		"":                         "Company Standard,no server",
		"?q=HIDES":                 "no server",
		"?type=policy-auth-jwt":    "Company Standard",
		"?active=false":            "no server",
		"?sort=name&desc=true":     "no server,Company Standard",
		"?pageSize=1&page=2":       "no server",
		"?q=nothing&sort=updated":  "",
		"?active=true&sort=status": "Company Standard",
	} {
		a := c.get(t, globals+query).want(t, http.StatusOK)
		if got := listed(t, a); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
		if strings.Contains(a.Body, `"policy":`) {
			t.Errorf("%s answers settings that nobody asked for", query)
		}
	}
	c.get(t, globals+"?full=true").holds(t, `{"totalCount":2,"resultList":[{"policy":{"type":"policy-auth-jwt"}},{"policy":{"type":"policy-headers"}}]}`)

	at := globals + "COMPANY%20standard/" // names are compared without case
	read := c.get(t, at).want(t, http.StatusOK)
	c.stale(t, http.MethodPut, at, jwtBody)
	put := c.do(t, call{method: http.MethodPut, path: at, body: `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"ES256"}`, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Company Standard","version":2,"policy":{"jwtSignatureAlgorithm":"ES256"}},"redeployRequired":[],"redeployUncompared":0}`)
	if put.Header.Get("ETag") == read.Header.Get("ETag") {
		t.Error("the version stayed")
	}
	c.stale(t, http.MethodPatch, at+"status/", `{"active":false}`)
	c.send(t, http.MethodPatch, at+"status/", `{"active":false}`).want(t, http.StatusOK).holds(t, `{"result":{"active":false,"version":3}}`)
	c.send(t, http.MethodPost, at+"duplicate/", `{"name":"A copy"}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"A copy","active":false,"version":1}}`)
	c.send(t, http.MethodPost, at+"duplicate/", `{"name":"a COPY"}`).want(t, http.StatusConflict)
	c.stale(t, http.MethodDelete, at, "")
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK).holds(t, `{"status":"SUCCESS","deploymentResult":{"success":true},"redeployRequired":[]}`)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		c.send(t, method, at, "").want(t, http.StatusNotFound)
	}
}

// listed are the names of a list.
func listed(t *testing.T, a answer) string {
	t.Helper()
	var names []string
	for _, x := range a.json(t)["resultList"].([]any) {
		names = append(names, x.(map[string]any)["name"].(string))
	}
	return strings.Join(names, ",")
}

func TestWrongGlobalPoliciesAreRefusedByTheirFields(t *testing.T) {
	t.Parallel()
	c := begin(t)
	p := modelstest.Policy(t, c.site.Store, c.site.Project.ID, "mine")
	at := globals + "mine/"
	for what, with := range map[string]struct{ method, path, body, field string }{
		"no name":                      {http.MethodPost, globals, `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256"}`, "name"},
		"no type":                      {http.MethodPost, globals, `{"name":"x"}`, "type"},
		"a class that is no text":      {http.MethodPost, globals, `{"_class":5,"name":"x"}`, "_class"},
		"an unknown class":             {http.MethodPost, globals, `{"_class":"nope","name":"x"}`, "type"},
		"an unknown member":            {http.MethodPost, globals, `{"type":"policy-auth-jwt","name":"x","nope":1}`, "nope"},
		"a member twice":               {http.MethodPost, globals, `{"type":"policy-auth-jwt","name":"x","name":"y"}`, "name"},
		"no algorithm":                 {http.MethodPost, globals, `{"type":"policy-auth-jwt","name":"x"}`, "jwtSignatureAlgorithm"},
		"a source that is not there":   {http.MethodPost, globals, `{"type":"policy-auth-jwt","name":"x","jwtSignatureAlgorithm":"RS256","authenticationType":"LDAP","identityProviderName":"nope"}`, "identityProviderName"},
		"another name than addressed":  {http.MethodPut, at, `{"name":"yours","type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256"}`, "name"},
		"another type":                 {http.MethodPut, at, `{"type":"policy-headers","changes":[{"action":"REMOVE","name":"Server"}]}`, "type"},
		"no status":                    {http.MethodPatch, at + "status/", `{}`, "active"},
		"a status that is no switch":   {http.MethodPatch, at + "status/", `{"active":"yes"}`, "active"},
		"a copy without a name":        {http.MethodPost, at + "duplicate/", `{}`, "name"},
		"a copy with an unknown thing": {http.MethodPost, at + "duplicate/", `{"name":"x","nope":1}`, "nope"},
	} {
		t.Run(what, func(t *testing.T) {
			c.do(t, call{method: with.method, path: with.path, body: with.body, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, with.field)
		})
	}
	after, err := c.site.Store.GlobalPolicy(t.Context(), c.site.Project.ID, "mine")
	if err != nil || after.Version != p.Version {
		t.Errorf("a refused change left something: %+v, %v", after, err)
	}
	if _, total, err := c.site.Store.Policies(t.Context(), c.site.Project.ID, models.PolicyFilter{}); err != nil || total != 1 {
		t.Errorf("there are %d policies: %v", total, err)
	}
}

// used is a policy that a proxy runs itself and another one by a policy group,
// the first one deployed.
func used(t *testing.T, c *client) (models.Policy, models.Owner) {
	t.Helper()
	s, project := c.site.Store, c.site.Project.ID
	p := modelstest.Policy(t, s, project, "standard")
	o := modelstest.Bind(t, s, modelstest.Proxy(t, s, project, "orders", func(o *models.Owner) {
		o.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets"}}
	}), p)
	if _, err := s.AddBinding(t.Context(), modelstest.By(), project, o.ID, o.Version, models.NewBinding{Scope: policy.Endpoint, EndpointID: o.Endpoints[0].ID, Pipeline: policy.Request, PolicyID: p.ID}); err != nil {
		t.Fatal(err)
	}
	g, _, err := s.SaveWholePolicyGroup(t.Context(), modelstest.By(), project, models.Owner{Name: "base", Pipeline: policy.Request, Active: true}, []models.GroupPolicy{{Global: "standard"}})
	if err != nil {
		t.Fatal(err)
	}
	other := modelstest.Proxy(t, s, project, "other")
	if _, err := s.AddBinding(t.Context(), modelstest.By(), project, other.ID, other.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: g.ID}); err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s, o, "production")
	return p, modelstest.Reload(t, s, o)
}

func TestAChangeOfAGlobalPolicyNamesWhatHasToBeDeployed(t *testing.T) {
	t.Parallel()
	c := begin(t)
	used(t, c)
	at := globals + "standard/"
	const need = `{"redeployRequired":[{"environmentName":"production","type":"API_PROXY","name":"orders"}],"redeployUncompared":0}`
	c.send(t, http.MethodPut, at, `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"ES256","description":"new"}`).want(t, http.StatusOK).holds(t, need)
	c.get(t, at+"impact/").want(t, http.StatusOK).holds(t, `{"result":{"apiProxies":2,"apiProxyGroups":0,"policyGroups":1,"boundCount":2,"boundBy":[{"type":"POLICY_GROUP","name":"base"},{"type":"API_PROXY","name":"orders"}],"throughCount":1,"throughBy":[{"type":"API_PROXY","name":"other"}],"liveCount":1,"liveEnvironments":["production"]}}`)
	run := c.send(t, http.MethodPost, at+"deploy/", `{"environmentName":"production"}`).want(t, http.StatusAccepted)
	done := ended(t, c, run)
	done.holds(t, `{"result":{"state":"DONE","subjectType":"GLOBAL_POLICY","subjectName":"standard","environmentName":"production","filter":"REDEPLOY","total":1,"deployed":1,"results":[{"type":"API_PROXY","name":"orders","state":"DEPLOYED","revision":2}],"nodes":[]}}`)
	c.send(t, http.MethodPatch, at+"status/", `{"active":false}`).want(t, http.StatusOK).holds(t, need)
	c.send(t, http.MethodPatch, at+"status/", `{"active":true}`).want(t, http.StatusOK).holds(t, `{"redeployRequired":[]}`) // as it runs
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK).holds(t, need)
}

// ended waits for the end of a bulk deploy and reads it.
func ended(t *testing.T, c *client, started answer) answer {
	t.Helper()
	at := "/apiops/projects/Default/bulkDeploys/" + started.json(t)["result"].(map[string]any)["id"].(string) + "/"
	for {
		a := c.get(t, at).want(t, http.StatusOK)
		if a.json(t)["result"].(map[string]any)["state"] != "RUNNING" {
			return a
		}
		select {
		case <-t.Context().Done():
			t.Fatal("it does not end")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestWhereAGlobalPolicyRuns(t *testing.T) {
	t.Parallel()
	c := begin(t)
	modelstest.Environment(t, c.site.Store, "test")
	used(t, c)
	at := globals + "standard/usage/"
	c.get(t, at+"?type=API_PROXY&environmentName=PRODUCTION").want(t, http.StatusOK).holds(t, `{"totalCount":3,"next":0,"stopped":false,"resultList":[
		{"type":"API_PROXY","name":"orders","targetScope":"ALL","targetPipeline":"REQUEST","order":1,"environments":[{"environmentName":"production","state":"LIVE","revision":1}]},
		{"type":"API_PROXY","name":"orders","targetScope":"ENDPOINT","targetEndpoint":"/pets","targetEndpointHTTPMethod":"GET"},
		{"type":"API_PROXY","name":"other","policyGroupName":"base","orderInPolicyGroup":1,"environments":[{"environmentName":"production","state":"NOT_DEPLOYED","revision":0}]}]}`)
	for query, want := range map[string]string{
		"":                      "base,orders,orders,other",
		"?name=OTHER":           "other",
		"?q=base&sort=kind":     "base,other",
		"?state=NOT_DEPLOYED":   "base,other",
		"?state=LIVE":           "orders,orders",
		"?state=LIVE&from=1":    "orders",
		"?desc=true&pageSize=1": "other",
		"?pageSize=2&page=2":    "orders,other",
		"?type=API_PROXY_GROUP": "",
		"?state=REDEPLOY_REQUIRED&environmentName=production": "",
	} {
		if got := listed(t, c.get(t, at+query).want(t, http.StatusOK)); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	for query, field := range map[string]string{
		"type=PROXY": "type", "state=GONE": "state", "sort=age": "sort", "from=-1": "from", "page=0": "page", "desc=1": "desc", "environmentName=nope": "environmentName",
		"from=1": "from", "state=LIVE&page=2": "page", "pageSize=501": "pageSize",
	} {
		c.do(t, call{method: http.MethodGet, path: at + "?" + query, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, field)
	}
}

func TestAGlobalPolicyIsLocalizedInOnePlace(t *testing.T) {
	t.Parallel()
	c := begin(t)
	_, o := used(t, c)
	at := globals + "standard/localize/"
	for body, field := range map[string]string{
		`{}`:                         "apiProxyName",
		`{"apiProxyName":"nope"}`:    "apiProxyName",
		`{"apiProxyGroupName":"no"}`: "apiProxyGroupName",
		`{"apiProxyName":"orders","policyGroupName":"base"}`:    "policyGroupName",
		`{"apiProxyName":"orders","targetPipeline":"RESPONSE"}`: "apiProxyName",
		`{"apiProxyName":"other"}`:                              "apiProxyName", // only the group has it
		`{"policyGroupName":"base","name":"a/b"}`:               "name",
	} {
		c.do(t, call{method: http.MethodPost, path: at, body: body, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, field)
	}
	c.send(t, http.MethodPost, at, `{"apiProxyName":"orders"}`).want(t, http.StatusConflict) // which of the two places?
	c.send(t, http.MethodPost, at, `{"apiProxyName":"Orders","targetScope":"ENDPOINT","targetEndpoint":"/pets","targetEndpointHTTPMethod":"GET","targetPipeline":"REQUEST","name":"mine"}`).want(t, http.StatusOK).
		holds(t, `{"result":{"type":"API_PROXY","in":"orders","name":"mine"}}`)
	c.send(t, http.MethodPost, at, `{"apiProxyName":"orders"}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"standard"}}`)
	c.send(t, http.MethodPost, at, `{"policyGroupName":"base"}`).want(t, http.StatusOK).holds(t, `{"result":{"type":"POLICY_GROUP","in":"base","name":"standard"}}`)
	for _, b := range modelstest.Reload(t, c.site.Store, o).Bindings {
		if b.Shared() {
			t.Errorf("%s is still shared", b.Name())
		}
	}
	c.get(t, globals+"standard/").want(t, http.StatusOK).holds(t, `{"result":{"usageCount":0,"version":1}}`)
}

func TestBulkDeploys(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s, project := c.site.Store, c.site.Project.ID
	used(t, c)
	at := globals + "standard/deploy/"
	for body, field := range map[string]string{
		`{}`:                         "environmentName",
		`{"environmentName":"nope"}`: "environmentName",
		`{"environmentName":"production","filter":"SOME"}`:                                   "filter",
		`{"environmentName":"production","targets":[]}`:                                      "targets",
		`{"environmentName":"production","targets":["PROXY"]}`:                               "targets",
		`{"environmentName":"production","description":"` + strings.Repeat("a", 1001) + `"}`: "description",
	} {
		c.do(t, call{method: http.MethodPost, path: at, body: body, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, field)
	}
	all := c.send(t, http.MethodPost, at, `{"environmentName":"production","filter":"ALL","targets":["API_PROXY"],"description":"to all"}`).want(t, http.StatusAccepted)
	done := ended(t, c, all).holds(t, `{"result":{"state":"DONE","description":"to all","total":2,"deployed":2}}`)
	id := done.json(t)["result"].(map[string]any)["id"].(string)
	one := "/apiops/projects/Default/bulkDeploys/" + id + "/"
	c.get(t, one+"?state=FAILED").want(t, http.StatusOK).holds(t, `{"result":{"results":[]}}`)
	c.get(t, one+"?pageSize=1&page=2").want(t, http.StatusOK).holds(t, `{"result":{"results":[{"name":"other","type":"API_PROXY","state":"DEPLOYED","revision":1}]}}`)
	c.do(t, call{method: http.MethodGet, path: one + "?state=GONE", wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "state")
	c.do(t, call{method: http.MethodGet, path: one + "?page=0", wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "page")
	c.get(t, "/apiops/projects/Default/bulkDeploys/").want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"id":"`+id+`","state":"DONE"}]}`)
	c.send(t, http.MethodPost, one+"cancel/", "").want(t, http.StatusOK).holds(t, `{"result":{"state":"DONE"}}`) // it has ended
	c.send(t, http.MethodPost, one+"resume/", "").want(t, http.StatusOK).holds(t, `{"result":{"state":"DONE"}}`) // nothing is left
	other := modelstest.Project(t, s, "Other")
	c.get(t, "/apiops/projects/"+other.Name+"/bulkDeploys/"+id+"/").want(t, http.StatusNotFound)

	g, err := s.Owner(t.Context(), project, engine.KindPolicyGroup, "base")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SaveWholePolicyGroup(t.Context(), modelstest.By(), project, g, nil); err != nil {
		t.Fatal(err)
	}
	group := c.send(t, http.MethodPost, "/apiops/projects/Default/policyGroups/base/deploy/", `{"environmentName":"production"}`).want(t, http.StatusAccepted)
	ended(t, c, group).holds(t, `{"result":{"subjectType":"POLICY_GROUP","subjectName":"base","deployed":1,"results":[{"name":"other"}]}}`)
}

func TestAPolicyThatOthersWriteAtOnce(t *testing.T) {
	t.Parallel()
	c := begin(t)
	modelstest.Policy(t, c.site.Store, c.site.Project.ID, "mine", func(j *jwtauth.Config) { j.Description = "first" })
	read := c.get(t, globals+"mine/").Header.Get("ETag")
	put := func(text string) int {
		return c.do(t, call{method: http.MethodPut, path: globals + "mine/", body: `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256","description":"` + text + `"}`, header: map[string]string{"If-Match": read}}).Status
	}
	const writers = 6
	statuses := make(chan int, writers)
	for i := range writers {
		go func() { statuses <- put(fmt.Sprint(i)) }()
	}
	won := 0
	for range writers {
		switch status := <-statuses; status {
		case http.StatusOK:
			won++
		case http.StatusPreconditionFailed, http.StatusConflict:
		default:
			t.Errorf("a writer got %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
	c.get(t, globals+"mine/").holds(t, `{"result":{"version":2}}`)
}
