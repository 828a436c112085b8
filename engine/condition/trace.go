package condition

// Outcome is what became of one rule, or of the whole condition, for a sample
// request.
type Outcome struct {
	// Met is false also with an error.
	Met bool
	// Err is why the rule could not be decided.
	Err error
	// First and Second are the values that a comparison saw, nil for a missing
	// one; Second only where it is a variable's.
	First, Second *string
	// Rules are a group's, in their order, every one asked.
	Rules []Outcome
}

// Trace asks every rule of a valid, resolved condition, also those that a
// request would not get to. The outcome of groups and of the whole is exactly
// that of the compiled condition.
func (c *Condition) Trace(r *Request) (Outcome, error) {
	return traceAll("", c.Rules, And, r)
}

func traceAll(path string, rules []Rule, criteria Criteria, q *Request) (Outcome, error) {
	out := Outcome{Rules: make([]Outcome, len(rules))}
	for i := range rules {
		var err error
		if out.Rules[i], err = traceRule(rulePath(path, i), &rules[i], q); err != nil {
			return out, err
		}
	}
	out.Met, out.Err = combined(out.Rules, criteria)
	return out, nil
}

// combined stops where the compiled group stops.
func combined(rules []Outcome, criteria Criteria) (bool, error) {
	for _, r := range rules {
		if r.Err != nil {
			return false, r.Err
		}
		if decides := criteria == Or; r.Met == decides {
			return decides == (criteria != Not), nil
		}
	}
	return criteria == And, nil
}

func traceRule(path string, r *Rule, q *Request) (Outcome, error) {
	if r.group() {
		return traceAll(path, r.Rules, r.Criteria, q)
	}
	var p Program
	met, err := p.rule(path, r)
	if err != nil {
		return Outcome{}, err
	}
	var out Outcome
	out.Met, out.Err = met(q)
	out.First = r.First.seen(q)
	if r.Source == FromVariable {
		out.Second = r.Second.seen(q)
	}
	return out, nil
}

func (v *Variable) seen(q *Request) *string {
	value, ok, err := v.reader()(q)
	if !ok || err != nil {
		return nil
	}
	return &value
}
