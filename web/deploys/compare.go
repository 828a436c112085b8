package deploys

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// Part is a part of what is deployed as people know it: the owner itself, a
// member of a group, a policy where it is bound, or an order.
type Part struct {
	// Key tells which parts of two sides are the same one.
	Key, Title string
	// Place is where a policy stands; "" for the owner.
	Place    string
	Settings []policies.Setting
	// Order are names in order. Such a part says nothing where only one side has
	// it, as a lane that is new.
	Order []string
}

// Change is a part that is not the same on two sides.
type Change struct {
	Title string
	// Before and After are where it stands on each side, "" where it is not there.
	Before, After string
	Added         bool
	Removed       bool
	// Moves say in words what stands elsewhere in an order.
	Moves    []string
	Settings []Difference
}

// Difference is a setting of a part that is on both sides, or of one that is
// only on one.
type Difference struct {
	Section, Label, Before, After string
	Code                          bool
}

// Compare says what differs, in the order of the second side; what is only on the
// first comes last.
func Compare(before, after []Part) []Change {
	old := make(map[string]Part, len(before))
	for _, p := range before {
		old[p.Key] = p
	}
	var list []Change
	for _, now := range after {
		was, there := old[now.Key]
		delete(old, now.Key)
		if now.Order != nil && !there {
			continue
		}
		c := Change{Title: now.Title, Before: was.Place, After: now.Place, Added: !there, Settings: differences(was.settings(), now.settings()), Moves: moves(was.Order, now.Order)}
		if c.Added || c.Before != c.After || len(c.Settings) > 0 {
			list = append(list, c)
		}
	}
	for _, was := range before {
		if _, gone := old[was.Key]; gone && was.Order == nil {
			list = append(list, Change{Title: was.Title, Before: was.Place, Removed: true, Settings: differences(was.Settings, nil)})
		}
	}
	return list
}

func (p Part) settings() []policies.Setting {
	if p.Order == nil {
		return p.Settings
	}
	return []policies.Setting{{Label: "Order", Text: strings.Join(p.Order, ", ")}}
}

// moves say what has changed its place among those that are on both sides: as few
// as possible, each with what it stands behind now.
func moves(before, after []string) []string {
	stay := common(before, after)
	var list []string
	for i, name := range after {
		switch {
		case len(stay) > 0 && stay[0] == name:
			stay = stay[1:]
		case !slices.Contains(before, name):
		case i == 0:
			list = append(list, name+" moves to the front")
		default:
			list = append(list, name+" moves behind "+after[i-1])
		}
	}
	return list
}

// common is the longest common subsequence of two orders.
func common(a, b []string) []string {
	longest := make([][]int, len(a)+1)
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	var list []string
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			list = append(list, a[i])
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return list
}

func differences(before, after []policies.Setting) []Difference {
	type key struct{ section, label string }
	old := make(map[key]policies.Setting, len(before))
	for _, s := range before {
		old[key{s.Section, s.Label}] = s
	}
	var list []Difference
	for _, now := range after {
		k := key{now.Section, now.Label}
		was := old[k]
		delete(old, k)
		if was.Text != now.Text {
			list = append(list, Difference{now.Section, now.Label, was.Text, now.Text, now.Code})
		}
	}
	for _, was := range before {
		if _, gone := old[key{was.Section, was.Label}]; gone && was.Text != "" {
			list = append(list, Difference{was.Section, was.Label, was.Text, "", was.Code})
		}
	}
	return list
}

// heading says what became of a part.
func (c Change) heading() string {
	switch {
	case c.Added:
		return c.Title + " is added" + after(c.After)
	case c.Removed:
		return c.Title + " is removed" + after(c.Before)
	case len(c.Moves) > 0:
		return c.Title + after(joined(c.Moves))
	case c.Before != c.After:
		return c.Title + " moves from " + c.Before + " to " + c.After
	}
	return c.Title
}

func after(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// open tells a change that is shown without asking: what is wholly new or gone
// has all its settings to show.
func (c Change) open() bool { return !c.Added && !c.Removed }

func (c Change) count() string {
	return counted(len(c.Settings), "setting", "settings")
}

// Comparison is the page that shows two sides.
type Comparison struct {
	Owner        string
	Action       string
	Environment  string
	Environments []ui.OptionGroup
	// Sides are what can be compared; From and To are the two that are.
	Sides    []ui.OptionGroup
	From, To string
	// Before and After say them in words.
	Before, After string
	Changes       []Change
	// Missing says why there is nothing to compare, "" when there is.
	Missing string
}

// summary counts what differs.
func (c Comparison) summary() string {
	if len(c.Changes) == 0 {
		return "Both say the same."
	}
	return counted(len(c.Changes), "part differs.", "parts differ.")
}

// RollbackQuestion is what is asked before a rollback.
type RollbackQuestion struct {
	Question
	Revision int
	Action   string
}

func (q RollbackQuestion) confirm() ui.Confirm {
	text := "Nothing of the " + q.Noun + " runs there now; revision " + strconv.Itoa(q.Next) + " goes live."
	if q.Place.Running() {
		text = "Revision " + strconv.Itoa(q.Next) + " takes over from revision " + strconv.Itoa(q.Place.Revision) + ". Requests that are under way finish on the old one."
	}
	return ui.Confirm{
		Title: "Roll " + q.Owner + " back to revision " + strconv.Itoa(q.Revision) + " in " + q.Place.Environment + "?", Text: text,
		Effects: []string{
			"Revision " + strconv.Itoa(q.Next) + " is made of what revision " + strconv.Itoa(q.Revision) + " was",
			"The " + q.Noun + " and its policies stay as they are edited; the next deploy would bring them back",
			"Keys, credentials, access and error messages of the platform are those of today",
		},
		Action: q.Action, Label: "Roll back", Kind: ui.Danger, Cancel: q.Cancel,
		Hidden: []ui.Hidden{{Name: "running", Value: strconv.Itoa(q.Place.Revision)}},
	}
}
