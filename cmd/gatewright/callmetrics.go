package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/cmd/gatewright/tally"
	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// callKind is what calls are told apart by. All of it is named by who deploys or
// by the catalogue of errors; a status that HTTP does not know is one of them.
type callKind struct {
	environment, project, proxy string
	status                      int
	result                      event.Result
	fault                       fault.Type
	check                       event.TokenCheck
}

// callMetrics counts calls as they end. A call costs it one look into a map and a
// few atomic additions: no lock and no allocation.
type callMetrics struct{ tallies tally.Map[callKind] }

var (
	proxyLabels = []string{"environment", "project", "proxy"}

	callRequests = prometheus.NewDesc("gatewright_requests_total",
		"Calls through the gateway, by environment, proxy, status and result; fault is the catalogue's type.",
		append(proxyLabels[:3:3], "status", "result", "fault"), nil)
	callDuration = prometheus.NewDesc("gatewright_request_duration_seconds",
		"Time from a call's arrival to the end of its answer.", append(proxyLabels[:3:3], "result"), nil)
	callUpstream = prometheus.NewDesc("gatewright_upstream_duration_seconds",
		"Time until the API's answer began, of calls that reached it.", proxyLabels, nil)
	callTokens = prometheus.NewDesc("gatewright_token_checks_total",
		"Calls with a good token, by whether its signature was verified or remembered.", []string{"environment", "project", "check"}, nil)
)

// Access counts a call.
func (m *callMetrics) Access(a event.Access) {
	status := a.Status
	if status < 100 || status > 599 {
		status = 0
	}
	m.tallies.Of(callKind{a.Environment, a.Project, a.Proxy, status, a.Result, a.Fault, a.TokenCheck}).Add(a.Duration, a.Upstream)
}

// keep forgets the series of an environment that belong to no API, group or project
// that is served there any more.
func (m *callMetrics) keep(environment string, s engine.Served) {
	m.tallies.Drop(func(k callKind) bool { return k.environment == environment && !s.Has(k.project, k.proxy) })
}

// Describe implements prometheus.Collector.
func (*callMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{callRequests, callDuration, callUpstream, callTokens} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *callMetrics) Collect(to chan<- prometheus.Metric) {
	requests, tokens := map[[6]string]uint64{}, map[[3]string]uint64{}
	durations, upstreams := map[[4]string]*tally.Spread{}, map[[3]string]*tally.Spread{}
	m.tallies.Each(func(k callKind, t *tally.Tally) {
		whole, upstream := t.Read()
		n := whole.Total()
		requests[[6]string{k.environment, k.project, k.proxy, status(k.status), string(k.result), string(k.fault)}] += n
		if k.check != "" {
			tokens[[3]string{k.environment, k.project, string(k.check)}] += n
		}
		gather(durations, [4]string{k.environment, k.project, k.proxy, string(k.result)}, &whole)
		if upstream.Total() > 0 {
			gather(upstreams, [3]string{k.environment, k.project, k.proxy}, &upstream)
		}
	})
	for k, n := range requests {
		to <- prometheus.MustNewConstMetric(callRequests, prometheus.CounterValue, float64(n), k[:]...)
	}
	for k, n := range tokens {
		to <- prometheus.MustNewConstMetric(callTokens, prometheus.CounterValue, float64(n), k[:]...)
	}
	for k, s := range durations {
		to <- histogram(callDuration, s, k[:])
	}
	for k, s := range upstreams {
		to <- histogram(callUpstream, s, k[:])
	}
}

func gather[K comparable](sums map[K]*tally.Spread, key K, s *tally.Spread) {
	sum := sums[key]
	if sum == nil {
		sum = new(tally.Spread)
		sums[key] = sum
	}
	s.Into(sum)
}

func histogram(desc *prometheus.Desc, s *tally.Spread, labels []string) prometheus.Metric {
	buckets, n := make(map[float64]uint64, len(tally.Bounds)), uint64(0)
	for i, bound := range tally.Bounds {
		n += s.Counts[i]
		buckets[bound.Seconds()] = n
	}
	return prometheus.MustNewConstHistogram(desc, s.Total(), float64(s.Sum)/1e9, buckets, labels...)
}
