package policy

import (
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
)

// Placed is a Config that does not fit every pipeline that its type allows.
type Placed interface {
	// Misplaced reports what does not fit the pipeline.
	Misplaced(Pipeline) problem.List
}

// Misplaced reports everything that keeps a policy of type t out of a pipeline.
// A variable of the project says only once it is resolved where it points to.
func Misplaced(t Type, c Config, p Pipeline) problem.List {
	var l problem.List
	if !t.Allows(p) {
		l.Add("pipeline", "A policy of type %s cannot run in the pipeline %s.", t.Label, p)
		return l
	}
	base := c.Base()
	if p != Request && base.ConditionUnmetAction == Reject {
		l.Add("conditionUnmetAction", "Choose SKIP: in the pipeline %s the request has long been let through.", p)
	}
	base.Condition.Walk(func(path string, r *condition.Rule) {
		l.Append("policyCondition."+path+".firstVariable", VariableMisplaced(r.First, p))
		l.Append("policyCondition."+path+".secondVariable", VariableMisplaced(r.Second, p))
	})
	if placed, ok := c.(Placed); ok {
		l = append(l, placed.Misplaced(p)...)
	}
	return l
}

// VariableMisplaced reports that a variable, which may be nil, points to what
// does not exist in a pipeline.
func VariableMisplaced(v *condition.Variable, p Pipeline) problem.List {
	var l problem.List
	switch {
	case v == nil:
	case p == Request && v.Type == condition.Context && v.ContextValue == condition.AnswerStatus:
		l.Add("contextValue", "Choose another value: in the pipeline %s there is no answer yet.", p)
	case p != Request && v.ReadsBody():
		l.Add("type", "Choose another variable: in the pipeline %s the body of the request has gone by.", p)
	}
	return l
}
