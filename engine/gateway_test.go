package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/echo"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestRequestReachesTheAPIBelowItsBasePath(t *testing.T) {
	t.Parallel()
	s := petstore(t)
	tests := []struct{ name, method, target, path, query string }{
		{"the base path is taken off", "GET", "/petstore/pets/7", "/v1/pets/7", ""},
		{"the base path itself", "GET", "/petstore", "/v1", ""},
		{"the base path with a slash", "GET", "/petstore/", "/v1/", ""},
		{"a query passes as it is", "GET", "/petstore/pets?a=%6f&b=;&&c", "/v1/pets", "a=%6f&b=;&&c"},
		{"escapes come in their normal form", "GET", "/%70etstore/%7euser/a%2ab%20%c3%a9", "/v1/~user/a%2Ab%20%C3%A9", ""},
		{"sub-delimiters stay plain", "GET", "/petstore/a!$&'()*+,=:@b", "/v1/a!$&'()*+,=:@b", ""},
		{"any method passes", "PROPFIND", "/petstore/pets", "/v1/pets", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := arrived(t, rawOne(t, s, tt.method+" "+tt.target+" HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n"))
			want := echo.Request{Method: tt.method, Path: tt.path, Query: tt.query}
			if diff := cmp.Diff(want, echo.Request{Method: got.Method, Path: got.Path, Query: got.Query}); diff != "" {
				t.Errorf("arrived (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPIIsToldWhereTheCallCameFrom(t *testing.T) {
	t.Parallel()
	upstream := enginetest.Echo(t)
	_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, enginetest.Proxy("petstore", "/petstore", upstream.URL)))
	r := request(t, "POST", s.URL+"/petstore", "hello", "X-Api-Key", "1", "X-Forwarded-For", "1.1.1.1", "X-Real-IP", "1.1.1.1",
		"X-Forwarded-Host", "evil.test", "Forwarded", "for=1.1.1.1", "X_Forwarded_For", "1.1.1.1", "X-HTTP-Method-Override", "DELETE")
	r.Host = "API.test:81"
	a := send(t, r)
	got := arrived(t, a)
	want := echo.Request{
		Method: "POST", Host: strings.TrimPrefix(upstream.URL, "http://"), Path: "/", Body: "hello",
		Headers: http.Header{
			"Accept-Encoding": {"gzip"}, "Content-Length": {"5"}, "User-Agent": {"Go-http-client/1.1"}, "X-Api-Key": {"1"},
			"X-Correlation-Id": {a.header.Get("X-Correlation-Id")}, "X-Forwarded-For": {"127.0.0.1"},
			"X-Forwarded-Host": {"api.test:81"}, "X-Forwarded-Proto": {"http"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
}

func TestTrustedProxyIsBelieved(t *testing.T) {
	t.Parallel()
	o := engine.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}}
	s := function(t, o, func(x *policy.Exchange) error { x.SetHeader("X-Seen-Client", x.Client.String()); return nil })
	a := get(t, s.URL+"/petstore", "X-Forwarded-For", "1.1.1.1, 198.51.100.7, 10.0.0.2", "X-Forwarded-Proto", "https",
		"X-Forwarded-Host", "Public.test", "X-Correlation-Id", "call-7", "X-Real-Ip", "6.6.6.6")
	got := arrived(t, a).Headers
	for name, want := range map[string]string{
		"X-Forwarded-For": "1.1.1.1, 198.51.100.7, 10.0.0.2, 127.0.0.1", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": "public.test", "X-Correlation-Id": "call-7", "X-Real-Ip": "", "X-Seen-Client": "198.51.100.7",
	} {
		if v := http.Header(got).Get(name); v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	if id := a.header.Get("X-Correlation-Id"); id != "call-7" {
		t.Errorf("correlation id of the answer = %q", id)
	}
}

func TestEveryAnswerHasACorrelationID(t *testing.T) {
	t.Parallel()
	s := petstore(t)
	unready := enginetest.Serve(t, engine.New(engine.Options{}))
	seen := make(map[string]bool)
	for _, url := range []string{s.URL + "/petstore", s.URL + "/unknown", s.URL + "/a//b", s.URL + "/auth/unknown", s.URL + "/.well-known/jwks.json", unready.URL} {
		a := get(t, url, "X-Correlation-Id", "mine")
		ids := a.header["X-Correlation-Id"]
		if len(ids) != 1 || len(ids[0]) != 32 || seen[ids[0]] {
			t.Errorf("%s: %d with the ids %q", url, a.status, ids)
			continue
		}
		seen[ids[0]] = true
	}
}

func TestRefusalsAreRowsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL)
	p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/pets"}, {Method: "POST", Path: "/pets"}}
	_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, p))
	unready := enginetest.Serve(t, engine.New(engine.Options{}))
	tests := []struct {
		name, method, url string
		want              fault.Type
		allow             string
	}{
		{"no proxy", "GET", s.URL + "/unknown", fault.NotFound, ""},
		{"no endpoint", "GET", s.URL + "/petstore/cats", fault.MethodNotFound, ""},
		{"no such method", "DELETE", s.URL + "/petstore/pets", fault.MethodNotAllowed, "GET, HEAD, POST"},
		{"an ambiguous path", "GET", s.URL + "/petstore//pets", fault.BadRequest, ""},
		{"a reserved path that is unknown", "GET", s.URL + "/auth/unknown", fault.NotFound, ""},
		{"a reserved path in another spelling", "GET", s.URL + "/%61uth/unknown", fault.NotFound, ""},
		{"no configuration yet", "GET", unready.URL + "/petstore", fault.Unavailable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := send(t, request(t, tt.method, tt.url, ""))
			row := fault.Find(tt.want)
			if a.status != row.Status || a.body != string(row.Body()) || a.header.Get("Allow") != tt.allow {
				t.Errorf("got %d %s %s, want %d %s, Allow: %q", a.status, a.header, a.body, row.Status, row.Body(), tt.allow)
			}
			if got := a.header.Get("Content-Type"); got != fault.ContentType {
				t.Errorf("Content-Type = %q", got)
			}
		})
	}
}

func TestPolicyDecides(t *testing.T) {
	t.Parallel()
	cause := errors.New("the caller must not read this")
	tests := []struct {
		name   string
		err    error
		want   fault.Type
		header string
	}{
		{"a rejection is the catalogue's answer", &policy.Rejection{Fault: fault.TokenNotValid, Challenge: `Bearer realm="x"`, Cause: cause}, fault.TokenNotValid, `Bearer realm="x"`},
		{"a rejection without challenge has none", &policy.Rejection{Fault: fault.TokenAmbiguous, Cause: cause}, fault.TokenAmbiguous, ""},
		{"any other error is ours", cause, fault.Unexpected, ""},
		{"an unknown fault is ours", &policy.Rejection{Fault: "NONE_SUCH", Cause: cause}, fault.Unexpected, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := function(t, engine.Options{}, func(*policy.Exchange) error { return tt.err })
			a := get(t, s.URL+"/petstore")
			row := fault.Find(tt.want)
			if a.status != row.Status || a.body != string(row.Body()) || a.header.Get("WWW-Authenticate") != tt.header {
				t.Errorf("got %d %s %s", a.status, a.header, a.body)
			}
			if got := a.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control = %q", got)
			}
		})
	}
}

func TestFaultOfOursIsLoggedOnceWithoutSecrets(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*policy.Exchange) error{
		"an error": func(*policy.Exchange) error { return errors.New("no way on") },
		"a panic":  func(*policy.Exchange) error { panic("no way on") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			events := enginetest.NewEvents()
			s := function(t, engine.Options{Sink: events, Logger: slog.New(slog.NewTextHandler(&log, nil))}, do)
			a := get(t, s.URL+"/petstore/pets?access_token=geheim", "Authorization", "Bearer geheim")
			if a.status != 500 || a.body != string(fault.Find(fault.Unexpected).Body()) {
				t.Errorf("got %d %s", a.status, a.body)
			}
			e := events.NextAccess(t)
			if e.Result != event.Failed || e.Fault != fault.Unexpected || !strings.Contains(e.Reason, "policy-test") {
				t.Errorf("event %+v", e)
			}
			text := log.String()
			if strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, a.header.Get("X-Correlation-Id")) || !strings.Contains(text, "no way on") {
				t.Errorf("log %q", text)
			}
			if strings.Contains(text, "geheim") {
				t.Errorf("a secret in the log %q", text)
			}
		})
	}
}

func TestPoliciesOfTheEndpointFollowThoseOfTheProxy(t *testing.T) {
	t.Parallel()
	var types policy.Set
	mark := func(name string, active bool) engine.Bound {
		typ := enginetest.Func("policy-"+name, func(x *policy.Exchange) error {
			x.SetHeader("X-Marks", strings.Join(append(marks(x), name), " "))
			return nil
		})
		types = append(types, typ)
		c := typ.New()
		c.Base().Active = active
		return enginetest.Bind(t, c)
	}
	at := func(b engine.Bound, method, path string) engine.Bound {
		b.Scope, b.Endpoint = policy.Endpoint, &engine.APIEndpoint{Method: method, Path: path}
		return b
	}
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL,
		at(mark("a", true), "GET", "/pets/{name}"), mark("b", true), mark("c", false), at(mark("d", true), "POST", "/pets"), mark("e", true))
	p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/pets/{id}"}, {Method: "POST", Path: "/pets"}, {Method: "GET", Path: "/pets"}}
	_, s := enginetest.Gateway(t, engine.Options{Types: types}, enginetest.Bundle(t, p))
	for target, want := range map[string]string{"GET /pets/7": "b e a", "POST /pets": "b e d", "GET /pets": "b e"} {
		method, path, _ := strings.Cut(target, " ")
		got := arrived(t, send(t, request(t, method, s.URL+"/petstore"+path, ""))).Headers["X-Marks"]
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
}

func marks(x *policy.Exchange) []string {
	if n := len(x.Set); n > 0 {
		return strings.Fields(x.Set[n-1].Value)
	}
	return nil
}

func TestEveryCallIsReported(t *testing.T) {
	t.Parallel()
	clock := enginetest.NewClock()
	events := enginetest.NewEvents()
	typ := enginetest.Func("policy-test", func(x *policy.Exchange) error {
		x.Identity.Subject = "mia"
		clock.Advance(2 * time.Second)
		if x.RawQuery == "deny" {
			return &policy.Rejection{Fault: fault.TokenNotValid, Cause: errors.New("expired")}
		}
		return nil
	})
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL, enginetest.BindFunc(t, typ))
	p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/pets/{id}"}}
	_, s := enginetest.Gateway(t, engine.Options{Types: policy.Set{typ}, Sink: events, Now: clock.Now}, enginetest.Bundle(t, p))
	common := event.Access{Environment: "production", Method: "GET", Client: netip.MustParseAddr("127.0.0.1")}
	tests := []struct {
		target string
		want   func(*event.Access)
	}{
		{"/petstore/pets/7?q=1", func(e *event.Access) {
			e.Project, e.Proxy, e.Endpoint, e.Path, e.Subject = "shop", "petstore", "GET /pets/{id}", "/petstore/pets/7", "mia"
			e.Status, e.Result, e.Duration = 200, event.Success, 2*time.Second
		}},
		{"/petstore/pets/7?deny", func(e *event.Access) {
			e.Project, e.Proxy, e.Endpoint, e.Path, e.Subject = "shop", "petstore", "GET /pets/{id}", "/petstore/pets/7", "mia"
			e.Status, e.Result, e.Fault, e.Reason, e.Duration = 401, event.Blocked, fault.TokenNotValid, "expired", 2*time.Second
			e.Policy = "policy-test"
		}},
		{"/petstore/cats?q=1", func(e *event.Access) {
			e.Project, e.Proxy, e.Path = "shop", "petstore", "/petstore/cats"
			e.Status, e.Result, e.Fault = 404, event.Blocked, fault.MethodNotFound
		}},
		{"/unknown?q=1", func(e *event.Access) {
			e.Path, e.Status, e.Result, e.Fault = "/unknown", 404, event.Blocked, fault.NotFound
		}},
		{"/a/../b?q=1", func(e *event.Access) {
			e.Path, e.Status, e.Result, e.Fault, e.Reason = "/a/../b", 400, event.Blocked, fault.BadRequest, "path holds a dot segment"
		}},
	}
	for _, tt := range tests {
		want := common
		want.Time = clock.Now()
		tt.want(&want)
		a := rawOne(t, s, "GET "+tt.target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		want.CorrelationID = a.header.Get("X-Correlation-Id")
		if diff := cmp.Diff(want, events.NextAccess(t), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.IgnoreFields(event.Access{}, "Cause")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.target, diff)
		}
	}
}

func TestGatewayKeepsTheLastGoodBundle(t *testing.T) {
	t.Parallel()
	clock := enginetest.NewClock()
	g := engine.New(engine.Options{Now: clock.Now})
	if g.Running().Ready {
		t.Error("ready before the first bundle")
	}
	good := enginetest.Bundle(t, enginetest.Proxy("b", "/b", "http://127.0.0.1:1"), enginetest.Proxy("a", "/a", "http://127.0.0.1:1"))
	if err := g.Apply(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute)
	bad := enginetest.Bundle(t, enginetest.Proxy("a", "/a", "no address"))
	bad.Generation = 2
	err := g.Apply(t.Context(), bad)
	var failure *engine.ApplyError
	if !errors.As(err, &failure) || failure.Generation != 2 || !failure.At.Equal(clock.Now()) {
		t.Fatalf("Apply = %v", err)
	}
	got := g.Running()
	want := engine.Running{
		Ready: true, Environment: "production", Generation: 1, AppliedAt: clock.Now().Add(-time.Minute), Failure: failure,
		Owners: []engine.RunningOwner{
			{ID: "id-a", Kind: engine.KindProxy, Project: "shop", Name: "a", Revision: 1, Digest: good.Owners[1].Digest},
			{ID: "id-b", Kind: engine.KindProxy, Project: "shop", Name: "b", Revision: 1, Digest: good.Owners[0].Digest},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *engine.ApplyError) bool { return a == b })); diff != "" {
		t.Errorf("Running (-want +got):\n%s", diff)
	}
	good.Generation = 3
	if err := g.Apply(t.Context(), good); err != nil || g.Running().Failure != nil || g.Running().Generation != 3 {
		t.Errorf("after a good bundle: %v, %+v", err, g.Running())
	}
}

func TestTokenOpensTheProxyThatItWasIssuedFor(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.HS256} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			s := secured(t, engine.Options{}, jwtPolicy(alg))
			token := enginetest.Token(t, alg, enginetest.Claims("petstore", time.Now()))
			for range 2 { // first sight, then from memory
				got := arrived(t, get(t, s.URL+"/petstore", "Authorization", "Bearer "+token))
				if diff := cmp.Diff([]string{"petstore-client"}, got.Headers["X-Authenticated-Userid"]); diff != "" {
					t.Errorf("identity (-want +got):\n%s", diff)
				}
			}
			other := enginetest.Token(t, alg, enginetest.Claims("other", time.Now()))
			for name, field := range map[string]string{"no token": "", "a token of another proxy": "Bearer " + other, "a cut token": "Bearer " + token[:len(token)-3]} {
				a := get(t, s.URL+"/petstore", "Authorization", field)
				if a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s: %d %s", name, a.status, a.header)
				}
			}
		})
	}
}

// The way of D23: a token by the key pair, a call with it, one without; and
// nothing of it works once the proxy is taken down.
func TestIssuedTokenOpensItsProxyUntilThatIsUndeployed(t *testing.T) {
	t.Parallel()
	events := enginetest.NewEvents()
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL, enginetest.Bind(t, jwtPolicy(keys.RS256)))
	b := enginetest.Bundle(t, p)
	hash, err := secret.Hash("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	b.Owners[0].Client.SecretHash = hash
	g, s := enginetest.Gateway(t, engine.Options{Types: policy.Set{jwtauth.Type()}, Sink: events}, b)
	login := func() answer {
		return send(t, request(t, "POST", s.URL+"/auth/jwt", "grant_type=client_credentials&client_id=petstore-client&client_secret=s3cret",
			"Content-Type", "application/x-www-form-urlencoded"))
	}
	a := login()
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &issued); err != nil || a.status != 200 {
		t.Fatalf("token request: %d %s", a.status, a.body)
	}
	if e := events.NextToken(t); e.Owner != "petstore" || e.Client != netip.MustParseAddr("127.0.0.1") || e.CorrelationID != a.header.Get("X-Correlation-Id") {
		t.Errorf("event %+v", e)
	}
	if got := arrived(t, get(t, s.URL+"/petstore/pets", "Authorization", "Bearer "+issued.Token)); got.Path != "/pets" {
		t.Errorf("arrived %+v", got)
	}
	if a := get(t, s.URL+"/petstore/pets"); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	if err := g.Apply(t.Context(), enginetest.Bundle(t)); err != nil {
		t.Fatal(err)
	}
	if a := get(t, s.URL+"/petstore/pets", "Authorization", "Bearer "+issued.Token); a.status != 404 {
		t.Errorf("after the proxy was taken down: %d", a.status)
	}
	if a := login(); a.status != 401 {
		t.Errorf("a token after the proxy was taken down: %d %s", a.status, a.body)
	}
}

func TestTokenEndpointIsServedBesideTheProxies(t *testing.T) {
	t.Parallel()
	s := secured(t, engine.Options{}, jwtPolicy(keys.RS256))
	if a := get(t, s.URL+"/.well-known/jwks.json"); a.status != 200 || a.body != string(enginetest.Keys().JWKS()) {
		t.Errorf("JWKS: %d %s", a.status, a.body)
	}
	a := send(t, request(t, "POST", s.URL+"/auth/jwt", "grant_type=client_credentials&client_id=x&client_secret=y", "Content-Type", "application/x-www-form-urlencoded"))
	if a.status != 401 || !strings.Contains(a.body, "invalid_client") {
		t.Errorf("token request: %d %s", a.status, a.body)
	}
}

func TestClearAuthKeepsTheTokenFromTheAPI(t *testing.T) {
	t.Parallel()
	for _, clear := range []bool{false, true} {
		c := jwtPolicy(keys.HS256)
		c.ClearAuth = clear
		s := secured(t, engine.Options{}, c)
		token := enginetest.Token(t, keys.HS256, enginetest.Claims("petstore", time.Now()))
		_, there := arrived(t, get(t, s.URL+"/petstore", "Authorization", "Bearer "+token)).Headers["Authorization"]
		if there == clear {
			t.Errorf("with clearAuth %v the token arrived: %v", clear, there)
		}
	}
}
