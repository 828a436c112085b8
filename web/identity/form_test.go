package identity_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	engine "github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/ui"
)

func list(rows ...string) identity.Values {
	v := identity.Values{"name": "x", "claimed": "y"}
	v.SetRows("claims", len(rows))
	for i, text := range rows {
		v[identity.Row("claims", i, "claim")] = text
		v.Tick(identity.Row("claims", i, "list"), text == "b")
	}
	return v
}

func TestChange(t *testing.T) {
	t.Parallel()
	added := list("a", "b", "c")
	added.SetRows("claims", 4)
	tests := []struct {
		name, change string
		want         identity.Values
		changed      bool
	}{
		{"adds a row at the end", "claims+", added, true},
		{"takes out the first and moves up the rest", "claims-0", list("b", "c"), true},
		{"takes out the one in the middle with its ticked box", "claims-1", list("a", "c"), true},
		{"takes out the last", "claims-2", list("a", "b"), true},
		{"leaves a row that is not there", "claims-3", list("a", "b", "c"), false},
		{"leaves a row below zero", "claims--1", list("a", "b", "c"), false},
		{"leaves a list that is not there", "other-0", list("a", "b", "c"), false},
		{"leaves everything when nothing was pressed", "", list("a", "b", "c"), false},
		{"leaves everything for a list without a name", "+", list("a", "b", "c"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := list("a", "b", "c")
			if changed := got.Change(tt.change); changed != tt.changed {
				t.Errorf("Change = %v", changed)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

// ATTACK: a request makes the page draw rows without end.
func TestAttackRowsAreBounded(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{"1000000000", "99999999999999999999", "-5", "x", ""} {
		v := identity.Values{"claims.rows": rows}
		before := maps.Clone(v)
		if n := v.Rows("claims"); n < 0 || n > 200 {
			t.Errorf("%q gives %d rows", rows, n)
		}
		for i := range 300 {
			v.Change("claims+")
			if n := v.Rows("claims"); n > 200 {
				t.Fatalf("%q and %d more give %d rows", rows, i, n)
			}
		}
		if cmp.Equal(before, v) && rows != "1000000000" {
			t.Errorf("%q: no row was added", rows)
		}
	}
}

// Whoever uses no mouse finds the first thing that is wrong, also where it is a whole list or one of its rows.
func TestAListTakesTheCursorWhenItIsWrongFirst(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		problems problem.List
		takes    string
	}{
		"nothing is wrong":         {nil, ""},
		"the list":                 {problem.List{{Field: "claims", Message: "Too many."}}, "f-claims"},
		"its second row":           {problem.List{{Field: "claims[1].claim", Message: "Taken."}}, "f-claims-1--claim"},
		"a field before the list":  {problem.List{{Field: "name", Message: "Taken."}, {Field: "claims", Message: "Too many."}}, ""},
		"the list and then a row":  {problem.List{{Field: "claims", Message: "Too many."}, {Field: "claims[0].claim", Message: "Taken."}}, "f-claims"},
		"a list of a similar name": {problem.List{{Field: "claim", Message: "Too many."}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := identity.Fields{Values: list("a", "b"), Problems: tt.problems}
			doc := htmlcheck.Render(t, identity.List(f, "claims", "Claims", "claim", "At most 50.", func(row int) templ.Component {
				return ui.TextInput(f.Control("Claim", identity.Row("claims", row, "claim"), ""))
			}))
			var takes []string
			for _, n := range doc.All("[autofocus]") {
				takes = append(takes, n.Attr("id"))
			}
			if got := strings.Join(takes, " "); got != tt.takes {
				t.Errorf("%q takes the cursor, want %q", got, tt.takes)
			}
			wrong := tt.problems.For("claims")
			if field := doc.One(t, "fieldset"); field.DescribedBy(t, doc) != strings.TrimSpace(wrong+" At most 50.") {
				t.Errorf("the list is read out with %q", field.DescribedBy(t, doc))
			}
			if doc.Has(".RowList.is-wrong") != (wrong != "") {
				t.Error("the list does not say that it is wrong")
			}
		})
	}
}

func TestTheFirstRowOfAListOfPlainTextsTakesTheCursor(t *testing.T) {
	t.Parallel()
	for rows, want := range map[string]string{"0": "f-servers", "1": "f-servers-0"} {
		f := identity.Fields{
			Values:   identity.Values{"servers.rows": rows, "servers[0]": ""},
			Problems: problem.List{{Field: "servers", Message: "Enter the address of a server."}},
		}
		doc := htmlcheck.Render(t, identity.List(f, "servers", "Servers", "server", "", func(row int) templ.Component {
			return ui.TextInput(f.Control("Server", identity.Row("servers", row, ""), ""))
		}))
		if got := doc.One(t, "[autofocus]").Attr("id"); got != want {
			t.Errorf("with %s rows %q takes the cursor, want %q", rows, got, want)
		}
	}
}

func TestASecretSaysWhatAnEmptyControlMeans(t *testing.T) {
	t.Parallel()
	kind := engine.Kind{Secrets: []engine.SecretField{{Name: "password", Label: "Password"}}}
	stored, held := map[string]bool{"password": true}, map[string]string{"password": "sealed"}
	for name, tt := range map[string]struct {
		fields            identity.Fields
		placeholder, box  string
		carried, rejected bool
	}{
		"none":                {identity.Fields{}, "", "", false, false},
		"one is stored":       {identity.Fields{Stored: stored}, "Stored; leave empty to keep it", "Remove the stored password", false, false},
		"one was typed":       {identity.Fields{Held: held}, "Kept as you typed it; leave empty to use it", "Forget the password that you typed", true, false},
		"one replaces it":     {identity.Fields{Stored: stored, Held: held}, "Kept as you typed it; leave empty to use it", "Remove the stored password and the one that you typed", true, false},
		"what is typed fails": {identity.Fields{Held: held, Problems: problem.List{{Field: "password", Message: "Too short."}}}, "Kept as you typed it; leave empty to use it", "Forget the password that you typed", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.fields.Kind, tt.fields.Values = kind, identity.Values{}
			doc := htmlcheck.Render(t, identity.Secret(tt.fields, "password"))
			control := doc.One(t, "[name=secret:password]")
			if control.Attr("placeholder") != tt.placeholder || control.Attr("value") != "" || !control.HasAttr("data-keep") {
				t.Errorf("the control is %s", control.HTML())
			}
			if control.HasAttr("autofocus") != tt.rejected {
				t.Error("the cursor is in the wrong place")
			}
			if got := strings.Join(doc.Texts("label.Choice-label"), " "); got != tt.box {
				t.Errorf("the box says %q", got)
			}
			if doc.Has("[name=held:password]") != tt.carried {
				t.Error("the page carries the wrong thing")
			}
		})
	}
}

func ExampleRow() {
	fmt.Println(identity.Row("claims", 2, "claim"), identity.Row("servers", 0, ""))
	// Output: claims[2].claim servers[0]
}
