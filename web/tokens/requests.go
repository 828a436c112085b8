package tokens

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// Request is one line of the log of token requests.
type Request struct {
	ID int64
	event.Token
}

// RequestsPage is everything the list shows.
type RequestsPage struct {
	Frame    layout.Props
	Query    Query
	Problems problem.List
	Rows     []Request
	Pages    Older
	Now      time.Time
	// Environments and Sources are what the filters offer.
	Environments, Sources []string
	Figures               *Figures
}

// Figures are the charts above the list.
type Figures struct {
	Issued, Refused ui.Chart
	Reasons         []Reason
	// Span says which time they are of: "Last 24 hours".
	Span string
	// ReasonsOf is of how many of the last refusals the reasons are counted; 0
	// when it is all of them.
	ReasonsOf int
}

func (f Figures) reasonsOf() string {
	if f.ReasonsOf == 0 {
		return f.Span
	}
	return fmt.Sprintf("%s, out of the last %d", f.Span, f.ReasonsOf)
}

// Reason is how often token requests were refused for a reason.
type Reason struct {
	Error, Reason string
	Count         int
}

// The ways to split the figures.
const (
	ByGrant  = "grant"
	BySource = "source"
	ByReason = "reason"
)

// Dimension is how the figures are split.
func (q Query) Dimension() string {
	if by := q.Get(fieldBy); by == BySource || by == ByReason {
		return by
	}
	return ByGrant
}

func (p RequestsPage) dimensions() []ui.Tab {
	var tabs []ui.Tab
	for _, by := range []string{ByGrant, BySource, ByReason} {
		value := by
		if by == ByGrant {
			value = ""
		}
		tabs = append(tabs, ui.Tab{Label: "By " + by, Href: p.Query.With(fieldBy, value).URL(), Current: p.Query.Dimension() == by})
	}
	return tabs
}

// Count is how many requests one bar has of one kind.
type Count struct {
	Bar                  int
	Grant, Source, Error string
	Count                int
}

// Draw makes the figures of counts.
func Draw(from time.Time, width time.Duration, bars int, counts []Count, by string) (issued, refused ui.Chart) {
	issued = ui.Chart{ID: "issued", Title: "Issued", Noun: "tokens", From: from, Width: width, Bars: bars, Empty: "No token was issued in this time."}
	refused = ui.Chart{ID: "refused", Title: "Refused", Noun: "refusals", From: from, Width: width, Bars: bars, Empty: "No token request was refused in this time."}
	good, bad := map[string][]int{}, map[string][]int{}
	for _, c := range counts {
		into, label := good, c.label(by)
		if c.Error != "" {
			into = bad
		}
		if into[label] == nil {
			into[label] = make([]int, bars)
		}
		if c.Bar >= 0 && c.Bar < bars {
			into[label][c.Bar] += c.Count
		}
	}
	if by == ByReason { // one has no reasons, the other nothing else
		issued.Series, refused.Series = stacked(good, ordered(good), bars), stacked(bad, ordered(bad), bars)
		return issued, refused
	}
	// One order for both, so that a colour means the same in both.
	labels := ordered(good, bad)
	issued.Series, refused.Series = stacked(good, labels, bars), stacked(bad, labels, bars)
	return issued, refused
}

func (c Count) label(by string) string {
	switch by {
	case BySource:
		if c.Source == "" {
			return "No source"
		}
		return SourceName(c.Source)
	case ByReason:
		if c.Error == "" {
			return "Issued"
		}
		return c.Error
	}
	return Words(c.Grant)
}

// ordered are the labels, those with the most first.
func ordered(values ...map[string][]int) []string {
	totals := map[string]int{}
	for _, v := range values {
		for label, counts := range v {
			for _, n := range counts {
				totals[label] += n
			}
		}
	}
	return slices.SortedFunc(maps.Keys(totals), func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
}

// stacked are the series in the order of labels, with those that have no colour
// left put together.
func stacked(values map[string][]int, labels []string, bars int) []ui.Series {
	var list []ui.Series
	for i, label := range labels {
		if i >= ui.MaxSeries-1 && len(labels) > ui.MaxSeries {
			break
		}
		list = append(list, ui.Series{Label: label, Values: values[label]})
	}
	if len(list) == len(labels) {
		return list
	}
	rest := ui.Series{Label: fmt.Sprintf("%d others", len(labels)-len(list)), Values: make([]int, bars)}
	for _, label := range labels[len(list):] {
		for i, n := range values[label] {
			rest.Values[i] += n
		}
	}
	return append(list, rest)
}

// title says in words what a request was.
func (r Request) title() string {
	if r.Error != "" {
		return "Refused: " + r.Error
	}
	switch r.Operation {
	case event.Issue:
		return "Token issued"
	case event.Refresh:
		return "Token refreshed"
	case event.Regenerate:
		return "Token regenerated"
	case event.Introspect:
		return "Token introspected"
	case event.Revoke:
		return "Token revoked"
	}
	return Words(string(r.Operation))
}

func (r Request) statusTone() ui.Tone {
	switch {
	case r.Status >= 500:
		return ui.ToneDanger
	case r.Error != "" || r.Status >= 400:
		return ui.ToneWarning
	}
	return ui.ToneSuccess
}

func (r Request) client() string {
	if !r.Client.IsValid() {
		return ""
	}
	return r.Client.String()
}

func (r Request) expires() string {
	switch {
	case r.NeverExpires:
		return "Never"
	case r.ExpiresAt.IsZero():
		return ""
	}
	return ui.Absolute(r.ExpiresAt)
}

func (r Request) refreshes() string {
	if r.RefreshMax == 0 {
		return ""
	}
	return strconv.Itoa(r.RefreshCount) + " of " + strconv.Itoa(r.RefreshMax)
}

func (r Request) id() string { return strconv.FormatInt(r.ID, 10) }

func absoluteOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ui.Absolute(t)
}

func (o Older) text(one, many string) string {
	count := strconv.Itoa(o.Shown)
	switch {
	case !o.Searched.IsZero() || o.Total == 0:
	case o.Capped:
		count = fmt.Sprintf("%d of %d or more", o.Shown, o.Total)
	case o.Total > 1:
		count = fmt.Sprintf("%d of %d", o.Shown, o.Total)
	}
	if count == "1" {
		many = one
	}
	text := count + " " + many
	if !o.Searched.IsZero() {
		text += ", " + o.searched()
	}
	return text
}

// searched says how far a search went that gave up.
func (o Older) searched() string {
	way := "back to "
	if o.Backwards {
		way = "up to "
	}
	return "searched " + way + ui.Absolute(o.Searched)
}

// labels are what leads to the neighbours.
func (o Older) labels() (newer, older string) {
	newer, older = "Newer", "Older"
	switch {
	case o.Searched.IsZero():
	case o.Backwards:
		newer = "Search further"
	default:
		older = "Search further back"
	}
	return newer, older
}

// RequestPage is everything the page of one request shows.
type RequestPage struct {
	Frame   layout.Props
	Request Request
	Now     time.Time
	// Login is the address of the login it belongs to, when that can be ended.
	Login string
}

func (p RequestPage) sameLogin() string {
	return Query{path: requestsPath, values: map[string]string{"session": p.Request.Family}}.URL()
}

func (p RequestPage) sameWho() string {
	who := p.Request.Username
	if who == "" {
		who = p.Request.ClientID
	}
	return Query{path: requestsPath, values: map[string]string{fieldWho: who}}.URL()
}
