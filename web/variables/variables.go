// Package variables owns the pages of what conditions refer to by a name: the variables of a project, which point to a
// value of a request, and the values that ${NAME} stands for in an environment.
package variables

import (
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// List is a page of the variables of a project.
type List struct {
	Items  []Item
	Search ui.Search
	Page   ui.Page
	New    string // the empty form; "" when the visitor may not
	Now    time.Time
}

// Item is a variable in the list.
type Item struct {
	Name, Description string
	Words             string   // what it points to
	Policies          []string // those that refer to it
	Edit, Delete      string
	UpdatedAt         time.Time
	UpdatedBy         string
}

// Suggestion is a variable that many projects want, ready to be saved.
type Suggestion struct {
	Label string
	Typed Values
}

// Suggestions begin an empty list.
var Suggestions = []Suggestion{
	{"Client address", Values{"name": "client-address", "kind": string(contextKind), "contextValue": "REQUEST_REMOTE_ADDRESS", "description": "Where the caller comes from."}},
	{"Path", Values{"name": "path", "kind": string(contextKind), "contextValue": "REQUEST_REQUEST_URI", "description": "The whole path as called."}},
	{"X-Environment header", Values{"name": "environment-header", "kind": string(headerKind), "headerName": "X-Environment", "description": "The environment that the caller asks for."}},
}

// Href is the form with the suggestion filled in.
func (s Suggestion) Href(form string) string {
	q := url.Values{}
	for field, value := range s.Typed {
		q.Set(field, value)
	}
	return form + "?" + q.Encode()
}

// FormPage is what both kinds of form have beside their fields.
type FormPage struct {
	Title    string
	Values   Values
	Problems problem.List
	Action   string      // where it posts
	Cancel   string      // where leaving leads
	Check    string      // address that tells whether a name is free
	Hidden   []ui.Hidden // such as the version that was read
	New      bool        // there is nothing yet to compare with
	Inside   bool        // the form stands in a dialog of another one
	Unsaved  bool        // the page shows what was typed and is not saved
	Conflict *Conflict
	// Policies are those that refer to a variable.
	Policies []string
	// Environment is whose value it is.
	Environment string
}

// Conflict says that somebody else was faster (D17). What was typed stays in the form, which from now on saves over what
// is shown as theirs: its hidden version must be that one.
type Conflict struct {
	Name, By string
	At, Now  time.Time
	// Deleted tells that there is nothing left to save over.
	Deleted   bool
	Different []policies.Difference
	Same      int
	Discard   string // the form with what the other side saved
}

func (p FormPage) wrong(field string) string { return p.Problems.For(field) }

// first puts the caret on the first field that is wrong, or on the name of something new.
func (p FormPage) first(field string) templ.Attributes {
	if p.New && len(p.Problems) == 0 && p.Conflict == nil && field == "name" {
		return templ.Attributes{"autofocus": true}
	}
	return policies.First(p.Problems, field)
}

func (p FormPage) save(create, note string) ui.Save {
	s := ui.Save{Discard: p.Cancel, Unsaved: p.Unsaved, Note: note}
	switch {
	case p.New:
		s.Label, s.Always = create, true
	case p.Conflict != nil:
		s.Label, s.Discard = "Keep mine", p.Conflict.Discard
	}
	return s
}

// Values is a form as it was typed: the text of each field by its name. Fields that the chosen kind hides are among
// them, so that choosing another kind loses nothing.
type Values map[string]string

// EnvironmentList are the values of an environment.
type EnvironmentList struct {
	Environment string
	Items       []EnvironmentItem
	New         string // the empty form; "" when the visitor may not
	Now         time.Time
}

// EnvironmentItem is a value in the list.
type EnvironmentItem struct {
	Name, Value  string
	Edit, Delete string
	UpdatedAt    time.Time
	UpdatedBy    string
}

// EnvironmentFields are the fields of a value, in the order of its form.
var EnvironmentFields = []string{"name", "value"}

// EnvironmentSettings are both of them for people.
func EnvironmentSettings(v Values) []policies.Setting {
	return []policies.Setting{{Label: "Name", Text: v["name"], Code: true}, {Label: "Value", Text: v["value"], Code: true}}
}
