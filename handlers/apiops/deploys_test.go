package apiops_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestEveryKindIsDeployedAndUndeployed(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	for kind, at := range owners {
		t.Run(kind, func(t *testing.T) {
			place := at + "environments/production/"
			s.get(t, place+"deploy-status/").want(t, http.StatusOK).holds(t, `{"deployed":false,"state":"NOT_DEPLOYED","revision":0,"redeployRequired":false}`)
			s.do(t, call{method: http.MethodDelete, path: place}).want(t, http.StatusNotFound)
			s.refused(t, http.MethodPost, place, `{"description":"`+strings.Repeat("a", 1001)+`"}`, "description")
			s.do(t, call{method: http.MethodPost, path: place}).want(t, http.StatusOK).
				holds(t, `{"success":true,"deploymentResult":{"success":true,"deploymentResults":[{"environmentName":"production","success":true,"message":"Deployment successful"}],"detailList":[]}}`)
			s.get(t, place+"deploy-status/").want(t, http.StatusOK).holds(t, `{"deployed":true,"state":"LIVE","revision":1,"deployedBy":"ada","description":"Deployed by the management API"}`)
			s.send(t, http.MethodPost, place, `{"description":"again","persistent":true}`).want(t, http.StatusOK)
			s.get(t, at+"deploy-histories/").want(t, http.StatusOK).
				holds(t, `{"totalCount":2,"resultList":[{"revision":2,"environmentName":"production","description":"again","deployed":true,"persistent":true},{"revision":1,"deployed":false,"persistent":false}]}`)
			s.do(t, call{method: http.MethodDelete, path: place}).want(t, http.StatusOK).holds(t, `{"deploymentResult":{"deploymentResults":[{"message":"Undeployment successful"}]}}`)
			s.get(t, place+"deploy-status/").want(t, http.StatusOK).holds(t, `{"deployed":false,"state":"UNDEPLOYED","revision":0}`)
			for _, method := range []string{http.MethodPost, http.MethodDelete} {
				s.do(t, call{method: method, path: at + "environments/nope/"}).want(t, http.StatusNotFound)
			}
		})
	}
}

// Nobody deploys what they have not seen: what changes an environment heeds the
// version of what it is about, which it leaves as it is.
func TestDeploysHeedIfMatch(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	s.send(t, http.MethodPost, globals, `{"type":"policy-auth-jwt","name":"seen","jwtSignatureAlgorithm":"RS256"}`).want(t, http.StatusOK)
	asked := func(method, path, body, tag string) answer {
		return s.do(t, call{method: method, path: path, body: body, header: map[string]string{"If-Match": tag}})
	}
	for kind, at := range owners {
		t.Run(kind, func(t *testing.T) {
			tag := s.get(t, at).want(t, http.StatusOK).Header.Get("ETag")
			modelstest.Deploy(t, s.site.Store, s.owner(t, kind), "production")
			modelstest.Deploy(t, s.site.Store, s.owner(t, kind), "production")
			for _, step := range []struct{ method, path string }{
				{http.MethodPost, "deploy-histories/1/rollback/"}, {http.MethodDelete, "environments/production/"}, {http.MethodPost, "environments/production/"},
			} {
				stale := asked(step.method, at+step.path, "", `"4711"`).want(t, http.StatusPreconditionFailed)
				if stale.Header.Get("ETag") != tag {
					t.Errorf("a stale %s tells of %s, want %s", step.path, stale.Header.Get("ETag"), tag)
				}
				if a := asked(step.method, at+step.path, "", tag).want(t, http.StatusOK); a.Header.Get("ETag") != tag {
					t.Errorf("%s answers the version %s, want %s", step.path, a.Header.Get("ETag"), tag)
				}
			}
		})
	}
	const bulk = `{"environmentName":"production","filter":"ALL"}`
	for _, at := range []string{checksAt, globals + "seen/"} {
		asked(http.MethodPost, at+"deploy/", bulk, `"4711"`).want(t, http.StatusPreconditionFailed)
	}
	s.send(t, http.MethodPost, ordersAt+"policies/seen/", `{"operationMetadata":{"targetScope":"ALL","targetPipeline":"REQUEST","globalPolicyName":"seen","deploy":false}}`).want(t, http.StatusOK)
	tag := s.get(t, globals+"seen/").Header.Get("ETag")
	asked(http.MethodPost, globals+"seen/deploy/", bulk, tag).want(t, http.StatusAccepted)
}

func TestTheNodesSayWhetherTheyServe(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	report := func(node string, ok bool, generation int64) {
		if err := s.site.Store.ReportNode(t.Context(), models.NodeReport{Node: node, Environment: "production", Generation: generation, OK: ok, Message: "so it is"}); err != nil {
			t.Fatal(err)
		}
	}
	for kind, at := range owners {
		path := map[string]string{engine.KindProxy: "/orders", engine.KindProxyGroup: "/mall"}[kind]
		health := at + "environments/production/route-health/"
		s.get(t, health).want(t, http.StatusOK).holds(t, `{"routeActive":false,"servedPath":"","methods":[],"deployedInManager":false,"inconsistent":false}`)
		r, err := s.site.Store.Deploy(t.Context(), modelstest.By(), s.project, s.owner(t, kind).ID, "production", "")
		if err != nil {
			t.Fatal(err)
		}
		report("gw-1", true, r.Generation)
		s.get(t, health).holds(t, `{"routeActive":true,"servedPath":"`+path+`","podsResponded":1,"podsActive":1,"deployedInManager":true,"inconsistent":false,"pods":[{"podName":"gw-1","routeActive":true,"responded":true,"detail":"so it is"}]}`)
		report("gw-2", false, r.Generation)
		s.get(t, health).holds(t, `{"routeActive":false,"podsResponded":2,"podsActive":1,"inconsistent":true,"pods":[{"podName":"gw-1"},{"podName":"gw-2","routeActive":false}]}`)
		// A deploy says the same of a node that fails.
		s.do(t, call{method: http.MethodDelete, path: at + "environments/production/"}).want(t, http.StatusOK)
		if err := s.site.Store.ForgetNode(t.Context(), "gw-1"); err != nil {
			t.Fatal(err)
		}
		report("gw-2", false, r.Generation+100)
		s.do(t, call{method: http.MethodPost, path: at + "environments/production/"}).want(t, http.StatusOK).
			holds(t, `{"success":true,"deploymentResult":{"success":false,"deploymentResults":[{"success":false}],"detailList":[{"podName":"gw-2","success":false}]}}`)
		if err := s.site.Store.ForgetNode(t.Context(), "gw-2"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHistoriesAreReadPinnedAndDeleted(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	for kind, at := range owners {
		t.Run(kind, func(t *testing.T) {
			history := at + "deploy-histories/"
			for range 4 {
				modelstest.Deploy(t, s.site.Store, s.owner(t, kind), "production")
			}
			s.get(t, history+"?pageSize=2&page=2").want(t, http.StatusOK).holds(t, `{"totalCount":4,"resultCount":2,"resultList":[{"revision":2},{"revision":1}]}`)
			s.refused(t, http.MethodGet, history+"?page=0", "", "page")
			s.get(t, history+"1/").want(t, http.StatusOK).holds(t, `{"result":{"revision":1,"deployed":false,"definition":{"name":"`+s.owner(t, kind).Name+`"}}}`)
			for _, revision := range []string{"0", "9", "-1", "x", "99999999999999999999", "4294967297"} {
				s.get(t, history+revision+"/").want(t, http.StatusNotFound)
			}
			s.refused(t, http.MethodPatch, history+"1/", `{}`, "persistent")
			s.send(t, http.MethodPatch, history+"1/", `{"persistent":true}`).want(t, http.StatusOK).holds(t, `{"result":{"revision":1,"persistent":true}}`)
			s.send(t, http.MethodDelete, history+"1/", "").want(t, http.StatusConflict)
			s.send(t, http.MethodPatch, history+"1/", `{"persistent":false}`).want(t, http.StatusOK)
			s.send(t, http.MethodDelete, history+"1/", "").want(t, http.StatusOK).holds(t, `{"success":true,"status":"SUCCESS"}`)
			s.send(t, http.MethodDelete, history+"4/", "").want(t, http.StatusConflict)
			s.get(t, history).holds(t, `{"totalCount":3}`)
		})
	}
}

func TestWhatDiffersAndGoingBack(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	modelstest.Environment(t, s.site.Store, "test")
	for kind, at := range owners {
		t.Run(kind, func(t *testing.T) {
			compare := at + "compare/"
			s.get(t, compare).want(t, http.StatusOK).holds(t, `{"result":{"environmentName":"production","comparable":false,"changes":[]}}`)
			modelstest.Deploy(t, s.site.Store, s.owner(t, kind), "production")
			s.get(t, compare).holds(t, `{"result":{"from":"what runs in production (revision 1)","to":"what is edited","comparable":true,"changes":[]}}`)
			guard := s.owner(t, kind).Bindings[0].Policy
			config := guard.Config.(*jwtauth.Config)
			config.LeewaySeconds = 77
			if _, err := s.site.Store.SavePolicy(t.Context(), modelstest.By(), s.project, guard.ID, guard.Version, config); err != nil {
				t.Fatal(err)
			}
			want := `"comparable":true,"changes":[{"title":"guard","added":false,"removed":false,"moves":[],"settings":[{"label":"Clock leeway","before":"30 seconds","after":"77 seconds"}]}]}}`
			s.get(t, compare).holds(t, `{"result":{`+want)
			modelstest.Deploy(t, s.site.Store, s.owner(t, kind), "production")
			s.get(t, compare+"?from=1&to=2&environmentName=test").holds(t, `{"result":{"environmentName":"test","from":"revision 1","to":"revision 2",`+want)
			for query, field := range map[string]string{"from=9": "from", "from=0": "from", "to=x": "to", "to=-1": "to", "from=4294967297": "from", "environmentName=nope": "environmentName"} {
				s.refused(t, http.MethodGet, compare+"?"+query, "", field)
			}
			back := at + "deploy-histories/1/rollback/"
			s.refused(t, http.MethodPost, back+"?environmentName=test", "", "environmentName")
			s.refused(t, http.MethodPost, back, `{"description":"`+strings.Repeat("a", 1001)+`"}`, "description")
			s.do(t, call{method: http.MethodPost, path: back + "?environmentName=production"}).want(t, http.StatusOK).holds(t, `{"deploymentResult":{"success":true,"deploymentResults":[{"environmentName":"production","message":"Rollback successful"}]}}`)
			s.get(t, at+"environments/production/deploy-status/").holds(t, `{"revision":3,"state":"REDEPLOY_REQUIRED","description":"Rollback to revision 1."}`)
			s.send(t, http.MethodPost, at+"deploy-histories/3/rollback/", `{"description":"once more"}`).want(t, http.StatusConflict) // it runs already
			s.send(t, http.MethodPost, at+"deploy-histories/2/rollback/", `{"description":"forth"}`).want(t, http.StatusOK)
			s.get(t, at+"environments/production/deploy-status/").holds(t, `{"revision":4,"state":"LIVE","description":"forth"}`)
		})
	}
}

func TestHowAnAPIIsCalled(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	modelstest.Environment(t, s.site.Store, "test")
	modelstest.Deploy(t, s.site.Store, s.orders, "production")
	o := s.owner(t, engine.KindProxy)
	o.Route = engine.Route{BasePath: "/edited", Hosts: []string{"a.example.com", "b.example.com"}, Methods: []string{"GET"}}
	if err := s.save(t, o); err != nil {
		t.Fatal(err)
	}
	// What runs counts where it runs, and what is edited elsewhere.
	s.get(t, ordersAt+"invoke-info/").want(t, http.StatusOK).holds(t, `{"resultList":[
		{"environmentName":"production","gatewayBaseUrl":"http://production.test","rootContext":"/","fullPaths":["http://production.test/orders"],"methods":["GET","POST","PUT","PATCH","DELETE","HEAD","OPTIONS"],"schemes":["http"],"tokenUrl":"http://production.test/auth/jwt","deployed":true},
		{"environmentName":"test","fullPaths":["http://a.example.com/edited","http://b.example.com/edited"],"methods":["GET"],"deployed":false}]}`)
	s.get(t, mallAt+"invoke-info/").want(t, http.StatusOK).holds(t, `{"resultList":[{"fullPaths":["http://production.test/mall"],"deployed":false},{}]}`)
}

// ATTACK: somebody saves an API as they read it and has it deployed; between the two
// it is changed again. What was not saved by them must not go live with it.
func TestAttackADeployAfterASaveDeploysWhatWasSaved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, method, path, body string }{
		"a proxy that is replaced": {engine.KindProxy, http.MethodPut, ordersAt, `{"clientRoute":{"relativePathList":["/new"]},"routingInfo":{"routingAddressList":[{"address":"http://127.0.0.1:9"}]},"deploy":true,"deployTargetEnvironmentNameList":["production"]}`},
		"a group that is replaced": {engine.KindProxyGroup, http.MethodPut, mallAt, `{"clientRoute":{"relativePathList":["/new"]},"apiProxyNameList":["stock"],"deploy":true,"deployTargetEnvironmentNameList":["production"]}`},
		"a policy that is copied":  {engine.KindProxy, http.MethodPost, ordersAt + "policies/standard/localize/", `{"deploy":true,"deployTargetEnvironmentNameList":["production"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newMarket(t)
			at := owners[c.kind]
			hold, other := connect(t, s.site.Database), connect(t, s.site.Database)
			tx, err := hold.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), "update environments set generation = generation + 1"); err != nil {
				t.Fatal(err)
			}
			tag := s.get(t, at).Header.Get("ETag")
			answered := make(chan answer, 1)
			go func() {
				answered <- s.do(t, call{method: c.method, path: c.path, body: c.body, header: map[string]string{"If-Match": tag}})
			}()
			for waiting := 0; waiting == 0; {
				if err := other.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting); err != nil {
					t.Fatal(err)
				}
			}
			changed := s.owner(t, c.kind)
			changed.Description = "nobody has seen this"
			save := s.site.Store.SaveProxy
			if c.kind == engine.KindProxyGroup {
				save = s.site.Store.SaveProxyGroup
			}
			if _, _, err := save(t.Context(), modelstest.By(), s.project, changed); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			a := <-answered
			a.want(t, http.StatusOK).holds(t, `{"success":true,"deploymentResult":{"success":false,"deploymentResults":[{"success":false,"message":"It was changed again after it was saved. Look at it, and deploy it by itself."}]}}`)
			if d := s.owner(t, c.kind).Deployments[0]; d.Revision != 0 {
				t.Errorf("revision %d runs", d.Revision)
			}
		})
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
