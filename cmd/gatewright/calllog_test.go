package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// tape is an output that can be held up and broken.
type tape struct {
	mu     sync.Mutex
	text   bytes.Buffer
	broken error
	gate   chan struct{} // nil: open
}

func (o *tape) write(_ context.Context, line []byte) error {
	if o.gate != nil {
		<-o.gate
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken == nil {
		o.text.Write(line)
	}
	return o.broken
}

func (*tape) close() {}

func counter() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "dropped"})
}

func droppedOf(t *testing.T, c prometheus.Counter) int {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return int(m.GetCounter().GetValue())
}

func TestACallIsOneLineWhateverItsTexts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.FixedZone("CET", 3600))
	long := strings.Repeat("ä\n", maxCallText)
	for _, c := range []struct {
		name string
		call event.Access
		want map[string]any
	}{
		{"one that passed", event.Access{
			Time: at, Environment: "production", Project: "Shop", Group: "all", Proxy: "orders", Endpoint: "GET /{id}", Method: "GET", Path: "/shop/1",
			Client: netip.MustParseAddr("192.0.2.7"), Subject: "ann", Status: 200, Result: event.Success, TokenCheck: event.TokenRemembered,
			CorrelationID: "c1", Duration: 1500 * time.Microsecond, Upstream: time.Millisecond,
		}, map[string]any{
			"time": "2026-03-04T04:06:07.000008Z", "environment": "production", "project": "Shop", "group": "all", "proxy": "orders",
			"endpoint": "GET /{id}", "method": "GET", "path": "/shop/1", "client": "192.0.2.7", "subject": "ann", "status": 200.0, "result": "SUCCESS",
			"tokenCheck": "REMEMBERED", "correlationId": "c1", "durationMs": 1.5, "upstreamMs": 1.0,
		}},
		{"one that was refused", event.Access{Time: at, Status: 404, Result: event.Blocked, Fault: fault.NotFound, Policy: "p", Reason: "no"}, map[string]any{
			"time": "2026-03-04T04:06:07.000008Z", "status": 404.0, "result": "BLOCKED", "fault": "APIPROXY_NOTFOUND", "policy": "p", "reason": "no", "durationMs": 0.0,
		}},
		{"an attempt at a line of its own", event.Access{
			Time: at, Path: "/\n{\"status\":200}\x00\u2028<\\\xff", Subject: `"},{"`, Client: netip.MustParseAddr("fe80::1").WithZone(`"x`),
		}, map[string]any{
			"time": "2026-03-04T04:06:07.000008Z", "status": 0.0, "result": "", "path": "/\n{\"status\":200}\x00\u2028<\\\ufffd", "subject": `"},{"`, "client": "fe80::1", "durationMs": 0.0,
		}},
		{"a path that is no text", event.Access{Time: at, Path: "/caf\xe9"}, map[string]any{
			"time": "2026-03-04T04:06:07.000008Z", "status": 0.0, "result": "", "path": "/caf\ufffd", "durationMs": 0.0,
		}},
		{"a path without end", event.Access{Time: at, Path: long}, map[string]any{
			"time": "2026-03-04T04:06:07.000008Z", "status": 0.0, "result": "", "path": strings.ToValidUTF8(long[:maxCallText], "\ufffd"), "durationMs": 0.0,
		}},
	} {
		line := appendCall(nil, &c.call)
		if !utf8.Valid(line) || bytes.Count(line, []byte("\n")) != 1 || !bytes.HasSuffix(line, []byte("\n")) {
			t.Errorf("%s is not one line: %s", c.name, line)
		}
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Errorf("%s: %v: %s", c.name, err, line)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestACallNeverWaitsForTheAccessLog(t *testing.T) {
	t.Parallel()
	out, dropped := &tape{gate: make(chan struct{})}, counter()
	l := newCallLog(out, 1, quiet, dropped)
	const calls = 3 * callLogQueue // the writer holds some while its target stands still
	for range calls {
		l.Access(passed)
	}
	if droppedOf(t, dropped) == 0 {
		t.Error("no line was dropped, so one has waited")
	}
	close(out.gate)
	l.Close()
	if written := strings.Count(out.text.String(), "\n"); written+droppedOf(t, dropped) != calls || written < callLogQueue {
		t.Errorf("%d lines written and %d dropped of %d", written, droppedOf(t, dropped), calls)
	}
	l.Access(passed) // after the end, as a call that was cut off does
}

func TestLinesThatCannotBeWrittenAreCounted(t *testing.T) {
	t.Parallel()
	out, dropped := &tape{broken: errors.New("disk full")}, counter()
	l := newCallLog(out, 1, quiet, dropped)
	for range 10 {
		l.Access(passed)
	}
	l.Close()
	if n := droppedOf(t, dropped); n != 10 {
		t.Errorf("%d dropped", n)
	}
}

func TestASampleLeavesOutSuccessOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sample   float64
		min, max int
	}{{0, 0, 0}, {0.5, 300, 700}, {1, 1000, 1000}} {
		out := &tape{}
		l := newCallLog(out, c.sample, quiet, counter())
		refused := passed
		refused.Result = event.Blocked
		for range 1000 {
			l.Access(passed)
			l.Access(refused)
		}
		l.Close()
		lines := out.text.String()
		if n := strings.Count(lines, `"SUCCESS"`); n < c.min || n > c.max {
			t.Errorf("%d of 1000 at a share of %v", n, c.sample)
		}
		if n := strings.Count(lines, `"BLOCKED"`); n != 1000 {
			t.Errorf("%d of 1000 refusals", n)
		}
	}
}

func TestTheAccessLogOfAProcessHoldsEveryCallAndNoSecret(t *testing.T) {
	t.Parallel()
	dir := newDataDir(t)
	path := filepath.Join(dir, "calls.log")
	s := serveIn(t, dir, demoAddr(t), "--access-log="+path)
	token := strings.TrimSpace(shell(t, []string{s.lines[0], "echo $TOKEN"}))
	if code := call(t, s.gateway, token); code != http.StatusOK {
		t.Fatalf("answered %d", code)
	}
	resp, err := http.Get(s.gateway + "/echo/hello?access_token=" + token + "&password=hunter2hunter2")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.stop(t, syscall.SIGTERM)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 2 || !strings.Contains(string(text), `"tokenCheck":"VERIFIED"`) {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for _, secret := range []string{token, token[strings.LastIndexByte(token, '.'):], "hunter2", "Bearer"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in\n%s", secret, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func BenchmarkLoggingACall(b *testing.B) {
	l := newCallLog(&plainOutput{io.Discard}, 1, quiet, counter())
	defer l.Close()
	call := passed
	call.Time, call.Method, call.Path, call.Endpoint = time.Now(), "GET", "/shop/orders/17", "GET /orders/{id}"
	call.Subject, call.CorrelationID, call.Client = "ann", "0123456789abcdef0123456789abcdef", netip.MustParseAddr("192.0.2.7")
	b.ReportAllocs()
	for b.Loop() {
		l.Access(call)
	}
}
