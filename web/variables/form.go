package variables

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// kind is where a value stands. It is a type of variable together with the place of a parameter, or with how a body is
// read: one choice instead of two.
type kind string

const (
	headerKind  = kind(condition.Header)
	contextKind = kind(condition.Context)
)

// kinds are all of them as they are offered.
var kinds = []ui.OptionGroup{
	{Options: []ui.Option{{Value: string(headerKind), Label: "Header", Text: "A header of the request. Of a repeated one the first value counts."}}},
	{Label: "Parameter", Options: []ui.Option{
		{Value: string(condition.Query), Label: "Query parameter", Text: "What follows the question mark of the address."},
		{Value: string(condition.Path), Label: "Path parameter", Text: "A part of the path, such as the number of an order."},
		{Value: string(condition.Form), Label: "Form parameter", Text: "A field of a form in the body. The body is read for it."},
	}},
	{Label: "Body", Options: []ui.Option{
		{Value: string(condition.JSON), Label: "JSON body", Text: "A value inside a JSON body. The body is read for it."},
		{Value: string(condition.XML), Label: "XML body", Text: "A value inside an XML body. The body is read for it."},
		{Value: string(condition.AllBody), Label: "Whole body", Text: "The whole body as text."},
	}},
	{Label: "Gateway", Options: []ui.Option{{Value: string(contextKind), Label: "Context value", Text: "What the gateway itself knows of the request."}}},
}

// Fields are the fields of a variable, in the order of its form.
var Fields = []string{"name", "kind", "headerName", "paramName", "paramPath", "jsonPathValue", "xpathValue", "contextValue", "zoneId", "description"}

var labels = map[string]string{
	"name": "Name", "kind": "Where the value stands", "headerName": "Header name", "paramName": "Parameter name", "paramPath": "Path template",
	"jsonPathValue": "JSONPath", "xpathValue": "XPath", "contextValue": "Context value", "zoneId": "Time zone", "description": "Description",
	"value": "Value",
}

// Write puts a variable into the fields of its form.
func Write(v condition.Variable) Values {
	return Values{
		"name": v.Name, "description": v.Description, "kind": string(kindOf(v)), "headerName": v.HeaderName,
		"paramName": v.ParamName, "paramPath": v.ParamPath, "jsonPathValue": v.JSONPath, "xpathValue": v.XPath,
		"contextValue": string(v.ContextValue), "zoneId": v.ZoneID,
	}
}

func kindOf(v condition.Variable) kind {
	switch v.Type {
	case condition.Parameter:
		return kind(v.ParamType)
	case condition.Body:
		return kind(v.ContentType)
	}
	return kind(v.Type)
}

// Read turns typed text into a variable. What the chosen kind hides does not count.
func Read(t Values) condition.Variable {
	text := func(field string) string { return strings.TrimSpace(t[field]) }
	v := condition.Variable{
		Name: text("name"), Description: strings.ReplaceAll(t["description"], "\r\n", "\n"),
		HeaderName: text("headerName"), ParamName: text("paramName"), ParamPath: text("paramPath"),
		JSONPath: text("jsonPathValue"), XPath: text("xpathValue"), ContextValue: condition.ContextName(text("contextValue")),
	}
	switch k := t["kind"]; k {
	case string(condition.Query), string(condition.Path), string(condition.Form):
		v.Type, v.ParamType = condition.Parameter, condition.ParamType(k)
	case string(condition.JSON), string(condition.XML), string(condition.AllBody):
		v.Type, v.ContentType = condition.Body, condition.ContentType(k)
	default:
		v.Type = condition.VariableType(k)
	}
	if zoned(t) {
		v.ZoneID = text("zoneId")
	}
	v.Normalize()
	return v
}

// zoned tells that a value depends on a time zone: a date may stand anywhere, and of the context values only some are
// about time.
func zoned(t Values) bool {
	info, _ := condition.ContextName(t["contextValue"]).Info()
	return t["kind"] != string(contextKind) || info.Zoned
}

// zonedWhen is zoned for Depends.
var zonedWhen = func() string {
	var names []string
	for _, info := range condition.ContextValues {
		if info.Zoned {
			names = append(names, string(info.Name))
		}
	}
	return "!kind=" + string(contextKind) + ";contextValue=" + strings.Join(names, "|")
}()

// Located has the problems at the fields of the form, in its order.
func Located(list problem.List) problem.List {
	out := slices.Clone(list)
	for i, p := range out {
		switch p.Field {
		case "type", "paramType", "messageContentType":
			out[i] = problem.Problem{Field: "kind", Message: "Choose where the value stands."}
		}
	}
	slices.SortStableFunc(out, func(a, b problem.Problem) int {
		return slices.Index(Fields, a.Field) - slices.Index(Fields, b.Field)
	})
	return out
}

// contexts are the context values to choose.
func contexts() []ui.OptionGroup {
	group := ui.OptionGroup{Options: []ui.Option{{Value: "", Label: "Choose a context value"}}}
	for _, info := range condition.ContextValues {
		group.Options = append(group.Options, ui.Option{Value: string(info.Name), Label: sentence(info.Label), Text: info.Text})
	}
	return []ui.OptionGroup{group}
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// zones are offered while one is typed; every other one of the time zone database is taken as well.
var zones = []string{
	"UTC", "Europe/Istanbul", "Europe/London", "Europe/Berlin", "Europe/Paris", "America/New_York", "America/Chicago",
	"America/Los_Angeles", "America/Sao_Paulo", "Asia/Dubai", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
}

// Settings say a variable field by field.
func Settings(v condition.Variable) []policies.Setting {
	return []policies.Setting{
		{Label: labels["name"], Text: v.Name},
		{Label: labels["kind"], Text: v.Words()},
		{Label: labels["paramPath"], Text: v.ParamPath, Code: true},
		{Label: labels["description"], Text: v.Description},
	}
}
