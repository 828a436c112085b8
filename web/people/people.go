// Package people owns the pages of who may do what: users, the roles of projects, projects and their members, and how
// people of a directory sign in.
package people

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// UserList is the page of all users.
type UserList struct {
	Items   []UserItem
	New     string // the empty form; "" when the visitor may not
	Search  ui.Search
	Role    string // the filters
	State   string
	Roles   []ui.Option
	Columns []ui.Column
	Page    ui.Page
	Now     time.Time
	// Filtered tells an empty list from one that the filters empty.
	Filtered bool
}

// UserItem is a user in the list.
type UserItem struct {
	Name, FullName, Email string
	Role, SignIn          string // in words
	Locked, Absent, Self  bool
	LastSignIn            time.Time
	// Addresses; empty for what this visitor may not do.
	Edit, Lock, Password, Delete string
	Hidden                       []ui.Hidden // what was read, for the lock
}

// Form is what all forms of this package have.
type Form struct {
	Title, Text, Action, Cancel string
	Values                      map[string]string
	Problems                    problem.List
	Hidden                      []ui.Hidden // such as the version that was read
	New, Unsaved                bool
	Changed                     string // who was faster, and how it is now; "" when nobody was
}

var labels = map[string]string{
	"name": "Name", "fullName": "Full name", "email": "Email", "role": "Role", "loginType": "Signs in with", "password": "First password",
	"locked": "Locked", "description": "Description", "permissions": "What it allows", "user": "User", "roles": "Roles",
}

func (f Form) field(name, help string) ui.Field {
	field := ui.Field{Name: name, Label: labels[name], Value: f.Values[name], Error: f.Problems.For(name), Help: help, Attrs: policies.First(f.Problems, name)}
	if f.New && len(f.Problems) == 0 && name == "name" {
		field.Attrs = templ.Attributes{"autofocus": true}
	}
	return field
}

func (f Form) name(help string) ui.Field {
	field := f.field("name", help)
	field.Required, field.Max = true, problem.MaxName
	return field
}

func (f Form) kept(help string) ui.Field {
	field := f.field("name", help)
	field.ReadOnly = true
	return field
}

func (f Form) description(help string) ui.Field {
	field := f.field("description", help)
	field.Max = problem.MaxDescription
	return field
}

func (f Form) email() ui.Field {
	field := f.field("email", "Where the person can be reached. Empty by default.")
	field.Type = "email"
	return field
}

func (f Form) save(create string) ui.Save {
	s := ui.Save{Discard: f.Cancel, Unsaved: f.Unsaved || f.Changed != ""}
	if f.New {
		s.Label, s.Always = create, true
	}
	return s
}

var signIns = []ui.Card{
	{Value: "LOCAL", Label: "A password of their own", Text: "Kept here, hashed. The first one is changed at the first sign-in."},
	{Value: "LDAP", Label: "The company's directory", Text: "The directory checks the password; see Sign-in settings."},
}

// RoleList is the page of the roles of projects.
type RoleList struct {
	Items []RoleItem
	New   string
	Now   time.Time
}

// RoleItem is a role in the list.
type RoleItem struct {
	Name, Description, Allows string // Allows in words
	Fixed                     bool
	Used                      int
	UpdatedAt                 time.Time
	UpdatedBy                 string
	Edit, Delete              string
}

// Matrix is what a role allows, as boxes.
type Matrix struct {
	Rows   []MatrixRow
	Frozen bool // it cannot be changed
}

// MatrixRow is a category.
type MatrixRow struct {
	Label, Text string
	Cells       []MatrixCell // as many as Actions
}

// MatrixCell is an action of a category; without a value there is no such.
type MatrixCell struct {
	Value string
	On    bool
}

// Actions are the heads of a matrix.
var Actions = []string{"View", "Change", "Deploy", "Export and import"}

// ProjectPage is the page of all projects.
type ProjectPage struct {
	Items []ProjectItem
	New   string
	Now   time.Time
}

// ProjectItem is a project in the list.
type ProjectItem struct {
	Name, Description         string
	Proxies, Policies         int
	Members                   int
	MembersHref, Edit, Delete string
	UpdatedAt                 time.Time
	UpdatedBy                 string
}

// MemberList is the page of a project's members.
type MemberList struct {
	Project string
	Items   []MemberItem
	Add     *MemberForm // nil when the visitor may not
	Now     time.Time
}

// MemberItem is a member in the list.
type MemberItem struct {
	Name, FullName string
	Roles          []string
	UpdatedAt      time.Time
	UpdatedBy      string
	Edit, Remove   string
}

// MemberForm gives somebody roles.
type MemberForm struct {
	Form
	Users   []ui.Option // who can be added
	Options []ui.Option // the roles
	Chosen  []string
}

// DirectoryPage is the page of how people of a directory sign in.
type DirectoryPage struct {
	Form
	HasPassword bool
	CanSave     bool
	Tested      templ.Component // what a test has shown; nil
	TestName    string
}

var directoryLabels = map[string]string{
	"enabled": "People of the directory sign in", "url": "Address", "startTls": "Encrypt by StartTLS", "allowPlaintext": "Allow unencrypted passwords",
	"caCertificates": "Certificate authorities", "bindDn": "Bind DN", "bindPassword": "Bind password", "baseDn": "Base DN", "filter": "Filter",
	"nameAttribute": "Name attribute", "fullNameAttribute": "Full name attribute", "emailAttribute": "Email attribute",
	"createUsers": "Make users at their first sign-in", "memberFilter": "Who may come in", "recheckMinutes": "Ask again after",
}

// DirectoryFields are the fields of its form, in its order.
var DirectoryFields = []string{
	"enabled", "url", "startTls", "allowPlaintext", "caCertificates", "bindDn", "baseDn", "filter",
	"nameAttribute", "fullNameAttribute", "emailAttribute", "createUsers", "memberFilter", "recheckMinutes",
}

// DirectoryLabels are what people call them.
func DirectoryLabels() map[string]string { return directoryLabels }

func (p DirectoryPage) field(name, help string) ui.Field {
	return ui.Field{Name: name, Label: directoryLabels[name], Value: p.Values[name], Error: p.Problems.For(name), Help: help, Attrs: policies.First(p.Problems, name), Disabled: !p.CanSave}
}

func (p DirectoryPage) code(name, help, example string) ui.Field {
	f := p.field(name, help)
	f.Mono, f.Placeholder = true, example
	return f
}

func (p DirectoryPage) on(name string) bool { return p.Values[name] == "true" }

// blind tells that it is nobody's account that searches.
func (p DirectoryPage) blind() bool {
	return p.on("enabled") && strings.TrimSpace(p.Values["bindDn"]) == ""
}

func (p DirectoryPage) recheck() ui.Field {
	f := p.field("recheckMinutes", "Minutes, at most 1440. 0: never. Default: 5.")
	f.Type = "number"
	return f
}

// bind never holds what is stored or was typed.
func (p DirectoryPage) bind() ui.Field {
	f := p.field("bindPassword", "Stored sealed. It is asked for again when the address or who vouches for it changes.")
	f.Value, f.Type, f.Complete = "", "password", "new-password"
	if p.HasPassword {
		f.Placeholder = "Stored; leave empty to keep it"
	}
	f.Attrs = merge(f.Attrs, templ.Attributes{"data-keep": true})
	return f
}

func merge(a, b templ.Attributes) templ.Attributes {
	all := templ.Attributes{}
	for name, value := range a {
		all[name] = value
	}
	for name, value := range b {
		all[name] = value
	}
	return all
}

func (p DirectoryPage) authorities() ui.Field {
	f := p.code("caCertificates", "In PEM; the only ones trusted. Empty: those of the system.", "")
	f.Rows = 4
	return f
}

func list(names []string) string { return strings.Join(names, ", ") }
