package ui

import (
	"fmt"
	"strconv"
)

// Bars is figures beside each other, the greatest first: a bar for each with its name and its figure beside it, from a
// baseline of zero. It is drawn by the server and read out as a list.
type Bars struct {
	ID    string // of the figure; unique on the page
	Title string // "Places of each policy"
	Noun  string // what is counted, in the plural: "places"
	Rows  []Bar
	// Table is the address of the same figures as a table.
	Table string
	// Empty is said in place of the bars when there are none.
	Empty string
}

// Bar is one of them. Text goes behind the label in grey; both Text and Href may be empty.
type Bar struct {
	Label, Text, Href string
	Value             int
}

// width is that of a bar, of a thousand.
func (b Bars) width(row Bar) string {
	most := 1
	for _, r := range b.Rows {
		most = max(most, r.Value)
	}
	return figure(1000 * float64(row.Value) / float64(most))
}

// Grouped is a figure as people write it: 12,345.
func Grouped(n int) string {
	if n < 0 {
		return "-" + Grouped(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return Grouped(n/1000) + fmt.Sprintf(",%03d", n%1000)
}
