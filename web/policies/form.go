// Package policies owns the pages of policies of every type: the list, the form, the view, and what is asked before one
// is deleted. What belongs to one type alone (its fields and how they read) comes from that type's Form.
package policies

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/errors"
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
	// Change does what another button of the form than its save asks for, by the value of the button "change". It
	// reports false for anything else.
	Change(v Values, what string) bool
	// Write puts a configuration into fields; the common part is not its business.
	Write(policy.Config) Values
	// Read is the reverse. It reports text that is not what its field holds; what the values mean together is checked
	// by Config.Validate.
	Read(Values) (policy.Config, problem.List)
	// Fields draws the sections after "Policy Definitions".
	Fields(Fields) templ.Component
	// Beside draws what stands outside the form, such as the dialogs that it opens.
	Beside(Fields) templ.Component
	// Settings says every setting in words, in the order of the form.
	Settings(Values) []Setting
	// Advice lists what to consider.
	Advice(policy.Config, Choices) []Advice
	// Labels are the names of the fields as people see them, by JSON name, in the order of the form.
	Labels() []Label
}

// Fields is what the fields of a form are drawn from.
type Fields struct {
	Values   Values
	Problems problem.List
	Choices  Choices
}

// Choices are the things of the project that a form offers. All of them may be missing.
type Choices struct {
	// Sources are the project's identity sources, by name; NewSource is where one is added, "" for nobody.
	Sources   []Source
	NewSource string
	// Roles are those of the secret manager. Others may be typed: the groups of a directory are roles too.
	Roles []string
	// Keys are the signing keys that a policy can name.
	Keys []SigningKey
	// KeyPair is the page with the client id of the owner of a local policy.
	KeyPair string
	// Proxy is the proxy in which the form stands; nil for a global policy, and in
	// a group.
	Proxy *Proxy
	// Variable finds a variable of the project for conditions, nil finds none; Variables are their names.
	Variable  func(name string) (condition.Variable, bool)
	Variables []string
	// Now is the moment at which a sample request is thought to come.
	Now time.Time
	// Project is where variables of conditions are chosen and made.
	Project string
	// Environments are those that a condition with a ${NAME} can be tried in.
	Environments []conditions.Environment
	// Errors is what the tab of error messages knows.
	Errors errors.Choices
}

// Source is an identity source to choose.
type Source struct {
	Kind              identity.KindName
	Name, Description string
	// Detail is a few words more, such as how LDAP signs in. Edit and Test are addresses, "" for nobody.
	Detail, Edit, Test string
	// Environments are those in which something live uses it.
	Environments []string
}

// SigningKey is a key of the project's key store.
type SigningKey struct {
	Name string
	// Text says what it can sign and where, such as "RS256 in production".
	Text string
}

// Proxy is the owner of a local policy.
type Proxy struct {
	Name      string
	Endpoints []Endpoint
}

// Endpoint is an endpoint as the proxy spells it.
type Endpoint struct{ Method, Path string }

// Label is how people know a field. In the name of one that stands in rows, [] stands for any row.
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

// conditionLabels stand after those of the type, and error messages after them: so do the tabs.
var conditionLabels = []Label{{"policyCondition", "Condition"}, {conditions.UnmetField, "When the condition is not met"}}

const (
	definitions       = "Policy Definitions"
	conditionsSection = "Conditions"
	errorsSection     = "Error messages"
)

// Write puts a whole policy into the fields of its form.
func Write(f Form, c policy.Config) Values {
	v := f.Write(c)
	base := c.Base()
	v["name"], v["description"] = base.Name, base.Description
	v.Tick("active", base.Active)
	conditions.Write(v, base.Condition, base.ConditionUnmetAction)
	errors.Write(v, base.Custom)
	return v
}

// Change does what another button of the form than its save asks for, by the value of the button "change". It reports
// false for anything else.
func Change(f Form, v Values, what string) bool {
	return conditions.Change(v, what) || errors.Change(v, what) || f.Change(v, what)
}

// Read turns typed text into a policy of type typ and says everything that is wrong with it, in the order of the form.
func Read(f Form, typ string, v Values) (policy.Config, problem.List) {
	c, problems := f.Read(v)
	base := c.Base()
	base.Type, base.Name, base.Active = typ, v["name"], v.On("active")
	// Browsers send line breaks as two characters, which would count twice.
	base.Description = strings.ReplaceAll(v["description"], "\r\n", "\n")
	var unread problem.List
	base.Condition, base.ConditionUnmetAction, unread = conditions.Read(v)
	problems = append(problems, unread...)
	base.Custom, unread = errors.Read(v)
	problems = append(problems, unread...)
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
	at := func(p problem.Problem) int {
		switch {
		case conditions.Owns(p.Field):
			return len(place) + 1
		case errors.Owns(p.Field):
			return len(place) + 2
		}
		return place[anyRow(p.Field)]
	}
	slices.SortStableFunc(problems, func(a, b problem.Problem) int { return at(a) - at(b) })
	return problems
}

func allLabels(f Form) []Label { return slices.Concat(commonLabels, f.Labels(), conditionLabels) }

// anyRow takes the numbers out of a field's name: "a[2].b" becomes "a[].b".
func anyRow(field string) string { return rowNumber.ReplaceAllString(field, "[]") }

var rowNumber = regexp.MustCompile(`\[\d+\]`)

// LabelsOf are the names of all fields as people see them, by JSON name; those in rows as the problems name them.
func LabelsOf(f Form, problems ...problem.Problem) map[string]string {
	m := map[string]string{}
	for _, l := range allLabels(f) {
		m[l.Field] = l.Text
	}
	for _, p := range problems {
		if text, ok := m[anyRow(p.Field)]; ok {
			m[p.Field] = text
		} else if text := conditions.Label(p.Field) + errors.Label(p.Field); text != "" {
			m[p.Field] = text // each knows its own fields only
		}
	}
	return m
}

// SettingsOf says the whole policy in words.
func SettingsOf(f Form, v Values) []Setting {
	all := append([]Setting{
		{Section: definitions, Label: "Status", Text: string(ui.StateOf(v.On("active")))},
		{Section: definitions, Label: "Name", Text: v["name"]},
		{Section: definitions, Label: "Description", Text: v["description"]},
	}, f.Settings(v)...)
	return slices.Concat(all, conditionSettings(v), errorSettings(v))
}

func errorSettings(v Values) []Setting {
	c, _ := errors.Read(v)
	var all []Setting
	for _, s := range errors.Settings(c) {
		all = append(all, Setting{Section: errorsSection, Label: s.Label, Text: s.Text, Code: s.Code})
	}
	if len(all) == 0 {
		return []Setting{{Section: errorsSection, Label: "Error messages", Text: "As the platform's catalogue says"}}
	}
	return all
}

func conditionSettings(v Values) []Setting {
	c, unmet, _ := conditions.Read(v)
	all := []Setting{{Section: conditionsSection, Label: "Condition", Text: conditions.Sentence(c)}}
	if !c.Empty() {
		all = append(all, Setting{Section: conditionsSection, Label: "When it is not met", Text: conditions.UnmetWords(unmet)})
	}
	return all
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
	Choices  Choices
	Action   string      // where it posts
	Hidden   []ui.Hidden // such as the version that was read
	Check    string      // address that tells whether a name is free; empty for none
	Refresh  string      // address that gives the advice anew while somebody types; empty for none
	Redraw   string      // address that draws the conditions anew after a change; empty for none
	Discard  string      // where leaving leads
	Save     string      // the button: "Save" unless said
	Note     string      // what saving does, beside the button
	Creates  bool        // there is nothing yet to compare with
	Shares   bool        // a local one can become a global one at once
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

// located has the problems at the controls that they are about.
func (p FormPage) located() FormPage {
	p.Problems = errors.Locate(p.Values, conditions.Locate(p.Values, p.Problems))
	return p
}

// Conditions is what the tab of conditions is drawn from.
func Conditions(v Values, problems problem.List, choices Choices, redraw string) conditions.Props {
	return conditions.Props{
		Values: v, Problems: problems, Refresh: redraw, Variable: choices.Variable, Names: choices.Variables, Now: choices.Now,
		Project: choices.Project, Environments: choices.Environments,
	}
}

// Errors is what the tab of error messages is drawn from.
func Errors(v Values, problems problem.List, choices Choices) errors.Props {
	return errors.Props{
		Choices: choices.Errors, Values: v, Problems: problems, Variable: choices.Variable, Names: choices.Variables, Project: choices.Project, Now: choices.Now,
	}
}

const definitionPanel = "definition"

// tabs lead to the panels of the form. The one with the first problem, or the one that was just changed, is shown first.
func (p FormPage) tabs() []ui.Tab {
	wrong := map[string]bool{}
	for _, x := range p.Problems {
		if x.Field != "" {
			wrong[panelOf(x.Field)] = true
		}
	}
	tabs := []ui.Tab{
		{Label: "Definition", Href: "#" + definitionPanel, Wrong: wrong[definitionPanel]},
		conditions.Tab(p.Values, wrong[conditions.PanelID]), errors.Tab(p.Values, wrong[errors.PanelID]),
	}
	for i := range tabs {
		tabs[i].Current = p.on(tabs[i].Href[1:])
	}
	return tabs
}

// panelOf is the panel of a problem's field, or of a button.
func panelOf(field string) string {
	switch {
	case conditions.Owns(field):
		return conditions.PanelID
	case errors.Owns(field):
		return errors.PanelID
	}
	return definitionPanel
}

// on tells whether a panel is shown first.
func (p FormPage) on(panel string) bool {
	if len(p.Problems) > 0 {
		return panelOf(p.Problems[0].Field) == panel
	}
	return panelOf(p.Values["change"]) == panel
}

func (p FormPage) fields() Fields {
	return Fields{Values: p.Values, Problems: p.Problems, Choices: p.Choices}
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
