package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/policy"
)

// switched is a sink that is changed between two calls.
type switched struct{ event.Sink }

// turn is how many calls are made one way before the next.
const turn = 20

// BenchmarkWhatWatchingCosts makes calls without metrics and access log and with
// them, in alternation, and tells the median of what they take more: caller,
// gateway and API in this process, over real connections.
func BenchmarkWhatWatchingCosts(b *testing.B) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1024)) }))
	defer api.Close()
	m := newMetrics()
	file, err := openFileOutput(filepath.Join(b.TempDir(), "calls.log"))
	if err != nil {
		b.Fatal(err)
	}
	log := newCallLog(file, 1, quiet, m.dropped)
	defer log.Close()
	ways := []struct {
		name string
		sink event.Sink
	}{{"nothing", event.Discard{}}, {"again", event.Discard{}}, {"metrics", m}, {"metrics+log", sinks{m, log}}}
	sink := &switched{event.Discard{}}
	g := engine.New(engine.Options{Types: policy.Set{}, Sink: sink})
	if err := g.Apply(b.Context(), enginetest.Bundle(b, enginetest.Proxy("open", "/open", api.URL))); err != nil {
		b.Fatal(err)
	}
	node := httptest.NewServer(g)
	defer node.Close()
	calls := func(n int) time.Duration {
		start := time.Now()
		for range n {
			resp, err := http.Get(node.URL + "/open/pets/7?x=1")
			if err != nil || resp.StatusCode != http.StatusOK {
				b.Fatal(resp, err)
			}
			if _, err := resp.Body.Read(make([]byte, 2048)); err == nil {
				_, _ = resp.Body.Read(make([]byte, 1))
			}
			resp.Body.Close()
		}
		return time.Since(start)
	}
	calls(200)
	shares := make([][]float64, len(ways))
	for b.Loop() {
		sink.Sink = ways[0].sink
		base := calls(turn)
		for i, w := range ways[1:] {
			sink.Sink = w.sink
			shares[i] = append(shares[i], float64(calls(turn))/float64(base))
		}
	}
	for i, w := range ways[1:] {
		slices.Sort(shares[i])
		b.ReportMetric(100*(shares[i][len(shares[i])/2]-1), "%_"+w.name)
	}
}
