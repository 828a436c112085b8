// Package headers owns what the Headers policy adds to the pages of policies: the rows of its form, how they are read,
// and how they are said in words.
package headers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
)

// Form is the part of the policy form that is the Headers policy's own.
type Form struct{}

var _ policies.Form = Form{}

const (
	section   = "Changes"
	rowsField = "changes"
	countName = rowsField + ".rows"
)

// sources are where a value comes from, as the form offers them: written down, or the type of a variable and of
// parameters which one.
const (
	fromText    = "TEXT"
	fromHeader  = string(condition.Header)
	fromQuery   = string(condition.Query)
	fromPath    = string(condition.Path)
	fromContext = string(condition.Context)
)

// rowFields are the fields of a row. "value" is the text, or the name of a header or a parameter.
var rowFields = []string{"action", "name", "source", "value", "context", "path", "zone"}

var fieldLabels = map[string]string{
	"action": "Action", "name": "Header", "source": "Value from", "value": "Value", "context": "Context value", "path": "Path template", "zone": "Time zone",
}

// parts are the members of a variable that a field stands for: what is wrong with one is said at the field.
var parts = map[string][]string{
	"source": {"type", "paramType", "name"}, "value": {"headerName", "paramName"}, "context": {"contextValue"}, "path": {"paramPath"}, "zone": {"zoneId"},
}

var labels = func() []policies.Label {
	list := []policies.Label{{Field: rowsField, Text: section}}
	for _, field := range rowFields {
		list = append(list, policies.Label{Field: rowsField + "[]." + field, Text: fieldLabels[field]})
		for _, part := range parts[field] {
			list = append(list, policies.Label{Field: rowsField + "[].variable." + part, Text: fieldLabels[field]})
		}
	}
	return list
}()

// Labels implements policies.Form.
func (Form) Labels() []policies.Label { return labels }

// New implements policies.Form: with one row to fill in.
func (Form) New() policy.Config {
	c := headers.New()
	c.Changes = []headers.Change{{Action: policy.SetField}}
	return c
}

// Write implements policies.Form.
func (Form) Write(config policy.Config) policies.Values {
	v := policies.Values{}
	c, ok := config.(*headers.Config)
	if !ok {
		return v
	}
	list := make([]row, len(c.Changes))
	for i, change := range c.Changes {
		list[i] = rowOf(change)
	}
	put(v, list)
	return v
}

// row is the text of one row by its fields.
type row map[string]string

func rowOf(c headers.Change) row {
	r := row{"action": string(c.Action), "name": c.Name, "source": fromText, "value": c.Value}
	v := c.Variable
	if v == nil {
		return r
	}
	r["source"], r["zone"] = string(v.Type), v.ZoneID
	switch v.Type {
	case condition.Header:
		r["value"] = v.HeaderName
	case condition.Parameter:
		r["source"], r["value"], r["path"] = string(v.ParamType), v.ParamName, v.ParamPath
	case condition.Context:
		r["context"] = string(v.ContextValue)
	}
	return r
}

func name(i int, field string) string { return fmt.Sprintf("%s[%d].%s", rowsField, i, field) }

func put(v policies.Values, list []row) {
	for field := range v {
		if strings.HasPrefix(field, rowsField+"[") {
			delete(v, field)
		}
	}
	v[countName] = strconv.Itoa(len(list))
	for i, r := range list {
		for _, field := range rowFields {
			v[name(i, field)] = r[field]
		}
	}
}

func rows(v policies.Values) []row {
	n, err := strconv.Atoi(v[countName])
	if err != nil {
		return nil
	}
	list := make([]row, min(max(n, 0), headers.MaxChanges+1)) // one more, so that too many are found
	for i := range list {
		list[i] = row{}
		for _, field := range rowFields {
			list[i][field] = v[name(i, field)]
		}
	}
	return list
}

// Read implements policies.Form. What the action or the source makes meaningless is not read.
func (Form) Read(v policies.Values) (policy.Config, problem.List) {
	var l problem.List
	c := headers.New()
	for i, r := range rows(v) {
		change, unread := r.read()
		c.Changes = append(c.Changes, change)
		l.Append(fmt.Sprintf("%s[%d]", rowsField, i), unread)
	}
	return c, l
}

func (r row) read() (headers.Change, problem.List) {
	c := headers.Change{Action: policy.ChangeAction(r["action"]), Name: strings.TrimSpace(r["name"])}
	if c.Action == policy.RemoveField {
		return c, nil
	}
	v := condition.Variable{Type: condition.Parameter, ZoneID: strings.TrimSpace(r["zone"])}
	place := strings.TrimSpace(r["value"])
	switch r["source"] {
	case fromText, "":
		c.Value = place
		return c, nil
	case fromHeader:
		v.Type, v.HeaderName, v.ZoneID = condition.Header, place, ""
	case fromQuery:
		v.ParamType, v.ParamName, v.ZoneID = condition.Query, place, ""
	case fromPath:
		v.ParamType, v.ParamName, v.ParamPath, v.ZoneID = condition.Path, place, strings.TrimSpace(r["path"]), ""
	case fromContext:
		v.Type, v.ContextValue = condition.Context, condition.ContextName(r["context"])
	default:
		return c, problem.List{{Field: "source", Message: "Choose where the value comes from."}}
	}
	c.Variable = &v
	return c, nil
}

// The values of the button "change". All but the first name a row after a colon.
const (
	addRow    = rowsField + ".add"
	removeRow = rowsField + ".remove"
	moveUp    = rowsField + ".up"
	moveDown  = rowsField + ".down"
)

// focusName is where the cursor goes after a button has been pressed.
const focusName = rowsField + ".focus"

// Change implements policies.Form: rows are added, removed and moved, and nothing that was typed is lost.
func (Form) Change(v policies.Values, what string) bool {
	if !strings.HasPrefix(what, rowsField+".") {
		return false
	}
	list := rows(v)
	do, at, _ := strings.Cut(what, ":")
	i, err := strconv.Atoi(at)
	known := err == nil && i >= 0 && i < len(list)
	switch {
	case do == addRow && len(list) < headers.MaxChanges:
		list = append(list, rowOf(headers.Change{Action: policy.SetField}))
		v[focusName] = name(len(list)-1, "name")
	case do == removeRow && known:
		list = slices.Delete(list, i, i+1)
		v[focusName] = addRow
	case do == moveUp && known && i > 0:
		list[i-1], list[i] = list[i], list[i-1]
		v[focusName] = name(i-1, "name")
	case do == moveDown && known && i < len(list)-1:
		list[i], list[i+1] = list[i+1], list[i]
		v[focusName] = name(i+1, "name")
	}
	put(v, list)
	return true
}

// Advice implements policies.Form.
func (Form) Advice(config policy.Config, _ policies.Choices) []policies.Advice {
	c, ok := config.(*headers.Config)
	if !ok {
		return nil
	}
	var list []policies.Advice
	for i, change := range c.Changes {
		if change.Action == policy.RemoveField || change.Variable == nil || change.Variable.Type == condition.Context {
			continue
		}
		list = append(list, policies.Advice{
			Field: name(i, "value"), Label: change.Name,
			Text:    "Its value comes from " + change.Variable.Words() + ", which in the request lane anybody who calls can choose.",
			Instead: "Let the API trust it no further than the caller. Headers in which a policy of the proxy tells who called are never written here.",
		})
	}
	return list
}

// Fields implements policies.Form.
func (Form) Fields(f policies.Fields) templ.Component { return fields(f) }

// Beside implements policies.Form.
func (Form) Beside(policies.Fields) templ.Component { return templ.NopComponent }
