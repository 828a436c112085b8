package ui_test

import (
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	help    = "Default 15 minutes."
	mistake = "Give a whole number of at least 1."
)

// control is one kind of field under test; box finds what carries the value and its wiring.
type control struct {
	name, box string
	draw      func(ui.Field) templ.Component
}

var groups = []ui.OptionGroup{{Label: "RSA", Options: []ui.Option{{Value: "RS256", Label: "RS256", Text: "Everywhere."}, {Value: "PS256", Label: "PS256"}}}}

var controls = []control{
	{"TextInput", "input", ui.TextInput},
	{"NumberInput", "input", func(f ui.Field) templ.Component { return ui.NumberInput(f, "seconds") }},
	{"Amount", "input", func(f ui.Field) templ.Component { return ui.Amount(f, ui.Field{Name: "unit"}, groups) }},
	{"Textarea", "textarea", ui.Textarea},
	{"Select", "select", func(f ui.Field) templ.Component { return ui.Select(f, groups) }},
	{"Checkbox", "input", func(f ui.Field) templ.Component { return ui.Checkbox(f, true) }},
	{"SwitchField", "input", func(f ui.Field) templ.Component { return ui.SwitchField(f, true) }},
	{"RadioCards", "fieldset", func(f ui.Field) templ.Component { return ui.RadioCards(f, []ui.Card{{Value: "a", Label: "A"}}) }},
	{"CheckList", "fieldset", func(f ui.Field) templ.Component { return ui.CheckList(f, []ui.Option{{Value: "a", Label: "A"}}, nil) }},
}

func TestAFieldIsTiedToItsHelpAndItsError(t *testing.T) {
	t.Parallel()
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc := htmlcheck.Render(t, c.draw(ui.Field{Name: "lifetime", Label: "Lifetime", Help: help, Error: mistake, Required: true}))
			htmlcheck.Sound(t, doc)
			box := doc.One(t, c.box)
			if got, want := box.DescribedBy(t, doc), mistake+" "+help; got != want {
				t.Errorf("read out with the control: %q, want %q", got, want)
			}
			if box.Attr("id") != ui.FieldID("lifetime") {
				t.Errorf("the summary cannot link to %s", box.HTML())
			}
			if c.box != "fieldset" && box.Attr("aria-invalid") != "true" {
				t.Errorf("not marked as wrong: %s", box.HTML())
			}
			if !strings.HasPrefix(doc.One(t, "[id=f-lifetime]").HTML(), "<"+c.box) || !strings.HasPrefix(doc.Texts("label, legend")[0], "Lifetime") {
				t.Errorf("not labelled: %s", doc.HTML())
			}
		})
	}
}

func TestAFieldWithoutHelpOrErrorClaimsNeither(t *testing.T) {
	t.Parallel()
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc := htmlcheck.Render(t, c.draw(ui.Field{Name: "lifetime", Label: "Lifetime"}))
			htmlcheck.Sound(t, doc)
			if box := doc.One(t, c.box); box.HasAttr("aria-describedby") || box.HasAttr("aria-invalid") || doc.Has(".Field-error") {
				t.Errorf("speaks of help or an error: %s", box.HTML())
			}
		})
	}
}

func TestWhatIsTypedComesBackAsItWasTyped(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{`"><script>alert(1)</script>`, strings.Repeat("ü", 255), "  outer blanks  ", "soon", "</textarea><i>"} {
		t.Run(typed, func(t *testing.T) {
			t.Parallel()
			for _, c := range controls[:3] {
				doc := htmlcheck.Render(t, c.draw(ui.Field{Name: "n", Label: "N", Value: typed}))
				if got := doc.One(t, "input").Attr("value"); got != typed {
					t.Errorf("%s shows %q, want %q", c.name, got, typed)
				}
				noMarkup(t, doc)
			}
			doc := htmlcheck.Render(t, ui.Textarea(ui.Field{Name: "n", Label: "N", Value: typed}))
			if got := doc.One(t, "textarea").Text(); got != strings.TrimSpace(typed) {
				t.Errorf("Textarea shows %q, want %q", got, typed)
			}
			noMarkup(t, doc)
		})
	}
}

// noMarkup fails when a text became an element.
func noMarkup(t *testing.T, doc htmlcheck.Node) {
	t.Helper()
	if doc.Has("script, i, img") {
		t.Errorf("a text became markup: %s", doc.HTML())
	}
}

func TestATextareaCountsCharactersNotBytes(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.Textarea(ui.Field{Name: "d", Label: "D", Value: "Malmö", Max: 1000}))
	area := doc.One(t, "textarea")
	if got := area.DescribedBy(t, doc); got != "5 / 1000" {
		t.Errorf("the counter says %q", got)
	}
	if area.HasAttr("maxlength") {
		t.Error("the browser would cut a pasted text silently")
	}
}

func TestATickedBoxSendsTrue(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		for _, draw := range []func(ui.Field, bool) templ.Component{ui.Checkbox, ui.SwitchField} {
			box := htmlcheck.Render(t, draw(ui.Field{Name: "clearAuth", Label: "Clear"}, on)).One(t, "input[type=checkbox]")
			if box.Attr("value") != "true" || box.Attr("name") != "clearAuth" || box.HasAttr("checked") != on {
				t.Errorf("on %v: %s", on, box.HTML())
			}
		}
	}
}

func TestASelectShowsTheChosenOptionAndItsText(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.Select(ui.Field{Name: "alg", Label: "Algorithm", Value: "RS256"}, groups))
	if got := doc.One(t, "option[selected]").Attr("value"); got != "RS256" {
		t.Errorf("%q is selected", got)
	}
	if got := doc.One(t, ".Field-choice").Text(); got != "Everywhere." {
		t.Errorf("the choice is explained as %q", got)
	}
	if got := doc.One(t, "optgroup").Attr("label"); got != "RSA" {
		t.Errorf("the group is called %q", got)
	}
}

func TestRadioCardsSendTheChosenValue(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.RadioCards(ui.Field{Name: "grantType", Label: "Grant", Value: "PASSWORD"},
		[]ui.Card{{Value: "CLIENT_CREDENTIALS", Label: "Client"}, {Value: "PASSWORD", Label: "Password", Text: "A person"}}))
	if got := doc.One(t, "input[checked]").Attrs(); got["value"] != "PASSWORD" || got["name"] != "grantType" || got["type"] != "radio" {
		t.Errorf("checked: %v", got)
	}
}

func TestACheckedNameAsksWhileItIsTyped(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.TextInput(ui.Field{Name: "name", Label: "Name", Check: "/policies/check?id=7"}))
	input := doc.One(t, "input")
	if input.Attr("hx-get") != "/policies/check?id=7" || !doc.Has(input.Attr("hx-target")+"[role=status]") {
		t.Errorf("the answer has nowhere to be announced: %s", doc.HTML())
	}
	for ok, class := range map[bool]string{true: "success", false: "danger"} {
		answer := htmlcheck.Render(t, ui.CheckResult(ok, "Taken by <b>"))
		if answer.One(t, ".Check--"+class).Text() != "Taken by <b>" || !answer.Has("svg") {
			t.Errorf("%v has no words or no sign: %s", ok, answer.HTML())
		}
	}
}

func TestTheSummaryLinksToEachField(t *testing.T) {
	t.Parallel()
	list := problem.List{{Field: "name", Message: "Taken."}, {Field: "endpoints[2].path", Message: "Begin with /."}, {Message: "Changed by <mira>."}}
	doc := htmlcheck.Render(t, ui.ProblemSummary(list, map[string]string{"name": "Name"}))
	alert := doc.One(t, "[role=alert]")
	if !strings.Contains(alert.Text(), "3 things need attention") || !strings.Contains(alert.Text(), "Changed by <mira>.") {
		t.Errorf("the summary says %q", alert.Text())
	}
	links := alert.All("a")
	if len(links) != 2 || links[0].Text() != "Name" || links[0].Attr("href") != "#f-name" || links[1].Attr("href") != "#"+ui.FieldID("endpoints[2].path") {
		t.Errorf("the links are wrong: %s", alert.HTML())
	}
	if htmlcheck.Render(t, ui.ProblemSummary(nil, nil)).Has("[role=alert]") {
		t.Error("a form without problems raises an alert")
	}
}

func TestAFormWorksWithAndWithoutHtmx(t *testing.T) {
	t.Parallel()
	form := htmlcheck.Render(t, ui.Form("policy-form", "/policies/7")).One(t, "form")
	if form.Attr("method") != "post" || form.Attr("action") != form.Attr("hx-post") || !form.HasAttr("novalidate") {
		t.Errorf("the plain form is incomplete: %v", form.Attrs())
	}
	if id := "#" + form.Attr("id"); form.Attr("hx-target") != id || form.Attr("hx-select") != id {
		t.Errorf("htmx would not put the form in its own place: %v", form.Attrs())
	}
}

func TestTheSaveBar(t *testing.T) {
	t.Parallel()
	edit := htmlcheck.Render(t, ui.SaveBar(ui.Save{Discard: "/policies"}))
	if edit.One(t, "button[type=submit]").HasAttr("disabled") || edit.One(t, "a").Text() != "Discard" {
		t.Errorf("saving needs a script: %s", edit.HTML())
	}
	refused := htmlcheck.Render(t, ui.SaveBar(ui.Save{Label: "Create policy", Discard: "/", Unsaved: true, Always: true}))
	if refused.One(t, "[data-changes]").Text() != "Not saved" || refused.One(t, "button").Text() != "Create policy" || refused.One(t, "a").Text() != "Cancel" {
		t.Errorf("a refused form looks saved: %s", refused.HTML())
	}
}
