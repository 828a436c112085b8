package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
)

// catalogue is what an environment runs of the error messages: all of them, and
// its values for the ${NAME}s in them.
func catalogue(ctx context.Context, tx *gorm.DB, e environmentRow) ([]fault.Message, map[string]string, error) {
	list, err := errorMessages(ctx, tx)
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	messages := make([]fault.Message, len(list))
	var names []string
	for i, m := range list {
		messages[i] = m.Message
		names = append(names, environmentNames(m.Message)...)
	}
	if len(names) == 0 {
		return messages, nil, nil
	}
	rows, err := from[environmentVariableRow](tx).Where("environment_id = ? and name in ?", e.ID, names).Find(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list environment variables: %w", err)
	}
	values := make(map[string]string, len(rows))
	for _, row := range rows {
		values[row.Name] = row.Value
	}
	return messages, values, nil
}

// environmentNames are the NAMEs of every ${NAME} in the templates of a message
// and in the conditions of its rules.
func environmentNames(m fault.Message) []string {
	names := (&fault.Custom{Messages: []fault.Message{m}}).EnvironmentNames()
	eachRule(m, func(_ string, r *fault.Rule) {
		r.Condition.Walk(func(_ string, c *condition.Rule) {
			names = append(names, condition.EnvironmentNames(c.SecondValue)...)
		})
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// catalogueNames are the rows of the catalogue by the NAMEs of the ${NAME}s in
// them.
func catalogueNames(ctx context.Context, db *gorm.DB) (map[string][]ErrorMessage, error) {
	list, err := errorMessages(ctx, db)
	if err != nil {
		return nil, err
	}
	users := map[string][]ErrorMessage{}
	for _, m := range list {
		for _, name := range environmentNames(m.Message) {
			users[name] = append(users[name], m)
		}
	}
	return users, nil
}

func typesOf(list []ErrorMessage) []fault.Type {
	var types []fault.Type
	for _, m := range list {
		types = append(types, m.Type)
	}
	return types
}

// raiseIfNamed makes the nodes of an environment load anew when the error
// messages name one of its variables by the name that it has or had, and says
// which name it now. A value that does not fit their rules is refused: the
// messages would be gone at once. The lock comes first: without it a message that
// is saved at the same time and begins to name the variable would go out with the
// value that it had before.
func raiseIfNamed(ctx context.Context, tx *gorm.DB, e environmentRow, name, was string) ([]fault.Type, error) {
	if _, err := exec(ctx, tx, "select id from environments where id = ? for update", e.ID); err != nil {
		return nil, fmt.Errorf("lock environment %s: %w", e.Name, err)
	}
	users, err := catalogueNames(ctx, tx)
	if err != nil || len(users[name]) == 0 && len(users[was]) == 0 {
		return nil, err
	}
	r := &resolver{}
	if err := r.readEnvironments(ctx, tx); err != nil {
		return nil, err
	}
	for _, m := range users[name] {
		if l := ruleProblems(m.Message, r.valueOrAny(e.ID)); len(l) > 0 {
			return nil, problem.List{{Field: "value", Message: fmt.Sprintf("The error catalogue uses it for %s: %s", m.Type, l[0].Message)}}
		}
	}
	_, err = raise(ctx, tx, e)
	return typesOf(users[name]), err
}

// projectVariables reports the variables that rules of the catalogue name: the
// catalogue is every project's.
func projectVariables(m fault.Message) problem.List {
	var l problem.List
	unknown := func(field string, v *condition.Variable) {
		if v != nil && v.Reference() {
			l.Add(field+".name", "The error catalogue is every project's and knows no variables of one. Say here what %s reads.", v.Name)
		}
	}
	eachRule(m, func(path string, r *fault.Rule) {
		r.Condition.Walk(func(rule string, c *condition.Rule) {
			unknown(path+".condition."+rule+".firstVariable", c.First)
			unknown(path+".condition."+rule+".secondVariable", c.Second)
		})
	})
	return l
}

// valueProblems reports the values that a message names and an environment has
// not, and those that do not fit its rules.
func valueProblems(ctx context.Context, tx *gorm.DB, m fault.Message) error {
	if len(environmentNames(m)) == 0 {
		return nil
	}
	all, err := environments(ctx, tx)
	if err != nil {
		return err
	}
	r := &resolver{}
	if err := r.readEnvironments(ctx, tx); err != nil {
		return err
	}
	var l problem.List
	for _, e := range all {
		for _, p := range r.misfits(e.ID, m) {
			l.Add(p.Field, "%s: %s", e.Name, p.Message)
		}
	}
	return l.Err()
}

// misfits are what a message of the catalogue names and an environment has not,
// and the values that do not fit its rules.
func (r *resolver) misfits(environmentID string, m fault.Message) problem.List {
	values := r.values(environmentID)
	l := values.fill(messageTemplates(m))
	return append(l, ruleProblems(m, values.of)...)
}

func ruleProblems(m fault.Message, value func(string) (string, bool)) problem.List {
	var l problem.List
	eachRule(m, func(path string, rule *fault.Rule) {
		_, wrong := rule.Condition.Resolve(func(string) (condition.Variable, bool) { return condition.Variable{}, false }, value)
		l.Append(path+".condition", wrong)
	})
	return l
}

// valueOrAny leaves out what is missing.
func (r *resolver) valueOrAny(environmentID string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := r.value(environmentID)(name); ok {
			return v, true
		}
		return anyValue(name)
	}
}
