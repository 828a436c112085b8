package apiops_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

const places = "/apiops/environments/"

func TestProjectsFromFirstToLast(t *testing.T) {
	t.Parallel()
	c := begin(t)
	const projects = "/apiops/projects/"
	c.send(t, http.MethodPost, projects, `{"name":"Shop","description":"the shop"}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"Shop","description":"the shop","version":1}}`)
	c.send(t, http.MethodPost, projects, `{"name":"SHOP"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	c.do(t, call{method: http.MethodPost, path: projects, body: `{}`}).want(t, http.StatusBadRequest).namesFields(t, "name")
	at := projects + "shop/"
	read := c.get(t, at).want(t, http.StatusOK)
	c.stale(t, http.MethodPut, at, `{}`)
	c.do(t, call{method: http.MethodPut, path: at, body: `{"name":"SHOP","description":"new"}`, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"Shop","description":"new","version":2}}`)
	c.send(t, http.MethodPut, at, `{"name":"Store"}`).want(t, http.StatusBadRequest).namesFields(t, "name")
	c.send(t, http.MethodPut, at, `{"description":"`+strings.Repeat("a", 1001)+`"}`).want(t, http.StatusBadRequest).namesFields(t, "description")

	p, err := c.site.Store.Project(t.Context(), "Shop")
	if err != nil {
		t.Fatal(err)
	}
	proxy := modelstest.Proxy(t, c.site.Store, p.ID, "orders")
	c.stale(t, http.MethodDelete, at, "")
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusConflict).holds(t, `{"error":"conflict"}`)
	if err := c.site.Store.DeleteOwner(t.Context(), modelstest.By(), p.ID, proxy.ID, proxy.Version); err != nil {
		t.Fatal(err)
	}
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK)
	c.get(t, at).want(t, http.StatusNotFound)
}

func TestEverybodySeesTheirOwnProjects(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s := c.site.Store
	mine := modelstest.Project(t, s, "Mine")
	modelstest.Project(t, s, "Yours")
	mia := c.member(t, "mia", "Mine", models.ViewAPIs)
	for who, want := range map[*client]string{c: "Default,Mine,Yours", c.as(t, handlerstest.Auditor): "Default,Mine,Yours", mia: "Mine"} {
		if got := listed(t, who.get(t, "/apiops/projects/").want(t, http.StatusOK)); got != want {
			t.Errorf("somebody sees %s, not %s", got, want)
		}
	}
	mia.get(t, "/apiops/projects/Mine/").want(t, http.StatusOK).holds(t, `{"result":{"id":"`+mine.ID+`"}}`)
	mia.get(t, "/apiops/projects/Yours/").want(t, http.StatusForbidden)
	mia.get(t, "/apiops/projects/Mine/environments/").want(t, http.StatusOK).holds(t, `{"resultList":[{"name":"production","type":"PRODUCTION","accessUrl":"http://production.test","status":"UNPUBLISHED"}]}`)
	mia.get(t, "/apiops/environments/").want(t, http.StatusForbidden)
}

func TestATokenForOneProjectSeesNoOther(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s := c.site.Store
	mine := modelstest.Project(t, s, "Mine")
	ada, err := s.UserByName(t.Context(), handlerstest.Administrator)
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Hour)
	_, value, err := s.CreatePersonalToken(t.Context(), models.Actor{UserID: ada.ID, Name: ada.Name}, models.PersonalToken{Name: "pipeline", Scope: models.TokenScope{ProjectID: mine.ID}, ExpiresAt: &expires})
	if err != nil {
		t.Fatal(err)
	}
	limited := &client{c.site, value.Reveal(), c.doc}
	if got := listed(t, limited.get(t, "/apiops/projects/").want(t, http.StatusOK)); got != "Mine" {
		t.Errorf("it sees %s", got)
	}
	limited.get(t, "/apiops/projects/Mine/").want(t, http.StatusOK)
	limited.get(t, "/apiops/projects/Default/").want(t, http.StatusForbidden)
	limited.get(t, places).want(t, http.StatusForbidden)
	limited.imports(t, exchange("Default")+"GLOBAL_POLICY/import/", []byte("{}")).want(t, http.StatusForbidden)
}

// below are the operations whose addresses have a part.
func (c *client) below(part string) []described {
	var list []described
	for _, d := range c.operations() {
		if strings.Contains(d.path, part) {
			list = append(list, d)
		}
	}
	return list
}

func TestNothingIsBelowAnEnvironmentThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, d := range c.below("{environmentName}") {
		if strings.Contains(d.path, "{projectName}") {
			continue // TestWhatIsNotThere has these
		}
		c.do(t, call{method: d.method, path: d.at("Default"), body: d.body(), wrong: true}).want(t, http.StatusNotFound)
	}
}

func TestEnvironmentsFromFirstToLast(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s := c.site.Store
	c.send(t, http.MethodPost, places, `{"name":"staging","type":"TEST","accessUrl":"https://staging.example.com/","description":"before","colour":"blue"}`).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"staging","type":"TEST","accessUrl":"https://staging.example.com","status":"UNPUBLISHED","colour":"blue","has":{"deployed":0,"keys":0}}}`)
	c.send(t, http.MethodPost, places, `{"name":"Staging","type":"TEST","accessUrl":"https://s.example.com"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	for body, field := range map[string]string{
		`{}`: "name",
		`{"name":"a=b","type":"TEST","accessUrl":"https://x.test"}`:                    "name",
		`{"name":"x","type":"SOME","accessUrl":"https://x.test"}`:                      "type",
		`{"name":"x","type":"TEST","accessUrl":"x.test"}`:                              "accessUrl",
		`{"name":"x","type":"TEST","accessUrl":"https://x.test","colour":"pink"}`:      "colour",
		`{"name":"x","type":"TEST","accessUrl":"https://x.test","publicUrl":"https:"}`: "publicUrl",
	} {
		c.do(t, call{method: http.MethodPost, path: places, body: body, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, field)
	}
	if got := listed(t, c.get(t, places).want(t, http.StatusOK)); got != "production,staging" {
		t.Errorf("the list is %s", got)
	}

	at := places + "STAGING/"
	read := c.get(t, at).want(t, http.StatusOK)
	c.stale(t, http.MethodPut, at, `{"type":"TEST","accessUrl":"https://staging.example.com"}`)
	changed := c.do(t, call{method: http.MethodPut, path: at, body: `{"name":"staging","type":"SANDBOX","accessUrl":"https://staging.example.com"}`, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusOK).
		holds(t, `{"result":{"name":"staging","type":"SANDBOX","description":"","version":2}}`)
	if strings.Contains(changed.Body, "colour") {
		t.Errorf("the colour that was left out is still there: %s", changed.Body)
	}
	c.send(t, http.MethodPut, at, `{"name":"other","type":"TEST","accessUrl":"https://staging.example.com"}`).want(t, http.StatusBadRequest).namesFields(t, "name")
	c.send(t, http.MethodPut, at, `{"type":"TEST","accessUrl":"nowhere"}`).want(t, http.StatusBadRequest).namesFields(t, "accessUrl")
	moved := c.send(t, http.MethodPut, at, `{"type":"TEST","accessUrl":"https://new.example.com"}`).want(t, http.StatusOK) // nobody is there
	moved.holds(t, `{"result":{"accessUrl":"https://new.example.com"},"ended":{"deployed":0,"liveTokens":0}}`)

	// Where callers may be, the name has to be sent, as the console asks for it.
	modelstest.Deploy(t, s, modelstest.Proxy(t, s, c.site.Project.ID, "orders"), "staging")
	const move = `{"type":"TEST","accessUrl":"https://newer.example.com"`
	c.send(t, http.MethodPut, at, move+`}`).want(t, http.StatusBadRequest).namesFields(t, "confirm")
	c.send(t, http.MethodPut, at, `{"type":"TEST","accessUrl":"https://new.example.com","description":"no move"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPut, at, move+`,"confirm":"staging"}`).want(t, http.StatusOK).holds(t, `{"ended":{"deployed":1}}`)
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusBadRequest).namesFields(t, "confirm")
	c.stale(t, http.MethodDelete, at+"?confirm=staging", "")

	if err := s.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "staging", Version: "1.0", Generation: 1, OK: true}); err != nil {
		t.Fatal(err)
	}
	c.get(t, at+"nodes/").want(t, http.StatusOK).holds(t, `{"resultCount":1,"resultList":[{"podName":"gw-1","version":"1.0","generation":1,"ok":true,"current":false,"alive":true}]}`)
	c.get(t, at).holds(t, `{"result":{"status":"REPUBLISH_REQUIRED"}}`)
	c.send(t, http.MethodDelete, at+"?confirm=staging", "").want(t, http.StatusConflict).holds(t, `{"error":"conflict"}`)
	e, err := s.Environment(t.Context(), "staging")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReportNode(t.Context(), models.NodeReport{Node: "gw-1", Environment: "staging", Version: "1.0", Generation: e.Generation, OK: true}); err != nil {
		t.Fatal(err)
	}
	c.get(t, at).holds(t, `{"result":{"status":"PUBLISHED"}}`)
	if err := s.ForgetNode(t.Context(), "gw-1"); err != nil {
		t.Fatal(err)
	}
	c.send(t, http.MethodDelete, at+"?confirm=staging", "").want(t, http.StatusOK).holds(t, `{"ended":{"deployed":1}}`)
	c.get(t, at).want(t, http.StatusNotFound)
	c.send(t, http.MethodDelete, places+"production/", "").want(t, http.StatusConflict) // the last one
}

func TestEnvironmentVariablesFromFirstToLast(t *testing.T) {
	t.Parallel()
	c := begin(t)
	list := places + "production/environmentVariables/"
	c.send(t, http.MethodPost, list, `{"name":"HOST","value":"a.test"}`).want(t, http.StatusOK).holds(t, `{"result":{"name":"HOST","value":"a.test","errorTypes":[],"version":1}}`)
	c.send(t, http.MethodPost, list, `{"name":"HOST","value":"b"}`).want(t, http.StatusConflict).holds(t, `{"error":"duplicate_name","fieldErrors":[{"field":"name"}]}`)
	c.do(t, call{method: http.MethodPost, path: list, body: `{"name":"1st","value":"x"}`, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "name")
	c.send(t, http.MethodPost, list, `{"name":"LONG","value":"`+strings.Repeat("a", 4097)+`"}`).want(t, http.StatusBadRequest).namesFields(t, "value")
	c.send(t, http.MethodPost, list, `{"name":"OTHER","value":""}`).want(t, http.StatusOK)
	if got := listed(t, c.get(t, list).want(t, http.StatusOK)); got != "HOST,OTHER" {
		t.Errorf("the list is %s", got)
	}
	at := list + "HOST/"
	read := c.get(t, at).want(t, http.StatusOK)
	c.get(t, list+"host/").want(t, http.StatusNotFound) // ${HOST} has its letter case
	c.stale(t, http.MethodPut, at, `{"value":"b"}`)
	c.do(t, call{method: http.MethodPut, path: at, body: `{"value":"b"}`, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusOK).holds(t, `{"result":{"name":"HOST","value":"b","version":2}}`)
	c.send(t, http.MethodPut, at, `{"name":"OTHER","value":"b"}`).want(t, http.StatusConflict)
	c.send(t, http.MethodPut, at, `{"name":"a b","value":"b"}`).want(t, http.StatusBadRequest).namesFields(t, "name")
	c.send(t, http.MethodPut, at, `{"name":"SERVER","value":"c"}`).want(t, http.StatusOK)
	at = list + "SERVER/"
	c.stale(t, http.MethodDelete, at, "")
	c.send(t, http.MethodDelete, at, "").want(t, http.StatusOK)
	c.get(t, at).want(t, http.StatusNotFound)
}

func TestEnvironmentKeysFromFirstToLast(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s := c.site.Store
	list := places + "production/keys/"
	next := func(body string) string {
		return c.send(t, http.MethodPost, list, body).want(t, http.StatusOK).holds(t, `{"result":{"state":"NEXT"}}`).json(t)["result"].(map[string]any)["keyId"].(string)
	}
	first := next(`{"algorithm":"ES256"}`)
	c.get(t, list+first+"/").want(t, http.StatusOK).holds(t, `{"result":{"keyId":"`+first+`","algorithm":"ES256","source":"GENERATED","publicJwk":{"kty":"EC","kid":"`+first+`"}}}`)
	if a := c.get(t, list+first+"/"); !strings.Contains(a.Body, "BEGIN PUBLIC KEY") || strings.Contains(a.Body, `"d"`) {
		t.Errorf("the public half is %s", a.Body)
	}
	c.send(t, http.MethodPost, list+first+"/rotate/", "").want(t, http.StatusConflict) // it does not sign yet
	c.send(t, http.MethodPost, list+first+"/start/", "").want(t, http.StatusOK).holds(t, `{"signs":{"keyId":"`+first+`","state":"ACTIVE"},"endedTokens":0}`)
	c.send(t, http.MethodPost, list+first+"/start/", "").want(t, http.StatusConflict)
	c.send(t, http.MethodPost, list+first+"/retire/", "").want(t, http.StatusConflict) // its policies need one
	rotated := c.send(t, http.MethodPost, list+first+"/rotate/", "").want(t, http.StatusOK).json(t)["signs"].(map[string]any)["keyId"].(string)
	c.send(t, http.MethodPost, list+first+"/retire/", "").want(t, http.StatusOK)
	c.send(t, http.MethodPost, list+first+"/retire/", "").want(t, http.StatusConflict)
	c.send(t, http.MethodPost, list+first+"/revoke/", "").want(t, http.StatusConflict)
	c.get(t, list+first+"/").want(t, http.StatusOK).holds(t, `{"result":{"state":"RETIRED","liveTokens":0}}`)
	revoked := c.send(t, http.MethodPost, list+rotated+"/revoke/", "").want(t, http.StatusOK)
	if signs := revoked.json(t)["signs"].(map[string]any)["keyId"]; signs == rotated || signs == first {
		t.Errorf("after a revocation %v signs", signs)
	}
	c.send(t, http.MethodDelete, list+rotated+"/", "").want(t, http.StatusConflict) // the environment's own

	// A key that was made elsewhere, in the key store of a project.
	const imported = `{"algorithm":"HS256","projectName":"Default","name":"partner","keyId":"partner-1","key":"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}","signAtOnce":true}`
	a := c.send(t, http.MethodPost, list, imported).want(t, http.StatusOK).holds(t, `{"result":{"keyId":"partner-1","projectName":"Default","name":"partner","source":"UPLOADED","state":"ACTIVE"}}`)
	for _, x := range []answer{a, c.get(t, list+"partner-1/"), c.get(t, list)} {
		if strings.Contains(x.Body, "AyM1SysPpby") || strings.Contains(x.Body, "publicJwk") {
			t.Errorf("a shared secret is read: %s", x.Body)
		}
	}
	if got := c.get(t, list).want(t, http.StatusOK).json(t)["totalCount"]; got != float64(4) {
		t.Errorf("there are %v keys", got)
	}
	c.send(t, http.MethodDelete, list+"partner-1/", "").want(t, http.StatusOK)
	c.get(t, list+"partner-1/").want(t, http.StatusNotFound)
	for body, field := range map[string]string{
		`{}`:                                   "algorithm",
		`{"algorithm":"XX"}`:                   "algorithm",
		`{"algorithm":"ES256","name":"x"}`:     "projectName",
		`{"algorithm":"ES256","keyId":"x"}`:    "keyId",
		`{"algorithm":"ES256","key":"secret"}`: "key",
		`{"algorithm":"ES256","projectName":"nope","name":"x"}`: "projectName",
		`{"algorithm":"ES256","projectName":"Default"}`:         "name",
	} {
		a := c.do(t, call{method: http.MethodPost, path: list, body: body, wrong: true}).want(t, http.StatusBadRequest)
		a.namesFields(t, field)
		if strings.Contains(a.Body, "secret") {
			t.Errorf("a refusal repeats the key: %s", a.Body)
		}
	}
	if _, err := s.Keys(t.Context(), "production"); err != nil {
		t.Fatal(err)
	}
}

func TestTheScheduleOfKeys(t *testing.T) {
	t.Parallel()
	c := begin(t)
	at := places + "production/keySchedule/"
	read := c.get(t, at).want(t, http.StatusOK).holds(t, `{"result":{"rotateEveryDays":0,"publishAheadHours":24}}`)
	c.stale(t, http.MethodPut, at, `{"rotateEveryDays":90,"publishAheadHours":48}`)
	c.do(t, call{method: http.MethodPut, path: at, body: `{"rotateEveryDays":90,"publishAheadHours":48}`, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusOK).
		holds(t, `{"result":{"rotateEveryDays":90,"publishAheadHours":48}}`)
	for body, field := range map[string]string{
		`{"rotateEveryDays":-1,"publishAheadHours":48}`:                  "rotateEveryDays",
		`{"rotateEveryDays":9000000000000000,"publishAheadHours":48}`:    "rotateEveryDays",
		`{"rotateEveryDays":1,"publishAheadHours":0}`:                    "publishAheadHours",
		`{"rotateEveryDays":1,"publishAheadHours":24}`:                   "publishAheadHours",
		`{"rotateEveryDays":1,"publishAheadHours":-9000000000000000000}`: "publishAheadHours",
		`{"rotateEveryDays":1.5,"publishAheadHours":24}`:                 "rotateEveryDays",
	} {
		c.do(t, call{method: http.MethodPut, path: at, body: body, wrong: true}).want(t, http.StatusBadRequest).namesFields(t, field)
	}
	c.get(t, at).holds(t, `{"result":{"rotateEveryDays":90}}`)
}
