package policies_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/policies"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	theirs := []policies.Setting{{Label: "Name", Text: "a"}, {Label: "Algorithm", Text: "RS256", Code: true}, {Label: "Header", Text: "X-A"}}
	mine := []policies.Setting{{Label: "Name", Text: "a"}, {Label: "Algorithm", Text: "ES256", Code: true}, {Label: "Leeway", Text: "5"}}
	different, same := policies.Compare(theirs, mine)
	want := []policies.Difference{
		{Label: "Algorithm", Theirs: "RS256", Mine: "ES256", Code: true}, {Label: "Header", Theirs: "X-A"}, {Label: "Leeway", Mine: "5"},
	}
	if diff := cmp.Diff(want, different); diff != "" {
		t.Error(diff)
	}
	if same != 1 {
		t.Errorf("%d are the same, want 1", same)
	}
}

func TestQueryKeepsItsAddress(t *testing.T) {
	t.Parallel()
	want := policies.Query{Text: "a&b=c", Status: "passive", Sort: "used", Desc: true, Page: 2}
	u, err := url.Parse(want.URL("/list"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, policies.ParseQuery(u.Query())); diff != "" {
		t.Error(diff)
	}
	nonsense := url.Values{"status": {"x"}, "sort": {"-x"}, "page": {"-1"}}
	if got := policies.ParseQuery(nonsense).URL("/list"); got != "/list" {
		t.Errorf("nonsense is kept in %q", got)
	}
}
