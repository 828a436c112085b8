package engine_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

var changing = engine.Options{Types: policy.Set{jwtauth.Type(), headers.Type()}}

// changes is a headers policy that is called as its first change.
func changes(list ...headers.Change) *headers.Config {
	c := headers.New()
	c.Name, c.Changes = list[0].Name, list
	return c
}

func set(name, value string) headers.Change {
	return headers.Change{Action: policy.SetField, Name: name, Value: value}
}

func add(name, value string) headers.Change {
	return headers.Change{Action: policy.AddField, Name: name, Value: value}
}

func remove(name string) headers.Change {
	return headers.Change{Action: policy.RemoveField, Name: name}
}

func setTo(name string, v condition.Variable) headers.Change {
	return headers.Change{Action: policy.SetField, Name: name, Variable: &v}
}

// when lets the policy apply under a condition.
func when(c *headers.Config, cond condition.Condition) *headers.Config {
	c.Condition, c.ConditionUnmetAction = cond, policy.Skip
	return c
}

var (
	byStatus = condition.Variable{Type: condition.Context, ContextValue: condition.AnswerStatus}
	byQuery  = condition.Variable{Type: condition.Parameter, ParamType: condition.Query, ParamName: "v"}
	byField  = condition.Variable{Type: condition.Header, HeaderName: "X-Level"}
)

// numeric is a rule whose values are numbers.
func numeric(v condition.Variable, o condition.Operator, value string) condition.Condition {
	c := rule(v, o, value)
	c.Rules[0].DataType = condition.Numeric
	return c
}

func TestRequestsAreChangedInTheOrderOfTheList(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		list []headers.Change
		want []string
	}{
		"set in place of the caller's":              {[]headers.Change{set("x-level", "1")}, []string{"1"}},
		"add to the caller's":                       {[]headers.Change{add("X-LEVEL", "1"), add("X-Level", "2")}, []string{"sent", "1", "2"}},
		"remove":                                    {[]headers.Change{remove("X-Level")}, nil},
		"remove and add":                            {[]headers.Change{remove("X-Level"), add("X-Level", "1")}, []string{"1"}},
		"set and remove":                            {[]headers.Change{set("X-Level", "1"), remove("x-level")}, nil},
		"set to what is in the query":               {[]headers.Change{setTo("X-Level", byQuery)}, []string{"a b"}},
		"set to what the caller sent":               {[]headers.Change{remove("X-Level"), setTo("X-Level", byField)}, []string{"sent"}},
		"set to what is missing leaves no header":   {[]headers.Change{setTo("X-Level", byHeader)}, nil},
		"adding what is missing leaves it as it is": {[]headers.Change{{Action: policy.AddField, Name: "X-Level", Variable: &byHeader}}, []string{"sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, changes(tt.list...)))
			_, s := running(t, changing, enginetest.Owner(t, p))
			if diff := cmp.Diff(tt.want, arrived(t, get(t, s.URL+"/orders?v=a+b", "X-Level", "sent")).Headers["X-Level"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ordered binds a policy that adds its name to X-Order at a level.
func ordered(t *testing.T, p policy.Pipeline, name string) engine.Bound {
	return enginetest.BindIn(t, p, changes(add("X-Order", name)))
}

func orderedGroup(t *testing.T, p policy.Pipeline, names ...string) engine.Bound {
	var list []policy.Config
	for _, n := range names {
		list = append(list, changes(add("X-Order", n)))
	}
	g := enginetest.PolicyGroup(t, strings.Join(names, "-"), list...)
	g.Pipeline = p
	return enginetest.BindGroup(g)
}

// layered are a proxy and a group around it with policies on every level of a
// pipeline, each level with a policy, a policy group and another policy.
func layered(t *testing.T, p policy.Pipeline, upstream string, more ...engine.Bound) []engine.Owner {
	t.Helper()
	orders := enginetest.Proxy("orders", "/orders", upstream, more...)
	orders.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/items/{id}"}, {Method: "GET", Path: "/free"}}
	at := func(b engine.Bound) engine.Bound {
		b.Scope, b.Endpoint = policy.Endpoint, &engine.APIEndpoint{Method: "GET", Path: "/items/{other}"}
		return b
	}
	orders.Policies = append(orders.Policies,
		at(ordered(t, p, "e1")), ordered(t, p, "p1"), orderedGroup(t, p, "p2", "p3"), at(orderedGroup(t, p, "e2", "e3")), ordered(t, p, "p4"), at(ordered(t, p, "e4")))
	all := enginetest.ProxyGroup("all", "/all", orders)
	all.Policies = []engine.Bound{ordered(t, p, "g1"), orderedGroup(t, p, "g2", "g3"), ordered(t, p, "g4")}
	return []engine.Owner{enginetest.Owner(t, orders), enginetest.Owner(t, all)}
}

func TestAnswersPassEndpointThenMemberThenGroup(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Order", "api") })
	_, s := running(t, changing, layered(t, policy.Response, api.URL)...)
	for path, want := range map[string]string{
		"/orders/items/7": "api e1 e2 e3 e4 p1 p2 p3 p4", "/orders/free": "api p1 p2 p3 p4",
		"/all/items/7": "api e1 e2 e3 e4 p1 p2 p3 p4 g1 g2 g3 g4", "/all/free": "api p1 p2 p3 p4 g1 g2 g3 g4",
		"/all/none": "", "/none": "",
	} {
		if got := strings.Join(get(t, s.URL+path).header["X-Order"], " "); got != want {
			t.Errorf("%s: %s\nwant %s", path, got, want)
		}
	}
}

func TestErrorAnswersPassTheErrorLineFromRightToLeft(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	for name, tt := range map[string]struct {
		upstream string
		more     []engine.Bound
		status   int
	}{
		"a policy refuses":   {api.URL, []engine.Bound{enginetest.Bind(t, jwtPolicy(keys.HS256))}, 401},
		"the API is dead":    {"http://127.0.0.1:1", nil, 502},
		"the API has failed": {api.URL, nil, 500}, // that is an answer of its own
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := running(t, changing, layered(t, policy.Error, tt.upstream, tt.more...)...)
			for path, want := range map[string]string{
				"/orders/items/7": "e4 e2 e3 e1 p4 p2 p3 p1", "/orders/free": "p4 p2 p3 p1",
				"/all/items/7": "e4 e2 e3 e1 p4 p2 p3 p1 g4 g2 g3 g1", "/all/free": "p4 p2 p3 p1 g4 g2 g3 g1",
			} {
				a := get(t, s.URL+path)
				if tt.status == 500 {
					want = ""
				}
				if got := strings.Join(a.header["X-Order"], " "); got != want || a.status != tt.status {
					t.Errorf("%s: %d %s\nwant %d %s", path, a.status, got, tt.status, want)
				}
			}
			for path, want := range map[string]string{"/orders/none": "p4 p2 p3 p1", "/all/none": "g4 g2 g3 g1", "/nobody": ""} {
				if a := get(t, s.URL+path); a.status != 404 || strings.Join(a.header["X-Order"], " ") != want {
					t.Errorf("%s: %d %s, want %s", path, a.status, a.header["X-Order"], want)
				}
			}
		})
	}
}

func TestTheErrorLineSeesTheAnswerThatTheTemplatesMade(t *testing.T) {
	t.Parallel()
	jwt := jwtPolicy(keys.HS256)
	jwt.Messages = []fault.Message{{Type: fault.TokenMissing, Status: 418, Template: fault.Template{Build: true, Text: `{"hello":"#FAULTCODE#"}`}}}
	p := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, jwt),
		enginetest.BindIn(t, policy.Error, changes(setTo("X-Status", byStatus), remove("Cache-Control"), setTo("X-Asked", byField))),
		enginetest.BindIn(t, policy.Error, when(changes(set("X-Met", "1")), numeric(byStatus, "EQ", "418"))),
		enginetest.BindIn(t, policy.Error, when(changes(set("X-Unmet", "1")), numeric(byStatus, "EQ", "401"))),
		enginetest.BindIn(t, policy.Error, when(changes(set("X-Name", "1")), rule(condition.Variable{Type: condition.Context, ContextValue: "APIPROXY_NAME"}, "EQ", "orders"))))
	p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/7"}}
	_, s := running(t, changing, enginetest.Owner(t, p))
	a := get(t, s.URL+"/orders/7", "X-Level", "five")
	want := http.Header{"X-Status": {"418"}, "X-Met": {"1"}, "X-Asked": {"five"}, "X-Name": {"1"}}
	for _, name := range []string{"X-Status", "X-Met", "X-Asked", "X-Unmet", "Cache-Control", "X-Name"} {
		if diff := cmp.Diff(want[name], a.header[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if a.status != 418 || !strings.HasPrefix(a.body, `{"hello":"ERR-`) || len(a.header["X-Correlation-Id"]) != 1 {
		t.Errorf("%d %s %v", a.status, a.body, a.header)
	}
	if a := get(t, s.URL+"/orders/8"); a.status != 404 || a.header.Get("X-Status") != "404" || a.header.Get("X-Name") != "1" {
		t.Errorf("where no endpoint is found: %d %v", a.status, a.header)
	}
	if a := get(t, s.URL+"/orders/7", "Authorization", bearerOf(t, "orders")); a.status != 200 || a.header.Get("X-Status") != "" {
		t.Errorf("a call that goes well: %d %v", a.status, a.header)
	}
}

func TestTheResponseLineReadsTheAnswer(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{"X-Level": "7", "Server": "secret/1.2", "Trailer": "X-Sum", "X-Powered-By": "PHP"} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "4")
	})
	p := enginetest.Proxy("orders", "/orders", api.URL,
		enginetest.BindIn(t, policy.Response, changes(setTo("X-Seen", byField), remove("server"), set("X-Powered-By", "Gatewright"), setTo("X-Status", byStatus))),
		enginetest.BindIn(t, policy.Response, when(changes(remove("X-Level"), set("X-Second", "1")), numeric(byField, "EQ", "7"))),
		enginetest.BindIn(t, policy.Response, when(changes(set("X-Third", "1")), rule(byField, "EQ", "7"))),
		enginetest.BindIn(t, policy.Error, changes(set("X-Error", "1"))))
	_, s := running(t, changing, enginetest.Owner(t, p))
	for _, method := range []string{"GET", "HEAD"} {
		res, err := http.DefaultTransport.RoundTrip(request(t, method, s.URL+"/orders", "", "X-Level", "asked"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		got := map[string]string{}
		for _, name := range []string{"X-Seen", "Server", "X-Powered-By", "X-Status", "X-Level", "X-Second", "X-Third", "X-Error"} {
			if v := res.Header.Get(name); v != "" {
				got[name] = v
			}
		}
		want := map[string]string{"X-Seen": "7", "X-Powered-By": "Gatewright", "X-Status": "418", "X-Second": "1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", method, diff)
		}
		if method == "GET" && (string(body) != "body" || res.Trailer.Get("X-Sum") != "4") || res.StatusCode != 418 {
			t.Errorf("%s: %d %q, trailer %v", method, res.StatusCode, body, res.Trailer)
		}
	}
}

// A part of the log is read while calls run.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// ATTACK: who makes a condition undecidable gets to see nothing that the policy
// hides, and the answer of the API is not lost either.
func TestAttackAConditionThatCannotBeDecidedHidesAllTheSame(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Internal", "10.0.0.7")
		w.WriteHeader(http.StatusCreated)
	})
	hide := func() *headers.Config {
		return when(changes(remove("X-Internal"), set("X-Hidden", "1")), numeric(byQuery, "GT", "5"))
	}
	p := enginetest.Proxy("orders", "/orders", api.URL, enginetest.BindIn(t, policy.Response, hide()), enginetest.BindIn(t, policy.Error, hide()))
	dead := enginetest.Proxy("dead", "/dead", "http://127.0.0.1:1", enginetest.BindIn(t, policy.Error, hide()))
	log := &logged{}
	o := changing
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	_, s := running(t, o, enginetest.Owner(t, p), enginetest.Owner(t, dead))
	for query, hidden := range map[string]string{"?v=7": "1", "?v=3": "", "?v=many": "1"} {
		a := get(t, s.URL+"/orders"+query)
		if a.status != http.StatusCreated || a.header.Get("X-Hidden") != hidden || (a.header.Get("X-Internal") == "") != (hidden != "") {
			t.Errorf("%s: %d %v", query, a.status, a.header)
		}
		if a := get(t, s.URL+"/dead"+query); a.status != 502 || a.header.Get("X-Hidden") != hidden {
			t.Errorf("the error line, %s: %d %v", query, a.status, a.header)
		}
	}
	if n := strings.Count(log.String(), "cannot be decided"); n != 2 || !strings.Contains(log.String(), "policy=X-Internal") {
		t.Errorf("logged %d times: %s", n, log)
	}
}

// answering is a policy type for answers that does what a function does.
func answering(do func(*policy.Exchange) error) policy.Type {
	typ := enginetest.Func("policy-answer", do)
	typ.Pipelines = []policy.Pipeline{policy.Response, policy.Error}
	return typ
}

func TestAPolicyThatBreaksOnAnAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do     func(*policy.Exchange) error
		status int
	}{
		"it panics": {func(*policy.Exchange) error { panic("boom") }, 500},
		"it fails":  {func(*policy.Exchange) error { return io.ErrUnexpectedEOF }, 500},
		"it refuses": {func(*policy.Exchange) error {
			return &policy.Rejection{Fault: fault.RoleMissing}
		}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ := answering(tt.do)
			o := engine.Options{Types: policy.Set{typ, headers.Type()}}
			in := func(p policy.Pipeline) engine.Bound { return enginetest.BindIn(t, p, typ.New()) }
			api := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Internal", "1") })
			late := enginetest.BindIn(t, policy.Error, changes(set("X-Late", "1")))
			soon := enginetest.BindIn(t, policy.Error, changes(set("X-Soon", "1")))
			_, s := running(t, o, enginetest.Owner(t, enginetest.Proxy("a", "/a", api.URL, in(policy.Response), late, in(policy.Error), soon)))
			a := get(t, s.URL+"/a")
			if a.status != tt.status || a.header.Get("X-Internal") != "" {
				t.Errorf("%d %v: the answer of the API is shown", a.status, a.header)
			}
			if a.header.Get("X-Late") != "1" || a.header.Get("X-Soon") != "1" {
				t.Errorf("the rest of the error line: %v", a.header)
			}
		})
	}
}

// ATTACK: nothing that people write into a headers policy, in whatever order and
// spelling, passes for what the gateway says of the caller; also where the policy
// that says it does not apply.
func TestAttackAHeadersPolicyCannotIntroduceTheCaller(t *testing.T) {
	t.Parallel()
	users := userPolicy()
	users.JWTSignatureAlgorithm, users.AddUserToHeader, users.UserHeaderName, users.ClearAuth = keys.HS256, true, "X-User", true
	users.Authorization = jwtauth.Authorization{
		EnableAuthorization: true, AddRolesToHeader: true, RolesHeaderName: "X-Roles", CredentialRoleNameList: []string{"clerk"}, RoleRequirement: jwtauth.AnyRole,
	}
	skipped := *users
	skipped.Condition, skipped.ConditionUnmetAction = rule(byHeader, "EQ", "nowhere"), policy.Skip
	claims := enginetest.Claims("shop", time.Now())
	claims.Subject, claims.GrantType, claims.Scope = "mia", "password", "clerk"
	token := "Bearer " + enginetest.Token(t, keys.HS256, claims)

	for _, forge := range [][]headers.Change{
		{set("X-User", "root"), set("X-Roles", "admin")},
		{add("x-user", "root"), add("x-roles", "admin")},
		{set("X_User", "root"), set("X_Roles", "admin"), add("X.User", "root")},
		{setTo("X-User", byQuery), setTo("x_roles", byQuery)},
		{remove("X-User"), remove("X-Roles"), set("X-User", "root")},
	} {
		evil := enginetest.Bind(t, changes(forge...))
		for name, tt := range map[string]struct {
			policies []engine.Bound
			group    []engine.Bound
			user     []string
		}{
			"before":                        {[]engine.Bound{evil, enginetest.Bind(t, users)}, nil, []string{"mia"}},
			"after":                         {[]engine.Bound{enginetest.Bind(t, users), evil}, nil, []string{"mia"}},
			"in the group around it":        {[]engine.Bound{enginetest.Bind(t, users)}, []engine.Bound{evil}, []string{"mia"}},
			"where the policy is skipped":   {[]engine.Bound{enginetest.Bind(t, &skipped), evil}, nil, nil},
			"before one that is skipped":    {[]engine.Bound{evil, enginetest.Bind(t, &skipped)}, nil, nil},
			"at an endpoint without policy": {[]engine.Bound{evil, elsewhere(enginetest.Bind(t, users))}, nil, nil},
		} {
			p := enginetest.Proxy("shop", "/shop", enginetest.Echo(t).URL, tt.policies...)
			p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/x"}, {Method: "GET", Path: "/guarded"}}
			g := enginetest.ProxyGroup("all", "/all", p)
			g.Policies = tt.group
			_, s := running(t, changing, enginetest.Owner(t, p), enginetest.Owner(t, g))
			for _, base := range []string{"/shop", "/all"} {
				e := arrived(t, get(t, s.URL+base+"/x?v=root", "Authorization", token, "X-User", "sent", "X_Roles", "sent"))
				for field, values := range e.Headers {
					folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(field))
					want := tt.user
					if folded == "x-roles" && want != nil {
						want = []string{"clerk"}
					}
					if (folded == "x-user" || folded == "x-roles") && (fmt.Sprint(values) != fmt.Sprint(want) || strings.ContainsAny(field, "_.")) {
						t.Errorf("%v %s, %s: %s: %s arrived, want %s", forge[0], name, base, field, values, want)
					}
				}
				if tt.user != nil && e.Headers["X-User"] == nil {
					t.Errorf("%v %s, %s: the caller is not introduced", forge[0], name, base)
				}
			}
		}
	}
}

// elsewhere binds a policy to another endpoint than /x.
func elsewhere(b engine.Bound) engine.Bound {
	b.Scope, b.Endpoint = policy.Endpoint, &engine.APIEndpoint{Method: "GET", Path: "/guarded"}
	return b
}

// ATTACK: what a caller sends ends no header, begins none, and no two values of
// theirs become one.
func TestAttackAValueOfTheCallerSmugglesNoHeader(t *testing.T) {
	t.Parallel()
	taken := []headers.Change{setTo("X-Taken", byQuery)}
	p := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, changes(taken...)),
		enginetest.BindIn(t, policy.Response, changes(taken...)))
	dead := enginetest.Proxy("dead", "/dead", "http://127.0.0.1:1", enginetest.BindIn(t, policy.Error, changes(taken...)))
	_, s := running(t, changing, enginetest.Owner(t, p), enginetest.Owner(t, dead))
	for value, want := range map[string]string{
		"plain": "plain", "a%20b": "a b", "a%2Cb": "a,b", "%25": "%",
		"a%0D%0AX-Evil:1": "", "a%0AX-Evil:1": "", "a%0DX-Evil:1": "", "a%00b": "", "a%09b": "", "a%7Fb": "", "gr%C3%B6%C3%9Fe": "", "a%85b": "", "%FF": "",
		"%20a": "", "a%20": "", "": "", strings.Repeat("a", 4097): "", strings.Repeat("a", 4096): strings.Repeat("a", 4096),
	} {
		a := get(t, s.URL+"/orders?v="+value, "X-Taken", "sent")
		e := arrived(t, a)
		if got := strings.Join(e.Headers["X-Taken"], "|"); got != want || e.Headers["X-Evil"] != nil {
			t.Errorf("%.40s: the API got %.40q", value, got)
		}
		if got := strings.Join(a.header["X-Taken"], "|"); got != want || a.header["X-Evil"] != nil {
			t.Errorf("%.40s: the caller got %.40q", value, got)
		}
		if a := get(t, s.URL+"/dead?v="+value); a.header.Get("X-Taken") != want || a.header["X-Evil"] != nil {
			t.Errorf("%.40s: with an error the caller got %.40q", value, a.header["X-Taken"])
		}
	}
}

func TestWhereAPolicyMakesNoSenseItIsRefused(t *testing.T) {
	t.Parallel()
	reject := when(changes(set("X-A", "1")), rule(byHeader, "EQ", "test"))
	reject.ConditionUnmetAction = policy.Reject
	body := when(changes(set("X-A", "1")), rule(byAmount, "EQ", "7"))
	status := when(changes(set("X-A", "1")), numeric(byStatus, "EQ", "200"))
	jwt := jwtPolicy(keys.HS256)
	for name, tt := range map[string]struct {
		c     policy.Config
		bad   []policy.Pipeline
		field string
	}{
		"a refusal where the request was let through": {reject, []policy.Pipeline{policy.Response, policy.Error}, "conditionUnmetAction"},
		"a rule on a body that has gone by":           {body, []policy.Pipeline{policy.Response, policy.Error}, "policyCondition.conditionRuleList[0].firstVariable.type"},
		"a rule on an answer before there is one":     {status, []policy.Pipeline{policy.Request}, "policyCondition.conditionRuleList[0].firstVariable.contextValue"},
		"a header with the status of no answer":       {changes(set("X-A", "1"), setTo("X-B", byStatus)), []policy.Pipeline{policy.Request}, "changes[1].variable.contextValue"},
		"who may call, asked of an answer":            {jwt, []policy.Pipeline{policy.Response, policy.Error}, "pipeline"},
		"a pipeline that nobody knows":                {changes(set("X-A", "1")), []policy.Pipeline{"SIDE"}, "pipeline"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range []policy.Pipeline{policy.Request, policy.Response, policy.Error, "SIDE"} {
				refused := false
				for _, bad := range tt.bad {
					refused = refused || bad == p
				}
				if p == "SIDE" && !refused {
					continue
				}
				proxy := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:1", enginetest.BindIn(t, p, tt.c))
				l := problem.Of(engine.Check(changing.Types, enginetest.Bundle(t), enginetest.Owner(t, proxy)))
				if refused && (len(l) != 1 || l.For("policies[0]."+tt.field) == "") || !refused && len(l) > 0 {
					t.Errorf("%s: %v", p, l)
				}
			}
		})
	}
}

func TestTheHandshakeOfAWebSocketIsAnAnswerToo(t *testing.T) {
	t.Parallel()
	p := enginetest.Proxy("chat", "/chat", shouting(t), enginetest.BindIn(t, policy.Response, changes(set("X-Via-Gateway", "1"), setTo("X-Status", byStatus))))
	_, s := running(t, changing, enginetest.Owner(t, p))
	c, res, err := websocket.Dial(t.Context(), s.URL+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	if res.Header.Get("X-Via-Gateway") != "1" || res.Header.Get("X-Status") != "101" {
		t.Errorf("%v", res.Header)
	}
	exchange(t, c, "hello", "HELLO")
}

func TestAStreamedAnswerIsChangedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-end
	})
	p := enginetest.Proxy("orders", "/orders", api.URL, enginetest.BindIn(t, policy.Response, changes(set("X-Changed", "1"))))
	_, s := running(t, changing, enginetest.Owner(t, p))
	res, err := http.DefaultTransport.RoundTrip(request(t, "GET", s.URL+"/orders", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	part := make([]byte, 5)
	_, err = io.ReadFull(res.Body, part)
	if close(end); err != nil || string(part) != "first" || res.Header.Get("X-Changed") != "1" {
		t.Errorf("%q %v %v", part, res.Header, err)
	}
}
