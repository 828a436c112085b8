package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
)

func TestMetricsTellOfTheAddressesOfAnAPI(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(api.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p := enginetest.Proxy("orders", "/orders", gone.URL)
	p.Upstream.Further = []engine.Address{{URL: api.URL + "/v1"}}
	p.Upstream.Breaker.Failures, p.Upstream.Retry.Count = 1, 1
	plain := enginetest.Proxy("plain", "/plain", api.URL)
	// A group froze the proxy as it was: it is told of once.
	frozen := p
	frozen.Upstream.Retry.Count = 2
	b := enginetest.Bundle(t, p, plain)
	b.Owners = append(b.Owners, enginetest.Owner(t, enginetest.ProxyGroup("shop", "/shop", frozen)))
	g, s := enginetest.Gateway(t, engine.Options{}, b)
	for _, path := range []string{"/orders", "/orders", "/shop"} {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(upstreamMetrics{map[string]*engine.Gateway{"production": g}})
	labels := `environment="production",project="shop",proxy="orders"`
	want := strings.NewReplacer("LABELS", labels, "GONE", gone.URL, "<API>", api.URL).Replace(`
# HELP gatewright_upstream_calls Calls under way at an address of an API.
# TYPE gatewright_upstream_calls gauge
gatewright_upstream_calls{address="GONE",LABELS} 0
gatewright_upstream_calls{address="<API>/v1",LABELS} 0
# HELP gatewright_upstream_rests_total How often an address of an API was laid to rest: its circuit breaker opened.
# TYPE gatewright_upstream_rests_total counter
gatewright_upstream_rests_total{address="GONE",LABELS} 2
gatewright_upstream_rests_total{address="<API>/v1",LABELS} 0
# HELP gatewright_upstream_retries_total Calls that were tried again, at another address if there was one.
# TYPE gatewright_upstream_retries_total counter
gatewright_upstream_retries_total{LABELS} 2
# HELP gatewright_upstream_up 1 while an address of an API is called, 0 while it rests after failures or is down by its health check.
# TYPE gatewright_upstream_up gauge
gatewright_upstream_up{address="GONE",LABELS,state="resting"} 0
gatewright_upstream_up{address="<API>/v1",LABELS,state="well"} 1
`)
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if got := answer.Body.String(); sortedLines(got) != sortedLines(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func sortedLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
