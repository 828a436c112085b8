package conditions

import (
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// BuilderID is the element that redraws itself: htmx takes it out of the answer.
const BuilderID = "condition-builder"

// PanelID is the tab's panel.
const PanelID = "conditions"

// Props is what the tab is drawn from.
type Props struct {
	// Place is where the condition stands; zero on the Conditions tab.
	Place    Place
	Values   map[string]string
	Problems problem.List // located (see Locate)
	// Refresh is the address that redraws the tab for a form as it is typed; "" leaves it to the form itself.
	Refresh string
	// Variable finds a variable of the project; nil finds none.
	Variable func(name string) (condition.Variable, bool)
	// Names are the project's variables, to choose from.
	Names []string
	// Project is where variables are chosen and made; "" offers neither.
	Project string
	// Environments are those that can be tried, where the condition has a ${NAME}. The first stands for one that is not chosen.
	Environments []Environment
	Now          time.Time

	first bool // the first problem of the form is one of these
}

// view is Props read once for one drawing.
type view struct {
	Props
	draft  draft
	cond   condition.Condition
	unmet  policy.UnmetAction
	tried  *trial
	fixed  bool // the rules are only read
	broken bool // the JSON cannot be read
}

func newView(p Props) *view {
	p.first = len(p.Problems) > 0
	p = p.at()
	v := &view{Props: p, draft: readDraft(p.Values)}
	var problems problem.List
	v.cond, v.unmet, problems = Read(p.Values)
	v.unmet = policy.UnmetAction(orElse(string(v.unmet), string(policy.Skip)))
	v.broken = len(problems) > 0
	what := p.Values["change"]
	switch {
	case what == testIt:
		v.tried = try(p, v.cond, problems)
		v.add(Locate(p.Values, v.tried.problems))
		v.add(v.tried.sample)
	case (what == toRows || what == toJSON) && len(p.Problems) == 0:
		if len(problems) == 0 && what == toRows {
			problems.Append(jsonName, v.cond.Validate())
		}
		v.add(Locate(p.Values, problems))
	}
	return v
}

func (v *view) add(problems problem.List) {
	v.Problems = append(slices.Clip(v.Problems), problems...)
	v.first = v.first || len(problems) > 0
}

// named is the name of a control in the whole form.
func (v *view) named(own string) string { return string(v.Place) + own }

func (v *view) builderID() string { return v.Place.id(BuilderID) }

func (v *view) wordsID() string { return v.Place.id("condition-words") }

// empty tells that there is no condition, also not one that is being written.
func (v *view) empty() bool { return !v.draft.asJSON && len(v.draft.root.rules) == 0 }

// Tab is the tab that leads to the conditions, with how many rules there are.
func Tab(v map[string]string, wrong bool) ui.Tab {
	t := ui.Tab{Label: "Conditions", Href: "#" + PanelID, Count: Count(v), Badge: "condition-count", Wrong: wrong}
	if t.Count == 0 {
		t.Tag = "none"
	}
	return t
}

// swaps make a control redraw the tab alone. Nothing is inherited on our pages, so each says it.
func (v *view) swaps() templ.Attributes {
	if v.Refresh == "" {
		return templ.Attributes{}
	}
	return templ.Attributes{
		"hx-post": v.Refresh, "hx-include": "closest form", "hx-target": "#" + v.builderID(), "hx-select": "#" + v.builderID(),
		"hx-swap": "outerHTML show:none", "hx-sync": "closest form:queue all",
	}
}

// redraws is on choices that decide which other fields there are.
func (v *view) redraws() templ.Attributes {
	a := v.swaps()
	if v.Refresh != "" {
		a["hx-trigger"] = "change"
	}
	return a
}

// rereads is on texts, which only change how the condition reads.
func (v *view) rereads() templ.Attributes {
	a := v.redraws()
	if v.Refresh != "" {
		a["hx-target"], a["hx-select"] = "#"+v.wordsID(), "#"+v.wordsID()
		if v.Place == "" {
			a["hx-select-oob"] = "#condition-warning"
		}
	}
	return a
}

// button is a submit button that changes the rules. Its id lets the cursor find it again.
func (v *view) button(a ui.Action, what, path, id string) ui.Action {
	a.Name, a.Value, a.Small = "change", v.named(what), true
	if path != "" {
		a.Value += ":" + path
	}
	a.Attrs = v.swaps()
	a.Attrs["formnovalidate"], a.Attrs["id"] = true, ui.FieldID(v.named(id))
	if v.Values[focusField] == id && !a.Disabled {
		a.Attrs["autofocus"] = true
	}
	return a
}

// spot is a node as it is drawn.
type spot struct {
	*view
	n    *node
	path string
	out  *condition.Outcome // of the sample, where there is one
	last bool               // of its group
}

func (v *view) root() spot {
	s := spot{view: v, n: &v.draft.root}
	if v.tried != nil && v.tried.outcome != nil {
		s.out = v.tried.outcome
		if v.draft.folded() && len(s.out.Rules) == 1 {
			s.out = &s.out.Rules[0]
		}
	}
	return s
}

func (s spot) children() []spot {
	list := make([]spot, len(s.n.rules))
	for i := range s.n.rules {
		list[i] = spot{view: s.view, n: &s.n.rules[i], path: child(s.path, i), last: i == len(list)-1}
		if s.out != nil && i < len(s.out.Rules) {
			list[i].out = &s.out.Rules[i]
		}
	}
	return list
}

func (s spot) name(field string) string { return fieldName(s.path, field) }

func (s spot) number() string { return number(s.path) }

func (s spot) depth() int {
	if s.path == "" {
		return 0
	}
	return strings.Count(s.path, ".") + 1
}

// first and stuck are places from which a button leads nowhere.
func (s spot) first() bool { return s.path == "0" }

func (s spot) stuck() bool { return s.last && !strings.Contains(s.path, ".") }

func (s spot) full() bool { return s.draft.root.all() >= condition.MaxRules }

// control is one field of the rule.
func (s spot) control(field, label string) ui.Field {
	name := s.name(field)
	f := ui.Field{
		Name: s.named(name), Label: label + " of rule " + s.number(), HideLabel: true, Value: s.n.text[field], Error: s.Problems.For(name),
		Attrs: s.rereads(),
	}
	s.cursor(name, f.Attrs)
	return f
}

// cursor puts the cursor into the control that the last change leads to, or that is wrong first.
func (v *view) cursor(name string, attrs templ.Attributes) {
	if v.Values[focusField] == name || v.first && v.Problems[0].Field == name {
		attrs["autofocus"] = true
	}
}

// choice is a field that decides which others there are.
func (s spot) choice(field, label string) ui.Field {
	f := s.control(field, label)
	f.Attrs = s.redraws()
	s.cursor(s.name(field), f.Attrs)
	return f
}

func (s spot) operator() (condition.OperatorInfo, bool) {
	return condition.Operator(s.n.text["operator"]).Info()
}

// unary tells that there is nothing to compare with.
func (s spot) unary() bool {
	info, ok := s.operator()
	return ok && info.Unary
}

func (s spot) dataType() condition.DataType {
	return condition.DataType(orElse(s.n.text["type"], string(condition.String)))
}

func (s spot) fromVariable() bool {
	return !s.unary() && s.n.text["source"] == string(condition.FromVariable)
}

// shows tells whether a field is drawn as a control. The others keep what they hold.
func (s spot) shows(field string) bool {
	side, part, _ := strings.Cut(field, ".")
	switch field {
	case "operator":
		return true
	case "type", "source":
		return !s.unary()
	case "format":
		return !s.unary() && s.dataType() == condition.Date
	case "value":
		return !s.unary() && !s.fromVariable()
	}
	if side == "second" && !s.fromVariable() {
		return false
	}
	return s.showsPart(side, part)
}

func (s spot) showsPart(side, part string) bool {
	kind := s.n.text[side]
	switch part {
	case "":
		return true
	case "text":
		return kind != "" && kind != kindContext && kind != string(condition.AllBody)
	case "context":
		return kind == kindContext
	case "path":
		return kind == string(condition.Path)
	case "zone":
		return s.zoned(side) || s.Problems.For(s.name(side+".zone")) != ""
	}
	return false // the name and the description of a variable that is written in place
}

// zoned tells that a value depends on a time zone.
func (s spot) zoned(side string) bool {
	kind := s.n.text[side]
	info, _ := condition.ContextName(s.n.text[side+".context"]).Info()
	switch {
	case kind == kindContext && info.Zoned:
		return true
	case kind == "" || kind == kindVariable || kind == kindContext:
		return s.n.text[side+".zone"] != "" && kind != ""
	}
	return !s.unary() && s.dataType() == condition.Date
}

// kept are the texts of fields that are not drawn now, so that choosing otherwise brings them back.
func (s spot) kept() []ui.Hidden {
	list := []ui.Hidden{{Name: s.named(s.name("kind")), Value: ruleKind}}
	for _, field := range ruleFields {
		if text := s.n.text[field]; text != "" && !s.shows(field) {
			list = append(list, ui.Hidden{Name: s.named(s.name(field)), Value: text})
		}
	}
	return list
}

// kinds are what a variable can be.
func kinds(chosen string) []ui.OptionGroup {
	groups := []ui.OptionGroup{
		{Options: []ui.Option{
			{Value: kindHeader, Label: "Header"}, {Value: string(condition.Query), Label: "Query parameter"},
			{Value: string(condition.Path), Label: "Path parameter"}, {Value: string(condition.Form), Label: "Form parameter"},
			{Value: kindContext, Label: "Context value"},
		}},
		{Label: "Body", Options: []ui.Option{
			{Value: string(condition.JSON), Label: "JSON body"}, {Value: string(condition.XML), Label: "XML body"}, {Value: string(condition.AllBody), Label: "Whole body"},
		}},
		{Label: "Project", Options: []ui.Option{{Value: kindVariable, Label: "Variable by name"}}},
	}
	return keep(groups, chosen, "Choose a variable")
}

// keep adds what is chosen where the list has it not, so that drawing changes nothing.
func keep(groups []ui.OptionGroup, chosen, none string) []ui.OptionGroup {
	for _, g := range groups {
		if slices.ContainsFunc(g.Options, func(o ui.Option) bool { return o.Value == chosen }) {
			return groups
		}
	}
	label := chosen + " (not known)"
	if chosen == "" {
		label = none
	}
	return append([]ui.OptionGroup{{Options: []ui.Option{{Value: chosen, Label: label}}}}, groups...)
}

func contexts(chosen string) []ui.OptionGroup {
	g := ui.OptionGroup{}
	for _, info := range condition.ContextValues {
		g.Options = append(g.Options, ui.Option{Value: string(info.Name), Label: strings.ToUpper(info.Label[:1]) + info.Label[1:], Text: info.Text})
	}
	return keep([]ui.OptionGroup{g}, chosen, "Choose a value")
}

// operators are those that fit the data type, and the one that is chosen.
func (s spot) operators() []ui.OptionGroup {
	groups := []ui.OptionGroup{{Label: "Compare"}, {Label: "Whatever the letter case"}, {Label: "Presence"}}
	chosen := s.n.text["operator"]
	for _, info := range condition.Operators {
		i := 0
		switch {
		case info.Unary:
			i = 2
		case strings.HasSuffix(string(info.Operator), "_IGNORE_CASE"):
			i = 1
		}
		o := ui.Option{Value: string(info.Operator), Label: info.Label}
		if fits := slices.Contains(info.Types, s.dataType()); fits || string(info.Operator) == chosen {
			if !fits {
				o.Label += " (not for this data type)"
			}
			groups[i].Options = append(groups[i].Options, o)
		}
	}
	groups = slices.DeleteFunc(groups, func(g ui.OptionGroup) bool { return len(g.Options) == 0 })
	return keep(groups, chosen, "Choose an operator")
}

func dataTypes(chosen string) []ui.OptionGroup {
	return keep([]ui.OptionGroup{{Options: []ui.Option{
		{Value: string(condition.String), Label: "String"}, {Value: string(condition.Numeric), Label: "Numeric"}, {Value: string(condition.Date), Label: "Date"},
	}}}, chosen, "Choose a type")
}

func valueSources(chosen string) []ui.OptionGroup {
	return keep([]ui.OptionGroup{{Options: []ui.Option{
		{Value: string(condition.FromValue), Label: "Value"}, {Value: string(condition.FromVariable), Label: "Variable"},
	}}}, chosen, "Choose")
}

// placeText is the control that names the place of a variable.
func (s spot) placeText(side string) ui.Field {
	f := s.control(side+".text", placeLabels[s.n.text[side]].label)
	f.Mono, f.Placeholder = true, placeLabels[s.n.text[side]].example
	if f.Label == " of rule "+s.number() {
		f.Label = "Name" + f.Label
	}
	if s.n.text[side] == kindVariable && len(s.Names) > 0 {
		f.Attrs["list"] = "condition-variables"
	}
	return f
}

var placeLabels = map[string]struct{ label, example string }{
	kindHeader:              {"Header", "X-Environment"},
	string(condition.Query): {"Query parameter", "status"},
	string(condition.Path):  {"Path parameter", "id"},
	string(condition.Form):  {"Form parameter", "status"},
	string(condition.JSON):  {"JSONPath", "$.order.country"},
	string(condition.XML):   {"XPath", "/order/country"},
	kindVariable:            {"Variable", "name of the variable"},
}

func (s spot) pathTemplate(side string) ui.Field {
	f := s.control(side+".path", "Path template")
	f.Mono, f.Placeholder = true, "/orders/{id}, or as the endpoint"
	return f
}

func (s spot) zone(side string) ui.Field {
	f := s.control(side+".zone", "Time zone")
	f.Placeholder = "Time zone, UTC by default"
	return f
}

func (s spot) format() ui.Field {
	f := s.control("format", "Date format")
	f.Mono, f.Placeholder = true, "yyyy-MM-dd"
	return f
}

func (s spot) value() ui.Field {
	f := s.control("value", "Value")
	f.Mono = true
	info, _ := s.operator()
	switch name := condition.ContextName(s.n.text["first.context"]); {
	case s.n.text["first"] == kindContext && name == condition.ClientAddress && info.List:
		f.Placeholder = "10.0.0.0/8#192.0.2.10"
	case info.List:
		f.Placeholder = "one#two#three"
	case strings.HasSuffix(string(info.Operator), "MATCHES_PATH"):
		f.Placeholder = "/api/admin/*"
	case s.dataType() == condition.Date:
		f.Placeholder = orElse(s.n.text["format"], "yyyy-MM-dd")
	case s.dataType() == condition.Numeric:
		f.Placeholder = "18"
	}
	if info.List {
		f.Help = "With # between the elements."
	}
	return f
}

// criteriaText says what a group asks for.
func criteriaText(criteria string) string {
	switch condition.Criteria(criteria) {
	case condition.And:
		return "every rule must be met"
	case condition.Or:
		return "one rule is enough"
	case condition.Not:
		return "met unless every rule is"
	}
	return "choose how the rules go together"
}

// unmetCards say what an unmet condition does.
func unmetCards() []ui.Card {
	return []ui.Card{
		{Value: string(policy.Skip), Label: "Skip the policy", Text: "The request goes on without this policy."},
		{Value: string(policy.Reject), Label: "Reject the request", Text: "403, token requests too."},
	}
}

func (v *view) unmetField() ui.Field {
	f := ui.Field{Name: UnmetField, Label: Label(UnmetField), Value: string(v.unmet), Error: v.Problems.For(UnmetField), Attrs: v.redraws()}
	return f
}

func (v *view) jsonControl() ui.Field {
	f := ui.Field{
		Name: v.named(jsonField), Label: Label(jsonField), Value: v.draft.text, Error: v.jsonProblems(), Mono: true, Rows: 12, Attrs: v.rereads(),
		Help: "As in exports and in the management API. Paste a condition here, or copy this one to another policy.",
	}
	v.cursor(jsonField, f.Attrs)
	return f
}

// jsonProblems are all problems at once: there is one control for them.
func (v *view) jsonProblems() string {
	var all []string
	for _, p := range v.Problems {
		if p.Field == jsonField {
			all = append(all, p.Message)
		}
	}
	return strings.Join(all, " ")
}

// multiline tells that a line of input would lose line breaks.
func multiline(text string) bool { return strings.ContainsAny(text, "\r\n") }

// sampleField is a field of the sample request, which is not part of the policy: the page counts no change.
func (v *view) sampleField(f ui.Field) ui.Field {
	f.Name = samplePrefix + f.Name
	f.Value, f.Error = v.Values[f.Name], v.Problems.For(f.Name)
	f.Attrs = templ.Attributes{"data-aside": true}
	if len(v.Problems) > 0 && v.Problems[0].Field == f.Name {
		f.Attrs["autofocus"] = true
	}
	return f
}
