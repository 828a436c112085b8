package audit_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/audit"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, before, after string
		want                []audit.Change
	}{
		{"nothing on either side", "", "", nil},
		{"a creation", "", `{"a":1}`, []audit.Change{{Field: "a", After: "1", Sign: audit.Added}}},
		{"a deletion", `{"a":true}`, "", []audit.Change{{Field: "a", Before: "Yes", Sign: audit.Removed}}},
		{"a change and what stays", `{"a":1,"b":"x"}`, `{"a":2,"b":"x"}`, []audit.Change{
			{Field: "a", Before: "1", After: "2", Sign: audit.Changed}, {Field: "b", Before: "x", After: "x"},
		}},
		{"known fields come first, by their names", `{"a":1,"name":"x"}`, `{"a":1,"name":"y"}`, []audit.Change{
			{Field: "name", Label: "Name", Before: "x", After: "y", Sign: audit.Changed}, {Field: "a", Before: "1", After: "1"},
		}},
		{"inside of objects and lists", `{"r":{"p":["a"]}}`, `{"r":{"p":["a","b"]}}`, []audit.Change{
			{Field: "r.p[0]", Before: "a", After: "a"}, {Field: "r.p[1]", After: "b", Sign: audit.Added},
		}},
		{"the last digits of a large number", `{"n":9007199254740993}`, `{"n":9007199254740992}`, []audit.Change{
			{Field: "n", Before: "9007199254740993", After: "9007199254740992", Sign: audit.Changed},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := audit.Compare(json.RawMessage(c.before), json.RawMessage(c.after), map[string]string{"name": "Name"}, []string{"name"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQueryKeepsItsAddress(t *testing.T) {
	t.Parallel()
	want := audit.Query{Text: "a&b", Action: "CREATED", Kind: "POLICY", Actor: "ada", From: "2026-01-02", To: "2026-01-03", Page: 3}
	u, err := url.Parse(want.URL())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, audit.ParseQuery(u.Query())); diff != "" {
		t.Error(diff)
	}
	if got := audit.ParseQuery(nil).URL(); got != "/audit" {
		t.Errorf("the whole list is at %q", got)
	}
}
