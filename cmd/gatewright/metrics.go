package main

import (
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gatewright/gatewright/engine/event"
)

// metrics turns the engine's events into Prometheus series. No label takes a
// value that a caller chooses: series must not grow with traffic.
type metrics struct {
	callMetrics
	registry *prometheus.Registry
	tokens   *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	security *prometheus.CounterVec
	snapshot *prometheus.GaugeVec
	database prometheus.Gauge
	dropped  prometheus.Counter
	// spansLost are those that the collector of traces did not take.
	spansLost prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewright_token_requests_total",
			Help: "Requests to the token service, by operation, grant and RFC 6749 error; error is empty when all went well.",
		}, []string{"environment", "operation", "grant", "algorithm", "error"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatewright_token_request_duration_seconds",
			Help:    "Time that the token service takes, with the identity source that it asks.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"environment", "operation"}),
		security: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewright_security_events_total",
			Help: "Security events, by kind.",
		}, []string{"environment", "kind"}),
		snapshot: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatewright_snapshot_generation",
			Help: "Generation of the configuration that the gateway runs.",
		}, []string{"environment"}),
		database: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatewright_database_up",
			Help: "1 while the node's report to the database arrives, which it makes every few seconds; else 0.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatewright_access_log_dropped_total",
			Help: "Access log lines dropped because the log was slower than the traffic.",
		}),
	}
	m.spansLost = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatewright_spans_lost_total", Help: "Spans of traces that the collector did not take.",
	})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gatewright_build_info", Help: "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": buildVersion()},
	})
	build.Set(1)
	m.registry.MustRegister(&m.callMetrics, m.tokens, m.latency, m.security, m.snapshot, m.database, m.dropped, m.spansLost, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Token counts a token request. A grant that the caller made up is one label.
func (m *metrics) Token(t event.Token) {
	grant := t.Grant
	if t.Error == "unsupported_grant_type" {
		grant = "other"
	}
	m.tokens.WithLabelValues(t.Environment, string(t.Operation), grant, t.Algorithm, t.Error).Inc()
	m.latency.WithLabelValues(t.Environment, string(t.Operation)).Observe(t.Duration.Seconds())
}

func status(code int) string {
	if code >= 100 && code < 600 {
		return strconv.Itoa(code)
	}
	return "other"
}

// heard tells whether the database has just answered.
func (m *metrics) heard(answered bool) {
	if m.database.Set(0); answered {
		m.database.Set(1)
	}
}

// expect makes the series of an environment before there is anything to count: an
// alert on the increase of one that begins at 1 never sees it.
func (m *metrics) expect(environment string) {
	for _, kind := range event.SecurityKinds {
		m.security.WithLabelValues(environment, string(kind))
	}
}

// accessLog writes events as log lines from a goroutine of its own: a slow
// terminal must not slow a call. When the buffer is full, lines are dropped
// and counted.
type accessLog struct {
	logger  *slog.Logger
	calls   bool        // refused and failed ones; another log has them otherwise
	lines   chan func() // never closed: a call that was cut off may still report
	dropped prometheus.Counter
	stop    chan struct{}
	done    sync.WaitGroup
	closed  atomic.Bool
}

func newAccessLog(logger *slog.Logger, calls bool, dropped prometheus.Counter) *accessLog {
	l := &accessLog{logger: logger, calls: calls, lines: make(chan func(), 4096), dropped: dropped, stop: make(chan struct{})}
	l.done.Go(l.run)
	return l
}

func (l *accessLog) run() {
	for {
		select {
		case line := <-l.lines:
			line()
		case <-l.stop:
			l.drain()
			return
		}
	}
}

func (l *accessLog) drain() {
	for {
		select {
		case line := <-l.lines:
			line()
		default:
			return
		}
	}
}

// Access logs a refused or failed call.
func (l *accessLog) Access(a event.Access) {
	if !l.calls || a.Result == event.Success {
		return
	}
	l.write(func() {
		l.logger.Info("call", "result", a.Result, "status", a.Status, "environment", a.Environment, "project", a.Project,
			"proxy", a.Proxy, "endpoint", a.Endpoint, "method", a.Method, "path", a.Path, "client", a.Client,
			"subject", a.Subject, "fault", a.Fault, "reason", a.Reason, "correlationId", a.CorrelationID,
			"duration", a.Duration, "upstream", a.Upstream)
	})
}

// Token logs a token request that was refused.
func (l *accessLog) Token(t event.Token) {
	if t.Error == "" {
		return
	}
	l.write(func() {
		l.logger.Info("token request", "status", t.Status, "error", t.Error, "reason", t.Reason, "environment", t.Environment,
			"project", t.Project, "owner", t.Owner, "grant", t.Grant, "clientId", t.ClientID, "client", t.Client,
			"algorithm", t.Algorithm, "correlationId", t.CorrelationID, "duration", t.Duration)
	})
}

func (l *accessLog) write(line func()) {
	if l.closed.Load() {
		return
	}
	select {
	case l.lines <- line:
	default:
		l.dropped.Inc()
	}
}

// Close writes what is buffered.
func (l *accessLog) Close() {
	if !l.closed.Swap(true) {
		close(l.stop)
		l.done.Wait()
	}
}

// Security counts an event.
func (m *metrics) Security(e event.Security) {
	m.security.WithLabelValues(e.Environment, string(e.Kind)).Inc()
}

// Security logs every one.
func (l *accessLog) Security(e event.Security) {
	l.write(func() {
		l.logger.Warn("security event", "kind", e.Kind, "environment", e.Environment, "project", e.Project, "owner", e.Owner,
			"subject", e.Subject, "source", e.Source, "client", e.Client, "detail", e.Detail, "correlationId", e.CorrelationID)
	})
}

// sinks hands each event to all of its members.
type sinks []event.Sink

// Access hands the event on.
func (s sinks) Access(a event.Access) {
	for _, sink := range s {
		sink.Access(a)
	}
}

// Token hands the event on.
func (s sinks) Token(t event.Token) {
	for _, sink := range s {
		sink.Token(t)
	}
}

// Security hands the event on.
func (s sinks) Security(e event.Security) {
	for _, sink := range s {
		sink.Security(e)
	}
}
