package api

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/ui"
)

// A status has fewer comparisons than the rest, and so a field of its own for them: no kind can be chosen together with
// a comparison that it does not have.
const statusOperator = "statusOperator"

func operatorField(kind api.AssertionKind) string {
	if kind == api.Status {
		return statusOperator
	}
	return "operator"
}

func at(row int, field string) string { return webidentity.Row("assertions", row, field) }

func writeAssertion(v webidentity.Values, row int, a api.Assertion) {
	v[at(row, "kind")], v[at(row, "name")], v[at(row, "path")], v[at(row, "expected")] = string(a.Kind), a.Name, a.Path, a.Expected
	v[at(row, "operator")], v[at(row, statusOperator)] = string(api.Equals), string(api.Equals)
	if a.Kind != api.BodyContains {
		v[at(row, operatorField(a.Kind))] = string(a.Operator)
	}
}

func readAssertion(l *problem.List, v webidentity.Values, row int) api.Assertion {
	a := api.Assertion{Kind: api.AssertionKind(v[at(row, "kind")]), Expected: unixLines(v[at(row, "expected")])}
	a.Operator = api.Operator(v[at(row, operatorField(a.Kind))])
	switch a.Kind {
	case "":
		l.Add(at(row, "kind"), "Choose what is checked, or remove the assertion.")
	case api.Status:
		a.Expected = strings.TrimSpace(a.Expected)
	case api.HeaderIs:
		a.Name = strings.TrimSpace(v[at(row, "name")])
	case api.JSONPath:
		a.Path = strings.TrimSpace(v[at(row, "path")])
	}
	return a
}

// kindOf and comparisonOf are what a row has now.
func kindOf(v webidentity.Values, row int) api.AssertionKind {
	return api.AssertionKind(v[at(row, "kind")])
}

func comparisonOf(v webidentity.Values, row int) api.Operator {
	return api.Operator(v[at(row, operatorField(kindOf(v, row)))])
}

func compares(v webidentity.Values, row int) bool {
	return slices.Contains([]api.AssertionKind{api.HeaderIs, api.JSONPath}, kindOf(v, row))
}

func comparesWhen(row int) string { return at(row, "kind") + "=HEADER|JSON_PATH" }

// expects tells whether there is a value to compare with.
func expects(v webidentity.Values, row int) bool {
	return !compares(v, row) || comparisonOf(v, row) != api.Exists
}

func expectsWhen(row int) string {
	return "!" + comparesWhen(row) + ";!" + at(row, "operator") + "=EXISTS"
}

var kinds = []ui.OptionGroup{{Options: []ui.Option{
	{Label: "Choose"},
	{Value: string(api.Status), Label: "Status", Text: "From 200 to 299, or an expression that matches."},
	{Value: string(api.HeaderIs), Label: "Header", Text: "A header of the answer."},
	{Value: string(api.JSONPath), Label: "Value in the JSON", Text: "What a JSONPath finds in the answer."},
	{Value: string(api.BodyContains), Label: "Text in the answer", Text: "The answer contains it, capitals counting."},
}}}

// operatorWords are how a comparison is called and what it means.
var operatorWords = map[api.Operator]struct{ label, text string }{
	api.Equals:    {"Equals", "Capitals count."},
	api.NotEquals: {"Does not equal", "It must be there, and be another."},
	api.Contains:  {"Contains", "A text has it in it, a list as an element."},
	api.Exists:    {"Exists", "Whatever it is."},
	api.Matches:   {"Matches", "A regular expression (RE2) for the whole value."},
}

func operators(kind api.AssertionKind) []ui.OptionGroup {
	g := ui.OptionGroup{}
	for _, o := range kind.Operators() {
		g.Options = append(g.Options, ui.Option{Value: string(o), Label: operatorWords[o].label, Text: operatorWords[o].text})
	}
	return []ui.OptionGroup{g}
}
