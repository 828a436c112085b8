// Package policies owns the pages of policies of every type: the list, the form, the view, and what is asked before one
// is deleted. What belongs to one type alone (its fields and how they read) comes from that type's Form.
package policies

import (
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// Values is a form as it was typed: the text of each field by its JSON name. A box that is not ticked has none. Forms
// are always drawn from Values, so that what was refused comes back exactly as it was.
type Values map[string]string

// On says whether the box called name is ticked.
func (v Values) On(name string) bool { return v[name] == "true" }

// Tick sets the box called name.
func (v Values) Tick(name string, on bool) {
	if on {
		v[name] = "true"
	} else {
		delete(v, name)
	}
}

// Form is what one type of policy adds to the pages. It holds no state.
type Form interface {
	// New is what an empty form starts with.
	New() policy.Config
	// Write puts a configuration into fields; the common part is not its business.
	Write(policy.Config) Values
	// Read is the reverse. It reports text that is not what its field holds; what the values mean together is checked
	// by Config.Validate.
	Read(Values) (policy.Config, problem.List)
	// Fields draws the sections after "Policy Definitions".
	Fields(Values, problem.List) templ.Component
	// Settings says every setting in words, in the order of the form.
	Settings(Values) []Setting
	// Advice lists what to consider.
	Advice(policy.Config) []Advice
	// Labels are the names of the fields as people see them, by JSON name, in the order of the form.
	Labels() []Label
}

// Label is how people know a field.
type Label struct{ Field, Text string }

// Setting is one setting in words.
type Setting struct {
	Section, Label, Text string
	Code                 bool // shown in the face of code
}

// Advice is a remark on a setting that is allowed and may not be wise.
type Advice struct {
	Field, Label string // the field by name and as people know it
	Warning      bool   // else a note
	Text         string // what the setting leads to
	Instead      string // what to do about it
}

// commonLabels are the fields that every policy has.
var commonLabels = []Label{{"active", "Status"}, {"name", "Name"}, {"description", "Description"}}

const definitions = "Policy Definitions"

// Write puts a whole policy into the fields of its form.
func Write(f Form, c policy.Config) Values {
	v := f.Write(c)
	base := c.Base()
	v["name"], v["description"] = base.Name, base.Description
	v.Tick("active", base.Active)
	return v
}

// Read turns typed text into a policy of type typ and says everything that is wrong with it, in the order of the form.
func Read(f Form, typ string, v Values) (policy.Config, problem.List) {
	c, problems := f.Read(v)
	base := c.Base()
	base.Type, base.Name, base.Active = typ, v["name"], v.On("active")
	// Browsers send line breaks as two characters, which would count twice.
	base.Description = strings.ReplaceAll(v["description"], "\r\n", "\n")
	c.Normalize()
	for _, p := range c.Validate() {
		if problems.For(p.Field) == "" { // that it is no number says more than that it is below one
			problems = append(problems, p)
		}
	}
	return c, InOrder(f, problems)
}

// InOrder sorts problems by where their fields stand in the form.
func InOrder(f Form, problems problem.List) problem.List {
	place := map[string]int{}
	for i, l := range allLabels(f) {
		place[l.Field] = i + 1
	}
	slices.SortStableFunc(problems, func(a, b problem.Problem) int { return place[a.Field] - place[b.Field] })
	return problems
}

func allLabels(f Form) []Label { return slices.Concat(commonLabels, f.Labels()) }

// LabelsOf are the names of all fields as people see them, by JSON name.
func LabelsOf(f Form) map[string]string {
	m := map[string]string{}
	for _, l := range allLabels(f) {
		m[l.Field] = l.Text
	}
	return m
}

// SettingsOf says the whole policy in words.
func SettingsOf(f Form, v Values) []Setting {
	return append([]Setting{
		{Section: definitions, Label: "Status", Text: string(ui.StateOf(v.On("active")))},
		{Section: definitions, Label: "Name", Text: v["name"]},
		{Section: definitions, Label: "Description", Text: v["description"]},
	}, f.Settings(v)...)
}

// Difference is a setting on two sides.
type Difference struct {
	Label, Theirs, Mine string
	Code                bool
}

// Compare lists the settings that differ between two sides of one form, and how many do not.
func Compare(theirs, mine []Setting) (different []Difference, same int) {
	other := map[string]Setting{}
	for _, s := range mine {
		other[s.Label] = s
	}
	for _, t := range theirs {
		m := other[t.Label]
		delete(other, t.Label)
		if m.Text == t.Text {
			same++
			continue
		}
		different = append(different, Difference{Label: t.Label, Theirs: t.Text, Mine: m.Text, Code: t.Code})
	}
	for _, m := range mine { // what only mine has
		if _, only := other[m.Label]; only {
			different = append(different, Difference{Label: m.Label, Mine: m.Text, Code: m.Code})
		}
	}
	return different, same
}

// FormPage is everything the form of a policy shows. It serves global and local policies.
type FormPage struct {
	Frame    layout.Props
	Title    string
	About    string
	States   []ui.State
	Form     Form
	Values   Values
	Problems problem.List
	Action   string      // where it posts
	Hidden   []ui.Hidden // such as the version that was read
	Check    string      // address that tells whether a name is free; empty for none
	Refresh  string      // address that gives the advice anew while somebody types; empty for none
	Discard  string      // where leaving leads
	Save     string      // the button: "Save" unless said
	Note     string      // what saving does, beside the button
	Creates  bool        // there is nothing yet to compare with
	Unsaved  bool        // the page shows what was typed and refused
	Conflict *Conflict
	Rail     templ.Component // above the advice; may be nil
	Advice   []Advice
}

// Conflict says that somebody else was faster (D17). What was typed stays in the form, which from now on saves over what
// is shown as theirs: its hidden version must be that one.
type Conflict struct {
	Name, By string
	At, Now  time.Time
	// Deleted tells that there is nothing left to save over.
	Deleted   bool
	Different []Difference
	Same      int
	Discard   string // the form with what the other side saved
}

// First is the attributes of the control called name: the first wrong field of a form takes the cursor, without
// JavaScript too.
func First(problems problem.List, name string) templ.Attributes {
	if len(problems) == 0 || problems[0].Field != name {
		return nil
	}
	return templ.Attributes{"autofocus": true}
}

func (p FormPage) save() ui.Save {
	s := ui.Save{Label: p.Save, Discard: p.Discard, Unsaved: p.Unsaved, Always: p.Creates, Note: p.Note}
	if p.Conflict != nil && !p.Conflict.Deleted {
		s.Label, s.Discard = "Keep mine", p.Conflict.Discard
	}
	return s
}

func conflictTitle(c Conflict) string {
	if c.Deleted {
		return c.Name + " was deleted by " + c.By + " while you were editing it"
	}
	return c.Name + " was changed by " + c.By + " while you were editing it"
}

// sections groups settings under their headings, in order.
func sections(settings []Setting) [][]Setting {
	var all [][]Setting
	for _, s := range settings {
		if n := len(all); n > 0 && all[n-1][0].Section == s.Section {
			all[n-1] = append(all[n-1], s)
			continue
		}
		all = append(all, []Setting{s})
	}
	return all
}
