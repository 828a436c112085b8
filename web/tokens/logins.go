package tokens

import (
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// Login is one login that can be refreshed.
type Login struct {
	Session                                      string // the sid
	Subject, ClientID                            string
	User                                         bool
	Environment, Project, Owner, Policy, Address string
	Source                                       string
	StartedAt, RefreshedAt, ExpiresAt            time.Time
	Refreshes, Allowed                           int
}

// LoginsPage is everything the list of logins shows.
type LoginsPage struct {
	Frame        layout.Props
	Query        Query
	Rows         []Login
	Total        int
	Page         ui.Page
	Capped       bool
	CanEnd       bool
	Environments []string
	Now          time.Time
}

func (l Login) kind() string {
	if l.User {
		return "User"
	}
	return "Client"
}

func (l Login) refreshes() string {
	return strconv.Itoa(l.Refreshes) + " of " + strconv.Itoa(l.Allowed)
}

func (l Login) requests() string {
	return Query{path: requestsPath, values: map[string]string{"session": l.Session}}.URL()
}

// RevokeForm is which tokens to revoke, as it was typed.
type RevokeForm struct {
	Environment, Kind, Key, Project, Before, Reason string
}

// RevokePage is everything the form of a revocation shows.
type RevokePage struct {
	Frame                  layout.Props
	Form                   RevokeForm
	Problems               problem.List
	Environments, Projects []string
}

// RevokeFormID is the id of the form.
const RevokeFormID = "revoke-form"

var revokeLabels = map[string]string{
	"environment": "Environment", "kind": "Whose tokens", "key": "Name", "project": "Project", "before": "Issued before", "reason": "Reason",
}

func (p RevokePage) field(name, help string) ui.Field {
	return ui.Field{Name: name, Label: revokeLabels[name], Help: help, Error: p.Problems.For(name)}
}

func (p RevokePage) with(name, help, value string) ui.Field {
	f := p.field(name, help)
	f.Value = value
	return f
}

var revokeKinds = []ui.Card{
	{Value: "USER", Label: "A user's", Text: "Everything that one user got with a password."},
	{Value: "CLIENT", Label: "A client's", Text: "Everything that was issued to one client id, of a proxy or a credential."},
	{Value: "POLICY", Label: "A policy's", Text: "Everything that was issued under one policy."},
	{Value: "ALL", Label: "All", Text: "Every token of the environment."},
}

func chosenOptions(all string, values []string) []ui.OptionGroup {
	list := []ui.Option{{Label: all}}
	for _, v := range values {
		list = append(list, ui.Option{Value: v, Label: v})
	}
	return []ui.OptionGroup{{Options: list}}
}
