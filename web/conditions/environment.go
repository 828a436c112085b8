package conditions

import (
	"slices"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// environmentField is where a sample request is thought to come.
const environmentField = samplePrefix + "environment"

// Environment is where a sample request can come: its name, and what each ${NAME} stands for there.
type Environment struct {
	Name   string
	Values map[string]string
}

// NamesEnvironment tells that a condition means something else in each environment.
func NamesEnvironment(c condition.Condition) bool {
	found := false
	c.Walk(func(_ string, r *condition.Rule) { found = found || len(condition.EnvironmentNames(r.SecondValue)) > 0 })
	return found
}

// environment is the one that is tried; none when there is none.
func (p Props) environment() Environment {
	if len(p.Environments) == 0 {
		return Environment{}
	}
	i := slices.IndexFunc(p.Environments, func(e Environment) bool { return e.Name == p.Values[environmentField] })
	return p.Environments[max(i, 0)]
}

func (e Environment) value(name string) (string, bool) {
	value, ok := e.Values[name]
	return value, ok
}

// lacks says at each rule which of its values the environment has not.
func (e Environment) lacks(c condition.Condition) problem.List {
	var l problem.List
	c.Walk(func(path string, r *condition.Rule) {
		for _, name := range condition.EnvironmentNames(r.SecondValue) {
			field := jsonName + "." + path + ".secondValue"
			if _, ok := e.Values[name]; e.Name == "" {
				l.Add(field, "Each environment has its own ${%s}, and there is no environment yet. To test the rule, write a value in its place.", name)
			} else if !ok {
				l.Add(field, "%s has no variable %s. Add it under Environment Variables, or choose another environment below.", e.Name, name)
			}
		}
	})
	return l
}

func (v *view) chosenEnvironment() ui.Field {
	return ui.Field{Name: environmentField, Label: "Environment", Value: v.environment().Name, Attrs: templ.Attributes{"data-aside": true}}
}

func (v *view) environments() []ui.OptionGroup {
	var names []string
	for _, e := range v.Environments {
		names = append(names, e.Name)
	}
	return ui.Options(names...)
}
