// Package policy owns the contract of a policy: what its author writes
// (Config), what a compiled one does (Step), what it sees of a request
// (Exchange) and what it may use of the world (Runtime). It knows neither
// net/http nor any policy type, so that the server half, the upstream half
// and the types can change without touching one another.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

// Pipeline is one of the three lanes of a proxy.
type Pipeline string

// The pipelines, as the management API spells them.
const (
	Request  Pipeline = "REQUEST"
	Response Pipeline = "RESPONSE"
	Error    Pipeline = "ERROR"
)

// Scope says which endpoints a binding covers.
type Scope string

// The scopes, as the management API spells them.
const (
	All      Scope = "ALL"
	Endpoint Scope = "ENDPOINT"
)

// Common is what every policy has, whatever its type. It is embedded in each
// Config, so its members stand at the top of the flat JSON object.
type Common struct {
	// Type is the name of the policy's Type, such as "policy-auth-jwt".
	Type string `json:"type"`
	// Name addresses the policy; unique in its project without regard to
	// case when the policy is global (D17).
	Name string `json:"name"`
	// Description is free text of at most problem.MaxDescription characters.
	Description string `json:"description"`
	// Active is false for a policy that is kept but skipped. Default true.
	Active bool `json:"active"`
	// Condition decides whether the policy applies to a request; without rules
	// it always does (D11).
	Condition condition.Condition `json:"policyCondition,omitzero"`
	// ConditionUnmetAction is what becomes of a request that does not meet the
	// condition. Default SKIP; empty without a condition.
	ConditionUnmetAction UnmetAction `json:"conditionUnmetAction,omitempty"`
	// Custom is what callers read instead of the catalogue's messages.
	fault.Custom
}

// UnmetAction is what an unmet condition does (D11).
type UnmetAction string

// The actions. SKIP lets the request go on without the policy, so a caller can
// avoid it; REJECT refuses calls and token requests with 403.
const (
	Skip   UnmetAction = "SKIP"
	Reject UnmetAction = "REJECT"
)

// Normalize drops what the condition makes meaningless. Every Config calls it.
func (c *Common) Normalize() {
	c.Custom.Normalize()
	c.Condition.Normalize()
	switch {
	case c.Condition.Empty():
		c.Condition, c.ConditionUnmetAction = condition.Condition{}, ""
	case c.ConditionUnmetAction == "":
		c.ConditionUnmetAction = Skip
	}
}

// Validate reports what is wrong with the common part.
func (c *Common) Validate() problem.List {
	var l problem.List
	if msg := problem.Name(c.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if msg := problem.Description(c.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	l.Append("policyCondition", c.Condition.Validate())
	if a := c.ConditionUnmetAction; a != "" && a != Skip && a != Reject {
		l.Add("conditionUnmetAction", "Choose SKIP or REJECT.")
	}
	l.Append("", c.Custom.Validate())
	return l
}

// Config is a policy as its author writes it: a pointer to a struct that
// embeds Common and whose JSON is the one shape of console, management API,
// archive and bundle.
type Config interface {
	// Base is the common part, for reading and writing.
	Base() *Common
	// Normalize drops what the settings make meaningless, so that two
	// configurations that act alike compare alike.
	Normalize()
	// Validate reports everything wrong with the value alone.
	Validate() problem.List
	// Compile turns a valid configuration into what runs.
	Compile(Runtime) (Step, error)
}

// Step is a compiled policy. It is safe for concurrent use.
type Step interface {
	// Do reads the exchange and records decisions in it. It is not called where
	// the policy's condition is not met. A *Rejection ends
	// the request with the catalogue's answer; any other error is a fault of
	// ours and ends it with a plain 500.
	Do(*Exchange) error
}

// Skipper is a Step that has something to do also for a request that its
// condition leaves out, such as keeping headers that are the gateway's own.
type Skipper interface {
	Skip(*Exchange)
}

// Type is a kind of policy.
type Type struct {
	// Name is the wire name, such as "policy-auth-jwt".
	Name string
	// Label is what people call it, such as "JWT Authentication".
	Label string
	// Summary is one sentence for choosers.
	Summary string
	// Pipelines are the lanes it may be bound in.
	Pipelines []Pipeline
	// Faults are the rows of the catalogue that its policies answer with, in the
	// order of forms.
	Faults []fault.Type
	// Challenge is the WWW-Authenticate of one of them, for the owner of that
	// name; nil when the type has none.
	Challenge func(t fault.Type, owner string) string
	// New makes a configuration with the defaults of the management API.
	New func() Config
}

// Allows tells whether the type may be bound in p.
func (t Type) Allows(p Pipeline) bool { return slices.Contains(t.Pipelines, p) }

// Set is the known kinds of policy, in the order of menus.
type Set []Type

// Find is the type called name.
func (s Set) Find(name string) (Type, bool) {
	for _, t := range s {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// Decode reads a policy from JSON: strictly (an unknown or repeated member is
// refused), over the defaults of its type, normalised and validated. Whatever
// is wrong with the value comes back as a problem.List; the configuration comes
// with it once it could be read, for showing both.
func (s Set) Decode(raw []byte) (Config, error) {
	name, err := strict.Name(raw, "type", "policy", "policy-auth-jwt")
	if err != nil {
		return nil, err
	}
	t, ok := s.Find(name)
	if !ok {
		return nil, problem.List{{Field: "type", Message: fmt.Sprintf("Unknown policy type %q.", name)}}
	}
	c := t.New()
	if err := strict.Decode(raw, c, "policy"); err != nil {
		return nil, err
	}
	c.Normalize()
	return c, c.Validate().Err()
}

// Encode is the one JSON form of a policy: members in the order of the
// struct, no indentation.
func Encode(c Config) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("encode policy %s: %w", c.Base().Name, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
