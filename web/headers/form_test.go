package headers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	engine "github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/headers"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

func valid(changes ...engine.Change) *engine.Config {
	c := engine.New()
	c.Name, c.Changes = "hide", changes
	c.Normalize()
	return c
}

func from(v condition.Variable) engine.Change {
	return engine.Change{Action: policy.SetField, Name: "X-A", Variable: &v}
}

func remove(name string) engine.Change {
	return engine.Change{Action: policy.RemoveField, Name: name}
}

var everything = valid(
	remove("Server"),
	engine.Change{Action: policy.SetField, Name: "X-A", Value: `say "hi"`},
	engine.Change{Action: policy.AddField, Name: "x-a", Value: "2"},
	from(condition.Variable{Type: condition.Header, HeaderName: "X-B"}),
	from(condition.Variable{Type: condition.Parameter, ParamType: condition.Query, ParamName: "v"}),
	from(condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "/orders/{id}"}),
	from(condition.Variable{Type: condition.Context, ContextValue: "DATETIME_HOUR", ZoneID: "Europe/Istanbul"}),
)

func page(v policies.Values, problems problem.List) policies.FormPage {
	return policies.FormPage{Title: "Headers", Form: headers.Form{}, Values: v, Problems: problems, Action: "/save", Discard: "/"}
}

// sent is what a browser sends of the form as it is drawn.
func sent(doc htmlcheck.Node) policies.Values {
	v := policies.Values{}
	for _, n := range doc.All("form input[name]") {
		if typ := n.Attr("type"); typ != "checkbox" && typ != "radio" || n.HasAttr("checked") {
			v[n.Attr("name")] = n.Attr("value")
		}
	}
	for _, n := range doc.All("form textarea[name]") {
		v[n.Attr("name")] = n.Raw()
	}
	for _, n := range doc.All("form select[name]") {
		for i, o := range n.All("option") {
			if i == 0 || o.HasAttr("selected") {
				v[n.Attr("name")] = o.Attr("value")
			}
		}
	}
	return v
}

// What the form shows and what it sends back must be one and the same policy.
func TestWritingAndReadingGivesTheSamePolicy(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Render(t, policies.ShowForm(page(policies.Write(headers.Form{}, everything), nil)))
	htmlcheck.Sound(t, doc)
	got, problems := policies.Read(headers.Form{}, engine.TypeName, sent(doc))
	if diff := cmp.Diff(policy.Config(everything), got); diff != "" || len(problems) > 0 {
		t.Errorf("%s %v", diff, problems)
	}
}

func TestTheEmptyFormAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	v := policies.Write(headers.Form{}, headers.Form{}.New())
	_, problems := policies.Read(headers.Form{}, engine.TypeName, v)
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	if diff := cmp.Diff([]string{"name", "changes[0].name", "changes[0].value"}, fields); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsStandAtTheirControls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change engine.Change
		field  string // of the problem
		at     string // the control
	}{
		"a name that is taken by HTTP": {remove("Host"), "changes[1].name", "changes[1].name"},
		"a header without a name":      {from(condition.Variable{Type: condition.Header}), "changes[1].variable.headerName", "changes[1].value"},
		"a path without the parameter": {from(condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "/a"}), "changes[1].variable.paramPath", "changes[1].path"},
		"no context value":             {from(condition.Variable{Type: condition.Context}), "changes[1].variable.contextValue", "changes[1].context"},
		"a zone that is none":          {from(condition.Variable{Type: condition.Context, ContextValue: "DATETIME_HOUR", ZoneID: "Mars"}), "changes[1].variable.zoneId", "changes[1].zone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := policies.Write(headers.Form{}, valid(remove("Server"), tt.change))
			_, problems := policies.Read(headers.Form{}, engine.TypeName, v)
			if len(problems) != 1 || problems[0].Field != tt.field {
				t.Fatalf("%v", problems)
			}
			doc := htmlcheck.Render(t, policies.ShowForm(page(v, problems)))
			htmlcheck.Sound(t, doc)
			control := doc.One(t, "#"+ui.FieldID(tt.field))
			if control.Attr("name") != tt.at || !control.HasAttr("autofocus") {
				t.Errorf("the problem leads to %s", control.HTML())
			}
			if text := policies.LabelsOf(headers.Form{}, problems...)[tt.field]; text == "" {
				t.Error("the field has no name for people")
			}
		})
	}
}

func TestRowsAreAddedMovedAndRemovedAndNothingTypedIsLost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		what  string
		want  []string
		focus string
	}{
		"add":             {"changes.add", []string{"a", "b", "c", ""}, "changes[3].name"},
		"remove":          {"changes.remove:1", []string{"a", "c"}, "changes.add"},
		"up":              {"changes.up:2", []string{"a", "c", "b"}, "changes[1].name"},
		"down":            {"changes.down:0", []string{"b", "a", "c"}, "changes[1].name"},
		"up from the top": {"changes.up:0", []string{"a", "b", "c"}, ""},
		"a row of nobody": {"changes.remove:7", []string{"a", "b", "c"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := policies.Write(headers.Form{}, valid(remove("a"), remove("b"), remove("c")))
			v["changes[1].value"] = "typed\n" // also what Remove has no use for
			if !policies.Change(headers.Form{}, v, tt.what) {
				t.Fatal("the button is not known")
			}
			var names []string
			doc := htmlcheck.Render(t, policies.ShowForm(page(v, nil)))
			for i := range len(tt.want) {
				names = append(names, v["changes["+string(rune('0'+i))+"].name"])
				if names[i] == "b" && v["changes["+string(rune('0'+i))+"].value"] != "typed\n" {
					t.Error("what was typed is lost")
				}
			}
			if diff := cmp.Diff(tt.want, names); diff != "" || v["changes.focus"] != tt.focus {
				t.Errorf("%s, the cursor at %q", diff, v["changes.focus"])
			}
			if n := len(doc.All(".ErrorRule")); n != len(tt.want) {
				t.Errorf("%d rows are drawn", n)
			}
		})
	}
	if policies.Change(headers.Form{}, policies.Values{}, "save") {
		t.Error("a button of another form is taken")
	}
}

func TestNoMoreRowsThanAreAllowed(t *testing.T) {
	t.Parallel()
	c := valid()
	for range engine.MaxChanges {
		c.Changes = append(c.Changes, remove("a"))
	}
	v := policies.Write(headers.Form{}, c)
	policies.Change(headers.Form{}, v, "changes.add")
	if v["changes.rows"] != "50" {
		t.Errorf("%s rows", v["changes.rows"])
	}
	v["changes.rows"] = "1000000"
	_, problems := policies.Read(headers.Form{}, engine.TypeName, v)
	if problems.For("changes") == "" {
		t.Errorf("%v", problems)
	}
}

func TestSettingsSayEveryChange(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range (headers.Form{}).Settings(policies.Write(headers.Form{}, everything)) {
		got = append(got, s.Label+": "+s.Text)
	}
	want := []string{
		"Change 1: Remove Server", `Change 2: Set X-A to "say \"hi\""`, `Change 3: Add x-a with "2"`, "Change 4: Set X-A to the value of header X-B",
		"Change 5: Set X-A to the value of query parameter v", "Change 6: Set X-A to the value of path parameter id in /orders/{id}",
		"Change 7: Set X-A to the value of hour in Europe/Istanbul",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestValuesOfTheCallerAreRemarkedOn(t *testing.T) {
	t.Parallel()
	var fields []string
	for _, a := range (headers.Form{}).Advice(everything, policies.Choices{}) {
		fields = append(fields, a.Field)
	}
	if diff := cmp.Diff([]string{"changes[3].value", "changes[4].value", "changes[5].value"}, fields); diff != "" {
		t.Error(diff)
	}
}
