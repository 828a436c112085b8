package console_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// The console promises a page within 50 ms of server time with 10,000 policies and
// 10,000 proxies; this prints how long whole pages take over HTTP, the median and the
// least of some.
func BenchmarkPagesWithTenThousand(b *testing.B) {
	url := modelstest.Database(b)
	many := modelstest.Open(b, url)
	modelstest.Environment(b, many, "production")
	project := modelstest.Project(b, many, "Default")
	modelstest.User(b, many, handlerstest.Administrator, models.RoleAdministrator, handlerstest.Password)
	modelstest.Many(b, many, url, project, 10_000)
	v := handlerstest.New(b, func(o *handlers.Options) { o.Store = many }).SignIn(b, handlerstest.Administrator)
	for _, page := range []struct{ name, address string }{
		{"list of policies", link.Policies("Default", jwt)},
		{"list of proxies", link.Proxies("Default")},
		{"policy used everywhere", link.Policy("Default", jwt, modelstest.ManyPolicy)},
		{"edit of a policy used everywhere", link.PolicyEdit("Default", jwt, modelstest.ManyPolicy)},
		{"delete of a policy used everywhere", link.PolicyDelete("Default", jwt, modelstest.ManyPolicy)},
		{"policy group used often", link.PolicyGroup("Default", modelstest.ManyGroup).Page()},
		{"policy usage", link.PolicyUsage("Default")},
		{"policy usage, live", link.PolicyUsage("Default") + "?state=LIVE"},
		{"policy usage, text", link.PolicyUsage("Default") + "?q=proxy-77"},
		{"policy usage, page 500", link.PolicyUsage("Default") + "?page=500"},
		{"policy usage by calls", link.PolicyUsage("Default") + "?sort=calls&order=desc"},
		{"policy usage by live tokens", link.PolicyUsage("Default") + "?sort=tokens&order=desc"},
		{"policy usage, redeploy required", link.PolicyUsage("Default") + "?state=REDEPLOY_REQUIRED"},
		{"proxies, redeploy required", link.Proxies("Default") + "?state=REDEPLOY_REQUIRED"},
		{"policy usage, chart", link.PolicyUsage("Default") + "?view=chart"},
		{"proxy group usage", link.ProxyGroupUsage("Default")},
		{"policy group usage", link.PolicyGroupUsage("Default")},
		{"bulk deploy", link.NewBulkDeploy("Default", jwt, modelstest.ManyPolicy)},
		{"dashboard", link.Dashboard("Default")},
		{"dashboard, 7 days", link.Dashboard("Default") + "?span=7d"},
		{"audit", link.Audit},
		{"palette", "/palette?q=proxy-77&project=Default"},
	} {
		b.Run(page.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if p := v.Raw(b, http.MethodGet, page.address, nil); p.Status != http.StatusOK {
					b.Fatalf("status %d:\n%s", p.Status, p.Body)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[0].Microseconds())/1000, "ms/least")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(0, "ns/op")
		})
	}
}
