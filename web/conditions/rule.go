package conditions

import (
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
)

// The kinds of variables as the form offers them: the type, and of parameters and bodies which one.
const (
	kindHeader   = string(condition.Header)
	kindContext  = string(condition.Context)
	kindVariable = "VARIABLE" // of the project, by name
)

// newRule is what adding a rule begins with.
func newRule() node {
	return node{text: map[string]string{
		"first": kindHeader, "type": string(condition.String), "operator": string(condition.Equal), "source": string(condition.FromValue),
	}}
}

// fromRules is the tree of a condition. A condition that is one OR or NOT is drawn as that group, not as a group of one.
func fromRules(rules []condition.Rule) node {
	if len(rules) == 1 && len(rules[0].Rules) > 0 && (rules[0].Criteria == condition.Or || rules[0].Criteria == condition.Not) {
		return fromRule(&rules[0])
	}
	n := node{criteria: string(condition.And)}
	for i := range rules {
		n.rules = append(n.rules, fromRule(&rules[i]))
	}
	return n
}

func fromRule(r *condition.Rule) node {
	if r.Criteria != condition.Value {
		n := node{criteria: string(r.Criteria)}
		for i := range r.Rules {
			n.rules = append(n.rules, fromRule(&r.Rules[i]))
		}
		return n
	}
	n := node{text: map[string]string{
		"type": string(r.DataType), "operator": string(r.Operator), "format": r.DateFormat, "source": string(r.Source), "value": r.SecondValue,
	}}
	fromVariable(n.text, "first", r.First)
	fromVariable(n.text, "second", r.Second)
	return n
}

func fromVariable(text map[string]string, side string, v *condition.Variable) {
	if v == nil {
		return
	}
	kind, place := kindOf(v)
	for field, value := range map[string]string{
		"": kind, ".text": place, ".context": string(v.ContextValue), ".path": v.ParamPath, ".zone": v.ZoneID, ".description": v.Description,
	} {
		text[side+field] = value
	}
	if kind != kindVariable {
		text[side+".name"] = v.Name
	}
}

// kindOf is how the form calls a variable, and what names its place.
func kindOf(v *condition.Variable) (kind, place string) {
	switch v.Type {
	case "":
		return kindVariable, v.Name
	case condition.Header:
		return kindHeader, v.HeaderName
	case condition.Parameter:
		return orElse(string(v.ParamType), string(v.Type)), v.ParamName
	case condition.Body:
		return orElse(string(v.ContentType), string(v.Type)), v.JSONPath + v.XPath
	}
	return string(v.Type), ""
}

// rules is the tree read back, as it is typed.
func (d *draft) rules() []condition.Rule {
	list := d.root.list()
	if len(list) == 0 || d.root.criteria == string(condition.And) {
		return list
	}
	return []condition.Rule{{Criteria: condition.Criteria(d.root.criteria), Rules: list}}
}

// folded tells that the group around everything is a rule of the condition.
func (d *draft) folded() bool {
	return len(d.root.rules) > 0 && d.root.criteria != string(condition.And)
}

func (n *node) list() []condition.Rule {
	list := make([]condition.Rule, len(n.rules))
	for i := range n.rules {
		list[i] = n.rules[i].rule()
	}
	return list
}

func (n *node) rule() condition.Rule {
	if n.group() {
		return condition.Rule{Criteria: condition.Criteria(n.criteria), Rules: n.list()}
	}
	return condition.Rule{
		Criteria: condition.Value, First: n.variable("first"), Second: n.variable("second"),
		DataType: condition.DataType(n.text["type"]), DateFormat: strings.TrimSpace(n.text["format"]),
		Operator: condition.Operator(n.text["operator"]), Source: condition.ValueSource(n.text["source"]),
		// Browsers send line breaks as two characters.
		SecondValue: strings.ReplaceAll(n.text["value"], "\r\n", "\n"),
	}
}

func (n *node) variable(side string) *condition.Variable {
	kind := n.text[side]
	if kind == "" {
		return nil
	}
	v := &condition.Variable{
		Name: n.text[side+".name"], Description: n.text[side+".description"], ZoneID: strings.TrimSpace(n.text[side+".zone"]),
		Type: condition.VariableType(kind),
	}
	place(v, kind, strings.TrimSpace(n.text[side+".text"]))
	switch kind {
	case kindContext:
		v.ContextValue = condition.ContextName(n.text[side+".context"])
	case string(condition.Path):
		v.ParamPath = strings.TrimSpace(n.text[side+".path"])
	}
	return v
}

// place is the reverse of kindOf.
func place(v *condition.Variable, kind, text string) {
	switch kind {
	case kindVariable:
		v.Type, v.Name = "", text
	case kindHeader:
		v.HeaderName = text
	case string(condition.Query), string(condition.Path), string(condition.Form):
		v.Type, v.ParamType, v.ParamName = condition.Parameter, condition.ParamType(kind), text
	case string(condition.JSON):
		v.Type, v.ContentType, v.JSONPath = condition.Body, condition.JSON, text
	case string(condition.XML):
		v.Type, v.ContentType, v.XPath = condition.Body, condition.XML, text
	case string(condition.AllBody):
		v.Type, v.ContentType = condition.Body, condition.AllBody
	}
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
