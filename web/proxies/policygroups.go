package proxies

import (
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// PolicyGroupRow is a policy group in the list. It can be drawn alone, as the answer to
// its switch.
type PolicyGroupRow struct {
	Owner                 link.Owner
	ID, Name, Description string
	Pipeline              policy.Pipeline
	Order                 int
	Default, Active       bool
	Policies, Used        int // policies in it, places where it is bound
	Places                []deploys.Place
	Version               int
	ChangedAt, Now        time.Time
	ChangedBy             string
	Several               bool   // badges must name their environment
	Manage                bool   // the visitor may change it
	Return                string // the list as it is narrowed now
}

// PolicyGroupList is the list of a project's policy groups.
type PolicyGroupList struct {
	Rows     []PolicyGroupRow
	Columns  []ui.Column
	Query    string
	Pipeline policy.Pipeline
	Search   ui.Search
	Clear    string // the whole list
	Page     ui.Page
	New      string // "" when the visitor may not
}

func (l PolicyGroupList) narrowed() bool { return l.Query != "" || l.Pipeline != "" }

func (r PolicyGroupRow) toggle() ui.Toggle {
	return ui.Toggle{
		ID: "switch-" + r.ID, Action: r.Owner.Status(), Label: r.Name + " active", On: r.Active, Hidden: r.hidden(),
		Attrs: map[string]any{"hx-post": r.Owner.Status(), "hx-target": "closest tr", "hx-swap": "outerHTML", "hx-sync": "this:drop"},
	}
}

// hidden is what a switch sends along: which group as it was read, and where it
// stands.
func (r PolicyGroupRow) hidden() []ui.Hidden {
	return []ui.Hidden{{Name: "ownerId", Value: r.ID}, {Name: "version", Value: strconv.Itoa(r.Version)}, {Name: "return", Value: r.Return}}
}

func (r PolicyGroupRow) usage() string {
	if r.Used == 0 {
		return ""
	}
	return r.Owner.Page() + "#usage"
}

// PipelineName is "Request" for REQUEST.
func PipelineName(p policy.Pipeline) string {
	if p == "" {
		return ""
	}
	return string(p[:1]) + lower(string(p[1:]))
}

// PolicyGroupFormID is the element that htmx takes out of the answer.
const PolicyGroupFormID = "policy-group-form"

// PolicyGroupForm is the form of a policy group with everything as it was typed.
type PolicyGroupForm struct {
	New                              bool
	ID, Version                      string // as it was read; empty when New
	Title                            string // the name as it is stored
	Name, Description                string
	Pipeline, Order                  string
	MakeDefault, Active              bool
	Pipelines                        []ui.Card
	Fixed                            string // why the pipeline stays as it is; "" when it may change
	Problems                         problem.List
	Unsaved                          bool
	Conflict                         *Conflict
	Deleted                          *Deletion
	Action, Cancel, CheckName        string
	MaxName, MaxDescription, MaxRank int
	// Confirm is the name that has to be typed, Confirmed what was.
	Confirm, Confirmed string
	Effects            []string // what saving means where it is used
}

func (f PolicyGroupForm) heading() layout.Heading {
	if f.New {
		return layout.Heading{Title: "New policy group", Text: "Policies in a fixed order that are bound together, as one, to many API proxies and proxy groups."}
	}
	return layout.Heading{Title: "Edit " + f.Title}
}

func (f PolicyGroupForm) labels() map[string]string {
	return map[string]string{"name": "Name", "description": "Description", "pipeline": "Pipeline", "order": "Order", "confirm": "Confirmation"}
}

func (f PolicyGroupForm) focus(name string) map[string]any {
	on := f.New && f.Deleted == nil && name == "name"
	if len(f.Problems) > 0 {
		on = f.Problems[0].Field == name
	}
	return map[string]any{"autofocus": on}
}

func (f PolicyGroupForm) name() ui.Field {
	return ui.Field{
		Name: "name", Label: "Name", Value: f.Name, Required: true, Max: f.MaxName, Error: f.Problems.For("name"), Check: f.CheckName,
		Help: "How people and the management API address it. Unique among the policy groups of the project.", Attrs: f.focus("name"),
	}
}

func (f PolicyGroupForm) description() ui.Field {
	return ui.Field{
		Name: "description", Label: "Description", Value: f.Description, Max: f.MaxDescription, Rows: 2,
		Error: f.Problems.For("description"), Attrs: f.focus("description"),
	}
}

func (f PolicyGroupForm) pipeline() ui.Field {
	field := ui.Field{
		Name: "pipeline", Label: "Pipeline", Value: f.Pipeline, Required: true, Error: f.Problems.For("pipeline"), Attrs: f.focus("pipeline"),
		Help: "The lane that the group can be bound in. It stays once the group holds policies or is bound.",
	}
	if f.Fixed != "" {
		field.Help = f.Fixed
	}
	return field
}

// pipelines are those that may be chosen: where the pipeline is fixed, the others
// cannot.
func (f PolicyGroupForm) pipelines() []ui.Card {
	cards := make([]ui.Card, len(f.Pipelines))
	for i, c := range f.Pipelines {
		c.Disabled = f.Fixed != "" && c.Value != f.Pipeline
		cards[i] = c
	}
	return cards
}

func (f PolicyGroupForm) order() ui.Field {
	return ui.Field{
		Name: "order", Label: "Order", Value: f.Order, Narrow: true, Placeholder: "0", Error: f.Problems.For("order"), Attrs: f.focus("order"),
		Help: "Where the group goes when it is added to a lane: before groups of a higher number. From 0 to " + strconv.Itoa(f.MaxRank) + "; 0 by default. What is bound already stays where it is.",
	}
}

func (f PolicyGroupForm) confirm() ui.Field {
	return ui.Field{
		Name: "confirm", Label: "Type " + f.Confirm + " to make it passive", Value: f.Confirmed, Required: true, Mono: true,
		Error: f.Problems.For("confirm"), Attrs: f.focus("confirm"),
	}
}

func (f PolicyGroupForm) save() ui.Save {
	s := ui.Save{Discard: f.Cancel, Unsaved: f.Unsaved, Always: f.New}
	switch {
	case f.Deleted != nil:
		s.Label = "Create it again"
	case f.New:
		s.Label = "Create policy group"
	case f.Conflict != nil:
		s.Label, s.Discard = "Keep mine", f.Conflict.Discard
	}
	if !f.New {
		s.Note = "Traffic is not touched until the next deploy."
	}
	return s
}

// PolicyGroupView is the page of a policy group.
type PolicyGroupView struct {
	Head     Head
	Row      PolicyGroupRow
	ClientID string
	Members  []Bound
	Add      string // where a policy is chosen; "" when the visitor may not
	Closed   string // why nothing can go into it; "" when something can
	Uses     []PolicyGroupUse
	UsesCut  bool // there are more
	// BulkDeploy takes the group live in all of them; "" when the visitor may not.
	BulkDeploy string
	Status     *ui.Action // switches it; nil when the visitor may not
	Pipeline   string     // in words, with what can run in it
	Deploys    string     // what deploying the group itself does
	Created    time.Time
	Creator    string
}

// PolicyGroupUse is one place where a policy group is bound.
type PolicyGroupUse struct {
	Owner    link.Owner
	Noun     string // what the owner is
	Scope    string
	Pipeline policy.Pipeline
	Position int
	Live     []string // the environments where the owner runs
	Deploy   bool     // the visitor may deploy it
}
