package layout_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

const hostile = `"><script>alert(1)</script>`

func props() layout.Props {
	return layout.Props{
		Title: "JWT Authentication",
		User:  layout.User{Name: "Mira Lindqvist", Text: "Administrator"},
		Nav: []layout.NavSection{{Label: "Development", Items: []layout.NavItem{
			{Label: "API Proxies", Href: "/proxies", Icon: "proxy", Keys: "g p"},
			{Label: "Global Settings", Children: []layout.NavItem{
				{Label: "Global Policies", Children: []layout.NavItem{{Label: "JWT Authentication", Href: "/policies", Current: true}}},
			}},
			{Label: "Closed", Href: "/closed", Children: []layout.NavItem{{Label: "Below", Href: "/below"}}},
		}}},
		Breadcrumbs: []layout.Crumb{{Label: "Payments", Href: "/"}, {Label: "Development"}, {Label: "JWT Authentication", Href: "/policies"}},
		Project:     layout.Chooser{Label: "Project", Current: "Payments", Options: []layout.Choice{{Label: "Payments", Href: "/p/1", Current: true}}},
		Environment: layout.Chooser{Label: "Environment", Current: "production", Colour: layout.ColourRed, Options: []layout.Choice{{Label: "production", Href: "/e/1", Colour: layout.ColourRed}}},
		Toasts:      []layout.Toast{{Tone: ui.ToneSuccess, Text: "Policy saved.", Link: ui.Action{Label: "Deploy", Href: "/deploy"}}},
		CurrentPath: "/policies?q=a&page=2",
	}
}

func page(t *testing.T, p layout.Props) htmlcheck.Node {
	t.Helper()
	return htmlcheck.Render(t, layout.Page(p))
}

func TestTheFrameIsSound(t *testing.T) {
	t.Parallel()
	htmlcheck.Sound(t, page(t, props()))
	htmlcheck.Sound(t, page(t, layout.Props{}))
}

func TestTheFrameLeadsEverywhere(t *testing.T) {
	t.Parallel()
	doc := page(t, props())
	if got := doc.One(t, "title").Text(); got != "JWT Authentication · Gatewright" {
		t.Errorf("the title is %q", got)
	}
	skip := doc.All("body > a")[0]
	if doc.ByID(t, strings.TrimPrefix(skip.Attr("href"), "#")).Tag() != "main" {
		t.Errorf("the first link does not lead to the content: %s", skip.HTML())
	}
	if got := doc.One(t, "nav a[aria-current=page]"); got.Text() != "JWT Authentication" || got.Attr("href") != "/policies" {
		t.Errorf("the menu marks %s", got.HTML())
	}
	if diff := cmp.Diff([]string{"Payments", "Development", "JWT Authentication"}, doc.Texts(".Breadcrumbs li")); diff != "" {
		t.Error(diff)
	}
	if !doc.Has("form[method=post][action='/sign-out'] button") || !doc.Has("a[href='/account']") {
		t.Error("no way to the account or out")
	}
	if doc.One(t, "[aria-live=polite] .Toast").Text() != "Policy saved. Deploy" {
		t.Error("the message is not announced")
	}
	if doc.One(t, "a[data-keys]").Attr("data-keys") != "g p" {
		t.Error("two keys do not lead to the proxies")
	}
}

func TestOnlyTheCurrentBranchOfTheMenuIsOpen(t *testing.T) {
	t.Parallel()
	doc := page(t, props())
	for _, branch := range doc.All("details") {
		open, closed := branch.HasAttr("open"), strings.HasPrefix(branch.Text(), "Closed")
		if open == closed {
			t.Errorf("open %v: %s", open, branch.HTML())
		}
	}
}

func TestTheThemeFormKnowsTheChoiceAndTheWayBack(t *testing.T) {
	t.Parallel()
	for theme, value := range map[layout.Theme]string{layout.ThemeSystem: "system", layout.ThemeLight: "light", layout.ThemeDark: "dark"} {
		p := props()
		p.Theme = theme
		doc := page(t, p)
		form := doc.One(t, "form[action='/preferences/theme']")
		if got := form.One(t, "button[aria-pressed=true]").Attr("value"); got != value {
			t.Errorf("theme %q: %q is pressed", theme, got)
		}
		if got := form.One(t, "input[name=return]").Attr("value"); got != p.CurrentPath {
			t.Errorf("returns to %q", got)
		}
		if got := doc.One(t, "html").Attr("data-theme"); got != string(theme) {
			t.Errorf("the page's theme is %q, want %q", got, theme)
		}
		if layout.ParseTheme(value) != theme {
			t.Errorf("%q is read as %q", value, layout.ParseTheme(value))
		}
	}
	if layout.ParseTheme(hostile) != layout.ThemeSystem {
		t.Error("an unknown theme got through")
	}
}

func TestHtmxIsKeptInsideTheContentPolicy(t *testing.T) {
	t.Parallel()
	var config struct {
		IncludeIndicatorStyles, AllowEval, SelfRequestsOnly bool
		HistoryCacheSize                                    int
		ResponseHandling                                    []struct {
			Code        string
			Swap, Error bool
		}
	}
	config.IncludeIndicatorStyles, config.AllowEval, config.HistoryCacheSize = true, true, 10
	content := page(t, props()).One(t, "meta[name=htmx-config]").Attr("content")
	if err := json.Unmarshal([]byte(content), &config); err != nil {
		t.Fatal(err)
	}
	if config.IncludeIndicatorStyles || config.AllowEval || !config.SelfRequestsOnly || config.HistoryCacheSize != 0 {
		t.Errorf("htmx may do too much: %s", content)
	}
	swaps := map[string]bool{}
	for _, h := range config.ResponseHandling {
		swaps[h.Code] = h.Swap
	}
	if diff := cmp.Diff(map[string]bool{"204": false, "[23]..": true, "409": true, "422": true, "[45]..": false}, swaps); diff != "" {
		t.Error(diff)
	}
}

func TestNothingThatPeopleNameBecomesMarkup(t *testing.T) {
	t.Parallel()
	p := props()
	p.Title, p.User.Name, p.CurrentPath = hostile, hostile, hostile
	p.Project.Current, p.Environment.Current = hostile, hostile
	p.Environment.Colour = layout.Colour(hostile)
	p.Project.Options[0] = layout.Choice{Label: hostile, Href: "javascript:alert(1)", Text: hostile}
	p.Breadcrumbs = []layout.Crumb{{Label: hostile, Href: "javascript:alert(1)"}, {Label: hostile}}
	p.Toasts[0] = layout.Toast{Tone: ui.ToneDanger, Text: hostile, Link: ui.Action{Label: hostile, Href: "javascript:alert(1)"}}
	doc := page(t, p)
	htmlcheck.Sound(t, doc)
	if len(doc.All("script")) != 3 {
		t.Error("a script got in")
	}
	if strings.Contains(doc.HTML(), "javascript:") {
		t.Error("an address is a script")
	}
}

func TestTheColourOfAnEnvironmentIsShownBesideItsName(t *testing.T) {
	t.Parallel()
	doc := page(t, props())
	if !doc.Has("header.Top--red") || !doc.Has("button .Swatch--red") {
		t.Error("production looks like any other environment")
	}
	p := props()
	p.Environment.Colour = "pink"
	if page(t, p).Has("[class*=pink]") {
		t.Error("an unknown colour reached the page")
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Mira Lindqvist": "ML", "admin": "A", "åsa-britt öst": "ÅB", "a.b.c": "AB", "42 x": "4X", "…": "?"} {
		doc := page(t, layout.Props{User: layout.User{Name: name}})
		if got := doc.One(t, ".Avatar span[aria-hidden]").Text(); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestAFailureSaysWhatAndWhereTo(t *testing.T) {
	t.Parallel()
	failure := layout.Failure{Status: 500, Title: "Something went wrong", Text: "Nothing was changed.", ID: "0196c2f4", Back: ui.Action{Label: "Back", Href: "/"}}
	for name, doc := range map[string]htmlcheck.Node{
		"in the frame": htmlcheck.Render(t, layout.ErrorPage(props(), failure)),
		"alone":        htmlcheck.Render(t, layout.BareErrorPage(layout.ThemeDark, failure)),
	} {
		htmlcheck.Sound(t, doc)
		if doc.One(t, "h1").Text() != failure.Title || doc.One(t, ".Failure-id code").Text() != failure.ID || !doc.Has(".Failure a[href='/']") {
			t.Errorf("%s: %s", name, doc.One(t, "main").HTML())
		}
	}
	failure.ID = ""
	if htmlcheck.Render(t, layout.BareErrorPage("", failure)).Has(".Failure-id") {
		t.Error("an empty id is shown")
	}
}

// The frame is drawn for every page: what it costs is paid every time.
func BenchmarkPage(b *testing.B) {
	p, ctx := props(), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		var s strings.Builder
		if err := layout.Page(p).Render(ctx, &s); err != nil {
			b.Fatal(err)
		}
	}
}
