package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestOnlyWhatAProcessCannotServeWithoutMakesItUnready(t *testing.T) {
	t.Parallel()
	well := func(context.Context) error { return nil }
	ill := func(context.Context) error { return errors.New("gone") }
	type checks = map[string]func(context.Context) error
	for _, c := range []struct {
		name     string
		checks   checks
		away     bool
		draining bool
		code     int
		says     string
	}{
		{"all is well", checks{"gateway production": well}, false, false, 200, `"database":"ok"`},
		{"the database is gone", checks{"gateway production": well}, true, false, 200, `"process":"degraded"`},
		{"without configuration", checks{"gateway production": ill}, false, false, 503, `"gateway production":"not ready"`},
		{"stopping", checks{"gateway production": well}, false, true, 503, `"process":"draining"`},
	} {
		o := &ops{registry: prometheus.NewRegistry(), checks: c.checks, away: func() bool { return c.away }}
		o.draining.Store(c.draining)
		w := httptest.NewRecorder()
		o.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "gone") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}
