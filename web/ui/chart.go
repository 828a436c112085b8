package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Chart is figures over time as stacked bars. It is drawn by the server, takes its colours from the theme, is described
// for those who do not see it, and has the same figures as a table.
type Chart struct {
	ID    string // of the figure; unique on the page
	Title string // "Issued"
	Noun  string // what is counted, in the plural: "tokens"
	// From is where the first bar begins, Width how much time each covers.
	From  time.Time
	Width time.Duration
	Bars  int
	// Series are stacked in their order, at most MaxSeries of them.
	Series []Series
	// Empty is said in place of the bars when all are zero.
	Empty string
}

// MaxSeries is how many series have a colour of their own.
const MaxSeries = 6

// Series is one of the figures that a chart stacks.
type Series struct {
	Label  string
	Values []int // one for each bar; missing ones are zero
}

func (s Series) at(bar int) int {
	if bar < len(s.Values) {
		return s.Values[bar]
	}
	return 0
}

// Total is the sum of the series.
func (s Series) Total() int {
	n := 0
	for _, v := range s.Values {
		n += v
	}
	return n
}

func (c Chart) total() int {
	n := 0
	for _, s := range c.Series {
		n += s.Total()
	}
	return n
}

func (c Chart) bar(i int) int {
	n := 0
	for _, s := range c.Series {
		n += s.at(i)
	}
	return n
}

// top is the figure at the upper edge: the highest bar, rounded up to a number that reads well.
func (c Chart) top() int {
	highest := 0
	for i := range c.Bars {
		highest = max(highest, c.bar(i))
	}
	step := 1
	for {
		for _, f := range []int{1, 2, 3, 5} {
			if top := 2 * f * step; top >= highest {
				return top
			}
		}
		step *= 10
	}
}

// The plot's own units; it is stretched to the room there is.
const (
	plotWidth  = 1000.0
	plotHeight = 200.0
)

// rect is one part of a bar.
type rect struct{ x, y, width, height string }

// rect is the part of series s in a bar, on top of those before it.
func (c Chart) rect(bar, s int) rect {
	below := 0
	for _, other := range c.Series[:s] {
		below += other.at(bar)
	}
	slot, unit := plotWidth/float64(c.Bars), plotHeight/float64(c.top())
	height := float64(c.Series[s].at(bar)) * unit
	return rect{
		x: figure(slot*float64(bar) + slot*0.12), width: figure(slot * 0.76),
		y: figure(plotHeight - float64(below)*unit - height), height: figure(height),
	}
}

func figure(f float64) string { return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 2, 64), ".00") }

// when names a bar by the time it covers, in UTC.
func (c Chart) when(bar int) string {
	from := c.From.UTC().Add(time.Duration(bar) * c.Width)
	if c.Width%(24*time.Hour) == 0 {
		return from.Format("2 Jan 2006")
	}
	return from.Format("2 Jan 15:04")
}

// parts says what a bar is made of.
func (c Chart) parts(bar int) string {
	var parts []string
	for _, s := range c.Series {
		if n := s.at(bar); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", s.Label, n))
		}
	}
	return c.when(bar) + ": " + strings.Join(parts, ", ")
}

// description says the chart in a sentence.
func (c Chart) description() string {
	highest := 0
	for i := range c.Bars {
		if c.bar(i) > c.bar(highest) {
			highest = i
		}
	}
	var parts []string
	for _, s := range c.Series {
		parts = append(parts, fmt.Sprintf("%s %d", s.Label, s.Total()))
	}
	return fmt.Sprintf("%d %s from %s to %s (UTC): %s. The most, %d, begin at %s.",
		c.total(), c.Noun, c.when(0), c.when(c.Bars), strings.Join(parts, ", "), c.bar(highest), c.when(highest))
}
