// Package deploys owns the parts of the console that bring a proxy or a group to its
// environments: the popover that shows where it runs, the questions before a
// deploy and an undeploy, and the page that says what became of it.
package deploys

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// MaxNote is how many characters the note of a deploy may have.
const MaxNote = 1000

// Place is an owner in one environment.
type Place struct {
	Environment string
	State       ui.State // StateLive, StateRedeployRequired or StateNotDeployed
	URL         string   // what clients call: the public URL with the base path; "" for a policy group
	Revision    int      // what runs there; 0 when nothing does
	At          time.Time
	By          string // who deployed or undeployed it last; "" when nobody has
	Note        string
	// Deploy and Undeploy are where the questions are asked; empty when the
	// visitor may not, or when there is nothing to undeploy.
	Deploy, Undeploy string
}

// Running tells whether the environment serves the owner.
func (p Place) Running() bool { return p.State == ui.StateLive || p.State == ui.StateRedeployRequired }

// Verb is what deploying means here.
func (p Place) Verb() string {
	if p.Running() {
		return "Redeploy"
	}
	return "Deploy"
}

// RevisionText is "r3", or "" when nothing runs.
func (p Place) RevisionText() string {
	if !p.Running() {
		return ""
	}
	return "r" + strconv.Itoa(p.Revision)
}

// lastWord says what By did last.
func (p Place) lastWord() string {
	if p.Running() {
		return "Deployed"
	}
	return "Undeployed"
}

// Question is what is asked before a deploy.
type Question struct {
	Owner    string
	Noun     string // what the owner is
	Place    Place
	Digest   string   // of what would be deployed
	Next     int      // number of the revision that a deploy makes
	Policies []string // the active policies that it carries, each with where it runs
	Passive  int      // bound policies that are kept but skipped
	Members  []string // the proxies of a group
	Open     string   // what an active policy in the request lane does not guard, "" for nothing
	Changes  []Change // against what runs
	Note     string   // as typed
	Pin      bool     // as ticked
	Problems problem.List
	Cancel   string
}

func (q Question) confirm() ui.Confirm {
	return ui.Confirm{
		Title:   fmt.Sprintf("%s %s to %s?", q.Place.Verb(), q.Owner, q.Place.Environment),
		Text:    q.text(),
		Effects: q.effects(),
		Action:  q.Place.Deploy,
		Label:   fmt.Sprintf("%s to %s", q.Place.Verb(), q.Place.Environment),
		Kind:    ui.Primary,
		Cancel:  q.Cancel,
		Hidden:  []ui.Hidden{{Name: "digest", Value: q.Digest}},
	}
}

func (q Question) text() string {
	if q.Place.Running() {
		return fmt.Sprintf("Revision %d takes over from revision %d. Requests that are under way finish on the old one.", q.Next, q.Place.Revision)
	}
	if q.Place.URL == "" {
		return fmt.Sprintf("Revision %d goes live; from then on its key pair can ask for tokens.", q.Next)
	}
	return fmt.Sprintf("Revision %d goes live; from then on clients can call it.", q.Next)
}

func (q Question) effects() []string {
	list := []string{"Its policies guard calls where it is bound, with the next deploy of what it is bound to"}
	if q.Place.URL != "" {
		list[0] = "Clients call " + q.Place.URL
	}
	if len(q.Members) > 0 {
		list = append(list, counted(len(q.Members), "member: ", "members: ")+joined(q.Members))
	}
	if q.Place.State == ui.StateLive {
		list = append(list, fmt.Sprintf("Nothing has changed since revision %d", q.Place.Revision))
	}
	switch len(q.Policies) {
	case 0:
		list = append(list, "No active policy")
	case 1:
		list = append(list, "1 active policy: "+q.Policies[0])
	default:
		list = append(list, fmt.Sprintf("%d active policies: %s", len(q.Policies), joined(q.Policies)))
	}
	if q.Passive > 0 {
		list = append(list, counted(q.Passive, "passive policy is", "passive policies are")+" skipped")
	}
	return list
}

// joined names the first few and counts the rest.
func joined(names []string) string {
	const shown = 4
	text := ""
	for i, n := range names {
		if i == shown {
			return text + fmt.Sprintf(" and %d more", len(names)-shown)
		}
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func (q Question) note() ui.Field {
	return ui.Field{
		Name: "note", Label: "Note", Value: q.Note, Rows: 3, Max: MaxNote, Error: q.Problems.For("note"),
		Help: "What changed and why; it stands in the history. Optional.",
	}
}

func (Question) pin() ui.Field {
	return ui.Field{Name: "pin", Label: "Never delete this revision", Help: "It stays in the history however many follow it."}
}

// Outcome is what became of a deploy or an undeploy.
type Outcome struct {
	Title string // "Revision 4 of orders is live in production"
	Text  string
	Tone  ui.Tone
	Nodes []ui.Result
	Place Place // as it is now
	// Problems are why nothing was changed; empty after a success.
	Problems problem.List
	Owner    string // the owner's page
	Noun     string // what the owner is
	Develop  string // where most problems are put right
	Undone   bool   // it was an undeploy
}
