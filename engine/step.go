package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
)

// step is a compiled policy as the engine runs it. Whatever every policy has
// in common is wrapped around it here, once, so that no type can forget it.
type step struct {
	name string
	run  policy.Step
	// when is the policy's condition; reject tells that a request which does
	// not meet it is refused, else the policy is skipped (D11).
	when   condition.Program
	reject bool
	// rules are those of the condition one by one, to say which did not hold.
	rules []condition.Single
	// answers are the policy's own words for what it refuses; nil for none.
	answers *fault.Set
}

// broken is a policy that panicked. It is our fault, so it ends its request
// with a plain 500 and nothing else.
type broken struct {
	value any
	stack []byte
}

func (b *broken) Error() string { return fmt.Sprintf("panic: %v", b.value) }

// stepError names the policy that failed.
type stepError struct {
	policy string
	err    error
}

func (e *stepError) Error() string { return "policy " + e.policy + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// runSteps ends at the first error and tells whose it is. The trace is nil for a
// call that is not followed.
func runSteps(steps []step, x *policy.Exchange, t Trace) (*step, error) {
	for i := range steps {
		end := begun(t, policy.Request, &steps[i])
		err := steps[i].do(x)
		end.with(err)
		if err != nil {
			return &steps[i], err
		}
	}
	return nil, nil
}

func (s *step) do(x *policy.Exchange) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &broken{v, debug.Stack()}
		}
	}()
	if !s.when.Always() {
		if applies, err := s.applies(x); !applies {
			return err
		}
	}
	return s.run.Do(x)
}

// applies asks the condition. One that cannot be decided ends the request: it
// is no reason to leave the policy out.
func (s *step) applies(x *policy.Exchange) (bool, error) {
	x.Introduce()
	met, err := s.when.Met(&x.Request)
	if s.when.ReadsBody() { // it has come, or was searched, in its own time
		x.Waited()
	}
	switch {
	case err != nil:
		return false, undecided(err)
	case met:
		return true, nil
	case s.reject:
		return false, &policy.Rejection{Fault: fault.ConditionUnmet, Cause: condition.Unmet(s.rules, &x.Request)}
	}
	if skipper, ok := s.run.(policy.Skipper); ok {
		skipper.Skip(x)
	}
	return false, nil
}

func undecided(err error) error {
	var unreadable condition.BodyError
	r := &policy.Rejection{Fault: fault.ConditionFailed, Cause: fmt.Errorf("decide the condition: %w", err)}
	switch {
	case errors.Is(err, condition.ErrNumber):
		r.Fault = fault.ConditionNumber
	case errors.Is(err, condition.ErrDate):
		r.Fault = fault.ConditionDate
	case errors.As(err, &unreadable):
		r.Fault = fault.ConditionBody
	case errors.Is(err, errTooLarge):
		r.Fault = fault.TooLarge
	case errors.Is(err, errOverloaded):
		r.Fault, r.Retry = fault.Overloaded, retryAfter*time.Second
	case errors.Is(err, errBroken):
		r.Fault = fault.BadRequest
	}
	return r
}
