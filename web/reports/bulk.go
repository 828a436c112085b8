package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Bulk is where a bulk deploy is chosen.
type Bulk struct {
	Frame   layout.Props
	Project string
	Subject Subject
	// Environment, Kinds and Filter are as chosen, Note as typed.
	Environment  string
	Environments []string
	Kinds        []string
	Filter, Note string
	Problems     problem.List
	// Of counts by kind what runs the subject.
	Of map[string]int
	// Targets are some of those that would be deployed, Matching is how many there
	// are, and Uncompared how many more may be.
	Targets              []Target
	Matching, Uncompared int
}

// Subject is the policy or policy group that is taken live. Type is that of a
// policy, "" for a group.
type Subject struct{ Type, Name, Href string }

func (s Subject) word() string {
	if s.Type == "" {
		return "policy group"
	}
	return "policy"
}

// Target is an owner that would be deployed.
type Target struct {
	Kind, Name string
	State      ui.State
	Revision   int
}

// BulkLabels are how people know the fields.
var BulkLabels = map[string]string{"kinds": "Deploy to", "filter": "Which of them", "note": "Description", "environment": "Environment"}

func (b Bulk) hidden() []ui.Hidden {
	if b.Subject.Type == "" {
		return []ui.Hidden{{Name: "group", Value: b.Subject.Name}}
	}
	return []ui.Hidden{{Name: "type", Value: b.Subject.Type}, {Name: "policy", Value: b.Subject.Name}}
}

func (b Bulk) kinds() []ui.Option {
	list := []ui.Option{
		{Value: link.OfProxy, Label: fmt.Sprintf("API proxies (%d)", b.Of[link.OfProxy]), Disabled: b.Of[link.OfProxy] == 0},
		{Value: link.OfProxyGroup, Label: fmt.Sprintf("API proxy groups (%d)", b.Of[link.OfProxyGroup]), Disabled: b.Of[link.OfProxyGroup] == 0, Text: "Also those with a member that runs it."},
	}
	switch n := b.Of[link.OfPolicyGroup]; {
	case b.Subject.Type == "":
		list = append(list, ui.Option{Value: link.OfPolicyGroup, Label: "The policy group itself", Text: "Where it is deployed with a key pair of its own."})
	case n > 0:
		list = append(list, ui.Option{Value: link.OfPolicyGroup, Label: fmt.Sprintf("Policy groups (%d)", n), Text: "Where they are deployed with a key pair of their own."})
	}
	return list
}

var bulkFilters = []ui.Card{
	{Value: "REDEPLOY", Label: "Only deployed and redeploy required", Text: "What runs there differs from what is edited."},
	{Value: "LIVE", Label: "Only deployed ones", Text: "What runs there is what is edited; they get a new revision."},
	{Value: "ALL", Label: "All", Text: "Also those that do not run there yet."},
}

func (b Bulk) environments() []ui.OptionGroup {
	var list []ui.Option
	for _, e := range b.Environments {
		list = append(list, ui.Option{Value: e, Label: e})
	}
	return []ui.OptionGroup{{Options: list}}
}

// empty tells that there is nothing to deploy.
func (b Bulk) empty() bool { return b.Matching+b.Uncompared == 0 }

func (b Bulk) count() string {
	switch {
	case len(b.Kinds) == 0:
		return "Nothing is chosen."
	case b.empty():
		return "None of them is in this state in " + b.Environment + "."
	case b.Uncompared > 0:
		return fmt.Sprintf("%s, and up to %s more: each is compared at its turn, and left out when it is in another state.", counted(b.Matching, "deploy to "+b.Environment, "deploys to "+b.Environment), ui.Grouped(b.Uncompared))
	}
	return counted(b.Matching, "deploy", "deploys") + " to " + b.Environment + ", one after the other."
}

func (b Bulk) button() ui.Action {
	a := ui.Action{Label: "Deploy " + b.what(b.Matching), Icon: "deploy", Kind: ui.Primary, Attrs: map[string]any{"formaction": link.BulkDeploys(b.Project)}}
	if b.Uncompared > 0 {
		a.Label = "Deploy"
	}
	if b.empty() || len(b.Kinds) == 0 {
		a.Label, a.Disabled, a.Reason = "Deploy", true, b.count()
	}
	return a
}

// chosen are the kinds that are ticked, as far as there is any of them.
func (b Bulk) chosen() (list []string) {
	for _, kind := range b.Kinds {
		if b.Of[kind] > 0 {
			list = append(list, kind)
		}
	}
	return list
}

// what counts what is deployed in the words of the kinds that are ticked.
func (b Bulk) what(n int) string {
	switch list := b.chosen(); {
	case len(list) == 1 && list[0] == link.OfProxy:
		return counted(n, "API proxy", "API proxies")
	case len(list) == 1 && list[0] == link.OfProxyGroup:
		return counted(n, "API proxy group", "API proxy groups")
	}
	return counted(n, "proxy or group", "proxies and groups")
}

func (b Bulk) more() int { return b.Matching + b.Uncompared - len(b.Targets) }

func (t Target) compare(project, environment string) string {
	if t.Revision == 0 || t.State == ui.StateNotDeployed {
		return ""
	}
	return link.OwnerOf(project, t.Kind, t.Name).CompareIn(environment)
}

func counted(n int, one, many string) string { return ui.Grouped(n) + " " + plural(n, one, many) }

// Run is a bulk deploy on its way or at its end.
type Run struct {
	Frame               layout.Props
	Project, ID         string
	Subject             Subject
	Environment         string
	Filter, Note, State string
	By, CancelledBy     string
	At, Ended           time.Time
	Now                 time.Time
	Waiting, Deployed   int
	LeftOut, Failed     int
	Generation          int64
	Lines               []Outcome
	Page                ui.Page
	Shown               string // the state to which the lines are narrowed
	Nodes               []Node
	Deploy              bool // the visitor may stop it or go on with it
}

// Outcome is what became of an owner.
type Outcome struct {
	Kind, Name, State, Detail string
	Revision                  int
	At                        time.Time
}

// Node is what a gateway node runs of the environment.
type Node struct {
	Name       string
	State      ui.State
	Generation int64
	Detail     string
	At         time.Time
}

// Running tells that it is under way.
func (r Run) Running() bool { return r.State == "RUNNING" }

// Total is how many owners there are, Done how many it is through with.
func (r Run) Total() int { return r.Waiting + r.Deployed + r.LeftOut + r.Failed }

// Done is how many of them have a result.
func (r Run) Done() int { return r.Total() - r.Waiting }

func (r Run) here() string { return link.BulkDeploy(r.Project, r.ID) }

// Title says it in a line.
func (r Run) Title() string {
	switch r.State {
	case "RUNNING":
		return "Deploying " + r.Subject.Name + " to " + r.Environment
	case "DONE":
		return r.Subject.Name + " was deployed to " + r.Environment
	case "CANCELLED":
		return "The bulk deploy of " + r.Subject.Name + " was cancelled"
	}
	return "The bulk deploy of " + r.Subject.Name + " was interrupted"
}

func (r Run) progress() string {
	text := fmt.Sprintf("%s of %s", ui.Grouped(r.Done()), counted(r.Total(), "owner", "owners"))
	if r.CancelledBy != "" {
		return text + "; it ends after the one that is under way"
	}
	return text
}

func (r Run) summary() string {
	text := counted(r.Deployed, "owner was deployed", "owners were deployed")
	if r.LeftOut > 0 {
		text += ", " + ui.Grouped(r.LeftOut) + " left out"
	}
	if r.Failed > 0 {
		text += ", " + ui.Grouped(r.Failed) + " failed"
	}
	if r.Waiting > 0 {
		text += ", " + ui.Grouped(r.Waiting) + " not begun"
	}
	return text + "."
}

func (r Run) tone() ui.Tone {
	switch {
	case r.State == "DONE" && r.Failed == 0:
		return ui.ToneSuccess
	case r.State == "DONE" && r.Deployed == 0:
		return ui.ToneDanger
	}
	return ui.ToneWarning
}

// resume goes on with what is left, "" when nothing is.
func (r Run) resume() string {
	switch {
	case !r.Deploy || r.Running():
		return ""
	case r.Waiting > 0:
		return "Go on"
	case r.Failed > 0:
		return "Try the failed ones again"
	}
	return ""
}

// behind tells that a node has not taken all of it over.
func (r Run) behind() bool {
	return slices.ContainsFunc(r.Nodes, func(n Node) bool { return n.State == ui.StateDeploying })
}

func (r Run) stateTabs() []ui.Tab {
	list := []ui.Tab{{Label: "All", Href: r.here(), Count: r.Total()}}
	for _, s := range []struct {
		state, label string
		n            int
	}{{"FAILED", "Failed", r.Failed}, {"DEPLOYED", "Deployed", r.Deployed}, {"LEFT_OUT", "Left out", r.LeftOut}, {"WAITING", "Waiting", r.Waiting}} {
		if s.n > 0 {
			list = append(list, ui.Tab{Label: s.label, Href: r.here() + "?state=" + s.state, Count: s.n, Current: r.Shown == s.state})
		}
	}
	list[0].Current = r.Shown == ""
	return list
}

func (o Outcome) badge() ui.State {
	switch o.State {
	case "DEPLOYED":
		return ui.StateSucceeded
	case "FAILED":
		return ui.StateFailed
	case "LEFT_OUT":
		return "Left out"
	}
	return "Waiting"
}

func (o Outcome) text() string {
	if o.State == "DEPLOYED" {
		return fmt.Sprintf("Revision %d", o.Revision)
	}
	return o.Detail
}

// filterWord is the filter in the words of the form.
func (r Run) filterWord() string {
	for _, f := range bulkFilters {
		if f.Value == r.Filter {
			return f.Label
		}
	}
	return r.Filter
}

// BulkList are the last bulk deploys of a project.
type BulkList struct {
	Frame   layout.Props
	Project string
	Runs    []Run
	Now     time.Time
}

func (r Run) badge() ui.State {
	switch {
	case r.State == "DONE" && r.Failed > 0:
		return ui.StateFailed
	case r.State == "DONE":
		return ui.StateSucceeded
	case r.Running():
		return ui.StateDeploying
	}
	return ui.State(sentence(r.State))
}
