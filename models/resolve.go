package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// resolver knows what drafts are made of beside their owners: the members of
// proxy groups, and what conditions and templates refer to, the variables of
// projects and the values of every environment.
type resolver struct {
	variables    map[[2]string]condition.Variable // by project and name in lower case
	environments map[[2]string]string             // by environment and name
	// perEnvironment tells that a draft may differ between environments.
	perEnvironment bool
	// members are those of proxy groups, read whole, by their ids.
	members map[string]*Owner
}

// resolverFor reads what owners refer to. Where they refer to nothing, as nearly
// always, it asks nothing.
func resolverFor(ctx context.Context, db *gorm.DB, owners, members map[string]*Owner) (*resolver, error) {
	r := &resolver{variables: map[[2]string]condition.Variable{}, members: members}
	projects := map[string]bool{}
	for _, all := range []map[string]*Owner{owners, members} {
		for _, o := range all {
			r.note(o, projects)
		}
	}
	if err := r.readVariables(ctx, db, projects); err != nil {
		return nil, err
	}
	if !r.perEnvironment {
		return r, nil
	}
	return r, r.readEnvironments(ctx, db)
}

// note adds the project of an owner to those whose variables it refers to.
func (r *resolver) note(o *Owner, projects map[string]bool) {
	r.perEnvironment = r.perEnvironment || len(o.ErrorTemplates.EnvironmentNames()) > 0
	for p := range o.Policies() {
		base := p.Config.Base()
		r.perEnvironment = r.perEnvironment || len(base.Custom.EnvironmentNames()) > 0
		eachCondition(base, func(_ string, _ bool, c *condition.Condition) {
			if len(c.Names()) > 0 {
				projects[o.ProjectID] = true
			}
			r.perEnvironment = r.perEnvironment || refersToEnvironment(c)
		})
	}
}

func (r *resolver) readEnvironments(ctx context.Context, db *gorm.DB) error {
	rows, err := from[environmentVariableRow](db).Find(ctx)
	if err != nil {
		return fmt.Errorf("list environment variables: %w", err)
	}
	r.environments = make(map[[2]string]string, len(rows))
	for _, row := range rows {
		r.environments[[2]string{row.EnvironmentID, row.Name}] = row.Value
	}
	return nil
}

// eachCondition visits every condition of a policy with its path: its own and
// those of its error response rules, which may be off.
func eachCondition(base *policy.Common, visit func(path string, on bool, c *condition.Condition)) {
	visit("policyCondition", true, &base.Condition)
	for i, m := range base.Messages {
		eachRule(m, func(path string, r *fault.Rule) {
			visit(fmt.Sprintf("errorMessageList[%d].%s.condition", i, path), r.On(), &r.Condition)
		})
	}
}

func eachRule(m fault.Message, visit func(path string, r *fault.Rule)) {
	for i := range m.Rules {
		visit(fmt.Sprintf("errorResponseRuleList[%d]", i), &m.Rules[i])
	}
}

func refersToEnvironment(c *condition.Condition) bool {
	refers := false
	c.Walk(func(_ string, r *condition.Rule) {
		refers = refers || len(condition.EnvironmentNames(r.SecondValue)) > 0
	})
	return refers
}

func (r *resolver) readVariables(ctx context.Context, db *gorm.DB, projects map[string]bool) error {
	for id := range projects {
		rows, err := from[variableRow](db).Where("project_id = ?", id).Find(ctx)
		if err != nil {
			return fmt.Errorf("list variables: %w", err)
		}
		for _, row := range rows {
			v, err := row.variable()
			if err != nil {
				return err
			}
			r.variables[[2]string{id, strings.ToLower(row.Name)}] = v.Definition
		}
	}
	return nil
}

func (r *resolver) variable(projectID string) func(name string) (condition.Variable, bool) {
	return func(name string) (condition.Variable, bool) {
		v, ok := r.variables[[2]string{projectID, strings.ToLower(name)}]
		return v, ok
	}
}

func (r *resolver) value(environmentID string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := r.environments[[2]string{environmentID, name}]
		return v, ok
	}
}

// encode is a policy as an environment gets it: with the variables and values
// put into its conditions. Problems are what is missing or does not fit there.
func (r *resolver) encode(c policy.Config, projectID, environmentID string) (json.RawMessage, problem.List, error) {
	base := c.Base()
	written := *base
	base.Messages = slices.Clone(written.Messages)
	for i, m := range written.Messages {
		base.Messages[i].Rules = slices.Clone(m.Rules)
	}
	var wrong problem.List
	eachCondition(base, func(path string, on bool, c *condition.Condition) {
		if !on {
			return // nobody asks it, so it needs nothing
		}
		resolved, l := c.Resolve(r.variable(projectID), r.value(environmentID))
		*c = resolved
		wrong.Append(path, l)
	})
	raw, err := policy.Encode(c)
	*base = written
	return raw, wrong, err
}

// values collects what the templates of a draft name.
type values struct {
	of   func(name string) (string, bool)
	used map[string]string // nil while nothing is
}

func (r *resolver) values(environmentID string) *values { return &values{of: r.value(environmentID)} }

// template is one with its path. One that is off needs no values.
type template struct {
	path string
	on   bool
	text string
}

// fill takes the values of the ${NAME}s in templates, and reports those that the
// environment has not.
func (v *values) fill(list []template) problem.List {
	var l problem.List
	for _, t := range list {
		if !t.on {
			continue
		}
		names := condition.EnvironmentNames(t.text)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			value, ok := v.of(name)
			if !ok {
				l.Add(t.path, "The environment has no variable %s.", name)
				continue
			}
			if v.used == nil {
				v.used = map[string]string{}
			}
			v.used[name] = value
		}
	}
	return l
}

// templatesOf are those of a policy, of its rows and of their rules.
func templatesOf(c *fault.Custom) []template {
	list := []template{{"customMessageTemplate", c.Build, c.Text}}
	for i, m := range c.Messages {
		for _, t := range messageTemplates(m) {
			list = append(list, template{fmt.Sprintf("errorMessageList[%d].%s", i, t.path), t.on, t.text})
		}
	}
	return list
}

func messageTemplates(m fault.Message) []template {
	list := []template{{"customMessageTemplate", m.Build, m.Template.Text}}
	eachRule(m, func(path string, r *fault.Rule) {
		list = append(list, template{path + ".messageTemplate", r.On(), r.Text})
	})
	return list
}

func bodyTemplates(b *fault.Bodies) []template {
	if b == nil {
		return nil
	}
	return []template{{"json.template", true, b.JSON.Text}, {"xml.template", true, b.XML.Text}}
}

// conditionProblems reports the variables that the conditions of a policy refer
// to and the project has not, and rules that do not fit the variables.
func conditionProblems(ctx context.Context, tx *gorm.DB, l *problem.List, projectID string, c policy.Config) error {
	refers := false
	eachCondition(c.Base(), func(_ string, _ bool, c *condition.Condition) { refers = refers || len(c.Names()) > 0 })
	if !refers || len(*l) > 0 {
		return nil
	}
	r := &resolver{variables: map[[2]string]condition.Variable{}}
	if err := r.readVariables(ctx, tx, map[string]bool{projectID: true}); err != nil {
		return err
	}
	eachCondition(c.Base(), func(path string, _ bool, c *condition.Condition) {
		_, wrong := c.Resolve(r.variable(projectID), anyValue) // each environment has its own
		l.Append(path, wrong)
	})
	return nil
}

// anyValue leaves a ${NAME} as it is, which fits everywhere.
func anyValue(name string) (string, bool) { return "${" + name + "}", true }
