package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine"
)

// gatewayMetrics tells what each environment's gateway runs.
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
)

// Describe implements prometheus.Collector.
func (gatewayMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- gatewayReady
	to <- gatewayFailed
	to <- gatewayOwners
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
	}
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
