package apiops_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
)

// happened is a client of a site at whose gateways the same has happened in the
// projects Default and Other.
func happened(t *testing.T) *client {
	t.Helper()
	c := begin(t)
	modelstest.Project(t, c.site.Store, "Other")
	for i, project := range []string{"Default", "Other"} {
		c.happens(t, project, c.site.Clock.Now().Add(time.Duration(i-10)*time.Minute))
	}
	return c
}

// happens is a login to an API of a project, and what became of it.
func (c *client) happens(t *testing.T, project string, at time.Time) {
	t.Helper()
	s, from := c.site.Store, netip.MustParseAddr("192.0.2.7")
	requests := []event.Token{
		{Time: at, Environment: "production", Operation: event.Issue, Project: project, Owner: "orders", Policy: "standard", Grant: "password", ClientID: "orders", Username: "ayse", Client: from, Method: "POST", TokenID: "jti", IssuedAt: at, ExpiresAt: at.Add(time.Hour), Status: 200, CorrelationID: "call-1"},
		{Time: at.Add(time.Second), Environment: "production", Operation: event.Refresh, Project: project, Owner: "orders", Client: from, Status: 400, Error: "invalid_grant", Reason: "spent"},
	}
	must(t, s.AddTokenRequests(t.Context(), requests))
	must(t, s.AddSecurityEvents(t.Context(), []event.Security{{Time: at, Kind: event.RefreshReused, Environment: "production", Project: project, Owner: "orders", Subject: "ayse", Client: from, Detail: "came again"}}))
	must(t, s.AddRefusals(t.Context(), []event.Access{{Time: at, Environment: "production", Project: project, Proxy: "orders", Method: "GET", Path: "/orders/7", Client: from, Subject: "ayse", Status: 403, Fault: fault.RoleMissing, CorrelationID: "call-2"}}))
	var id token.FamilyID
	_, _ = rand.Read(id[:])
	must(t, s.StartFamily(t.Context(), token.Family{
		ID: id, Environment: "production", Project: project, OwnerID: "0195", Owner: "orders", Policy: "standard", ClientID: "orders", Subject: "ayse", User: true, Grant: "password",
		Client: from, StartedAt: at, ExpiresAt: at.Add(24 * time.Hour), MaxRefreshes: 3,
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// first is a member of the first result of a list.
func (a answer) first(t *testing.T, name string) string {
	t.Helper()
	list := a.want(t, http.StatusOK).json(t)["resultList"].([]any)
	if len(list) == 0 {
		t.Fatalf("nothing is listed: %s", a.Body)
	}
	if n, isNumber := list[0].(map[string]any)[name].(float64); isNumber {
		return fmt.Sprintf("%.0f", n)
	}
	return list[0].(map[string]any)[name].(string)
}

func TestWhatHappenedIsReadEverywhereAndInAProject(t *testing.T) {
	t.Parallel()
	c := happened(t)
	c.get(t, "/apiops/tokenRequests/?pageSize=3").want(t, http.StatusOK).holds(t, `{"totalCount":4,"resultCount":3,"resultList":[{"projectName":"Other","operation":"REFRESH","error":"invalid_grant"},{},{}]}`)
	for path, want := range map[string]string{
		"/apiops/tokenRequests/?project=Other&outcome=issued&who=AYSE":     `{"totalCount":1,"resultList":[{"username":"ayse","statusCode":200}]}`,
		"/apiops/tokenRequests/?statusFrom=400&operation=REFRESH":          `{"resultCount":2}`,
		"/apiops/tokenRequests/?correlationId=call-1&address=192.0.2.0/24": `{"resultCount":2}`,
		inDefault + "tokenRequests/?grant=password":                        `{"resultCount":1,"resultList":[{"projectName":"Default"}]}`,
		inDefault + "tokenRequests/?project=Other":                         `{"resultCount":2,"resultList":[{"projectName":"Default"},{"projectName":"Default"}]}`,
		"/apiops/securityEvents/?kind=REFRESH_TOKEN_REUSED":                `{"resultCount":2}`,
		inDefault + "securityEvents/?q=again":                              `{"resultCount":1,"resultList":[{"detail":"came again","projectName":"Default"}]}`,
		"/apiops/refusals/?correlationId=call-2":                           `{"resultCount":2}`,
		inDefault + "refusals/?proxy=ord":                                  `{"resultCount":1,"resultList":[{"apiProxyName":"orders","statusCode":403,"projectName":"Default"}]}`,
		"/apiops/logins/?q=ayse":                                           `{"totalCount":2}`,
		inDefault + "logins/?owner=orders":                                 `{"totalCount":1,"resultList":[{"projectName":"Default","subject":"ayse","user":true}]}`,
	} {
		c.get(t, path).want(t, http.StatusOK).holds(t, want)
	}
	for _, path := range []string{"/apiops/tokenRequests/?address=here", "/apiops/tokenRequests/?before=x", "/apiops/securityEvents/?after=1", "/apiops/refusals/?address=here", "/apiops/logins/?address=here", "/apiops/tokenRequests/?from=today"} {
		c.do(t, call{method: http.MethodGet, path: path, wrong: true}).want(t, http.StatusBadRequest)
	}
}

func TestALogIsPagedWithoutGapOrRepetition(t *testing.T) {
	t.Parallel()
	c := happened(t)
	var seen []string
	for next := ""; ; {
		page := c.get(t, "/apiops/tokenRequests/?pageSize=1&before="+next)
		seen = append(seen, page.first(t, "id"))
		var more bool
		if next, more = page.json(t)["next"].(string); !more {
			break
		}
	}
	if len(seen) != 4 {
		t.Errorf("the pages have %v", seen)
	}
	first := c.get(t, "/apiops/tokenRequests/?pageSize=1")
	second := c.get(t, "/apiops/tokenRequests/?pageSize=1&before="+first.json(t)["next"].(string))
	third := c.get(t, "/apiops/tokenRequests/?pageSize=1&before="+second.json(t)["next"].(string))
	back := c.get(t, "/apiops/tokenRequests/?pageSize=1&after="+third.json(t)["next"].(string))
	if back.first(t, "id") != second.first(t, "id") || second.first(t, "id") == first.first(t, "id") {
		t.Errorf("before the third page comes %s", back.Body)
	}
}

// ATTACK: what happened in another project is read by guessing its number.
func TestAttackRecordsOfAnotherProjectAreNotThere(t *testing.T) {
	t.Parallel()
	c := happened(t)
	c.send(t, http.MethodPost, "/apiops/projects/Other/variables/", `{"name":"x","type":"HEADER","headerName":"X"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, variables, `{"name":"x","type":"HEADER","headerName":"X"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, users, `{"username":"ayse","password":"correct horse battery","role":"MEMBER"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, roles, `{"name":"Watcher","permissions":["AUDIT:VIEW","MONITORING:VIEW"]}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, members, `{"username":"ayse","roleNameList":["Watcher"]}`).want(t, http.StatusOK)
	ayse := c.as(t, "ayse")
	for _, log := range []string{"tokenRequests/", "securityEvents/", "auditEvents/"} {
		theirs := c.get(t, "/apiops/projects/Other/"+log).first(t, "id")
		own := ayse.get(t, inDefault+log).first(t, "id")
		ayse.get(t, inDefault+log+own+"/").want(t, http.StatusOK).holds(t, `{"result":{"projectName":"Default"}}`)
		ayse.get(t, inDefault+log+theirs+"/").want(t, http.StatusNotFound)
		ayse.get(t, "/apiops/"+log+theirs+"/").want(t, http.StatusForbidden)
		ayse.get(t, "/apiops/"+log).want(t, http.StatusForbidden)
		ayse.get(t, "/apiops/projects/Other/"+log).want(t, http.StatusForbidden)
		c.get(t, "/apiops/"+log+theirs+"/").want(t, http.StatusOK).holds(t, `{"result":{"projectName":"Other"}}`)
		c.get(t, "/apiops/"+log+"999999999/").want(t, http.StatusNotFound)
		c.get(t, "/apiops/"+log+"x/").want(t, http.StatusNotFound)
	}
}

func TestAuditEventsSayWhoChangedWhat(t *testing.T) {
	t.Parallel()
	c := made(t)
	c.send(t, http.MethodPatch, credentialsAt+"mobile-app/status/", `{"enabled":false}`).want(t, http.StatusOK)
	list := c.get(t, inDefault+"auditEvents/?kind=CREDENTIAL&action=UPDATED&actor=ADA&object=mobile-app&from=2001-01-01T00:00:00Z&to=2999-01-01T00:00:00Z")
	list.want(t, http.StatusOK).holds(t, `{"totalCount":1,"resultList":[{"principal":"ada","action":"UPDATED","objectType":"CREDENTIAL","objectName":"mobile-app","projectName":"Default"}]}`)
	one := c.get(t, inDefault+"auditEvents/"+list.first(t, "id")+"/").want(t, http.StatusOK).holds(t, `{"result":{"before":{"enabled":true},"after":{"enabled":false}}}`)
	if strings.Contains(one.Body, "a secret of the app") || strings.Contains(one.Body, "argon2") {
		t.Errorf("a secret is in the audit: %s", one.Body)
	}
	c.get(t, "/apiops/auditEvents/?project=Default&object=absent").want(t, http.StatusOK).holds(t, `{"resultCount":0}`)
	c.get(t, "/apiops/auditEvents/?object=mobile&pageSize=1").want(t, http.StatusOK).holds(t, `{"resultCount":1}`)
	c.as(t, handlerstest.Auditor).get(t, "/apiops/auditEvents/").want(t, http.StatusOK)
}

func TestALoginIsEndedAndTokensAreRevoked(t *testing.T) {
	t.Parallel()
	c := happened(t)
	session := c.get(t, "/apiops/logins/?project=Other").first(t, "session")
	c.send(t, http.MethodDelete, "/apiops/logins/"+session+"/", "").want(t, http.StatusOK).holds(t, `{"endedLogins":1}`)
	c.send(t, http.MethodDelete, "/apiops/logins/"+session+"/", "").want(t, http.StatusNotFound)
	const revocations = "/apiops/revocations/"
	const ofAyse = `"kind":"USER","key":"ayse","projectName":"Default","environmentName":"production","reason":"left us"`
	c.send(t, http.MethodPost, revocations, `{"dryRun":true,`+ofAyse+`}`).want(t, http.StatusOK).holds(t, `{"endedLogins":1}`)
	c.get(t, "/apiops/logins/").want(t, http.StatusOK).holds(t, `{"totalCount":1}`)
	c.send(t, http.MethodPost, revocations, `{`+ofAyse+`}`).want(t, http.StatusOK).holds(t, `{"endedLogins":1}`)
	c.get(t, "/apiops/logins/").want(t, http.StatusOK).holds(t, `{"totalCount":0}`)
	c.send(t, http.MethodPost, revocations, `{"kind":"ALL","reason":"a drill"}`).want(t, http.StatusOK).holds(t, `{"endedLogins":0}`)
	for field, body := range map[string]string{
		"kind":            `{"kind":"TOKEN","key":"x","reason":"r"}`,
		"key":             `{"kind":"USER","reason":"r"}`,
		"projectName":     `{"kind":"CLIENT","key":"x","projectName":"Default","reason":"r"}`,
		"environmentName": `{"kind":"ALL","environmentName":"mars","reason":"r"}`,
		"before":          `{"kind":"ALL","before":"2999-01-01T00:00:00Z","reason":"r"}`,
		"reason":          `{"kind":"ALL","reason":""}`,
	} {
		c.do(t, call{method: http.MethodPost, path: revocations, body: body, wrong: true}).want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"`+field+`"}]}`)
	}
	c.as(t, handlerstest.Auditor).send(t, http.MethodPost, revocations, `{`+ofAyse+`}`).want(t, http.StatusForbidden)
}

// What the address names is looked for before anything is done.
func TestWhatIsNotInTheInstallation(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, d := range c.operations() {
		if d.Responses.Status(http.StatusNotFound) == nil || strings.Contains(d.path, "{projectName}") {
			continue
		}
		if a := c.do(t, call{method: d.method, path: d.at(""), body: d.body(), wrong: true}); a.Status != http.StatusNotFound {
			t.Errorf("%s %s of what is not there answers %d: %s", d.method, d.path, a.Status, a.Body)
		}
	}
}
