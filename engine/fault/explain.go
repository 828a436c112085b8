package fault

import "errors"

// Explanation says to the people of the installation, never to the caller, why a
// request was refused and what to do about it. It holds no token and no password.
type Explanation struct{ Why, Fix string }

// Explainer is a cause that knows more than the row of the catalogue.
type Explainer interface {
	error
	Explain() Explanation
}

// Explain is what the cause says, completed by what the row says.
func Explain(t Type, cause error) Explanation {
	e := meanings[t]
	var known Explainer
	if !errors.As(cause, &known) {
		return e
	}
	said := known.Explain()
	if said.Why != "" {
		e.Why = said.Why
	}
	if said.Fix != "" {
		e.Fix = said.Fix
	}
	return e
}

// meanings say of each row when it is the answer, and what helps.
var meanings = map[Type]Explanation{}
