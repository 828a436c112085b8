package apiops_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const groups = "/apiops/projects/Default/policyGroups/"

func TestPolicyGroupsFromFirstToLast(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s, project := c.site.Store, c.site.Project.ID
	modelstest.Policy(t, s, project, "standard")
	made := c.send(t, http.MethodPost, groups, `{"_class":"policy-group","name":"Base","description":"for all","targetPipeline":"REQUEST","order":3,"makeDefault":true,"policyList":[
		{"globalPolicyName":"STANDARD"},{"type":"policy-auth-jwt","name":"own","jwtSignatureAlgorithm":"ES256"}]}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Base","description":"for all","active":true,"targetPipeline":"REQUEST","order":3,"makeDefault":true,"policyCount":2,"usageCount":0,
			"policyList":[{"globalPolicyName":"standard"},{"type":"policy-auth-jwt","name":"own"}]}}`)
	key, _ := made.json(t)["result"].(map[string]any)["secretKey"].(string)
	if len(key) < 32 {
		t.Errorf("its secret key is %q", key)
	}
	c.send(t, http.MethodPost, groups, `{"name":"base","targetPipeline":"RESPONSE","active":false}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodPost, groups, `{"name":"empty","targetPipeline":"RESPONSE","active":false}`).want(t, http.StatusOK).holds(t, `{"result":{"active":false,"policyList":[]}}`)
	for query, want := range map[string]string{
		"": "Base,empty", "?q=FOR": "Base", "?targetPipeline=RESPONSE": "empty", "?sort=order": "empty,Base", "?desc=true&pageSize=1": "empty",
	} {
		if got := listed(t, c.get(t, groups+query).want(t, http.StatusOK)); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	proxy := modelstest.Proxy(t, s, project, "orders") // which gets the group by default
	modelstest.Deploy(t, s, proxy, "production")

	at := groups + "BASE/"
	read := c.get(t, at).want(t, http.StatusOK)
	if strings.Contains(read.Body, "secretKey") {
		t.Errorf("the secret key is read again: %s", read.Body)
	}
	before, err := s.Owner(t.Context(), project, "POLICY_GROUP", "base")
	if err != nil {
		t.Fatal(err)
	}
	const whole = `{"targetPipeline":"REQUEST","policyList":[{"type":"policy-auth-jwt","name":"Own","jwtSignatureAlgorithm":"ES384"},{"type":"policy-auth-jwt","name":"second","jwtSignatureAlgorithm":"ES256"},{"globalPolicyName":"standard"}]}`
	c.stale(t, http.MethodPut, at, whole)
	c.do(t, call{method: http.MethodPut, path: at, body: whole, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Base","description":"","order":0,"makeDefault":false,"policyList":[{"name":"Own","jwtSignatureAlgorithm":"ES384"},{"name":"second"},{"globalPolicyName":"standard"}]},
			"redeployRequired":[{"environmentName":"production","type":"API_PROXY","name":"orders"}]}`)
	after := modelstest.Reload(t, s, before)
	if after.Bindings[0].Policy.ID != before.Bindings[1].Policy.ID || after.Bindings[2].ID != before.Bindings[0].ID {
		t.Error("what stays in the group has not kept its ids")
	}
	c.send(t, http.MethodPut, at, `{"name":"Basic","targetPipeline":"REQUEST"}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"Basic","policyList":[]}}`)
	at = groups + "basic/"
	c.get(t, at+"usage/").want(t, http.StatusOK).holds(t, `{"resultCount":1,"resultList":[{"type":"API_PROXY","name":"orders","targetScope":"ALL","targetPipeline":"REQUEST","order":1,"liveEnvironments":["production"]}]}`)
	c.stale(t, http.MethodDelete, at, "")
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK).holds(t, `{"deploymentResult":{"success":true},"redeployRequired":[{"environmentName":"production","type":"API_PROXY","name":"orders"}]}`)
	c.get(t, at).want(t, http.StatusNotFound)
	c.get(t, globals+"standard/").want(t, http.StatusOK).holds(t, `{"result":{"usageCount":0}}`) // global policies stay
}

func TestWrongPolicyGroupsAreRefusedByTheirFields(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s, project := c.site.Store, c.site.Project.ID
	g, _, err := s.SaveWholePolicyGroup(t.Context(), modelstest.By(), project, models.Owner{Name: "mine", Pipeline: policy.Request}, []models.GroupPolicy{{Local: modelstest.JWT("own")}})
	if err != nil {
		t.Fatal(err)
	}
	group := func(members string) string {
		return `{"name":"mine","targetPipeline":"REQUEST","policyList":[{"type":"policy-auth-jwt","name":"own","jwtSignatureAlgorithm":"ES512"},` + members + `]}`
	}
	for what, with := range map[string]struct{ body, field string }{
		"an unknown member":               {`{"name":"mine","targetPipeline":"REQUEST","canBeDeleted":true}`, "canBeDeleted"},
		"no name":                         {`{"name":" ","targetPipeline":"REQUEST"}`, "name"},
		"no pipeline":                     {`{"name":"mine"}`, "targetPipeline"},
		"a pipeline that it is not for":   {`{"name":"mine","targetPipeline":"RESPONSE"}`, "targetPipeline"},
		"an unknown pipeline":             {`{"name":"mine","targetPipeline":"LATER"}`, "targetPipeline"},
		"an order beyond the last":        {`{"name":"mine","targetPipeline":"REQUEST","order":10000}`, "order"},
		"another class":                   {`{"_class":"jwt-auth","name":"mine","targetPipeline":"REQUEST"}`, "_class"},
		"a member that is no object":      {group(`5`), "policyList[1]"},
		"a member without a type":         {group(`{"name":"x"}`), "policyList[1].type"},
		"a member without an algorithm":   {group(`{"type":"policy-auth-jwt","name":"x"}`), "policyList[1].jwtSignatureAlgorithm"},
		"a global policy that is nowhere": {group(`{"globalPolicyName":"nope"}`), "policyList[1].globalPolicyName"},
		"a global policy without a name":  {group(`{"globalPolicyName":""}`), "policyList[1].globalPolicyName"},
		"a global policy with settings":   {group(`{"globalPolicyName":"x","type":"policy-auth-jwt"}`), "policyList[1].type"},
		"a name twice":                    {group(`{"type":"policy-auth-jwt","name":"OWN","jwtSignatureAlgorithm":"ES512"}`), "policyList[1].name"},
		"a source that is not there":      {group(`{"type":"policy-auth-jwt","name":"x","jwtSignatureAlgorithm":"ES512","authenticationType":"LDAP","identityProviderName":"nope"}`), "policyList[1].identityProviderName"},
	} {
		t.Run(what, func(t *testing.T) {
			a := c.do(t, call{method: http.MethodPut, path: groups + "mine/", body: with.body, wrong: true})
			if a.Status != http.StatusBadRequest && a.Status != http.StatusConflict {
				t.Fatalf("status %d: %s", a.Status, a.Body)
			}
			a.namesFields(t, with.field)
		})
	}
	after := modelstest.Reload(t, s, g)
	if after.Version != g.Version || len(after.Bindings) != 1 || after.Bindings[0].Policy.Version != 1 {
		t.Errorf("a refused change left something: %+v", after.Bindings)
	}
	c.do(t, call{method: http.MethodPost, path: groups, body: `{"targetPipeline":"REQUEST"}`, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "name")
	bound := `{"name":"both","targetPipeline":"ERROR","policyList":[{"type":"policy-auth-jwt","name":"x","jwtSignatureAlgorithm":"ES512"}]}`
	c.send(t, http.MethodPost, groups, bound).want(t, http.StatusBadRequest)
	c.get(t, groups+"both/").want(t, http.StatusNotFound)
}
