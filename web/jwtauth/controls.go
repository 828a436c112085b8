package jwtauth

import (
	"strconv"

	"github.com/gatewright/gatewright/engine/jwtauth"
	webissue "github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// AddRow is the value of the button "change" that adds a row for an endpoint.
const AddRow = rowsField + "+"

// Change does what a button of the form asks for, other than saving. It reports false for anything else.
func (Form) Change(v policies.Values, what string) bool {
	if what != AddRow {
		return false
	}
	v[rowsField+".rows"] = strconv.Itoa(min(rowCount(v)+1, maxRows))
	return true
}

func tokens(f policies.Fields) webissue.Props {
	return webissue.Props{Values: f.Values, Problems: f.Problems}
}

func leeway(f policies.Fields) ui.Field {
	return ui.Field{
		Name: "leewaySeconds", Label: label("leewaySeconds"), Value: f.Values["leewaySeconds"], Error: f.Problems.For("leewaySeconds"), Required: true, Narrow: true,
		Help: "How far the clocks of issuer and gateway may differ when times in a token are checked. Default " +
			strconv.Itoa(jwtauth.DefaultLeewaySeconds) + ", at most " + strconv.Itoa(jwtauth.MaxLeewaySeconds) + ".",
		Attrs: policies.First(f.Problems, "leewaySeconds"),
	}
}

func header(f policies.Fields, field, standard string) ui.Field {
	return ui.Field{
		Name: field, Label: label(field), Value: f.Values[field], Error: f.Problems.For(field), Required: true, Mono: true,
		Help: "Default " + standard + ".", Attrs: policies.First(f.Problems, field),
	}
}

func mono(f ui.Field) ui.Field {
	f.Mono, f.Placeholder = true, "/orders/{id}"
	return f
}

func roleText(f ui.Field) ui.Field {
	f.Placeholder = "Roles, with commas"
	return f
}

// signingKeys has the one that is chosen also when it is gone, or saving would change to another without a word.
func signingKeys(f policies.Fields) []ui.OptionGroup {
	chosen := f.Values["signingKeyName"]
	g := ui.OptionGroup{Options: []ui.Option{{Label: "The environment's key"}}}
	found := chosen == ""
	for _, k := range f.Choices.Keys {
		g.Options = append(g.Options, ui.Option{Value: k.Name, Label: k.Name, Text: k.Text})
		found = found || k.Name == chosen
	}
	if !found {
		g.Options = append(g.Options, ui.Option{Value: chosen, Label: chosen + " (not in the key store)"})
	}
	return []ui.OptionGroup{g}
}

// offersRows tells whether single endpoints can have roles: a proxy that names none has nothing to ask them for. Rows
// that are there are shown all the same, since they shut everybody out.
func offersRows(f policies.Fields) bool {
	return f.Choices.Proxy == nil || len(f.Choices.Proxy.Endpoints) > 0 || rowCount(f.Values) > 0
}

func sourceText(s policies.Source) string {
	if s.Detail == "" {
		return s.Description
	}
	if s.Description == "" {
		return s.Detail
	}
	return s.Detail + ". " + s.Description
}
