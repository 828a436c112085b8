// Package identity owns the pages of identity sources: the list, the form, the test of a configuration, and what is
// asked before one is deleted. What belongs to one kind of source alone (its fields and how they read) comes from that
// kind's Form.
package identity

import (
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
)

// Values is a form as it was typed: the text of each field by its JSON name. A box that is not ticked has none. Forms
// are always drawn from Values, so that what was refused comes back exactly as it was. The secrets are the exception:
// no page carries them back in the open (Fields.Held).
//
// Lists have fields such as "claimAttributes[0].claim"; Rows says how many rows there are, and AddRow and RemoveRow are
// the buttons that change it.
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

// maxRows bounds what a request can make a page draw.
const maxRows = 200

// Rows is how many rows the list called name has.
func (v Values) Rows(name string) int {
	n, err := strconv.Atoi(v[name+".rows"])
	if err != nil {
		return 0
	}
	return min(max(n, 0), maxRows)
}

// SetRows says how many rows the list called name has.
func (v Values) SetRows(name string, n int) { v[name+".rows"] = strconv.Itoa(n) }

// Row is the name of a field in a row of a list, as problem.List names it too.
func Row(list string, row int, field string) string {
	name := list + "[" + strconv.Itoa(row) + "]"
	if field == "" {
		return name
	}
	return name + "." + field
}

// Change does what a button of AddRow or RemoveRow asks for: "list+" adds a row at the end, "list-2" takes out the
// third. It reports false for anything else.
func (v Values) Change(what string) bool {
	if list, ok := strings.CutSuffix(what, "+"); ok && list != "" {
		v.SetRows(list, min(v.Rows(list)+1, maxRows))
		return true
	}
	list, number, ok := strings.Cut(what, "-")
	row, err := strconv.Atoi(number)
	if !ok || err != nil || row < 0 || row >= v.Rows(list) {
		return false
	}
	v.removeRow(list, row)
	return true
}

func (v Values) removeRow(list string, row int) {
	rows := v.Rows(list)
	for _, field := range v.fieldsOf(list) {
		for i := row; i < rows; i++ {
			next, there := v[Row(list, i+1, "")+field]
			if i == rows-1 || !there {
				delete(v, Row(list, i, "")+field)
				continue
			}
			v[Row(list, i, "")+field] = next
		}
	}
	v.SetRows(list, rows-1)
}

// fieldsOf are the ends of the names of a list's fields: ".claim", or "" in a list of plain texts.
func (v Values) fieldsOf(list string) []string {
	var fields []string
	for name := range v {
		rest, ok := strings.CutPrefix(name, list+"[")
		if !ok {
			continue
		}
		if _, field, ok := strings.Cut(rest, "]"); ok && !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// Form is what one kind of identity source adds to the pages. It holds no state.
type Form interface {
	// New is what an empty form starts with.
	New() identity.Config
	// Write puts a configuration into fields; neither the common part nor secrets are its business. Fields that do not
	// matter get what an empty form would hold.
	Write(identity.Config) Values
	// Read is the reverse. It reports text that is not what its field holds; what the values mean together is checked
	// by Config.Validate. A field that another one makes meaningless is not read.
	Read(Values) (identity.Config, problem.List)
	// Fields draws the sections between "Identity Source" and "Limits and memory". Secrets are drawn with Secret.
	Fields(Fields) templ.Component
	// Settings says every setting in words, in the order of the form; of secrets nothing.
	Settings(Values) []Setting
	// Advice lists what to consider.
	Advice(identity.Config) []Advice
	// Labels are the names of the fields as people see them, by JSON name, in the order of the form. A field of a list
	// is named without the number of its row: "claimAttributes[].claim".
	Labels() []Label
}

// Changer is a Form with buttons of its own that change what is typed, such as one that fills in what a product usually
// has. They are submit buttons with the name "change".
type Changer interface {
	// Change does what the button of that value asks for. It reports false for a value that is none of its buttons'.
	Change(v Values, what string) bool
}

// Changed does what a button of the form other than save asks for, and reports whether there was one.
func Changed(f Form, v Values) bool {
	what := v["change"]
	delete(v, "change")
	if v.Change(what) {
		return true
	}
	c, ok := f.(Changer)
	return ok && what != "" && c.Change(v, what)
}

// Fields is what a Form draws its fields from.
type Fields struct {
	Values   Values
	Problems problem.List
	// Kind has the labels and helps of the secrets.
	Kind identity.Kind
	// Stored says which secrets are stored, by field name.
	Stored map[string]bool
	// Held are secrets that were typed and not saved yet, by field name, sealed so that only the session that typed them
	// can send them back. A stored secret is never among them.
	Held map[string]string
}

// First is the attributes of the control called name: the first wrong field of a form takes the cursor, without
// JavaScript too. For a list of plain texts its first row does.
func (f Fields) First(name string) templ.Attributes {
	list, isFirstRow := strings.CutSuffix(name, "[0]")
	if !f.first(name) && !(isFirstRow && f.first(list)) {
		return nil
	}
	return templ.Attributes{"autofocus": true}
}

func (f Fields) first(name string) bool { return len(f.Problems) > 0 && f.Problems[0].Field == name }

// takes tells whether a list takes the cursor as a whole: one of plain texts leaves it to its first row.
func (f Fields) takes(list string) bool {
	fields := f.Values.fieldsOf(list)
	plain := len(fields) == 0 || slices.Contains(fields, "")
	return f.first(list) && !(plain && f.Values.Rows(list) > 0)
}

// What settings, advice and labels look like is the same as on the pages of policies.
type (
	// Label is how people know a field.
	Label = policies.Label
	// Setting is one setting in words.
	Setting = policies.Setting
	// Advice is a remark on a setting that is allowed and may not be wise.
	Advice = policies.Advice
)

// SecretName is the name of the control of a secret, RemoveName of the box that removes it. They are no members of the
// configuration, so they have names that no member can have.
func SecretName(field string) string { return "secret:" + field }

// RemoveName is the name of the box that removes a secret that is stored or held.
func RemoveName(field string) string { return "remove:" + field }

// HeldName is the name of the hidden control that carries a secret of Fields.Held.
func HeldName(field string) string { return "held:" + field }
