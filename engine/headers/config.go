// Package headers owns the Headers policy, policy-headers, whole: an ordered list
// of changes to the header of a request, of an API's answer, or of an error
// answer of the gateway's own.
package headers

import (
	"fmt"
	"net/textproto"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// TypeName is the wire name of the policy type.
const TypeName = "policy-headers"

// Limits of a policy.
const (
	MaxChanges = 50
	MaxValue   = 4096 // bytes
	maxName    = 100
)

// Config is the policy as its author writes it.
type Config struct {
	policy.Common
	// Changes are made in this order, so that a later one sees what an earlier one
	// has done.
	Changes []Change `json:"changes"`
}

// Change is one change of the header.
type Change struct {
	Action policy.ChangeAction `json:"action"`
	// Name is a field name (RFC 9110 section 5.1), in any letter case.
	Name string `json:"name"`
	// Value is what the field says; of SET and ADD, where there is no Variable.
	Value string `json:"value,omitempty"`
	// Variable is where the value comes from instead, described here and not by
	// name: a header, a parameter of path or query, or a context value. Where it is
	// missing, or cannot stand in a header, SET leaves no field and ADD adds none.
	Variable *condition.Variable `json:"variable,omitempty"`
}

// Type is the policy type for the set of known kinds.
func Type() policy.Type {
	return policy.Type{
		Name:      TypeName,
		Label:     "Headers",
		Summary:   "Sets, adds and removes headers of requests, of the API's answers, or of the gateway's own error answers.",
		Pipelines: []policy.Pipeline{policy.Request, policy.Response, policy.Error},
		Faults:    faults,
		New:       func() policy.Config { return New() },
	}
}

// faults are the rows that a policy answers with. It refuses nothing itself: they
// are those of its condition, in the request pipeline.
var faults = []fault.Type{fault.ConditionUnmet, fault.ConditionNumber, fault.ConditionDate, fault.ConditionBody, fault.ConditionFailed}

// New has the defaults of the management API.
func New() *Config { return &Config{Common: policy.Common{Type: TypeName, Active: true}} }

// Base is the common part.
func (c *Config) Base() *policy.Common { return &c.Common }

// Normalize drops what an action or a variable makes meaningless.
func (c *Config) Normalize() {
	c.Common.Normalize()
	if c.Changes == nil {
		c.Changes = []Change{}
	}
	for i := range c.Changes {
		c.Changes[i].normalize()
	}
}

func (c *Change) normalize() {
	switch {
	case c.Action == policy.RemoveField:
		c.Value, c.Variable = "", nil
	case c.Variable != nil:
		c.Value = ""
		c.Variable.Normalize()
	}
}

// Validate reports everything wrong with the settings themselves.
func (c *Config) Validate() problem.List {
	l := append(c.Common.Validate(), c.OnlyOf(faults)...)
	if c.Type != TypeName {
		l.Add("type", "The type of this policy is %s.", TypeName)
	}
	switch n := len(c.Changes); {
	case n == 0:
		l.Add("changes", "Add at least one change.")
	case n > MaxChanges:
		l.Add("changes", "Keep to %d changes; there are %d.", MaxChanges, n)
		return l
	}
	for i := range c.Changes {
		l.Append(fmt.Sprintf("changes[%d]", i), c.Changes[i].validate())
	}
	return l
}

func (c *Change) validate() problem.List {
	var l problem.List
	switch c.Action {
	case policy.SetField, policy.AddField, policy.RemoveField:
	default:
		l.Add("action", "Choose SET, ADD or REMOVE.")
	}
	if msg := NameProblem(c.Action, c.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	switch {
	case c.Action == policy.RemoveField:
	case c.Variable != nil:
		l.Append("variable", validateVariable(c.Variable))
	case c.Value == "":
		l.Add("value", "Enter what the header says, or choose a variable.")
	case len(c.Value) > MaxValue:
		l.Add("value", "Shorten the value to %d characters.", MaxValue)
	case !printable(c.Value):
		l.Add("value", "Use printable ASCII characters without line breaks, and no blank at either end.")
	}
	return l
}

// validateVariable knows those that are described here. A body is not read for a
// header, and in two of the pipelines it has gone by.
func validateVariable(v *condition.Variable) problem.List {
	var l problem.List
	switch {
	case v.Type == "":
		l.Add("type", "Choose HEADER, PARAMETER or CONTEXT_VALUES; variables of the project cannot be named here.")
	case v.ReadsBody():
		l.Add("type", "Choose a header, a parameter of path or query, or a context value: the body is not read for a header.")
	case v.Name != "" || v.Description != "":
		l.Add("name", "Leave out name and description: the variable is of this change alone.")
	default:
		return v.Validate()
	}
	return l
}

// Misplaced implements policy.Placed.
func (c *Config) Misplaced(p policy.Pipeline) problem.List {
	var l problem.List
	for i := range c.Changes {
		l.Append(fmt.Sprintf("changes[%d].variable", i), policy.VariableMisplaced(c.Changes[i].Variable, p))
	}
	return l
}

// NameProblem says why an action may not touch the field called name, or "".
func NameProblem(action policy.ChangeAction, name string) string {
	folded := strings.Map(fold, name)
	switch {
	case name == "":
		return "Enter the name of the header, such as X-Api-Version."
	case len(name) > maxName:
		return fmt.Sprintf("Shorten the header name to %d characters.", maxName)
	case strings.ContainsFunc(name, notTokenChar):
		return "Use letters, digits and hyphens: a header name is an RFC 9110 token."
	case owned[folded], strings.HasPrefix(folded, "x-forwarded"), strings.HasPrefix(folded, "sec-websocket-"):
		return "Choose another header: " + name + " belongs to HTTP or to the gateway."
	case secret[folded] && action != policy.RemoveField:
		return "Only remove " + name + ": it would hold a secret, and everybody who sees the policy could read it."
	}
	return ""
}

// fold is how servers read a name that put it into a variable of a program: all
// but letters and digits is one character to them.
func fold(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
		return r
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	}
	return '-'
}

func notTokenChar(r rune) bool {
	return r > 0x7e || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// owned are fields that belong to the connection (RFC 9110 section 7.6.1), that
// say where a message ends and what its body is, that lead calls past what the
// policies saw, or that the gateway itself writes.
var owned = set(
	"connection", "proxy-connection", "keep-alive", "te", "transfer-encoding", "upgrade", "trailer", "http2-settings",
	"host", "expect", "max-forwards", "proxy-authenticate",
	"content-length", "content-type", "content-encoding", "content-range",
	"x-http-method", "x-http-method-override", "x-method-override", "x-original-method",
	"x-original-url", "x-original-uri", "x-rewrite-url", "x-override-url", "x-original-host", "x-host",
	"proxy", "x-sendfile-type", "x-accel-mapping",
	"x-correlation-id", "forwarded",
)

// secret are fields of a caller's credentials. Settings are shown, compared and
// exported, and are no place for them.
var secret = set("authorization", "proxy-authorization", "cookie")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// printable tells whether a text can be a field's value as it is (RFC 9110
// section 5.5, without obs-text): what servers may read in two ways, or as the
// end of the field, is left out.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > 0x7e {
			return false
		}
	}
	return text == textproto.TrimString(text)
}
