package reports

import (
	"strconv"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// GroupsPage is everything that a report of groups shows.
type GroupsPage struct {
	Frame        layout.Props
	Project      string
	Kind         string
	Query        Query
	Problems     problem.List
	Lines        []Group
	Standing     Standing
	Environments []string
	Chart        *ui.Bars
}

// Group is a proxy group or a policy group.
type Group struct {
	Name, Description    string
	Members, Policies    int
	Active, MakeDefault  bool
	Pipeline             policy.Pipeline
	Proxies, ProxyGroups int // where a policy group is bound
	In                   []In
}

func (p GroupsPage) policies() bool { return p.Kind == link.OfPolicyGroup }

func (p GroupsPage) here() string {
	if p.policies() {
		return link.PolicyGroupUsage(p.Project)
	}
	return link.ProxyGroupUsage(p.Project)
}

func (p GroupsPage) title() string {
	if p.policies() {
		return "Policy group usage"
	}
	return "Proxy group usage"
}

func (p GroupsPage) about() string {
	if p.policies() {
		return "Every policy group, where it is bound, and where it is deployed with a key pair of its own."
	}
	return "Every API proxy group with its members, and how much hangs on it. Calls are those of the last 24 hours that came through the group."
}

func (p GroupsPage) columns() []ui.Column {
	q := p.Query
	if p.policies() {
		return []ui.Column{
			q.column("Policy group", "name", true), number(q.column("Policies", "policies", false)), tight(q.column("Pipeline", "pipeline", false)),
			number(q.column("Bound in", "bound", false)), q.column("Deployed", "deployed", false), number(q.column("Live tokens", "tokens", false)),
		}
	}
	return []ui.Column{
		q.column("API proxy group", "name", true), number(q.column("Members", "members", false)), number(q.column("Policies", "policies", false)),
		q.column("Deployed", "deployed", false), number(q.column("Calls", "calls", false)), number(q.column("Live tokens", "tokens", false)),
	}
}

func tight(c ui.Column) ui.Column {
	c.Tight = true
	return c
}

func number(c ui.Column) ui.Column {
	c.Number, c.Tight = true, true
	return c
}

// bound counts where a policy group is.
func (g Group) bound() string { return strconv.Itoa(g.Proxies + g.ProxyGroups) }

func (p GroupsPage) places(g Group) string {
	return link.UsageOfPolicyGroup(p.Project, g.Name)
}

func (p GroupsPage) policiesOf(g Group) string {
	return Places(p.Project, nil).With("kind", p.Kind, "owner", g.Name).URL()
}
