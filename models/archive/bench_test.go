package archive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models/archive"
)

// large is 10,000 proxies with ten endpoints, a global policy and one of their
// own each, of the size that a written JWT policy has.
func large() archive.Package {
	settings := map[string]any{"type": "policy-auth-jwt", "active": true}
	for i := range 60 {
		settings[fmt.Sprintf("aSettingOfThePolicy%d", i)] = fmt.Sprintf("value %d", i)
	}
	p := archive.Package{Project: "default"}
	for i := range 10_000 {
		settings["name"] = fmt.Sprintf("own-%d", i)
		own, _ := json.Marshal(settings)
		proxy := &archive.Proxy{
			Common:   common(archive.KindProxy, fmt.Sprintf("proxy-%d", i), archive.Ref{Kind: archive.KindPolicy, Name: "global"}),
			Route:    engine.Route{BasePath: fmt.Sprintf("/proxy/%d", i)},
			Upstream: engine.Upstream{URL: "https://orders.internal:8443"},
			Bindings: []archive.Binding{{Scope: policy.All, Pipeline: policy.Request, Global: "global"}, {Scope: policy.All, Pipeline: policy.Request, Policy: own}},
		}
		for j := range 10 {
			proxy.Endpoints = append(proxy.Endpoints, archive.Endpoint{Method: "GET", Path: fmt.Sprintf("/things/{id}/%d", j)})
		}
		p.Objects = append(p.Objects, proxy)
	}
	return p
}

func BenchmarkWriteTenThousandProxies(b *testing.B) {
	p := large()
	b.ReportAllocs()
	for b.Loop() {
		if err := archive.Write(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadTenThousandProxies(b *testing.B) {
	var file bytes.Buffer
	if err := archive.Write(&file, large()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := archive.Read(file.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(file.Len())/(1<<20), "MiB/package")
}
