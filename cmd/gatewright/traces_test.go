package main

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

// receiver is a collector of traces: it decodes what OTLP over HTTP brings.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*traces.Span
	wrong error
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := r.take(req); err != nil {
			r.wrong = err
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(req *http.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
		return errors.New(req.URL.Path + " with " + req.Header.Get("Content-Type"))
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = z
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var message collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &message); err != nil {
		return err
	}
	for _, rs := range message.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			r.spans = append(r.spans, ss.Spans...)
		}
	}
	return nil
}

// followedGateway is a node with an API that shows what it got, traced, and
// trusting 127.0.0.1 or nobody.
func followedGateway(t *testing.T, to *receiver, sample float64, trusts bool) (*httptest.Server, *tracer) {
	t.Helper()
	g := gatewayFlags{Traces: to.URL, TracesSample: sample}
	url, err := g.tracesURL()
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := newTracer(t.Context(), url, sample, t.Name(), quiet, counter())
	if err != nil {
		t.Fatal(err)
	}
	o := engine.Options{Types: policy.Set{}, Sink: tracer, Tracer: tracer}
	if trusts {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	_, node := enginetest.Gateway(t, o, enginetest.Bundle(t, enginetest.Proxy("open", "/open", enginetest.Echo(t).URL)))
	return node, tracer
}

const (
	strangerTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	strangerSpan  = "00f067aa0ba902b7"
)

// callTraced sends a traceparent and returns the one that the API got.
func callTraced(t *testing.T, node *httptest.Server, path, flags string) (atAPI []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-"+strangerTrace+"-"+strangerSpan+"-"+flags)
	req.Header.Set("tracestate", "stranger=1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	header := enginetest.Echoed(t, body).Headers
	return append(header["Traceparent"], header["Tracestate"]...)
}

func TestACallIsATraceOfItsOwnUnlessATrustedProxyBeganIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		trusts       bool
		sample       float64
		flags        string
		joins        bool
		spans        []string
		atAPI        string // the flags that the API gets
		stateReaches bool
	}{
		{"a stranger's trace is replaced", false, 1, "01", false, []string{"call", "policies", "upstream"}, "01", false},
		{"a stranger cannot have himself recorded", false, 0, "01", false, nil, "00", false},
		{"a trusted proxy's trace goes on", true, 1, "01", true, []string{"call", "policies", "upstream"}, "01", true},
		{"a trusted proxy decides what is recorded", true, 0, "01", true, []string{"call", "policies", "upstream"}, "01", true},
		{"and what is not", true, 1, "00", true, nil, "00", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			to := newReceiver(t)
			node, tracer := followedGateway(t, to, c.sample, c.trusts)
			atAPI := callTraced(t, node, "/open/pets/7?token=secret", c.flags)
			node.Close() // the call has ended
			tracer.Close()
			if to.wrong != nil {
				t.Fatal(to.wrong)
			}
			if len(atAPI) == 0 || !strings.HasSuffix(atAPI[0], "-"+c.atAPI) || strings.Contains(atAPI[0], strangerTrace) != c.joins || strings.Contains(atAPI[0], strangerSpan) || (len(atAPI) == 2) != c.stateReaches {
				t.Errorf("the API got %q", atAPI)
			}
			checkSpans(t, to.spans, c.spans, c.joins, atAPI[0])
		})
	}
}

func checkSpans(t *testing.T, spans []*traces.Span, want []string, joins bool, atAPI string) {
	t.Helper()
	byName := map[string]*traces.Span{}
	for _, s := range spans {
		name := s.Name
		if s.Kind == traces.Span_SPAN_KIND_SERVER {
			name = "call"
		}
		byName[name] = s
		if strings.Contains(s.String(), "secret") {
			t.Errorf("a query is in %v", s)
		}
		if s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%s ends before it begins", name)
		}
	}
	if len(byName) != len(want) || len(spans) != len(want) {
		t.Fatalf("spans %v, want %v", spans, want)
	}
	if len(want) == 0 {
		return
	}
	call := byName["call"]
	for _, name := range want[1:] {
		if s := byName[name]; s == nil || !cmp.Equal(s.ParentSpanId, call.SpanId) || !cmp.Equal(s.TraceId, call.TraceId) {
			t.Errorf("%s is no part of the call: %v", name, s)
		}
	}
	if joined := hexOf(call.ParentSpanId) == strangerSpan && hexOf(call.TraceId) == strangerTrace; joined != joins {
		t.Errorf("the call's trace is %x below %x", call.TraceId, call.ParentSpanId)
	}
	if want := "00-" + hexOf(call.TraceId) + "-" + hexOf(byName["upstream"].SpanId) + "-01"; atAPI != want {
		t.Errorf("the API got %s, want %s", atAPI, want)
	}
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// A policy's own words stay out of its span: they may hold what the caller sent.
func TestAPolicyIsASpanThatSaysHowItEnded(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	tracer, err := newTracer(t.Context(), to.URL+"/v1/traces", 1, "n", quiet, counter())
	if err != nil {
		t.Fatal(err)
	}
	passes := enginetest.Func("passes", func(*policy.Exchange) error { return nil })
	ends := enginetest.Func("ends", func(x *policy.Exchange) error {
		switch x.Method {
		case http.MethodPut:
			return &policy.Rejection{Fault: fault.RoleMissing, Cause: errors.New("secret")}
		case http.MethodPost:
			return errors.New("secret")
		}
		return nil
	})
	proxy := enginetest.Proxy("open", "/open", enginetest.Echo(t).URL, enginetest.BindFunc(t, passes), enginetest.BindFunc(t, ends))
	_, node := enginetest.Gateway(t, engine.Options{Types: policy.Set{passes, ends}, Sink: tracer, Tracer: tracer}, enginetest.Bundle(t, proxy))
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost} {
		req, err := http.NewRequestWithContext(t.Context(), method, node.URL+"/open/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	node.Close()
	tracer.Close()
	var got []string
	calls := map[string]bool{}
	for _, s := range to.spans {
		calls[hexOf(s.SpanId)] = s.Kind == traces.Span_SPAN_KIND_SERVER
	}
	for _, s := range to.spans {
		if !strings.HasPrefix(s.Name, "policy ") {
			continue
		}
		line := s.Name + " " + s.Status.GetCode().String()
		for _, a := range s.Attributes {
			line += " " + a.Key + "=" + a.Value.GetStringValue()
		}
		got = append(got, line)
		if strings.Contains(s.String(), "secret") || !calls[hexOf(s.ParentSpanId)] {
			t.Errorf("span %v", s)
		}
	}
	slices.Sort(got)
	const of = " gatewright.policy="
	lane := " gatewright.pipeline=REQUEST"
	want := []string{
		"policy ends STATUS_CODE_ERROR" + of + "ends" + lane,
		"policy ends STATUS_CODE_UNSET" + of + "ends" + lane,
		"policy ends STATUS_CODE_UNSET" + of + "ends" + lane + " gatewright.fault=POLICY_ROLE_GROUP_BASED_ACCESS",
		"policy passes STATUS_CODE_UNSET" + of + "passes" + lane,
		"policy passes STATUS_CODE_UNSET" + of + "passes" + lane,
		"policy passes STATUS_CODE_UNSET" + of + "passes" + lane,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnAPIThatIsAwayIsAnErrorOfItsSpan(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	tracer, err := newTracer(t.Context(), to.URL+"/v1/traces", 1, "n", quiet, counter())
	if err != nil {
		t.Fatal(err)
	}
	_, node := enginetest.Gateway(t, engine.Options{Sink: tracer, Tracer: tracer}, enginetest.Bundle(t, enginetest.Proxy("open", "/open", "http://127.0.0.1:1")))
	callTraced(t, node, "/open/x", "01")
	callTraced(t, node, "/nowhere", "01")
	node.Close()
	tracer.Close()
	got := map[string]traces.Status_StatusCode{}
	for _, s := range to.spans {
		got[s.Name] = s.GetStatus().GetCode()
	}
	want := map[string]traces.Status_StatusCode{
		"upstream": traces.Status_STATUS_CODE_ERROR, "policies": traces.Status_STATUS_CODE_UNSET, "call": traces.Status_STATUS_CODE_UNSET, "open": traces.Status_STATUS_CODE_ERROR,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A token request names its source, and the question to it is a span within.
func TestATokenRequestIsATraceWithItsSource(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	tracer, err := newTracer(t.Context(), to.URL+"/v1/traces", 1, "n", quiet, counter())
	if err != nil {
		t.Fatal(err)
	}
	f := tracer.Begin(http.Header{}, false)
	asked := f.Context(t.Context())
	people := &enginetest.People{}
	people.Down.Store(true)
	guard := identity.NewGuard(people.Kind().New(), people, identity.GuardOptions{})
	_, _, _ = guard.Find(asked, "ann")
	tracer.Token(event.Token{Operation: event.Issue, Grant: "password", Source: "LDAP:corp", Status: 503, Error: "temporarily_unavailable", CorrelationID: "c1"})
	f.End(event.Access{CorrelationID: "c1", Status: 503, Method: "POST", Path: "/auth/jwt"})
	tracer.tokens.Range(func(k, _ any) bool { t.Errorf("%v is kept for ever", k); return true })
	tracer.Close()
	if len(to.spans) != 2 {
		t.Fatalf("%v", to.spans)
	}
	source, call := to.spans[0], to.spans[1]
	if source.Name != "identity source" || !cmp.Equal(source.ParentSpanId, call.SpanId) || source.Status.Code != traces.Status_STATUS_CODE_ERROR {
		t.Errorf("%v", source)
	}
	if call.Name != "token ISSUE" || !strings.Contains(call.String(), "LDAP:corp") || call.Status.Code != traces.Status_STATUS_CODE_ERROR {
		t.Errorf("%v", call)
	}
}

// What a policy asks of an identity source is a span within the policy's own, and what
// is asked once it has ended is not.
func TestAPolicysQuestionIsWithinItsSpan(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	tracer, err := newTracer(t.Context(), to.URL+"/v1/traces", 1, "n", quiet, counter())
	if err != nil {
		t.Fatal(err)
	}
	people := &enginetest.People{}
	guard := identity.NewGuard(people.Kind().New(), people, identity.GuardOptions{Now: time.Now})
	f := tracer.Begin(http.Header{}, false)
	asked := f.Context(t.Context())
	for _, name := range []string{"first", "second"} {
		end := f.Policy(policy.Request, name)
		_, _, _ = guard.Find(asked, name)
		end(nil)
	}
	_, _, _ = guard.Find(asked, "nobody's")
	f.End(event.Access{CorrelationID: "c1", Status: 200, Method: "GET", Path: "/"})
	tracer.Close()
	names := map[string]string{}
	for _, s := range to.spans {
		names[hexOf(s.SpanId)] = s.Name
	}
	var got []string
	for _, s := range to.spans {
		if s.Name == "identity source" {
			got = append(got, names[hexOf(s.ParentSpanId)])
		}
	}
	if diff := cmp.Diff([]string{"policy first", "policy second", "call"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSpansThatNobodyTakesAreCounted(t *testing.T) {
	t.Parallel()
	lost := counter()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refusing.Close()
	tracer, err := newTracer(t.Context(), refusing.URL+"/v1/traces", 1, "n", quiet, lost)
	if err != nil {
		t.Fatal(err)
	}
	tracer.Begin(http.Header{}, false).End(event.Access{})
	tracer.Close()
	if n := droppedOf(t, lost); n != 1 {
		t.Errorf("%d lost", n)
	}
}
