package identity

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// Outcome is what a test of a configuration has shown. Nothing in it is secret.
type Outcome struct {
	// Problems keep the settings from being tried at all.
	Problems problem.List
	Labels   map[string]string
	// Failure says in a sentence why nothing could be tried.
	Failure string
	Report  identity.Report
	// Name and Login say what was asked for: a connection alone, a user, or a login.
	Name  string
	Login bool
	Took  time.Duration
}

// NewOutcome says which settings are wrong, by the names that people know.
func NewOutcome(f Form, kind identity.Kind, problems problem.List) Outcome {
	return Outcome{Problems: problems, Labels: labelsOf(f, kind, problems)}
}

// good tells whether the test showed what was asked for.
func (o Outcome) good() bool {
	if o.Login {
		return o.Report.Accepted
	}
	if o.Name != "" && o.Report.Identity.Name == "" {
		return false
	}
	return !slices.ContainsFunc(o.Report.Steps, func(s identity.Step) bool { return !s.OK }) || o.Report.Identity.Name != ""
}

func (o Outcome) title() string {
	switch {
	case o.Login && o.good():
		return o.Name + " can log in"
	case o.Login:
		return o.Name + " cannot log in with this password"
	case o.Name != "" && o.good():
		return o.Name + " was found"
	case o.Name != "":
		return o.Name + " was not found"
	case o.good():
		return "The connection works"
	}
	return "The connection does not work"
}

func (o Outcome) tone() ui.Tone {
	if o.good() {
		return ui.ToneSuccess
	}
	return ui.ToneDanger
}

// steps are shown as results of their own.
func (o Outcome) steps() []ui.Result {
	list := make([]ui.Result, len(o.Report.Steps))
	for i, s := range o.Report.Steps {
		list[i] = ui.Result{State: ui.StateFailed, Name: s.Text, Detail: s.Detail, Took: s.Took}
		if s.OK {
			list[i].State = ui.StateSucceeded
		}
	}
	return list
}

// found is what the source said of somebody, in words.
func (o Outcome) found() []Setting {
	who := o.Report.Identity
	if who.Name == "" {
		return nil
	}
	roles := strings.Join(who.Roles, ", ")
	if roles == "" {
		roles = "None"
	}
	list := []Setting{{Label: "Name in tokens", Text: who.Name, Code: true}, {Label: "Roles", Text: roles}}
	return append(append(list, members("Claim", who.Claims)...), members("In the token response:", who.Response)...)
}

func members(what string, m map[string]any) []Setting {
	var list []Setting
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, Setting{Label: what + " " + name, Text: jsonText(m[name]), Code: true})
	}
	return list
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "a value that no token can carry"
	}
	return string(raw)
}
