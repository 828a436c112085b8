package api

import (
	"cmp"
	"strings"

	"github.com/gatewright/gatewright/engine/identity/api"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/ui"
)

func field(f webidentity.Fields, name, help string) ui.Field {
	return f.Control(label(name), name, help)
}

// code is a field for addresses, paths and templates.
func code(f webidentity.Fields, name, help, example string) ui.Field {
	c := field(f, name, help)
	c.Mono, c.Placeholder = true, example
	return c
}

func required(c ui.Field) ui.Field {
	c.Required = true
	return c
}

// cell is a field in the row of a list.
func cell(f webidentity.Fields, list string, row int, name, example string) ui.Field {
	c := f.Control(label(list+"[]."+name), webidentity.Row(list, row, name), "")
	c.Mono, c.Placeholder = true, example
	return c
}

// operator is the comparison of an assertion. Of its two fields the one that its kind has takes what is wrong, which is
// said of operator: the other one is hidden, and could not have the cursor.
func operator(f webidentity.Fields, row int, name string) ui.Field {
	c := cell(f, "assertions", row, name, "")
	c.Mono, c.ID, c.Error, c.Attrs = false, ui.FieldID(at(row, statusOperator)), "", nil
	if name == operatorField(kindOf(f.Values, row)) {
		c.ID = ui.FieldID(at(row, "operator"))
		c.Error, c.Attrs = f.Problems.For(at(row, "operator")), f.First(at(row, "operator"))
	}
	c.Value = cmp.Or(c.Value, string(api.Equals))
	return c
}

// kind is a choice, and no code.
func kind(f webidentity.Fields, row int) ui.Field {
	c := cell(f, "assertions", row, "kind", "")
	c.Mono = false
	return c
}

func lines(c ui.Field, rows int) ui.Field {
	c.Rows = rows
	return c
}

func narrow(c ui.Field) ui.Field {
	c.Narrow = true
	return c
}

func plainAddress(v webidentity.Values) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(v["url"])), "http://")
}

func sendsBody(v webidentity.Values) bool { return v["method"] != "GET" }

func hasTemplate(v webidentity.Values) bool {
	return sendsBody(v) && v["bodyType"] != string(api.NoBody)
}

var methods = []ui.OptionGroup{{Options: []ui.Option{
	{Value: "GET", Label: "GET", Text: "Sends no body."},
	{Value: "POST", Label: "POST"},
	{Value: "PUT", Label: "PUT"},
}}}

var bodyTypes = []ui.Card{
	{Value: string(api.NoBody), Label: "None", Text: "Everything is in the address and the headers."},
	{Value: string(api.JSONBody), Label: "JSON", Text: `Such as {"user": "{{username}}"}.`},
	{Value: string(api.FormBody), Label: "Form", Text: "Such as user={{username}}."},
}
