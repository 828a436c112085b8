package headers

import (
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
)

// step is a compiled policy.
type step []change

type change struct {
	policy.Change
	// read finds the value; nil where it is written down.
	read func(*condition.Request) (string, bool, error)
}

// Compile turns a valid policy into the step that writes down its changes.
func (c *Config) Compile(policy.Runtime) (policy.Step, error) {
	s := make(step, len(c.Changes))
	for i, one := range c.Changes {
		s[i].Action, s[i].Name, s[i].Value = one.Action, one.Name, one.Value
		if one.Variable != nil {
			s[i].read = one.Variable.Reader()
		}
	}
	return s, nil
}

// Do writes the changes down for the engine, which makes them.
func (s step) Do(x *policy.Exchange) error {
	for i := range s {
		if made, ok := s[i].with(&x.Request); ok {
			x.Changes = append(x.Changes, made)
		}
	}
	return nil
}

// with puts the value in. What a caller sends is taken as it is or not at all, so
// that no two values become one and nothing ends the field: a value that cannot
// stand in a header is as if it were missing.
func (c *change) with(r *condition.Request) (policy.Change, bool) {
	made := c.Change
	if c.read == nil {
		return made, true
	}
	value, ok, err := c.read(r)
	if !ok || err != nil || value == "" || len(value) > MaxValue || !printable(value) {
		made.Action = policy.RemoveField
		return made, c.Action == policy.SetField
	}
	made.Value = value
	return made, true
}
