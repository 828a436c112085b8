// Package credentials owns the pages of the secret manager: credentials with
// their form and their import, credential roles, and who may call which API.
// Their props are plain values that the handlers fill; no secret is among them
// but the one that SecretPage shows, once.
package credentials

import (
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/ui"
)

// Item is a credential in a list.
type Item struct {
	ID, Name, About string
	Enabled         bool
	Expires         time.Time // zero: never
	Roles           []string
	Grants          int
	Version         int
	UpdatedAt       time.Time
	UpdatedBy       string

	Href, Access string
	// Edit, Status, Secret and Delete are "" when the visitor may not.
	Edit, Status, Secret, Delete string
}

// List is the list of a project's credentials.
type List struct {
	Items    []Item
	Columns  []ui.Column
	Search   ui.Search
	Role     string   // that the list is narrowed to
	Roles    []string // that it can be narrowed to
	Status   string
	Narrowed bool
	Page     ui.Page
	// New, Import and Bulk are "" when the visitor may not.
	New, Import, Bulk string
	Export, Here      string
	Now               time.Time
}

var bulk = ui.Bulk{ID: "credentials-selected", Name: "credential"}

func (i Item) value() string { return i.ID + ":" + strconv.Itoa(i.Version) }

func (i Item) hidden(here string) []ui.Hidden {
	return []ui.Hidden{{Name: "credentialId", Value: i.ID}, {Name: "version", Value: strconv.Itoa(i.Version)}, {Name: "return", Value: here}}
}

// roleOptions are for the filter.
func (l List) roleOptions() []ui.Option {
	options := []ui.Option{{Label: "Any role"}}
	for _, r := range l.Roles {
		options = append(options, ui.Option{Value: r, Label: r})
	}
	return options
}

// expiryTone says how soon an end matters.
func expiryTone(expires, now time.Time) ui.Tone {
	switch {
	case !now.Before(expires):
		return ui.ToneDanger
	case expires.Sub(now) < 14*24*time.Hour:
		return ui.ToneWarning
	}
	return ui.ToneNeutral
}

func expiryText(expires, now time.Time) string {
	if !now.Before(expires) {
		return "Expired " + ui.Relative(expires, now)
	}
	return "Expires " + ui.Relative(expires, now)
}

// some shows a few names and counts the rest.
func some(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped is a count with its thousands apart.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// View is the page of one credential.
type View struct {
	Item
	FullName, Email, Description string
	Networks                     []string
	SecretChangedAt              time.Time
	Metadata                     []MetadataText
	Tokens                       []issue.Line
	Environments                 []EnvironmentText
	Allowed                      []GrantItem
	Grant                        string // grants more; "" when the visitor may not
	CreatedAt                    time.Time
	CreatedBy                    string
	Now                          time.Time
}

// MetadataText is an entry as it is read.
type MetadataText struct {
	Key, Value string
	Secret     bool
	Goes       string // "Token as tid, token response"
}

// EnvironmentText is what differs in an environment, in words.
type EnvironmentText struct {
	Name  string
	Lines []string
}

// Secret shows a secret, the only time that it is known.
type Secret struct {
	Title, Text, Name, Secret, Done, Grant string
	New                                    bool
}

// RoleItem is a role in a list.
type RoleItem struct {
	ID, Name, Description string
	Credentials, Policies int
	Holders               string // the credentials that have it
	Edit, Delete          string // "" when the visitor may not
	UpdatedAt             time.Time
	UpdatedBy             string
}

// RoleList is the list of a project's roles.
type RoleList struct {
	Items   []RoleItem
	Columns []ui.Column
	Search  ui.Search
	Page    ui.Page
	Create  string // takes a new one; "" when the visitor may not
	// Name, Description and Problems are those of a role that was refused.
	Name, Description string
	Problems          problem.List
	Now               time.Time
}

// RoleForm describes a role.
type RoleForm struct {
	Name, Description, Action, Cancel string
	Hidden                            []ui.Hidden
	Problems                          problem.List
	Changed                           string // who was faster, when somebody was
}

// GrantItem is the access of a credential to an API.
type GrantItem struct {
	ID, Credential, Proxy, BasePath string
	CredentialHref, ProxyHref       string
	State                           string
	InForce                         bool
	Expires                         time.Time
	Denied                          []string
	DisabledIn                      []string
	Edit, Revoke                    string // "" when the visitor may not
}

// AccessList says who may call what.
type AccessList struct {
	Tabs              []ui.Tab
	Items             []GrantItem
	Search            ui.Search
	Proxy, Credential string // that the list is narrowed to
	Clear             string // the list without that
	Narrowed          bool
	Page              ui.Page
	Grant             string // "" when the visitor may not
	Export            string
	Now               time.Time
}

// AccessSummary counts access by API or by credential.
type AccessSummary struct {
	Tabs   []ui.Tab
	What   string // "API" or "Credential"
	Rows   []SummaryRow
	Search ui.Search
	Page   ui.Page
	Grant  string
	Export string
}

// SummaryRow is one API or credential.
type SummaryRow struct {
	Name, Text, Href, Access, Grant string
	Total, InForce                  int
}

// AccessForm grants access, or changes the conditions of one grant.
type AccessForm struct {
	New                  bool
	Title                string
	Credentials, Proxies string // one a line
	Expires              string
	Denied               []string
	Methods              []string
	// FindCredentials and FindProxies answer a search for names.
	FindCredentials, FindProxies string
	Problems                     problem.List
	Unsaved                      bool
	Hidden                       []ui.Hidden
	Action, Cancel               string
	Changed                      string // who was faster, when somebody was
}

// Import is where a file is chosen.
type Import struct {
	Action, Cancel string
	Update         bool
	Columns        []string
	MaxLines       int
	Problems       problem.List
	// Last is the import that the visitor began last; nil when there is none.
	Last *ImportRun
}

// Preview is what an import would do.
type Preview struct {
	Lines                           []PreviewLine
	More                            int // lines beyond those shown
	Creates, Updates, Skips, Errors int
	Changed                         bool       // the plan is another one than was confirmed
	Other                           *ImportRun // has to end first; nil when there is none
	Action, Again                   string
	Hidden                          []ui.Hidden
}

// ImportRun is an import that was confirmed.
type ImportRun struct {
	State                   string // "RUNNING", "DONE", "FAILED", "INTERRUPTED" or "CHANGED"
	Writing                 bool   // all secrets are hashed
	Hashed, ToHash          int
	Creates, Updates, Skips int
	Reason                  string // why it failed
	Here                    string // its page
	Written                 string // the credentials, those that changed last first
	Again                   string // where another file is chosen
	Audit                   string
	Restart                 string // takes Hidden and begins it anew
	Hidden                  []ui.Hidden
}

// Running tells that there is more to come.
func (r ImportRun) Running() bool { return r.State == "RUNNING" }

func (r ImportRun) writes() int { return r.Creates + r.Updates }

// Title says what the import is at.
func (r ImportRun) Title() string {
	switch r.State {
	case "RUNNING":
		return "Importing " + counted(r.writes(), "credential", "credentials")
	case "DONE":
		return "Import finished"
	case "FAILED":
		return "Import failed"
	case "INTERRUPTED":
		return "Import interrupted"
	}
	return "Import not done"
}

// summary is what was done, or is to be.
func (r ImportRun) summary() string {
	return counted(r.Creates, "credential", "credentials") + " created, " + grouped(r.Updates) + " changed, " + grouped(r.Skips) + " skipped"
}

// progress is how far it is, in words.
func (r ImportRun) progress() string {
	if r.Writing {
		return "Writing " + counted(r.writes(), "credential", "credentials")
	}
	return grouped(r.Hashed) + " of " + counted(r.ToHash, "secret", "secrets") + " hashed"
}

// PreviewLine is one line of the file.
type PreviewLine struct {
	Number   int
	Name     string
	Action   string
	Text     string
	Problems problem.List
}

func (p Preview) writes() int { return p.Creates + p.Updates }

// Conflict says that somebody else saved first (D17). What was typed stays in
// the form, which from now on saves over what is shown as theirs.
type Conflict struct {
	By          string
	At, Now     time.Time
	Differences []Difference
	Discard     string
}

// Difference is a field where the two sides are not the same.
type Difference struct{ Label, Mine, Theirs string }

// Deletion says that the credential is gone.
type Deletion struct {
	Name, By string
	At, Now  time.Time
}
