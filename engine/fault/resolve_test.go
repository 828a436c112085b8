package fault

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
)

// byMethod is met by requests with one method.
func byMethod(method string) condition.Condition {
	return condition.Condition{Rules: []condition.Rule{{
		Criteria: condition.Value, First: &condition.Variable{Type: condition.Context, ContextValue: condition.RequestMethod},
		DataType: condition.String, Operator: "EQ", Source: condition.FromValue, SecondValue: method,
	}}}
}

// said is one level's way of answering TokenNotValid by one of the priorities.
type said struct {
	origin           Origin
	platform, policy *Custom
	body             string
	status           int
}

func wide(text string) *Custom { return &Custom{Template: Template{Build: true, Text: text}} }

func ofRow(m Message) *Custom {
	m.Type = TokenNotValid
	return &Custom{Messages: []Message{m}}
}

func template(text string) Template { return Template{Build: true, Text: text, Status: 418} }

// ways are all ways to answer, in the order in which they go before each other.
func ways() []said {
	rules := func(text string) []Rule { return []Rule{{Name: text, Text: `"` + text + `"`, Status: 419}} }
	return []said{
		{RowTemplate, nil, ofRow(Message{Template: template(`"policy row"`)}), `"policy row"`, 418},
		{RowTemplate, ofRow(Message{Template: template(`"platform row"`)}), nil, `"platform row"`, 418},
		{PolicyTemplate, nil, wide(`"wide"`), `"wide"`, 0},
		{RuleTemplate, nil, ofRow(Message{Rules: rules("policy rule")}), `"policy rule"`, 419},
		{RuleTemplate, ofRow(Message{Rules: rules("platform rule")}), nil, `"platform rule"`, 419},
		{PolicyRow, nil, ofRow(Message{Status: 420, Code: "P", Text: "policy"}), `{"statusCode":420,"errorCode":"P","message":"policy"}`, 420},
		{PlatformRow, ofRow(Message{Status: 421, Code: "Q", Text: "platform"}), nil, `{"statusCode":421,"errorCode":"Q","message":"platform"}`, 421},
		{Default, nil, nil, `{"statusCode":401,"message":"The access token is not valid."}`, 401},
	}
}

func merge(into *Custom, more *Custom) {
	if more == nil {
		return
	}
	if more.Build {
		into.Template = more.Template
	}
	for _, m := range more.Messages {
		if len(into.Messages) == 0 {
			into.Messages = []Message{{Type: m.Type}}
		}
		have := &into.Messages[0]
		if m.Changes() && m.Status != 0 {
			have.Status, have.Code, have.Text = m.Status, m.Code, m.Text
		}
		if m.Build {
			have.Template = m.Template
		}
		have.Rules = append(have.Rules, m.Rules...)
	}
}

func levels(t testing.TB, all ...said) Levels {
	t.Helper()
	var platform, policy Custom
	for _, s := range all {
		merge(&platform, s.platform)
		merge(&policy, s.policy)
	}
	var l Levels
	for _, side := range []struct {
		from *Custom
		to   **Set
	}{{&platform, &l.Platform}, {&policy, &l.Policy}} {
		side.from.Normalize()
		if err := side.from.Validate().Err(); err != nil {
			t.Fatal(err)
		}
		set, err := side.from.Compile(nil)
		if err != nil {
			t.Fatal(err)
		}
		*side.to = set
	}
	return l
}

func facts() Facts { return Facts{Request: sampleRequest()} }

func TestOfEveryPairOfPrioritiesTheFirstAnswers(t *testing.T) {
	t.Parallel()
	all := ways()
	for i, first := range all {
		for j := i; j < len(all); j++ {
			t.Run(fmt.Sprintf("%v before %v", first.body, all[j].body), func(t *testing.T) {
				t.Parallel()
				pair := []said{first, all[j]}
				a := levels(t, pair[:min(2, 1+j-i)]...).Answer(TokenNotValid, facts())
				status := first.status
				if status == 0 { // that of the error, which the second may have changed
					status = 401
					if all[j].origin == PolicyRow || all[j].origin == PlatformRow {
						status = all[j].status
					}
				}
				if string(a.Body) != first.body || a.Origin != first.origin || a.Status != status {
					t.Errorf("%d %s from %v, want %d %s from %v", a.Status, a.Body, a.Origin, status, first.body, first.origin)
				}
			})
		}
	}
}

func TestAnotherErrorIsNotTouched(t *testing.T) {
	t.Parallel()
	for _, s := range ways() {
		a := levels(t, s).Answer(RoleMissing, facts())
		if want := string(Find(RoleMissing).Body()); s.origin != PolicyTemplate && string(a.Body) != want {
			t.Errorf("%v: %s, want %s", s.origin, a.Body, want)
		}
	}
}

func TestRowsAreCustomizedMemberByMember(t *testing.T) {
	t.Parallel()
	l := levels(t, said{policy: ofRow(Message{Text: "Bitte anmelden."})}, said{platform: ofRow(Message{Status: 403, Code: "X-1", Text: "no"})})
	policy := Custom{Messages: []Message{{Type: TokenNotValid, Text: "Bitte anmelden."}}}
	set, err := policy.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Policy = set
	a := l.Answer(TokenNotValid, facts())
	if want := `{"statusCode":403,"errorCode":"X-1","message":"Bitte anmelden."}`; string(a.Body) != want || a.Status != 403 || a.Origin != PolicyRow {
		t.Errorf("%d %s from %v, want %s", a.Status, a.Body, a.Origin, want)
	}
}

func TestTheFirstActiveRuleThatAppliesAnswers(t *testing.T) {
	t.Parallel()
	off := false
	row := Message{Type: TokenNotValid, Rules: []Rule{
		{Name: "off", Active: &off, Text: `"off"`},
		{Name: "posts", Condition: byMethod("POST"), Text: `"posts"`},
		{Name: "gets", Condition: byMethod("GET"), Text: `"gets"`},
		{Name: "all", Text: `"all"`, Status: 451},
	}}
	c := Custom{Messages: []Message{row}}
	c.Normalize()
	set, err := c.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]Answer{
		"POST": {Status: 401, Body: []byte(`"posts"`), Rule: "posts"}, "GET": {Status: 401, Body: []byte(`"gets"`), Rule: "gets"},
		"PUT": {Status: 451, Body: []byte(`"all"`), Rule: "all"},
	} {
		q := SampleRequest()
		q.Method = method
		want.Origin, want.ContentType = RuleTemplate, ContentType
		want.length = strconv.Itoa(len(want.Body))
		got := Levels{Policy: set}.Answer(TokenNotValid, Facts{Request: &q})
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Answer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", method, diff)
		}
	}
}

func TestARuleThatCannotBeDecidedDoesNotApply(t *testing.T) {
	t.Parallel()
	number := byMethod("1")
	number.Rules[0].DataType = condition.Numeric
	c := Custom{Messages: []Message{{Type: TokenNotValid, Rules: []Rule{{Name: "number", Condition: number, Text: `"number"`}}}}}
	c.Normalize()
	set, err := c.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := (Levels{Policy: set}).Answer(TokenNotValid, facts()); a.Origin != Default {
		t.Errorf("%s from %v", a.Body, a.Origin)
	}
}

func TestOnlyMessagesThatNobodyWroteWholeAreFramed(t *testing.T) {
	t.Parallel()
	bodies := Bodies{JSON: Body{Enabled: true, Text: `{"fault":"#FAULTMESSAGE#","code":"#FAULTCODE#","status":#FAULTSTATUSCODE#}`}}
	bodies.Normalize()
	frames, err := bodies.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range ways() {
		l := levels(t, s)
		l.Frames = frames
		a := l.Answer(TokenNotValid, facts())
		if framed := s.origin >= PolicyRow; a.Framed != framed || a.Origin != s.origin || !framed && string(a.Body) != s.body {
			t.Errorf("%v: framed %v, %d %s", s.origin, a.Framed, a.Status, a.Body)
		}
		if want := `{"fault":"policy","code":"P","status":420}`; s.origin == PolicyRow && string(a.Body) != want {
			t.Errorf("%s, want %s", a.Body, want)
		}
	}
}

// ATTACK: a template without a content type must not be escaped as another kind.
func TestAttackAnXMLTemplateWithoutATypeIsXML(t *testing.T) {
	t.Parallel()
	f, err := (&Bodies{XML: Body{Enabled: true, Text: `<a>#{request.uri}</a>`}}).Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	q := SampleRequest()
	q.Path = "/<b>&"
	if a := (Levels{Frames: f}).Answer(NotFound, Facts{Request: &q}); string(a.Body) != "<a>/&lt;b&gt;&amp;</a>" || a.ContentType != xmlContentType {
		t.Errorf("%s %s", a.ContentType, a.Body)
	}
}

func TestTheCallersLanguageChoosesTheTemplate(t *testing.T) {
	t.Parallel()
	frames := func(json, xml bool) *Frames {
		b := Bodies{JSON: Body{Enabled: json, Text: `"json"`}, XML: Body{Enabled: xml, Text: `<xml/>`}}
		b.Normalize()
		f, err := b.Compile(nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const standard = `{"statusCode":404,"message":"No API is served at this address."}`
	for name, tt := range map[string]struct {
		accept, sent string
		json, xml    bool
		want         string
	}{
		"nothing said":                {"", "", true, true, `"json"`},
		"nothing said, only XML":      {"", "", false, true, `<xml/>`},
		"everything accepted":         {"*/*", "", true, true, `"json"`},
		"JSON sent":                   {"", "application/json; charset=utf-8", true, true, `"json"`},
		"XML sent":                    {"*/*", "text/xml", true, true, `<xml/>`},
		"a form sent":                 {"", "application/x-www-form-urlencoded", true, true, `"json"`},
		"XML accepted and JSON sent":  {"application/xml", "application/json", true, true, `<xml/>`},
		"JSON accepted and XML sent":  {"application/json", "application/xml", true, true, `"json"`},
		"JSON preferred":              {"application/xml;q=0.5, application/json", "", true, true, `"json"`},
		"XML preferred":               {"application/xml, application/json;q=0.9", "", true, true, `<xml/>`},
		"both alike, XML sent":        {"application/xml, application/json", "application/soap+xml", true, true, `<xml/>`},
		"a browser":                   {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", true, true, `<xml/>`},
		"problem+json":                {"application/problem+json", "", true, true, `"json"`},
		"JSON wanted, only XML there": {"application/json", "", false, true, standard},
		"XML wanted, only JSON there": {"application/xml", "", true, false, standard},
		"no sense":                    {";;;q=", "/", true, true, `"json"`},
		"a weight that is no number":  {"application/xml;q=x", "", true, true, `<xml/>`},
		"not acceptable at all":       {"application/xml;q=0", "", true, true, `"json"`},
		"neither there":               {"application/xml", "", false, false, standard},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := SampleRequest()
			q.Header = http.Header{"Accept": {tt.accept}, "Content-Type": {tt.sent}}
			a := Levels{Frames: frames(tt.json, tt.xml)}.Answer(NotFound, Facts{Request: &q})
			if string(a.Body) != tt.want {
				t.Errorf("%s %s, want %s", a.ContentType, a.Body, tt.want)
			}
		})
	}
}
