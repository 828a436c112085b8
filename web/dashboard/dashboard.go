// Package dashboard owns the page that a person lands on: what needs attention in a project, each with its number and
// the list behind it, and what was refused over time.
package dashboard

import (
	"strconv"
	"time"

	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Page is everything the dashboard shows. What the visitor may not see is not in it.
type Page struct {
	Frame   layout.Props
	Project string
	// Cards are what there is to look after.
	Cards []Card
	// Charts are figures over time, with the lists that they count.
	Charts []Figure
	// Span is the time of the charts, "24h" or "7d".
	Span  string
	Nodes []Node
	// ShowNodes tells that the visitor may see nodes, also where there are none.
	ShowNodes bool
	Now       time.Time
}

// Card is one thing that may need attention.
type Card struct {
	Title string
	// Count is how many there are; AtLeast tells that there may be more.
	Count   int
	AtLeast bool
	// Text is the sentence under the number, Calm the one when there is nothing.
	Text, Calm string
	Tone       ui.Tone
	// Items are the first of them.
	Items []Item
	// Href is the list of all, called Link; Others are further lists.
	Href, Link string
	Others     []Item
}

// Item is one of those that a card counts.
type Item struct {
	Name, Href string
	// Text says more; At, where it is set, is when.
	Text string
	At   time.Time
}

// Figure is a chart with the list that it counts.
type Figure struct {
	ui.Chart
	Href, Link string
}

// Node is a gateway node.
type Node struct {
	Name, Version, Environment string
	Tone                       ui.Tone
	State                      string
	SeenAt                     time.Time
	Href                       string
}

func (c Card) calm() bool { return c.Count == 0 && !c.AtLeast }

func (c Card) number() string {
	if c.AtLeast {
		return strconv.Itoa(c.Count) + "+"
	}
	return strconv.Itoa(c.Count)
}

func (c Card) tone() ui.Tone {
	if c.calm() {
		return ui.ToneSuccess
	}
	return c.Tone
}

// calm tells that no card has anything to say.
func (p Page) calm() bool {
	for _, c := range p.Cards {
		if !c.calm() {
			return false
		}
	}
	return true
}

func (p Page) spans() []ui.Tab {
	return []ui.Tab{
		{Label: "24 hours", Href: link.Dashboard(p.Project), Current: p.Span != "7d"},
		{Label: "7 days", Href: link.Dashboard(p.Project) + "?span=7d", Current: p.Span == "7d"},
	}
}
