package errors

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
)

// What the buttons of a row ask for, after the beginning of its fields; those about a rule have its place after a colon.
const (
	reset      = "reset"
	addRule    = "add-rule"
	removeRule = "remove-rule"
	moveUp     = "up"
	moveDown   = "down"
	showIt     = "preview" // changes nothing: the answer draws the preview
)

// Changes tells whether the button called what is one of these.
func Changes(what string) bool { return strings.HasPrefix(what, prefix) }

// Open draws a row, or "all", as one that somebody works on, with its preview.
func Open(v map[string]string, row string) { v[openField] = row }

// Change does what a button asks for. It reports false for a button that is not one of these.
func Change(v map[string]string, what string) bool {
	if !Changes(what) {
		return false
	}
	name, do, _ := strings.Cut(strings.TrimPrefix(what, prefix), ".")
	v[openField] = name
	if do == showIt {
		v[focusField] = what
	}
	if t := fault.Type(name); t.Known() {
		changeRow(v, fieldsOfRow(t), do)
	}
	return true
}

func changeRow(v map[string]string, row, do string) {
	if rule, own, ok := strings.Cut(do, "condition."); ok {
		place(row+rule).Change(v, row+rule+"condition."+own)
		return
	}
	do, at, _ := strings.Cut(do, ":")
	rules := ruleTexts(v, row)
	i := atoi(at)
	known := i >= 0 && i < len(rules)
	switch {
	case do == reset:
		clearFields(v, row)
		v[focusField] = row + "status"
	case do == addRule && len(rules) < fault.MaxRules:
		v[focusField] = fieldsOfRule(row, len(rules)) + "name"
		putRules(v, row, append(rules, newRule(rules)))
	case do == removeRule && known:
		v[focusField] = row + addRule
		if rules = slices.Delete(rules, i, i+1); len(rules) > 0 {
			v[focusField] = fieldsOfRule(row, min(i, len(rules)-1)) + "remove"
		}
		putRules(v, row, rules)
	case do == moveUp && known:
		move(v, row, rules, i, i-1, "up")
	case do == moveDown && known:
		move(v, row, rules, i, i+1, "down")
	}
}

// move lets two rules change places. The cursor goes along, to the other button at an end.
func move(v map[string]string, row string, rules []map[string]string, i, to int, button string) {
	if to >= 0 && to < len(rules) {
		rules[i], rules[to] = rules[to], rules[i]
		i = to
	}
	switch {
	case i == 0:
		button = "down"
	case i == len(rules)-1:
		button = "up"
	}
	v[focusField] = fieldsOfRule(row, i) + button
	putRules(v, row, rules)
}

// ruleTexts are the rules of a row as they were typed, right or wrong.
func ruleTexts(v map[string]string, row string) []map[string]string {
	var rules []map[string]string
	for i := 0; i <= fault.MaxRules && v[fieldsOfRule(row, i)+"kind"] != ""; i++ {
		texts := map[string]string{}
		for name, value := range v {
			if own, ok := strings.CutPrefix(name, fieldsOfRule(row, i)); ok {
				texts[own] = value
			}
		}
		rules = append(rules, texts)
	}
	return rules
}

func putRules(v map[string]string, row string, rules []map[string]string) {
	clearFields(v, row+"rules.")
	for i, texts := range rules {
		for own, value := range texts {
			v[fieldsOfRule(row, i)+own] = value
		}
	}
}

func clearFields(v map[string]string, beginning string) {
	for name := range v {
		if strings.HasPrefix(name, beginning) {
			delete(v, name)
		}
	}
}

// newRule is what adding a rule begins with: a name that is free, and the answer as it is.
func newRule(rules []map[string]string) map[string]string {
	name := ""
	for n := len(rules) + 1; name == "" || slices.ContainsFunc(rules, func(r map[string]string) bool { return strings.EqualFold(r["name"], name) }); n++ {
		name = fmt.Sprintf("Rule %d", n)
	}
	texts := map[string]string{}
	writeRule(texts, "", fault.Rule{Name: name, Text: Starting, Condition: condition.Condition{}})
	return texts
}
