package fault_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

func fields(l problem.List) []string {
	var names []string
	for _, p := range l {
		names = append(names, p.Field)
	}
	return names
}

func TestEachProblemNamesItsField(t *testing.T) {
	t.Parallel()
	const valid = `{"errorType":"POLICY_AUTH_JWT_NOT_VALID"`
	tests := map[string]struct {
		raw  string
		want []string
	}{
		"nothing":                    {`{}`, nil},
		"the reference's defaults":   {`{"errorMessageList":[],"buildCustomMessage":false,"customMessageTemplate":null,"customMessageContentType":"application/json; charset=UTF-8","customMessageHttpStatusCode":null}`, nil},
		"everything":                 {`{"errorMessageList":[` + valid + `,"customizedHttpStatusCode":400,"customizedErrorCode":"A","customizedMessage":"b","errorResponseRuleList":[{"name":"a","active":false,"messageTemplate":"{}","contentType":"application/problem+json","httpStatusCode":599}]}]}`, nil},
		"a template without text":    {`{"buildCustomMessage":true}`, []string{"customMessageTemplate"}},
		"a template that is off":     {`{"customMessageTemplate":"{"}`, []string{"customMessageTemplate"}},
		"statuses of good news":      {`{"buildCustomMessage":true,"customMessageTemplate":"{}","customMessageHttpStatusCode":200}`, []string{"customMessageHttpStatusCode"}},
		"a content type":             {`{"buildCustomMessage":true,"customMessageTemplate":"{}","customMessageContentType":"image/png"}`, []string{"customMessageContentType"}},
		"an error that is none":      {`{"errorMessageList":[{"errorType":"NO_SUCH"}]}`, []string{"errorMessageList[0].errorType"}},
		"an error twice":             {`{"errorMessageList":[` + valid + `,"customizedMessage":"a"},` + valid + `,"customizedMessage":"b"}]}`, []string{"errorMessageList[1].errorType"}},
		"a status, a code, a text":   {`{"errorMessageList":[` + valid + `,"customizedHttpStatusCode":302,"customizedErrorCode":"` + strings.Repeat("x", 51) + `","customizedMessage":"` + strings.Repeat("ş", 1001) + `"}]}`, []string{"errorMessageList[0].customizedHttpStatusCode", "errorMessageList[0].customizedErrorCode", "errorMessageList[0].customizedMessage"}},
		"as long as may be":          {`{"errorMessageList":[` + valid + `,"customizedErrorCode":"` + strings.Repeat("ş", 50) + `","customizedMessage":"` + strings.Repeat("ş", 1000) + `"}]}`, nil},
		"a row's template":           {`{"errorMessageList":[` + valid + `,"buildCustomMessage":true,"customMessageTemplate":"\"#NOTHING#\""}]}`, []string{"errorMessageList[0].customMessageTemplate"}},
		"a rule":                     {`{"errorMessageList":[` + valid + `,"errorResponseRuleList":[{"name":"","messageTemplate":"","contentType":"x","httpStatusCode":99}]}]}`, []string{"errorMessageList[0].errorResponseRuleList[0].name", "errorMessageList[0].errorResponseRuleList[0].messageTemplate", "errorMessageList[0].errorResponseRuleList[0].httpStatusCode", "errorMessageList[0].errorResponseRuleList[0].contentType"}},
		"two rules of a name":        {`{"errorMessageList":[` + valid + `,"errorResponseRuleList":[{"name":"a","messageTemplate":"{}"},{"name":"a","messageTemplate":"{}"}]}]}`, []string{"errorMessageList[0].errorResponseRuleList[1].name"}},
		"the condition of a rule":    {`{"errorMessageList":[` + valid + `,"errorResponseRuleList":[{"name":"a","messageTemplate":"{}","condition":{"conditionRuleList":[{"conditionCriteria":"VALUE"}]}}]}]}`, []string{"errorMessageList[0].errorResponseRuleList[0].condition.conditionRuleList[0].firstVariable", "errorMessageList[0].errorResponseRuleList[0].condition.conditionRuleList[0].valueComparisonOperator"}},
		"a template beyond its size": {`{"buildCustomMessage":true,"customMessageContentType":"text/plain","customMessageTemplate":"` + strings.Repeat("x", fault.MaxTemplate+1) + `"}`, []string{"customMessageTemplate"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c fault.Custom
			if err := strict.Decode([]byte(tt.raw), &c, "policy"); err != nil {
				t.Fatal(err)
			}
			c.Normalize()
			if diff := cmp.Diff(tt.want, fields(c.Validate())); diff != "" {
				t.Errorf("fields with a problem (-want +got):\n%s\n%v", diff, c.Validate())
			}
		})
	}
}

func TestTooManyRules(t *testing.T) {
	t.Parallel()
	m := fault.Message{Type: fault.NotFound}
	for i := range fault.MaxRules + 1 {
		m.Rules = append(m.Rules, fault.Rule{Name: fmt.Sprint(i), Text: "{}"})
	}
	if got := fields(fault.ValidateMessages([]fault.Message{m})); !cmp.Equal(got, []string{"errorMessageList[0].errorResponseRuleList"}) {
		t.Errorf("%v", got)
	}
}

func TestTemplatesOfAProxy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		b    fault.Bodies
		want []string
	}{
		"none":                     {fault.Bodies{}, nil},
		"both":                     {fault.Bodies{JSON: fault.Body{Enabled: true, Text: "{}"}, XML: fault.Body{Enabled: true, Text: "<a/>"}, Upstream: true}, nil},
		"on without a text":        {fault.Bodies{JSON: fault.Body{Enabled: true}}, []string{"json.template"}},
		"JSON that is XML":         {fault.Bodies{JSON: fault.Body{Enabled: true, Text: "<a/>"}}, []string{"json.template"}},
		"XML of a JSON type":       {fault.Bodies{XML: fault.Body{Enabled: true, Text: "{}", ContentType: "application/json"}}, []string{"xml.contentType"}},
		"an unknown type":          {fault.Bodies{XML: fault.Body{Enabled: true, Text: "<a/>", ContentType: "x"}}, []string{"xml.contentType"}},
		"replaced without any":     {fault.Bodies{Upstream: true, JSON: fault.Body{Text: "{}"}}, []string{"replaceApiErrors"}},
		"a placeholder that's not": {fault.Bodies{XML: fault.Body{Text: "<a>#{no}</a>"}}, []string{"xml.template"}},
	} {
		tt.b.Normalize()
		if got := fields(tt.b.Validate()); !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestNormalizeKeepsWhatSaysSomething(t *testing.T) {
	t.Parallel()
	on := true
	c := fault.Custom{
		Template: fault.Template{ContentType: "text/plain"},
		Messages: []fault.Message{
			{Type: fault.NotFound}, {Type: "UNKNOWN"},
			{Type: fault.TooLarge, Template: fault.Template{Text: "off, and kept"}},
			{Type: fault.BadRequest, Rules: []fault.Rule{{Name: "a", Text: "{}", Condition: condition.Condition{Rules: []condition.Rule{}}}}},
		},
	}
	c.Normalize()
	want := fault.Custom{Messages: []fault.Message{
		{Type: "UNKNOWN"},
		{Type: fault.TooLarge, Template: fault.Template{Text: "off, and kept", ContentType: fault.ContentType}},
		{Type: fault.BadRequest, Rules: []fault.Rule{{Name: "a", Active: &on, Text: "{}", ContentType: fault.ContentType, Condition: condition.Condition{Rules: []condition.Rule{}}}}},
	}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	raw, err := json.Marshal(c)
	if err != nil || strings.Contains(string(raw), `"condition"`) || strings.Contains(string(raw), "buildCustomMessage") {
		t.Errorf("%v %s", err, raw)
	}
	before := c
	if c.Normalize(); !cmp.Equal(before, c) {
		t.Error("a second time changes more")
	}
}

func TestNamesOfTheEnvironment(t *testing.T) {
	t.Parallel()
	c := fault.Custom{
		Template: fault.Template{Text: "${A} ${B}"},
		Messages: []fault.Message{{Template: fault.Template{Text: "${B} ${1}"}, Rules: []fault.Rule{{Text: "${C}"}}}},
	}
	if diff := cmp.Diff([]string{"B", "C", "A"}, c.EnvironmentNames()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b := &fault.Bodies{JSON: fault.Body{Text: "${A}"}, XML: fault.Body{Text: "${A}${B}"}}
	if diff := cmp.Diff([]string{"A", "B"}, b.EnvironmentNames()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b = nil; b.EnvironmentNames() != nil {
		t.Error("nobody's templates name something")
	}
}

func TestAPolicyAnswersOnlyWithItsOwnErrors(t *testing.T) {
	t.Parallel()
	c := fault.Custom{Messages: []fault.Message{{Type: fault.NotFound, Text: "a"}, {Type: fault.TokenMissing, Text: "b"}}}
	if got := fields(c.OnlyOf([]fault.Type{fault.TokenMissing})); !cmp.Equal(got, []string{"errorMessageList[0].errorType"}) {
		t.Errorf("%v", got)
	}
}
