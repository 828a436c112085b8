package models

import (
	"encoding/json"
	"fmt"

	"github.com/gatewright/gatewright/engine"
)

// definition is a frozen definition as far as all kinds have it.
type definition struct {
	project string
	// policies are all in it, wherever they stand.
	policies []json.RawMessage
	// members are the ids of the proxies of a group.
	members []string
}

func readDefinition(kind string, raw json.RawMessage) (definition, error) {
	var d definition
	var err error
	switch kind {
	case engine.KindProxyGroup:
		var g engine.ProxyGroup
		err = json.Unmarshal(raw, &g)
		d.project = g.Project
		d.add(g.Policies)
		for _, m := range g.Members {
			d.members = append(d.members, m.ID)
			d.add(m.Proxy.Policies)
		}
	case engine.KindPolicyGroup:
		var g engine.PolicyGroup
		err = json.Unmarshal(raw, &g)
		d.project, d.policies = g.Project, g.Policies
	default:
		var p engine.Proxy
		err = json.Unmarshal(raw, &p)
		d.project = p.Project
		d.add(p.Policies)
	}
	if err != nil {
		return d, fmt.Errorf("read definition: %w", err)
	}
	return d, nil
}

func (d *definition) add(bound []engine.Bound) {
	for _, b := range bound {
		if b.Group != nil {
			d.policies = append(d.policies, b.Group.Policies...)
		} else {
			d.policies = append(d.policies, b.Policy)
		}
	}
}
