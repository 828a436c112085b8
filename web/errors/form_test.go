package errors_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/htmlcheck"
)

const row = "errors.POLICY_AUTH_JWT_NOT_VALID."

// typed is what a browser would send of a drawn editor.
func typed(doc htmlcheck.Node) map[string]string {
	v := map[string]string{}
	for _, n := range doc.All("input[name]") {
		if kind := n.Attr("type"); kind != "radio" && kind != "checkbox" || n.HasAttr("checked") {
			v[n.Attr("name")] = n.Attr("value")
		}
	}
	for _, n := range doc.All("textarea[name]") {
		v[n.Attr("name")] = strings.ReplaceAll(n.Raw(), "\n", "\r\n")
	}
	for _, n := range doc.All("select[name]") {
		for _, o := range n.All("option[selected]") {
			v[n.Attr("name")] = o.Attr("value")
		}
	}
	return v
}

func props(v map[string]string) errors.Props {
	return errors.Props{Values: v, Choices: errors.Choices{Rows: jwtauth.Type().Faults, Refresh: "/redraw"}}
}

func draw(t testing.TB, p errors.Props) htmlcheck.Node {
	t.Helper()
	return htmlcheck.Render(t, errors.Editor(p))
}

type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// custom may well be wrong: what was typed must come back all the same.
func (d dice) custom() fault.Custom {
	c := fault.Custom{Template: d.template()}
	types := slices.Clone(jwtauth.Type().Faults)
	d.Shuffle(len(types), func(i, j int) { types[i], types[j] = types[j], types[i] })
	for _, t := range types[:d.IntN(4)] {
		m := fault.Message{Type: t, Status: pick(d, 0, 403, 451, 200), Code: pick(d, "", "X-1", "Ğ"), Text: pick(d, "", "Nö <b>\n\"&'", "a"), Template: d.template()}
		for range d.IntN(3) {
			m.Rules = append(m.Rules, d.rule())
		}
		c.Messages = append(c.Messages, m)
	}
	slices.SortFunc(c.Messages, func(a, b fault.Message) int {
		return strings.Compare(fault.Find(a.Type).Code, fault.Find(b.Type).Code)
	})
	c.Normalize()
	return c
}

func (d dice) template() fault.Template {
	return fault.Template{
		Build: d.IntN(3) == 0, Text: pick(d, "", `{"code":"#FAULTCODE#"}`, "#NOSUCH#", "{", "\n<script>alert(1)</script>"),
		ContentType: pick(d, "", "application/xml", "image/png"), Status: pick(d, 0, 0, 418, 99),
	}
}

func (d dice) rule() fault.Rule {
	off := false
	r := fault.Rule{
		Name: pick(d, "", "Partners", "İç ağ <i>", strings.Repeat("ğ", 255)), Active: pick(d, nil, &off), Text: pick(d, "", `{"a":1}`, "#{request.nosuch}"),
		ContentType: pick(d, "", "text/plain; charset=utf-8", "odd"), Status: pick(d, 0, 402),
	}
	if d.IntN(2) == 0 {
		r.Condition = condition.Condition{Rules: []condition.Rule{{
			Criteria: condition.Value, First: &condition.Variable{Type: condition.Header, HeaderName: pick(d, "X-Partner", "")}, DataType: condition.String,
			Operator: condition.Equal, Source: condition.FromValue, SecondValue: "yes",
		}}}
	}
	return r
}

func TestWhatIsDrawnReadsBackTheSame(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(1, 9))}
	for i := range 12 {
		want := d.custom()
		v := map[string]string{}
		errors.Write(v, want)
		doc := draw(t, props(v))
		htmlcheck.Sound(t, doc)
		got, unread := errors.Read(typed(doc))
		got.Normalize()
		if diff := cmp.Diff(want, got); diff != "" || len(unread) > 0 {
			t.Fatalf("round %d: %v\n%s", i, unread, diff)
		}
	}
}

// Nobody has to look at the tab.
func TestAnEmptyFormCustomizesNothing(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	errors.Write(v, fault.Custom{})
	doc := draw(t, props(v))
	c, problems := errors.Read(typed(doc))
	if diff := cmp.Diff(fault.Custom{}, c); diff != "" || len(problems) > 0 {
		t.Error(problems, diff)
	}
	if got, want := len(doc.All("details[data-error-row]")), len(jwtauth.Type().Faults); got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
	if doc.Has("details[data-error-row][open]") || doc.Has("[autofocus]") {
		t.Error("a row is open")
	}
	if tab := errors.Tab(v, false); tab.Count != 0 || tab.Tag != "" {
		t.Errorf("%+v", tab)
	}
}

func TestEveryProblemOfRandomMessagesHasAControl(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(2, 9))}
	for range 20 {
		c := d.custom()
		v := map[string]string{}
		errors.Write(v, c)
		l := errors.Locate(v, c.Validate())
		p := props(v)
		p.Problems = l
		doc := draw(t, p)
		for _, x := range l {
			id := "f-" + strings.ReplaceAll(x.Field, ".", "-")
			control := doc.One(t, "#"+id)
			if errors.Label(x.Field) == "" {
				t.Errorf("%s has no label", x.Field)
			}
			if strings.HasSuffix(x.Field, ".criteria") || strings.HasSuffix(x.Field, ".build") {
				continue
			}
			if control.Attr("aria-invalid") != "true" || !strings.Contains(control.DescribedBy(t, doc), x.Message[:10]) {
				t.Fatalf("%s: %q is not said at it: %s", x.Field, x.Message, control.HTML())
			}
			code, _, _ := strings.Cut(strings.TrimPrefix(x.Field, "errors."), ".")
			if code != "all" && !doc.One(t, "#errors-row-errors-"+code).HasAttr("open") {
				t.Errorf("%s is closed", code)
			}
		}
		if focus := doc.All("[autofocus]"); len(l) > 0 && (len(focus) != 1 || focus[0].Attr("name") != l[0].Field && focus[0].Attr("id") != "f-"+strings.ReplaceAll(l[0].Field, ".", "-")) {
			t.Fatalf("%d controls take the cursor, of %s", len(focus), l[0].Field)
		}
	}
}

// names are those of the rules of a row.
func names(v map[string]string) string {
	m, _ := errors.ReadMessage(v, fault.TokenNotValid)
	var list []string
	for _, r := range m.Rules {
		list = append(list, r.Name)
	}
	return strings.Join(list, " ")
}

func TestButtonsChangeARow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ from, change, want, focus string }{
		"a first rule":                       {"", "add-rule", "Rule 1", "rules.0.name"},
		"a rule at the end":                  {"a b", "add-rule", "a b Rule 3", "rules.2.name"},
		"a rule whose name is free":          {"a Rule_3 b", "add-rule", "a Rule_3 b Rule 4", "rules.3.name"},
		"down":                               {"a b c", "down:0", "b a c", "rules.1.down"},
		"down to the end":                    {"a b", "down:0", "b a", "rules.1.up"},
		"down from the end":                  {"a b", "down:1", "a b", "rules.1.up"},
		"up":                                 {"a b c", "up:2", "a c b", "rules.1.up"},
		"up to the top":                      {"a b", "up:1", "b a", "rules.0.down"},
		"taking out one":                     {"a b c", "remove-rule:1", "a c", "rules.1.remove"},
		"taking out the last":                {"a", "remove-rule:0", "", "add-rule"},
		"back to the platform":               {"a b", "reset", "", "status"},
		"the answer is shown":                {"a b", "preview", "a b", "preview"},
		"what is not there":                  {"a b", "up:7", "a b", ""},
		"nonsense":                           {"a b", "remove-rule:x", "a b", ""},
		"a condition of a rule":              {"a b", "rules.1.condition.add-rule", "a b", "rules.1.condition.0.first"},
		"a condition of a rule that is gone": {"a", "rules.5.condition.up:0", "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := map[string]string{"name": "kept", "errors.APIPROXY.status": "x"}
			m := fault.Message{Type: fault.TokenNotValid, Status: 451}
			for _, n := range strings.Fields(tt.from) {
				m.Rules = append(m.Rules, fault.Rule{Name: strings.ReplaceAll(n, "_", " "), Text: "{}"})
			}
			errors.WriteMessage(v, m)
			if !errors.Change(v, row+tt.change) {
				t.Fatal("not known")
			}
			if got := names(v); got != strings.ReplaceAll(tt.want, "_", " ") {
				t.Errorf("rules %q, want %q", got, tt.want)
			}
			if v["name"] != "kept" || v["errors.APIPROXY.status"] != "x" {
				t.Error("something else changed")
			}
			doc := draw(t, props(v))
			if !doc.One(t, "#errors-row-errors-POLICY_AUTH_JWT_NOT_VALID").HasAttr("open") {
				t.Error("the row is closed")
			}
			focus := doc.All("[autofocus]")
			if id := "f-" + strings.ReplaceAll(row+tt.focus, ".", "-"); tt.focus != "" && tt.focus != "preview" && (len(focus) != 1 || focus[0].Attr("id") != id) {
				t.Errorf("%d controls take the cursor, want %s", len(focus), id)
			}
		})
	}
	if errors.Change(map[string]string{}, "condition.add-rule") {
		t.Error("took a button of the conditions")
	}
}

// Buttons move what was typed, right or wrong.
func TestNothingTypedIsLostByAButton(t *testing.T) {
	t.Parallel()
	v := map[string]string{}
	errors.WriteMessage(v, fault.Message{Type: fault.TokenNotValid, Rules: []fault.Rule{{Name: "a", Text: "{}"}, {Name: "b", Text: "{}"}}})
	v[row+"status"], v[row+"rules.1.answer"], v[row+"rules.1.condition.view"], v[row+"rules.1.condition.json"] = "soon", "never", "json", "{not JSON"
	errors.Change(v, row+"up:1")
	errors.Change(v, row+"add-rule")
	doc := draw(t, props(v))
	for name, want := range map[string]string{row + "status": "soon", row + "rules.0.answer": "never", row + "rules.1.name": "a"} {
		if got := doc.One(t, `[name="`+name+`"]`).Attr("value"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := doc.One(t, `[name="`+row+`rules.0.condition.json"]`).Text(); got != "{not JSON" {
		t.Error(got)
	}
	_, problems := errors.Read(v)
	want := []string{row + "status", row + "rules.0.answer", row + "rules.0.condition.json"}
	var got []string
	for _, p := range problems {
		got = append(got, p.Field)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsTypedIsCheckedBesideTheTemplate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":"#NOSUCH#"}`: "There is no placeholder #NOSUCH#.", `{"a":`: "This is not valid JSON", "#{request.body}": "There is no placeholder", `{"a":"#FAULTCODE#"}`: "",
	} {
		v := map[string]string{row + "build": "true", row + "template": text}
		doc := draw(t, props(v))
		slot := doc.One(t, "#errors-slot-errors-POLICY_AUTH_JWT_NOT_VALID").Text()
		if (want == "") != (slot == "") || !strings.Contains(slot, want) {
			t.Errorf("%s: says %q, want %q", text, slot, want)
		}
		if got := doc.One(t, `[name="`+row+`template"]`).Attr("aria-invalid"); (want != "") != (got == "true") {
			t.Errorf("%s: aria-invalid %q", text, got)
		}
	}
}

func TestEmptyFieldsShowWhatTheyInherit(t *testing.T) {
	t.Parallel()
	p := props(map[string]string{})
	p.Platform = []fault.Message{{Type: fault.TokenNotValid, Status: 419, Text: "Sign in again."}}
	p.Catalogue = func(t fault.Type) string { return "/catalogue/" + string(t) }
	doc := draw(t, p)
	for field, want := range map[string][2]string{
		"status": {"419", "Empty: as the platform's catalogue says."}, "code": {"ERR-044", ""}, "message": {"Sign in again.", "Empty: as the platform's catalogue says."},
	} {
		control := doc.One(t, `[name="`+row+field+`"]`)
		said := control.DescribedBy(t, doc)
		if control.Attr("placeholder") != want[0] || !strings.Contains(said, want[1]) || want[1] == "" && strings.Contains(said, "platform") {
			t.Errorf("%s: %q %q", field, control.Attr("placeholder"), said)
		}
	}
	if got := doc.One(t, "#errors-head-errors-POLICY_AUTH_JWT_NOT_VALID").Text(); got != "Platform: status 419 and 1 more" {
		t.Error(got)
	}
	p.Platform[0].Template = fault.Template{Build: true, Text: "{}"}
	if got := draw(t, p).One(t, `[role=note] a`).Attr("href"); got != "/catalogue/POLICY_AUTH_JWT_NOT_VALID" {
		t.Error(got)
	}
}

func TestPreviewsAreAskedForRowsThatAreOpen(t *testing.T) {
	t.Parallel()
	v := map[string]string{row + "as": "token", row + "speaks": "xml", "errors.APIPROXY_NOTFOUND_FORTOKEN.code": "x", "errors.all.reason": string(fault.RoleMissing)}
	var asked []string
	p := props(v)
	p.Preview = func(a errors.Ask) errors.Preview {
		asked = append(asked, fmt.Sprintf("%s token %v XML %v", fault.Find(a.Type).Code, a.Token, a.XML))
		return errors.Preview{Shots: []errors.Shot{{When: "Always", By: "Answered by <b>.", Status: 403, Header: []string{"X-A: 1"}, Body: "<script>"}}}
	}
	draw(t, p)
	errors.Open(v, "POLICY_AUTH_JWT_NOT_VALID")
	doc := draw(t, p)
	errors.Open(v, "APIPROXY_NOTFOUND_FORTOKEN")
	draw(t, p)
	errors.Open(v, "all")
	draw(t, p)
	want := []string{"ERR-044 token true XML true", "ERR-112 token true XML false", "ERR-104 token false XML false"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	if got := doc.One(t, ".ErrorShot pre code").Raw(); got != "HTTP/1.1 403 Forbidden\nX-A: 1\n\n<script>" {
		t.Errorf("%q", got)
	}
}

func TestMessagesReadAsWords(t *testing.T) {
	t.Parallel()
	off := false
	c := fault.Custom{Template: fault.Template{Build: true, Text: "{}"}, Messages: []fault.Message{{
		Type: fault.TokenNotValid, Status: 451, Code: "X", Text: "No.", Template: fault.Template{Text: "{}", Status: 418},
		Rules: []fault.Rule{{Name: "Partners", Text: `{"a":1}`, Status: 402}, {Name: "Never", Text: "x", Active: &off, ContentType: "text/plain"}},
	}}}
	var got []string
	for _, s := range errors.Settings(c) {
		got = append(got, s.Label+": "+s.Text)
	}
	want := []string{
		"Template for everything: On: the status of the error, application/json; charset=utf-8", "Template for everything, text: {}",
		"ERR-044 template: Off, kept: status 418, application/json; charset=utf-8", "ERR-044 template, text: {}",
		"ERR-044 HTTP status: 451 Unavailable For Legal Reasons instead of 401", "ERR-044 error code: X", "ERR-044 message: No.",
		"ERR-044 response rule 1: Partners: status 402, application/json; charset=utf-8. Applies to every request.", `ERR-044 response rule 1, template: {"a":1}`,
		"ERR-044 response rule 2: Never: the status of the error, text/plain. Applies to every request. Passive, so it is not asked.", "ERR-044 response rule 2, template: x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(errors.Customized(c.Messages[0]), ", "); got != "status 451, error code, message, 2 rules, template, switched off" {
		t.Error(got)
	}
}

func TestAuditFieldsHaveNames(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"errorMessageList[POLICY_AUTH_JWT_NOT_VALID].customizedMessage":                       "ERR-044 message",
		"errorMessageList[POLICY_AUTH_JWT_NOT_VALID].customizedHttpStatusCode":                "ERR-044 HTTP status",
		"errorMessageList[POLICY_AUTH_JWT_NOT_VALID].errorResponseRuleList[1].httpStatusCode": "ERR-044 response rule 2, HTTP status",
		"errorMessageList[POLICY_AUTH_JWT_NOT_VALID].errorResponseRuleList[0].condition.x":    "ERR-044 response rule 1, condition.x",
		"errorMessageList[NOSUCH].customizedMessage":                                          "NOSUCH message",
		"customMessageTemplate":           "Template",
		"errorResponseRuleList[0].active": "Response rule 1, active",
		"errorMessageList[":               "", "grantType": "", "": "",
	} {
		if got := errors.AuditLabel(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func TestProblemsOfAReadAreNotShifted(t *testing.T) {
	t.Parallel()
	v := map[string]string{"errors.APIPROXY.type": "text/plain", row + "status": "99"} // a content type alone changes nothing
	c, _ := errors.Read(v)
	c.Normalize()
	l := errors.Locate(v, c.Validate())
	if want := (problem.List{{Field: row + "status", Message: l[0].Message}}); !slices.Equal(l, want) {
		t.Errorf("%+v", l)
	}
}
