package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gatewright/gatewright/models/archive"
)

// flattened are members whose own members are what people know.
var flattened = map[string]bool{"policy": true, "variable": true, "definition": true, "route": true, "upstream": true}

// memberWords are those whose words are not their names.
var memberWords = map[string]string{
	"url": "upstream URL", "bindings": "flow", "makeDefault": "default of new proxies", "policyCondition": "condition",
	"errorMessageList": "error messages", "identityProviderName": "identity source", "members": "API proxies",
}

// maxDifferences are named; a plan is to be taken in at a glance.
const maxDifferences = 8

// differences says in short words what an import changes in an object. What it
// names is compared as names are, without letter case.
func differences(before, after archive.Object) []string {
	was, is := membersOf(before), membersOf(after)
	var names []string
	for _, m := range append(is, was...) {
		if !slices.Contains(names, m.name) {
			names = append(names, m.name)
		}
	}
	var words []string
	for _, name := range names {
		if a, b := was.of(name), is.of(name); !bytes.Equal(a, b) {
			words = append(words, wordsOf(name)+counted(a, b))
		}
	}
	if more := len(words) - maxDifferences; more > 1 {
		words = append(words[:maxDifferences], fmt.Sprintf("and %d more", more))
	}
	return words
}

// member is one of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

type members []member

func (m members) of(name string) json.RawMessage {
	for _, one := range m {
		if one.name == name {
			return one.value
		}
	}
	return nil
}

// membersOf are the members of an object as it would be written.
func membersOf(o archive.Object) members {
	raw, err := plainJSON(folded(o))
	if err != nil {
		return nil // what cannot be written is refused before
	}
	var list members
	for _, m := range split(raw) {
		switch {
		case m.name == "kind" || m.name == "secrets":
		case flattened[m.name]:
			list = append(list, split(m.value)...)
		default:
			list = append(list, m)
		}
	}
	return slices.CompactFunc(list, func(a, b member) bool { return a.name == b.name }) // the name stands twice
}

// folded is an object whose references have no letter case.
func folded(o archive.Object) archive.Object {
	fold := func(list []archive.Binding) []archive.Binding {
		list = slices.Clone(list)
		for n := range list {
			list[n].Global, list[n].Group = strings.ToLower(list[n].Global), strings.ToLower(list[n].Group)
		}
		return list
	}
	switch o := o.(type) {
	case *archive.PolicyGroup:
		g := *o
		g.Policies = slices.Clone(g.Policies)
		for n := range g.Policies {
			g.Policies[n].Global = strings.ToLower(g.Policies[n].Global)
		}
		return &g
	case *archive.Proxy:
		p := *o
		p.Bindings = fold(p.Bindings)
		return &p
	case *archive.ProxyGroup:
		g := *o
		g.Bindings, g.Members = fold(g.Bindings), slices.Clone(g.Members)
		for n := range g.Members {
			g.Members[n] = strings.ToLower(g.Members[n])
		}
		return &g
	}
	return o
}

// split reads the members of a JSON object in their order.
func split(raw json.RawMessage) members {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var list members
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return list
		}
		text, _ := name.(string)
		list = append(list, member{text, value})
	}
	return list
}

// wordsOf makes words of a member's name: "tokenExpiresInUnit" is "token expires
// in unit".
func wordsOf(name string) string {
	if words, ok := memberWords[name]; ok {
		return words
	}
	var b strings.Builder
	runes := []rune(name)
	for n, r := range runes {
		if n > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[n-1]) || n+1 < len(runes) && unicode.IsLower(runes[n+1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// counted says how many entries of a list come and go.
func counted(before, after json.RawMessage) string {
	was, before1 := entries(before)
	is, after1 := entries(after)
	if !before1 && !after1 {
		return ""
	}
	added, removed := missingFrom(is, was), missingFrom(was, is)
	switch {
	case added == 0 && removed == 0:
		return " (order)"
	case added == 0:
		return fmt.Sprintf(" (%d removed)", removed)
	case removed == 0:
		return fmt.Sprintf(" (%d added)", added)
	}
	return fmt.Sprintf(" (%d added, %d removed)", added, removed)
}

func entries(raw json.RawMessage) ([]json.RawMessage, bool) {
	var list []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	return list, json.Unmarshal(raw, &list) == nil
}

// missingFrom counts the entries of list that other has not.
func missingFrom(list, other []json.RawMessage) int {
	have := map[string]int{}
	for _, o := range other {
		have[string(o)]++
	}
	n := 0
	for _, e := range list {
		if have[string(e)]--; have[string(e)] < 0 {
			n++
		}
	}
	return n
}
