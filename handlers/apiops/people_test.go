package apiops_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const (
	users    = "/apiops/users/"
	roles    = "/apiops/roles/"
	members  = inDefault + "members/"
	myTokens = "/apiops/me/tokens/"
)

func TestAUser(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, users, `{"username":"ayse","password":"correct horse battery","role":"MEMBER","email":"ayse@example.com"}`).want(t, http.StatusOK).
		holds(t, `{"result":{"username":"ayse","role":"MEMBER","loginType":"LOCAL","locked":false}}`)
	c.get(t, users+"AYSE/").want(t, http.StatusOK).holds(t, `{"result":{"username":"ayse"}}`)
	c.get(t, users+"?role=MEMBER&loginType=LOCAL&locked=false&q=ay").want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"username":"ayse"}]}`)
	c.get(t, users+"?locked=true").want(t, http.StatusOK).holds(t, `{"totalCount":0}`)
	c.send(t, http.MethodPut, users+"ayse/", `{"role":"AUDITOR","fullName":"Ayse","locked":true}`).want(t, http.StatusOK).holds(t, `{"result":{"role":"AUDITOR","locked":true,"email":""}}`)
	first := c.send(t, http.MethodPost, users+"ayse/password/", "").want(t, http.StatusOK)
	if p := first.json(t)["password"].(string); len(p) < 16 || first.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the password is %q", p)
	}
	for name, try := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"a name that is taken":    {http.MethodPost, "", `{"username":"ADA","password":"correct horse battery","role":"MEMBER"}`, 409, `{"fieldErrors":[{"field":"username"}]}`},
		"no name":                 {http.MethodPost, "", `{"username":"","password":"correct horse battery","role":"MEMBER"}`, 400, `{"fieldErrors":[{"field":"username"}]}`},
		"a short password":        {http.MethodPost, "", `{"username":"x","password":"short","role":"MEMBER"}`, 400, `{"fieldErrors":[{"field":"password"}]}`},
		"an unknown role":         {http.MethodPost, "", `{"username":"x","password":"correct horse battery","role":"KING"}`, 400, `{"fieldErrors":[{"field":"role"}]}`},
		"the last administrator":  {http.MethodPut, "ada/", `{"role":"MEMBER"}`, 400, `{"fieldErrors":[{"field":"role"}]}`},
		"oneself":                 {http.MethodDelete, "ada/", ``, 409, `{"error":"conflict"}`},
		"one who is not there":    {http.MethodDelete, "absent/", ``, 404, `{}`},
		"sessions of nobody":      {http.MethodGet, "absent/sessions/", ``, 404, `{}`},
		"a session that is none":  {http.MethodDelete, "ayse/sessions/1/", ``, 404, `{}`},
		"a token that is none":    {http.MethodDelete, "ayse/tokens/x/", ``, 404, `{}`},
		"the password of nobody":  {http.MethodPost, "absent/password/", ``, 404, `{}`},
		"a replacement of nobody": {http.MethodPut, "absent/", `{"role":"MEMBER"}`, 404, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			c.do(t, call{method: try.method, path: users + try.path, body: try.body, wrong: true}).want(t, try.status).holds(t, try.want)
		})
	}
	c.send(t, http.MethodPost, users, `{"username":"ldap","role":"MEMBER","loginType":"LDAP"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, users+"ldap/password/", "").want(t, http.StatusConflict)
	c.send(t, http.MethodDelete, users+"ayse/", "").want(t, http.StatusOK)
	c.get(t, users+"ayse/").want(t, http.StatusNotFound)
}

func TestSessionsOfAUserEnd(t *testing.T) {
	t.Parallel()
	c := begin(t)
	v := c.site.SignIn(t, handlerstest.Auditor)
	list := c.get(t, users+"otto/sessions/").want(t, http.StatusOK).json(t)["resultList"].([]any)
	if len(list) != 1 {
		t.Fatalf("otto has %d sessions", len(list))
	}
	c.send(t, http.MethodDelete, users+"otto/sessions/"+list[0].(map[string]any)["id"].(string)+"/", "").want(t, http.StatusOK)
	if p := v.Get(t, "/account"); p.Status == http.StatusOK {
		t.Error("the session goes on")
	}
	c.site.SignIn(t, handlerstest.Auditor)
	otto := c.as(t, handlerstest.Auditor)
	mine := otto.get(t, "/apiops/me/sessions/").want(t, http.StatusOK).json(t)["resultList"].([]any)
	otto.send(t, http.MethodDelete, "/apiops/me/sessions/"+mine[0].(map[string]any)["id"].(string)+"/", "").want(t, http.StatusOK)
	otto.send(t, http.MethodDelete, "/apiops/me/sessions/absent/", "").want(t, http.StatusNotFound)
}

func TestARoleForProjects(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, roles, `{"name":"Reader","permissions":["API_MANAGEMENT:VIEW"]}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Reader","permissions":["API_MANAGEMENT:VIEW"],"fixed":false,"usedByMembers":0}}`)
	c.get(t, roles+"reader/").want(t, http.StatusOK)
	c.send(t, http.MethodPut, roles+"Reader/", `{"description":"Reads","permissions":["API_MANAGEMENT:MANAGE"]}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Reader","permissions":["API_MANAGEMENT:VIEW","API_MANAGEMENT:MANAGE"]}}`)
	c.send(t, http.MethodPost, roles, `{"name":"READER","permissions":["API_MANAGEMENT:VIEW"]}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
	c.do(t, call{method: http.MethodPost, path: roles, body: `{"name":"x","permissions":["SYSTEM:MANAGE"]}`, wrong: true}).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"permissions"}]}`)
	c.send(t, http.MethodPut, roles+"Project%20Owner/", `{"permissions":["API_MANAGEMENT:VIEW"]}`).want(t, http.StatusForbidden)
	c.get(t, roles).want(t, http.StatusOK)
	c.get(t, inDefault+"roles/").want(t, http.StatusOK)
	c.send(t, http.MethodPost, members, `{"username":"otto","roleNameList":["Reader"]}`).want(t, http.StatusOK)
	c.send(t, http.MethodDelete, roles+"Reader/", "").want(t, http.StatusConflict)
	c.send(t, http.MethodDelete, members+"otto/", "").want(t, http.StatusOK)
	c.send(t, http.MethodDelete, roles+"Reader/", "").want(t, http.StatusOK)
	c.get(t, roles+"Reader/").want(t, http.StatusNotFound)
}

func TestAMember(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, users, `{"username":"ayse","password":"correct horse battery","role":"MEMBER"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, members, `{"username":"ayse","roleNameList":["API Developer"]}`).want(t, http.StatusOK).holds(t, `{"result":{"username":"ayse","roleNameList":["API Developer"]}}`)
	c.get(t, members).want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"username":"ayse"}]}`)
	c.send(t, http.MethodPut, members+"ayse/", `{"roleNameList":["API Tester"]}`).want(t, http.StatusOK).holds(t, `{"result":{"roleNameList":["API Tester"]}}`)
	c.send(t, http.MethodPost, members, `{"username":"ayse","roleNameList":["API Tester"]}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"username"}]}`)
	c.send(t, http.MethodPost, members, `{"username":"nobody","roleNameList":["API Tester"]}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"username"}]}`)
	c.do(t, call{method: http.MethodPost, path: members, body: `{"roleNameList":["API Tester"]}`, wrong: true}).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"username"}]}`)
	c.send(t, http.MethodPut, members+"ayse/", `{"roleNameList":["King"]}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"roleNameList"}]}`)
	c.get(t, members+"otto/").want(t, http.StatusNotFound)
	c.send(t, http.MethodDelete, members+"ayse/", "").want(t, http.StatusOK)
	c.get(t, members+"ayse/").want(t, http.StatusNotFound)
}

// ATTACK: who may manage members could give themselves a role that allows more
// than they may do, with an owner's rights or with a token for less.
func TestAttackNobodyGivesMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, users, `{"username":"ayse","password":"correct horse battery","role":"MEMBER"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, roles, `{"name":"Host","permissions":["PROJECT_MANAGEMENT:MANAGE"]}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, members, `{"username":"ayse","roleNameList":["Host"]}`).want(t, http.StatusOK)
	ayse := c.as(t, "ayse")
	ayse.send(t, http.MethodPut, members+"ayse/", `{"roleNameList":["Host","Project Owner"]}`).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"roleNameList"}]}`)
	ayse.send(t, http.MethodPost, members, `{"username":"otto","roleNameList":["API Manager"]}`).want(t, http.StatusBadRequest)
	limited := c.with(t, models.TokenScope{Permissions: models.Permissions{models.ManageProject}})
	limited.send(t, http.MethodPut, members+"ayse/", `{"roleNameList":["Project Owner"]}`).want(t, http.StatusBadRequest)
}

// with is the same person with a personal token.
func (c *client) with(t *testing.T, scope models.TokenScope) *client {
	t.Helper()
	u, _, err := c.site.Store.RedeemPersonalToken(t.Context(), secret.New(c.token))
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := c.site.Store.CreatePersonalToken(t.Context(), models.Actor{UserID: u.ID, Name: u.Name}, models.PersonalToken{Name: "for " + strings.ReplaceAll(t.Name(), "/", " "), Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	return &client{c.site, text.Reveal(), c.doc}
}

func TestPersonalTokens(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.get(t, "/apiops/me/").want(t, http.StatusOK).holds(t, `{"result":{"username":"ada","role":"ADMINISTRATOR","projectNames":[]}}`)
	made := c.send(t, http.MethodPost, myTokens, `{"name":"ci","permissions":["API_MANAGEMENT:DEPLOY_UNDEPLOY"],"projectName":"Default","expiresAt":"2999-01-01T00:00:00Z"}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"ci","permissions":["API_MANAGEMENT:VIEW","API_MANAGEMENT:DEPLOY_UNDEPLOY"],"projectName":"Default","expiresAt":"2999-01-01T00:00:00Z"}}`)
	value := made.json(t)["token"].(string)
	if list := c.get(t, myTokens).want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"name":"ci"}]}`); strings.Contains(list.Body, value) {
		t.Errorf("the value is shown again: %s", list.Body)
	}
	ci := &client{c.site, value, c.doc}
	ci.get(t, "/apiops/me/").want(t, http.StatusOK)
	ci.get(t, credentialsAt).want(t, http.StatusForbidden)
	for field, body := range map[string]string{
		"name":        `{"name":""}`,
		"permissions": `{"name":"x","permissions":[]}`,
		"projectName": `{"name":"x","projectName":"absent"}`,
		"expiresAt":   `{"name":"x","expiresAt":"2001-01-01T00:00:00Z"}`,
	} {
		c.send(t, http.MethodPost, myTokens, body).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"`+field+`"}]}`)
	}
	c.send(t, http.MethodPost, myTokens, `{"name":"CI"}`).want(t, http.StatusConflict).holds(t, `{"fieldErrors":[{"field":"name"}]}`)
	c.send(t, http.MethodDelete, myTokens+"Ci/", "").want(t, http.StatusOK)
	c.send(t, http.MethodDelete, myTokens+"ci/", "").want(t, http.StatusNotFound)
	ci.get(t, "/apiops/me/").want(t, http.StatusUnauthorized)
	c.send(t, http.MethodPost, myTokens, `{"name":"ci"}`).want(t, http.StatusOK)
	c.get(t, users+"ada/tokens/").want(t, http.StatusOK).holds(t, `{"totalCount":1}`)
	c.send(t, http.MethodDelete, users+"ada/tokens/ci/", "").want(t, http.StatusOK)
}

// ATTACK: a token that leaked makes another one, which lives on when it is
// revoked, or which opens more than it does.
func TestAttackATokenMakesNoOtherToken(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for name, scope := range map[string]models.TokenScope{
		"unlimited": {}, "for some permissions": {Permissions: models.Permissions{models.ManageSystem}}, "for a project": {ProjectID: c.site.Project.ID},
	} {
		t.Run(name, func(t *testing.T) {
			personal := (&client{c.site, c.token, c.doc}).with(t, scope)
			personal.send(t, http.MethodPost, myTokens, `{"name":"another"}`).want(t, http.StatusForbidden)
			if name == "unlimited" {
				personal.send(t, http.MethodDelete, myTokens+url.PathEscape("absent")+"/", "").want(t, http.StatusNotFound)
				return
			}
			// Nor does one for less take others away.
			personal.send(t, http.MethodDelete, myTokens+"absent/", "").want(t, http.StatusForbidden)
			personal.send(t, http.MethodDelete, "/apiops/me/sessions/absent/", "").want(t, http.StatusForbidden)
		})
	}
	if n := len(c.get(t, myTokens).json(t)["resultList"].([]any)); n != 3 {
		t.Errorf("there are %d tokens", n)
	}
}

// ATTACK: a token for one project is used for another one, or for the
// installation.
func TestAttackATokenOfAProjectOpensNoOther(t *testing.T) {
	t.Parallel()
	c := begin(t)
	modelstest.Project(t, c.site.Store, "Other")
	one := c.with(t, models.TokenScope{ProjectID: c.site.Project.ID})
	one.get(t, credentialsAt).want(t, http.StatusOK)
	for _, path := range []string{"/apiops/projects/Other/credentials/", "/apiops/projects/absent/credentials/", users, "/apiops/auditEvents/", errorMessages} {
		one.get(t, path).want(t, http.StatusForbidden)
	}
}
