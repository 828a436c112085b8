package errors

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Query is what the list is narrowed to. It lives in the address.
type Query struct{ Text, Group, State string }

// The states of rows.
const (
	stateCustomized = "customized"
	stateStandard   = "standard"
)

// ParseQuery reads an address.
func ParseQuery(v url.Values) Query {
	return Query{Text: strings.TrimSpace(v.Get("q")), Group: v.Get("group"), State: v.Get("state")}
}

func (q Query) narrowed() bool { return q != Query{} }

// withoutText is the address of the list without the search.
func (q Query) withoutText() string {
	v := url.Values{}
	for name, value := range map[string]string{"group": q.Group, "state": q.State} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return link.ErrorMessages
	}
	return link.ErrorMessages + "?" + v.Encode()
}

// ListPage is everything the list of the catalogue shows.
type ListPage struct {
	Frame layout.Props
	Query Query
	// Customized are the rows that the installation words itself, Policies how many policies word a row.
	Customized []fault.Message
	Policies   map[fault.Type]int
}

func (p ListPage) message(t fault.Type) fault.Message {
	if i := slices.IndexFunc(p.Customized, func(m fault.Message) bool { return m.Type == t }); i >= 0 {
		return p.Customized[i]
	}
	return fault.Message{Type: t}
}

// rows are those that the query leaves, in the order of codes.
func (p ListPage) rows() []fault.Row {
	return slices.DeleteFunc(fault.Rows(), func(r fault.Row) bool {
		m := p.message(r.Type)
		customized := m.Changes()
		switch {
		case p.Query.Group != "" && p.Query.Group != string(r.Group()),
			p.Query.State == stateCustomized && !customized, p.Query.State == stateStandard && customized:
			return true
		}
		words := strings.ToLower(strings.Join([]string{r.Code, string(r.Type), number(r.Status), r.Message, m.Code, number(m.Status), m.Text}, "\n"))
		return !strings.Contains(words, strings.ToLower(p.Query.Text))
	})
}

func groupOptions() []ui.Option {
	list := []ui.Option{{Label: "Any group"}}
	for _, g := range fault.Groups() {
		list = append(list, ui.Option{Value: string(g), Label: string(g)})
	}
	return list
}

var stateOptions = []ui.Option{{Label: "Customized or not"}, {Value: stateCustomized, Label: "Customized"}, {Value: stateStandard, Label: "Standard"}}

// FormID is the form of a row.
const FormID = "error-message-form"

// RowPage is everything the page of a row shows.
type RowPage struct {
	Frame layout.Props
	Type  fault.Type
	// Editor holds what is typed; on the page of those who may only look, what is saved.
	Editor  Props
	Saved   fault.Message
	Version int
	// Changed says when and by whom; zero while nobody has.
	Changed time.Time
	By      string
	Now     time.Time
	// CanSave is false for those who may only look.
	CanSave bool
	// Policies is how many policies have a row of their own.
	Policies int
	Unsaved  bool
	Conflict *Conflict
}

// Conflict says that somebody else was faster (D17). What was typed stays in the form, which from now on saves over what
// is shown as theirs.
type Conflict struct {
	By        string
	At        time.Time
	Different []Difference
}

// Difference is a setting on two sides.
type Difference struct {
	Label, Theirs, Mine string
	Code                bool
}

// Compare lists what differs between two wordings of a row.
func Compare(theirs, mine fault.Message) []Difference {
	var list []Difference
	for _, s := range MessageSettings(theirs) {
		list = append(list, Difference{Label: s.Label, Theirs: s.Text, Code: s.Code})
	}
	for _, s := range MessageSettings(mine) {
		i := slices.IndexFunc(list, func(d Difference) bool { return d.Label == s.Label })
		if i < 0 {
			list = append(list, Difference{Label: s.Label, Mine: s.Text, Code: s.Code})
			continue
		}
		list[i].Mine = s.Text
	}
	return slices.DeleteFunc(list, func(d Difference) bool { return d.Theirs == d.Mine })
}

// LocateMessage is Locate for a row alone: the fields of problems are those of fault.Message.
func LocateMessage(v map[string]string, problems problem.List) problem.List {
	var l problem.List
	l.Append("errorMessageList[0]", problems)
	return Locate(v, l)
}

func (p RowPage) row() fault.Row { return fault.Find(p.Type) }

func (p RowPage) heading() layout.Heading {
	h := layout.Heading{Title: p.row().Code + " " + p.row().Message}
	h.Text = "Saved changes take effect at once in every environment, without a deploy, wherever a policy does not say it otherwise."
	return h
}

func (p RowPage) save() ui.Save {
	s := ui.Save{Discard: link.ErrorMessage(string(p.Type)), Unsaved: p.Unsaved, Note: "Takes effect at once, in every environment."}
	if p.Conflict != nil {
		s.Label = "Keep mine"
	}
	return s
}

func (p RowPage) labels() map[string]string {
	m := map[string]string{}
	for _, x := range p.Editor.Problems {
		m[x.Field] = Label(x.Field)
	}
	return m
}

// policiesText says how many policies do not care.
func policiesText(n int) string {
	switch n {
	case 0:
		return "No policy has a wording of its own for this error."
	case 1:
		return "One policy has a wording of its own for this error, which goes before this one."
	}
	return number(n) + " policies have a wording of their own for this error, which goes before this one."
}
