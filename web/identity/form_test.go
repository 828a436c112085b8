package identity_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/identity"
)

func list(rows ...string) identity.Values {
	v := identity.Values{"name": "x", "claimed": "y"}
	v.SetRows("claims", len(rows))
	for i, text := range rows {
		v[identity.Row("claims", i, "claim")] = text
		v.Tick(identity.Row("claims", i, "list"), text == "b")
	}
	return v
}

func TestChange(t *testing.T) {
	t.Parallel()
	added := list("a", "b", "c")
	added.SetRows("claims", 4)
	tests := []struct {
		name, change string
		want         identity.Values
		changed      bool
	}{
		{"adds a row at the end", "claims+", added, true},
		{"takes out the first and moves up the rest", "claims-0", list("b", "c"), true},
		{"takes out the one in the middle with its ticked box", "claims-1", list("a", "c"), true},
		{"takes out the last", "claims-2", list("a", "b"), true},
		{"leaves a row that is not there", "claims-3", list("a", "b", "c"), false},
		{"leaves a row below zero", "claims--1", list("a", "b", "c"), false},
		{"leaves a list that is not there", "other-0", list("a", "b", "c"), false},
		{"leaves everything when nothing was pressed", "", list("a", "b", "c"), false},
		{"leaves everything for a list without a name", "+", list("a", "b", "c"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := list("a", "b", "c")
			if changed := got.Change(tt.change); changed != tt.changed {
				t.Errorf("Change = %v", changed)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

// ATTACK: a request makes the page draw rows without end.
func TestAttackRowsAreBounded(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{"1000000000", "99999999999999999999", "-5", "x", ""} {
		v := identity.Values{"claims.rows": rows}
		before := maps.Clone(v)
		if n := v.Rows("claims"); n < 0 || n > 200 {
			t.Errorf("%q gives %d rows", rows, n)
		}
		for i := range 300 {
			v.Change("claims+")
			if n := v.Rows("claims"); n > 200 {
				t.Fatalf("%q and %d more give %d rows", rows, i, n)
			}
		}
		if cmp.Equal(before, v) && rows != "1000000000" {
			t.Errorf("%q: no row was added", rows)
		}
	}
}

func ExampleRow() {
	fmt.Println(identity.Row("claims", 2, "claim"), identity.Row("servers", 0, ""))
	// Output: claims[2].claim servers[0]
}
