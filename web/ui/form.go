package ui

import "github.com/a-h/templ"

// FormAttributes make a form that works by itself and better with htmx: it posts to action and, where JavaScript runs,
// stays in place when the answer is 422, taking over the element with the same id from the page that came back. A
// success must be answered 303 to a plain request and with HX-Redirect to one that carries HX-Request.
//
// The form is also watched: its save bar counts the changes, leaving it with changes asks first, Ctrl-S saves, and an
// expired session does not lose what was typed.
func FormAttributes(id, action string) templ.Attributes {
	action = string(templ.URL(action)) // spread attributes are not checked by templ itself
	return templ.Attributes{
		"id":              id,
		"method":          "post",
		"action":          action,
		"novalidate":      true, // every rule is the server's, and it reports all of them at once
		"data-form":       true,
		"hx-post":         action,
		"hx-target":       "#" + id,
		"hx-select":       "#" + id,
		"hx-swap":         "outerHTML show:none",
		"hx-disabled-elt": "find [data-save]",
	}
}

// Save describes the bar at the foot of a form.
type Save struct {
	Label   string // of the button: "Save" unless said
	Discard string // where leaving without saving leads
	Unsaved bool   // the page shows what was typed but refused, so there are changes from the start
	Always  bool   // the button is enabled without a change, as on a form that creates
	Note    string // a few words on what saving does
}
