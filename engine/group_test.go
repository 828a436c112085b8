package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
)

// running is a gateway with these owners.
func running(t testing.TB, o engine.Options, owners ...engine.Owner) (*engine.Gateway, *httptest.Server) {
	t.Helper()
	b := enginetest.Bundle(t)
	b.Owners = owners
	return enginetest.Gateway(t, o, b)
}

// bearerOf is the token of an owner's key pair.
func bearerOf(t testing.TB, owner string) string {
	t.Helper()
	return "Bearer " + enginetest.Token(t, keys.HS256, enginetest.Claims(owner, time.Now()))
}

// ATTACK: every owner's token is tried in every place where a policy runs: those
// of key pairs and those of users.
func TestAttackATokenOpensNoPlaceButThoseOfItsOwner(t *testing.T) {
	t.Parallel()
	users := userPolicy()
	users.JWTSignatureAlgorithm = keys.HS256
	for grant, c := range map[string]policy.Config{"client_credentials": jwtPolicy(keys.HS256), "password": users} {
		t.Run(grant, func(t *testing.T) {
			t.Parallel()
			attackEveryPlace(t, c, func(owner string) string {
				claims := enginetest.Claims(owner, time.Now())
				if grant == "password" {
					claims.Subject, claims.GrantType = "mia", grant
				}
				return "Bearer " + enginetest.Token(t, keys.HS256, claims)
			})
		})
	}
}

func attackEveryPlace(t *testing.T, c policy.Config, bearer func(owner string) string) {
	t.Helper()
	at := enginetest.Echo(t).URL
	jwt := enginetest.Bind(t, c)
	checks := enginetest.BindGroup(enginetest.PolicyGroup(t, "checks", c))
	orders, open := enginetest.Proxy("orders", "/orders", at, jwt), enginetest.Proxy("open", "/open", at)
	guarded, both := enginetest.Proxy("guarded", "/guarded", at, checks), enginetest.Proxy("both", "/both", at, checks, jwt)
	lane, gated := enginetest.ProxyGroup("lane", "/lane", open), enginetest.ProxyGroup("gated", "/gated", open)
	lane.Policies, gated.Policies = []engine.Bound{jwt}, []engine.Bound{checks}
	strict := enginetest.ProxyGroup("strict", "/strict", orders)
	strict.Policies = []engine.Bound{checks, jwt}
	_, s := running(t, engine.Options{Types: policy.Set{jwtauth.Type()}},
		enginetest.Owner(t, orders), enginetest.Owner(t, open), enginetest.Owner(t, guarded), enginetest.Owner(t, both),
		enginetest.Owner(t, lane), enginetest.Owner(t, gated), enginetest.Owner(t, strict),
		enginetest.Owner(t, enginetest.Proxy("stock", "/stock", at, jwt)),
		enginetest.Owner(t, enginetest.ProxyGroup("first", "/first", orders)), enginetest.Owner(t, enginetest.ProxyGroup("second", "/second", orders)),
		enginetest.Owner(t, enginetest.ProxyGroup("around", "/around", guarded)),
		enginetest.Owner(t, enginetest.PolicyGroup(t, "checks", c)), enginetest.Owner(t, enginetest.PolicyGroup(t, "spare", c)),
	)
	owners := []string{"orders", "stock", "open", "guarded", "both", "lane", "gated", "strict", "first", "second", "around", "checks", "spare"}
	for _, tt := range []struct {
		place, path string
		good        []string
	}{
		{"a proxy's policy, called directly", "/orders", []string{"orders"}},
		{"a member's policy, called through a group", "/first", []string{"orders", "first"}},
		{"the same through another group", "/second", []string{"orders", "second"}},
		{"a group's own policy", "/lane", []string{"lane"}},
		{"a policy group of a proxy, called directly", "/guarded", []string{"guarded", "checks"}},
		{"a policy group of a member, called through a group", "/around", []string{"guarded", "checks", "around"}},
		{"a policy group of a proxy group", "/gated", []string{"gated", "checks"}},
		{"a policy after a policy group", "/both", []string{"both"}},
		{"policies of group and member, after a policy group", "/strict", []string{"strict"}},
	} {
		for _, owner := range owners {
			want := http.StatusUnauthorized
			if slices.Contains(tt.good, owner) {
				want = http.StatusOK
			}
			token := bearer(owner)
			for range 2 { // the second time comes from the cache of verified tokens
				if a := get(t, s.URL+tt.path+"/x", "Authorization", token); a.status != want {
					t.Errorf("%s: the token of %s is answered %d, want %d", tt.place, owner, a.status, want)
				}
			}
		}
	}
}

// ATTACK: one token is tried at the same member on every way, again and again:
// what one place has verified is nothing to another.
func TestAttackATokenThatAGroupHasVerifiedIsWorthlessDirectly(t *testing.T) {
	t.Parallel()
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, jwtPolicy(keys.HS256)))
	_, s := running(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, enginetest.Owner(t, orders), enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", orders)))
	token := bearerOf(t, "all")
	for range 3 {
		if a := get(t, s.URL+"/all/x", "Authorization", token); a.status != 200 {
			t.Errorf("through the group: %d", a.status)
		}
		if a := get(t, s.URL+"/orders/x", "Authorization", token); a.status != 401 {
			t.Errorf("directly: %d", a.status)
		}
	}
}

// ATTACK: users of one member's source must not become those of another's because
// a group without policies of its own lends the first one's.
func TestAttackAGroupsBorrowedTokenIsWorthlessWhereUsersComeFromElsewhere(t *testing.T) {
	t.Parallel()
	policyOf := func(source string) engine.Bound {
		c := userPolicy()
		c.JWTSignatureAlgorithm, c.IdentityProviderName = keys.HS256, source
		return enginetest.Bind(t, c)
	}
	member := func(name, source string) engine.Proxy {
		p := enginetest.Proxy(name, "/"+name, enginetest.Echo(t).URL, policyOf(source))
		p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/" + name}}
		return p
	}
	lent := enginetest.ProxyGroup("lent", "/lent", member("a", "corp"), member("b", "CORP"), member("c", "guests"))
	own := enginetest.ProxyGroup("own", "/own", lent.Members[0].Proxy, lent.Members[1].Proxy, lent.Members[2].Proxy)
	own.Policies = []engine.Bound{policyOf("corp")}
	_, s := running(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, enginetest.Owner(t, lent), enginetest.Owner(t, own))
	for path, want := range map[string]int{"/lent/a": 200, "/lent/b": 200, "/lent/c": 401, "/own/a": 200, "/own/b": 200, "/own/c": 200} {
		claims := enginetest.Claims(strings.Split(path, "/")[1], time.Now())
		claims.Subject, claims.GrantType = "mia", "password"
		if a := get(t, s.URL+path, "Authorization", "Bearer "+enginetest.Token(t, keys.HS256, claims)); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
}

func TestAKeyPairThatChangedIsThatOfTheMomentEverywhere(t *testing.T) {
	t.Parallel()
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, jwtPolicy(keys.HS256)))
	b := enginetest.Bundle(t, orders)
	b.Owners = append(b.Owners, enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", orders)))
	g, s := enginetest.Gateway(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, b)
	old, next := bearerOf(t, "orders"), bearerOf(t, "new")
	if a := get(t, s.URL+"/all", "Authorization", old); a.status != 200 {
		t.Fatalf("before: %d", a.status)
	}
	b.Owners[0].Client.ID = "new-client"
	if err := g.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/orders", "/all"} {
		if a := get(t, s.URL+path, "Authorization", old); a.status != 401 {
			t.Errorf("%s with the old one: %d", path, a.status)
		}
		if a := get(t, s.URL+path, "Authorization", next); a.status != 200 {
			t.Errorf("%s with the new one: %d", path, a.status)
		}
	}
}

func TestPoliciesRunInTheOrderOfGroupThenMemberThenEndpoint(t *testing.T) {
	t.Parallel()
	typ, mark := enginetest.Marks()
	bind := func(name string) engine.Bound { return enginetest.Bind(t, mark(name)) }
	group := func(names ...string) engine.Bound {
		var list []policy.Config
		for _, n := range names {
			list = append(list, mark(n))
		}
		return enginetest.BindGroup(enginetest.PolicyGroup(t, strings.Join(names, "-"), list...))
	}
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL)
	orders.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/items/{id}"}, {Method: "GET", Path: "/free"}}
	only := bind("endpoint")
	only.Scope, only.Endpoint = policy.Endpoint, &engine.APIEndpoint{Method: "GET", Path: "/items/{other}"}
	grouped := group("e1", "e2")
	grouped.Scope, grouped.Endpoint = policy.Endpoint, only.Endpoint
	orders.Policies = []engine.Bound{only, bind("all"), group("a1", "a2"), grouped, bind("last")}
	all := enginetest.ProxyGroup("all", "/all", orders)
	all.Policies = []engine.Bound{bind("g1"), group("g2", "g3"), bind("g4")}
	_, s := running(t, engine.Options{Types: policy.Set{typ}}, enginetest.Owner(t, orders), enginetest.Owner(t, all))
	for path, want := range map[string]string{
		"/orders/items/7": "all a1 a2 last endpoint e1 e2", "/orders/free": "all a1 a2 last",
		"/all/items/7": "g1 g2 g3 g4 all a1 a2 last endpoint e1 e2", "/all/free": "g1 g2 g3 g4 all a1 a2 last",
	} {
		if got := strings.Join(arrived(t, get(t, s.URL+path)).Headers["X-Order"], " "); got != want {
			t.Errorf("%s: %s\nwant %s", path, got, want)
		}
	}
}

func TestAPolicyGroupRunsWhatIsActiveAndMeantForTheRequest(t *testing.T) {
	t.Parallel()
	typ, mark := enginetest.Marks()
	passive := func(c *policy.Common) { c.Active = false }
	when := func(unmet policy.UnmetAction) func(*policy.Common) {
		return func(c *policy.Common) {
			c.Condition, c.ConditionUnmetAction = rule(byHeader, "EQ", "test"), unmet
			c.Messages = []fault.Message{{Type: fault.ConditionUnmet, Text: "Not " + c.Name + "."}}
		}
	}
	for name, tt := range map[string]struct {
		change   func(*engine.PolicyGroup)
		policies []policy.Config
		field    string
		status   int
		want     string
	}{
		"both":                             {nil, []policy.Config{mark("a"), mark("b")}, "", 200, "a b"},
		"a passive group":                  {func(g *engine.PolicyGroup) { g.Active = false }, []policy.Config{mark("a"), mark("b")}, "", 200, ""},
		"a passive policy":                 {nil, []policy.Config{mark("a", passive), mark("b")}, "", 200, "b"},
		"an empty group":                   {nil, nil, "", 200, ""},
		"a condition that is unmet":        {nil, []policy.Config{mark("a", when(policy.Skip)), mark("b")}, "prod", 200, "b"},
		"a condition that is met":          {nil, []policy.Config{mark("a", when(policy.Skip)), mark("b")}, "test", 200, "a b"},
		"a refusal in the policy's words":  {nil, []policy.Config{mark("a"), mark("b", when(policy.Reject))}, "prod", 403, "Not b."},
		"a refusal that does not come up":  {nil, []policy.Config{mark("a"), mark("b", when(policy.Reject))}, "test", 200, "a b"},
		"a refusal of a policy of another": {func(g *engine.PolicyGroup) { g.Active = false }, []policy.Config{mark("b", when(policy.Reject))}, "prod", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := enginetest.PolicyGroup(t, "checks", tt.policies...)
			if tt.change != nil {
				tt.change(&g)
			}
			events := enginetest.NewEvents()
			_, s := running(t, engine.Options{Types: policy.Set{typ}, Sink: events}, enginetest.Owner(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.BindGroup(g))))
			a := get(t, s.URL+"/orders", "X-Environment", tt.field)
			if a.status != tt.status {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if e := events.NextAccess(t); a.status != 200 {
				if !strings.Contains(a.body, tt.want) || e.Policy != "b" {
					t.Errorf("%s by %q", a.body, e.Policy)
				}
			} else if got := strings.Join(arrived(t, a).Headers["X-Order"], " "); got != tt.want {
				t.Errorf("ran %q, want %q", got, tt.want)
			}
		})
	}
}

// ATTACK: no way of writing the address of a blocked member avoids its group, and
// a token of its own opens it no more than none.
func TestAttackABlockedMemberIsReachedThroughItsGroupsAlone(t *testing.T) {
	t.Parallel()
	ran := 0
	typ := enginetest.Func("policy-count", func(*policy.Exchange) error { ran++; return nil })
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.BindFunc(t, typ))
	orders.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/items"}}
	hosted := enginetest.Proxy("hosted", "/hosted", enginetest.Echo(t).URL)
	hosted.Route.Hosts = []string{"api.test", "*.eu.test"}
	shut := enginetest.ProxyGroup("shut", "/shut", orders, hosted)
	shut.BlockDirectAccess = true
	events := enginetest.NewEvents()
	_, s := running(t, engine.Options{Types: policy.Set{typ}, Sink: events}, enginetest.Owner(t, orders), enginetest.Owner(t, hosted),
		enginetest.Owner(t, shut), enginetest.Owner(t, enginetest.ProxyGroup("free", "/free", orders)))
	for _, line := range []string{
		"GET /orders/items", "GET /orders", "GET /orders/", "POST /orders/items", "GET /orders/none", "OPTIONS /orders/items",
		"GET /%6Frders/items", "GET /%6f%72ders/items", "GET /orders/items?access_token=x", "GET http://x.test/orders/items", "GET /orders/items?/free/items",
	} {
		a := rawOne(t, s, line+" HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\nAuthorization: "+bearerOf(t, "orders")+"\r\n\r\n")
		if a.status != 403 || a.header.Get("Allow") != "" || !strings.Contains(a.body, fault.Find(fault.DirectAccess).Message) {
			t.Errorf("%s: %d %s", line, a.status, a.body)
		}
		if e := events.NextAccess(t); e.Fault != fault.DirectAccess || e.Proxy != "orders" || e.Group != "" || e.Result != "BLOCKED" {
			t.Errorf("%s: event %+v", line, e)
		}
	}
	if a := send(t, request(t, "HEAD", s.URL+"/orders/items", "")); a.status != 403 {
		t.Errorf("HEAD: %d", a.status)
	}
	for _, host := range []string{"api.test", "API.test:80", "api.test.", "a.eu.test"} {
		if a := rawOne(t, s, "GET /hosted/x HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); a.status != 403 {
			t.Errorf("host %s: %d", host, a.status)
		}
	}
	for _, line := range []string{"GET /orders/../orders/items", "GET //orders/items", "GET /free/../orders/items", "GET /orders%2fitems"} {
		if a := rawOne(t, s, line+" HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n"); a.status < 400 {
			t.Errorf("%s: %d", line, a.status)
		}
	}
	if ran != 0 {
		t.Errorf("policies ran %d times", ran)
	}
	for _, path := range []string{"/shut/items", "/free/items"} {
		if a := get(t, s.URL+path); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestAMemberIsFreeAgainWithItsGroup(t *testing.T) {
	t.Parallel()
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL)
	shut := enginetest.ProxyGroup("shut", "/shut", orders)
	shut.BlockDirectAccess = true
	b := enginetest.Bundle(t, orders)
	alone := b.Owners
	g, s := enginetest.Gateway(t, engine.Options{}, b)
	for i, want := range []int{200, 403, 200} {
		if b.Owners = alone; want == 403 {
			b.Owners = append(slices.Clip(alone), enginetest.Owner(t, shut))
		}
		if err := g.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if a := get(t, s.URL+"/orders"); a.status != want {
			t.Errorf("%d: %d, want %d", i, a.status, want)
		}
	}
}

func TestACallThroughAGroupIsTheMembers(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "orders ", r.URL.Path) })
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "stock ", r.URL.Path) })
	seen := make(chan condition.Request, 9)
	typ := enginetest.Func("policy-look", func(x *policy.Exchange) error { seen <- x.Request; return nil })
	orders := enginetest.Proxy("orders", "/orders/deep", api.URL+"/v1")
	orders.Route.Hosts = []string{"other.test"}
	orders.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/items/{id}"}}
	all := enginetest.ProxyGroup("all", "/all/apis", orders, enginetest.Proxy("stock", "/stock", other.URL))
	all.Policies = []engine.Bound{enginetest.BindFunc(t, typ)}
	events := enginetest.NewEvents()
	_, s := running(t, engine.Options{Types: policy.Set{typ}, Sink: events}, enginetest.Owner(t, all), enginetest.Owner(t, enginetest.Proxy("free", "/free", api.URL, enginetest.BindFunc(t, typ))))
	for _, tt := range []struct{ path, body, proxy, group, id, base, endpoint string }{
		{"/all/apis/items/7", "orders /v1/items/7", "orders", "all", "id-all", "/all/apis", "/items/{id}"},
		{"/all/apis/what/ever", "stock /what/ever", "stock", "all", "id-all", "/all/apis", ""},
		{"/all/apis", "stock /", "stock", "all", "id-all", "/all/apis", ""},
		{"/free/x", "orders /x", "free", "", "", "/free", ""},
	} {
		a := get(t, s.URL+tt.path)
		if a.status != 200 || a.body != tt.body {
			t.Errorf("%s: %d %s, want %s", tt.path, a.status, a.body, tt.body)
		}
		x := <-seen
		if x.OwnerID != "id-"+tt.proxy || x.OwnerName != tt.proxy || x.GroupID != tt.id || x.GroupName != tt.group || x.BasePath != tt.base || x.EndpointPath != tt.endpoint {
			t.Errorf("%s: policies see %+v", tt.path, x)
		}
		if e := events.NextAccess(t); e.Proxy != tt.proxy || e.Group != tt.group || e.Project != "shop" {
			t.Errorf("%s: event %+v", tt.path, e)
		}
	}
	if a := get(t, s.URL+"/orders/deep/items/7"); a.status != 404 {
		t.Errorf("a member that is not deployed itself: %d", a.status)
	}
}

func TestConditionsTellHowAProxyWasCalled(t *testing.T) {
	t.Parallel()
	typ, mark := enginetest.Marks()
	on := func(name condition.ContextName, value string) policy.Config {
		return mark(string(name), func(c *policy.Common) {
			c.Condition = rule(condition.Variable{Type: condition.Context, ContextValue: name}, "EQ", value)
			c.ConditionUnmetAction = policy.Skip
		})
	}
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL,
		enginetest.Bind(t, on("APIPROXYGROUP_ID", "id-all")), enginetest.Bind(t, on("APIPROXYGROUP_NAME", "all")), enginetest.Bind(t, on("REQUEST_IS_APIPROXY", "true")),
		enginetest.Bind(t, on("REQUEST_IS_APIPROXYGROUP", "true")), enginetest.Bind(t, on("APIPROXY_NAME", "orders")), enginetest.Bind(t, on("APIPROXY_ID", "id-orders")))
	_, s := running(t, engine.Options{Types: policy.Set{typ}}, enginetest.Owner(t, orders), enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", orders)))
	for path, want := range map[string]string{
		"/orders": "REQUEST_IS_APIPROXY APIPROXY_NAME APIPROXY_ID",
		"/all":    "APIPROXYGROUP_ID APIPROXYGROUP_NAME REQUEST_IS_APIPROXYGROUP APIPROXY_NAME APIPROXY_ID",
	} {
		if got := strings.Join(arrived(t, get(t, s.URL+path)).Headers["X-Order"], " "); got != want {
			t.Errorf("%s: %s\nwant %s", path, got, want)
		}
	}
}

func TestErrorsOfAGroupAreInTheWordsOfTheMemberThenOfTheGroup(t *testing.T) {
	t.Parallel()
	template := func(word string) *fault.Bodies {
		return &fault.Bodies{Upstream: true, JSON: fault.Body{Enabled: true, Text: `{"by":"` + word + `","api":"#{apiProxy.name}","desk":"${DESK}"}`}}
	}
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	member := func(name string, bodies *fault.Bodies) engine.Proxy {
		p := enginetest.Proxy(name, "/"+name, broken.URL, enginetest.Bind(t, jwtPolicy(keys.HS256)))
		p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/" + name}}
		p.ErrorTemplates, p.Values = bodies, map[string]string{"DESK": name}
		return p
	}
	all := enginetest.ProxyGroup("all", "/all", member("own", template("member")), member("none", nil))
	all.ErrorTemplates, all.Values = template("group"), map[string]string{"DESK": "all"}
	plain := enginetest.ProxyGroup("plain", "/plain", all.Members[0].Proxy, all.Members[1].Proxy)
	_, s := running(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, enginetest.Owner(t, all), enginetest.Owner(t, plain))
	for _, tt := range []struct {
		path, token string
		status      int
		want        string
	}{
		{"/all/own", "", 401, `{"by":"member","api":"own","desk":"own"}`}, {"/all/none", "", 401, `{"by":"group","api":"none","desk":"all"}`},
		{"/all/own", "all", 500, `{"by":"member","api":"own","desk":"own"}`}, {"/all/none", "all", 500, `{"by":"group","api":"none","desk":"all"}`},
		{"/all/nobody", "", 404, `{"by":"group","api":"","desk":"all"}`}, {"/plain/own", "", 401, `{"by":"member","api":"own","desk":"own"}`},
		{"/plain/none", "", 401, `{"statusCode":401,"message":"Authentication is required."}`}, {"/plain/none", "plain", 500, ""},
	} {
		var fields []string
		if tt.token != "" {
			fields = []string{"Authorization", bearerOf(t, tt.token)}
		}
		if a := get(t, s.URL+tt.path, fields...); a.status != tt.status || a.body != tt.want {
			t.Errorf("%s: %d %s, want %d %s", tt.path, a.status, a.body, tt.status, tt.want)
		}
	}
}

// Reference 1.7: access to a proxy comes before access to its group.
func TestAccessToAMemberDecidesBeforeAccessToItsGroup(t *testing.T) {
	t.Parallel()
	c := jwtPolicy(keys.HS256)
	c.AuthenticationType = identity.SecretManager
	lane, free := enginetest.Proxy("lane", "/lane", enginetest.Echo(t).URL), enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, c))
	inGroup := enginetest.ProxyGroup("gate", "/gate", lane)
	inGroup.Policies = []engine.Bound{enginetest.Bind(t, c)}
	b := enginetest.Bundle(t, lane, free)
	b.Owners = append(b.Owners, enginetest.Owner(t, inGroup), enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", free)))
	over, good := identity.Access{Expires: time.Now().Add(-time.Hour)}, identity.Access{}
	noGet := identity.Access{DeniedMethods: []string{"GET"}}
	grants := map[string]map[string]identity.Access{
		"nobody": nil, "member": {"id-orders": good, "id-lane": good}, "group": {"id-all": good, "id-gate": good},
		"member-over": {"id-orders": over, "id-lane": over, "id-all": good, "id-gate": good}, "group-over": {"id-all": over, "id-gate": over},
		"member-only": {"id-orders": good, "id-lane": good, "id-all": over, "id-gate": over}, "member-less": {"id-orders": noGet, "id-lane": noGet, "id-all": good, "id-gate": good},
	}
	for name, access := range grants {
		b.Credentials = append(b.Credentials, &identity.Credential{Name: name, Enabled: true, Access: access})
	}
	_, s := enginetest.Gateway(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, b)
	as := func(name, audience string) string {
		claims := enginetest.Claims(audience, time.Now())
		claims.Subject, claims.ClientID = name, name
		return "Bearer " + enginetest.Token(t, keys.HS256, claims)
	}
	for name := range grants {
		directly := name == "member" || name == "member-only"
		for _, tt := range []struct {
			path, audience string
			good           bool
		}{
			{"/all", "all", directly || name == "group"}, {"/all", "orders", directly || name == "group"},
			{"/gate", "gate", directly || name == "group"}, {"/orders", "orders", directly},
		} {
			want := http.StatusForbidden
			if tt.good {
				want = http.StatusOK
			}
			if a := get(t, s.URL+tt.path, "Authorization", as(name, tt.audience)); a.status != want {
				t.Errorf("%s at %s with a token for %s: %d, want %d", name, tt.path, tt.audience, a.status, want)
			}
		}
	}
	for path, owner := range map[string]string{"/all": "all", "/gate": "gate", "/orders": "orders"} {
		if a := get(t, s.URL+path, "Authorization", bearerOf(t, owner)); a.status != 200 {
			t.Errorf("the key pair of %s is taken for a credential: %d %s", owner, a.status, a.body)
		}
	}
}

func TestAGroupTakesOverWhatDidNotChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*engine.Bundle)
		want   int // policies compiled anew, of the proxy's one and the group's two
	}{
		{"nothing", func(b *engine.Bundle) { b.Generation++ }, 0},
		{"the proxy's client id, which the group accepts", func(b *engine.Bundle) { b.Owners[0].Client.ID = "new" }, 3},
		{"the policy group's client id", func(b *engine.Bundle) { b.Owners[2].Client.ID = "new" }, 3}, // its own one and the group's two
		{"the group's client id", func(b *engine.Bundle) { b.Owners[1].Client.ID = "new" }, 2},
		{"the proxy's own deploy", func(b *engine.Bundle) { b.Owners[0].Digest = "new" }, 1},
		{"the group's deploy", func(b *engine.Bundle) { b.Owners[1].Digest = "new" }, 2},
		{"the proxy's undeploy", func(b *engine.Bundle) { b.Owners = b.Owners[1:] }, 0},
		{"a secret", func(b *engine.Bundle) { b.Owners[1].Client.SecretHash = "new" }, 0},
		{"the public URL", func(b *engine.Bundle) { b.PublicURL = "https://new.example.com" }, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			typ := enginetest.Counted("policy-counted", &n)
			checks := enginetest.PolicyGroup(t, "checks", typ.New())
			orders := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:1", enginetest.BindFunc(t, typ))
			all := enginetest.ProxyGroup("all", "/all", orders)
			all.Policies = []engine.Bound{enginetest.BindGroup(checks)}
			b := enginetest.Bundle(t, orders)
			b.Owners = append(b.Owners, enginetest.Owner(t, all), enginetest.Owner(t, checks))
			d := engine.Deps{Types: policy.Set{typ}}
			first, err := engine.Compile(t.Context(), b, nil, d)
			if err != nil {
				t.Fatal(err)
			}
			n = 0
			tt.change(&b)
			if _, err := engine.Compile(t.Context(), b, first, d); err != nil {
				t.Fatal(err)
			}
			if n != tt.want {
				t.Errorf("compiled %d policies anew, want %d", n, tt.want)
			}
		})
	}
}

func TestWhatIsWrongWithAGroupIsNamedByField(t *testing.T) {
	t.Parallel()
	types := policy.Set{enginetest.Func("policy-open", func(*policy.Exchange) error { return nil }), jwtauth.Type()}
	open := enginetest.Bind(t, types[0].New())
	bad := enginetest.Bind(t, types[0].New())
	bad.Policy = []byte(`{"type":"policy-open","name":"x","colour":1}`)
	member := func(policies ...engine.Bound) engine.Proxy {
		return enginetest.Proxy("orders", "/orders", "http://127.0.0.1:1", policies...)
	}
	group := func(change func(*engine.ProxyGroup)) engine.Owner {
		g := enginetest.ProxyGroup("all", "/all", member())
		change(&g)
		return enginetest.Owner(t, g)
	}
	checks := func(change func(*engine.PolicyGroup)) engine.PolicyGroup {
		g := enginetest.PolicyGroup(t, "checks", types[0].New(), types[0].New())
		change(&g)
		return g
	}
	bound := func(change func(*engine.PolicyGroup)) engine.Bound { return enginetest.BindGroup(checks(change)) }
	unknown := func(g *engine.PolicyGroup) { g.Policies[1] = bad.Policy }
	tests := map[string]struct {
		owner engine.Owner
		field string
	}{
		"no members":            {group(func(g *engine.ProxyGroup) { g.Members = nil }), "members"},
		"one member twice":      {group(func(g *engine.ProxyGroup) { g.Members = append(g.Members, g.Members[0]) }), "members[1]"},
		"no name":               {group(func(g *engine.ProxyGroup) { g.Name = "" }), "name"},
		"a reserved path":       {group(func(g *engine.ProxyGroup) { g.Route.BasePath = "/auth" }), "basePath"},
		"a host that is none":   {group(func(g *engine.ProxyGroup) { g.Route.Hosts = []string{"A b"} }), "hosts"},
		"a method that is none": {group(func(g *engine.ProxyGroup) { g.Route.Methods = []string{"TRACE"} }), "methods"},
		"a policy for one endpoint": {group(func(g *engine.ProxyGroup) {
			open := open
			open.Scope = policy.Endpoint
			g.Policies = []engine.Bound{open}
		}), "policies[0].scope"},
		"a template without text": {group(func(g *engine.ProxyGroup) { g.ErrorTemplates = &fault.Bodies{JSON: fault.Body{Enabled: true}} }), "errorTemplates.json.template"},
		"a group's policy":        {group(func(g *engine.ProxyGroup) { g.Policies = []engine.Bound{open, bad} }), "policies[1].colour"},
		"a group's policy in another pipeline": {group(func(g *engine.ProxyGroup) {
			open := open
			open.Pipeline = policy.Response
			g.Policies = []engine.Bound{open}
		}), "policies[0].pipeline"},
		"a policy of its policy group":        {group(func(g *engine.ProxyGroup) { g.Policies = []engine.Bound{open, bound(unknown)} }), "policies[1].policies[1].colour"},
		"a member's address":                  {group(func(g *engine.ProxyGroup) { g.Members[0].Proxy.Upstream.URL = "nowhere" }), "members[0].upstreamUrl"},
		"a member's policy":                   {group(func(g *engine.ProxyGroup) { g.Members[0].Proxy = member(open, bad) }), "members[0].policies[1].colour"},
		"a policy of a member's policy group": {group(func(g *engine.ProxyGroup) { g.Members[0].Proxy = member(bound(unknown)) }), "members[0].policies[0].policies[1].colour"},
		"a policy of a proxy's policy group":  {enginetest.Owner(t, member(open, bound(unknown))), "policies[1].policies[1].colour"},
		"a bound policy group without a name": {enginetest.Owner(t, member(bound(func(g *engine.PolicyGroup) { g.Name = "" }))), "policies[0].name"},
		"a policy group for another pipeline": {enginetest.Owner(t, member(func() engine.Bound {
			b := bound(func(g *engine.PolicyGroup) { g.Pipeline = policy.Response })
			b.Pipeline = policy.Request
			return b
		}())), "policies[0].pipeline"},
		"a policy group where its policy cannot run": {enginetest.Owner(t, member(bound(func(g *engine.PolicyGroup) { g.Pipeline, g.Policies = policy.Response, g.Policies[:1] }))), "policies[0].policies[0].pipeline"},
		"a policy and a policy group":                {enginetest.Owner(t, member(func() engine.Bound { b := bound(func(*engine.PolicyGroup) {}); b.Policy = open.Policy; return b }())), "policies[0].group"},
		"neither of them":                            {enginetest.Owner(t, member(engine.Bound{Scope: policy.All, Pipeline: policy.Request})), "policies[0]"},
		"a policy group without a place":             {enginetest.Owner(t, member(func() engine.Bound { b := bound(func(*engine.PolicyGroup) {}); b.Scope = policy.Endpoint; return b }())), "policies[0].endpoint"},
		"a policy group's own name":                  {enginetest.Owner(t, checks(func(g *engine.PolicyGroup) { g.Name = "a/b" })), "name"},
		"a policy group's pipeline":                  {enginetest.Owner(t, checks(func(g *engine.PolicyGroup) { g.Pipeline = "SIDE" })), "pipeline"},
		"a policy group's pipeline of the rest":      {enginetest.Owner(t, checks(func(g *engine.PolicyGroup) { g.Pipeline, g.Policies = policy.Error, g.Policies[:1] })), "policies[0].pipeline"},
		"a policy group's policy":                    {enginetest.Owner(t, checks(unknown)), "policies[1].colour"},
		"a passive policy group's policy":            {enginetest.Owner(t, checks(func(g *engine.PolicyGroup) { unknown(g); g.Active = false })), "policies[1].colour"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := engine.Check(types, enginetest.Bundle(t), tt.owner)
			l := problem.Of(err)
			if l.For(tt.field) == "" || len(l) != 1 {
				t.Errorf("Check = %v, want one problem with %s", err, tt.field)
			}
		})
	}
	if l := (&engine.ProxyGroup{Name: "draft", Route: engine.Route{BasePath: "/draft"}}).Validate(); len(l) != 0 {
		t.Errorf("a draft without members: %v", l)
	}
	for name, o := range map[string]engine.Owner{
		"an unknown member of a group":        {Kind: engine.KindProxyGroup, Definition: []byte(`{"name":"a","quota":1}`)},
		"an unknown member of a policy group": {Kind: engine.KindPolicyGroup, Definition: []byte(`{"name":"a","route":{}}`)},
		"a second value":                      {Kind: engine.KindPolicyGroup, Definition: []byte(`{"name":"a","pipeline":"REQUEST"}{}`)},
		"a kind that nobody knows":            {Kind: "TEAM", Definition: []byte(`{}`)},
	} {
		if err := engine.Check(types, enginetest.Bundle(t), o); err == nil || len(problem.Of(err)) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddressesOfProxiesAndGroupsAreNotSharedAndKindsAreNamed(t *testing.T) {
	t.Parallel()
	orders := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:1")
	checks := enginetest.PolicyGroup(t, "checks")
	twin := checks
	twin.ID = "other"
	for name, tt := range map[string]struct {
		owners []engine.Owner
		want   []string
	}{
		"a proxy and a group":        {[]engine.Owner{enginetest.Owner(t, orders), enginetest.Owner(t, enginetest.ProxyGroup("all", "/orders", orders))}, []string{`proxy "orders"`, `proxy group "all"`, "the path /orders"}},
		"two groups":                 {[]engine.Owner{enginetest.Owner(t, enginetest.ProxyGroup("one", "/all", orders)), enginetest.Owner(t, enginetest.ProxyGroup("two", "/all", orders))}, []string{`proxy group "one"`, `proxy group "two"`, "the path /all"}},
		"one client id of two kinds": {[]engine.Owner{enginetest.Owner(t, checks), enginetest.Owner(t, twin)}, []string{`policy group "checks"`, "one client id"}},
	} {
		b := enginetest.Bundle(t)
		b.Owners = tt.owners
		_, err := engine.Compile(t.Context(), b, nil, engine.Deps{})
		for _, part := range tt.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not name %q", name, err, part)
			}
		}
	}
	same := enginetest.PolicyGroup(t, "orders")
	same.ID, same.ClientID = "other", "checks-client"
	b := enginetest.Bundle(t, orders)
	b.Owners = append(b.Owners, enginetest.Owner(t, same))
	g, _ := enginetest.Gateway(t, engine.Options{}, b)
	var kinds []string
	for _, o := range g.Running().Owners {
		kinds = append(kinds, o.Kind)
	}
	if want := []string{engine.KindPolicyGroup, engine.KindProxy}; !slices.Equal(kinds, want) {
		t.Errorf("running %v, want %v", kinds, want)
	}
}

// askFor is a login of mia with a public client.
func (s *shop) askFor(t *testing.T, client string) answer {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {"mia"}, "password": {"m1a"}}
	return send(t, request(t, "POST", s.URL+"/auth/jwt", form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
}

func TestEveryKeyPairGetsTokensOfItsFirstPolicyThatIssuesSome(t *testing.T) {
	t.Parallel()
	named := func(name string, change ...func(*jwtauth.Config)) *jwtauth.Config {
		c := userPolicy()
		c.Name = name
		for _, f := range change {
			f(c)
		}
		return c
	}
	passive := func(c *jwtauth.Config) { c.Active = false }
	off := enginetest.PolicyGroup(t, "off", named("of a passive group"))
	off.Active = false
	checks := enginetest.PolicyGroup(t, "checks", named("passive", passive), named("of checks"), named("second"))
	at := enginetest.Echo(t).URL
	none := enginetest.Proxy("none", "/none", at)
	inGroup := enginetest.Proxy("grouped", "/grouped", at, enginetest.BindGroup(off), enginetest.BindGroup(checks), enginetest.Bind(t, named("last")))
	orders := enginetest.Proxy("own", "/own", at, enginetest.Bind(t, named("of own")), enginetest.BindGroup(checks))
	lent := enginetest.ProxyGroup("lent", "/lent", none, orders, inGroup)
	lane := enginetest.ProxyGroup("lane", "/lane", orders)
	lane.Policies = []engine.Bound{enginetest.BindGroup(off), enginetest.Bind(t, named("of lane"))}
	s := newShop(t)
	s.apply(t, func(b *engine.Bundle) {
		b.Owners = []engine.Owner{
			enginetest.Owner(t, none), enginetest.Owner(t, inGroup), enginetest.Owner(t, orders), enginetest.Owner(t, lent), enginetest.Owner(t, lane),
			enginetest.Owner(t, checks), enginetest.Owner(t, off), enginetest.Owner(t, enginetest.ProxyGroup("empty", "/empty", none)),
		}
	})
	for owner, want := range map[string]string{
		"none": "", "grouped": "of checks", "own": "of own", "lent": "of own", "lane": "of lane", "checks": "of checks", "off": "", "empty": "",
	} {
		a := s.askFor(t, owner+"-client")
		e := s.events.NextToken(t)
		if (a.status == 200) != (want != "") || e.Policy != want || e.Owner != owner {
			t.Errorf("%s: %d, issued by %q of %q, want %q", owner, a.status, e.Policy, e.Owner, want)
		}
	}
}

// A policy's tokens are revoked wherever they are good.
func TestRevokingAPolicysTokensEndsThoseOfTheGroupThatItLendsThem(t *testing.T) {
	t.Parallel()
	member := func(name string) engine.Proxy {
		c := userPolicy()
		c.Name = "of " + name
		p := enginetest.Proxy(name, "/"+name, enginetest.Echo(t).URL, enginetest.Bind(t, c))
		p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/" + name}}
		return p
	}
	s := newShop(t)
	s.apply(t, func(b *engine.Bundle) {
		b.Owners = []engine.Owner{enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", member("a"), member("b")))}
	})
	_, rest, _ := strings.Cut(s.askFor(t, "all-client").body, `"access_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	for _, want := range []int{200, 401} {
		if a := s.call(t, "GET", "/all/b", token); a.status != want {
			t.Errorf("at the second member: %d, want %d", a.status, want)
		}
		s.Revoke(revoke.Entry{Kind: revoke.Policy, Project: "shop", Key: "of a", Before: s.clock.Now().Add(time.Second)})
	}
}

func TestTheTokenServiceKnowsOwnersOfEveryKind(t *testing.T) {
	t.Parallel()
	orders := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:1")
	b := enginetest.Bundle(t, orders)
	b.Owners = append(b.Owners, enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", orders)), enginetest.Owner(t, enginetest.PolicyGroup(t, "checks")))
	s, err := engine.Compile(t.Context(), b, nil, engine.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []token.Owner{
		{ID: "id-orders", Kind: engine.KindProxy, Project: "shop", Name: "orders", URL: enginetest.PublicURL + "/orders", ClientID: "orders-client", Groups: []string{"id-all"}},
		{ID: "id-all", Kind: engine.KindProxyGroup, Project: "shop", Name: "all", URL: enginetest.PublicURL + "/all", ClientID: "all-client", Members: []string{"id-orders"}},
		{ID: "id-checks", Kind: engine.KindPolicyGroup, Project: "shop", Name: "checks", ClientID: "checks-client"},
	} {
		byClient, _ := s.Owner(want.ClientID)
		byID, _ := s.OwnerByID(want.ID)
		if diff := cmp.Diff([]token.Owner{want, want}, []token.Owner{byClient, byID}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, diff)
		}
	}
}

func TestARefusedTokenIsToldWhoseTokensAreGood(t *testing.T) {
	t.Parallel()
	orders := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, jwtPolicy(keys.HS256)))
	events := enginetest.NewEvents()
	_, s := running(t, engine.Options{Types: policy.Set{jwtauth.Type()}, Sink: events}, enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", orders)))
	get(t, s.URL+"/all", "Authorization", bearerOf(t, "stock"))
	e := events.NextAccess(t)
	why := fault.Explain(e.Fault, e.Cause).Why
	for _, part := range []string{`"stock-client"`, `client id is "orders-client"`, `tokens of "all-client"`} {
		if !strings.Contains(why, part) {
			t.Errorf("%q does not name %s", why, part)
		}
	}
}

func TestAGroupsMethodsAndHostsLimitAllItsMembers(t *testing.T) {
	t.Parallel()
	all := enginetest.ProxyGroup("all", "/all", enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL))
	all.Route.Methods, all.Route.Hosts = []string{"GET"}, []string{"127.0.0.1"}
	_, s := running(t, engine.Options{}, enginetest.Owner(t, all))
	if a := send(t, request(t, "POST", s.URL+"/all", "")); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("another method: %d, Allow: %s", a.status, a.header.Get("Allow"))
	}
	if a := rawOne(t, s, "GET /all HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n"); a.status != 404 {
		t.Errorf("another host: %d", a.status)
	}
	if a := get(t, s.URL+"/all"); a.status != 200 {
		t.Errorf("%d", a.status)
	}
}
