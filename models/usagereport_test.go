package models_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// placesSaid are lines of the report in words.
func placesSaid(list []models.PlaceUsage) []string {
	var out []string
	for _, p := range list {
		via := p.Via
		if via != "" {
			via = fmt.Sprintf(" via %s/%d", via, p.Order)
		}
		line := fmt.Sprintf("%s in %s %s %s%s %d%s:", p.PolicyName, p.OwnerKind, p.OwnerName, p.Pipeline, p.Endpoint, p.Position, via)
		for _, in := range p.In {
			line += fmt.Sprintf(" %s %d %d/%d", in.State, in.Revision, in.Calls, in.Tokens)
		}
		out = append(out, line)
	}
	return out
}

func (b bench) report(t *testing.T, f models.UsageFilter) []string {
	t.Helper()
	list, at, err := b.UsageReport(t.Context(), b.project, f)
	if err != nil {
		t.Fatal(err)
	}
	if f.PerPage == 0 && !f.Compared() && at.Total != len(list) {
		t.Errorf("%+v: total %d of %d lines", f, at.Total, len(list))
	}
	return placesSaid(list)
}

// busy is groups with a local policy, calls and tokens: the group Shop and orders
// are live, stock is not.
func busy(t *testing.T) groups {
	t.Helper()
	g := newGroups(t)
	if _, err := g.AddBinding(t.Context(), by, g.project, g.orders.ID, g.orders.Version, models.NewBinding{
		Scope: policy.All, Pipeline: policy.Request, Local: jwt("Own"),
	}); err != nil {
		t.Fatal(err)
	}
	g.orders = modelstest.Reload(t, g.Store, g.orders)
	g.deploy(t, g.orders)
	g.deploy(t, g.shop)
	hour := time.Now().UTC().Truncate(time.Hour)
	calls := []models.CallCount{
		{Hour: hour, Environment: "production", Project: "Shop", Proxy: "orders", Calls: 3},
		{Hour: hour.Add(-23 * time.Hour), Environment: "production", Project: "Shop", Proxy: "orders", Group: "Shop", Calls: 4},
		{Hour: hour.Add(-24 * time.Hour), Environment: "production", Project: "Shop", Proxy: "orders", Calls: 100},
		{Hour: hour, Environment: "production", Project: "Other", Proxy: "orders", Calls: 100},
	}
	for range 2 { // counts add up
		if err := g.AddCalls(t.Context(), calls); err != nil {
			t.Fatal(err)
		}
	}
	var tokens []event.Token
	for _, owner := range []string{"orders", "orders", "Shop"} {
		tokens = append(tokens, event.Token{
			Time: time.Now(), Environment: "production", Operation: event.Issue, Project: "Shop", Owner: owner, Policy: map[string]string{"orders": "Own", "Shop": "Company"}[owner],
			TokenID: fmt.Sprint("t", len(tokens)), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		})
	}
	expired := tokens[0]
	expired.TokenID, expired.ExpiresAt = "old", time.Now().Add(-time.Minute)
	if err := g.AddTokenRequests(t.Context(), append(tokens, expired)); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestUsageReportSaysWherePoliciesRunAndWhatHangsOnThem(t *testing.T) {
	t.Parallel()
	g := busy(t)
	company := []string{
		"Company in PROXY_GROUP Shop REQUEST 1 via Standard/1: LIVE 1 8/1",
		"Company in POLICY_GROUP Standard REQUEST 1: NOT_DEPLOYED 0 0/0",
	}
	own := "Own in PROXY orders REQUEST 1: LIVE 1 14/2"
	all := append(slices.Clone(company), own)
	if diff := cmp.Diff(all, g.report(t, models.UsageFilter{})); diff != "" {
		t.Fatalf("report (-want +got):\n%s", diff)
	}
	standard := modelstest.Reload(t, g.Store, g.standard)
	for _, tt := range []struct {
		name string
		f    models.UsageFilter
		want []string
	}{
		{"one policy", models.UsageFilter{Policy: "company"}, company},
		{"one policy by its id", models.UsageFilter{PolicyID: g.global.ID}, company},
		{"by a policy group", models.UsageFilter{GroupID: standard.ID}, company[:1]},
		{"local ones", models.UsageFilter{Reach: "local"}, all[2:]},
		{"global ones", models.UsageFilter{Reach: "global"}, company},
		{"a kind of owner", models.UsageFilter{OwnerKind: engine.KindPolicyGroup}, company[1:]},
		{"an owner", models.UsageFilter{Owner: "ORDERS"}, all[2:]},
		{"a type that is not there", models.UsageFilter{Type: "policy-other"}, nil},
		{"passive ones", models.UsageFilter{Status: "passive"}, nil},
		{"text of the policy group", models.UsageFilter{Query: "stand"}, company},
		{"text that only looks like a pattern", models.UsageFilter{Query: "%"}, nil},
		{"live", models.UsageFilter{StateFilter: models.StateFilter{State: models.Live}}, []string{company[0], own}},
		{"not deployed", models.UsageFilter{StateFilter: models.StateFilter{State: models.NotDeployed, Environment: "Production"}}, company[1:]},
		{"redeploy required", models.UsageFilter{StateFilter: models.StateFilter{State: models.RedeployRequired}}, nil},
		{"by owner, turned round", models.UsageFilter{Sort: "owner", Desc: true}, []string{company[1], company[0], own}},
		{"the second page", models.UsageFilter{StateFilter: models.StateFilter{PerPage: 2, Page: 2}}, all[2:]},
		{"no such environment", models.UsageFilter{StateFilter: models.StateFilter{Environment: "x", State: models.Live}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, g.report(t, tt.f)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var each []models.PlaceUsage
			err := g.EachUsage(t.Context(), g.project, tt.f, func(p models.PlaceUsage) error { each = append(each, p); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, placesSaid(each)); diff != "" && tt.f.Page == 0 {
				t.Errorf("download (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("editing a policy of a group makes who runs it want a redeploy, and editing it back does not", func(t *testing.T) {
		p := jwt("Company")
		p.LeewaySeconds = 7
		saved, err := g.SavePolicy(t.Context(), by, g.project, g.global.ID, g.global.Version, p)
		if err != nil {
			t.Fatal(err)
		}
		f := models.UsageFilter{StateFilter: models.StateFilter{State: models.RedeployRequired}}
		if got := g.report(t, f); len(got) != 1 {
			t.Errorf("got %q", got)
		}
		if _, err := g.SavePolicy(t.Context(), by, g.project, g.global.ID, saved.Version, jwt("Company")); err != nil {
			t.Fatal(err)
		}
		if got := g.report(t, f); len(got) != 0 {
			t.Errorf("got %q", got)
		}
	})
}

// An owner has more live tokens than a report looks at: it may be any policy's that are
// not among them, also those of one that has few.
func TestUsageReportSaysWhereItLooksAtSomeTokensOnly(t *testing.T) {
	t.Parallel()
	g := busy(t)
	issued := event.Token{
		Time: time.Now(), Environment: "production", Operation: event.Issue, Project: "Shop", Owner: "orders", Policy: "Company", TokenID: "many", IssuedAt: time.Now(),
		ExpiresAt: time.Now().Add(time.Hour),
	}
	capped := func() bool {
		t.Helper()
		list, _, err := g.UsageReport(t.Context(), g.project, models.UsageFilter{Policy: "own"})
		if err != nil || len(list) != 1 || len(list[0].In) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0].In[0].Capped
	}
	if err := g.AddTokenRequests(t.Context(), slices.Repeat([]event.Token{issued}, models.MostLiveTokens-3)); err != nil { // two are there
		t.Fatal(err)
	}
	if capped() {
		t.Error("capped with one less than a report looks at")
	}
	if err := g.AddTokenRequests(t.Context(), []event.Token{issued}); err != nil {
		t.Fatal(err)
	}
	if !capped() {
		t.Error("not capped with as many as a report looks at")
	}
}

func TestUsageReportComparesBoundedlyAndSaysSo(t *testing.T) {
	t.Parallel()
	url := modelstest.Database(t)
	b := bench{Store: modelstest.Open(t, url), url: url}
	modelstest.Environment(t, b.Store, "production")
	project := modelstest.Project(t, b.Store, "Shop")
	b.project = project.ID
	modelstest.Many(t, b.Store, url, project, 150)
	f := models.UsageFilter{StateFilter: models.StateFilter{State: models.Live, PerPage: 500}}
	var live []models.PlaceUsage
	rounds := 0
	for {
		list, at, err := b.UsageReport(t.Context(), b.project, f)
		if err != nil {
			t.Fatal(err)
		}
		live, rounds = append(live, list...), rounds+1
		if at.Stopped != (at.Next > 0) {
			t.Errorf("round %d: %+v", rounds, at)
		}
		if at.Next == 0 {
			break
		}
		f.From = at.Next
	}
	// Of Many only proxy-0 runs what is edited.
	if got := placesSaid(live); len(got) != 1 || rounds < 2 {
		t.Errorf("%q in %d rounds", got, rounds)
	}
	seen := map[string]int{}
	total := 0
	for page := 1; ; page++ {
		list, at, err := b.UsageReport(t.Context(), b.project, models.UsageFilter{StateFilter: models.StateFilter{Page: page, PerPage: 40}})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range placesSaid(list) {
			seen[line]++
		}
		total = at.Total
		if at.Next == 0 {
			break
		}
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
	if len(seen) != total {
		t.Errorf("pages have %d lines, total is %d", len(seen), total)
	}
}

func TestPagesOfAReportFitTogetherInEveryOrder(t *testing.T) {
	t.Parallel()
	url := modelstest.Database(t)
	b := bench{Store: modelstest.Open(t, url), url: url}
	modelstest.Environment(t, b.Store, "production")
	project := modelstest.Project(t, b.Store, "Shop")
	b.project = project.ID
	modelstest.Many(t, b.Store, url, project, 30)
	for _, name := range []string{"twin-1", "twin-2", "twin-3", "Proxy-31"} { // local policies of one name
		twin := headers.New()
		twin.Name, twin.Changes = "Twin", []headers.Change{{Action: policy.RemoveField, Name: "Server"}}
		o := modelstest.Proxy(t, b.Store, b.project, name)
		if _, err := b.AddBinding(t.Context(), by, b.project, o.ID, o.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Response, Local: twin}); err != nil {
			t.Fatal(err)
		}
	}
	b.busyOnceAndGone(t, 40)
	most, err := b.MostUsed(t.Context(), b.project, models.UsageFilter{}, 2)
	if diff := cmp.Diff([]models.PolicyPlaces{ // of those with one place the first by name
		{Type: jwtauth.TypeName, Name: modelstest.ManyPolicy, Global: true, Places: 33}, {Type: jwtauth.TypeName, Name: "policy-1", Global: true, Places: 1},
	}, most); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	lower := strings.ToLower
	rank := map[policy.Pipeline]string{policy.Request: "1", policy.Response: "2", policy.Error: "3"}
	for sort, key := range map[string]func(models.PlaceUsage) string{
		"":         func(p models.PlaceUsage) string { return lower(p.PolicyName) + "\x01" + lower(p.OwnerName) },
		"owner":    func(p models.PlaceUsage) string { return lower(p.OwnerName) + "\x01" + lower(p.PolicyName) },
		"type":     func(p models.PlaceUsage) string { return p.PolicyType },
		"kind":     func(p models.PlaceUsage) string { return p.OwnerKind },
		"pipeline": func(p models.PlaceUsage) string { return rank[p.Pipeline] },
		"position": func(p models.PlaceUsage) string { return strconv.Itoa(p.Position) },
		"status":   func(p models.PlaceUsage) string { return strconv.FormatBool(p.Active) },
		"deployed": func(p models.PlaceUsage) string { return strconv.FormatBool(p.In[0].Revision > 0) },
		"calls":    func(p models.PlaceUsage) string { return fmt.Sprintf("%08d", p.In[0].Calls) },
		"tokens":   func(p models.PlaceUsage) string { return fmt.Sprintf("%08d", p.In[0].Tokens) },
	} {
		for _, desc := range []bool{false, true} {
			for _, f := range []models.UsageFilter{
				{}, {Query: "POLICY-group"}, {Query: "proxy-2"}, {Policy: modelstest.ManyPolicy}, {OwnerKind: engine.KindProxy}, {Reach: "local"},
				{StateFilter: models.StateFilter{State: models.NotDeployed}},
			} {
				f.Sort, f.Desc = sort, desc
				whole := b.everyPage(t, f)
				if !slices.IsSortedFunc(whole, func(x, y models.PlaceUsage) int {
					if desc {
						x, y = y, x
					}
					return strings.Compare(key(x), key(y))
				}) {
					t.Errorf("%+v is not in order: %q", f, placesSaid(whole))
				}
			}
		}
	}
}

// busyOnceAndGone leaves figures of so many proxies that are no longer there, greater
// than all others.
func (b bench) busyOnceAndGone(t *testing.T, n int) {
	t.Helper()
	conn := connect(t, b.url)
	for _, sql := range []string{
		`insert into call_days select day, environment, project, proxy_group, 'gone-' || n, ` + strings.Repeat("1000, ", 23) + `1000
			from call_days, generate_series(1, $1::int) n where proxy = 'proxy-1'`,
		`insert into token_requests overriding user value select t.* from token_requests t, generate_series(1, 2 * $1::int) where owner = 'proxy-1'`,
		`update token_requests set owner = 'gone-' || id % $1::int where owner = 'proxy-1' and id > (select min(id) + 1 from token_requests where owner = 'proxy-1')`,
	} {
		if _, err := conn.Exec(t.Context(), sql, n); err != nil {
			t.Fatal(err)
		}
	}
}

// everyPage is the whole report page by page, which have to fit together.
func (b bench) everyPage(t *testing.T, f models.UsageFilter) []models.PlaceUsage {
	t.Helper()
	var whole, each []models.PlaceUsage
	total := 0
	f.PerPage = 7
	for f.Page = 1; ; f.Page++ {
		list, at, err := b.UsageReport(t.Context(), b.project, f)
		if err != nil {
			t.Fatal(err)
		}
		whole, total = append(whole, list...), at.Total
		if at.Next == 0 {
			break
		}
	}
	if err := b.EachUsage(t.Context(), b.project, f, func(p models.PlaceUsage) error { each = append(each, p); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(placesSaid(each), placesSaid(whole)); diff != "" || len(whole) == 0 || total != len(whole) {
		t.Errorf("%+v: total %d of %d lines (-download +pages):\n%s", f, total, len(whole), diff)
	}
	if _, at, err := b.UsageReport(t.Context(), b.project, models.UsageFilter{Query: f.Query, StateFilter: models.StateFilter{Page: 1000}}); err != nil || at.Total == 0 || at.Next != 0 {
		t.Errorf("behind the last page: %+v, %v", at, err)
	}
	return whole
}

func TestFiguresOfARenamedOwnerAreOfTheNameUnderWhichItRuns(t *testing.T) {
	t.Parallel()
	g := busy(t)
	figures := func() string {
		t.Helper()
		return strings.Join(g.report(t, models.UsageFilter{Owner: "renamed"}), "; ")
	}
	o := modelstest.Reload(t, g.Store, g.orders)
	o.Name = "Renamed"
	if _, _, err := g.SaveProxy(t.Context(), by, g.project, o); err != nil {
		t.Fatal(err)
	}
	if got, want := figures(), "Own in PROXY Renamed REQUEST 1: REDEPLOY_REQUIRED 1 14/2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	g.deploy(t, modelstest.Reload(t, g.Store, o))
	if got, want := figures(), "Own in PROXY Renamed REQUEST 1: LIVE 2 0/0"; got != want {
		t.Errorf("deployed under the new name: got %q, want %q", got, want)
	}
	again := models.CallCount{Hour: time.Now().UTC().Truncate(time.Hour), Environment: "production", Project: "Shop", Proxy: "Renamed", Calls: 5}
	if err := g.AddCalls(t.Context(), []models.CallCount{again}); err != nil {
		t.Fatal(err)
	}
	if got, want := figures(), "Own in PROXY Renamed REQUEST 1: LIVE 2 5/0"; got != want {
		t.Errorf("called under the new name: got %q, want %q", got, want)
	}
}

func TestReportsAreOrderedByTheFiguresThatTheyShow(t *testing.T) {
	t.Parallel()
	g := busy(t)
	other := modelstest.Proxy(t, g.Store, g.project, "crates")
	modelstest.Deploy(t, g.Store, modelstest.Bind(t, g.Store, other, g.global), "production")
	o := modelstest.Reload(t, g.Store, g.orders)
	o.Name = "Renamed"
	if _, _, err := g.SaveProxy(t.Context(), by, g.project, o); err != nil {
		t.Fatal(err)
	}
	own, shop := "Own in PROXY Renamed REQUEST 1: REDEPLOY_REQUIRED 1 14/2", "Company in PROXY_GROUP Shop REQUEST 1 via Standard/1: REDEPLOY_REQUIRED 1 8/1"
	for _, sort := range []string{"calls", "tokens"} {
		for _, environment := range []string{"", "Production"} {
			got := g.report(t, models.UsageFilter{Sort: sort, Desc: true, StateFilter: models.StateFilter{Environment: environment}})
			if diff := cmp.Diff([]string{own, shop}, got[:2]); diff != "" {
				t.Errorf("%s in %q (-want +got):\n%s", sort, environment, diff)
			}
			got = g.report(t, models.UsageFilter{Sort: sort, StateFilter: models.StateFilter{Environment: environment}})
			if got[len(got)-1] != own {
				t.Errorf("%s upwards in %q: %q", sort, environment, got)
			}
		}
	}
}

func TestPlacesGoByTheNamesThatTheirPolicyAndOwnerHaveNow(t *testing.T) {
	t.Parallel()
	g := busy(t)
	if _, err := g.SavePolicy(t.Context(), by, g.project, g.global.ID, g.global.Version, jwt("Zulu")); err != nil {
		t.Fatal(err)
	}
	o := modelstest.Reload(t, g.Store, g.shop)
	o.Name = "Aaa"
	if _, _, err := g.SaveProxyGroup(t.Context(), by, g.project, o); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range []models.UsageFilter{{}, {Policy: "ZULU", Sort: "owner"}, {Owner: "AAA"}, {Query: "company"}} {
		for _, line := range g.report(t, f) {
			got = append(got, strings.Join(strings.Fields(line)[:4], " "))
		}
		got = append(got, "")
	}
	aaa, standard := "Zulu in PROXY_GROUP Aaa", "Zulu in POLICY_GROUP Standard"
	if diff := cmp.Diff([]string{"Own in PROXY orders", aaa, standard, "", aaa, standard, "", aaa, "", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatHasToBeDeployedAgainIsListedBoundedly(t *testing.T) {
	t.Parallel()
	url := modelstest.Database(t)
	b := bench{Store: modelstest.Open(t, url), url: url}
	modelstest.Environment(t, b.Store, "production")
	project := modelstest.Project(t, b.Store, "Shop")
	modelstest.Many(t, b.Store, url, project, 300)
	names := map[string]bool{}
	for from, rounds := 0, 0; ; rounds++ {
		list, at, err := b.OutdatedOwners(t.Context(), project.ID, models.OwnerFilter{PerPage: 40}, from)
		if err != nil || rounds > 10 {
			t.Fatal(err, rounds)
		}
		for _, o := range list {
			names[o.Name] = true
			if o.Deployments[0].State != models.RedeployRequired {
				t.Errorf("%s is %s", o.Name, o.Deployments[0].State)
			}
		}
		if from = at.Next; from == 0 {
			break
		}
	}
	// Of Many each second one runs, and only proxy-0 what is edited.
	if len(names) != 149 || names["proxy-0"] {
		t.Errorf("%d are listed", len(names))
	}
}

func TestGroupReports(t *testing.T) {
	t.Parallel()
	g := busy(t)
	for kind, want := range map[string]models.GroupUsage{
		engine.KindProxyGroup: {
			ID: g.shop.ID, Kind: engine.KindProxyGroup, Name: "Shop", Members: 2, Policies: 1,
			In: []models.UsageIn{{Environment: "production", State: models.Live, Revision: 1, Calls: 8, Tokens: 1, RunsAs: "Shop"}},
		},
		engine.KindPolicyGroup: {
			ID: g.standard.ID, Kind: engine.KindPolicyGroup, Name: "Standard", Policies: 1, Active: true, Pipeline: policy.Request, ProxyGroups: 1,
			In: []models.UsageIn{{Environment: "production", State: models.NotDeployed}},
		},
	} {
		list, at, err := g.GroupReport(t.Context(), g.project, models.GroupUsageFilter{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]models.GroupUsage{want}, list); diff != "" || at.Total != 1 {
			t.Errorf("%s, total %d (-want +got):\n%s", kind, at.Total, diff)
		}
		for _, none := range []models.GroupUsageFilter{{Kind: kind, Query: "x%"}, {Kind: kind, Member: "nobody"}} {
			if list, _, err := g.GroupReport(t.Context(), g.project, none); err != nil || len(list) != 0 {
				t.Errorf("%+v: %v, %v", none, list, err)
			}
		}
	}
	calls, err := g.MostCalledGroups(t.Context(), g.project, "production", 5)
	if diff := cmp.Diff([]models.OwnerCalls{{Name: "Shop", Calls: 8}}, calls); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestPolicyImpactCountsWhoeverRunsIt(t *testing.T) {
	t.Parallel()
	g := busy(t)
	g.stock = modelstest.Bind(t, g.Store, g.stock, g.global) // a member of Shop
	got, err := g.PolicyImpact(t.Context(), g.global.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := models.PolicyImpact{
		UsedBy: models.UsedBy{Proxies: 1, ProxyGroups: 1, PolicyGroups: 1},
		Bound:  2, BoundBy: []models.OwnerName{{Kind: engine.KindPolicyGroup, Name: "Standard"}, {Kind: engine.KindProxy, Name: "stock"}},
		Through: 1, ThroughBy: []models.OwnerName{{Kind: engine.KindProxyGroup, Name: "Shop"}}, Live: 1, Environments: []string{"production"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if used, err := g.PolicyUsedBy(t.Context(), g.global.ID); err != nil || used != want.UsedBy {
		t.Errorf("%+v, %v", used, err)
	}
}

func TestAProxyGroupRunsThePoliciesOfItsMembers(t *testing.T) {
	t.Parallel()
	g := busy(t)
	solo := modelstest.Policy(t, g.Store, g.project, "Solo")
	modelstest.Bind(t, g.Store, g.stock, solo) // is not deployed itself, but Shop with it
	got, err := g.PolicyImpact(t.Context(), solo.ID)
	stock := []models.OwnerName{{Kind: engine.KindProxy, Name: "stock"}}
	want := models.PolicyImpact{UsedBy: models.UsedBy{Proxies: 1}, Bound: 1, BoundBy: stock, Live: 1, Environments: []string{"production"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	c := g.choice(models.BulkRedeploy, everyKind...)
	c.Subject.ID = solo.ID
	p, err := g.PreviewBulkDeploy(t.Context(), g.project, c, 50)
	if err != nil || p.Matching != 1 || p.Targets[0].Name != "Shop" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestQueriesOfReportsDoNotGrow(t *testing.T) {
	t.Parallel()
	g := busy(t)
	counted, n := models.Counting(g.Store)
	bulk := models.BulkChoice{
		Subject: models.BulkSubject{Kind: models.SubjectPolicy, ID: g.global.ID}, Environment: "production", Kinds: []string{engine.KindProxy}, Filter: models.BulkAll,
	}
	reads := map[string]func() error{
		"UsageReport": func() error {
			_, _, err := counted.UsageReport(t.Context(), g.project, models.UsageFilter{})
			return err
		},
		"live": func() error {
			_, _, err := counted.UsageReport(t.Context(), g.project, models.UsageFilter{StateFilter: models.StateFilter{State: models.Live}})
			return err
		},
		"ProxyGroups": func() error {
			_, _, err := counted.GroupReport(t.Context(), g.project, models.GroupUsageFilter{Kind: engine.KindProxyGroup})
			return err
		},
		"PolicyImpact": func() error { _, err := counted.PolicyImpact(t.Context(), g.global.ID); return err },
		"MostUsed":     func() error { _, err := counted.MostUsed(t.Context(), g.project, models.UsageFilter{}, 20); return err },
		"Bulk":         func() error { _, err := counted.PreviewBulkDeploy(t.Context(), g.project, bulk, 50); return err },
		"Search":       func() error { _, err := counted.Search(t.Context(), g.project, "x", 20); return err },
	}
	var one map[string]int64
	for i := range 4 {
		p := modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, fmt.Sprintf("x%d", i)), g.global)
		modelstest.Deploy(t, g.Store, p, "production")
		now := map[string]int64{}
		for what, read := range reads {
			n.Store(0)
			if err := read(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			now[what] = n.Load()
		}
		if one == nil {
			one = now
		}
		if diff := cmp.Diff(one, now); diff != "" {
			t.Fatalf("statements with one more proxy and with %d (-one +%d):\n%s", i+1, i+1, diff)
		}
	}
	t.Log(one)
}

func TestCountsOfCallsGoWithTheirRetention(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	old := models.CallCount{Hour: time.Now().Add(-40 * 24 * time.Hour).Truncate(time.Hour), Environment: "production", Project: "Shop", Proxy: "orders", Calls: 1}
	fresh := old
	fresh.Hour = time.Now().Truncate(time.Hour)
	if err := s.AddCalls(t.Context(), []models.CallCount{old, fresh}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, connect(t, s.url), "select count(*) from call_days"); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}
