package condition

import "strings"

// Single is one comparison of a condition by itself.
type Single struct {
	Words   string
	program Program
}

// Singles are the comparisons of a valid, resolved condition, in their order.
func (c *Condition) Singles() ([]Single, error) {
	var all []Single
	var failed error
	c.Walk(func(_ string, r *Rule) {
		if r.group() || failed != nil {
			return
		}
		one := Condition{Rules: []Rule{*r}}
		s := Single{Words: r.Words()}
		s.program, failed = Compile(one)
		all = append(all, s)
	})
	return all, failed
}

// UnmetError says which rules of a condition held for a request and which did
// not. It holds nothing of the request.
type UnmetError struct{ Held, Failed []string }

// Unmet asks every rule.
func Unmet(rules []Single, r *Request) error {
	e := &UnmetError{}
	for i := range rules {
		if met, err := rules[i].program.Met(r); met && err == nil {
			e.Held = append(e.Held, rules[i].Words)
		} else {
			e.Failed = append(e.Failed, rules[i].Words)
		}
	}
	return e
}

// Error says it for the operator.
func (e *UnmetError) Error() string {
	text := "the condition of the policy is not met"
	if len(e.Failed) > 0 {
		text += "; does not hold: " + strings.Join(e.Failed, "; ")
	}
	if len(e.Held) > 0 {
		text += "; holds: " + strings.Join(e.Held, "; ")
	}
	return text
}
