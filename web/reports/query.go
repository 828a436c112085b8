// Package reports owns the reports of usage and the pages of bulk deploys: where
// policies run and how much hangs on them, and taking a policy live everywhere at
// once.
package reports

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Query is what the address of a report narrows it to.
type Query struct {
	path   string
	fields []string
	values map[string]string
}

var (
	placeFields = []string{"q", "type", "policy", "group", "kind", "owner", "reach", "status", "environment", "state", "sort", "order", "page", "from", "view"}
	groupFields = []string{"q", "member", "status", "environment", "state", "sort", "order", "page", "from", "view"}
)

// Places reads the query of the report of the places of policies.
func Places(project string, v url.Values) Query {
	return parse(link.PolicyUsage(project), placeFields, v)
}

// Groups reads the query of a report of groups of a kind.
func Groups(project, kind string, v url.Values) Query {
	if kind == link.OfPolicyGroup {
		return parse(link.PolicyGroupUsage(project), groupFields, v)
	}
	return parse(link.ProxyGroupUsage(project), groupFields, v)
}

func parse(path string, fields []string, v url.Values) Query {
	q := Query{path: path, fields: fields, values: map[string]string{}}
	for _, f := range fields {
		if text := strings.TrimSpace(v.Get(f)); text != "" {
			q.values[f] = text
		}
	}
	return q
}

// Get is the value of a name, "" when the report is not narrowed by it.
func (q Query) Get(name string) string { return q.values[name] }

// Number is the value of a name as a number, 0 when it is none.
func (q Query) Number(name string) int {
	n, err := strconv.Atoi(q.values[name])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Desc tells that the order is turned round.
func (q Query) Desc() bool { return q.values["order"] == "desc" }

// Chart tells that the chart is shown, not the table.
func (q Query) Chart() bool { return q.values["view"] == "chart" }

// With is the query with other values, given as name and value in turn; an empty
// value takes the name away. It leads to the first page.
func (q Query) With(pairs ...string) Query {
	out := Query{path: q.path, fields: q.fields, values: map[string]string{}}
	for name, value := range q.values {
		if name != "page" && name != "from" {
			out.values[name] = value
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		delete(out.values, pairs[i])
		if pairs[i+1] != "" {
			out.values[pairs[i]] = pairs[i+1]
		}
	}
	return out
}

// URL is the address of the report.
func (q Query) URL() string { return q.under(q.path) }

// CSV is the address of what the filter leaves as CSV.
func (q Query) CSV() string { return q.With("view", "").under(q.path + ".csv") }

func (q Query) under(path string) string {
	v := url.Values{}
	for name, value := range q.values {
		v.Set(name, value)
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// settings are no filter: they leave nothing out.
var settings = []string{"sort", "order", "page", "from", "view"}

// Narrowed tells whether anything is left out.
func (q Query) Narrowed() bool {
	for name := range q.values {
		if !slices.Contains(settings, name) {
			return true
		}
	}
	return false
}

// Hidden are the names that a search form has no control for, to go along.
func (q Query) Hidden(controls ...string) []ui.Hidden {
	var list []ui.Hidden
	for _, f := range q.fields {
		if v := q.values[f]; v != "" && !slices.Contains(controls, f) && f != "page" && f != "from" {
			list = append(list, ui.Hidden{Name: f, Value: v})
		}
	}
	return list
}

// column is a head that sorts by a name.
func (q Query) column(label, sort string, first bool) ui.Column {
	c := ui.Column{Label: label, Sort: q.With("sort", sort, "order", "").URL()}
	if q.values["sort"] != sort && !(first && q.values["sort"] == "") {
		return c
	}
	c.Order = ui.Ascending
	c.Sort = q.With("sort", sort, "order", "desc").URL()
	if q.Desc() {
		c.Order, c.Sort = ui.Descending, q.With("sort", sort, "order", "").URL()
	}
	return c
}

// Standing is where a page of a report stands.
type Standing struct {
	// Total is how many lines match; Capped tells that there are more.
	Total  int
	Capped bool
	// Next is how many lines the next page passes over, 0 when there is none.
	Next int
	// Stopped tells that the page ends because as much was compared as one answer
	// may.
	Stopped bool
	// Compared tells that lines were compared one by one, so that Total is of what
	// has to be looked through.
	Compared bool
	PerPage  int
}

// pager leads to the neighbours of a page.
func (q Query) pager(s Standing, shown int, one, many string) ui.Page {
	if s.Compared {
		next := ""
		if s.Next > 0 {
			next = q.onward(s)
		}
		return ui.Compared(shown, s.Next, s.Total, s.Capped, one, many, next)
	}
	number := max(q.Number("page"), 1)
	p := ui.PageOf(number, s.PerPage, shown, s.Total, one, many, func(n int) string { return q.With("page", strconv.Itoa(n)).URL() })
	if s.Capped {
		p.Noun = "or more " + many
	}
	p.Next = ""
	if s.Next > 0 {
		p.Next = q.With("page", strconv.Itoa(number+1)).URL()
	}
	return p
}

func (q Query) onward(s Standing) string { return q.With("from", strconv.Itoa(s.Next)).URL() }

// States are what a report can be narrowed to.
var States = []ui.Option{
	{Label: "Any state"}, {Value: "LIVE", Label: "Live"}, {Value: "REDEPLOY_REQUIRED", Label: "Redeploy required"}, {Value: "NOT_DEPLOYED", Label: "Not deployed"},
}

func options(all string, values []string, chosen string) []ui.Option {
	list := []ui.Option{{Label: all}}
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(slices.Clone(values), chosen)
	}
	for _, v := range values {
		list = append(list, ui.Option{Value: v, Label: v})
	}
	return list
}

// Tabs lead from one report to the other.
func Tabs(project, current string) []ui.Tab {
	list := []ui.Tab{
		{Label: "Policy usage", Href: link.PolicyUsage(project)}, {Label: "Proxy group usage", Href: link.ProxyGroupUsage(project)},
		{Label: "Policy group usage", Href: link.PolicyGroupUsage(project)}, {Label: "Bulk deploys", Href: link.BulkDeploys(project)},
	}
	for i := range list {
		list[i].Current = list[i].Href == current
	}
	return list
}

// Crumbs are the way to a report.
func Crumbs(project string, here ...layout.Crumb) []layout.Crumb {
	return append([]layout.Crumb{{Label: "Reports", Href: link.Reports(project)}}, here...)
}
