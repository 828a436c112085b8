package database

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity/database"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/ui"
)

// controls are what the fields are drawn from.
type controls struct {
	webidentity.Fields
	known database.Drivers
}

// controls leaves out empty rows where there are problems, which count the rows that are left.
func (f Form) controls(p webidentity.Fields) controls {
	if len(p.Problems) > 0 {
		p.Values = tidy(p.Values)
	}
	return controls{Fields: p, known: f.fresh().Drivers()}
}

func (c controls) control(field, help string) ui.Field {
	return c.Control(label(field), field, help)
}

func required(f ui.Field) ui.Field {
	f.Required = true
	return f
}

func narrow(f ui.Field) ui.Field {
	f.Narrow = true
	return f
}

func mono(f ui.Field) ui.Field {
	f.Mono = true
	return f
}

func example(f ui.Field, text string) ui.Field {
	f.Placeholder = text
	return f
}

// area is a text of several lines in the face of code.
func area(f ui.Field, rows int) ui.Field {
	f.Rows = rows
	return mono(f)
}

// port shows the usual port of the database that is chosen, and of each one in words.
func (c controls) port() ui.Field {
	f := narrow(c.control("port", ""))
	hints := templ.Attributes{"data-placeholder-of": "driver"}
	var each []string
	for _, d := range c.known {
		port := strconv.Itoa(d.Port)
		each = append(each, port+" for "+d.Label)
		hints["data-placeholder-"+strings.ToLower(string(d.Name))] = port
		if string(d.Name) == c.Values["driver"] {
			f.Placeholder = port
		}
	}
	if len(each) > 0 {
		f.Help = "Empty: the usual one, " + strings.Join(each, ", ") + "."
	}
	f.Attrs = with(hints, f.Attrs)
	return f
}

func with(a, more templ.Attributes) templ.Attributes {
	for name, value := range more {
		a[name] = value
	}
	return a
}

func (c controls) claim(row int, field, label string) ui.Field {
	return required(mono(c.Control(label, webidentity.Row(claimList, row, field), "")))
}
