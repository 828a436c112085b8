package credentials

import (
	"fmt"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// FormID is the element that htmx takes out of the answer.
const FormID = "credential-form"

// What becomes of a secret with a save.
const (
	KeepSecret     = "keep"
	GenerateSecret = "generate"
	TypeSecret     = "type"
)

// Form is the credential's form with everything as it was typed, except for
// secrets: those are never sent back.
type Form struct {
	New bool
	// ID and Version are of the credential as it was read; empty when New.
	ID, Version string
	// Title is the name as it is stored, which may differ from what is typed.
	Title string

	Name, FullName, Email, Description string
	Expires                            string
	Networks                           string // one a line
	Enabled                            bool
	SecretMode                         string
	Roles, AllRoles                    []string
	Metadata                           []MetadataRow
	Tokens                             map[string]string // see web/issue
	Environments                       []EnvironmentRow

	Problems problem.List
	Unsaved  bool
	// Dropped tells that secrets were typed, which do not come back.
	Dropped bool
	// Focus is the field that has the cursor; "" for the first wrong one.
	Focus    string
	Conflict *Conflict
	Deleted  *Deletion

	Action, Cancel, CheckName string
	MaxName, MaxDescription   int
	MinSecret                 int
	// Grants are shown for reading; Manage leads to where they are changed.
	Grants    []GrantItem
	AllGrants int
	Manage    string
	Now       time.Time
}

// MetadataRow is an entry as it was typed.
type MetadataRow struct {
	Key, Value, Claim         string
	Secret, InJWT, InResponse bool
	Stored                    bool // a secret value is stored under this key
}

// EnvironmentRow is what differs in one environment.
type EnvironmentRow struct {
	Name                             string
	OwnSecret, OwnNetworks, Disabled bool
	Networks                         string
	Stored                           bool // the environment has a secret of its own already
}

// Differs tells whether anything does.
func (e EnvironmentRow) Differs() bool { return e.OwnSecret || e.OwnNetworks || e.Disabled }

// panel is one tab of the form.
type panel struct{ id, label string }

var panels = []panel{
	{"information", "Information"}, {"access", "Access"}, {"metadata", "Metadata"}, {"tokens", "Token Settings"}, {"environments", "Environments"},
}

// PanelOf is the tab that a field stands on.
func PanelOf(field string) string {
	switch {
	case len(field) >= 8 && field[:8] == "metadata":
		return "metadata"
	case len(field) >= 12 && field[:12] == "environments":
		return "environments"
	}
	for _, l := range issue.Labels("") {
		if l.Field == field {
			return "tokens"
		}
	}
	return "information"
}

// current is the tab that is shown first: that of the field with the cursor.
func (f Form) current() string { return PanelOf(f.focus()) }

func (f Form) tabs() []ui.Tab {
	var tabs []ui.Tab
	for _, p := range panels {
		t := ui.Tab{Label: p.label, Href: "#" + p.id, Current: p.id == f.current()}
		for _, wrong := range f.Problems {
			t.Wrong = t.Wrong || PanelOf(wrong.Field) == p.id
		}
		switch p.id {
		case "access":
			t.Count = f.AllGrants
		case "metadata":
			t.Count = len(f.Metadata)
		case "environments":
			for _, e := range f.Environments {
				if e.Differs() {
					t.Count++
				}
			}
		}
		tabs = append(tabs, t)
	}
	return tabs
}

func (f Form) heading() layout.Heading {
	if f.New {
		return layout.Heading{Title: "New credential", Text: "A user or a client of the secret manager. It can be used as soon as it has access to an API."}
	}
	return layout.Heading{Title: "Edit " + f.Title}
}

// labels are how the user knows the fields.
func (f Form) labels() map[string]string {
	l := map[string]string{
		"username": "Client Id/Username", "password": "Client Secret/Password", "fullName": "Full name", "email": "Email", "description": "Description",
		"expireDate": "Expires", "ipList": "IP addresses", "roleNameList": "Roles", "metadata": "Metadata",
	}
	for _, t := range issue.Labels("") {
		l[t.Field] = t.Text
	}
	for i := range f.Metadata {
		for part, text := range map[string]string{"key": "name", "value": "value", "jwtClaimName": "claim", "includeInJwt": "token"} {
			l[entry(i, part)] = fmt.Sprintf("Metadata %d, %s", i+1, text)
		}
	}
	for i, e := range f.Environments {
		l[place(i, "password")], l[place(i, "ipList")], l[place(i, "environment")] = "Secret in "+e.Name, "IP addresses in "+e.Name, e.Name
	}
	return l
}

// entry and place are the names of parts of a row.
func entry(i int, part string) string { return fmt.Sprintf("metadata[%d].%s", i, part) }
func place(i int, part string) string { return fmt.Sprintf("environments[%d].%s", i, part) }

func (f Form) focus() string {
	switch {
	case f.Focus != "":
		return f.Focus
	case len(f.Problems) > 0:
		return f.Problems[0].Field
	case f.New && f.Deleted == nil:
		return "username"
	}
	return ""
}

func (f Form) attrs(name string) templ.Attributes {
	return templ.Attributes{"autofocus": f.focus() == name}
}

func (f Form) save() ui.Save {
	s := ui.Save{Discard: f.Cancel, Unsaved: f.Unsaved, Always: f.New, Note: "Takes effect at once in every environment."}
	switch {
	case f.Deleted != nil:
		s.Label = "Create it again"
	case f.New:
		s.Label = "Create credential"
	case f.Conflict != nil:
		s.Label, s.Discard = "Keep mine", f.Conflict.Discard
	}
	return s
}

// text is a field of one line.
func (f Form) text(name, label, value, help string) ui.Field {
	return ui.Field{Name: name, Label: label, Value: value, Help: help, Error: f.Problems.For(name), Attrs: f.attrs(name)}
}

func (f Form) name() ui.Field {
	x := f.text("username", "Client Id/Username", f.Name, "What it signs in with, such as mobile-app. Unique over all projects, whatever the letter case.")
	x.Required, x.Max, x.Check = true, f.MaxName, f.CheckName
	return x
}

func (f Form) secretCards() []ui.Card {
	generate := ui.Card{Value: GenerateSecret, Label: "Generate a secret", Text: "43 random characters, shown once after saving."}
	typed := ui.Card{Value: TypeSecret, Label: "Type a secret", Text: fmt.Sprintf("At least %d characters; such as one that is moved here.", f.MinSecret)}
	if f.New {
		generate.Tag = "Recommended"
		return []ui.Card{generate, typed}
	}
	generate.Label, generate.Text = "Generate a new secret", generate.Text+" The present one and its tokens stop working."
	typed.Label = "Type a new secret"
	return []ui.Card{{Value: KeepSecret, Label: "Keep the secret", Text: "It is stored as a hash and cannot be shown."}, generate, typed}
}

// password is for secrets: what was typed never comes back.
func (f Form) password(name, label, help string) ui.Field {
	x := f.text(name, label, "", help)
	x.Type, x.Mono, x.Complete = "password", true, "new-password"
	return x
}

func (f Form) expires() ui.Field {
	x := f.text("expireDate", "Expires", f.Expires, "In UTC. From then on it cannot be used. Empty: never.")
	x.Type, x.Narrow = "datetime-local", true
	return x
}

func (f Form) networks(name, label, value string) ui.Field {
	x := f.text(name, label, value, "One a line, such as 192.0.2.10 or 10.0.0.0/8. Asked where a policy has Check Client IP Address on. Empty: any address.")
	x.Mono, x.Rows = true, 3
	return x
}

func (f Form) roleOptions() []ui.Option {
	var options []ui.Option
	for _, r := range f.AllRoles {
		options = append(options, ui.Option{Value: r, Label: r})
	}
	return options
}

func (f Form) entryLabel(i int) string {
	if f.Metadata[i].Key == "" {
		return "Entry " + strconv.Itoa(i+1)
	}
	return f.Metadata[i].Key
}

func (f Form) entryValue(i int) ui.Field {
	m := f.Metadata[i]
	x := f.text(entry(i, "value"), "Value", m.Value, "")
	if m.Secret {
		x.Value, x.Type, x.Complete = "", "password", "new-password"
		if m.Stored {
			x.Placeholder, x.Help = "Stored", "A secret value is stored. Type one only to replace it."
		}
	}
	return x
}

func (f Form) box(name, label, help string) ui.Field {
	return ui.Field{Name: name, Label: label, Help: help, Error: f.Problems.For(name)}
}
