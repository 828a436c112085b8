package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// metricLines are the lines of /metrics that begin with one of the names.
func metricLines(r *prometheus.Registry, names ...string) (lines []string) {
	w := httptest.NewRecorder()
	(&ops{registry: r}).handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.Lines(w.Body.String()) {
		name, _, _ := strings.Cut(line, "{")
		if slices.Contains(names, name) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

var passed = event.Access{
	Environment: "production", Project: "Shop", Proxy: "orders", Status: 200, Result: event.Success,
	TokenCheck: event.TokenRemembered, Duration: 3 * time.Millisecond, Upstream: 2 * time.Millisecond,
}

func TestCallsAreCountedByWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	for _, change := range []func(*event.Access){
		func(*event.Access) {},
		func(a *event.Access) { a.TokenCheck = event.TokenVerified },
		func(a *event.Access) { a.Status = 201 },
		func(a *event.Access) { a.Status, a.Result, a.Fault = 7, event.Failed, fault.UpstreamConnection },
		func(a *event.Access) {
			a.Status, a.Result, a.Fault, a.TokenCheck, a.Upstream = 404, event.Blocked, fault.NotFound, "", 0
			a.Project, a.Proxy = "", ""
		},
	} {
		a := passed
		change(&a)
		m.Access(a)
	}
	want := []string{
		`gatewright_requests_total{environment="production",fault="",project="Shop",proxy="orders",result="SUCCESS",status="200"} 2`,
		`gatewright_requests_total{environment="production",fault="",project="Shop",proxy="orders",result="SUCCESS",status="201"} 1`,
		`gatewright_requests_total{environment="production",fault="APIPROXY_NOTFOUND",project="",proxy="",result="BLOCKED",status="404"} 1`,
		`gatewright_requests_total{environment="production",fault="POLICY_ROUTING_CONNECTION",project="Shop",proxy="orders",result="ERROR",status="other"} 1`,
		`gatewright_request_duration_seconds_count{environment="production",project="",proxy="",result="BLOCKED"} 1`,
		`gatewright_request_duration_seconds_count{environment="production",project="Shop",proxy="orders",result="ERROR"} 1`,
		`gatewright_request_duration_seconds_count{environment="production",project="Shop",proxy="orders",result="SUCCESS"} 3`,
		`gatewright_upstream_duration_seconds_count{environment="production",project="Shop",proxy="orders"} 4`,
		`gatewright_token_checks_total{check="REMEMBERED",environment="production",project="Shop"} 3`,
		`gatewright_token_checks_total{check="VERIFIED",environment="production",project="Shop"} 1`,
	}
	got := metricLines(m.registry, "gatewright_requests_total", "gatewright_request_duration_seconds_count",
		"gatewright_upstream_duration_seconds_count", "gatewright_token_checks_total")
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever deploys and deletes all day must not fill the memory of nodes and of
// those who scrape them.
func TestSeriesGoWithTheirAPI(t *testing.T) {
	t.Parallel()
	member := enginetest.Proxy("stock", "/stock", "http://127.0.0.1:1")
	b := enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", "http://127.0.0.1:1"))
	b.Owners = append(b.Owners, enginetest.Owner(t, enginetest.ProxyGroup("all", "/all", member)))
	g, _ := enginetest.Gateway(t, engine.Options{}, b)
	m := newMetrics()
	labels := regexp.MustCompile(`^(\w+)\{.*environment="(\w+)".*project="(\w*)",proxy="(\w*)".*`)
	series := func() (of []string) {
		for _, line := range metricLines(m.registry, "gatewright_requests_total", "gatewright_request_duration_seconds_count", "gatewright_upstream_duration_seconds_count") {
			of = append(of, labels.ReplaceAllString(line, "$1 $2/$3/$4"))
		}
		slices.Sort(of)
		return of
	}
	call := func(environment, project, proxy string) {
		a := passed
		a.Environment, a.Project, a.Proxy = environment, project, proxy
		m.Access(a)
	}
	for _, name := range [][3]string{
		{"production", "shop", "orders"}, {"production", "shop", "stock"}, {"production", "shop", "all"}, {"production", "shop", ""}, {"production", "", ""},
		{"test", "shop", "gone"}, {"production", "shop", "gone"}, {"production", "other", "orders"}, {"production", "other", ""},
	} {
		call(name[0], name[1], name[2])
	}
	m.keep("production", g.Served())
	want := []string{}
	for _, name := range []string{"production//", "production/shop/", "production/shop/all", "production/shop/orders", "production/shop/stock", "test/shop/gone"} {
		for _, metric := range []string{"gatewright_request_duration_seconds_count ", "gatewright_requests_total ", "gatewright_upstream_duration_seconds_count "} {
			want = append(want, metric+name)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, series()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.tallies.HasFresh() {
		t.Error("there is something new to look at")
	}
	call("production", "shop", "gone") // had begun before
	if !m.tallies.HasFresh() {
		t.Error("a call that ends late is not noticed")
	}
	call("production", "shop", "orders")
	m.keep("production", g.Served())
	if diff := cmp.Diff(want, series()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.Contains(metricLines(m.registry, "gatewright_requests_total"), `gatewright_requests_total{environment="production",fault="",project="shop",proxy="orders",result="SUCCESS",status="200"} 2`) {
		t.Error("what goes on began anew")
	}
}

func TestMetricsOfACallAllocateNothing(t *testing.T) {
	m := newMetrics()
	for range 64 { // until it is known and has all its parts, as good as surely
		m.Access(passed)
	}
	if n := testing.AllocsPerRun(1000, func() { m.Access(passed) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMetricsOfACallInParallel(b *testing.B) {
	m := newMetrics()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m.Access(passed)
		}
	})
}

// What the library's own vectors cost, for comparison.
func BenchmarkVectorsOfACallInParallel(b *testing.B) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "r"}, append(proxyLabels[:3:3], "status", "result", "fault"))
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "d"}, proxyLabels)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			requests.WithLabelValues(passed.Environment, passed.Project, passed.Proxy, status(passed.Status), string(passed.Result), "").Inc()
			duration.WithLabelValues(passed.Environment, passed.Project, passed.Proxy).Observe(passed.Duration.Seconds())
		}
	})
}
