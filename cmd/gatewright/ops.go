package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ops answers probes and metrics on a listener of its own (D3).
type ops struct {
	registry *prometheus.Registry
	// checks say, by name, why the process is not ready; nil means it is.
	checks map[string]func(context.Context) error
	// away tells that the database does not answer. Calls go on without it, so
	// the process is ready: a load balancer that took it out would take out all
	// nodes at once.
	away     func() bool
	draining atomic.Bool
}

func (o *ops) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": buildVersion()})
	})
	mux.HandleFunc("GET /readyz", o.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	return mux
}

// ready is 503 as soon as the process drains, so that a load balancer sends
// no new calls while those under way finish.
func (o *ops) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	code, answer := http.StatusOK, map[string]string{"database": "ok"}
	if o.away() {
		answer["database"], answer["process"] = "away", "degraded"
	}
	for name, check := range o.checks {
		if answer[name] = said(check(ctx)); answer[name] != "ok" {
			code = http.StatusServiceUnavailable
		}
	}
	if o.draining.Load() {
		code, answer["process"] = http.StatusServiceUnavailable, "draining"
	}
	writeJSON(w, code, answer)
}

func said(err error) string {
	if err != nil {
		return "not ready"
	}
	return "ok"
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the prober has gone; nobody is left to tell
}
