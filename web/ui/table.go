package ui

import "github.com/a-h/templ"

// Column is one head of a table.
type Column struct {
	Label  string
	Hidden bool   // the label is only read out, as over row menus
	Sort   string // address that sorts by this column; empty for a column that cannot be sorted
	Order  Order  // how the table is sorted by it now
	Number bool   // figures, aligned at the right
	Tight  bool   // as narrow as its content
}

// Order is how a column is sorted.
type Order string

// The orders, as aria-sort knows them.
const (
	Unsorted   Order = ""
	Ascending  Order = "ascending"
	Descending Order = "descending"
)

// Bulk ties the boxes of a table's rows to a bar of actions for all that are ticked. ID is that of the bar's form;
// Name is what each box sends its value under.
type Bulk struct{ ID, Name string }

// headAttributes say how a column is sorted, to screen readers too.
func (c Column) headAttributes() templ.Attributes {
	a := templ.Attributes{}
	setIf(a, "aria-sort", string(c.Order))
	return a
}

func (c Column) class() string {
	class := "Table-head"
	if c.Number {
		class += " Table-number"
	}
	if c.Tight {
		class += " Table-tight"
	}
	return class
}

// sortIcon points the way the column is sorted.
func (c Column) sortIcon() string {
	switch c.Order {
	case Ascending:
		return "up"
	case Descending:
		return "down"
	default:
		return "sort"
	}
}
