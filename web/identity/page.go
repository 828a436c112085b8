package identity

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// Headings of what every source has.
const (
	general = "Identity Source"
	limits  = "Limits and memory"
)

// The fields that every source has stand around those of its kind.
var (
	generalLabels = []Label{{Field: "name", Text: "Name"}, {Field: "description", Text: "Description"}}
	limitLabels   = []Label{
		{Field: "timeoutMillis", Text: "Timeout"},
		{Field: "maxConcurrent", Text: "Calls at once"},
		{Field: "cacheSeconds", Text: "Remember good logins"},
		{Field: "negativeCacheSeconds", Text: "Remember wrong logins"},
	}
)

func labelOf(list []Label, field string) string {
	for _, l := range list {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// Write puts a whole source into the fields of its form.
func Write(f Form, c identity.Config) Values {
	v := f.Write(c)
	base := c.Base()
	v["name"], v["description"] = base.Name, base.Description
	v["timeoutMillis"] = strconv.Itoa(base.TimeoutMillis)
	v["cacheSeconds"] = strconv.Itoa(base.CacheSeconds)
	v["negativeCacheSeconds"] = strconv.Itoa(base.NegativeCacheSeconds)
	v["maxConcurrent"] = strconv.Itoa(base.MaxConcurrent)
	return v
}

// Read turns typed text into a source of a kind and says everything that is wrong with it, in the order of the form.
func Read(f Form, kind identity.Kind, v Values) (identity.Config, problem.List) {
	c, problems := f.Read(v)
	base := c.Base()
	base.Kind, base.Name = kind.Name, v["name"]
	// Browsers send line breaks as two characters, which would count twice.
	base.Description = strings.ReplaceAll(v["description"], "\r\n", "\n")
	usual := f.New().Base()
	base.TimeoutMillis = number(&problems, v, "timeoutMillis", usual.TimeoutMillis)
	base.CacheSeconds = number(&problems, v, "cacheSeconds", usual.CacheSeconds)
	base.NegativeCacheSeconds = number(&problems, v, "negativeCacheSeconds", usual.NegativeCacheSeconds)
	base.MaxConcurrent = number(&problems, v, "maxConcurrent", usual.MaxConcurrent)
	c.Normalize()
	for _, p := range c.Validate() {
		if problems.For(p.Field) == "" { // that it is no number says more than that it is below one
			problems = append(problems, p)
		}
	}
	return c, InOrder(f, kind, problems)
}

func number(l *problem.List, v Values, field string, example int) int {
	n, err := strconv.Atoi(strings.TrimSpace(v[field]))
	if err != nil {
		l.Add(field, "Enter a whole number, such as %d.", example)
	}
	return n
}

// InOrder sorts problems by where their fields stand in the form.
func InOrder(f Form, kind identity.Kind, problems problem.List) problem.List {
	place := map[string]int{}
	for i, l := range allLabels(f, kind) {
		place[l.Field] = i + 1
	}
	slices.SortStableFunc(problems, func(a, b problem.Problem) int { return place[anyRow(a.Field)] - place[anyRow(b.Field)] })
	return problems
}

// allLabels has the secrets too, at the end where a form does not place them itself.
func allLabels(f Form, kind identity.Kind) []Label {
	all := slices.Concat(generalLabels, f.Labels())
	for _, s := range kind.Secrets {
		if !slices.ContainsFunc(all, func(l Label) bool { return l.Field == s.Name }) {
			all = append(all, Label{Field: s.Name, Text: s.Label})
		}
	}
	return append(all, limitLabels...)
}

var rowNumber = regexp.MustCompile(`\[(\d+)\]`)

// anyRow is the name of a field without the number of its row, as labels have it.
func anyRow(field string) string { return rowNumber.ReplaceAllString(field, "[]") }

// labelsOf are the names of the fields that have problems, as people see them.
func labelsOf(f Form, kind identity.Kind, problems problem.List) map[string]string {
	known := map[string]string{}
	for _, l := range allLabels(f, kind) {
		known[l.Field] = l.Text
	}
	labels := maps.Clone(known)
	for _, p := range problems {
		text, ok := known[anyRow(p.Field)]
		if row := rowNumber.FindStringSubmatch(p.Field); ok && row != nil {
			n, _ := strconv.Atoi(row[1]) // the pattern has digits only; one too many for an int is no row
			labels[p.Field] = text + " " + strconv.Itoa(n+1)
		}
	}
	return labels
}

// SettingsOf says the whole source in words.
func SettingsOf(f Form, v Values) []Setting {
	all := append([]Setting{
		{Section: general, Label: "Name", Text: v["name"]},
		{Section: general, Label: "Description", Text: v["description"]},
	}, f.Settings(v)...)
	return append(all,
		Setting{Section: limits, Label: labelOf(limitLabels, "timeoutMillis"), Text: v["timeoutMillis"] + " milliseconds"},
		Setting{Section: limits, Label: labelOf(limitLabels, "maxConcurrent"), Text: v["maxConcurrent"]},
		Setting{Section: limits, Label: labelOf(limitLabels, "cacheSeconds"), Text: rememberText(v["cacheSeconds"])},
		Setting{Section: limits, Label: labelOf(limitLabels, "negativeCacheSeconds"), Text: rememberText(v["negativeCacheSeconds"])},
	)
}

func rememberText(seconds string) string {
	if seconds == "0" {
		return "Not at all"
	}
	return "For " + seconds + " seconds"
}

// FormPage is everything the form of an identity source shows.
type FormPage struct {
	Frame    layout.Props
	Title    string
	Kind     identity.Kind
	Form     Form
	Values   Values
	Problems problem.List
	Stored   map[string]bool   // secrets that are stored, by field name
	Held     map[string]string // secrets that were typed and are not saved, sealed, by field name
	Action   string            // where it posts
	Hidden   []ui.Hidden       // such as the version that was read
	Check    string            // address that tells whether a name is free
	Refresh  string            // address that gives the advice anew while somebody types
	Test     string            // address that tries what is typed
	Tested   templ.Component   // what a test has shown; may be nil
	Discard  string            // where leaving leads
	Save     string            // the button: "Save" unless said
	Creates  bool              // there is nothing yet to compare with
	Unsaved  bool              // the page shows what was typed and is not saved
	Conflict *Conflict
	Rail     templ.Component // above the advice; may be nil
	Advice   []Advice
}

// Conflict says that somebody else was faster (D17). What was typed stays in the form, which from now on saves over what
// is shown as theirs: its hidden version must be that one.
type Conflict struct {
	Name, By string
	At, Now  time.Time
	// Deleted tells that there is nothing left to save over.
	Deleted   bool
	Different []policies.Difference
	Same      int
	Discard   string // the form with what the other side saved
}

func (p FormPage) fields() Fields {
	return Fields{Values: p.Values, Problems: p.Problems, Kind: p.Kind, Stored: p.Stored, Held: p.Held}
}

func (p FormPage) save() ui.Save {
	s := ui.Save{Label: p.Save, Discard: p.Discard, Unsaved: p.Unsaved, Always: p.Creates, Note: "Takes effect at once in every environment"}
	if p.Conflict != nil && !p.Conflict.Deleted {
		s.Label, s.Discard = "Keep mine", p.Conflict.Discard
	}
	return s
}

// The names of the controls of a test. They are no members of the configuration.
const (
	TestName     = "test:name"
	TestPassword = "test:password"
)

func testAttributes(p FormPage) templ.Attributes {
	to := string(templ.URL(p.Test)) // spread attributes are not checked by templ itself
	return templ.Attributes{
		"formaction": to, "formnovalidate": true, "hx-post": to, "hx-target": "#test-report", "hx-swap": "innerHTML",
		"hx-sync": "this:replace", "hx-disabled-elt": "this",
	}
}
