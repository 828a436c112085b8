package headers

import (
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

var actions = []ui.OptionGroup{{Options: []ui.Option{
	{Value: string(policy.SetField), Label: "Set"},
	{Value: string(policy.AddField), Label: "Add"},
	{Value: string(policy.RemoveField), Label: "Remove"},
}}}

var sources = []ui.OptionGroup{{Options: []ui.Option{
	{Value: fromText, Label: "Text"},
	{Value: fromHeader, Label: "Header"},
	{Value: fromQuery, Label: "Query parameter"},
	{Value: fromPath, Label: "Path parameter"},
	{Value: fromContext, Label: "Context value"},
}}}

// line is a row as it is drawn.
type line struct {
	policies.Fields
	row
	i           int
	first, last bool
}

func lines(f policies.Fields) []line {
	list := rows(f.Values)
	out := make([]line, len(list))
	for i, r := range list {
		out[i] = line{Fields: f, row: r, i: i, first: i == 0, last: i == len(list)-1}
	}
	return out
}

func (l line) number() string { return strconv.Itoa(l.i + 1) }

// field is one control of the row. Its id is that of the problem it has, to which the summary leads.
func (l line) field(field string) ui.Field {
	n := name(l.i, field)
	at := n
	for _, part := range parts[field] {
		if wrong := name(l.i, "variable."+part); l.Problems.For(wrong) != "" {
			at = wrong
		}
	}
	return ui.Field{Name: n, ID: ui.FieldID(at), Label: fieldLabels[field], Value: l.row[field], Error: l.Problems.For(at), Attrs: l.attrs(at)}
}

func (l line) attrs(n string) templ.Attributes {
	a := policies.First(l.Problems, n)
	if a == nil {
		a = templ.Attributes{}
	}
	if len(l.Problems) == 0 && l.Values[focusName] == n {
		a["autofocus"] = true
	}
	return a
}

func (l line) nameField() ui.Field {
	f := l.field("name")
	f.Mono, f.Required, f.Placeholder = true, true, "X-Api-Version"
	return f
}

func (l line) valueField() ui.Field {
	f := l.field("value")
	f.Mono, f.Required = true, true
	return f
}

func (l line) pathField() ui.Field {
	f := l.field("path")
	f.Mono, f.Placeholder, f.Help = true, "/orders/{id}", "Empty: that of the endpoint."
	return f
}

func (l line) zoneField() ui.Field {
	f := l.field("zone")
	f.Placeholder, f.Help = "Europe/Istanbul", "Of dates and times. Default UTC."
	return f
}

func (l line) has(sources ...string) bool { return slices.Contains(sources, l.source()) }

func (l line) source() string {
	if l.row["source"] == "" {
		return fromText
	}
	return l.row["source"]
}

// when is the same for the page (ui.Depends).
func (l line) when(sources ...string) string {
	return name(l.i, "source") + "=" + strings.Join(sources, "|")
}

func (l line) valued() bool { return l.row["action"] != string(policy.RemoveField) }

func (l line) valuedWhen() string {
	return "!" + name(l.i, "action") + "=" + string(policy.RemoveField)
}

// contexts has the value that is chosen also when it is not known, or saving would change it without a word.
func (l line) contexts() []ui.OptionGroup {
	g := ui.OptionGroup{Options: []ui.Option{{Label: "Choose a value"}}}
	chosen := l.row["context"]
	found := chosen == ""
	for _, info := range condition.ContextValues {
		g.Options = append(g.Options, ui.Option{Value: string(info.Name), Label: strings.ToUpper(info.Label[:1]) + info.Label[1:], Text: info.Text})
		found = found || chosen == string(info.Name)
	}
	if !found {
		g.Options = append(g.Options, ui.Option{Value: chosen, Label: chosen + " (not known)"})
	}
	return []ui.OptionGroup{g}
}

func (l line) button(label, icon, do string, disabled bool) ui.Action {
	return ui.Action{
		Label: label + " change " + l.number(), Icon: icon, Kind: ui.Quiet, Small: true, Name: "change", Value: do + ":" + strconv.Itoa(l.i), Disabled: disabled,
		Attrs: templ.Attributes{"formnovalidate": true},
	}
}

func adder(f policies.Fields, n int) ui.Action {
	a := ui.Action{
		Label: "Add change", Icon: "plus", Small: true, Name: "change", Value: addRow, Disabled: n >= headers.MaxChanges,
		Attrs: templ.Attributes{"formnovalidate": true},
	}
	if len(f.Problems) == 0 && f.Values[focusName] == addRow {
		a.Attrs["autofocus"] = true
	}
	return a
}
