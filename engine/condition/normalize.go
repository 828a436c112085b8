package condition

import (
	"slices"
	"strings"
)

// Normalize drops what a rule's kind makes meaningless and writes aliases of
// older documents as what they stand for, so that two conditions that act alike
// compare alike.
func (c *Condition) Normalize() {
	normalizeRules(c.Rules)
	if c.Rules == nil {
		c.Rules = []Rule{}
	}
}

func normalizeRules(rules []Rule) {
	for i := range rules {
		rules[i].normalize()
	}
}

func (r *Rule) normalize() {
	if r.Criteria == "" && r.First != nil && len(r.Rules) == 0 {
		r.Criteria = Value
	}
	if r.group() {
		*r = Rule{Criteria: r.Criteria, Rules: r.Rules}
		normalizeRules(r.Rules)
		return
	}
	r.Rules = nil
	r.First.Normalize()
	r.normalizeType()
	info, known := r.Operator.Info()
	switch {
	case !known:
		return
	case info.Unary:
		r.Source, r.SecondValue, r.Second, r.DateFormat = "", "", nil, ""
		r.DataType = String
		return
	case r.Source == "" && r.Second == nil:
		r.Source = FromValue
	case r.Source == "":
		r.Source = FromVariable
	}
	r.normalizeSecond(info)
}

// normalizeType reads the two other spellings that one of the reference's
// tables has.
func (r *Rule) normalizeType() {
	switch r.DataType {
	case "":
		r.DataType = String
	case "NUMBER":
		r.DataType = Numeric
	case "BOOLEAN":
		r.DataType = String
	}
	if r.DataType != Date {
		r.DateFormat = ""
	}
}

func (r *Rule) normalizeSecond(info OperatorInfo) {
	if r.Source == FromVariable {
		r.SecondValue = ""
		r.Second.Normalize()
		return
	}
	r.Second = nil
	if info.List {
		r.SecondValue = strings.Join(elements(r.SecondValue), listSeparator)
	}
}

// Equal tells whether two normalised conditions are the same.
func (c *Condition) Equal(other *Condition) bool {
	return slices.EqualFunc(c.Rules, other.Rules, equalRules)
}

func equalRules(a, b Rule) bool {
	same := equalVariables(a.First, b.First) && equalVariables(a.Second, b.Second) && slices.EqualFunc(a.Rules, b.Rules, equalRules)
	return same && a.Criteria == b.Criteria && a.DataType == b.DataType && a.DateFormat == b.DateFormat &&
		a.Operator == b.Operator && a.Source == b.Source && a.SecondValue == b.SecondValue
}

func equalVariables(a, b *Variable) bool {
	return a == b || a != nil && b != nil && *a == *b
}
