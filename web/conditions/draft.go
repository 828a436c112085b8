// Package conditions owns how a condition is drawn and edited: nested groups of rules with plain form fields, the same
// as JSON, the sentence that it reads as, and the box that tries it on a sample request.
//
// The state of the form is what was typed, by field name. The rule at 0.1 (the second rule of the first group) has
// fields such as condition.0.1.operator; the group around everything has condition.criteria.
package conditions

import (
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
)

// The fields that are not a rule's.
const (
	prefix     = "condition."
	viewField  = prefix + "view" // "json" while the condition is edited as text
	jsonField  = prefix + "json"
	focusField = prefix + "focus" // of the redrawn form, the control that takes the cursor; never sent
	// UnmetField is what an unmet condition does.
	UnmetField = "conditionUnmetAction"
)

// The kinds of nodes.
const (
	ruleKind  = "rule"
	groupKind = "group"
)

// draft is a condition as it is typed, right or wrong.
type draft struct {
	asJSON bool
	text   string // the JSON
	root   node
}

// node is a group or a rule.
type node struct {
	criteria string            // of a group
	rules    []node            // of a group
	text     map[string]string // of a rule, by field; nil for a group
	moved    bool              // on its way: see move
}

func (n *node) group() bool { return n.text == nil }

// ruleFields are the texts of a rule.
var ruleFields = append(append([]string{"type", "operator", "format", "source", "value"}, sideFields("first")...), sideFields("second")...)

// sideFields are those of one variable. The last two are of variables that came as JSON; they are only carried along.
func sideFields(side string) []string {
	return []string{side, side + ".text", side + ".context", side + ".path", side + ".zone", side + ".name", side + ".description"}
}

func fieldName(path, field string) string {
	if path == "" {
		return prefix + field
	}
	return prefix + path + "." + field
}

// child is the path of a node in the group at path.
func child(path string, i int) string {
	if path == "" {
		return strconv.Itoa(i)
	}
	return path + "." + strconv.Itoa(i)
}

// readDraft reads what was typed. What is beyond the bounds of conditions is cut off one step after them, so that
// Validate still says it.
func readDraft(v map[string]string) draft {
	r := reader{v: v, left: condition.MaxRules + 1}
	return draft{asJSON: v[viewField] == "json", text: v[jsonField], root: r.group("", 0)}
}

type reader struct {
	v    map[string]string
	left int
}

func (r *reader) group(path string, depth int) node {
	n := node{criteria: r.v[fieldName(path, "criteria")]}
	if path == "" && n.criteria == "" {
		n.criteria = string(condition.And)
	}
	for i := 0; r.left > 0 && depth <= condition.MaxDepth; i++ {
		at := child(path, i)
		switch r.v[fieldName(at, "kind")] {
		case ruleKind:
			r.left--
			n.rules = append(n.rules, r.rule(at))
		case groupKind:
			r.left--
			n.rules = append(n.rules, r.group(at, depth+1))
		default:
			return n
		}
	}
	return n
}

func (r *reader) rule(path string) node {
	n := node{text: map[string]string{}}
	for _, field := range ruleFields {
		if text := r.v[fieldName(path, field)]; text != "" {
			n.text[field] = text
		}
	}
	return n
}

// into replaces what v holds of a condition.
func (d *draft) into(v map[string]string) {
	for name := range v {
		if strings.HasPrefix(name, prefix) {
			delete(v, name)
		}
	}
	if d.asJSON {
		v[viewField], v[jsonField] = "json", d.text
		return
	}
	d.root.into(v, "")
}

func (n *node) into(v map[string]string, path string) {
	if !n.group() {
		v[fieldName(path, "kind")] = ruleKind
		for field, text := range n.text {
			v[fieldName(path, field)] = text
		}
		return
	}
	if path != "" {
		v[fieldName(path, "kind")] = groupKind
	}
	v[fieldName(path, "criteria")] = n.criteria
	for i := range n.rules {
		n.rules[i].into(v, child(path, i))
	}
}

// leaves counts the rules that compare.
func (n *node) leaves() int {
	if !n.group() {
		return 1
	}
	count := 0
	for i := range n.rules {
		count += n.rules[i].leaves()
	}
	return count
}

// all counts what Validate counts: rules and groups.
func (n *node) all() int {
	count := len(n.rules)
	for i := range n.rules {
		count += n.rules[i].all()
	}
	return count
}

// at finds the group at path; false when there is none.
func (n *node) at(path string) (*node, bool) {
	if path == "" {
		return n, n.group()
	}
	first, rest, _ := strings.Cut(path, ".")
	i, err := strconv.Atoi(first)
	if err != nil || i < 0 || i >= len(n.rules) {
		return nil, false
	}
	if rest == "" {
		return &n.rules[i], true
	}
	return n.rules[i].at(rest)
}
