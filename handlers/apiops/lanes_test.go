package apiops_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// flows are the addresses of what has lanes of its own.
var flows = map[string]string{engine.KindProxy: ordersAt, engine.KindProxyGroup: mallAt}

// lane are the names in the request lane for all calls.
func (s *market) lane(t *testing.T, kind string) string {
	t.Helper()
	var names []string
	for _, b := range s.owner(t, kind).Bindings {
		if b.Pipeline == policy.Request && b.EndpointID == "" {
			names = append(names, b.Name())
		}
	}
	return strings.Join(names, " ")
}

func TestThePoliciesOfAGroup(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	at := mallAt + "policies/"
	s.send(t, http.MethodPost, at+"first/", policyBody(`,"order":1`, jwtBody)).want(t, http.StatusOK)
	s.send(t, http.MethodPost, at+"first/", policyBody("", jwtBody)).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name"}`)
	s.get(t, at).want(t, http.StatusOK).holds(t, `{"resultList":[{"apiProxyGroup":{"name":"mall","relativePath":"/mall","requestPolicyList":[{"name":"first"},{"name":"guard"},{"name":"standard"}]}}]}`)
	s.send(t, http.MethodPut, at+"first/", policyBody(`,"order":9`, strings.Replace(jwtBody, "{", `{"description":"new",`, 1))).want(t, http.StatusOK)
	s.get(t, at).holds(t, `{"resultList":[{"apiProxyGroup":{"requestPolicyList":[{"name":"guard"},{"name":"standard"},{"name":"first","description":"new"}]}}]}`)
	s.refused(t, http.MethodPost, at+"second/", strings.Replace(policyBody(`,"targetEndpoint":"/pets","targetEndpointHTTPMethod":"POST"`, jwtBody), `"ALL"`, `"ENDPOINT"`, 1), "operationMetadata.targetEndpoint")
	s.send(t, http.MethodDelete, at+"first/", `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","deploy":true,"deployTargetEnvironmentNameList":["production"]}}`).want(t, http.StatusOK).
		holds(t, `{"deploymentResult":{"success":true,"deploymentResults":[{"environmentName":"production"}]}}`)
	if got := s.lane(t, engine.KindProxyGroup); got != "guard standard" {
		t.Errorf("the lane is %s", got)
	}
}

func TestAPolicyIsLocalizedAndMadeGlobal(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	for kind, at := range flows {
		t.Run(kind, func(t *testing.T) {
			at += "policies/"
			s.send(t, http.MethodPost, at+"guard/localize/", "").want(t, http.StatusConflict)
			s.send(t, http.MethodPost, at+"standard/globalize/", `{"name":"other"}`).want(t, http.StatusConflict)
			s.refused(t, http.MethodPost, at+"standard/localize/", `{"name":"a/b"}`, "name")
			s.send(t, http.MethodPost, at+"standard/localize/", `{"name":"guard"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
			s.send(t, http.MethodPost, at+"standard/localize/", `{"deploy":true,"deployTargetEnvironmentNameList":["production"]}`).want(t, http.StatusOK).holds(t, `{"deploymentResult":{"success":true,"deploymentResults":[{}]}}`)
			if b := s.owner(t, kind).Bindings[1]; b.Shared() || b.Name() != "standard" {
				t.Errorf("after localizing the lane has %+v", b)
			}
			s.refused(t, http.MethodPost, at+"guard/globalize/", `{}`, "name")
			s.send(t, http.MethodPost, at+"guard/globalize/", `{"name":"STANDARD"}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
			s.send(t, http.MethodPost, at+"guard/globalize/", `{"name":"of `+kind+`"}`).want(t, http.StatusOK)
			if b := s.owner(t, kind).Bindings[0]; !b.Shared() || b.Name() != "of "+kind {
				t.Errorf("after globalizing the lane has %+v", b)
			}
			s.send(t, http.MethodPost, at+"nope/localize/", "").want(t, http.StatusNotFound)
		})
	}
}

func TestWhichOfTwoPlacesIsMeant(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	s.bind(t, &s.orders, models.NewBinding{Scope: policy.Endpoint, EndpointID: s.orders.Endpoints[1].ID, Pipeline: policy.Request, PolicyID: s.standard.ID})
	at := ordersAt + "policies/standard/localize/"
	s.send(t, http.MethodPost, at, "").want(t, http.StatusConflict)
	s.refused(t, http.MethodPost, at, `{"targetPipeline":"LATER"}`, "targetPipeline")
	s.refused(t, http.MethodPost, at, `{"targetPipeline":"REQUEST","targetEndpoint":"/nope","targetEndpointHTTPMethod":"GET"}`, "targetEndpoint")
	s.refused(t, http.MethodPost, at, `{"targetPipeline":"REQUEST","targetEndpoint":"/pets"}`, "targetEndpointHTTPMethod")
	s.send(t, http.MethodPost, at, `{"name":"own","targetPipeline":"REQUEST","targetEndpoint":"/pets","targetEndpointHTTPMethod":"POST"}`).want(t, http.StatusOK)
	if o := s.owner(t, engine.KindProxy); !o.Bindings[1].Shared() || o.Bindings[2].Name() != "own" {
		t.Errorf("the other place was localized: %+v", o.Bindings)
	}
	// Now there is one place left, and another one is not it.
	s.send(t, http.MethodPost, at, `{"targetPipeline":"REQUEST","targetEndpoint":"/pets","targetEndpointHTTPMethod":"POST"}`).want(t, http.StatusNotFound)
}

func TestPoliciesAreSwitchedAndOrdered(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	for kind, at := range flows {
		t.Run(kind, func(t *testing.T) {
			active := func(want ...bool) {
				t.Helper()
				for i, b := range s.owner(t, kind).Bindings {
					if b.Active() != want[i] {
						t.Errorf("%s is active: %v", b.Name(), b.Active())
					}
				}
			}
			one, all := at+"policies/guard/status/", at+"policies/status/"
			for range 2 { // twice is once
				s.send(t, http.MethodPatch, one, `{"active":false}`).want(t, http.StatusOK)
				active(false, true)
			}
			s.refused(t, http.MethodPatch, one, `{}`, "active")
			s.send(t, http.MethodPatch, at+"policies/standard/status/", `{"active":false}`).want(t, http.StatusConflict)
			s.send(t, http.MethodPatch, all, `{"active":true,"targetPipeline":"REQUEST"}`).want(t, http.StatusOK).holds(t, `{"resultList":["guard"],"resultCount":1}`)
			s.send(t, http.MethodPatch, all, `{"active":true,"targetPipeline":"REQUEST"}`).want(t, http.StatusOK).holds(t, `{"resultList":[],"resultCount":0}`)
			s.send(t, http.MethodPatch, all, `{"active":false,"targetPipeline":"REQUEST","includeShared":true}`).want(t, http.StatusOK).holds(t, `{"resultList":["guard","standard"]}`)
			active(false, false)
			s.send(t, http.MethodPatch, all, `{"active":true,"targetPipeline":"REQUEST","includeShared":true,"deploy":true,"deployTargetEnvironmentNameList":["production"]}`).want(t, http.StatusOK).holds(t, `{"deploymentResult":{"deploymentResults":[{"success":true}]}}`)
			s.refused(t, http.MethodPatch, all, `{"targetPipeline":"REQUEST"}`, "active")
			s.refused(t, http.MethodPatch, all, `{"active":true}`, "targetPipeline")

			order := at + "policyOrder/"
			s.send(t, http.MethodPut, order, `{"targetPipeline":"REQUEST","policyNameList":["Standard","guard"]}`).want(t, http.StatusOK)
			if got := s.lane(t, kind); got != "standard guard" {
				t.Errorf("the lane is %s", got)
			}
			for _, names := range []string{`[]`, `["guard"]`, `["guard","guard"]`, `["guard","standard","nope"]`} {
				s.refused(t, http.MethodPut, order, `{"targetPipeline":"REQUEST","policyNameList":`+names+`}`, "policyNameList")
			}
			s.refused(t, http.MethodPut, order, `{"policyNameList":[]}`, "targetPipeline")
		})
	}
	if kind := engine.KindProxy; modelstest.Reload(t, s.site.Store, s.orders).Deployments[0].State != models.RedeployRequired {
		t.Errorf("a new order of the %s needs no redeploy", kind)
	}
}
