package environments

import (
	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// FormID is the id of the form, which htmx takes out of the page that answers.
const FormID = "environment-form"

// Fields are the fields of the form, in its order.
var Fields = []string{"name", "type", "publicUrl", "description", "colour"}

var labels = map[string]string{"name": "Name", "type": "Type", "publicUrl": "Public URL", "description": "Description", "colour": "Colour"}

// Form is an environment as it was typed.
type Form struct {
	Title, Action, Cancel string
	Check                 string // tells whether a name is free
	Values                map[string]string
	Problems              problem.List
	Hidden                []ui.Hidden // such as the version that was read
	New                   bool
	Unsaved               bool            // the page shows what was typed and is not saved
	Conflict              templ.Component // both sides of a save that came too late; nil when it did not
	Discard               string          // the form with what the other side saved
	Address               string          // where the public URL of an existing one is changed
}

func (f Form) field(name, help string) ui.Field {
	return ui.Field{Name: name, Label: labels[name], Value: f.Values[name], Error: f.Problems.For(name), Help: help, Attrs: f.first(name)}
}

// first puts the caret on the first field that is wrong, or on the name of something new.
func (f Form) first(name string) templ.Attributes {
	if f.New && len(f.Problems) == 0 && f.Conflict == nil && name == "name" {
		return templ.Attributes{"autofocus": true}
	}
	return policies.First(f.Problems, name)
}

func (f Form) name() ui.Field {
	if !f.New {
		field := f.field("name", "It stays: gateway nodes are started with it, and would serve nothing under another name. For another name, create another environment.")
		field.ReadOnly = true
		return field
	}
	field := f.field("name", "What nodes are started with and logs are kept under, such as staging. Unique, whatever the letter case. It cannot be changed later.")
	field.Required, field.Max, field.Check = true, problem.MaxName, f.Check
	return field
}

func (f Form) kind() (ui.Field, []ui.Card) {
	return f.field("type", ""), []ui.Card{
		{Value: "TEST", Label: "Test", Text: "Where changes are tried before they go live."},
		{Value: "SANDBOX", Label: "Sandbox", Text: "Where clients try their own programs."},
		{Value: "PRODUCTION", Label: "Production", Text: "Real traffic. The last production environment cannot be deleted."},
	}
}

func (f Form) publicURL() ui.Field {
	field := f.field("publicUrl", "Where callers reach it, such as https://staging.example.com. Tokens name it as their issuer, so a later change ends them.")
	field.Required, field.Mono, field.Type, field.Placeholder = true, true, "url", "https://staging.example.com"
	return field
}

func (f Form) description() ui.Field {
	field := f.field("description", "What it is for and whom to ask. Empty by default.")
	field.Max = problem.MaxDescription
	return field
}

func (f Form) colour() ui.Field {
	return f.field("colour", "Marks the top of every page while the environment is chosen, beside its name. None by default.")
}

func (f Form) save() ui.Save {
	s := ui.Save{Discard: f.Cancel, Unsaved: f.Unsaved, Note: "Nothing that is deployed changes"}
	switch {
	case f.New:
		s.Label, s.Always, s.Note = "Create environment", true, "It is served once a node is started with its name"
	case f.Conflict != nil:
		s.Label, s.Discard = "Keep mine", f.Discard
	}
	return s
}

// colours are those to choose from, none first.
var colours = []struct {
	Colour layout.Colour
	Label  string
}{
	{layout.ColourNone, "None"}, {layout.ColourRed, "Red"}, {layout.ColourAmber, "Amber"}, {layout.ColourGreen, "Green"},
	{layout.ColourBlue, "Blue"}, {layout.ColourViolet, "Violet"},
}

// Settings say a form field by field.
func Settings(v map[string]string) []policies.Setting {
	_, kinds := Form{}.kind()
	kind, colour := v["type"], v["colour"]
	for _, k := range kinds {
		if k.Value == kind {
			kind = k.Label
		}
	}
	for _, c := range colours {
		if string(c.Colour) == colour {
			colour = c.Label
		}
	}
	return []policies.Setting{
		{Label: labels["type"], Text: kind}, {Label: labels["publicUrl"], Text: v["publicUrl"], Code: true},
		{Label: labels["description"], Text: v["description"]}, {Label: labels["colour"], Text: colour},
	}
}

// Move is the question before the public URL changes.
type Move struct {
	ui.Confirm
	Typed, Problem string
}

func (m Move) field() ui.Field {
	field := Form{}.publicURL()
	field.Label, field.Value, field.Error = "New public URL", m.Typed, m.Problem
	field.Help = "Scheme, host, port and path, such as https://api.example.com."
	field.Attrs = templ.Attributes{"autofocus": true}
	return field
}
