package models_test

import (
	"fmt"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// What no deploy would take where the policy is bound is refused when it is saved.
func TestAPolicyIsSavedOnlyIfItFitsWhereItIsBound(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	tries := 0
	stripping := func(unmet policy.UnmetAction) *headers.Config {
		c := headers.New()
		tries++
		c.Description = fmt.Sprint("Try ", tries)
		c.Name, c.Active, c.ConditionUnmetAction, c.Changes = "Stripping", true, unmet, []headers.Change{{Action: policy.RemoveField, Name: "Server"}}
		c.Condition.Rules = []condition.Rule{{Criteria: condition.Value, First: &condition.Variable{Type: condition.Header, HeaderName: "X-A"}, Operator: condition.Exists}}
		c.Normalize()
		return c
	}
	saved, err := g.SavePolicy(t.Context(), by, g.project, "", 0, stripping(policy.Skip))
	if err != nil {
		t.Fatal(err)
	}
	save := func(unmet policy.UnmetAction) error {
		now, err := g.SavePolicy(t.Context(), by, g.project, saved.ID, saved.Version, stripping(unmet))
		if err == nil {
			saved = now
		}
		return err
	}
	bind := func(o models.Owner, p policy.Pipeline) {
		t.Helper()
		if _, err := g.AddBinding(t.Context(), by, g.project, o.ID, o.Version, models.NewBinding{Scope: policy.All, Pipeline: p, PolicyID: saved.ID}); err != nil {
			t.Fatal(err)
		}
	}
	bind(modelstest.Reload(t, g.Store, g.stock), policy.Request)
	if err := save(policy.Reject); err != nil {
		t.Fatal(err)
	}
	if err := save(policy.Skip); err != nil {
		t.Fatal(err)
	}
	bind(g.policyGroup(t, models.Owner{Name: "Answers", Active: true, Pipeline: policy.Error}), policy.Error)
	wantProblem(t, save(policy.Reject), "conditionUnmetAction")
	if err := save(policy.Skip); err != nil {
		t.Error("of what was refused something was kept:", err)
	}
	if _, err := connect(t, g.url).Exec(t.Context(), `update policies set config = config || '{"conditionUnmetAction": "REJECT"}' where id = $1`, saved.ID); err != nil {
		t.Fatal(err) // as of a version that did not ask
	}
	if saved, err = g.SetPolicyActive(t.Context(), by, g.project, saved.ID, saved.Version, false); err != nil {
		t.Error("it cannot be switched off:", err)
	}
	_, err = g.SetPolicyActive(t.Context(), by, g.project, saved.ID, saved.Version, true)
	wantProblem(t, err, "conditionUnmetAction")
}
