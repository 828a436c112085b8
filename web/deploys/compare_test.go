package deploys

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/policies"
)

func one(label, text string) []policies.Setting {
	return []policies.Setting{{Section: "S", Label: label, Text: text}, {Section: "S", Label: "Same", Text: "same"}}
}

func TestCompareSaysWhatIsAddedRemovedMovedAndChanged(t *testing.T) {
	t.Parallel()
	before := []Part{
		{Key: "proxy", Title: "API proxy", Settings: one("Path", "/a")},
		{Key: "kept", Title: "kept", Place: "here", Settings: one("Leeway", "30")},
		{Key: "moved", Title: "moved", Place: "here", Settings: one("Leeway", "30")},
		{Key: "order a", Title: "Order of a", Order: []string{"x"}},
		{Key: "gone", Title: "gone", Place: "here", Settings: one("Leeway", "")},
	}
	after := []Part{
		{Key: "proxy", Title: "API proxy", Settings: one("Path", "/b")},
		{Key: "order b", Title: "Order of b", Order: []string{"x"}},
		{Key: "new", Title: "new", Place: "there", Settings: one("Leeway", "1")},
		{Key: "kept", Title: "kept", Place: "here", Settings: one("Leeway", "30")},
		{Key: "moved", Title: "moved", Place: "there", Settings: one("Other", "x")},
	}
	want := []Change{
		{Title: "API proxy", Settings: []Difference{{"S", "Path", "/a", "/b", false}}},
		{Title: "new", After: "there", Added: true, Settings: []Difference{{"S", "Leeway", "", "1", false}, {"S", "Same", "", "same", false}}},
		{Title: "moved", Before: "here", After: "there", Settings: []Difference{{"S", "Other", "", "x", false}, {"S", "Leeway", "30", "", false}}},
		{Title: "gone", Before: "here", Removed: true, Settings: []Difference{{"S", "Same", "same", "", false}}},
	}
	got := Compare(before, after)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var headings []string
	for _, c := range got {
		headings = append(headings, c.heading())
	}
	if diff := cmp.Diff([]string{"API proxy", "new is added: there", "moved moves from here to there", "gone is removed: here"}, headings); diff != "" {
		t.Errorf("headings (-want +got):\n%s", diff)
	}
	if same := Compare(after, after); same != nil {
		t.Errorf("a side differs from itself: %+v", same)
	}
}
