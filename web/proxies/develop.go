package proxies

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/web/ui"
)

// Develop is the tab where policies are bound.
type Develop struct {
	Head Head
	// Scopes are "All" and the endpoints, one of them current; none where the
	// owner can have no endpoints.
	Scopes []ScopeLink
	// Behind is what the lanes lead to, "" for a policy group: that depends on
	// where it is bound.
	Behind, BehindText string
	Lanes              []Lane
}

// ScopeLink is one entry of the list at the left.
type ScopeLink struct {
	Method, Path string // both empty for All
	Text, Href   string
	Current      bool
	Policies     int
}

// Lane is one pipeline in the current scope.
type Lane struct {
	ID    string // such as "request"
	Title string // "Request lane"
	Text  string // when it runs
	Back  bool   // it leads to the client
	Add   string // where a policy is chosen; "" when the visitor may not
	// AddGroup is where a policy group is chosen; "" also for a policy group, which
	// holds none.
	AddGroup string
	// Activate and Disable switch the whole lane; "" where nothing is left to switch
	// so, or when the visitor may not.
	Activate, Disable string
	Closed            string // why no policy may go here; "" when some may
	// Inherited run for all endpoints and are shown with an endpoint; they
	// are ordered under All.
	Inherited []Bound
	Policies  []Bound
	Order     string // takes the new order; "" when the visitor may not
	Hidden    []ui.Hidden
}

// Bound is a policy, or a policy group, in a lane.
type Bound struct {
	ID, Name, Type string
	Global, Active bool
	Href           string
	// Group tells a policy group. Inside are its policies in order, Develop is
	// where they are edited.
	Group   bool
	Inside  []Bound
	Develop string
	// Edit, Remove and Status are "" when they do not apply or the visitor
	// may not.
	Edit, Remove, Status string
	// Localize and Globalize are for a global and for a local policy.
	Localize, Globalize string
	Hidden              []ui.Hidden // with Status: what was read
}

func (b Bound) origin() ui.State {
	if b.Global {
		return ui.StateGlobal
	}
	return ui.StateLocal
}

// statusLabel is what the menu's entry does.
func (b Bound) statusLabel() string {
	if b.Active {
		return "Deactivate"
	}
	return "Activate"
}

func (b Bound) toggle() []ui.Hidden {
	return append([]ui.Hidden{{Name: "active", Value: fmt.Sprint(!b.Active)}}, b.Hidden...)
}

func (l Lane) sort() ui.Sort {
	return ui.Sort{ID: "order-" + l.ID, Action: l.Order, Label: l.Title, Hidden: l.Hidden}
}

func (l Lane) way() string {
	if l.Back {
		return "Lane--left"
	}
	return "Lane--right"
}

func (l Lane) empty() bool { return len(l.Inherited)+len(l.Policies) == 0 }

// Chooser is where a policy is chosen for a lane.
type Chooser struct {
	Title, Text string
	Noun        string // whose a local policy is
	Search      ui.Search
	Query       string
	Globals     []Choice
	More        int // matches beyond those shown
	// Groups are policy groups, where Grouped tells that some can be bound.
	Groups     []Choice
	MoreGroups int
	Grouped    bool
	Types      []TypeChoice
	AddTo      string // takes the chosen one
	Hidden     []ui.Hidden
	Cancel     string
}

// Choice is a global policy or a policy group that can be bound.
type Choice struct {
	ID, Name, Description, Type, Href string
	Active                            bool
	Used                              int
	Policies                          int  // of a group
	Taken                             bool // already in this lane
}

// TypeChoice is a kind of policy that a local one can be made of.
type TypeChoice struct{ Label, Summary, Href string }

// BindingView is a bound policy as it is read.
type BindingView struct {
	Bound    Bound
	Where    string // "Request lane, all endpoints, position 1"
	Noun     string // what its owner is
	Settings templ.Component
	Global   string // the global policy's own page
	Back     string
}

// note says whose policy it is and what a change concerns.
func (v BindingView) note() string {
	if v.Bound.Global {
		return "It is edited on its own page; a change there concerns everything that uses it."
	}
	return "It belongs to this " + v.Noun + " alone. A change takes effect with the next deploy."
}

func lower(title string) string { return strings.ToLower(title) }
