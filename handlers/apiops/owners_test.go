package apiops_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// market is a project with two proxies, a proxy group of the first and a policy
// group, each with a local policy "guard"; the proxy and the proxy group have the
// global policy "standard", too.
type market struct {
	*client
	project                     string
	orders, stock, mall, checks models.Owner
	standard                    models.Policy
}

const (
	ordersAt = "/apiops/projects/Default/apiProxies/orders/"
	mallAt   = "/apiops/projects/Default/apiProxyGroups/mall/"
	checksAt = "/apiops/projects/Default/policyGroups/checks/"
)

// owners are the addresses of one of each kind that is deployed.
var owners = map[string]string{engine.KindProxy: ordersAt, engine.KindProxyGroup: mallAt, engine.KindPolicyGroup: checksAt}

func newMarket(t *testing.T) *market {
	t.Helper()
	s := &market{client: begin(t)}
	store := s.site.Store
	s.project = s.site.Project.ID
	s.standard = modelstest.Policy(t, store, s.project, "standard")
	s.orders = modelstest.Proxy(t, store, s.project, "orders", func(o *models.Owner) {
		o.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets/{id}", Description: "One pet"}, {Method: "POST", Path: "/pets"}}
	})
	s.stock = modelstest.Proxy(t, store, s.project, "stock")
	var err error
	s.mall, _, err = store.SaveProxyGroup(t.Context(), modelstest.By(), s.project, models.Owner{
		Name: "mall", Route: engine.Route{BasePath: "/mall"}, Members: []models.Member{{ID: s.orders.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.checks, _, err = store.SavePolicyGroup(t.Context(), modelstest.By(), s.project, models.Owner{Name: "checks", Active: true, Pipeline: policy.Request}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []*models.Owner{&s.orders, &s.mall, &s.checks} {
		s.bind(t, o, models.NewBinding{Local: modelstest.JWT("guard")})
		if o.Kind != engine.KindPolicyGroup {
			s.bind(t, o, models.NewBinding{PolicyID: s.standard.ID})
		}
	}
	return s
}

// bind binds in the request lane for all calls unless it is told otherwise.
func (s *market) bind(t *testing.T, o *models.Owner, b models.NewBinding) {
	t.Helper()
	if b.Scope == "" {
		b.Scope, b.Pipeline = policy.All, policy.Request
	}
	if _, err := s.site.Store.AddBinding(t.Context(), modelstest.By(), s.project, o.ID, o.Version, b); err != nil {
		t.Fatal(err)
	}
	*o = modelstest.Reload(t, s.site.Store, *o)
}

// owner is that of a kind, as it is now.
func (s *market) owner(t *testing.T, kind string) models.Owner {
	t.Helper()
	return modelstest.Reload(t, s.site.Store, map[string]models.Owner{engine.KindProxy: s.orders, engine.KindProxyGroup: s.mall, engine.KindPolicyGroup: s.checks}[kind])
}

// refused is a request that is wrong, and the fields that the answer has to name.
func (c *client) refused(t *testing.T, method, path, body string, fields ...string) answer {
	t.Helper()
	a := c.do(t, call{method: method, path: path, body: body, wrong: true}).want(t, http.StatusBadRequest)
	for _, field := range fields {
		if !strings.Contains(a.Body, `"field":"`+field+`"`) {
			t.Errorf("%s %s with %s: the answer does not name %s: %s", method, path, body, field, a.Body)
		}
	}
	return a
}

// writes are versioned writes that would succeed, each with what it is sent.
func (s *market) writes() map[string]call {
	list := map[string]call{}
	for name, at := range map[string]string{"proxy": ordersAt, "group": mallAt} {
		body := `{"clientRoute":{"relativePathList":["/new"]},"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]}}`
		if name == "group" {
			body = `{"clientRoute":{"relativePathList":["/new"]},"apiProxyNameList":["stock"]}`
		}
		for what, c := range map[string]call{
			"replace":       {method: http.MethodPut, path: at, body: body},
			"delete":        {method: http.MethodDelete, path: at},
			"rotate":        {method: http.MethodPost, path: at + "secret/"},
			"add policy":    {method: http.MethodPost, path: at + "policies/fresh/", body: policyBody("", jwtBody)},
			"update policy": {method: http.MethodPut, path: at + "policies/guard/", body: policyBody("", strings.Replace(jwtBody, "RS256", "ES256", 1))},
			"delete policy": {method: http.MethodDelete, path: at + "policies/guard/", body: `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST"}}`},
			"localize":      {method: http.MethodPost, path: at + "policies/standard/localize/"},
			"globalize":     {method: http.MethodPost, path: at + "policies/guard/globalize/", body: `{"name":"shared"}`},
			"switch":        {method: http.MethodPatch, path: at + "policies/guard/status/", body: `{"active":false}`},
			"switch lane":   {method: http.MethodPatch, path: at + "policies/status/", body: `{"active":false,"targetPipeline":"REQUEST"}`},
			"order":         {method: http.MethodPut, path: at + "policyOrder/", body: `{"targetPipeline":"REQUEST","policyNameList":["standard","guard"]}`},
		} {
			list[name+" "+what] = c
		}
	}
	list["proxy add endpoint"] = call{method: http.MethodPost, path: ordersAt + "endpoints/", body: `{"name":"/new","httpMethod":"GET"}`}
	list["proxy change endpoint"] = call{method: http.MethodPatch, path: ordersAt + "endpoints/", body: `{"name":"/pets","httpMethod":"POST","description":"New"}`}
	list["proxy delete endpoint"] = call{method: http.MethodPost, path: ordersAt + "endpoints/delete/", body: `{"name":"/pets","httpMethod":"POST"}`}
	list["group add member"] = call{method: http.MethodPost, path: mallAt + "apiProxies/stock/"}
	list["group remove member"] = call{method: http.MethodDelete, path: mallAt + "apiProxies/orders/"}
	return list
}

// at is the address of the owner that a write is about.
func (c call) at() string {
	if strings.HasPrefix(c.path, ordersAt) {
		return ordersAt
	}
	return mallAt
}

func TestOfTwoWritersWithIfMatchOneWins(t *testing.T) {
	t.Parallel()
	for what, write := range (&market{}).writes() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newMarket(t)
			open := s.owner(t, write.kind()) // the console's form, which is saved last
			write.header = map[string]string{"If-Match": s.get(t, write.at()).want(t, http.StatusOK).Header.Get("ETag")}
			answers := make([]answer, 2)
			var both sync.WaitGroup
			for i := range answers {
				both.Go(func() { answers[i] = s.do(t, write) })
			}
			both.Wait()
			if answers[0].Status != http.StatusOK {
				answers[0], answers[1] = answers[1], answers[0]
			}
			lost := answers[1].Status
			if answers[0].Status != http.StatusOK || lost != http.StatusPreconditionFailed && lost != http.StatusConflict && lost != http.StatusNotFound {
				t.Errorf("two writers were answered %d and %d: %s\n%s", answers[0].Status, lost, answers[0].Body, answers[1].Body)
			}
			if lost == http.StatusNotFound && write.method != http.MethodDelete {
				t.Errorf("the loser was told that it is gone: %s", answers[1].Body)
			}
			if tag := answers[0].Header.Get("ETag"); !strings.HasSuffix(what, " delete") && tag != s.get(t, write.at()).Header.Get("ETag") {
				t.Errorf("the winner's tag is %s, and not the one of what it wrote", tag)
			}
			if strings.HasSuffix(what, " switch") {
				return // the form of an owner does not write its policies
			}
			if err := s.save(t, open); !errors.Is(err, models.ErrStale) {
				t.Errorf("the console saves over the API's write: %v", err)
			}
		})
	}
}

// kind is that of the owner that a write is about.
func (c call) kind() string {
	if c.at() == ordersAt {
		return engine.KindProxy
	}
	return engine.KindProxyGroup
}

// save writes a proxy or a proxy group as the console does.
func (s *market) save(t *testing.T, o models.Owner) error {
	t.Helper()
	save := s.site.Store.SaveProxy
	if o.Kind == engine.KindProxyGroup {
		save = s.site.Store.SaveProxyGroup
	}
	_, _, err := save(t.Context(), modelstest.By(), s.project, o)
	return err
}

func TestAWriteAfterASaveOfTheConsoleIsRefused(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	tags := map[string]string{ordersAt: s.get(t, ordersAt).Header.Get("ETag"), mallAt: s.get(t, mallAt).Header.Get("ETag")}
	saved := map[string]models.Owner{}
	for _, kind := range []string{engine.KindProxy, engine.KindProxyGroup} {
		o := s.owner(t, kind)
		o.Description = "by the console"
		if err := s.save(t, o); err != nil {
			t.Fatal(err)
		}
		saved[kind] = s.owner(t, kind)
	}
	for what, write := range s.writes() {
		write.header = map[string]string{"If-Match": tags[write.at()]}
		if a := s.do(t, write).holds(t, `{"success":false,"error":"precondition_failed"}`); a.Status != http.StatusPreconditionFailed || a.Header.Get("ETag") != s.get(t, write.at()).Header.Get("ETag") {
			t.Errorf("%s answers %d", what, a.Status)
		}
		if after := s.owner(t, write.kind()); after.Description != "by the console" || after.Version != saved[write.kind()].Version {
			t.Errorf("%s: the console's save is lost: %+v", what, after)
		}
	}
}

// A policy of an owner's own has a version of its own, so that two who write the
// policy are told, too.
func TestAPolicyOfTheFlowIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	for _, at := range []string{ordersAt, mallAt} {
		s := newMarket(t)
		tag := s.get(t, at+"policies/").Header.Get("ETag")
		kind := map[string]string{ordersAt: engine.KindProxy, mallAt: engine.KindProxyGroup}[at]
		guard := s.owner(t, kind).Bindings[0].Policy
		config := guard.Config.(*jwtauth.Config)
		config.LeewaySeconds = 99
		if _, err := s.site.Store.SavePolicy(t.Context(), modelstest.By(), s.project, guard.ID, guard.Version, config); err != nil {
			t.Fatal(err)
		}
		body := policyBody("", strings.Replace(jwtBody, "RS256", "ES256", 1))
		s.do(t, call{method: http.MethodPut, path: at + "policies/guard/", body: body, header: map[string]string{"If-Match": tag}}).want(t, http.StatusPreconditionFailed)
		if after := s.owner(t, kind).Bindings[0].Policy.Config.(*jwtauth.Config); after.LeewaySeconds != 99 {
			t.Errorf("the console's save is lost: %+v", after)
		}
	}
}

// ATTACK: who may manage but not deploy asks for a deploy in a body.
func TestADeployInABodyNeedsItsRight(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	maker := s.member(t, "maker", "Default", models.ManageAPIs)
	for what, write := range s.writes() {
		body, ok := write.body.(string)
		if !ok || strings.Contains(what, "delete policy") {
			continue
		}
		write.body = strings.Replace(body, "{", `{"deploy":true,"deployTargetEnvironmentNameList":["production"],`, 1)
		if strings.Contains(body, "operationMetadata") {
			write.body = strings.Replace(body, `"deploy":false`, `"deploy":true`, 1)
		}
		maker.do(t, write).want(t, http.StatusForbidden)
	}
	for _, kind := range []string{engine.KindProxy, engine.KindProxyGroup} {
		if o := s.owner(t, kind); len(o.Bindings) != 2 || o.Deployments[0].Revision > 0 {
			t.Errorf("a refused deploy left its change: %+v", o)
		}
	}
	modelstest.Deploy(t, s.site.Store, s.orders, "production")
	maker.do(t, call{method: http.MethodDelete, path: ordersAt + "?undeploy=true"}).want(t, http.StatusForbidden)
	maker.get(t, ordersAt).want(t, http.StatusOK)
	maker.do(t, call{method: http.MethodPost, path: ordersAt + "environments/production/"}).want(t, http.StatusForbidden)
	s.do(t, call{method: http.MethodDelete, path: ordersAt}).want(t, http.StatusConflict)
	s.do(t, call{method: http.MethodDelete, path: ordersAt + "?undeploy=true"}).want(t, http.StatusOK).holds(t, `{"deploymentResult":{"success":true,"deploymentResults":[{"environmentName":"production","success":true}]}}`)
	s.get(t, ordersAt).want(t, http.StatusNotFound)
	s.refused(t, http.MethodDelete, mallAt+"?undeploy=1", "", "undeploy")
}

// ATTACK: the same names in another project.
func TestOwnersOfOtherProjectsAreNotThere(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	modelstest.Project(t, s.site.Store, "other")
	for what, write := range s.writes() {
		write.path = strings.Replace(write.path, "/Default/", "/other/", 1)
		if a := s.do(t, write); a.Status != http.StatusNotFound {
			t.Errorf("%s in another project answers %d: %s", what, a.Status, a.Body)
		}
	}
	s.do(t, call{method: http.MethodPost, path: "/apiops/projects/other/apiProxyGroups/", body: `{"name":"thief","clientRoute":{"relativePathList":["/thief"]},"apiProxyNameList":["orders"]}`}).
		want(t, http.StatusBadRequest).holds(t, `{"fieldErrors":[{"field":"apiProxyNameList[0]"}]}`)
}

func TestTheSecretOfAKeyPairIsRotated(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	for _, at := range []string{ordersAt, mallAt} {
		seen := map[any]bool{}
		for range 2 {
			a := s.do(t, call{method: http.MethodPost, path: at + "secret/"}).want(t, http.StatusOK)
			if a.Header.Get("Cache-Control") != "no-store" {
				t.Error("a secret may be cached")
			}
			key := a.json(t)["clientSecret"].(string)
			if len(key) < 43 || seen[key] {
				t.Errorf("the secret is %q", key)
			}
			seen[key] = true
			if strings.Contains(s.get(t, at).Body, key) {
				t.Error("the secret is answered again")
			}
		}
	}
}
