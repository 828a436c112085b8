package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/ui"
)

func TestTheSwitchInARow(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		doc := htmlcheck.Render(t, ui.SwitchButton(ui.Toggle{Action: "/policies/7/active", Label: "orders active", On: on, Hidden: []ui.Hidden{{Name: "version", Value: "3"}}}))
		htmlcheck.Sound(t, doc)
		is, becomes := "false", "true"
		if on {
			is, becomes = becomes, is
		}
		want := map[string]string{"class": "Switch", "type": "submit", "role": "switch", "name": "active", "value": becomes, "aria-checked": is, "aria-label": "orders active"}
		if diff := cmp.Diff(want, doc.One(t, "button").Attrs()); diff != "" {
			t.Errorf("on %v: %s", on, diff)
		}
		if form := doc.One(t, "form"); form.Attr("method") != "post" || form.Attr("action") != "/policies/7/active" || !form.Has("input[type=hidden][name=version][value='3']") {
			t.Errorf("without a script nothing is sent: %s", form.HTML())
		}
	}
}

const hostile = `<script>alert("x")</script>`

// everywhere draws every part that shows a text with that text.
func everywhere(text string) map[string]templ.Component {
	a := ui.Action{Label: text, Href: "/x", Name: "n", Value: text, Reason: text, Hidden: []ui.Hidden{{Name: "n", Value: text}}}
	return map[string]templ.Component{
		"Button":         ui.Button(a),
		"LinkButton":     ui.LinkButton(a),
		"PostButton":     ui.PostButton(a),
		"IconButton":     ui.IconButton(a),
		"IconLink":       ui.IconLink(a),
		"MenuLink":       ui.MenuLink(a),
		"MenuPost":       ui.MenuPost(a),
		"Menu":           ui.Menu("m", a),
		"Popover":        ui.Popover("p", a),
		"Badge":          ui.Badge(ui.State(text)),
		"Tag":            ui.Tag(ui.ToneInfo, text),
		"Icon":           ui.Icon(text),
		"RadioCards":     ui.RadioCards(ui.Field{Name: "n", Label: text, Help: text, Error: text}, []ui.Card{{Value: text, Label: text, Text: text, Tag: text}}),
		"CheckList":      ui.CheckList(ui.Field{Name: "n", Label: text}, []ui.Option{{Value: text, Label: text, Text: text}}, []string{text}),
		"Select":         ui.Select(ui.Field{Name: "n", Label: text, Value: text}, []ui.OptionGroup{{Label: text, Options: []ui.Option{{Value: text, Label: text, Text: text}}}}),
		"TextInput":      ui.TextInput(ui.Field{Name: text, Label: text, Help: text, Error: text, Placeholder: text}),
		"SwitchButton":   ui.SwitchButton(ui.Toggle{Action: "/x", Label: text}),
		"LinkCell":       ui.LinkCell("/x", text, text),
		"TextCell":       ui.TextCell(text, text),
		"SelectCell":     ui.SelectCell(ui.Bulk{ID: "b", Name: "n"}, text, text),
		"Tabs":           ui.Tabs(text, []ui.Tab{{Label: text, Href: "/x", Tag: text}}),
		"SearchBox":      ui.SearchBox(ui.Search{Action: "/x", Value: text, Label: text, Clear: "/x"}),
		"Filter":         ui.Filter("n", text, text, []ui.Option{{Value: text, Label: text}}),
		"Pager":          ui.Pager(ui.Page{From: 1, To: 2, Total: 3, Noun: text}),
		"EmptyState":     ui.EmptyState("policy", text, text),
		"ConfirmPage":    ui.ConfirmPage(ui.Confirm{Title: text, Text: text, Effects: []string{text}, Name: text, Typed: text, Error: text, Action: "/x", Cancel: "/x", Label: text}),
		"DialogPage":     ui.DialogPage(text, "/x", text, "/x"),
		"Dialog":         ui.Dialog("d", text),
		"Callout":        ui.Callout(ui.ToneDanger, text),
		"KeyText":        ui.KeyText(text, text),
		"KeyCode":        ui.KeyCode(text, text),
		"CodeBlock":      ui.CodeBlock(text, text),
		"CopyText":       ui.CopyText(text, text),
		"SaveBar":        ui.SaveBar(ui.Save{Label: text, Note: text, Discard: "/x"}),
		"FormSection":    ui.FormSection(text, text),
		"Panel":          ui.Panel(text),
		"Results":        ui.Results(text, []ui.Result{{State: ui.StateFailed, Name: text, Place: text, Detail: text}}),
		"SortList":       ui.SortList(ui.Sort{ID: "s", Action: "/x", Label: text}),
		"SortItem":       ui.SortItem("s", text, text, false, false),
		"CheckResult":    ui.CheckResult(false, text),
		"Table":          ui.Table(text, []ui.Column{{Label: text, Sort: "/x"}}),
		"ControlWithout": ui.FieldFrame(ui.Field{Name: "n", Label: text, Help: text}),
	}
}

func TestATextNeverBecomesMarkup(t *testing.T) {
	t.Parallel()
	for name, part := range everywhere(hostile) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := htmlcheck.Render(t, part)
			noMarkup(t, doc)
			if name != "Icon" && !strings.Contains(doc.Text(), hostile) && !strings.Contains(doc.HTML(), `&lt;script&gt;`) {
				t.Errorf("the text is gone: %s", doc.HTML())
			}
		})
	}
}

func TestALongNameIsKeptWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 255)
	for name, part := range everywhere(long) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if doc := htmlcheck.Render(t, part); name != "Icon" && !strings.Contains(doc.HTML(), long) {
				t.Errorf("the name is cut: %s", doc.HTML())
			}
		})
	}
}

func TestAnAddressIsNeverAScript(t *testing.T) {
	t.Parallel()
	a := ui.Action{Label: "x", Href: "javascript:alert(1)"}
	parts := map[string]templ.Component{
		"LinkButton": ui.LinkButton(a),
		"IconLink":   ui.IconLink(a),
		"MenuLink":   ui.MenuLink(a),
		"PostButton": ui.PostButton(a),
		"MenuPost":   ui.MenuPost(a),
		"LinkCell":   ui.LinkCell(a.Href, "x", ""),
		"Form":       ui.Form("f", a.Href),
		"Confirm":    ui.ConfirmPage(ui.Confirm{Title: "x", Action: a.Href, Cancel: a.Href, Label: "x"}),
		"Tabs":       ui.Tabs("x", []ui.Tab{{Label: "x", Href: a.Href}}),
		"Toggle":     ui.SwitchButton(ui.Toggle{Label: "x", Action: a.Href}),
		"Results":    ui.Results("x", []ui.Result{{Name: "x", Href: a.Href}}),
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if html := htmlcheck.Render(t, part).HTML(); strings.Contains(html, "javascript:") {
				t.Errorf("a click would run a script: %s", html)
			}
		})
	}
}

func TestAConfirmationWorksWithoutAScript(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.ConfirmPage(ui.Confirm{
		Title: "Delete policy orders?", Effects: []string{"3 proxies lose it"}, Name: "orders", Typed: "order", Error: "Type orders.",
		Action: "/policies/7/delete", Label: "Delete policy", Cancel: "/policies/7", Hidden: []ui.Hidden{{Name: "version", Value: "7"}},
	}))
	htmlcheck.Sound(t, doc)
	if button := doc.One(t, "button[type=submit]"); button.HasAttr("disabled") || !strings.Contains(button.Attr("class"), "Button--danger") {
		t.Errorf("only a script could press %s", button.HTML())
	}
	input := doc.One(t, "input[name=confirm]")
	if input.Attr("value") != "order" || input.DescribedBy(t, doc) != "Type orders." || input.Attr("data-confirm-name") != "orders" {
		t.Errorf("what was typed or why it was refused is gone: %s", input.HTML())
	}
	if !doc.Has("form[method=post] input[name=version][value='7']") || doc.One(t, "a").Attr("href") != "/policies/7" {
		t.Errorf("version or way back is missing: %s", doc.HTML())
	}
}

func TestButtons(t *testing.T) {
	t.Parallel()
	dead := htmlcheck.Render(t, ui.LinkButton(ui.Action{Label: "Deploy", Href: "/deploy", Disabled: true, Reason: "Nothing to deploy"}))
	if dead.Has("a") || dead.One(t, "[aria-disabled=true]").Text() != "Deploy Nothing to deploy" {
		t.Errorf("a disabled link still leads somewhere or does not say why: %s", dead.HTML())
	}
	if got := htmlcheck.Render(t, ui.IconButton(ui.Action{Label: "Refresh", Icon: "refresh"})).One(t, "button").Attr("aria-label"); got != "Refresh" {
		t.Errorf("the icon button is called %q", got)
	}
	if !htmlcheck.Render(t, ui.LinkButton(ui.Action{Label: "Delete", Href: "/x", Dialog: true})).Has("a[href='/x'][data-dialog]") {
		t.Error("a dialog's link does not lead to its page")
	}
}

func TestEveryKnownStateHasAShape(t *testing.T) {
	t.Parallel()
	states := []ui.State{ui.StateActive, ui.StatePassive, ui.StateDraft, ui.StateLive, ui.StateNotDeployed, ui.StateRedeployRequired, ui.StateDeploying, ui.StateFailed, ui.StateSucceeded, ui.StateGlobal, ui.StateLocal, ui.StateEnabled, ui.StateDisabled, ui.StateSuspended}
	for _, s := range states {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			doc := htmlcheck.Render(t, ui.Badge(s))
			if doc.Text() != string(s) || !doc.Has("svg > *") {
				t.Errorf("only its colour tells it: %s", doc.HTML())
			}
		})
	}
	if doc := htmlcheck.Render(t, ui.Badge("Something new")); doc.Text() != "Something new" || doc.Has("svg") {
		t.Errorf("an unknown state: %s", doc.HTML())
	}
}

func TestATableSaysHowItIsSorted(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, ui.Table("Policies", []ui.Column{{Label: "Name", Sort: "?sort=-name", Order: ui.Ascending}, {Label: "Used by", Sort: "?sort=used"}, {Label: "Actions", Hidden: true}}))
	htmlcheck.Sound(t, doc)
	if got := doc.One(t, "th[aria-sort]"); got.Attr("aria-sort") != "ascending" || got.One(t, "a").Attr("href") != "?sort=-name" {
		t.Errorf("sorted head: %s", got.HTML())
	}
	if diff := cmp.Diff([]string{"Name", "Used by", "Actions"}, doc.Texts("th")); diff != "" {
		t.Error(diff)
	}
	if doc.One(t, "caption").Text() != "Policies" {
		t.Error("the table has no name")
	}
}

func TestThePager(t *testing.T) {
	t.Parallel()
	first := htmlcheck.Render(t, ui.Pager(ui.Page{From: 1, To: 25, Total: 112, Next: "?page=2", Noun: "policies"}))
	if got, want := first.One(t, "p").Text(), "1–25 of 112 policies"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if first.Has("a[rel=prev]") || first.One(t, "a[rel=next]").Attr("href") != "?page=2" {
		t.Errorf("the first page leads the wrong way: %s", first.HTML())
	}
	if got := htmlcheck.Render(t, ui.Pager(ui.Page{Noun: "policies"})).One(t, "nav").Text(); got != "No policies" {
		t.Errorf("an empty list says %q", got)
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 12, 14, 30, 0, 0, time.UTC)
	cases := []struct {
		ago  time.Duration
		want string
	}{
		{0, "just now"},
		{44 * time.Second, "just now"},
		{50 * time.Second, "1 minute ago"},
		{59 * time.Minute, "59 minutes ago"},
		{59*time.Minute + 59*time.Second, "59 minutes ago"},
		{90 * time.Minute, "1 hour ago"},
		{25 * time.Hour, "1 day ago"},
		{29 * 24 * time.Hour, "29 days ago"},
		{31 * 24 * time.Hour, "11 Apr 2026"},
		{-10 * time.Second, "now"},
		{-3 * time.Hour, "in 3 hours"},
		{-60 * 24 * time.Hour, "11 Jul 2026"},
	}
	for _, c := range cases {
		if got := ui.Relative(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%v ago: %q, want %q", c.ago, got, c.want)
		}
	}
}

func TestATimeCarriesTheExactMoment(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CEST", 2*60*60)
	at := time.Date(2026, 5, 12, 16, 27, 5, 0, zone)
	got := htmlcheck.Render(t, ui.RelativeTime(at, at.Add(3*time.Minute))).One(t, "time")
	if got.Attr("datetime") != "2026-05-12T14:27:05Z" || got.Attr("title") != "2026-05-12 14:27:05 UTC" || got.Text() != "3 minutes ago" {
		t.Errorf("got %s", got.HTML())
	}
	if never := htmlcheck.Render(t, ui.RelativeTime(time.Time{}, at)); never.Text() != "Never" || never.Has("time") {
		t.Errorf("the zero time says %q", never.Text())
	}
}

func TestTook(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{212 * time.Millisecond: "212 ms", 1480 * time.Millisecond: "1.5 s", 999 * time.Microsecond: "0 ms"} {
		if got := ui.Took(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestASortListMovesWithoutAScript(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, templ.Join(ui.SortList(ui.Sort{ID: "lane", Action: "/order", Label: "Policies"}), ui.SortItem("lane", "7", "orders", true, false)))
	htmlcheck.Sound(t, doc)
	if down := doc.One(t, "button[value='down:7']"); down.Attr("form") != "lane" || down.Attr("name") != "move" || down.Attr("aria-label") != "Move orders down" {
		t.Errorf("cannot be moved down: %s", down.HTML())
	}
	if !doc.One(t, "button[value='up:7']").HasAttr("disabled") || !doc.Has("input[name=order][value='7'][form=lane]") {
		t.Errorf("the first entry moves up, or the order is not sent: %s", doc.HTML())
	}
}
