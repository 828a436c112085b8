package conditions_test

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/htmlcheck"
)

const (
	here  conditions.Place = "rules.0."
	there conditions.Place = "rules.1."
)

func drawAt(t testing.TB, p conditions.Place, v map[string]string, l problem.List) htmlcheck.Node {
	t.Helper()
	return htmlcheck.Render(t, conditions.Builder(conditions.Props{Place: p, Values: v, Problems: l, Refresh: "/redraw"}))
}

func TestSeveralConditionsStandInOneForm(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(6, 4))}
	for range 8 {
		v := map[string]string{"name": "kept"}
		first, second := d.condition(), d.condition()
		conditions.Write(v, tree("of the policy"), policy.Skip)
		here.Write(v, first)
		there.Write(v, second)
		sent := map[string]string{}
		for _, p := range []conditions.Place{"", here, there} {
			doc := drawAt(t, p, v, nil)
			htmlcheck.Sound(t, doc)
			maps.Copy(sent, typed(doc))
		}
		for place, want := range map[conditions.Place]condition.Condition{here: first, there: second} {
			got, problems := place.Read(sent)
			if len(problems) > 0 || !got.Equal(&want) {
				t.Fatalf("at %s: %v\nwant %s\ngot  %s", place, problems, text(t, want), text(t, got))
			}
		}
		if got, _, _ := conditions.Read(sent); short(got) != "of the policy" {
			t.Fatalf("the condition of the policy became %q", short(got))
		}
	}
}

func TestAButtonChangesTheConditionAtItsPlaceAlone(t *testing.T) {
	t.Parallel()
	v := map[string]string{"name": "kept"}
	conditions.Write(v, tree("x"), policy.Skip)
	here.Write(v, tree("a b"))
	there.Write(v, tree("c d"))
	if there.Change(v, "rules.0.condition.up:1") {
		t.Error("took the button of another condition")
	}
	if !there.Change(v, "rules.1.condition.up:1") {
		t.Fatal("not known")
	}
	doc := drawAt(t, there, v, nil)
	if focus := doc.One(t, "[autofocus]"); focus.Attr("value") != "rules.1.condition.down:0" || focus.Attr("id") != "f-rules-1-condition-0-down" {
		t.Error(focus.HTML())
	}
	all := []string{v["name"]}
	own, _, _ := conditions.Read(v)
	first, _ := here.Read(v)
	second, _ := there.Read(v)
	for _, c := range []condition.Condition{own, first, second} {
		all = append(all, short(c))
	}
	if got := strings.Join(all, ", "); got != "kept, x, a b, d c" {
		t.Error(got)
	}
}

// What belongs to the condition of a policy alone is not there.
func TestAConditionAtAPlaceHasNoUnmetActionAndNoTester(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	here.Write(v, tree("a"))
	doc := drawAt(t, here, v, nil)
	for _, selector := range []string{".Tester", "#condition-warning", "[name=conditionUnmetAction]", "datalist"} {
		if doc.Has(selector) {
			t.Errorf("draws %s", selector)
		}
	}
	if got := doc.One(t, ".Conditions-sentence").Text(); got != `Applies when header X equals "a".` {
		t.Error(got)
	}
}

func TestProblemsAtAPlaceStandAtTheirControls(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	here.Write(v, tree("or(a b)"))
	at := here.Locate(v, problem.Problem{Field: "conditionRuleList[0].conditionRuleList[1].secondValue", Message: "Enter a value."})
	if at.Field != "rules.0.condition.1.value" || here.Label(at.Field) != "Value of rule 2" {
		t.Errorf("%+v %s", at, here.Label(at.Field))
	}
	wrong := drawAt(t, here, v, problem.List{at}).One(t, "[aria-invalid]")
	if wrong.Attr("name") != at.Field || !wrong.HasAttr("autofocus") {
		t.Error(wrong.HTML())
	}
	later := drawAt(t, here, v, problem.List{{Field: "name", Message: "Enter a name."}, at})
	if later.Has("[autofocus]") || !later.Has("[aria-invalid]") {
		t.Error("the cursor belongs to the first problem of the form")
	}
	if at := here.Locate(v, problem.Problem{}); at.Field != "rules.0.condition.criteria" {
		t.Errorf("%+v", at)
	}

	t.Run("and as JSON all of them at the text", func(t *testing.T) {
		here.Change(v, "rules.0.condition.to-json")
		v["rules.0.condition.json"] = "{"
		_, unread := here.Read(v)
		if len(unread) != 1 || unread[0].Field != "rules.0.condition.json" {
			t.Errorf("%+v", unread)
		}
	})
}
