package variables

import (
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
)

// ownPrefix begins the ids of the form in the dialog.
const ownPrefix = "variable."

// ownProblems are the problems at the ids of the form in the dialog.
func (p FormPage) ownProblems() problem.List {
	var l problem.List
	for _, x := range p.Problems {
		if x.Field != "" {
			x.Field = ownPrefix + x.Field
		}
		l = append(l, x)
	}
	return l
}

func (p FormPage) ownLabels() map[string]string {
	own := map[string]string{}
	for field, label := range labels {
		own[ownPrefix+field] = label
	}
	return own
}

// suits is the data type that goes with a variable; "" where any does.
func suits(v condition.Variable) condition.DataType {
	if v.Type != condition.Context {
		return ""
	}
	info, _ := v.ContextValue.Info()
	return info.Type
}

// kindLabel is how the form calls where a variable stands.
func kindLabel(v condition.Variable) string {
	for _, g := range kinds {
		for _, o := range g.Options {
			if o.Value == string(kindOf(v)) {
				return o.Label
			}
		}
	}
	return ""
}

// stands is what a variable names there.
func stands(v condition.Variable) string {
	switch v.Type {
	case condition.Header:
		return v.HeaderName
	case condition.Parameter:
		if v.ParamPath != "" {
			return v.ParamName + " in " + v.ParamPath
		}
		return v.ParamName
	case condition.Body:
		return v.JSONPath + v.XPath
	}
	info, ok := v.ContextValue.Info()
	if !ok {
		return string(v.ContextValue)
	}
	return sentence(info.Label)
}
