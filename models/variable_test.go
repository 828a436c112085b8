package models_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func byHeader(name, headerName string) condition.Variable {
	return condition.Variable{Name: name, Type: condition.Header, HeaderName: headerName}
}

// when makes a condition of one rule on a variable of the project.
func when(variable string, o condition.Operator, value string) condition.Condition {
	return condition.Condition{Rules: []condition.Rule{{Criteria: condition.Not, Rules: []condition.Rule{{
		Criteria: condition.Value, First: &condition.Variable{Name: variable}, DataType: condition.String, Operator: o,
		Source: condition.FromValue, SecondValue: value,
	}}}}}
}

func TestVariablesAreSavedChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	saved, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, "", 0, byHeader("Stage", "X-Environment"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, "", 0, byHeader("STAGE", "X")); problem.Of(err).For("name") == "" {
		t.Errorf("a name that differs by case only: %v", err)
	}
	for field, v := range map[string]condition.Variable{
		"name":                  {Type: condition.Header, HeaderName: "X"},
		"type":                  {Name: "a"},
		"headerName":            {Name: "a", Type: condition.Header},
		"contextValue":          {Name: "a", Type: condition.Context, ContextValue: "NO"},
		"description":           {Name: "a", Type: condition.Header, HeaderName: "X", Description: strings.Repeat("x", 1001)},
		"name ":                 {Name: " a", Type: condition.Header, HeaderName: "X"},
		"zoneId":                {Name: "a", Type: condition.Context, ContextValue: "DATETIME_HOUR", ZoneID: "No/Where"},
		"jsonPathValue":         {Name: "a", Type: condition.Body, ContentType: condition.JSON, JSONPath: "x"},
		"messageContentType":    {Name: "a", Type: condition.Body},
		"paramType":             {Name: "a", Type: condition.Parameter},
		"headerName of a token": {Name: "a", Type: condition.Header, HeaderName: "a b"},
	} {
		field, _, _ = strings.Cut(strings.TrimSpace(field), " ")
		if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, "", 0, v); problem.Of(err).For(field) == "" {
			t.Errorf("%+v: %v", v, err)
		}
	}
	changed, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, saved.ID, saved.Version, byHeader("Stage", "X-Stage"))
	if err != nil || changed.Definition.HeaderName != "X-Stage" || changed.Version != 2 {
		t.Errorf("changed to %+v, %v", changed, err)
	}
	var stale *models.StaleError
	if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, saved.ID, 1, byHeader("Stage", "X")); !errors.As(err, &stale) {
		t.Errorf("a stale save: %v", err)
	}
	if v, err := s.Variable(t.Context(), s.project, "stage"); err != nil || v.Definition.HeaderName != "X-Stage" {
		t.Errorf("found %+v, %v", v, err)
	}
	if err := s.DeleteVariable(t.Context(), modelstest.By(), s.project, saved.ID, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Variable(t.Context(), s.project, "Stage"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
}

func TestAVariableThatPoliciesReferToStays(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	v, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, "", 0, byHeader("stage", "X-Environment"))
	if err != nil {
		t.Fatal(err)
	}
	c := modelstest.JWT("Guarded")
	c.Condition = when("STAGE", "EQ", "production")
	if _, err := s.SavePolicy(t.Context(), modelstest.By(), s.project, "", 0, c); err != nil {
		t.Fatal(err)
	}
	list, err := s.Variables(t.Context(), s.project)
	if err != nil || len(list) != 1 || strings.Join(list[0].Policies, ",") != "Guarded" {
		t.Errorf("listed %+v, %v", list, err)
	}
	if err := s.DeleteVariable(t.Context(), modelstest.By(), s.project, v.ID, v.Version); !strings.Contains(problem.Of(err).For("name"), "Guarded") {
		t.Errorf("deleted: %v", err)
	}
	if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, v.ID, v.Version, byHeader("other", "X")); problem.Of(err).For("name") == "" {
		t.Errorf("renamed: %v", err)
	}
	if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, v.ID, v.Version, byHeader("Stage", "X")); err != nil {
		t.Errorf("in other letters: %v", err)
	}
}

func TestAPolicyRefersToVariablesThatThereAre(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, "", 0, condition.Variable{Name: "ip", Type: condition.Context, ContextValue: condition.ClientAddress}); err != nil {
		t.Fatal(err)
	}
	const place = "policyCondition.conditionRuleList[0].conditionRuleList[0]."
	for name, tt := range map[string]struct {
		c     condition.Condition
		field string
	}{
		"there":                     {when("IP", "IN", "10.0.0.0/8"), ""},
		"not there":                 {when("nobody", "EQ", "1"), place + "firstVariable.name"},
		"a rule that does not fit":  {when("ip", "IN", "office"), place + "secondValue"},
		"an environment's value":    {when("ip", "IN", "${NETWORKS}"), ""},
		"an unknown operator first": {when("ip", "LIKE", "x"), place + "valueComparisonOperator"},
	} {
		c := modelstest.JWT("Guarded " + name)
		c.Condition = tt.c
		_, err := s.SavePolicy(t.Context(), modelstest.By(), s.project, "", 0, c)
		if l := problem.Of(err); (tt.field == "") != (err == nil) || tt.field != "" && l.For(tt.field) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVariablesAndValuesArePutInAtTheDeploy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	v, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, "", 0, byHeader("stage", "X-Environment"))
	if err != nil {
		t.Fatal(err)
	}
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	c := modelstest.JWT("Guarded")
	c.Condition, c.ConditionUnmetAction = when("stage", "EQ", "${STAGE}"), policy.Reject
	if _, err := s.AddBinding(t.Context(), modelstest.By(), s.project, p.ID, p.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: c}); err != nil {
		t.Fatal(err)
	}
	deploy := func() error {
		_, err := s.Deploy(t.Context(), modelstest.By(), s.project, p.ID, "production", "")
		return err
	}
	const field = "policies[0].policyCondition.conditionRuleList[0].conditionRuleList[0].secondValue"
	if l := problem.Of(deploy()); !strings.Contains(l.For(field), "STAGE") {
		t.Errorf("without the value: %v", l)
	}
	value, err := s.SaveEnvironmentVariable(t.Context(), modelstest.By(), "production", "", 0, "STAGE", "green")
	if err != nil {
		t.Fatal(err)
	}
	if err := deploy(); err != nil {
		t.Fatal(err)
	}
	raw, _, err := s.Draft(t.Context(), p.ID, "production")
	if text := string(raw); err != nil || !strings.Contains(text, `"headerName":"X-Environment"`) || !strings.Contains(text, `"secondValue":"green"`) || strings.Contains(text, "${") {
		t.Errorf("frozen as %s, %v", text, err)
	}
	if got := state(t, s, p); got != models.Live {
		t.Errorf("after the deploy: %s", got)
	}
	if _, err := s.SaveEnvironmentVariable(t.Context(), modelstest.By(), "production", value.ID, value.Version, "STAGE", "blue"); err != nil {
		t.Fatal(err)
	}
	if got := state(t, s, p); got != models.RedeployRequired {
		t.Errorf("after another value: %s", got)
	}
	if err := deploy(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveVariable(t.Context(), modelstest.By(), s.project, v.ID, v.Version, byHeader("stage", "X-Stage")); err != nil {
		t.Fatal(err)
	}
	if got := state(t, s, p); got != models.RedeployRequired {
		t.Errorf("after another header: %s", got)
	}
}

func TestEnvironmentVariablesAreSavedChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	by := modelstest.By()
	for name, field := range map[string]string{"": "name", "1A": "name", "A-B": "name", "A B": "name", strings.Repeat("A", 256): "name"} {
		if _, err := s.SaveEnvironmentVariable(t.Context(), by, "production", "", 0, name, "x"); problem.Of(err).For(field) == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, value := range []string{strings.Repeat("x", 4097), "a\x00b", "\xff"} {
		if _, err := s.SaveEnvironmentVariable(t.Context(), by, "production", "", 0, "A", value); problem.Of(err).For("value") == "" {
			t.Errorf("%.10q: %v", value, err)
		}
	}
	v, err := s.SaveEnvironmentVariable(t.Context(), by, "Production", "", 0, "NETS", "10.0.0.0/8")
	if err != nil || v.Environment != "production" {
		t.Fatal(v, err)
	}
	if _, err := s.SaveEnvironmentVariable(t.Context(), by, "production", "", 0, "NETS", "x"); problem.Of(err).For("name") == "" {
		t.Errorf("the name again: %v", err)
	}
	if _, err := s.SaveEnvironmentVariable(t.Context(), by, "nowhere", "", 0, "NETS", "x"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("another environment: %v", err)
	}
	var stale *models.StaleError
	if _, err := s.SaveEnvironmentVariable(t.Context(), by, "production", v.ID, 7, "NETS", "x"); !errors.As(err, &stale) {
		t.Errorf("a stale save: %v", err)
	}
	if err := s.DeleteEnvironmentVariable(t.Context(), by, "production", v.ID, 7); !errors.As(err, &stale) {
		t.Errorf("a stale deletion: %v", err)
	}
	if err := s.DeleteEnvironmentVariable(t.Context(), by, "production", v.ID, 1); err != nil {
		t.Fatal(err)
	}
	if list, err := s.EnvironmentVariables(t.Context(), "production"); err != nil || len(list) != 0 {
		t.Errorf("left %+v, %v", list, err)
	}
}
