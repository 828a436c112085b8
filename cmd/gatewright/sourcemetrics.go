package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine"
)

// sourceMetrics tells what each identity source has done since it was opened.
// Names are those that administrators gave, so series do not grow with traffic.
type sourceMetrics struct {
	gateways map[string]*engine.Gateway // by environment
}

var (
	sourceLabels = []string{"environment", "project", "source", "kind"}

	sourceLogins = prometheus.NewDesc("gatewright_identity_logins_total",
		"Logins and look-ups at an identity source, by verdict; cached ones asked no one.", append(sourceLabels, "verdict"), nil)
	sourceUp = prometheus.NewDesc("gatewright_identity_source_up",
		"1 while an identity source is asked, 0 while its circuit breaker is open.", sourceLabels, nil)
	sourceLatency = prometheus.NewDesc("gatewright_identity_source_latency_seconds",
		"How long an identity source takes to answer, as a moving average.", sourceLabels, nil)
)

// Describe implements prometheus.Collector.
func (sourceMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- sourceLogins
	to <- sourceUp
	to <- sourceLatency
}

// Collect implements prometheus.Collector.
func (m sourceMetrics) Collect(to chan<- prometheus.Metric) {
	for environment, gateway := range m.gateways {
		for _, s := range gateway.Sources() {
			collectSource(to, environment, s)
		}
	}
}

func collectSource(to chan<- prometheus.Metric, environment string, s engine.SourceState) {
	labels := []string{environment, s.Project, s.Name, string(s.Kind)}
	for verdict, n := range map[string]uint64{
		"accepted": s.Accepted, "refused": s.Refused, "broken": s.Broken, "throttled": s.Throttled, "cached": s.CacheHits,
	} {
		to <- prometheus.MustNewConstMetric(sourceLogins, prometheus.CounterValue, float64(n), append(labels, verdict)...)
	}
	to <- prometheus.MustNewConstMetric(sourceUp, prometheus.GaugeValue, oneIf(!s.Open), labels...)
	to <- prometheus.MustNewConstMetric(sourceLatency, prometheus.GaugeValue, s.Latency.Seconds(), labels...)
}
