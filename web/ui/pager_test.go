package ui_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/ui"
)

func TestPageOfLeadsOnlyWhereThereAreRows(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name               string
		page, shown, total int
		want               ui.Page
	}{
		{"an empty list", 1, 0, 0, ui.Page{Noun: "records"}},
		{"one row", 1, 1, 1, ui.Page{From: 1, To: 1, Total: 1, Noun: "record"}},
		{"the first of three pages", 1, 50, 120, ui.Page{From: 1, To: 50, Total: 120, Noun: "records", Next: "2"}},
		{"the second", 2, 50, 120, ui.Page{From: 51, To: 100, Total: 120, Noun: "records", Prev: "1", Next: "3"}},
		{"the last", 3, 20, 120, ui.Page{From: 101, To: 120, Total: 120, Noun: "records", Prev: "2"}},
		{"a last page that is full", 2, 50, 100, ui.Page{From: 51, To: 100, Total: 100, Noun: "records", Prev: "1"}},
		{"far past the end", 9, 0, 120, ui.Page{Total: 120, Noun: "records", Prev: "3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ui.PageOf(tt.page, 50, tt.shown, tt.total, "record", "records", strconv.Itoa)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}
}
