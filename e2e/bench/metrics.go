package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
)

// metrics count each call as those of the product do: one counter, one histogram.
type metrics struct {
	event.Discard
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests"}, []string{"environment", "project", "proxy", "status", "result", "fault"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "duration"}, []string{"environment", "project", "proxy"}),
	}
}

// Access counts a call.
func (m *metrics) Access(a event.Access) {
	m.requests.WithLabelValues(a.Environment, a.Project, a.Proxy, strconv.Itoa(a.Status), string(a.Result), string(a.Fault)).Inc()
	m.duration.WithLabelValues(a.Environment, a.Project, a.Proxy).Observe(a.Duration.Seconds())
}
