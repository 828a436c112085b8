package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
)

// everyMember is an upstream in which nothing is the default.
func everyMember() engine.Upstream {
	return engine.Upstream{
		URL: "http://127.0.0.1:9/v1", ConnectTimeout: 100, ResponseTimeout: 200, Weight: 3,
		Further: []engine.Address{{URL: "https://b.test/v1", Weight: 1000}, {URL: "http://c.test:8080"}},
		Choice:  engine.LeastConnections,
		Breaker: engine.Breaker{Failures: 1, Rest: 1, Unavailable: true, Refuse: true},
		Check:   &engine.HealthCheck{Path: "/health/live", Interval: 100, Timeout: 1, From: 204, To: 204, Healthy: 1, Unhealthy: 100},
		Retry:   engine.Retry{Count: 5, Unavailable: true},
	}
}

func TestGoodUpstreamsHaveNoProblems(t *testing.T) {
	t.Parallel()
	many := engine.Upstream{URL: "http://a.test"}
	for i := range engine.MaxAddresses - 1 {
		many.Further = append(many.Further, engine.Address{URL: fmt.Sprintf("http://a%d.test", i)})
	}
	for name, u := range map[string]engine.Upstream{
		"one address": {URL: "http://a.test"}, "everything": everyMember(), "everything with its defaults": everyMember().Whole(), "as many as can be": many,
		"a check of the root":          {URL: "http://a.test", Check: &engine.HealthCheck{Path: "/"}},
		"a check that knows one limit": {URL: "http://a.test", Check: &engine.HealthCheck{Path: "/health/", From: 399}},
		"two paths of one host":        {URL: "http://a.test/1", Further: []engine.Address{{URL: "http://a.test/2"}}},
	} {
		p := enginetest.Proxy("orders", "/orders", "")
		p.Upstream = u
		if l := p.Validate(); len(l) > 0 {
			t.Errorf("%s: %v", name, l)
		}
	}
}

func TestProblemsOfAnUpstreamNameTheirField(t *testing.T) {
	t.Parallel()
	number := func(at func(*engine.Upstream) *int) func(*engine.Upstream, string) {
		return func(u *engine.Upstream, v string) { fmt.Sscan(v, at(u)) }
	}
	for _, tt := range []struct {
		field, values string
		set           func(*engine.Upstream, string)
	}{
		{"further[0].url", " |orders|ftp://x|http://u:p@x|http://x/../a|http://127.0.0.1:9/v1|http://127.0.0.1:9/v1/", func(u *engine.Upstream, v string) { u.Further[0].URL = strings.TrimSpace(v) }},
		{"further[1].url", "https://b.test/v1", func(u *engine.Upstream, v string) { u.Further[1].URL = v }},
		{"further", "too many", func(u *engine.Upstream, _ string) { u.Further = make([]engine.Address, engine.MaxAddresses) }},
		{"choice", "RANDOM|round_robin", func(u *engine.Upstream, v string) { u.Choice = engine.Choice(v) }},
		{"check.path", " |health|//|/a//b|/..|/a b|/a?b=c|/a%2fb|/" + strings.Repeat("a", 512), func(u *engine.Upstream, v string) { u.Check.Path = strings.TrimSpace(v) }},
		{"check.to", "203", number(func(u *engine.Upstream) *int { return &u.Check.To })},
		{"weight", "-1|1001", number(func(u *engine.Upstream) *int { return &u.Weight })},
		{"further[1].weight", "-1|1001", number(func(u *engine.Upstream) *int { return &u.Further[1].Weight })},
		{"breaker.failures", "-1|1001", number(func(u *engine.Upstream) *int { return &u.Breaker.Failures })},
		{"breaker.rest", "-1|3600001", number(func(u *engine.Upstream) *int { return &u.Breaker.Rest })},
		{"check.interval", "-1|99|3600001", number(func(u *engine.Upstream) *int { return &u.Check.Interval })},
		{"check.timeout", "-1|600001", number(func(u *engine.Upstream) *int { return &u.Check.Timeout })},
		{"check.from", "-1|99", number(func(u *engine.Upstream) *int { return &u.Check.From })},
		{"check.to", "600", number(func(u *engine.Upstream) *int { return &u.Check.To })},
		{"check.healthy", "-1|101", number(func(u *engine.Upstream) *int { return &u.Check.Healthy })},
		{"check.unhealthy", "-1|101", number(func(u *engine.Upstream) *int { return &u.Check.Unhealthy })},
		{"retry.count", "-1|6", number(func(u *engine.Upstream) *int { return &u.Retry.Count })},
	} {
		for value := range strings.SplitSeq(tt.values, "|") {
			t.Run(tt.field+" "+value, func(t *testing.T) {
				t.Parallel()
				p := enginetest.Proxy("orders", "/orders", "")
				p.Upstream = everyMember()
				tt.set(&p.Upstream, value)
				checkOnly(t, p.Validate(), tt.field)
			})
		}
	}
}

// An upstream with an address alone is written as it was before there were several:
// nothing that is deployed needs another deploy.
func TestAnUpstreamWithOneAddressKeepsItsForm(t *testing.T) {
	t.Parallel()
	p := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:9")
	raw, digest, err := engine.Encode(&p)
	want := `{"project":"shop","name":"orders","clientId":"orders-client","route":{"basePath":"/orders"},"upstream":{"url":"http://127.0.0.1:9"}}`
	if string(raw) != want || digest != engine.Digest([]byte(want)) || err != nil {
		t.Errorf("%s, %s, %v", raw, digest, err)
	}
	whole := p.Upstream.Whole()
	whole.ConnectTimeout, whole.ResponseTimeout = 0, 0
	p.Upstream = whole.Normal()
	if again, _, _ := engine.Encode(&p); string(again) != want {
		t.Errorf("with its defaults written out and taken away: %s", again)
	}
}

func TestTheNormalFormSaysWhatIsNotTheDefault(t *testing.T) {
	t.Parallel()
	u := everyMember()
	if diff := cmp.Diff(u, u.Normal()); diff != "" {
		t.Error(diff)
	}
	check := engine.HealthCheck{Path: "/health"}
	u = engine.Upstream{URL: "http://a.test", ConnectTimeout: 1, ResponseTimeout: 2, Further: []engine.Address{{URL: "http://b.test"}}, Check: &check}
	whole := u.Whole()
	if whole.Weight != 100 || whole.Further[0].Weight != 100 || whole.Choice != engine.RoundRobin || whole.Check.To != 399 || u.Further[0].Weight != 0 || check.To != 0 {
		t.Errorf("whole %+v, of %+v", whole, u)
	}
	if diff := cmp.Diff(u, whole.Normal()); diff != "" {
		t.Error(diff)
	}
	if u.Further = []engine.Address{}; u.Normal().Further != nil {
		t.Error("an empty list is written")
	}
}
