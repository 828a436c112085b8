package condition_test

import (
	"encoding/json"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/strict"
)

// Whatever is read as a condition can be normalised, checked, said and, when it
// is valid, compiled and asked; twice normalised is once normalised.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		`{"conditionRuleList":[]}`,
		`{"conditionRuleList":[{"conditionCriteria":"OR","conditionRuleList":[{"conditionCriteria":"VALUE","firstVariable":{"name":"env","type":"HEADER","headerName":"X-Environment"},"variableDataType":"STRING","valueComparisonOperator":"EQ","secondValueSource":"VALUE","secondValue":"production"},{"conditionCriteria":"NOT","conditionRuleList":[{"conditionCriteria":"VALUE","firstVariable":{"name":"ip","type":"CONTEXT_VALUES","contextValue":"REQUEST_REMOTE_ADDRESS"},"variableDataType":"STRING","valueComparisonOperator":"IN","secondValueSource":"VALUE","secondValue":"10.0.0.0/8#192.168.1.10"}]}]}]}`,
		`{"conditionRuleList":[{"conditionCriteria":"VALUE","firstVariable":{"type":"BODY","messageContentType":"JSON","jsonPathValue":"$.order.tags[?(@=='a')]"},"valueComparisonOperator":"MATCHES_REGEX","secondValue":"(a|b)*c"}]}`,
		`{"conditionRuleList":[{"conditionCriteria":"VALUE","firstVariable":{"type":"BODY","messageContentType":"XML","xpathValue":"//a[@b]/c"},"valueComparisonOperator":"NE","secondValue":"${A}"}]}`,
		`{"conditionRuleList":[{"conditionCriteria":"VALUE","firstVariable":{"type":"CONTEXT_VALUES","contextValue":"DATE_FORMATTED_TEXT","zoneId":"Asia/Tokyo"},"variableDataType":"DATE","dateFormat":"yyyy-MM-dd'T'","valueComparisonOperator":"GE","secondValue":"2026-01-01T"}]}`,
	} {
		f.Add(seed, `{"order":{"tags":["a"]}}`, "application/json")
	}
	f.Fuzz(func(t *testing.T, text, body, contentType string) {
		var c condition.Condition
		if strict.Decode([]byte(text), &c, "condition") != nil {
			return
		}
		c.Normalize()
		first, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Normalize()
		if second, _ := json.Marshal(c); string(second) != string(first) {
			t.Fatalf("normalised again:\n%s\n%s", first, second)
		}
		_ = c.Words()
		if len(c.Validate()) > 0 {
			return
		}
		r := sample(withBody(contentType, body))
		resolved, problems := c.Resolve(
			func(string) (condition.Variable, bool) { return *header("X-Api-Key"), true },
			func(string) (string, bool) { return "1", true },
		)
		if len(problems) > 0 {
			return
		}
		p, err := condition.Compile(resolved)
		if err != nil {
			t.Fatalf("a valid condition does not compile: %v\n%s", err, first)
		}
		met, metErr := p.Met(r)
		out, err := resolved.Trace(sample(withBody(contentType, body)))
		if err != nil || verdict(met, metErr) != verdict(out.Met, out.Err) {
			t.Fatalf("compiled %s, traced %s, %v", verdict(met, metErr), verdict(out.Met, out.Err), err)
		}
	})
}
