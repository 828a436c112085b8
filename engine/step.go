package engine

import (
	"fmt"
	"runtime/debug"

	"github.com/gatewright/gatewright/engine/policy"
)

// step is a compiled policy as the engine runs it. Whatever every policy has
// in common is wrapped around it here, once, so that no type can forget it.
type step struct {
	name string
	run  policy.Step
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

// runSteps ends at the first error. A rejection comes back as it is; every
// other error names its policy.
func runSteps(steps []step, x *policy.Exchange) error {
	for i := range steps {
		err := steps[i].do(x)
		if err == nil {
			continue
		}
		if r, ok := err.(*policy.Rejection); ok {
			return r
		}
		return &stepError{steps[i].name, err}
	}
	return nil
}

func (s *step) do(x *policy.Exchange) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &broken{v, debug.Stack()}
		}
	}()
	return s.run.Do(x)
}
