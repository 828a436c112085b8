package apiops_test

import (
	"net/http"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models/modelstest"
)

const (
	variables       = inDefault + "variables/"
	errorMessages   = "/apiops/errorMessages/"
	tokenManagement = "/apiops/tokenManagement/"
)

func TestAVariable(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, variables, `{"name":"tenant","type":"HEADER","headerName":"X-Tenant"}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"tenant","type":"HEADER","headerName":"X-Tenant","usedByPolicyNames":[],"createdBy":"ada"}}`)
	c.get(t, variables).want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"name":"tenant"}]}`)
	c.send(t, http.MethodPut, variables+"Tenant/", `{"type":"PARAMETER","paramType":"QUERY","paramName":"tenant"}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"tenant","type":"PARAMETER","paramName":"tenant"}}`)
	c.send(t, http.MethodPost, variables, `{"name":"TENANT","type":"HEADER","headerName":"X"}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodPost, variables, `{"name":"x","type":"HEADER"}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"headerName"}]}`)
	c.send(t, http.MethodPost, variables, `{"name":"x"}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"type"}]}`)
	modelstest.Policy(t, c.site.Store, c.site.Project.ID, "guard", func(p *jwtauth.Config) {
		p.Condition = condition.Condition{Rules: []condition.Rule{{Criteria: condition.Value, First: &condition.Variable{Name: "tenant"}, DataType: condition.String, Operator: condition.NotEmpty}}}
	})
	c.get(t, variables+"tenant/").want(t, http.StatusOK).holds(t, `{"result":{"usedByPolicyNames":["guard"]}}`)
	c.send(t, http.MethodDelete, variables+"tenant/", "").want(t, http.StatusConflict).holds(t, `{"error":"conflict"}`)
	c.send(t, http.MethodPut, variables+"tenant/", `{"name":"renter","type":"HEADER","headerName":"X"}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodPost, variables, `{"name":"other","type":"HEADER","headerName":"X"}`).want(t, http.StatusOK)
	c.send(t, http.MethodDelete, variables+"other/", "").want(t, http.StatusOK)
	c.get(t, variables+"other/").want(t, http.StatusNotFound)
}

func TestAnErrorMessage(t *testing.T) {
	t.Parallel()
	c := begin(t)
	at := errorMessages + "APIPROXY_NOTFOUND/"
	c.get(t, at).want(t, http.StatusOK).holds(t, `{"result":{"errorType":"APIPROXY_NOTFOUND","errorCode":"ERR-002","httpStatusCode":404,"customized":false,"usedByPolicies":0}}`)
	c.get(t, errorMessages+"?customized=true").want(t, http.StatusOK).holds(t, `{"totalCount":0}`)
	c.send(t, http.MethodPut, at, `{"customizedHttpStatusCode":410,"customizedMessage":"Gone fishing","errorResponseRuleList":[{"name":"for machines","messageTemplate":"{}"}]}`).want(t, http.StatusOK).
		holds(t, `{"result":{"errorType":"APIPROXY_NOTFOUND","customizedHttpStatusCode":410,"customized":true,"updatedBy":"ada","errorResponseRuleList":[{"name":"for machines"}]}}`)
	c.get(t, errorMessages+"?customized=true").want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"customizedMessage":"Gone fishing"}]}`)
	if n := c.get(t, errorMessages).json(t)["totalCount"].(float64); n < 30 {
		t.Errorf("the catalogue has %v rows", n)
	}
	c.send(t, http.MethodPut, at, `{"customizedHttpStatusCode":99}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"customizedHttpStatusCode"}]}`)
	c.send(t, http.MethodPut, at, `{"errorType":"APIPROXY","customizedMessage":"x"}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"errorType"}]}`)
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK).holds(t, `{"result":{"customized":false}}`)
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK) // which changes nothing
}

func TestTokenManagementAndRetention(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.get(t, tokenManagement).want(t, http.StatusOK).holds(t, `{"result":{"accessTokenName":"access_token","scopeMismatch":"LENIENT","refreshGraceSeconds":10}}`)
	c.send(t, http.MethodPut, tokenManagement, `{"scopeMismatch":"STRICT","includeScope":false}`).want(t, http.StatusOK).
		holds(t, `{"result":{"scopeMismatch":"STRICT","includeScope":false,"includeTokenType":true,"updatedBy":"ada"}}`)
	c.do(t, call{method: http.MethodPut, path: tokenManagement, body: `{"scopeMismatch":"MAYBE","refreshGraceSeconds":301}`, wrong: true}).want(t, http.StatusBadRequest).
		holds(t, `{"fieldErrors":[{"field":"scopeMismatch"},{"field":"refreshGraceSeconds"}]}`)
	c.get(t, tokenManagement+"retention/").want(t, http.StatusOK).holds(t, `{"result":{"tokenRequestDays":30,"revisions":6}}`)
	c.send(t, http.MethodPut, tokenManagement+"retention/", `{"tokenRequestDays":90}`).want(t, http.StatusOK).holds(t, `{"result":{"tokenRequestDays":90,"loginDays":30}}`)
	c.send(t, http.MethodPut, tokenManagement+"retention/", `{"tokenRequestDays":-1}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"tokenRequestDays"}]}`)
}
