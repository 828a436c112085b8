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
		name         string
		checks, told checks
		draining     bool
		code         int
		says         string
	}{
		{"all is well", checks{"gateway production": well}, checks{"database": well}, false, 200, `"database":"ok"`},
		{"a node whose database is gone", checks{"gateway production": well}, checks{"database": ill}, false, 200, `"database":"not ready"`},
		{"a console whose database is gone", checks{"database": ill, "gateway production": well}, nil, false, 503, `"database":"not ready"`},
		{"a node without configuration", checks{"gateway production": ill}, checks{"database": well}, false, 503, `"gateway production":"not ready"`},
		{"a node that stops", checks{"gateway production": well}, nil, true, 503, `"process":"draining"`},
	} {
		o := &ops{registry: prometheus.NewRegistry(), checks: c.checks, told: c.told}
		o.draining.Store(c.draining)
		w := httptest.NewRecorder()
		o.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "gone") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}
