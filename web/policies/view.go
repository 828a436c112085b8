package policies

import (
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/reports"
	"github.com/gatewright/gatewright/web/ui"
)

// ViewPage is everything the page of a global policy shows.
type ViewPage struct {
	Frame     layout.Props
	Project   string
	Type      policy.Type
	Item      Item
	CreatedAt time.Time
	CreatedBy string
	Settings  []Setting
	Trial     conditions.Props // to try the condition, where there is one
	Advice    []Advice
	// Uses are places in which the policy runs, those of the current one of UseTabs;
	// UsesCut tells that there are more.
	Uses     []reports.Place
	UseTabs  []ui.Tab
	UseLabel string
	UsesCut  bool
	Manage   bool // the visitor may change something
	Deploy   bool // the visitor may deploy
	Now      time.Time
}

func (p ViewPage) heading() layout.Heading {
	h := layout.Heading{Title: p.Item.Name, States: []ui.State{ui.StateOf(p.Item.Active), ui.StateGlobal}, Text: p.Type.Label + " policy"}
	if p.Item.Description != "" {
		h.Text = p.Item.Description
	}
	return h
}

func (p ViewPage) here() string { return link.Policy(p.Project, p.Type.Name, p.Item.Name) }

func (p ViewPage) toggle() ui.Action {
	a := ui.Action{Label: "Activate", Icon: "activate", Href: link.PolicyStatus(p.Project, p.Type.Name, p.Item.Name), Name: "active", Value: "true"}
	if p.Item.Active {
		a.Label, a.Icon, a.Value = "Deactivate", "passive", "false"
	}
	a.Hidden = statusHidden(p.Item, p.here())
	return a
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
