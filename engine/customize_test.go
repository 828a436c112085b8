package engine_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
)

// guarded serves /orders behind a JWT policy with custom messages.
func guarded(t *testing.T, custom fault.Custom, change func(*engine.Proxy, *engine.Bundle), upstream string) (*engine.Gateway, *httptest.Server, engine.Bundle) {
	t.Helper()
	p := jwtauth.NewForm()
	p.Name, p.JWTSignatureAlgorithm, p.Custom = "Standard", keys.ES256, custom
	p.Normalize()
	if err := p.Validate().Err(); err != nil {
		t.Fatal(err)
	}
	proxy := enginetest.Proxy("orders", "/orders", upstream, enginetest.Bind(t, p))
	b := enginetest.Bundle(t, proxy)
	if change != nil {
		change(&proxy, &b)
		b.Owners[0] = enginetest.Owner(t, proxy)
	}
	hash, err := secret.Hash("a good secret")
	if err != nil {
		t.Fatal(err)
	}
	b.Owners[0].Client.SecretHash = hash
	g, server := enginetest.Gateway(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, b)
	return g, server, b
}

// preview is what the console shows for the same failure.
func preview(t *testing.T, s engine.Sample, a answer) answer {
	t.Helper()
	s.Request.CorrelationID = a.header.Get(engine.CorrelationHeader)
	p, ok, err := engine.Preview(s)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return answer{p.Status, p.Header, string(p.Body)}
}

// checkPreview holds what arrived against what was shown, byte for byte.
func checkPreview(t *testing.T, got, shown answer) {
	t.Helper()
	got.header = got.header.Clone()
	got.header.Del("Date")
	shown.header.Del("Content-Length") // of the token service, net/http writes it
	got.header.Del("Content-Length")
	if diff := cmp.Diff(shown, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("shown - and answered +:\n%s", diff)
	}
}

func TestACustomizedAnswerArrivesAsItIsPreviewed(t *testing.T) {
	t.Parallel()
	row := func(m fault.Message) fault.Custom {
		m.Type = fault.TokenMissing
		return fault.Custom{Messages: []fault.Message{m}}
	}
	whole := fault.Template{Build: true, Text: `{"id":"#CORRELATIONID#","path":"#{request.uri}","proxy":"#{apiProxy.name}","code":"#FAULTCODE#"}`, Status: 403}
	tests := map[string]fault.Custom{
		"nothing":          {},
		"fields":           row(fault.Message{Status: 499, Code: "MY-1", Text: `Giriş "yapın" <b>.`}),
		"a row's template": row(fault.Message{Template: whole}),
		"one for all":      {Template: whole},
		"a page":           row(fault.Message{Template: fault.Template{Build: true, Text: `<p title="#{request.uri}">#FAULTMESSAGE#</p>`, ContentType: "text/html; charset=utf-8"}}),
		"a rule":           row(fault.Message{Rules: []fault.Rule{{Name: "test", Condition: rule(byHeader, "EQ", "test"), Text: "#{request.method}", ContentType: "text/plain", Status: 418}}}),
	}
	for name, custom := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			custom.Normalize()
			_, server, b := guarded(t, custom, nil, enginetest.Echo(t).URL)
			const path = "/orders/%3Cscript%3E/42"
			a := get(t, server.URL+path, "X-Environment", "test")
			q := condition.Request{
				Method: "GET", Path: path, DecodedPath: "/orders/<script>/42", OwnerName: "orders", OwnerID: b.Owners[0].ID, BasePath: "/orders",
				Header: http.Header{"X-Environment": {"test"}},
			}
			shown := preview(t, engine.Sample{Type: fault.TokenMissing, Policy: &custom, Request: q, Challenge: a.header.Get("WWW-Authenticate")}, a)
			checkPreview(t, a, shown)
			if strings.Contains(a.body, "<script") {
				t.Errorf("the caller wrote into %s", a.body)
			}
		})
	}
}

func TestARefusedTokenRequestKeepsTheRFCsAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		m     fault.Message
		extra map[string]any
	}{
		"fields":        {fault.Message{Status: 403, Code: "C-1", Text: "Wrong."}, map[string]any{"statusCode": 403.0, "errorCode": "C-1", "message": "Wrong."}},
		"an object":     {fault.Message{Template: fault.Template{Build: true, Text: `{"error":"mine","help":["#{request.uri}"]}`, Status: 200 + 300}}, map[string]any{"help": []any{"/auth/jwt"}}},
		"a text":        {fault.Message{Template: fault.Template{Build: true, Text: `Ask the desk.`, ContentType: "text/plain"}}, map[string]any{"message": "Ask the desk."}},
		"not an object": {fault.Message{Template: fault.Template{Build: true, Text: `[1]`}}, map[string]any{"message": "[1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.m.Type = fault.ClientRefused
			messages := []fault.Message{tt.m}
			_, server, _ := guarded(t, fault.Custom{}, func(_ *engine.Proxy, b *engine.Bundle) { b.Messages = messages }, enginetest.Echo(t).URL)
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"orders-client"}, "client_secret": {"wrong"}}.Encode()
			a := send(t, request(t, "POST", server.URL+"/auth/jwt", form, "Content-Type", "application/x-www-form-urlencoded"))
			var got map[string]any
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				t.Fatal(err, a.body)
			}
			want := map[string]any{"error": "invalid_client", "error_description": "The client could not be authenticated."}
			for k, v := range tt.extra {
				want[k] = v
			}
			if diff := cmp.Diff(want, got); diff != "" || a.status != 401 {
				t.Errorf("%d (-want +got):\n%s", a.status, diff)
			}
			q := condition.Request{Method: "POST", Path: "/auth/jwt", DecodedPath: "/auth/jwt"}
			checkPreview(t, a, preview(t, engine.Sample{Type: fault.ClientRefused, Messages: messages, Request: q, TokenRequest: true}, a))
		})
	}
}

func TestThePlatformsWordsChangeWithoutADeploy(t *testing.T) {
	t.Parallel()
	g, server, b := guarded(t, fault.Custom{}, nil, enginetest.Echo(t).URL)
	for _, tt := range []struct{ path, text string }{{"/orders", ""}, {"/nowhere", ""}, {"/orders", "Log in."}, {"/nowhere", "Gone fishing."}} {
		b.Generation++
		b.Messages = nil
		if tt.text != "" {
			b.Messages = []fault.Message{{Type: fault.TokenMissing, Text: "Log in."}, {Type: fault.NotFound, Text: "Gone ${WHERE}."}}
			b.Values = map[string]string{"WHERE": "fishing"}
			b.Messages[1].Text, b.Messages[1].Template = "", fault.Template{Build: true, Text: `{"message":"Gone ${WHERE}."}`}
		}
		if err := g.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if a := get(t, server.URL+tt.path); !strings.Contains(a.body, tt.text) || tt.text == "" && strings.Contains(a.body, "errorCode") {
			t.Errorf("%s: %s, want %q", tt.path, a.body, tt.text)
		}
	}
}

func TestAMessageThatCannotBeUsedStopsNoTraffic(t *testing.T) {
	t.Parallel()
	_, server, _ := guarded(t, fault.Custom{}, func(_ *engine.Proxy, b *engine.Bundle) {
		b.Messages = []fault.Message{
			{Type: fault.TokenMissing, Template: fault.Template{Build: true, Text: "#NOTHING#"}},
			{Type: fault.NotFound, Rules: []fault.Rule{{Name: "a", Text: `"a"`, Condition: rule(byHeader, "EQ", "${MISSING}")}}},
			{Type: fault.MethodNotAllowed, Text: "No."},
		}
	}, enginetest.Echo(t).URL)
	for _, path := range []string{"/orders", "/nowhere"} {
		if a := get(t, server.URL+path); !strings.HasPrefix(a.body, `{"statusCode":`) || strings.Contains(a.body, "errorCode") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestErrorsAreFramedByTheProxysTemplate(t *testing.T) {
	t.Parallel()
	bodies := &fault.Bodies{
		JSON: fault.Body{Enabled: true, Text: `{"fault":{"code":"#FAULTCODE#","status":#FAULTSTATUSCODE#,"api":"#RESPONSEFROMAPI#","desk":"${DESK}"}}`},
		XML:  fault.Body{Enabled: true, Text: `<fault code="#FAULTCODE#">#RESPONSEFROMAPI#</fault>`},
	}
	bodies.Normalize()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"of the other body"`)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(map[string]int{"/api/broken": 500, "/api/odd": 422}[r.URL.Path])
		_, _ = io.WriteString(w, "<b>\"stack\"</b>"+strings.Repeat("x", len(r.URL.RawQuery)*70_000))
	}))
	t.Cleanup(api.Close)
	open := func(replace bool) string {
		b := *bodies
		b.Upstream = replace
		_, server, _ := guarded(t, fault.Custom{}, func(p *engine.Proxy, _ *engine.Bundle) {
			p.Policies, p.ErrorTemplates, p.Values = nil, &b, map[string]string{"DESK": `"7"`}
			p.Upstream.URL = api.URL + "/api"
			p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/broken"}, {Method: "GET", Path: "/odd"}, {Method: "HEAD", Path: "/broken"}}
		}, api.URL)
		return server.URL
	}
	framed, plain := open(true), open(false)
	for name, tt := range map[string]struct {
		url, accept, body, contentType string
		status                         int
	}{
		"a refusal":            {plain + "/orders/none", "", `{"fault":{"code":"ERR-006","status":404,"api":"","desk":"\"7\""}}`, fault.ContentType, 404},
		"a refusal in XML":     {plain + "/orders/none", "text/xml", `<fault code="ERR-006"></fault>`, "application/xml; charset=utf-8", 404},
		"an error of the API":  {plain + "/orders/broken", "", `<b>"stack"</b>`, "text/html", 500},
		"one that is replaced": {framed + "/orders/broken", "", `{"fault":{"code":"ERR-071","status":500,"api":"\u003cb\u003e\"stack\"\u003c/b\u003e","desk":"\"7\""}}`, fault.ContentType, 500},
		"one replaced in XML":  {framed + "/orders/odd", "application/xml", `<fault code="ERR-071">&lt;b&gt;&quot;stack&quot;&lt;/b&gt;</fault>`, "application/xml; charset=utf-8", 422},
	} {
		a := get(t, tt.url, "Accept", tt.accept)
		if a.body != tt.body || a.status != tt.status || a.header.Get("Content-Type") != tt.contentType {
			t.Errorf("%s: %d %s %s", name, a.status, a.header, a.body)
		}
		if replaced := strings.HasPrefix(name, "one"); replaced == (a.header.Get("Etag") != "") && strings.Contains(tt.url, "/broken") {
			t.Errorf("%s: header %v", name, a.header)
		}
	}
	if a := send(t, request(t, "HEAD", framed+"/orders/broken", "")); a.status != 500 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
	if a := get(t, framed+"/orders/broken?12"); a.status != 500 || len(a.body) > 70_000*3 || !json.Valid([]byte(a.body)) {
		t.Errorf("a long one: %d, %d bytes", a.status, len(a.body))
	}
}

// ATTACK: rules must not make the gateway read bodies for callers of nothing.
func TestAttackAPlatformsRuleReadsNoBodyOfAnUnknownCall(t *testing.T) {
	t.Parallel()
	_, server, _ := guarded(t, fault.Custom{}, func(_ *engine.Proxy, b *engine.Bundle) {
		b.Messages = []fault.Message{{Type: fault.NotFound, Rules: []fault.Rule{{Name: "a", Text: `"read"`, Condition: rule(byAmount, "EQ", "1")}}}}
	}, enginetest.Echo(t).URL)
	body, write := io.Pipe() // never ends
	t.Cleanup(func() { _ = write.Close() })
	r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/nowhere", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestARefusalSaysWhichRulesDidNotHold(t *testing.T) {
	t.Parallel()
	both := rule(byHeader, "EQ", "production")
	both.Rules = append(both.Rules, rule(byPath, "STARTS_WITH", "/orders").Rules...)
	at, events := conditional(t, both, policy.Reject, engine.Options{})
	get(t, at+"/orders")
	e := events.NextAccess(t)
	if want := `the condition of the policy is not met; does not hold: header X-Environment equals "production"; holds: path starts with "/orders"`; e.Reason != want || e.Policy != "Standard" {
		t.Errorf("%q by %q, want %q", e.Reason, e.Policy, want)
	}
}

func TestATemplateTellsTheCorrelationID(t *testing.T) {
	t.Parallel()
	_, server, _ := guarded(t, fault.Custom{Template: fault.Template{Build: true, Text: `"#CORRELATIONID#"`}}, nil, enginetest.Echo(t).URL)
	if a := get(t, server.URL+"/orders"); a.body != `"`+a.header.Get(engine.CorrelationHeader)+`"` {
		t.Errorf("says %s, the header %v", a.body, a.header)
	}
}
