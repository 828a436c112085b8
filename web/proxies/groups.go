package proxies

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/ui"
)

// GroupRow is one proxy group in the list.
type GroupRow struct {
	Name, Description string
	BasePath          string
	Members, Policies int
	Places            []deploys.Place
	ChangedAt         time.Time
	ChangedBy         string
	Href, Develop     string
	// Edit, Assign, Duplicate and Delete are empty when the visitor may not.
	Edit, Assign, Duplicate, Delete string
}

// GroupList is the list of a project's proxy groups.
type GroupList struct {
	Rows    []GroupRow
	Columns []ui.Column
	Query   string
	// Redeploy tells that only what has to be deployed again is listed.
	Redeploy bool
	Search   ui.Search
	Page     ui.Page
	New      string // "" when the visitor may not
	Now      time.Time
	Several  bool // badges must name their environment
}

// GroupOverview is what a proxy group is. Of Overview it uses what proxies have
// too.
type GroupOverview struct {
	Overview
	Members []MemberRow
	// Blocks tells that members are called through the group only; Direct is who
	// calls them otherwise.
	Blocks bool
	Direct []Direct
	// Merged are the operations of the members, More how many are not shown,
	// Hidden how many are not reached.
	Merged       []MergedEndpoint
	More, Hidden int
	Assign       string // "" when the visitor may not
}

// MergedEndpoint is an operation of a member as calls through the group reach it.
type MergedEndpoint struct {
	Method, Path string // both empty for every other path
	Methods      []string
	Member, Href string
	// Hidden says why it is not reached, "" when it is.
	Hidden string
}

// Group is a proxy group that a proxy is a member of.
type Group struct {
	Name, Description, Href string
	Blocks                  bool
	Live                    []string
}

// Assign is where many proxies and policies are put into a group at once.
type Assign struct {
	Head
	Version, Action string
	// Query is what was looked for, in all of the lists. Kept is what is ticked and
	// not in them.
	Query    string
	Kept     []ui.Hidden
	Proxies  []AssignChoice
	Policies []AssignChoice
	Groups   []AssignChoice
	// MoreProxies and the others count what is not listed.
	MoreProxies, MorePolicies, MoreGroups int
}

// AssignChoice is something that can be put into the group.
type AssignChoice struct {
	ID, Name, Text, Detail, Href string
	Active                       bool
	Ticked                       bool
}

// Preview says exactly what an assignment changes.
type Preview struct {
	Head
	Action, Cancel string
	Hidden         []ui.Hidden
	Added          []MemberRow // new members
	Present        []string    // what is there already
	Lanes          []LanePreview
	Redeploy       []string // environments
	Blocked        string   // what blocking direct access does to the new members; "" for nothing
	Conflict       string   // what somebody else changed
	Problems       problem.List
}

// LanePreview is a lane as it will be.
type LanePreview struct {
	Title string
	Slots []LaneSlot
}

// LaneSlot is a policy or a policy group in it.
type LaneSlot struct {
	Name, Type string
	New        bool
}

func (p Preview) nothing() bool {
	return len(p.Added) == 0 && len(p.Lanes) == 0
}

// summary is what the button does, in numbers.
func (p Preview) summary() string {
	var parts []string
	if n := len(p.Added); n > 0 {
		parts = append(parts, counted(n, "API proxy", "API proxies"))
	}
	if n := p.bound(); n > 0 {
		parts = append(parts, counted(n, "policy or policy group", "policies and policy groups"))
	}
	return "Assign " + strings.Join(parts, " and ")
}

func (p Preview) bound() int {
	n := 0
	for _, l := range p.Lanes {
		for _, s := range l.Slots {
			if s.New {
				n++
			}
		}
	}
	return n
}

// live says where the change is not live at once.
func (p Preview) live() string {
	if len(p.Redeploy) == 0 {
		return "The group is not deployed: no traffic is touched."
	}
	return fmt.Sprintf("The group goes on in %s as it is deployed and needs a redeploy there.", listed(p.Redeploy))
}
