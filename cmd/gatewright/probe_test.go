package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheProbeSaysWhatReadyzSays(t *testing.T) {
	t.Parallel()
	code := make(chan int, 1)
	asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("the probe asks %s", r.URL.Path)
		}
		w.WriteHeader(<-code)
	}))
	defer asked.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(asked.URL, "http://"), ":")
	for _, c := range []struct {
		name, addr string
		answer     int
		want       int
		says       string
	}{
		{"a process that is ready", "127.0.0.1:" + port, http.StatusOK, 0, ""},
		{"one that listens everywhere", ":" + port, http.StatusOK, 0, ""},
		{"one that listens everywhere, in numbers", "0.0.0.0:" + port, http.StatusOK, 0, ""},
		{"a process that drains", "127.0.0.1:" + port, http.StatusServiceUnavailable, 1, "503"},
		{"nobody there", "127.0.0.1:1", 0, 1, "not ready"},
		{"no address", "8082", 0, 1, "--ops-addr"},
	} {
		if c.answer != 0 {
			code <- c.answer
		}
		got, _, stderr := start(t, []string{"GATEWRIGHT_OPS_ADDR=" + c.addr}, "probe")
		if got != c.want || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: code %d, %s", c.name, got, stderr)
		}
	}
}
