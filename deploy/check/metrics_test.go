package check

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// series are the metrics of a running product and the labels of each.
type series map[string][]string

// scraped are labels that Prometheus adds to everything.
var scraped = []string{"job", "instance"}

// metrics starts the product, calls it, and reads what it serves at /metrics.
func metrics(t *testing.T) series {
	t.Helper()
	r := run(t)
	r.connect(t)
	var body string
	for !strings.Contains(body, `source="corp"`) { // until the node has taken it over
		var err error
		if body, err = r.get(r.ops + "/metrics"); err != nil {
			t.Fatal(err)
		}
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	all := series{"up": nil}
	for name, f := range families {
		all.add(name, f)
	}
	return all
}

func (s series) add(name string, f *dto.MetricFamily) {
	var names []string
	for _, m := range f.Metric {
		for _, l := range m.Label {
			names = append(names, l.GetName())
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch f.GetType() {
	case dto.MetricType_HISTOGRAM:
		s[name+"_bucket"], s[name+"_count"], s[name+"_sum"] = append(slices.Clone(names), "le"), names, names
	case dto.MetricType_SUMMARY:
		s[name], s[name+"_count"], s[name+"_sum"] = append(slices.Clone(names), "quantile"), names, names
	default:
		s[name] = names
	}
}

// holds reports every name in an expression that the product does not serve.
func (s series) holds(t *testing.T, where, expr string) {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v: %s", where, err, expr)
		return
	}
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			s.selects(t, where, n)
		case *parser.AggregateExpr:
			s.groups(t, where, n)
		}
		return nil
	})
}

func (s series) selects(t *testing.T, where string, n *parser.VectorSelector) {
	t.Helper()
	have, ok := s[n.Name]
	if !ok {
		t.Errorf("%s: nothing serves %q", where, n.Name)
	}
	for _, m := range n.LabelMatchers {
		if m.Name == labels.MetricName {
			continue
		}
		if !slices.Contains(have, m.Name) && !slices.Contains(scraped, m.Name) {
			t.Errorf("%s: %s has no label %s, but %v", where, n.Name, m.Name, have)
		}
		known(t, where, m)
	}
}

// known refuses a value of a label that the engine never says.
func known(t *testing.T, where string, m *labels.Matcher) {
	t.Helper()
	if !slices.Contains([]string{"result", "fault", "kind", "check", "error"}, m.Name) {
		return
	}
	source := text(t, "engine", "event", "event.go") + text(t, "engine", "fault", "fault.go") + text(t, "engine", "token", "failure.go")
	for value := range strings.SplitSeq(m.Value, "|") {
		if value != "" && !strings.Contains(source, strconv.Quote(value)) {
			t.Errorf("%s: no %s is ever %s", where, m.Name, value)
		}
	}
}

func (s series) groups(t *testing.T, where string, n *parser.AggregateExpr) {
	t.Helper()
	have := slices.Clone(scraped)
	parser.Inspect(n.Expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			have = append(have, s[v.Name]...)
		}
		return nil
	})
	for _, name := range n.Grouping {
		if !slices.Contains(have, name) {
			t.Errorf("%s: grouped by %s, of %v", where, name, have)
		}
	}
}

func TestEveryAlertAndPanelAsksForWhatTheProductServes(t *testing.T) {
	t.Parallel()
	s := metrics(t)
	used := map[string]bool{}
	for where, expr := range expressions(t) {
		s.holds(t, where, expr)
		for _, name := range regexp.MustCompile(`gatewright_\w+`).FindAllString(expr, -1) {
			used[name] = true
		}
	}
	// The other way round: what is served is shown or watched.
	for name := range s {
		base := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "gatewright_") && !used[name] && !used[base+"_bucket"] {
			t.Errorf("no alert and no panel uses %s", name)
		}
	}
}

// expressions are those of the rules and of the dashboard, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range alerts(t) {
		all["alert "+r.Alert] = r.Expr
	}
	for _, p := range dashboard(t).panels() {
		for i, target := range p.Targets {
			all[fmt.Sprintf("panel %s, %d", p.Title, i)] = instant(target.Expr)
		}
	}
	for _, a := range dashboard(t).Annotations.List {
		all["annotation "+a.Name] = instant(a.Expr)
	}
	return all
}

// instant puts values where Grafana puts those of its variables.
func instant(expr string) string {
	expr = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m").Replace(expr)
	return regexp.MustCompile(`\$(environment|project|proxy)\b`).ReplaceAllString(expr, ".*")
}

// alerts are the rules, checked as promtool check rules does.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.Parse([]byte(text(t, "deploy", "prometheus", "rules.yaml")), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if len(errs) > 0 {
		t.FailNow()
	}
	var all []rulefmt.Rule
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func TestEveryAlertSaysHowBadItIsAndWhatHelps(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range alerts(t) {
		if seen[r.Alert] || !strings.HasPrefix(r.Alert, "Gatewright") {
			t.Errorf("alert %q: twice, or not of this product", r.Alert)
		}
		seen[r.Alert] = true
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s has severity %q", r.Alert, r.Labels["severity"])
		}
		if got := slices.Sorted(maps.Keys(r.Annotations)); !slices.Equal(got, []string{"description", "summary"}) {
			t.Errorf("%s has annotations %v", r.Alert, got)
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d alerts", len(seen))
	}
}

// board is what the test reads of a dashboard.
type board struct {
	UID           string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name string }
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct{ Expr, RefID string }
	Datasource  *struct{ Type, UID string }
}

func dashboard(t *testing.T) (b board) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, "deploy", "grafana", "gatewright.json")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b board) panels() (all []panel) {
	for _, p := range b.Panels {
		if p.Type != "row" {
			all = append(all, p)
		}
	}
	return all
}

func TestTheDashboardHangsTogether(t *testing.T) {
	t.Parallel()
	b := dashboard(t)
	if b.UID != "gatewright" || b.SchemaVersion < 39 || len(b.panels()) < 20 {
		t.Errorf("%s of schema %d with %d panels", b.UID, b.SchemaVersion, len(b.panels()))
	}
	variables := map[string]bool{}
	for _, v := range b.Templating.List {
		variables[v.Name] = true
	}
	cells, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range b.Panels {
		if ids[p.ID] {
			t.Errorf("%s: the id %d is there twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := cells[at]; other != "" || at[0] >= 24 {
					t.Fatalf("%s lies over %s or beside the page", p.Title, other)
				}
				cells[at] = p.Title
			}
		}
	}
	for where, expr := range expressions(t) {
		if strings.Contains(expr, "$") {
			t.Errorf("%s uses a variable that is not there: %s", where, expr)
		}
	}
	for _, p := range b.panels() {
		if p.Datasource == nil || p.Datasource.UID != "${datasource}" || !variables["datasource"] || len(p.Targets) == 0 {
			t.Errorf("%s has no data", p.Title)
		}
	}
}
