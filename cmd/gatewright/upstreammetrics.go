package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/balance"
)

// upstreamMetrics tells of the addresses of APIs that have several, or whose one is
// watched. Addresses are those that administrators gave, at most
// engine.MaxAddresses a proxy, and go with their proxy.
type upstreamMetrics struct {
	gateways map[string]*engine.Gateway // by environment
}

var (
	upstreamLabels = []string{"environment", "project", "proxy"}
	addressLabels  = append(upstreamLabels[:3:3], "address")

	upstreamUp = prometheus.NewDesc("gatewright_upstream_up",
		"1 while an address of an API is called, 0 while it rests after failures or is down by its health check.", append(addressLabels[:4:4], "state"), nil)
	upstreamCalls = prometheus.NewDesc("gatewright_upstream_calls",
		"Calls under way at an address of an API.", addressLabels, nil)
	upstreamRests = prometheus.NewDesc("gatewright_upstream_rests_total",
		"How often an address of an API was laid to rest: its circuit breaker opened.", addressLabels, nil)
	upstreamRetries = prometheus.NewDesc("gatewright_upstream_retries_total",
		"Calls that were tried again, at another address if there was one.", upstreamLabels, nil)
)

// Describe implements prometheus.Collector.
func (upstreamMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upstreamUp, upstreamCalls, upstreamRests, upstreamRetries} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m upstreamMetrics) Collect(to chan<- prometheus.Metric) {
	for environment, gateway := range m.gateways {
		for _, u := range gateway.Upstreams() {
			labels := []string{environment, u.Project, u.Proxy}
			to <- prometheus.MustNewConstMetric(upstreamRetries, prometheus.CounterValue, float64(u.Retries), labels...)
			for _, a := range u.Addresses {
				collectAddress(to, append(labels[:3:3], a.Address), a)
			}
		}
	}
}

func collectAddress(to chan<- prometheus.Metric, labels []string, a balance.State) {
	up := 0.0
	if a.Health == balance.Well {
		up = 1
	}
	to <- prometheus.MustNewConstMetric(upstreamUp, prometheus.GaugeValue, up, append(labels[:4:4], a.Health.String())...)
	to <- prometheus.MustNewConstMetric(upstreamCalls, prometheus.GaugeValue, float64(a.Calls), labels...)
	to <- prometheus.MustNewConstMetric(upstreamRests, prometheus.CounterValue, float64(a.Rests), labels...)
}
