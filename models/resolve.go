package models

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// resolver knows what the conditions of some projects refer to: their variables
// and the values of every environment.
type resolver struct {
	variables    map[[2]string]condition.Variable // by project and name in lower case
	environments map[[2]string]string             // by environment and name
	// perEnvironment tells that a draft may differ between environments.
	perEnvironment bool
}

// resolverFor reads what the proxies' conditions refer to. Where they refer to
// nothing, as nearly always, it asks nothing.
func resolverFor(ctx context.Context, db *gorm.DB, proxies map[string]*Proxy) (*resolver, error) {
	r := &resolver{variables: map[[2]string]condition.Variable{}, environments: map[[2]string]string{}}
	projects := map[string]bool{}
	for _, p := range proxies {
		for _, b := range p.Bindings {
			c := &b.Policy.Config.Base().Condition
			if len(c.Names()) > 0 {
				projects[p.ProjectID] = true
			}
			r.perEnvironment = r.perEnvironment || refersToEnvironment(c)
		}
	}
	if err := r.readVariables(ctx, db, projects); err != nil {
		return nil, err
	}
	if !r.perEnvironment {
		return r, nil
	}
	rows, err := from[environmentVariableRow](db).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environment variables: %w", err)
	}
	for _, row := range rows {
		r.environments[[2]string{row.EnvironmentID, row.Name}] = row.Value
	}
	return r, nil
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

// encode is a policy as an environment gets it: with the variables and values
// put in. Problems are what is missing or does not fit there.
func (r *resolver) encode(c policy.Config, projectID, environmentID string) (json.RawMessage, problem.List, error) {
	base := c.Base()
	written := base.Condition
	resolved, l := written.Resolve(
		func(name string) (condition.Variable, bool) {
			v, ok := r.variables[[2]string{projectID, strings.ToLower(name)}]
			return v, ok
		},
		func(name string) (string, bool) {
			v, ok := r.environments[[2]string{environmentID, name}]
			return v, ok
		},
	)
	base.Condition = resolved
	raw, err := policy.Encode(c)
	base.Condition = written
	var wrong problem.List
	wrong.Append("policyCondition", l)
	return raw, wrong, err
}

// conditionProblems reports the variables that a condition refers to and the
// project has not, and rules that do not fit the variables.
func conditionProblems(ctx context.Context, tx *gorm.DB, l *problem.List, projectID string, c policy.Config) error {
	written := &c.Base().Condition
	if len(written.Names()) == 0 || len(*l) > 0 {
		return nil
	}
	r := &resolver{variables: map[[2]string]condition.Variable{}}
	if err := r.readVariables(ctx, tx, map[string]bool{projectID: true}); err != nil {
		return err
	}
	_, wrong := written.Resolve(
		func(name string) (condition.Variable, bool) {
			v, ok := r.variables[[2]string{projectID, strings.ToLower(name)}]
			return v, ok
		},
		func(name string) (string, bool) { return "${" + name + "}", true }, // each environment has its own
	)
	l.Append("policyCondition", wrong)
	return nil
}
