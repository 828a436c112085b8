package console

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/web/deploys"
)

// policiesIn counts what is bound in a frozen definition of any kind: all of them
// have a list of that name.
func policiesIn(raw json.RawMessage) (int, error) {
	var d struct {
		Policies []json.RawMessage `json:"policies"`
	}
	err := json.Unmarshal(raw, &d)
	return len(d.Policies), err
}

// carries says in a question what a deploy of a definition brings: its active
// policies with where they run, its members, and what anyone may call.
func (d *ownerDesk) carries(raw json.RawMessage, q *deploys.Question) error {
	var p engine.Proxy
	var g engine.ProxyGroup
	var s engine.PolicyGroup
	into := map[string]any{engine.KindProxy: &p, engine.KindProxyGroup: &g, engine.KindPolicyGroup: &s}[d.kind]
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read definition of %s: %w", d.owner.Name, err)
	}
	switch d.kind {
	case engine.KindPolicyGroup:
		return addPolicies(q, s.Active, s.Policies, words.Lane(s.Pipeline))
	case engine.KindProxy:
		if !guarded(p.Policies) {
			q.Open = "this API"
		}
	default:
		p.Policies = g.Policies
		for _, m := range g.Members {
			q.Members = append(q.Members, m.Proxy.Name)
		}
		q.Open = openMembers(g)
	}
	for _, b := range p.Policies {
		if err := addPolicies(q, b.Group == nil || b.Group.Active, held(b), words.Where(b)); err != nil {
			return err
		}
	}
	return nil
}

// openMembers names what of a group nothing guards.
func openMembers(g engine.ProxyGroup) string {
	if guarded(g.Policies) {
		return ""
	}
	var open []string
	for _, m := range g.Members {
		if !guarded(m.Proxy.Policies) {
			open = append(open, m.Proxy.Name)
		}
	}
	if len(open) == 0 {
		return ""
	}
	return someOf(open) + " through this group"
}

// held are the policies of a slot: one, or those of a group.
func held(b engine.Bound) []json.RawMessage {
	if b.Group == nil {
		return []json.RawMessage{b.Policy}
	}
	return b.Group.Policies
}

// guarded tells whether an active policy stands before every request.
func guarded(list []engine.Bound) bool {
	return slices.ContainsFunc(list, func(b engine.Bound) bool {
		return b.Pipeline == policy.Request && b.Scope == policy.All && (b.Group == nil || b.Group.Active) && slices.ContainsFunc(held(b), func(raw json.RawMessage) bool {
			var c policy.Common
			return json.Unmarshal(raw, &c) == nil && c.Active
		})
	})
}

// addPolicies adds what a slot holds; on is the switch of its group.
func addPolicies(q *deploys.Question, on bool, list []json.RawMessage, where string) error {
	for _, raw := range list {
		var c policy.Common
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("read policy: %w", err)
		}
		if !on || !c.Active {
			q.Passive++
			continue
		}
		q.Policies = append(q.Policies, fmt.Sprintf("%s (%s)", c.Name, where))
	}
	return nil
}
