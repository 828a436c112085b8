package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// manyDeployed is a database in which n proxies with a JWT policy each run in
// production, all but the first made by a few statements.
func manyDeployed(t testing.TB, n int) (*models.Store, models.Owner) {
	t.Helper()
	ctx, url := context.Background(), modelstest.Database(t)
	s := modelstest.Open(t, url)
	modelstest.Environment(t, s, "production")
	project := modelstest.Project(t, s, "Shop")
	p := modelstest.Bind(t, s, modelstest.Proxy(t, s, project.ID, "proxy-0"), modelstest.Policy(t, s, project.ID, "standard"))
	modelstest.Deploy(t, s, p, "production")
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`create temp table many as select n, gen_random_uuid() as proxy, gen_random_uuid() as revision from generate_series(1, $1::int - 1) n`, []any{n}},
		{`insert into owners (id, kind, project_id, name, description, client_id, client_secret_hash, base_path, methods, upstream_url, connect_timeout, response_timeout,
				version, created_at, created_by, updated_at, updated_by)
			select m.proxy, kind, project_id, 'proxy-' || n, description, m.proxy::text, client_secret_hash, '/proxy-' || n, methods, upstream_url, connect_timeout, response_timeout,
				1, created_at, created_by, updated_at, updated_by
			from owners, many m where id = $1`, []any{p.ID}},
		{`insert into revisions (id, owner_id, environment_id, number, definition, digest, note, created_at, created_by)
			select m.revision, m.proxy, environment_id, 1, d::json, encode(sha256(convert_to(d, 'UTF8')), 'hex'), note, created_at, created_by
			from revisions, many m, lateral replace(replace(definition::text, 'proxy-0', 'proxy-' || n), $2, m.proxy::text) d where owner_id = $1`, []any{p.ID, p.ClientID}},
		{`insert into deployments (owner_id, owner_key, environment_id, revision_id, name, updated_at, updated_by)
			select m.proxy, 'proxy-' || n, environment_id, m.revision, 'proxy-' || n, updated_at, updated_by from deployments, many m where owner_id = $1`, []any{p.ID}},
		{`analyze`, nil},
	} {
		if _, err := conn.Exec(ctx, step.sql, step.args...); err != nil {
			t.Fatalf("%s: %v", step.sql, err)
		}
	}
	return s, p
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// BenchmarkNode is how long a node takes to be ready with many proxies, and how
// long after its commit the deploy of one of them acts on it.
func BenchmarkNode(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("proxies=%d", n), func(b *testing.B) {
			store, p := manyDeployed(b, n)
			before := heap()
			gateway := engine.New(engine.Options{Types: policyTypes(), Sink: event.Discard{}})
			node := newNode("bench", store, nil, slog.New(slog.DiscardHandler), newMetrics())
			node.add("production", gateway)
			start := time.Now()
			if err := node.load(b.Context()); err != nil {
				b.Fatal(err)
			}
			ready := time.Since(start)
			after := heap()
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = node.follow(ctx) }()
			defer func() { cancel(); <-done }()
			var acted []time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				p.Upstream.URL = fmt.Sprintf("http://127.0.0.1:9/v%d", i)
				saved, _, err := store.SaveProxy(ctx, modelstest.By(), p.ProjectID, p)
				if err != nil {
					b.Fatal(err)
				}
				p = saved
				result := modelstest.Deploy(b, store, p, "production")
				began := time.Now()
				b.StartTimer()
				for gateway.Status().Generation < result.Generation {
					time.Sleep(100 * time.Microsecond)
				}
				acted = append(acted, time.Since(began))
			}
			b.ReportMetric(float64(ready.Milliseconds()), "ms-to-start")
			b.ReportMetric(after-before, "MiB")
			slices.Sort(acted)
			b.ReportMetric(float64(acted[len(acted)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(acted[len(acted)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
