// Package layout is the frame around every page: the document's head, the top bar, the menu, breadcrumbs, messages,
// and the bare frame for pages that stand alone, such as signing in and errors. What the frame shows comes from one
// Props value that the handlers fill.
package layout

import (
	"strings"
	"unicode"

	"github.com/gatewright/gatewright/web/ui"
)

// Product is the name in the top bar and behind every title.
const Product = "Gatewright"

// Addresses that the frame posts and leads to. The handlers route them.
const (
	ThemePath   = "/preferences/theme" // POST theme=light|dark|system, return=path
	SignOutPath = "/sign-out"          // POST
	AccountPath = "/account"
	PalettePath = "/palette" // GET ?q=&project=, answers JSON: [{"label","href","kind","hint"}]
	SignInPath  = "/sign-in"
)

// htmxConfig keeps htmx inside the content policy: no style or script of its own, no eval, only our own server, and no
// copies of pages kept in the browser, since they may show what the next user must not see. 409 and 422 are swapped: they
// carry what was sent, with both sides or with its errors. Nothing is inherited from outer elements, and settling leaves style attributes alone. What
// arrives is wired at once, so that no choice made in it is missed.
const htmxConfig = `{"defaultSettleDelay":0,"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,` +
	`"historyCacheSize":0,"disableInheritance":true,"attributesToSettle":["class"],"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},` +
	`{"code":"409","swap":true},{"code":"422","swap":true},{"code":"[45]..","swap":false,"error":true}]}`

// Props is everything the frame shows. The zero value of each member leaves its part out.
type Props struct {
	Title       string // of the document; " · Gatewright" is added
	User        User
	Theme       Theme
	Nav         []NavSection
	Breadcrumbs []Crumb // the last one is the page itself
	Audit       string  // where every change of what the page shows is listed
	Project     Chooser
	Environment Chooser
	Toasts      []Toast
	CurrentPath string // path and query; where changing the theme returns to
	Home        string // where the product's name leads; "/" unless said
	Refresh     int    // seconds after which the page loads itself again where JavaScript does not run; 0: never
}

// User is who is signed in.
type User struct {
	Name string // login or full name
	Text string // a second line, such as the role
}

// Theme is the user's choice of light or dark.
type Theme string

// The themes. The zero value follows the system.
const (
	ThemeSystem Theme = ""
	ThemeLight  Theme = "light"
	ThemeDark   Theme = "dark"
)

// ParseTheme reads what the theme form posts; anything unknown follows the system.
func ParseTheme(s string) Theme {
	switch t := Theme(s); t {
	case ThemeLight, ThemeDark:
		return t
	}
	return ThemeSystem
}

// NavSection is a titled part of the menu. Without a label its items stand alone.
type NavSection struct {
	Label string
	Items []NavItem
}

// NavItem is one entry of the menu. With children it is a heading that opens; its Href may then be empty.
type NavItem struct {
	Label    string
	Href     string
	Icon     string // a name known to ui.Icon; children have none
	Current  bool   // the page belongs to it; its parents open by themselves
	Keys     string // two keys pressed after each other, such as "g p"
	Children []NavItem
}

// open says whether the current page is below the item.
func (n NavItem) open() bool {
	for _, c := range n.Children {
		if c.Current || c.open() {
			return true
		}
	}
	return false
}

// Crumb is one step of the way to the page. Without an address it is plain text.
type Crumb struct{ Label, Href string }

// Chooser is a choice that the whole console follows: the project, the environment.
type Chooser struct {
	Label   string // "Project"
	Current string // what is chosen
	Colour  Colour // of the current environment
	Options []Choice
	More    []ui.Action // where to read on about them
}

// Choice is one entry of a Chooser: a link, or with Post a form of one button, for a choice that the server remembers.
type Choice struct {
	Label, Href, Text string
	Colour            Colour
	Current           bool
	Post              bool
	Hidden            []ui.Hidden // sent along with Post
}

// Colour marks an environment, so that nobody takes production for a test. The zero value is none.
type Colour string

// The colours that an environment may carry.
const (
	ColourNone   Colour = ""
	ColourRed    Colour = "red"
	ColourAmber  Colour = "amber"
	ColourGreen  Colour = "green"
	ColourBlue   Colour = "blue"
	ColourViolet Colour = "violet"
)

// class gives a block its colour; an unknown one gives none.
func (c Colour) class(block string) string {
	switch c {
	case ColourRed, ColourAmber, ColourGreen, ColourBlue, ColourViolet:
		return block + "--" + string(c)
	}
	return ""
}

// Toast is a message about what has just happened. It stays until it is dismissed when it is a warning or a problem.
type Toast struct {
	Tone ui.Tone
	Text string
	Link ui.Action // optional: Label and Href of what to do next
}

// Heading is the head of a page.
type Heading struct {
	Title  string
	Mono   bool       // the title is a name as code knows it
	States []ui.State // shown beside the title
	Text   string     // one line on what the page is
}

// Failure is a page that says why there is no other.
type Failure struct {
	Status int
	Title  string // "There is no such page"
	Text   string // why, and what would help
	ID     string // correlation id, for 500; empty otherwise
	Back   ui.Action
}

// initials are up to two capital letters of a name, for the round picture in its place.
func (u User) initials() string {
	var letters []rune
	for _, word := range strings.FieldsFunc(u.Name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		letters = append(letters, unicode.ToUpper([]rune(word)[0]))
		if len(letters) == 2 {
			break
		}
	}
	if len(letters) == 0 {
		return "?"
	}
	return string(letters)
}

func (p Props) home() string {
	if p.Home == "" {
		return "/"
	}
	return p.Home
}

func documentTitle(title string) string {
	if title == "" {
		return Product
	}
	return title + " · " + Product
}
