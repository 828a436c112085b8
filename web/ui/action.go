package ui

import "github.com/a-h/templ"

// Kind is how much a button asks for attention. A page has one primary action.
type Kind string

// The kinds. The zero value is secondary.
const (
	Secondary Kind = ""
	Primary   Kind = "primary"
	Danger    Kind = "danger"
	Quiet     Kind = "quiet"
)

// Action is something the user can do: one label, one place it goes. Which part draws it decides whether it becomes a
// button of a form, a link, or a form of its own.
type Action struct {
	Label string // shown; what will happen, such as "Deploy 3 proxies"
	Icon  string // optional, a name known to Icon
	Kind  Kind
	Href  string // where a link leads or a form posts

	// Dialog opens the page behind Href in a dialog where JavaScript runs, and follows the link where it does not.
	// The page is one made with ConfirmPage or DialogPage.
	Dialog bool

	// Hidden are values that PostButton and MenuPost send along.
	Hidden []Hidden

	Name, Value string // of a submit button, when a form has several
	Form        string // id of the form a submit button belongs to, when it stands outside of it
	Disabled    bool
	Reason      string // why it is disabled; shown on hover and read out
	Small       bool
	Attrs       templ.Attributes // on the button or link
}

// Hidden is a value that a form carries without showing it.
type Hidden struct{ Name, Value string }

func (a Action) class(block string) string {
	class := block
	if a.Kind != Secondary {
		class += " " + block + "--" + string(a.Kind)
	}
	if a.Small {
		class += " " + block + "--small"
	}
	return class
}
