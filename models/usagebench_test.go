package models_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// The console promises a page within 50 ms of server time with 10,000 policies and
// 10,000 proxies; this prints how long the store takes of them, the median of some.
func BenchmarkPagesWithTenThousand(b *testing.B) {
	url := modelstest.Database(b)
	s := modelstest.Open(b, url)
	modelstest.Environment(b, s, "production")
	project := modelstest.Project(b, s, "Shop")
	modelstest.Many(b, s, url, project, 10_000)
	ctx := context.Background()
	p, err := s.Policy(ctx, project.ID, "policy-auth-jwt", modelstest.ManyPolicy)
	if err != nil {
		b.Fatal(err)
	}
	report := func(f models.UsageFilter) func() error {
		return func() error { _, _, err := s.UsageReport(ctx, project.ID, f); return err }
	}
	groups := func(f models.GroupUsageFilter) func() error {
		return func() error { _, _, err := s.GroupReport(ctx, project.ID, f); return err }
	}
	state := func(state models.DeployState) models.StateFilter {
		return models.StateFilter{Environment: "production", State: state}
	}
	bulk := func(filter models.BulkFilter) func() error {
		c := models.BulkChoice{
			Subject: models.BulkSubject{Kind: models.SubjectPolicy, ID: p.ID}, Environment: "production", Filter: filter,
			Kinds: []string{engine.KindProxy, engine.KindProxyGroup},
		}
		return func() error { _, err := s.PreviewBulkDeploy(ctx, project.ID, c, 50); return err }
	}
	for _, page := range []struct {
		name string
		read func() error
	}{
		{"list of policies", func() error { _, _, err := s.Policies(ctx, project.ID, models.PolicyFilter{PerPage: 50}); return err }},
		{"list of policies by use", func() error {
			_, _, err := s.Policies(ctx, project.ID, models.PolicyFilter{PerPage: 50, Sort: "used", Desc: true})
			return err
		}},
		{"list of proxies", func() error { _, _, err := s.Owners(ctx, project.ID, models.OwnerFilter{PerPage: 50}); return err }},
		{"search", func() error { _, err := s.Search(ctx, project.ID, "proxy-77", 20); return err }},
		{"search for nothing", func() error { _, err := s.Search(ctx, project.ID, "qqqq", 20); return err }},
		{"report", report(models.UsageFilter{})},
		{"report, page 500", report(models.UsageFilter{StateFilter: models.StateFilter{Page: 500}})},
		{"report by owner", report(models.UsageFilter{Sort: "owner", Desc: true})},
		{"report by position", report(models.UsageFilter{Sort: "position"})},
		{"report by calls", report(models.UsageFilter{Sort: "calls", Desc: true})},
		{"report by live tokens", report(models.UsageFilter{Sort: "tokens", Desc: true})},
		{"report, text", report(models.UsageFilter{Query: "proxy-77"})},
		{"report, not deployed", report(models.UsageFilter{StateFilter: state(models.NotDeployed)})},
		{"report, redeploy required", report(models.UsageFilter{StateFilter: state(models.RedeployRequired)})},
		{"report, live (none)", report(models.UsageFilter{StateFilter: state(models.Live)})},
		{"usage of one policy", report(models.UsageFilter{PolicyID: p.ID})},
		{"who uses a policy", func() error { _, err := s.PolicyUsedBy(ctx, p.ID); return err }},
		{"impact of a policy", func() error { _, err := s.PolicyImpact(ctx, p.ID); return err }},
		{"places of a policy", func() error { _, err := s.PlacesOf(ctx, p.ID); return err }},
		{"most used", func() error { _, err := s.MostUsed(ctx, project.ID, models.UsageFilter{}, 20); return err }},
		{"report of proxy groups", groups(models.GroupUsageFilter{Kind: engine.KindProxyGroup})},
		{"report of policy groups", groups(models.GroupUsageFilter{Kind: engine.KindPolicyGroup})},
		{"bulk deploy, all", bulk(models.BulkAll)},
		{"bulk deploy, redeploy required", bulk(models.BulkRedeploy)},
		{"bulk deploy, live (none)", bulk(models.BulkLive)},
	} {
		b.Run(page.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if err := page.read(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[0].Microseconds())/1000, "ms/least")
			b.ReportMetric(0, "ns/op")
		})
	}
}
