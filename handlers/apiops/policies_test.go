package apiops_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const jwtBody = `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256"}`

// policyBody is a request with metadata beside those of the first place.
func policyBody(metadata, policy string) string {
	return fmt.Sprintf(`{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","deploy":false%s},"policy":%s}`, metadata, policy)
}

func TestWrongPoliciesAreRefusedByTheirFields(t *testing.T) {
	t.Parallel()
	c, o := seeded(t)
	for what, with := range map[string]struct {
		body   string
		fields []string
	}{
		"an unknown member":                     {policyBody(`,"nope":1`, jwtBody), []string{"operationMetadata.nope"}},
		"an unknown member of the policy":       {policyBody("", `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256","jwtSignatureAlgoritm":"RS256"}`), []string{"policy.jwtSignatureAlgoritm"}},
		"no policy":                             {`{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST"}}`, []string{"policy"}},
		"no metadata":                           {`{"policy":` + jwtBody + `}`, []string{"operationMetadata.targetScope", "operationMetadata.targetPipeline"}},
		"an unknown scope and pipeline":         {`{"operationMetadata":{"targetScope":"SOME","targetPipeline":"LATER"},"policy":` + jwtBody + `}`, []string{"operationMetadata.targetScope", "operationMetadata.targetPipeline"}},
		"an endpoint that is not named":         {strings.Replace(policyBody("", jwtBody), `"ALL"`, `"ENDPOINT"`, 1), []string{"operationMetadata.targetEndpoint", "operationMetadata.targetEndpointHTTPMethod"}},
		"an endpoint that the proxy has not":    {strings.Replace(policyBody(`,"targetEndpoint":"/nope","targetEndpointHTTPMethod":"GET"`, jwtBody), `"ALL"`, `"ENDPOINT"`, 1), []string{"operationMetadata.targetEndpoint"}},
		"an endpoint for the scope ALL":         {policyBody(`,"targetEndpoint":"/nope"`, jwtBody), []string{"operationMetadata.targetEndpoint"}},
		"a pipeline that is not the type's":     {strings.Replace(policyBody("", jwtBody), "REQUEST", "ERROR", 1), []string{"operationMetadata.targetPipeline"}},
		"an order below 1":                      {policyBody(`,"order":0`, jwtBody), []string{"operationMetadata.order"}},
		"an environment that is not there":      {policyBody(`,"deployTargetEnvironmentNameList":["production","nope"]`, jwtBody), []string{"operationMetadata.deployTargetEnvironmentNameList[1]"}},
		"a global policy that is not there":     {`{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","globalPolicyName":"nope"}}`, []string{"operationMetadata.globalPolicyName"}},
		"a global policy and a policy":          {policyBody(`,"globalPolicyName":"nope"`, jwtBody), []string{"policy"}},
		"no algorithm":                          {policyBody("", `{"type":"policy-auth-jwt"}`), []string{"policy.jwtSignatureAlgorithm"}},
		"an unknown type":                       {policyBody("", `{"type":"policy-auth-nope"}`), []string{"policy.type"}},
		"an expiry without an amount":           {policyBody("", `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256","tokenNeverExpires":false}`), []string{"policy.tokenExpiresInAmount"}},
		"an expiry without a unit":              {policyBody("", `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256","tokenNeverExpires":false,"tokenExpiresInAmount":1}`), []string{"policy.tokenExpiresInUnit"}},
		"a name of a wrong type":                {policyBody("", `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":5}`), []string{"policy.jwtSignatureAlgorithm"}},
		"a member twice":                        {policyBody("", `{"type":"policy-auth-jwt","active":true,"active":false}`), []string{"policy.active"}},
		"a policy that is no object":            {policyBody("", `[]`), []string{"policy"}},
		"a description that is too long by one": {policyBody("", `{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256","description":"`+strings.Repeat("a", 1001)+`"}`), []string{"policy.description"}},
	} {
		if strings.Contains(with.body, `"deployTargetEnvironmentNameList"`) {
			with.body = strings.Replace(with.body, `"deploy":false`, `"deploy":true`, 1)
		}
		t.Run(what, func(t *testing.T) {
			for _, method := range []string{http.MethodPost, http.MethodPut} {
				if method == http.MethodPut && !strings.HasPrefix(with.fields[0], "policy") {
					continue // what is not there cannot be replaced; its place is not looked at
				}
				a := c.do(t, call{method: method, path: seedPolicy, body: with.body, wrong: true}).want(t, http.StatusBadRequest)
				for _, field := range with.fields {
					if !strings.Contains(a.Body, `"field":"`+field+`"`) {
						t.Errorf("%s: the answer does not name %s: %s", method, field, a.Body)
					}
				}
			}
		})
	}
	if after := modelstest.Reload(t, c.site.Store, o); after.Version != o.Version || len(after.Bindings) > 0 {
		t.Errorf("a refused policy left something: %+v", after.Bindings)
	}
}

func TestPoliciesAreAddressedByTheirNamesInThePath(t *testing.T) {
	t.Parallel()
	c, _ := seeded(t)
	for _, name := range []string{"Ü ğ + & <script>", "100%", "a.b"} {
		path := seedList + url.PathEscape(name) + "/"
		c.send(t, http.MethodPost, path, policyBody("", strings.Replace(jwtBody, "{", `{"name":"ignored",`, 1))).want(t, http.StatusOK)
		encoded, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		if a := c.get(t, seedList); !contains(a.json(t)["resultList"].([]any)[0].(map[string]any)["apiProxy"].(map[string]any)["requestPolicyList"].([]any)[0].(map[string]any)["name"], name) {
			t.Errorf("the list does not have %s: %s", encoded, a.Body)
		}
		c.send(t, http.MethodPost, path, policyBody("", jwtBody)).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name"}`)
		c.send(t, http.MethodDelete, strings.TrimSuffix(path, "/")+"?targetScope=ALL&targetPipeline=REQUEST", "").want(t, http.StatusOK)
	}
}

func TestANameThatNoPolicyMayHave(t *testing.T) {
	t.Parallel()
	c, _ := seeded(t)
	c.do(t, call{method: http.MethodPost, path: seedList + "a%2Fb/", body: policyBody("", jwtBody)}).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"policyName"}]}`)
}

func TestOrderScopeAndPipeline(t *testing.T) {
	t.Parallel()
	c := begin(t)
	project := modelstest.Project(t, c.site.Store, "MyProject")
	modelstest.Proxy(t, c.site.Store, project.ID, "MyAPI", func(o *models.Owner) {
		o.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets/{id}"}}
	})
	for _, name := range []string{"one", "two", "three"} {
		c.send(t, http.MethodPost, seedList+name+"/", policyBody("", jwtBody)).want(t, http.StatusOK)
	}
	c.send(t, http.MethodPost, seedList+"zero/", policyBody(`,"order":1`, jwtBody)).want(t, http.StatusOK)
	c.send(t, http.MethodPut, seedList+"ONE/", policyBody(`,"order":99`, jwtBody)).want(t, http.StatusOK) // names are compared without case
	lanes := func(what string) string { return names(t, c.get(t, seedList), what) }
	if got := lanes("requestPolicyList"); got != "zero two three ONE" {
		t.Errorf("the order is %s", got)
	}
	c.send(t, http.MethodPut, seedList+"two/", policyBody("", jwtBody)).want(t, http.StatusOK)
	if got := lanes("requestPolicyList"); got != "zero two three ONE" {
		t.Errorf("without an order a policy keeps its place, and it is %s", got)
	}
	at := `,"targetEndpoint":"/pets/{id}","targetEndpointHTTPMethod":"GET"`
	c.send(t, http.MethodPut, seedList+"two/", strings.Replace(policyBody(at, jwtBody), `"ALL"`, `"ENDPOINT"`, 1)).want(t, http.StatusOK)
	c.get(t, seedList).holds(t, `{"resultList":[{"apiProxy":{"endpointList":[{"name":"/pets/{id}","httpMethod":"GET","requestPolicyList":[{"name":"two"}]}]}}]}`)
	if got := lanes("requestPolicyList"); got != "zero three ONE" {
		t.Errorf("a policy that moved away leaves %s", got)
	}
	another := call{method: http.MethodPut, path: seedList + "three/", body: policyBody("", `{"type":"policy-headers","changes":[{"action":"SET","name":"X-A","value":"b"}]}`), wrong: true}
	c.do(t, another).want(t, http.StatusBadRequest)
	c.do(t, call{method: http.MethodDelete, path: seedList + "two/", body: `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST"}}`}).want(t, http.StatusNotFound)
	c.do(t, call{method: http.MethodDelete, path: seedList + "two/", body: `{"operationMetadata":{"targetScope":"ENDPOINT","targetPipeline":"REQUEST"}}`}).want(t, http.StatusOK)
}

func names(t *testing.T, a answer, lane string) string {
	t.Helper()
	proxy := a.want(t, http.StatusOK).json(t)["resultList"].([]any)[0].(map[string]any)["apiProxy"].(map[string]any)
	var list []string
	for _, p := range proxy[lane].([]any) {
		list = append(list, p.(map[string]any)["name"].(string))
	}
	return strings.Join(list, " ")
}

func TestAGlobalPolicyIsBoundAndLeftAlone(t *testing.T) {
	t.Parallel()
	c, o := seeded(t)
	modelstest.Policy(t, c.site.Store, o.ProjectID, "company-wide")
	bind := `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","globalPolicyName":"company-wide","deploy":false}}`
	c.send(t, http.MethodPost, seedList+"company-wide/", bind).want(t, http.StatusOK)
	c.send(t, http.MethodPut, seedList+"company-wide/", bind).want(t, http.StatusOK)
	c.send(t, http.MethodPut, seedList+"company-wide/", policyBody("", jwtBody)).want(t, http.StatusConflict)
	c.send(t, http.MethodPut, seedList+"company-wide/", strings.Replace(bind, "company-wide", "other", 1)).want(t, http.StatusBadRequest)
	c.send(t, http.MethodDelete, seedList+"company-wide/", seedDelete).want(t, http.StatusOK)
	if _, err := c.site.Store.Policy(t.Context(), o.ProjectID, "policy-auth-jwt", "company-wide"); err != nil {
		t.Errorf("the global policy is gone: %v", err)
	}
}

func TestAPolicyGroupIsShownAndStaysWhole(t *testing.T) {
	t.Parallel()
	c, o := seeded(t)
	g, _, err := c.site.Store.SavePolicyGroup(t.Context(), modelstest.By(), o.ProjectID, models.Owner{Kind: engine.KindPolicyGroup, Name: "baseline", Active: true, Pipeline: policy.Request})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.site.Store.AddBinding(t.Context(), modelstest.By(), o.ProjectID, g.ID, g.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT("inner")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.site.Store.AddBinding(t.Context(), modelstest.By(), o.ProjectID, o.ID, o.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: g.ID}); err != nil {
		t.Fatal(err)
	}
	c.get(t, seedList).want(t, http.StatusOK).holds(t, `{"resultList":[{"apiProxy":{"requestPolicyList":[{"type":"policy-group","name":"baseline","policyList":[{"name":"inner","type":"policy-auth-jwt"}]}]}}]}`)
	c.send(t, http.MethodDelete, seedList+"inner/", seedDelete).want(t, http.StatusConflict)
}

func TestDeployNeedsTheRightToDeploy(t *testing.T) {
	t.Parallel()
	c, o := seeded(t)
	creator := c.member(t, "creator", o.ProjectName, models.ManageAPIs)
	creator.send(t, http.MethodPost, seedPolicy, seedAdd).want(t, http.StatusForbidden)
	creator.send(t, http.MethodPost, seedPolicy, policyBody("", jwtBody)).want(t, http.StatusOK)
	creator.send(t, http.MethodDelete, seedPolicy, strings.Replace(seedDelete, "false", "true", 1)).want(t, http.StatusForbidden)
	if after := modelstest.Reload(t, c.site.Store, o); len(after.Bindings) != 1 || after.Deployments[0].Revision != 0 {
		t.Errorf("a refused deploy changed something: %d policies, %+v", len(after.Bindings), after.Deployments)
	}
}

func TestADeployThatFailsKeepsTheChange(t *testing.T) {
	t.Parallel()
	c, _ := seeded(t)
	if err := c.site.Store.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "production", OK: false, Message: "It does not fit.", Generation: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	c.send(t, http.MethodPost, seedPolicy, seedAdd).want(t, http.StatusOK).holds(t, `{"success":true,"deploymentResult":{"success":false,
		"deploymentResults":[{"environmentName":"production","success":false}],"detailList":[{"envName":"production","podName":"gw-1","success":false}]}}`)
	if err := c.site.Store.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "production", OK: true, Generation: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	again := strings.Replace(seedAdd, `"deployTargetEnvironmentNameList": ["production"],`, "", 1) // wherever it runs
	c.send(t, http.MethodPut, seedPolicy, again).want(t, http.StatusOK).holds(t, `{"deploymentResult":{"success":true,
		"deploymentResults":[{"environmentName":"production","success":true}],"detailList":[{"podName":"gw-1","success":true}]}}`)
}

func TestOfTwoWritersOneWins(t *testing.T) {
	t.Parallel()
	c, o := seeded(t)
	c.send(t, http.MethodPost, seedPolicy, policyBody("", jwtBody)).want(t, http.StatusOK)
	tag := c.get(t, seedList).Header.Get("ETag")
	stale := map[string]string{"If-Match": tag}
	statuses := make(chan int, 8)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			body := policyBody("", fmt.Sprintf(`{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"RS256","description":"writer %d"}`, i))
			statuses <- c.do(t, call{method: http.MethodPut, path: seedPolicy, body: body, header: stale}).Status
		})
	}
	wait.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusConflict]+count[http.StatusPreconditionFailed] != 7 {
		t.Errorf("of eight writers with one version: %v", count)
	}
	for method, body := range map[string]string{http.MethodPost: policyBody("", jwtBody), http.MethodPut: policyBody("", jwtBody), http.MethodDelete: seedDelete} {
		path := seedPolicy
		if method == http.MethodPost {
			path = seedList + "another/"
		}
		a := c.do(t, call{method: method, path: path, body: body, header: stale}).want(t, http.StatusPreconditionFailed)
		if a.Header.Get("ETag") == tag || a.Header.Get("ETag") == "" {
			t.Errorf("%s with an old version learns the version %q", method, a.Header.Get("ETag"))
		}
	}
	// A person in the console writes what the API has read.
	tag = c.get(t, seedList).Header.Get("ETag")
	now := modelstest.Reload(t, c.site.Store, o)
	p := now.Bindings[0].Policy
	p.Config.Base().Description = "by a person"
	if _, err := c.site.Store.SavePolicy(t.Context(), modelstest.By(), o.ProjectID, p.ID, p.Version, p.Config); err != nil {
		t.Fatal(err)
	}
	c.do(t, call{method: http.MethodPut, path: seedPolicy, body: policyBody("", jwtBody), header: map[string]string{"If-Match": tag}}).want(t, http.StatusPreconditionFailed)
	c.get(t, seedList).holds(t, `{"resultList":[{"apiProxy":{"requestPolicyList":[{"description":"by a person"}]}}]}`)
	tag = c.get(t, seedList).Header.Get("ETag")
	c.do(t, call{method: http.MethodPut, path: seedPolicy, body: policyBody("", jwtBody), header: map[string]string{"If-Match": `W/"1", ` + tag}}).want(t, http.StatusOK)
}

func TestARequestWithAKeyIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	c, o := seeded(t)
	with := call{method: http.MethodPost, path: seedPolicy, body: policyBody("", jwtBody), header: map[string]string{"Idempotency-Key": "first"}}
	first := c.do(t, with).want(t, http.StatusOK)
	again := c.do(t, with).want(t, http.StatusOK)
	if again.Body != first.Body || again.Header.Get("Idempotent-Replayed") != "true" || again.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("again: %v %s, first: %v %s", again.Header, again.Body, first.Header, first.Body)
	}
	if after := modelstest.Reload(t, c.site.Store, o); len(after.Bindings) != 1 {
		t.Errorf("it was carried out %d times", len(after.Bindings))
	}
	// What was refused was not done: mended, it goes through with the same key.
	with = call{method: http.MethodPost, path: seedList + "second/", body: policyBody(`,"order":0`, jwtBody), header: map[string]string{"Idempotency-Key": "second"}}
	c.do(t, with).want(t, http.StatusBadRequest)
	with.body = policyBody(`,"order":1`, jwtBody)
	c.do(t, with).want(t, http.StatusOK)
	// Somebody else's key of the same name is another one.
	if _, err := c.site.Store.CreateUser(t.Context(), modelstest.By(), models.User{Name: "eve", Role: models.RoleAdministrator}, secret.New(handlerstest.Password)); err != nil {
		t.Fatal(err)
	}
	with.header["Idempotency-Key"] = "first"
	c.as(t, "eve").do(t, with).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name"}`)
}
