package headers

import (
	"strconv"

	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/web/policies"
)

// Settings implements policies.Form: one line for each change, in its place.
func (Form) Settings(v policies.Values) []policies.Setting {
	var list []policies.Setting
	for i, r := range rows(v) {
		c, _ := r.read()
		list = append(list, policies.Setting{Section: section, Label: "Change " + strconv.Itoa(i+1), Text: words(c)})
	}
	return list
}

// words say a change.
func words(c headers.Change) string {
	if c.Action == policy.RemoveField {
		return "Remove " + c.Name
	}
	value := strconv.Quote(c.Value)
	if c.Variable != nil {
		value = "the value of " + c.Variable.Words()
		if c.Variable.ParamPath != "" {
			value += " in " + c.Variable.ParamPath
		}
	}
	switch c.Action {
	case policy.SetField:
		return "Set " + c.Name + " to " + value
	case policy.AddField:
		return "Add " + c.Name + " with " + value
	}
	return c.Name
}
