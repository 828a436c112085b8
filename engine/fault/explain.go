package fault

import (
	"errors"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
)

// Explanation says to the people of the installation, never to the caller, why a
// request was refused and what to do about it. It holds no token and no password.
type Explanation struct{ Why, Fix string }

// Explainer is a cause that knows more than the row of the catalogue.
type Explainer interface {
	error
	Explain() Explanation
}

// Explain is what the cause says, completed by what the row says. A cause that
// panics says nothing: who asks is not the request that it belongs to.
func Explain(t Type, cause error) (e Explanation) {
	row := Find(t)
	e = meanings[row.Type]
	var unmet *condition.UnmetError
	if errors.As(cause, &unmet) {
		e.Why = unmetText(e.Why, unmet)
	}
	var known Explainer
	if !errors.As(cause, &known) {
		return e
	}
	defer func() {
		if recover() != nil {
			e = meanings[row.Type]
		}
	}()
	said := known.Explain()
	if said.Why != "" {
		e.Why = said.Why
	}
	if said.Fix != "" {
		e.Fix = said.Fix
	}
	return e
}

// unmetText names the rules, in the words of who wrote them.
func unmetText(why string, e *condition.UnmetError) string {
	if len(e.Failed) > 0 {
		why += " What did not hold: " + strings.Join(e.Failed, "; ") + "."
	}
	if len(e.Held) > 0 {
		why += " What held: " + strings.Join(e.Held, "; ") + "."
	}
	return why
}
