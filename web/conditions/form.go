package conditions

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

// jsonName is the condition's member in a policy.
const jsonName = "policyCondition"

// Write puts a condition and what an unmet one does into v.
func Write(v map[string]string, c condition.Condition, unmet policy.UnmetAction) {
	d := draft{root: fromRules(c.Rules)}
	d.into(v)
	v[UnmetField] = orElse(string(unmet), string(policy.Skip))
}

// Read is the reverse. It reports only JSON that cannot be read; what the rules mean is checked by Condition.Validate.
func Read(v map[string]string) (condition.Condition, policy.UnmetAction, problem.List) {
	d := readDraft(v)
	c, problems := d.condition()
	c.Normalize()
	return c, policy.UnmetAction(v[UnmetField]), problems
}

func (d *draft) condition() (condition.Condition, problem.List) {
	if !d.asJSON {
		return condition.Condition{Rules: d.rules()}, nil
	}
	return decode(d.text)
}

// decode reads pasted JSON. No text is no condition.
func decode(text string) (condition.Condition, problem.List) {
	var c condition.Condition
	if strings.TrimSpace(text) == "" {
		return c, nil
	}
	var l problem.List
	if err := strict.Decode([]byte(text), &c, "condition"); err != nil {
		if l.Append(jsonName, problem.Of(err)); len(l) == 0 {
			l.Add(jsonName, "The text cannot be read as a condition.")
		}
		return condition.Condition{}, l
	}
	return c, nil
}

func encode(c condition.Condition) string {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil { // it holds nothing but text
		return ""
	}
	return string(text)
}

// Count is how many rules compare something.
func Count(v map[string]string) int {
	c, _, _ := Read(v)
	root := fromRules(c.Rules)
	return root.leaves()
}

// Owns tells whether a problem's field, or the name of a control, is one of a condition's.
func Owns(field string) bool {
	return field == jsonName || strings.HasPrefix(field, jsonName+".") || field == UnmetField || strings.HasPrefix(field, prefix)
}

// Locate turns the fields of problems, which are paths in the condition's JSON, into the names of the controls that
// hold the text. Problems of other fields stay as they are.
func Locate(v map[string]string, problems problem.List) problem.List {
	d := readDraft(v)
	paths := d.paths()
	out := make(problem.List, len(problems))
	for i, p := range problems {
		out[i] = p
		rest, own := strings.CutPrefix(p.Field, jsonName)
		switch rest = strings.TrimPrefix(rest, "."); {
		case !own:
		case d.asJSON:
			out[i] = problem.Problem{Field: jsonField, Message: inText(rest, p.Message)}
		default:
			out[i].Field = d.control(paths, rest)
		}
	}
	return out
}

func inText(path, message string) string {
	if path == "" {
		return message
	}
	return path + ": " + message
}

var rulePath = regexp.MustCompile(`^((?:conditionRuleList\[\d+\]\.?)*)(.*)$`)

// control is the name of the control for a path such as conditionRuleList[0].secondValue.
func (d *draft) control(paths map[string]string, field string) string {
	m := rulePath.FindStringSubmatch(field)
	path, known := paths[strings.TrimSuffix(m[1], ".")]
	n, ok := d.root.at(path)
	if !known || !ok || n.group() {
		return fieldName(path, "criteria")
	}
	return fieldName(path, n.field(m[2]))
}

// field is the control of a rule for a member of its JSON.
func (n *node) field(member string) string {
	switch member {
	case "variableDataType":
		return "type"
	case "valueComparisonOperator":
		return "operator"
	case "dateFormat":
		return "format"
	case "secondValueSource":
		return "source"
	case "secondValue":
		return "value"
	}
	side, part := "first", ""
	if rest, ok := strings.CutPrefix(member, "secondVariable"); ok {
		side, part = "second", rest
	} else if rest, ok := strings.CutPrefix(member, "firstVariable"); ok {
		part = rest
	}
	switch part {
	case ".headerName", ".paramName", ".jsonPathValue", ".xpathValue":
		return side + ".text"
	case ".name":
		if n.text[side] == kindVariable {
			return side + ".text"
		}
	case ".contextValue":
		return side + ".context"
	case ".paramPath":
		return side + ".path"
	case ".zoneId":
		return side + ".zone"
	}
	return side
}

// paths are the nodes by their paths in the condition's JSON.
func (d *draft) paths() map[string]string {
	m := map[string]string{"": ""}
	at := ""
	if d.folded() {
		at = "conditionRuleList[0]"
		m[at] = ""
	}
	d.root.paths(m, at, "")
	return m
}

func (n *node) paths(m map[string]string, at, path string) {
	for i := range n.rules {
		inner := strings.TrimPrefix(at+".conditionRuleList["+itoa(i)+"]", ".")
		m[inner] = child(path, i)
		n.rules[i].paths(m, inner, child(path, i))
	}
}

// Label is how people know a control of a condition.
func Label(field string) string {
	switch field {
	case UnmetField:
		return "When the condition is not met"
	case jsonField:
		return "Condition as JSON"
	case jsonName:
		return "Condition"
	}
	m := control.FindStringSubmatch(field)
	if m == nil {
		return ""
	}
	if m[1] == "" {
		return "Condition"
	}
	return partLabel(m[2]) + " of rule " + number(m[1])
}

var control = regexp.MustCompile(`^condition\.((?:\d+\.)*)(.*)$`)

// number is how people count a rule: the first is 1.
func number(path string) string {
	parts := strings.Split(strings.TrimSuffix(path, "."), ".")
	for i, p := range parts {
		parts[i] = itoa(atoi(p) + 1)
	}
	return strings.Join(parts, ".")
}

func partLabel(field string) string {
	if side, ok := strings.CutPrefix(field, "second"); ok {
		return "Second " + strings.ToLower(sideLabel(side))
	}
	if side, ok := strings.CutPrefix(field, "first"); ok {
		return sideLabel(side)
	}
	return map[string]string{
		"criteria": "Criteria", "type": "Data type", "operator": "Operator", "format": "Date format", "source": "Value source", "value": "Value",
	}[field]
}

func sideLabel(part string) string {
	switch part {
	case ".text":
		return "Variable name"
	case ".context":
		return "Context value"
	case ".path":
		return "Path template"
	case ".zone":
		return "Time zone"
	}
	return "Variable"
}
