package ui

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// Field is one control of a form with everything that belongs to it. All of the text controls take it; each says which
// members it uses beyond the common ones.
type Field struct {
	Name  string // the form's name for it, which is the JSON name and the name in problem.List
	ID    string // of the control; "f-" and the name unless one page holds the same name twice
	Label string
	Value string // as typed, also when it is wrong: nothing typed is ever lost
	Help  string // under the control; say the default here
	Error string // what is wrong and what would be right; empty when nothing is

	Required    bool
	Disabled    bool
	ReadOnly    bool
	HideLabel   bool   // the label is only read out, as in a table's cell
	Mono        bool   // for code, paths, tokens and header names
	Narrow      bool   // for a short value, such as a number or a code
	Type        string // of an input: "text" unless said, "password", "url", "email"
	Placeholder string
	Complete    string // autocomplete; "off" unless said
	Max         int    // characters; a Textarea with a Max shows a counter
	Rows        int    // of a Textarea; 3 unless said
	Check       string // address asked while typing, with the value under the field's name; it answers with CheckResult
	Attrs       templ.Attributes
}

// FieldID is the id of the control with the given name, for labels and links that are written by hand.
func FieldID(name string) string { return "f-" + slug(name) }

func (f Field) id() string {
	if f.ID != "" {
		return f.ID
	}
	return FieldID(f.Name)
}

func (f Field) part(name string) string { return f.id() + "-" + name }

// describedBy lists the parts that are read out with the control: the error first, since it matters most.
func (f Field) describedBy(counter bool) string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.part("error"))
	}
	if f.Help != "" {
		ids = append(ids, f.part("help"))
	}
	if counter {
		ids = append(ids, f.part("count"))
	}
	return strings.Join(ids, " ")
}

func (f Field) counted() bool { return f.Max > 0 }

// count is the counter's first text; app.js writes the same as the user types.
func (f Field) count() string {
	return strconv.Itoa(utf8.RuneCountInString(f.Value)) + " / " + strconv.Itoa(f.Max)
}

// attributes are what every control carries, whatever its element.
func (f Field) attributes(counter bool) templ.Attributes {
	a := templ.Attributes{"id": f.id(), "name": f.Name}
	setIf(a, "aria-describedby", f.describedBy(counter))
	setIf(a, "placeholder", f.Placeholder)
	a["required"], a["disabled"], a["readonly"] = f.Required, f.Disabled, f.ReadOnly
	if f.Error != "" {
		a["aria-invalid"] = "true"
	}
	for name, value := range f.Attrs {
		a[name] = value
	}
	return a
}

// checks makes htmx ask for the name's availability while it is typed.
func (f Field) checks() templ.Attributes {
	if f.Check == "" {
		return nil
	}
	return templ.Attributes{
		"hx-get":     f.Check,
		"hx-trigger": "input changed delay:300ms, search",
		"hx-target":  "#" + f.part("check"),
		"hx-swap":    "innerHTML",
		"hx-sync":    "this:replace",
	}
}

func (f Field) inputType() string { return orElse(f.Type, "text") }

func (f Field) autocomplete() string { return orElse(f.Complete, "off") }

func (f Field) rows() string { return strconv.Itoa(max(f.Rows, 3)) }

func (f Field) class() string {
	class := "Input"
	if f.Mono {
		class += " Input--mono"
	}
	return class
}

func setIf(a templ.Attributes, name, value string) {
	if value != "" {
		a[name] = value
	}
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// Option is one entry of a Select. Disabled ones are shown and cannot be chosen.
type Option struct {
	Value, Label string
	Text         string // a few words on what choosing it means, shown under the control while it is chosen
	Disabled     bool
}

// OptionGroup is a titled run of options; without a title its options stand alone.
type OptionGroup struct {
	Label   string
	Options []Option
}

// Options makes one untitled group of options that read as they are sent.
func Options(values ...string) []OptionGroup {
	g := OptionGroup{}
	for _, v := range values {
		g.Options = append(g.Options, Option{Value: v, Label: v})
	}
	return []OptionGroup{g}
}

// described says whether any option has a text of its own.
func described(groups []OptionGroup) bool {
	for _, g := range groups {
		for _, o := range g.Options {
			if o.Text != "" {
				return true
			}
		}
	}
	return false
}

// Card is one choice among RadioCards, with room to say what it means.
type Card struct {
	Value, Label, Text string
	Tag                string // a word in the corner, such as "Recommended"
	Disabled           bool
}

// ControlAttributes are what a control inside FieldFrame must carry: id, name, required, and what ties it to its help
// and its error.
func ControlAttributes(f Field) templ.Attributes { return f.attributes(false) }
