package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine"
)

// gatewayMetrics tells what each environment's gateway runs, and how much it has to do.
type gatewayMetrics struct {
	gateways map[string]*engine.Gateway // by environment
}

var (
	gatewayReady = prometheus.NewDesc("gatewright_gateway_ready",
		"1 when a configuration is served, 0 before the first one.", []string{"environment"}, nil)
	gatewayFailed = prometheus.NewDesc("gatewright_snapshot_failed",
		"1 while the newest configuration cannot be run and the one before it goes on.", []string{"environment"}, nil)
	gatewayOwners = prometheus.NewDesc("gatewright_deployed",
		"How many proxies, groups and credentials are served, by kind.", []string{"environment", "kind"}, nil)
	gatewayCalls = prometheus.NewDesc("gatewright_calls",
		"Calls under way.", []string{"environment"}, nil)
	gatewayConnections = prometheus.NewDesc("gatewright_connections",
		"Open connections of callers.", []string{"environment"}, nil)
	gatewayShed = prometheus.NewDesc("gatewright_calls_shed_total",
		"Calls refused for the load: too many under way, or no memory.", []string{"environment", "reason"}, nil)
	gatewayRefused = prometheus.NewDesc("gatewright_connections_refused_total",
		"Connections refused beyond --max-connections.", []string{"environment"}, nil)
	gatewayForged = prometheus.NewDesc("gatewright_forged_tokens_total",
		"Tokens whose signature was checked and is wrong.", []string{"environment"}, nil)
	gatewayUnseen = prometheus.NewDesc("gatewright_tokens_turned_away_total",
		"Unknown tokens refused unseen, as too many forged ones came from their network.", []string{"environment"}, nil)
	gatewayWaiting = prometheus.NewDesc("gatewright_token_requests_waiting",
		"Token requests that wait for a processor, by what they need it for.", []string{"environment", "work"}, nil)
)

// Describe implements prometheus.Collector.
func (gatewayMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- gatewayReady
	to <- gatewayFailed
	to <- gatewayOwners
	for _, d := range []*prometheus.Desc{
		gatewayCalls, gatewayConnections, gatewayShed, gatewayRefused, gatewayForged, gatewayUnseen, gatewayWaiting,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m gatewayMetrics) Collect(to chan<- prometheus.Metric) {
	for environment, gateway := range m.gateways {
		running := gateway.Running()
		to <- prometheus.MustNewConstMetric(gatewayReady, prometheus.GaugeValue, oneIf(running.Ready), environment)
		to <- prometheus.MustNewConstMetric(gatewayFailed, prometheus.GaugeValue, oneIf(running.Failure != nil), environment)
		kinds := map[string]int{engine.KindProxy: 0}
		for _, o := range running.Owners {
			kinds[o.Kind]++
		}
		for kind, n := range kinds {
			to <- prometheus.MustNewConstMetric(gatewayOwners, prometheus.GaugeValue, float64(n), environment, kind)
		}
		collectLoad(to, environment, gateway.Load())
	}
}

func collectLoad(to chan<- prometheus.Metric, environment string, l engine.Load) {
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, n int64, more ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, float64(n), append([]string{environment}, more...)...)
	}
	tell(gatewayCalls, prometheus.GaugeValue, l.Calls)
	tell(gatewayConnections, prometheus.GaugeValue, l.Connections)
	tell(gatewayShed, prometheus.CounterValue, l.Crowded, "calls")
	tell(gatewayShed, prometheus.CounterValue, l.Full, "memory")
	tell(gatewayRefused, prometheus.CounterValue, l.Refused)
	tell(gatewayForged, prometheus.CounterValue, l.Forged)
	tell(gatewayUnseen, prometheus.CounterValue, l.Unseen)
	tell(gatewayWaiting, prometheus.GaugeValue, l.Signing, "sign")
	tell(gatewayWaiting, prometheus.GaugeValue, l.Hashing, "hash")
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
