package conditions

import (
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// Place is where one of several conditions of a form stands: what the names of its controls begin with, such as
// "errors.APIPROXY.rules.0.". The zero value is that of the Conditions tab. A condition at another place says nothing of
// requests that do not meet it and has no tester; its JSON has no name, so problems are about "" and what is below.
type Place string

// inside is what v holds of the condition, under the names that a form with one alone has.
func (p Place) inside(v map[string]string) map[string]string {
	in := map[string]string{}
	for name, value := range v {
		if rest, ok := strings.CutPrefix(name, string(p)); ok && strings.HasPrefix(rest, prefix) {
			in[rest] = value
		}
	}
	if what, ok := strings.CutPrefix(v["change"], string(p)); ok {
		in["change"] = what
	}
	return in
}

// outside replaces what v holds of the condition with in.
func (p Place) outside(v, in map[string]string) {
	p.clear(v)
	for name, value := range in {
		if strings.HasPrefix(name, prefix) {
			v[string(p)+name] = value
		}
	}
}

func (p Place) clear(v map[string]string) {
	for name := range v {
		if strings.HasPrefix(name, string(p)+prefix) {
			delete(v, name)
		}
	}
}

// Write puts a condition into v.
func (p Place) Write(v map[string]string, c condition.Condition) {
	d, in := draft{root: fromRules(c.Rules)}, map[string]string{}
	d.into(in)
	p.outside(v, in)
}

// Read is the reverse. Its problems stand at their controls already.
func (p Place) Read(v map[string]string) (condition.Condition, problem.List) {
	c, _, problems := Read(p.inside(v))
	for i := range problems {
		problems[i] = problem.Problem{Field: string(p) + jsonField, Message: problems[i].Message}
	}
	return c, problems
}

// Change is the other Change for the buttons of this condition.
func (p Place) Change(v map[string]string, what string) bool {
	own, ok := strings.CutPrefix(what, string(p))
	if !ok {
		return false
	}
	in := p.inside(v)
	if !Change(in, own) {
		return false
	}
	p.outside(v, in)
	return true
}

// Locate is the name of the control that a problem's field is about, and the message to show there.
func (p Place) Locate(v map[string]string, x problem.Problem) problem.Problem {
	var l problem.List
	l.Append(jsonName, problem.List{x})
	at := Locate(p.inside(v), l)[0]
	return problem.Problem{Field: string(p) + at.Field, Message: at.Message}
}

// Label is how people know a control of the condition.
func (p Place) Label(field string) string { return Label(strings.TrimPrefix(field, string(p))) }

// id of an element of the builder. Those of the Conditions tab have names of their own.
func (p Place) id(own string) string {
	if p == "" {
		return own
	}
	return ui.FieldID(string(p) + own)
}

// at makes what is drawn stand at its place.
func (p Props) at() Props {
	if p.Place == "" {
		return p
	}
	p.Values = p.Place.inside(p.Values)
	var own problem.List
	for _, x := range p.Problems {
		if field, ok := strings.CutPrefix(x.Field, string(p.Place)); ok {
			own.Add(field, "%s", x.Message)
		}
	}
	// The cursor goes to the first problem of the whole form.
	p.first = len(own) > 0 && p.Problems[0].Field == string(p.Place)+own[0].Field
	p.Problems = own
	return p
}
