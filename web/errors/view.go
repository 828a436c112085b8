package errors

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/ui"
)

// PanelID is the panel of a policy's form.
const PanelID = "errors"

// Choices are what the editor offers and knows beside the form. All of it may be missing.
type Choices struct {
	// Rows are those that are shown; others that are customized are shown after them.
	Rows []fault.Type
	// Platform is what the installation's catalogue says; Catalogue is the page of a row there.
	Platform  []fault.Message
	Catalogue func(fault.Type) string
	// Preview draws answers; nil draws none.
	Preview func(Ask) Preview
	// Refresh is the address that draws a row, or with "all" the template for everything, for a form as it is typed; it
	// takes "row". "" leaves it to the form itself.
	Refresh string
}

// Props is what the editor is drawn from.
type Props struct {
	Choices
	Values   map[string]string
	Problems problem.List // located (see Locate)
	// OfPlatform is true for a row of the platform's catalogue, which is shown alone.
	OfPlatform bool
	// Variable finds a variable of the project for conditions, nil finds none; Names are all of them.
	Variable func(name string) (condition.Variable, bool)
	Project  string // whose variables they are
	Names    []string
	Now      time.Time
}

// Ask is what a preview shows.
type Ask struct {
	Type fault.Type
	// Custom is what the policy says, or of the platform its row.
	Custom fault.Custom
	// Token is for a token request and not for a call; XML for a caller that speaks XML.
	Token, XML, OfPlatform bool
}

// Preview are the answers that a caller can get.
type Preview struct {
	Shots []Shot
	// Problem says why there is none.
	Problem string
	// Notes are what else to know, such as a rule that is never asked.
	Notes []string
}

// Shot is one answer.
type Shot struct {
	When   string // "When rule 2 (Premium) applies"
	By     string // which of the priorities answered
	Status int
	Header []string // "Name: value"
	Body   string
}

// Text is the answer as it goes over the line.
func (s Shot) Text() string {
	head := "HTTP/1.1 " + strconv.Itoa(s.Status) + " " + http.StatusText(s.Status)
	return strings.Join(append([]string{head}, s.Header...), "\n") + "\n\n" + s.Body
}

// Tab is the tab that leads to the error messages, with how many rows are customized.
func Tab(v map[string]string, wrong bool) ui.Tab {
	t := ui.Tab{Label: "Error messages", Href: "#" + PanelID, Count: CountOf(v), Badge: "errors-count", Wrong: wrong}
	if v[all+"build"] == "true" {
		t.Tag = "template"
	}
	return t
}

// view is Props read once for one drawing.
type view struct {
	Props
	custom fault.Custom
	live   problem.List // of what is typed now
}

func newView(p Props) *view {
	v := &view{Props: p}
	v.custom, v.live = Read(p.Values)
	v.custom.Normalize()
	v.live = append(v.live, Locate(p.Values, v.custom.Validate())...)
	v.live = append(v.live, p.Problems...)
	return v
}

func (v *view) platform(t fault.Type) fault.Message {
	for _, m := range v.Platform {
		if m.Type == t {
			return m
		}
	}
	return fault.Message{Type: t}
}

// group is rows under a heading.
type group struct {
	name fault.Group
	rows []row
}

// groups are the rows to show; what is customized is always among them.
func (v *view) groups() []group {
	types := slices.Clone(v.Rows)
	for _, t := range typesIn(v.Values) {
		if m, _ := ReadMessage(v.Values, t); !slices.Contains(types, t) && m.Changes() {
			types = append(types, t)
		}
	}
	var list []group
	for _, name := range fault.Groups() {
		g := group{name: name}
		for _, t := range types {
			if fault.Find(t).Group() == name {
				g.rows = append(g.rows, v.row(t))
			}
		}
		if len(g.rows) > 0 {
			list = append(list, g)
		}
	}
	return list
}

// row is one row as it is drawn.
type row struct {
	*view
	fault.Row
	at      string // begins the names of its fields
	message fault.Message
	above   fault.Message // the platform's
}

func (v *view) row(t fault.Type) row {
	m, _ := ReadMessage(v.Values, t)
	r := row{view: v, Row: fault.Find(t), at: fieldsOfRow(t), message: m}
	if !v.OfPlatform {
		r.above = v.platform(t)
	}
	return r
}

// id of an element of the row, or of the template for everything.
func elementID(part, at string) string { return "errors-" + part + "-" + ui.FieldID(at)[2:] }

func (v *view) wrong(at string) bool {
	return slices.ContainsFunc(v.Problems, func(p problem.Problem) bool { return strings.HasPrefix(p.Field, at) })
}

// open tells whether a row shows what is in it: somebody works on it, or has to.
func (r row) open() bool {
	return r.OfPlatform || r.Values[openField] == string(r.Type) || r.wrong(r.at)
}

func (r row) customized() string { return strings.Join(Customized(r.message), ", ") }

// inherited says what an empty field means.
func (r row) inherited(ours bool, value string) string {
	switch {
	case r.OfPlatform:
		return "Default: " + strings.TrimSuffix(value, ".") + "."
	case ours:
		return "Empty: as the platform's catalogue says."
	}
	return ""
}

// field is a control of the row, or of a template or rule in it.
func (v *view) field(at, own, label string) ui.Field {
	name := at + own
	return ui.Field{Name: name, Label: label, Value: v.Values[name], Error: v.Problems.For(name), Attrs: v.cursor(name)}
}

// cursor puts the cursor into the control that the last change leads to, or that is wrong first.
func (v *view) cursor(name string) templ.Attributes {
	a := templ.Attributes{}
	if v.Values[focusField] == name || len(v.Problems) > 0 && v.Problems[0].Field == name {
		a["autofocus"] = true
	}
	return a
}

func (r row) statusField() ui.Field {
	f := r.field(r.at, "status", "HTTP status")
	f.Placeholder = number(r.Status)
	if r.above.Status != 0 {
		f.Placeholder = number(r.above.Status)
	}
	f.Help = r.inherited(r.above.Status != 0, f.Placeholder)
	return f
}

func (r row) codeField() ui.Field {
	f := r.field(r.at, "code", "Error code")
	f.Mono, f.Max, f.Placeholder = true, fault.MaxCode, orElse(r.above.Code, r.Code)
	f.Help = r.inherited(r.above.Code != "", f.Placeholder)
	return f
}

func (r row) messageField() ui.Field {
	f := r.field(r.at, "message", "Message")
	f.Max, f.Placeholder, f.Rows = fault.MaxMessage, orElse(r.above.Text, r.Message), 2
	f.Help = r.inherited(r.above.Text != "", f.Placeholder)
	return f
}

func (v *view) buildField(at, label, help string) ui.Field {
	f := v.field(at, "build", label)
	f.Help = help
	return f
}

// templateField shows its problem in a place of its own, which is renewed while somebody types.
func (v *view) templateField(at string) ui.Field {
	f := v.field(at, "template", "Template")
	if f.Error = ""; f.Value == "" && v.Values[at+"build"] != "true" && !strings.Contains(at, ".rules.") {
		f.Value = Starting
	}
	f.Mono, f.Rows = true, min(max(strings.Count(f.Value, "\n")+2, 5), 16)
	f.Attrs["aria-describedby"] = elementID("slot", at)
	if v.live.For(f.Name) != "" {
		f.Attrs["aria-invalid"] = "true"
	}
	return f
}

func (v *view) typeField(at string) ui.Field {
	f := v.field(at, "type", "Content type")
	f.Mono, f.Placeholder = true, fault.ContentType
	f.Attrs["list"] = "errors-types"
	return f
}

func (v *view) answerField(at string) ui.Field {
	f := v.field(at, "answer", "HTTP status")
	f.Placeholder, f.Narrow = "that of the error", true
	return f
}

// contentTypes are offered; each begins what the answer can be.
var contentTypes = []string{
	fault.ContentType, "application/problem+json", "application/xml; charset=utf-8", "text/xml; charset=utf-8", "text/html; charset=utf-8", "text/plain; charset=utf-8",
}

// swaps make a control draw its row anew. Nothing is inherited on our pages, so each says it.
func (v *view) swaps(at string) templ.Attributes {
	a := templ.Attributes{"formnovalidate": true}
	if v.Refresh == "" {
		return a
	}
	target := "#" + elementID("row", at)
	for name, value := range map[string]string{
		"hx-post": v.address(at), "hx-include": "closest form", "hx-target": target, "hx-select": target, "hx-swap": "outerHTML show:none", "hx-sync": "closest form:queue all",
	} {
		a[name] = value
	}
	return a
}

func (v *view) address(at string) string {
	u, err := url.Parse(v.Refresh)
	if err != nil {
		return v.Refresh
	}
	q := u.Query()
	q.Set("row", strings.TrimSuffix(strings.TrimPrefix(at, prefix), "."))
	u.RawQuery = q.Encode()
	return u.String()
}

// button is a submit button that changes the row at. Its id lets the cursor find it again.
func (v *view) button(a ui.Action, at, what, id string) ui.Action {
	a.Name, a.Value, a.Small, a.Attrs = "change", at+what, true, v.swaps(at)
	a.Attrs["id"] = ui.FieldID(id)
	if v.Values[focusField] == id && !a.Disabled {
		a.Attrs["autofocus"] = true
	}
	return a
}

// looks make the preview draw itself anew when the page says that it is stale, with the problems of templates.
func (v *view) looks(at string) templ.Attributes {
	a := templ.Attributes{}
	if v.Refresh == "" {
		return a
	}
	oob := []string{"#" + elementID("head", at), "#" + elementID("slot", at)}
	for i := range ruleTexts(v.Values, at) {
		oob = append(oob, "#"+elementID("slot", fieldsOfRule(at, i)))
	}
	preview := "#" + elementID("preview", at)
	for name, value := range map[string]string{
		"hx-post": v.address(at), "hx-include": "closest form", "hx-trigger": "stale delay:300ms", "hx-select": preview + " > *", "hx-swap": "innerHTML show:none",
		"hx-sync": "this:replace", "hx-select-oob": strings.Join(oob, ","), "hx-target": "this",
	} {
		a[name] = value
	}
	return a
}

// drawn is the preview, for the row at of type t: nil where nobody has asked for it yet.
func (v *view) drawn(at string, t fault.Type) *Preview {
	if v.Preview == nil || at == all && v.Values[openField] != "all" || at != all && !v.row(t).open() {
		return nil
	}
	if v.blocked(at) {
		return &Preview{Problem: "Correct what is wrong to see the answer."}
	}
	p := v.Preview(Ask{Type: t, Custom: v.custom, Token: v.asks(at, t) == "token", XML: v.Values[at+"speaks"] == "xml", OfPlatform: v.OfPlatform})
	return &p
}

// asks is what the caller of the preview asks for. Some errors are of token requests alone.
func (v *view) asks(at string, t fault.Type) string {
	chosen := v.Values[at+"as"]
	if chosen == "" && fault.Find(t).Group() == fault.GroupToken {
		return "token"
	}
	return orElse(chosen, "call")
}

// wrongs are the problems that keep the answer at from being drawn.
func (v *view) wrongs(at string) problem.List {
	var list problem.List
	for _, p := range v.live {
		if (strings.HasPrefix(p.Field, at) || strings.HasPrefix(p.Field, all)) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// said is everything that is wrong with a control.
func (v *view) said(name string) string {
	var all []string
	for _, p := range v.live {
		if p.Field == name && !slices.Contains(all, p.Message) {
			all = append(all, p.Message)
		}
	}
	return strings.Join(all, " ")
}

func (v *view) blocked(at string) bool { return len(v.wrongs(at)) > 0 }

// reason is the row whose answer the template for everything is shown with.
func (v *view) reason() fault.Type {
	if t := fault.Type(v.Values[all+"reason"]); t.Known() {
		return t
	}
	if len(v.Rows) > 0 {
		return v.Rows[0]
	}
	return fault.Unexpected
}

func (v *view) reasons() []ui.OptionGroup {
	var list []ui.OptionGroup
	for _, g := range v.groups() {
		o := ui.OptionGroup{Label: string(g.name)}
		for _, r := range g.rows {
			o.Options = append(o.Options, ui.Option{Value: string(r.Type), Label: r.Code + " " + r.Message})
		}
		list = append(list, o)
	}
	return list
}

// rule is one response rule as it is drawn.
type rule struct {
	row
	own         string // begins the names of its fields
	i           int
	first, last bool
}

func (r row) rules() []rule {
	list := make([]rule, len(ruleTexts(r.Values, r.at)))
	for i := range list {
		list[i] = rule{row: r, own: fieldsOfRule(r.at, i), i: i, first: i == 0, last: i == len(list)-1}
	}
	return list
}

func (r rule) label() string { return "response rule " + strconv.Itoa(r.i+1) }

func (r rule) active() bool { return r.Values[r.own+"active"] == "true" }

func (r rule) conditions() conditions.Props {
	p := conditions.Props{
		Place: place(r.own), Values: r.Values, Problems: r.Problems, Variable: r.Variable, Names: r.Names, Project: r.Project, Now: r.Now,
	}
	if r.Refresh != "" {
		p.Refresh = r.address(r.at)
	}
	return p
}

func statusText(n int) string { return strings.TrimSpace(number(n) + " " + http.StatusText(n)) }
