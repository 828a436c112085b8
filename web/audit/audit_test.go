package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/audit"
	"github.com/gatewright/gatewright/web/policies"
)

func TestSidesAreComparedFieldByFieldInWords(t *testing.T) {
	t.Parallel()
	terms := audit.Terms{Labels: map[string]string{"name": "Name"}, Rank: []string{"name"}}
	cases := []struct {
		name, before, after string
		want                []audit.Change
	}{
		{"nothing on either side", "", "", nil},
		{"a creation", "", `{"a":1}`, []audit.Change{{Label: "A", After: "1", Sign: audit.Added}}},
		{"a deletion", `{"a":true}`, "", []audit.Change{{Label: "A", Before: "Yes", Sign: audit.Removed}}},
		{"a change and what stays", `{"a":1,"b":"x"}`, `{"a":2,"b":"x"}`, []audit.Change{
			{Label: "A", Before: "1", After: "2", Sign: audit.Changed}, {Label: "B", Before: "x", After: "x"},
		}},
		{"known fields come first, by their names", `{"a":1,"name":"x"}`, `{"a":1,"name":"y"}`, []audit.Change{
			{Label: "Name", Before: "x", After: "y", Sign: audit.Changed}, {Label: "A", Before: "1", After: "1"},
		}},
		{"a list of plain values is one field", `{"r":{"p":["a"]}}`, `{"r":{"p":["a","b"]}}`, []audit.Change{
			{Section: "R", Label: "P", Before: "a", After: "a, b", Sign: audit.Changed},
		}},
		{"a list of objects goes by what names them, wherever they stand", `{"rows":[{"name":"x","on":true},{"name":"y","on":true}]}`, `{"rows":[{"name":"y","on":true}]}`, []audit.Change{
			{Section: "Rows: y", Label: "Name", Before: "y", After: "y"}, {Section: "Rows: y", Label: "On", Before: "Yes", After: "Yes"},
			{Section: "Rows: x", Label: "Name", Before: "x", Sign: audit.Removed}, {Section: "Rows: x", Label: "On", Before: "Yes", Sign: audit.Removed},
		}},
		{"the last digits of a large number", `{"n":9007199254740993}`, `{"n":9007199254740992}`, []audit.Change{
			{Label: "N", Before: "9007199254740993", After: "9007199254740992", Sign: audit.Changed},
		}},
		{"a moment in words", `{"retireAt":"2026-05-12T14:30:00Z"}`, `{"retireAt":null}`, []audit.Change{
			{Label: "Retire at", Before: "2026-05-12 14:30:00 UTC", Sign: audit.Removed},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := audit.Compare(say(t, terms, c.before), say(t, terms, c.after))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func say(t *testing.T, terms audit.Terms, raw string) []policies.Setting {
	t.Helper()
	list, err := terms.Say(json.RawMessage(raw))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestASettingThatComesTwiceIsComparedTwice(t *testing.T) {
	t.Parallel()
	row := func(text string) policies.Setting {
		return policies.Setting{Section: "Rows", Label: "Role", Text: text}
	}
	got := audit.Compare([]policies.Setting{row("a"), row("b")}, []policies.Setting{row("a"), row("c"), row("d")})
	want := []audit.Change{
		{Section: "Rows", Label: "Role", Before: "a", After: "a"},
		{Section: "Rows", Label: "Role", Before: "b", After: "c", Sign: audit.Changed},
		{Section: "Rows", Label: "Role", After: "d", Sign: audit.Added},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
