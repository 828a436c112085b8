package models_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// templates put errors into JSON.
func templates(text string) *fault.Bodies {
	return &fault.Bodies{JSON: fault.Body{Enabled: true, Text: text, ContentType: "application/json"}}
}

// custom gives a policy a rule, a template for a row and one for all.
func custom(c condition.Condition, rule, row, all string) func(*jwtauth.Config) {
	return func(p *jwtauth.Config) {
		p.Custom = fault.Custom{
			Template: fault.Template{Build: all != "", Text: all, ContentType: "text/plain"},
			Messages: []fault.Message{
				{Type: fault.TokenMissing, Template: fault.Template{Build: true, Text: row, ContentType: "text/plain"}},
				ruled(c, rule),
			},
		}
	}
}

func (b bench) save(t *testing.T, p models.Owner, change func(*models.Owner)) models.Owner {
	t.Helper()
	p = modelstest.Reload(t, b.Store, p)
	change(&p)
	saved, _, err := b.SaveProxy(t.Context(), by, b.project, p)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func (b bench) frozen(t *testing.T, p models.Owner, environment string) (engine.Proxy, jwtauth.Config, string) {
	t.Helper()
	raw, digest, err := b.Draft(t.Context(), p.ID, environment)
	if err != nil {
		t.Fatal(err)
	}
	var d engine.Proxy
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	var c jwtauth.Config
	if len(d.Policies) > 0 {
		if err := json.Unmarshal(d.Policies[0].Policy, &c); err != nil {
			t.Fatal(err)
		}
	}
	return d, c, digest
}

func TestWhatErrorMessagesReferToIsPutInAtTheDeploy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	v, err := s.SaveVariable(t.Context(), by, s.project, "", 0, byHeader("stage", "X-Environment"))
	if err != nil {
		t.Fatal(err)
	}
	global := modelstest.Policy(t, s.Store, s.project, "P", custom(when("STAGE", "EQ", "${STAGE}"), "Rule ${IN_RULE}.", "Row ${IN_ROW}, ${STAGE}.", "All ${IN_ALL}."))
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.ErrorTemplates = templates(`{"m":"${IN_JSON}"}`)
		p.ErrorTemplates.XML = fault.Body{Enabled: true, Text: "<m>${IN_XML}</m>", ContentType: "application/xml"}
	}), global)
	_, err = s.Deploy(t.Context(), by, s.project, p.ID, "production", "")
	want := problem.List{}
	for _, m := range [][2]string{
		{"errorTemplates.json.template", "IN_JSON"},
		{"errorTemplates.xml.template", "IN_XML"},
		{"policies[0].errorMessageList[1].errorResponseRuleList[0].condition.conditionRuleList[0].conditionRuleList[0].secondValue", "STAGE"},
		{"policies[0].customMessageTemplate", "IN_ALL"},
		{"policies[0].errorMessageList[0].customMessageTemplate", "IN_ROW"},
		{"policies[0].errorMessageList[0].customMessageTemplate", "STAGE"},
		{"policies[0].errorMessageList[1].errorResponseRuleList[0].messageTemplate", "IN_RULE"},
	} {
		want.Add(m[0], "The environment has no variable %s.", m[1])
	}
	if diff := cmp.Diff(want, problem.Of(err)); diff != "" {
		t.Fatalf("a deploy without the values (-want +got):\n%s", diff)
	}

	values := map[string]string{"IN_JSON": "j", "IN_XML": "x", "STAGE": "green", "IN_ALL": "a", "IN_ROW": "ş\"", "IN_RULE": ""}
	saved := map[string]models.EnvironmentVariable{}
	for name, value := range values {
		saved[name] = s.value(t, "production", name, value)
	}
	modelstest.Deploy(t, s.Store, p, "production")
	d, c, _ := s.frozen(t, p, "production")
	if diff := cmp.Diff(values, d.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	rule := c.Messages[1].Rules[0]
	if leaf := rule.Condition.Rules[0].Rules[0]; leaf.First.HeaderName != "X-Environment" || leaf.SecondValue != "green" {
		t.Errorf("the rule's condition is frozen as %+v", leaf)
	}
	if rule.Text != "Rule ${IN_RULE}." {
		t.Errorf("the rule's template is frozen as %q", rule.Text)
	}
	// What the store keeps is still as it was written.
	now, err := s.PolicyByID(t.Context(), s.project, global.ID)
	if err != nil || now.Config.Base().Messages[1].Rules[0].Condition.Names()[0] != "STAGE" {
		t.Errorf("the policy became %+v, %v", now.Config, err)
	}
	for _, name := range []string{"IN_JSON", "STAGE", "IN_ROW"} {
		if got := state(t, s, p); got != models.Live {
			t.Fatalf("before another %s: %s", name, got)
		}
		if _, err := s.SaveEnvironmentVariable(t.Context(), by, "production", saved[name].ID, saved[name].Version, name, "other"); err != nil {
			t.Fatal(err)
		}
		if got := state(t, s, p); got != models.RedeployRequired {
			t.Errorf("after another %s: %s", name, got)
		}
		modelstest.Deploy(t, s.Store, p, "production")
	}
	if _, err := s.SaveVariable(t.Context(), by, s.project, v.ID, v.Version, byHeader("stage", "X-Stage")); err != nil {
		t.Fatal(err)
	}
	if got := state(t, s, p); got != models.RedeployRequired {
		t.Errorf("after another header: %s", got)
	}
}

func TestEnvironmentsWithOtherValuesForATemplateAreToldApart(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(t *testing.T, s bench) models.Owner{
		"of the proxy": func(t *testing.T, s bench) models.Owner {
			return modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) { p.ErrorTemplates = templates(`{"m":"${HELP}"}`) })
		},
		"of a policy": func(t *testing.T, s bench) models.Owner {
			return modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"),
				modelstest.Policy(t, s.Store, s.project, "P", custom(within("10.0.0.0/8"), "x", "Ask ${HELP}.", "")))
		},
		"of a rule": func(t *testing.T, s bench) models.Owner {
			return modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"),
				modelstest.Policy(t, s.Store, s.project, "P", custom(within("10.0.0.0/8"), "Ask ${HELP}.", "x", "")))
		},
		"of a rule's condition": func(t *testing.T, s bench) models.Owner {
			return modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"),
				modelstest.Policy(t, s.Store, s.project, "P", custom(within("${HELP}"), "x", "x", "")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBench(t)
			modelstest.Environment(t, s.Store, "test")
			s.value(t, "production", "HELP", "10.0.0.0/8")
			v := s.value(t, "test", "HELP", "10.0.0.0/8")
			p := of(t, s)
			modelstest.Deploy(t, s.Store, p, "production")
			modelstest.Deploy(t, s.Store, p, "test")
			if _, err := s.SaveEnvironmentVariable(t.Context(), by, "test", v.ID, v.Version, "HELP", "10.1.0.0/16"); err != nil {
				t.Fatal(err)
			}
			states := map[string]models.DeployState{}
			for _, d := range modelstest.Reload(t, s.Store, p).Deployments {
				states[d.Environment] = d.State
			}
			if diff := cmp.Diff(map[string]models.DeployState{"production": models.Live, "test": models.RedeployRequired}, states); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestVariablesThatErrorRulesReferToAreCheckedAndStay(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	v, err := s.SaveVariable(t.Context(), by, s.project, "", 0, byHeader("stage", "X-Environment"))
	if err != nil {
		t.Fatal(err)
	}
	ip, err := s.SaveVariable(t.Context(), by, s.project, "", 0, condition.Variable{Name: "ip", Type: condition.Context, ContextValue: condition.ClientAddress})
	if err != nil {
		t.Fatal(err)
	}
	const place = "errorMessageList[1].errorResponseRuleList[0].condition.conditionRuleList[0].conditionRuleList[0]."
	withNUL := modelstest.JWT("NUL", custom(within("10.0.0.0/8"), "a\x00b", `a\u0000b`, ""))
	_, err = s.SavePolicy(t.Context(), by, s.project, "", 0, withNUL)
	wantProblem(t, err, "errorMessageList[1].errorResponseRuleList[0].messageTemplate")
	for name, tt := range map[string]struct {
		c     condition.Condition
		field string
	}{
		"not there":           {when("nobody", "EQ", "1"), place + "firstVariable.name"},
		"that does not fit":   {when("ip", "IN", "office"), place + "secondValue"},
		"with a value to fit": {when("IP", "IN", "${NETS}"), ""},
	} {
		_, err := s.SavePolicy(t.Context(), by, s.project, "", 0, modelstest.JWT(name, custom(tt.c, "x", "x", "")))
		if (tt.field == "") != (err == nil) || tt.field != "" && problem.Of(err).For(tt.field) == "" {
			t.Errorf("a variable %s: %v", name, err)
		}
	}
	modelstest.Policy(t, s.Store, s.project, "Both", custom(when("STAGE", "EQ", "x"), "x", "x", ""), func(c *jwtauth.Config) {
		c.Condition = when("Stage", "EQ", "y")
		c.Condition.Rules[0].Rules[0].Source, c.Condition.Rules[0].Rules[0].SecondValue = condition.FromVariable, ""
		c.Condition.Rules[0].Rules[0].Second = &condition.Variable{Name: "ip"}
	})
	list, err := s.Variables(t.Context(), s.project)
	if err != nil {
		t.Fatal(err)
	}
	uses := map[string]string{}
	for _, v := range list {
		uses[v.Definition.Name] = strings.Join(v.Policies, ",")
	}
	if diff := cmp.Diff(map[string]string{"stage": "Both", "ip": "Both,with a value to fit"}, uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	for _, v := range []models.Variable{v, ip} {
		if err := s.DeleteVariable(t.Context(), by, s.project, v.ID, v.Version); !strings.Contains(problem.Of(err).For("name"), "Both") {
			t.Errorf("deleted %s: %v", v.Definition.Name, err)
		}
	}
	if err := s.DeletePolicy(t.Context(), by, s.project, policyNamed(t, s, "Both").ID, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteVariable(t.Context(), by, s.project, v.ID, v.Version); err != nil {
		t.Errorf("when nobody refers to it any more: %v", err)
	}
}

func policyNamed(t *testing.T, s bench, name string) models.Policy {
	t.Helper()
	p, err := s.Policy(t.Context(), s.project, jwtauth.TypeName, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestErrorTemplatesOfAProxyAreSavedDeployedAndTakenAway(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), modelstest.Policy(t, s.Store, s.project, "P"))
	modelstest.Deploy(t, s.Store, p, "production")
	_, _, plain := s.frozen(t, p, "production")
	full := templates("{\"m\":\"#FAULTMESSAGE#\",\n \"ş\": \"</script>\"}")
	full.XML = fault.Body{Text: "<kept/>", ContentType: "application/xml"} // and off
	full.Upstream = true
	running := &fault.Bodies{JSON: full.JSON, Upstream: true}
	off := &fault.Bodies{XML: full.XML}
	for _, step := range []struct {
		name                 string
		write, wants, frozen *fault.Bodies
		state                models.DeployState
	}{
		{"templates", full, full, running, models.RedeployRequired},
		{"empty ones", &fault.Bodies{}, nil, nil, models.Live},
		{"one that is off", off, off, nil, models.Live},
		{"templates again", full, full, running, models.RedeployRequired},
		{"none", nil, nil, nil, models.Live},
	} {
		saved := s.save(t, p, func(p *models.Owner) { p.ErrorTemplates = step.write })
		read := modelstest.Reload(t, s.Store, p)
		if diff := cmp.Diff(step.wants, saved.ErrorTemplates); diff != "" {
			t.Errorf("%s: saved (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.wants, read.ErrorTemplates); diff != "" {
			t.Errorf("%s: read (-want +got):\n%s", step.name, diff)
		}
		d, _, digest := s.frozen(t, p, "production")
		if diff := cmp.Diff(step.frozen, d.ErrorTemplates); diff != "" || (digest == plain) != (step.frozen == nil) {
			t.Errorf("%s: frozen under %s, was %s (-want +got):\n%s", step.name, digest, plain, diff)
		}
		if got := read.Deployments[0].State; got != step.state {
			t.Errorf("%s: %s, want %s", step.name, got, step.state)
		}
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindProxy, Action: models.ActionUpdated, PerPage: 1})
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.AuditRecord(t.Context(), models.Everywhere, records[0].ID)
	if err != nil || !strings.Contains(string(last.Before), "#FAULTMESSAGE#") || strings.Contains(string(last.After), "errorTemplates") {
		t.Errorf("audited as %s to %s, %v", last.Before, last.After, err)
	}
}

func TestAGatewaySaysWhatTheBundleSays(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	help := s.value(t, "production", "HELP", `"it"@example.com`)
	near := s.value(t, "production", "NEAR", "127.0.0.0/8#::1")
	m := fault.Message{Type: fault.NotFound, Rules: []fault.Rule{{Name: "Near", Condition: within("${NEAR}"), Text: `{"ask":"${HELP}"}`, Status: 410}}}
	s.say(t, 0, m)
	global := modelstest.Policy(t, s.Store, s.project, "P", func(c *jwtauth.Config) {
		c.Messages = []fault.Message{{Type: fault.TokenMissing, Text: "Bring a token, <you>."}}
	})
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.ErrorTemplates = templates(`{"e":"#FAULTMESSAGE#","ask":"${HELP}"}`)
	}), global)
	modelstest.Deploy(t, s.Store, p, "production")
	bundle := func() engine.Bundle {
		t.Helper()
		b, err := s.Bundle(t.Context(), "production")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	gateway, server := enginetest.Gateway(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, bundle())
	answers := func(path string) string {
		t.Helper()
		answer, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(answer.StatusCode, " ", string(body))
	}
	const deployed = `401 {"e":"Bring a token, \u003cyou\u003e.","ask":"\"it\"@example.com"}`
	if got := answers("/orders"); got != deployed {
		t.Errorf("got  %s\nwant %s", got, deployed)
	}
	if got, want := answers("/nowhere"), `410 {"ask":"\"it\"@example.com"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// From here on nothing is deployed.
	var err error
	if help, err = s.SaveEnvironmentVariable(t.Context(), by, "production", help.ID, help.Version, "HELP", "new@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := gateway.Apply(t.Context(), bundle()); err != nil {
		t.Fatal(err)
	}
	if got, want := answers("/nowhere"), `410 {"ask":"new@example.com"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := answers("/orders"); got != deployed {
		t.Errorf("the value of a deployed API became %s", got)
	}
	if err := s.DeleteEnvironmentVariable(t.Context(), by, "production", near.ID, near.Version); err != nil {
		t.Fatal(err)
	}
	if err := gateway.Apply(t.Context(), bundle()); err != nil {
		t.Errorf("a bundle whose messages name what is not there: %v", err)
	}
	if got := answers("/nowhere"); !strings.HasPrefix(got, `404 {"statusCode":404,`) {
		t.Errorf("without the value of the rule: %s", got)
	}
}

// The digest of a proxy that was deployed before there were error messages must
// stay what it was, or every proxy would want a deploy after the update.
func TestADefinitionWithoutErrorMessagesIsWhatItWas(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets"}}
	})
	raw, _, err := s.Draft(t.Context(), p.ID, "production")
	want := `{"project":"Shop","name":"orders","clientId":"` + p.ClientID + `","route":{"basePath":"/orders"},"upstream":{"url":"http://127.0.0.1:9"},"endpoints":[{"method":"GET","path":"/pets"}]}`
	if err != nil || string(raw) != want {
		t.Errorf("got  %s, %v\nwant %s", raw, err, want)
	}
	encoded, err := policy.Encode(modelstest.JWT("P"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"ustom", "errorMessage"} {
		if strings.Contains(string(encoded), word) {
			t.Errorf("a policy without error messages is encoded as %s", encoded)
		}
	}
}

func TestWhatIsOffNeedsNothingAtTheDeploy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	if _, err := s.SaveVariable(t.Context(), by, s.project, "", 0, byHeader("stage", "X-Environment")); err != nil {
		t.Fatal(err)
	}
	global := modelstest.Policy(t, s.Store, s.project, "P", custom(when("stage", "EQ", "${NOBODY}"), "${NOBODY}", "${NOBODY}", "${NOBODY}"), func(c *jwtauth.Config) {
		off := false
		c.Build, c.Messages[0].Build, c.Messages[1].Rules[0].Active = false, false, &off
	})
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.ErrorTemplates = templates(`"${NOBODY}"`)
		p.ErrorTemplates.JSON.Enabled = false
	}), global)
	modelstest.Deploy(t, s.Store, p, "production")
	if got := state(t, s, p); got != models.Live {
		t.Errorf("after the deploy: %s", got)
	}
}

func TestErrorTemplatesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for name, tt := range map[string]struct {
		b     fault.Bodies
		field string
	}{
		"nothing but the API's errors": {fault.Bodies{Upstream: true}, "errorTemplates.replaceApiErrors"},
		"no template":                  {fault.Bodies{JSON: fault.Body{Enabled: true}}, "errorTemplates.json.template"},
		"no JSON":                      {*templates("{"), "errorTemplates.json.template"},
		"a placeholder that is none":   {*templates(`{"a":"#NOBODY#"}`), "errorTemplates.json.template"},
		"no XML":                       {fault.Bodies{XML: fault.Body{Enabled: true, Text: "<a>"}}, "errorTemplates.xml.template"},
		"XML that says it is JSON":     {fault.Bodies{XML: fault.Body{Enabled: true, Text: "<a/>", ContentType: "application/json"}}, "errorTemplates.xml.contentType"},
		"text that no database has":    {fault.Bodies{JSON: fault.Body{Text: "a\x00b"}}, "errorTemplates.json.template"},
	} {
		_, _, err := s.SaveProxy(t.Context(), by, s.project, models.Owner{
			Name: "orders", Route: engine.Route{BasePath: "/orders"}, Upstream: engine.Upstream{URL: "http://127.0.0.1:9"}, ErrorTemplates: &tt.b,
		})
		if l := problem.Of(err); len(l) != 1 || l.For(tt.field) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
