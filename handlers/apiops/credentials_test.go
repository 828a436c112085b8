package apiops_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const (
	inDefault       = "/apiops/projects/Default/"
	credentialsAt   = inDefault + "credentials/"
	credentialRoles = inDefault + "credentialRoles/"
	mobile          = `{"username":"mobile-app","password":"a secret of the app","email":"app@example.com","fullName":"Mobile app","ipList":["10.1.2.3/8"],"roleNameList":["reader"],
		"metadata":[{"key":"tier","value":"gold","includeInJwt":true},{"key":"pin","value":"0000","secret":true}],
		"environments":[{"environmentName":"production","password":"another one there","ipList":[],"disabled":false}]}`
)

// made is a client of a site that has the role reader and the credential
// mobile-app.
func made(t *testing.T) *client {
	t.Helper()
	c := begin(t)
	c.send(t, http.MethodPost, credentialRoles, `{"name":"reader","description":"May read"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, credentialsAt, mobile).want(t, http.StatusOK)
	return c
}

func TestACredentialIsWrittenAndNeverGivesItsSecretsBack(t *testing.T) {
	t.Parallel()
	c := made(t)
	got := c.get(t, credentialsAt+"mobile-app/").want(t, http.StatusOK).holds(t, `{"result":{"username":"mobile-app","enabled":true,"ipList":["10.0.0.0/8"],"roleNameList":["reader"],
		"metadata":[{"key":"tier","value":"gold"},{"key":"pin","secret":true}],"tokenSettings":{"tokenNeverExpires":true,"jwtSignatureAlgorithm":"RS256"},
		"environments":[{"environmentName":"production","ownPassword":true,"ipList":[],"disabled":false}],"accessCount":0}}`)
	for _, text := range []string{"a secret", "another one", "0000"} {
		if strings.Contains(got.Body, text) {
			t.Errorf("%q is answered: %s", text, got.Body)
		}
	}
	// What is secret and left out stays; what is open and left out goes.
	c.send(t, http.MethodPut, credentialsAt+"Mobile-App/", `{"description":"ours","metadata":[{"key":"pin","secret":true}],"environments":[{"environmentName":"production","disabled":true}],"tokenSettings":{"tokenNeverExpires":false,"tokenExpiresInAmount":5,"tokenExpiresInUnit":"MINUTES"}}`).
		want(t, http.StatusOK).holds(t, `{"result":{"username":"mobile-app","email":"","roleNameList":[],"metadata":[{"key":"pin","secret":true}],"environments":[{"ownPassword":true,"disabled":true}],
		"tokenSettings":{"tokenExpiresInAmount":5}}}`)
	c.send(t, http.MethodPut, credentialsAt+"mobile-app/", `{"environments":[{"environmentName":"production","ownPassword":false,"disabled":true}]}`).
		want(t, http.StatusOK).holds(t, `{"result":{"environments":[{"ownPassword":false}],"tokenSettings":{"tokenExpiresInAmount":5}}}`)
	c.get(t, credentialsAt+"?q=mobile&status=enabled&pageSize=1").want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"username":"mobile-app"}]}`)
	c.get(t, credentialsAt+"?role=reader").want(t, http.StatusOK).holds(t, `{"totalCount":0}`)
	c.send(t, http.MethodDelete, credentialsAt+"mobile-app/", "").want(t, http.StatusOK)
	c.get(t, credentialsAt+"mobile-app/").want(t, http.StatusNotFound)
}

func TestAGeneratedSecretIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	c := begin(t)
	a := c.send(t, http.MethodPost, credentialsAt, `{"username":"a/b c"}`).want(t, http.StatusOK)
	first := a.json(t)["password"].(string)
	if len(first) < 40 || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the secret is %q, Cache-Control %q", first, a.Header.Get("Cache-Control"))
	}
	at := credentialsAt + "a%2Fb%20c/"
	again := c.send(t, http.MethodPost, at+"secret/", "").want(t, http.StatusOK)
	if second := again.json(t)["password"].(string); len(second) < 40 || second == first {
		t.Errorf("the new secret is %q", second)
	}
	if a := c.get(t, at).want(t, http.StatusOK); strings.Contains(a.Body, first) {
		t.Errorf("the secret is answered again: %s", a.Body)
	}
	if a := c.send(t, http.MethodPost, credentialsAt, `{"username":"own","password":"my own password"}`).want(t, http.StatusOK); strings.Contains(a.Body, "my own") {
		t.Errorf("a secret that was sent is answered: %s", a.Body)
	}
	// The same request with the same key makes no second credential and has the same answer.
	once := call{method: http.MethodPost, path: credentialsAt, body: `{"username":"once"}`, header: map[string]string{"Idempotency-Key": "k"}}
	if one, two := c.do(t, once).want(t, http.StatusOK), c.do(t, once).want(t, http.StatusOK); one.Body != two.Body {
		t.Errorf("the repetition is answered %s, not %s", two.Body, one.Body)
	}
}

func TestPartsOfACredentialAreChangedAlone(t *testing.T) {
	t.Parallel()
	c := made(t)
	at := credentialsAt + "mobile-app/"
	for _, step := range []struct{ method, path, body, want string }{
		{http.MethodPatch, "", `{"password":"a third secret"}`, `{"result":{"roleNameList":["reader"],"metadata":[{"key":"tier"},{"key":"pin"}]}}`},
		{http.MethodPatch, "status/", `{"enabled":false}`, `{"result":{"enabled":false,"roleNameList":["reader"]}}`},
		{http.MethodPatch, "status/", `{"enabled":true}`, `{"result":{"enabled":true}}`},
		{http.MethodPut, "token/", `{"tokenNeverExpires":false,"tokenExpiresInAmount":20,"tokenExpiresInUnit":"MINUTES"}`, `{"result":{"tokenSettings":{"tokenNeverExpires":false,"tokenExpiresInAmount":20}}}`},
		{http.MethodPut, "token/", `{"tokenExpiresInUnit":"HOURS"}`, `{"result":{"tokenSettings":{"tokenExpiresInAmount":20,"tokenExpiresInUnit":"HOURS"}}}`},
		{http.MethodDelete, "token/", ``, `{"result":{"tokenSettings":{"tokenNeverExpires":true},"environments":[{"ownPassword":true}]}}`},
	} {
		c.send(t, step.method, at+step.path, step.body).want(t, http.StatusOK).holds(t, step.want)
	}
}

func TestWhatIsWrongWithACredential(t *testing.T) {
	t.Parallel()
	c := made(t)
	for name, try := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"no name":                     {http.MethodPost, "", `{}`, 400, `{"fieldErrors":[{"field":"username"}]}`},
		"a name that is taken":        {http.MethodPost, "", `{"username":"MOBILE-APP"}`, 409, `{"error":"duplicate_name","fieldErrors":[{"field":"username"}]}`},
		"a short password":            {http.MethodPost, "", `{"username":"x","password":"short"}`, 400, `{"fieldErrors":[{"field":"password"}]}`},
		"an address that is none":     {http.MethodPost, "", `{"username":"x","ipList":["here"]}`, 400, `{"fieldErrors":[{"field":"ipList"}]}`},
		"a role that is not there":    {http.MethodPost, "", `{"username":"x","roleNameList":["writer"]}`, 400, `{"fieldErrors":[{"field":"roleNameList"}]}`},
		"an end that has come":        {http.MethodPost, "", `{"username":"x","expireDate":"2001-01-01T00:00:00Z"}`, 400, `{"fieldErrors":[{"field":"expireDate"}]}`},
		"an end that is no time":      {http.MethodPost, "", `{"username":"x","expireDate":"soon"}`, 400, `{"fieldErrors":[{"field":"expireDate"}]}`},
		"a secret in tokens":          {http.MethodPost, "", `{"username":"x","metadata":[{"key":"pin","value":"1","secret":true,"includeInJwt":true}]}`, 400, `{"fieldErrors":[{"field":"metadata[0].includeInJwt"}]}`},
		"an unknown environment":      {http.MethodPost, "", `{"username":"x","environments":[{"environmentName":"mars","disabled":true}]}`, 400, `{"fieldErrors":[{"field":"environments[0].environmentName"}]}`},
		"token settings":              {http.MethodPost, "", `{"username":"x","tokenSettings":{"tokenNeverExpires":false,"tokenExpiresInAmount":0}}`, 400, `{"error":"validation_failed"}`},
		"an unknown member":           {http.MethodPost, "", `{"username":"x","roles":[]}`, 400, `{"fieldErrors":[{"field":"roles"}]}`},
		"no new password":             {http.MethodPatch, "mobile-app/", `{}`, 400, `{"fieldErrors":[{"field":"password"}]}`},
		"the name as a password":      {http.MethodPatch, "mobile-app/", `{"password":"mobile-app  x"}`, 200, `{}`},
		"no status":                   {http.MethodPatch, "mobile-app/status/", `{}`, 400, `{"fieldErrors":[{"field":"enabled"}]}`},
		"wrong token settings":        {http.MethodPut, "mobile-app/token/", `{"tokenNeverExpires":false,"tokenExpiresInAmount":-1,"tokenExpiresInUnit":"HOURS"}`, 400, `{"fieldErrors":[{"field":"tokenExpiresInAmount"}]}`},
		"a replacement with mistakes": {http.MethodPut, "mobile-app/", `{"email":"nobody"}`, 400, `{"fieldErrors":[{"field":"email"}]}`},
		"a status of one not there":   {http.MethodPatch, "absent/status/", `{"enabled":true}`, 404, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.do(t, call{method: try.method, path: credentialsAt + try.path, body: try.body, wrong: true}).want(t, try.status).holds(t, try.want)
		})
	}
	if a := c.do(t, call{method: http.MethodPost, path: credentialsAt, body: `{"username":"y","tokenSettings":{"tokenNeverExpires":false,"tokenExpiresInAmount":-5,"tokenExpiresInUnit":"HOURS"}}`}).want(t, http.StatusBadRequest); !strings.Contains(a.Body, `"tokenSettings.tokenExpiresInAmount"`) {
		t.Errorf("token settings are not named as they were sent: %s", a.Body)
	}
}

func TestWhatACredentialMayUse(t *testing.T) {
	t.Parallel()
	c := made(t)
	p := modelstest.Proxy(t, c.site.Store, c.site.Project.ID, "shop")
	group := models.Owner{Name: "team", Route: engine.Route{BasePath: "/team"}, Members: []models.Member{{ID: p.ID}}}
	if _, _, err := c.site.Store.SaveProxyGroup(t.Context(), modelstest.By(), c.site.Project.ID, group); err != nil {
		t.Fatal(err)
	}
	at := credentialsAt + "mobile-app/access/"
	until := c.site.Clock.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	c.get(t, at).want(t, http.StatusOK).holds(t, `{"credentialAccessList":[],"resultCount":0}`)
	c.send(t, http.MethodPut, at, `{"credentialAccessList":[{"name":"shop","type":"API_PROXY","expireTime":"`+until+`"},{"name":"team","type":"API_PROXY_GROUP","disallowedMethodList":["DELETE"]}]}`).
		want(t, http.StatusOK).holds(t, `{"success":true,"credentialAccessList":[{"name":"shop","type":"API_PROXY","expireTime":"`+until+`","disallowedMethodList":[]},{"name":"team","type":"API_PROXY_GROUP","disallowedMethodList":["DELETE"]}]}`)
	c.get(t, credentialsAt+"mobile-app/").holds(t, `{"result":{"accessCount":2}}`)
	c.send(t, http.MethodPatch, at, `{"credentialAccessList":[{"name":"SHOP","disallowedMethodList":["POST"]}]}`).want(t, http.StatusOK).
		holds(t, `{"credentialAccessList":[{"name":"shop","disallowedMethodList":["POST"],"updatedBy":"ada"},{"name":"team"}]}`)
	for name, try := range map[string]struct {
		method, query, body string
		status              int
		want                string
	}{
		"nothing":                  {http.MethodPut, "", `{}`, 400, `{"fieldErrors":[{"field":"credentialAccessList"}]}`},
		"an API that is not there": {http.MethodPut, "", `{"credentialAccessList":[{"name":"absent"}]}`, 400, `{"fieldErrors":[{"field":"credentialAccessList[0].name"}]}`},
		"a group as a proxy":       {http.MethodPut, "", `{"credentialAccessList":[{"name":"team","type":"API_PROXY"}]}`, 400, `{"fieldErrors":[{"field":"credentialAccessList[0].name"}]}`},
		"an unknown type":          {http.MethodPut, "", `{"credentialAccessList":[{"name":"team","type":"POLICY_GROUP"}]}`, 400, `{"fieldErrors":[{"field":"credentialAccessList[0].type"}]}`},
		"access that is there":     {http.MethodPut, "", `{"credentialAccessList":[{"name":"shop"}]}`, 409, `{"error":"duplicate_name","fieldErrors":[{"field":"credentialAccessList[0].name"}]}`},
		"an end that has come":     {http.MethodPatch, "", `{"credentialAccessList":[{"name":"shop","expireTime":"2001-01-01T00:00:00Z"}]}`, 400, `{"fieldErrors":[{"field":"credentialAccessList[0].expireTime"}]}`},
		"an unknown method":        {http.MethodPatch, "", `{"credentialAccessList":[{"name":"team","type":"API_PROXY_GROUP","disallowedMethodList":["BREW"]}]}`, 400, `{"fieldErrors":[{"field":"credentialAccessList[0].disallowedMethodList"}]}`},
		"one twice":                {http.MethodPatch, "", `{"credentialAccessList":[{"name":"shop"},{"name":"shop"}]}`, 400, `{"fieldErrors":[{"field":"credentialAccessList[1].name"}]}`},
		"an unknown type in query": {http.MethodDelete, "?name=shop&type=X", ``, 400, `{"fieldErrors":[{"field":"type"}]}`},
		"no name in the query":     {http.MethodDelete, "", ``, 400, `{"fieldErrors":[{"field":"credentialAccessList"}]}`},
		"an absent one in query":   {http.MethodDelete, "?name=absent", ``, 400, `{"fieldErrors":[{"field":"name"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c.do(t, call{method: try.method, path: at + try.query, body: try.body, wrong: true}).want(t, try.status).holds(t, try.want)
		})
	}
	// All or nothing: of a list with a mistake nothing is done.
	c.send(t, http.MethodDelete, at, `{"credentialAccessList":[{"name":"shop"},{"name":"absent"}]}`).want(t, http.StatusBadRequest)
	c.get(t, at).holds(t, `{"resultCount":2}`)
	c.send(t, http.MethodDelete, at, `{"credentialAccessList":[{"name":"shop"}]}`).want(t, http.StatusOK).holds(t, `{"resultCount":1}`)
	c.send(t, http.MethodDelete, at+"?name=team&type=API_PROXY_GROUP", "").want(t, http.StatusOK).holds(t, `{"resultCount":0}`)
	c.send(t, http.MethodDelete, at+"?name=team&type=API_PROXY_GROUP", "").want(t, http.StatusBadRequest)
}

func TestACredentialRole(t *testing.T) {
	t.Parallel()
	c := made(t)
	c.get(t, credentialRoles).want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"name":"reader","usedByCredentials":1,"usedByPolicies":0}]}`)
	c.get(t, credentialRoles+"?q=nothing").want(t, http.StatusOK).holds(t, `{"totalCount":0}`)
	c.get(t, credentialRoles+"reader/").want(t, http.StatusOK).holds(t, `{"result":{"name":"reader","description":"May read","usedByCredentials":1}}`)
	c.get(t, credentialRoles+"reader/usage/").want(t, http.StatusOK).holds(t, `{"result":{"credentialNames":["mobile-app"],"policyNames":[]}}`)
	c.send(t, http.MethodPut, credentialRoles+"reader/", `{"description":"Reads"}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"reader","description":"Reads","usedByCredentials":1}}`)
	c.send(t, http.MethodPut, credentialRoles+"reader/", `{"name":"writer"}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodPost, credentialRoles, `{"name":"reader"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodPost, credentialRoles, `{"name":"a b"}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodDelete, credentialRoles+"reader/", "").want(t, http.StatusConflict).holds(t, `{"error":"conflict"}`)
	c.send(t, http.MethodDelete, credentialsAt+"mobile-app/", "").want(t, http.StatusOK)
	c.send(t, http.MethodDelete, credentialRoles+"reader/", "").want(t, http.StatusOK)
	c.get(t, credentialRoles+"reader/").want(t, http.StatusNotFound)
}
