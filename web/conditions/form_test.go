package conditions_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/htmlcheck"
)

// typed is what a browser would send of a drawn builder.
func typed(doc htmlcheck.Node) map[string]string {
	v := map[string]string{}
	for _, n := range doc.All("input[name]") {
		if n.Attr("type") != "radio" || n.HasAttr("checked") {
			v[n.Attr("name")] = n.Attr("value")
		}
	}
	for _, n := range doc.All("select[name]") {
		for _, o := range n.All("option[selected]") {
			v[n.Attr("name")] = o.Attr("value")
		}
	}
	return v
}

func draw(t testing.TB, v map[string]string) htmlcheck.Node {
	t.Helper()
	return htmlcheck.Render(t, conditions.Builder(conditions.Props{Values: v, Refresh: "/redraw"}))
}

type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

func (d dice) condition() condition.Condition {
	c := condition.Condition{}
	for range d.IntN(4) {
		c.Rules = append(c.Rules, d.rule(4))
	}
	c.Normalize()
	return c
}

func (d dice) rule(depth int) condition.Rule {
	if depth == 0 || d.IntN(3) > 0 {
		return d.leaf()
	}
	r := condition.Rule{Criteria: pick(d, condition.And, condition.Or, condition.Not)}
	for range 1 + d.IntN(3) {
		r.Rules = append(r.Rules, d.rule(depth-1))
	}
	return r
}

// leaf makes rules that may well be wrong: what was typed must come back all the same.
func (d dice) leaf() condition.Rule {
	r := condition.Rule{
		Criteria: condition.Value, First: d.variable(), DataType: pick(d, condition.String, condition.Numeric, condition.Date, "ODD"),
		Operator: pick(d, condition.Operators...).Operator, Source: pick(d, condition.FromValue, condition.FromVariable, "ODD"),
		SecondValue: pick(d, "", "a", "a#b", `<b>"&'`, " padded "), DateFormat: pick(d, "", "yyyy-MM-dd"),
	}
	if d.IntN(2) == 0 {
		r.Second = d.variable()
	}
	return r
}

func (d dice) variable() *condition.Variable {
	v := pick(d,
		condition.Variable{Type: condition.Header, HeaderName: "X-One"}, condition.Variable{Type: condition.Header, Name: "env", Description: "where"},
		condition.Variable{Type: condition.Parameter, ParamType: condition.Query, ParamName: "q"},
		condition.Variable{Type: condition.Parameter, ParamType: condition.Form, ParamName: "f", ZoneID: "Europe/Istanbul"},
		condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "/orders/{id}"},
		condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.a"}, condition.Variable{Type: condition.Body, ContentType: condition.AllBody},
		condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a/b"},
		condition.Variable{Type: condition.Context, ContextValue: pick(d, condition.ContextValues...).Name, ZoneID: pick(d, "", "UTC")},
		condition.Variable{Type: condition.Context, ContextValue: "NO_SUCH"}, condition.Variable{Name: "of the project"}, condition.Variable{Type: "CUSTOM"},
	)
	if d.IntN(12) == 0 {
		return nil
	}
	return &v
}

func TestWhatIsDrawnReadsBackTheSame(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(1, 4))}
	for i := range 300 {
		c := d.condition()
		v := map[string]string{}
		conditions.Write(v, c, policy.Reject)
		doc := draw(t, v)
		htmlcheck.Sound(t, doc)
		got, unmet, problems := conditions.Read(typed(doc))
		got.Normalize()
		if len(problems) > 0 || unmet != policy.Reject || !got.Equal(&c) {
			t.Fatalf("round %d: %v %s\nwant %s\ngot  %s", i, problems, unmet, text(t, c), text(t, got))
		}
	}
}

func TestJSONAndRulesAreTheSameCondition(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(2, 4))}
	for range 300 {
		c := d.condition()
		v := map[string]string{}
		conditions.Write(v, c, policy.Skip)
		conditions.Change(v, "condition.to-json")
		asJSON, _, problems := conditions.Read(v)
		conditions.Change(v, "condition.to-rows")
		back, _, _ := conditions.Read(v)
		if len(problems) > 0 || !asJSON.Equal(&c) || !back.Equal(&c) {
			t.Fatalf("%v\nwant %s\nJSON %s\nrows %s", problems, text(t, c), text(t, asJSON), text(t, back))
		}
	}
}

func text(t testing.TB, c condition.Condition) string {
	t.Helper()
	v := map[string]string{}
	conditions.Write(v, c, "")
	conditions.Change(v, "condition.to-json")
	return v["condition.json"]
}

// short writes a tree as letters: the values of its rules, and its groups.
func short(c condition.Condition) string { return shortRules(c.Rules) }

func shortRules(rules []condition.Rule) string {
	parts := make([]string, len(rules))
	for i, r := range rules {
		if parts[i] = r.SecondValue; r.Criteria != condition.Value {
			parts[i] = strings.ToLower(string(r.Criteria)) + "(" + shortRules(r.Rules) + ")"
		}
	}
	return strings.Join(parts, " ")
}

// tree reads what short writes.
func tree(text string) condition.Condition {
	rules, _ := treeRules(strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)))
	return condition.Condition{Rules: rules}
}

func treeRules(words []string) (rules []condition.Rule, rest []string) {
	for len(words) > 0 && words[0] != ")" {
		if len(words) > 1 && words[1] == "(" {
			r := condition.Rule{Criteria: condition.Criteria(strings.ToUpper(words[0]))}
			r.Rules, words = treeRules(words[2:])
			rules, words = append(rules, r), words[1:]
			continue
		}
		rules = append(rules, condition.Rule{
			Criteria: condition.Value, First: &condition.Variable{Type: condition.Header, HeaderName: "X"}, DataType: condition.String,
			Operator: condition.Equal, Source: condition.FromValue, SecondValue: words[0],
		})
		words = words[1:]
	}
	return rules, words
}

func TestButtonsChangeTheRules(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ from, change, want, focus string }{
		"a first rule":                                 {"", "add-rule", "", "condition.0.first"},
		"a rule at the end":                            {"a", "add-rule", "a ", "condition.1.first"},
		"a rule in a group":                            {"a or(b c)", "add-rule:1", "a or(b c )", "condition.1.2.first"},
		"a group with a rule":                          {"a", "add-group", "a or()", "condition.1.0.first"},
		"taking out a rule":                            {"a b c", "remove:1", "a c", "condition.1.remove"},
		"taking out the last of a group":               {"a or(b)", "remove:1.0", "a", "condition.0.remove"},
		"taking out the last rule":                     {"a", "remove:0", "", "condition.add-rule"},
		"taking out the last rule of an OR":            {"or(a)", "remove:0", "", "condition.add-rule"},
		"up past a rule":                               {"a b", "up:1", "b a", "condition.0.down"},
		"up past the first stays":                      {"a b", "up:0", "a b", "condition.0.down"},
		"up into a group":                              {"and(a) b", "up:1", "and(a b)", "condition.0.1.up"},
		"up out of a group":                            {"a and(b c)", "up:1.0", "a b and(c)", "condition.1.up"},
		"down out of a group":                          {"and(a b) c", "down:0.1", "and(a) b c", "condition.1.down"},
		"the only one leaves and its group goes":       {"a and(b) c", "down:1.0", "a b c", "condition.1.down"},
		"down into a group":                            {"a and(b)", "down:0", "and(a b)", "condition.0.0.down"},
		"in a condition that is an OR":                 {"or(a b)", "down:0", "or(b a)", "condition.1.up"},
		"dragged into a group":                         {"a b or(c d)", "place:0:2:1", "b or(c a d)", ""},
		"dragged to the end of the top":                {"or(a b c)", "place:0::3", "or(b c a)", ""},
		"dragged out of a group":                       {"not(a b) c", "place:0.0::2", "not(b) c a", ""},
		"dragged into itself stays":                    {"a and(b and(c))", "place:1:1.1:0", "a and(b and(c))", ""},
		"dragged to no place stays":                    {"a b", "place:0:7:1", "a b", ""},
		"dragged with nonsense stays":                  {"a b", "place:x:y", "a b", ""},
		"taking out what is not there changes nothing": {"a", "remove:5", "a", ""},
		"adding to what is no group changes nothing":   {"a", "add-rule:0", "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{"name": "kept"}
			conditions.Write(v, tree(tt.from), policy.Skip)
			if !conditions.Change(v, "condition."+tt.change) {
				t.Fatal("not known")
			}
			got, _, _ := conditions.Read(v)
			if short(got) != tt.want || v["name"] != "kept" {
				t.Errorf("got %q, want %q", short(got), tt.want)
			}
			if v["condition.focus"] != tt.focus {
				t.Errorf("focus on %q, want %q", v["condition.focus"], tt.focus)
			}
			if tt.focus != "" && !draw(t, v).Has("[autofocus]") {
				t.Errorf("nothing takes the focus")
			}
		})
	}
}

func TestOtherButtonsAreNotTheConditions(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"", "x", "conditions", "authorization.rows+"} {
		if conditions.Change(map[string]string{}, what) {
			t.Errorf("%q was taken", what)
		}
	}
}

// Every place of a rule can be got to with the buttons alone.
func TestMovingUpAllTheWayGoesThroughEveryGroup(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	conditions.Write(v, tree("a and(b not(c)) d"), policy.Skip)
	path := "2"
	var got []string
	for range 10 {
		conditions.Change(v, "condition.up:"+path)
		path = strings.NewReplacer("condition.", "", ".up", "", ".down", "").Replace(v["condition.focus"])
		c, _, _ := conditions.Read(v)
		got = append(got, short(c))
	}
	want := []string{"a and(b not(c) d)", "a and(b not(c d))", "a and(b not(d c))", "a and(b d not(c))", "a and(d b not(c))", "a d and(b not(c))", "d a and(b not(c))"}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("step %d: %s, want %s", i+1, got[i], w)
		}
	}
}

// However rules are moved, none is lost or doubled, and no group is left empty.
func TestMovingLosesNoRule(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(5, 4))}
	leaves := func(v map[string]string) string {
		c, _, _ := conditions.Read(v)
		all := strings.FieldsFunc(short(c), func(r rune) bool { return strings.ContainsRune("() ", r) })
		all = slices.DeleteFunc(all, func(word string) bool { return word == "and" || word == "or" || word == "not" })
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	for range 200 {
		v := map[string]string{}
		conditions.Write(v, tree("a or(b and(c not(d e)) f) g not(h)"), policy.Skip)
		for range 12 {
			path := func() string {
				return pick(d, "", "0", "1", "2", "3", "1.0", "1.1", "1.1.1", "1.1.1.0", "3.0", "x", "-1")
			}
			change := pick(d, "condition.up:"+path(), "condition.down:"+path(), "condition.place:"+path()+":"+path()+":"+pick(d, "0", "1", "2", "9", "-1"))
			before, _, _ := conditions.Read(v)
			conditions.Change(v, change)
			if got := leaves(v); got != "a b c d e f g h" {
				after, _, _ := conditions.Read(v)
				t.Fatalf("%s made %q of %q", change, short(after), short(before))
			}
			if after, _, _ := conditions.Read(v); strings.Contains(short(after), "()") {
				t.Fatalf("%s left an empty group in %q", change, short(after))
			}
		}
	}
}

func TestProblemsStandAtTheirControls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ from, field, want string }{
		"a value":                       {"a b", "policyCondition.conditionRuleList[1].secondValue", "condition.1.value"},
		"a value in an OR":              {"or(a b)", "policyCondition.conditionRuleList[0].conditionRuleList[1].secondValue", "condition.1.value"},
		"deep":                          {"or(a and(b c))", "policyCondition.conditionRuleList[0].conditionRuleList[1].conditionRuleList[1].dateFormat", "condition.1.1.format"},
		"a header":                      {"a", "policyCondition.conditionRuleList[0].firstVariable.headerName", "condition.0.first.text"},
		"no variable":                   {"a", "policyCondition.conditionRuleList[0].secondVariable", "condition.0.second"},
		"a zone":                        {"a", "policyCondition.conditionRuleList[0].secondVariable.zoneId", "condition.0.second.zone"},
		"the operator":                  {"a", "policyCondition.conditionRuleList[0].valueComparisonOperator", "condition.0.operator"},
		"an empty group":                {"a and(b)", "policyCondition.conditionRuleList[1].conditionRuleList", "condition.1.criteria"},
		"too many":                      {"a", "policyCondition.conditionRuleList", "condition.criteria"},
		"the whole":                     {"a", "policyCondition", "condition.criteria"},
		"a rule that is gone meanwhile": {"a", "policyCondition.conditionRuleList[9].secondValue", "condition.criteria"},
		"another field":                 {"a", "name", "name"},
		"the action":                    {"a", "conditionUnmetAction", "conditionUnmetAction"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{}
			conditions.Write(v, tree(tt.from), policy.Skip)
			if got := conditions.Locate(v, problem.List{{Field: tt.field}}); got[0].Field != tt.want {
				t.Errorf("stands at %s, want %s", got[0].Field, tt.want)
			}
		})
	}
}

func TestEveryProblemOfRandomConditionsHasAControl(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(3, 4))}
	for range 300 {
		c := d.condition()
		v := map[string]string{}
		conditions.Write(v, c, policy.Skip)
		var l problem.List
		l.Append("policyCondition", c.Validate())
		l = conditions.Locate(v, l)
		doc := htmlcheck.Render(t, conditions.Builder(conditions.Props{Values: v, Problems: l}))
		for _, p := range l {
			if id := "f-" + strings.ReplaceAll(p.Field, ".", "-"); !doc.Has("#" + id) {
				t.Fatalf("%s: %s has no control\n%s", p.Field, p.Message, text(t, c))
			}
			if conditions.Label(p.Field) == "" {
				t.Errorf("%s has no label", p.Field)
			}
		}
		if len(l) > 0 && len(doc.All("[autofocus]")) > 1 {
			t.Errorf("several controls take the focus")
		}
	}
}

func TestTypedTextStaysWhatItWasAlsoWhereItIsWrong(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	conditions.Write(v, tree("a"), policy.Skip)
	v["condition.0.type"], v["condition.0.value"] = "NUMERIC", "eighteen"
	v["condition.0.operator"] = "IS_EXISTS" // hides the value
	v = typed(draw(t, v))
	v["condition.0.operator"] = "EQ"
	if got := draw(t, v).One(t, `[name="condition.0.value"]`).Attr("value"); got != "eighteen" {
		t.Errorf("value %q", got)
	}
}

func TestWhatIsLargerThanAConditionMayBeIsRefusedAndNotDrawnForever(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	for i := range 5000 {
		v["condition."+strconv.Itoa(i)+".kind"] = "rule"
	}
	path := "condition"
	for range 50 {
		path += ".0"
		v[path+".kind"] = "group"
	}
	c, _, _ := conditions.Read(v)
	if len(c.Validate()) == 0 {
		t.Error("accepted")
	}
	draw(t, v)
}

func TestBrokenJSONIsSaidAndKept(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "{", "a list": "[]", "an unknown member": `{"conditionRuleList":[{"conditionCriterion":"AND"}]}`, "twice": `{"conditionRuleList":[],"conditionRuleList":[]}`,
		"a number": `{"conditionRuleList":[{"secondValue":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{"condition.view": "json", "condition.json": text, "change": "condition.to-rows"}
			if _, _, problems := conditions.Read(v); len(problems) == 0 {
				t.Error("was read")
			}
			conditions.Change(v, v["change"])
			doc := draw(t, v)
			area := doc.One(t, `textarea[name="condition.json"]`)
			if area.Text() != text || area.Attr("aria-invalid") != "true" || area.DescribedBy(t, doc) == "" {
				t.Errorf("%s", doc.HTML())
			}
		})
	}
}

func TestTheSentenceAndTheWarning(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	conditions.Write(v, tree("production"), policy.Skip)
	doc := draw(t, v)
	if got := doc.One(t, ".Conditions-sentence").Text(); got != `Applies when header X equals "production".` {
		t.Error(got)
	}
	if warning := doc.One(t, "#condition-warning .Callout--danger").Text(); !strings.Contains(warning, "The caller writes header X") || !strings.Contains(warning, "open") {
		t.Error(warning)
	}
	v["conditionUnmetAction"] = "REJECT"
	if doc := draw(t, v); doc.Has("#condition-warning .Callout") {
		t.Error("REJECT warns")
	}
	v = map[string]string{}
	conditions.Write(v, condition.Condition{Rules: []condition.Rule{{
		Criteria: condition.Value, First: &condition.Variable{Type: condition.Context, ContextValue: condition.ClientAddress},
		DataType: condition.String, Operator: condition.In, Source: condition.FromValue, SecondValue: "10.0.0.0/8",
	}}}, policy.Skip)
	if doc := draw(t, v); !doc.Has("#condition-warning .Callout--warning") {
		t.Error("an address that is not met is not warned of")
	}
}
