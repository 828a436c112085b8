package words

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/policies"
)

// telling says a definition in words, part by part.
type telling struct {
	types policy.Set
	list  []deploys.Part
	seen  map[string]int // how often a key was there
}

// inside is what a part belongs to: a member or a policy group, or the owner itself.
type inside struct{ key, name string }

func (in inside) of(key, name string) inside { return inside{in.key + key + " ", in.title(name)} }

func (in inside) title(text string) string {
	if in.name == "" {
		return text
	}
	return in.name + ": " + text
}

// add counts keys: one policy may stand in several places.
func (t *telling) add(in inside, key string, p deploys.Part) {
	key = in.key + key
	p.Key, p.Title = fmt.Sprintf("%s %d", key, t.seen[key]), in.title(p.Title)
	t.seen[key]++
	t.list = append(t.list, p)
}

// Parts says a frozen definition of a kind of owner.
func Parts(types policy.Set, kind string, raw json.RawMessage) ([]deploys.Part, error) {
	t := &telling{types: types, seen: map[string]int{}}
	tell := map[string]func(json.RawMessage) error{
		engine.KindProxy: t.proxy, engine.KindProxyGroup: t.proxyGroup, engine.KindPolicyGroup: t.policyGroup,
	}[kind]
	err := tell(raw)
	return t.list, err
}

func (t *telling) proxy(raw json.RawMessage) error {
	var p engine.Proxy
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	t.add(inside{}, "owner", deploys.Part{Title: "API proxy", Settings: ProxySettings(p)})
	return t.bound(inside{}, p.Policies)
}

// proxyGroup tells a member by its id, so that one with a new name is the same.
func (t *telling) proxyGroup(raw json.RawMessage) error {
	var g engine.ProxyGroup
	if err := json.Unmarshal(raw, &g); err != nil {
		return err
	}
	t.add(inside{}, "owner", deploys.Part{Title: "Proxy group", Settings: ProxyGroupSettings(g)})
	if err := t.bound(inside{}, g.Policies); err != nil {
		return err
	}
	order := make([]string, len(g.Members))
	for i, m := range g.Members {
		order[i] = m.Proxy.Name
	}
	t.add(inside{}, "members", deploys.Part{Title: "Order of the members", Order: order})
	for _, m := range g.Members {
		t.add(inside{}, "member "+m.ID, deploys.Part{Title: "Member " + m.Proxy.Name, Settings: ProxySettings(m.Proxy)})
		if err := t.bound(inside{}.of(m.ID, m.Proxy.Name), m.Proxy.Policies); err != nil {
			return err
		}
	}
	return nil
}

func (t *telling) policyGroup(raw json.RawMessage) error {
	var g engine.PolicyGroup
	if err := json.Unmarshal(raw, &g); err != nil {
		return err
	}
	t.add(inside{}, "owner", deploys.Part{Title: "Policy group", Settings: PolicyGroupSettings(g)})
	return t.inOrder(inside{}, g.Policies, Lane(g.Pipeline))
}

// bound says what stands in lanes.
func (t *telling) bound(in inside, list []engine.Bound) error {
	order := map[string][]string{}
	var lanes []string
	for _, b := range list {
		where := Where(b)
		name, err := t.slot(in, b, where)
		if err != nil {
			return err
		}
		if order[where] == nil {
			lanes = append(lanes, where)
		}
		order[where] = append(order[where], name)
	}
	for _, lane := range lanes {
		t.add(in, "order "+lane, deploys.Part{Title: "Order of the " + lane, Order: order[lane]})
	}
	return nil
}

func (t *telling) slot(in inside, b engine.Bound, where string) (name string, err error) {
	if b.Group == nil {
		return t.policy(in, b.Policy, where)
	}
	g := *b.Group
	t.add(in, "group "+g.ID, deploys.Part{Title: "Policy group " + g.Name, Place: where, Settings: PolicyGroupSettings(g)})
	return g.Name, t.inOrder(in.of(g.ID, g.Name), g.Policies, "in "+g.Name)
}

// inOrder says the policies of a policy group.
func (t *telling) inOrder(in inside, list []json.RawMessage, where string) error {
	order := []string{}
	for _, raw := range list {
		name, err := t.policy(in, raw, where)
		if err != nil {
			return err
		}
		order = append(order, name)
	}
	t.add(in, "order", deploys.Part{Title: "Order of the policies", Order: order})
	return nil
}

// PolicySettings says one policy.
func PolicySettings(types policy.Set, raw json.RawMessage) ([]policies.Setting, error) {
	t := &telling{types: types, seen: map[string]int{}}
	if _, err := t.policy(inside{}, raw, ""); err != nil {
		return nil, err
	}
	return t.list[0].Settings, nil
}

// policy reads a policy without judging it: a rule that came later must not make
// what ran before unreadable.
func (t *telling) policy(in inside, raw json.RawMessage, where string) (name string, err error) {
	var named policy.Common
	if err := json.Unmarshal(raw, &named); err != nil {
		return "", fmt.Errorf("read policy: %w", err)
	}
	typ, form, err := TypeAndForm(t.types, named.Type)
	if err != nil {
		return "", err
	}
	config := typ.New()
	if err := json.Unmarshal(raw, config); err != nil {
		return "", fmt.Errorf("read policy %s: %w", named.Name, err)
	}
	settings := policies.SettingsOf(form, policies.Write(form, config))
	t.add(in, "policy "+strings.ToLower(named.Name), deploys.Part{Title: named.Name, Place: where, Settings: settings})
	return named.Name, nil
}

// Where is the lane in which something is bound.
func Where(b engine.Bound) string {
	if b.Endpoint == nil {
		return Lane(b.Pipeline) + " for all endpoints"
	}
	return Lane(b.Pipeline) + " of " + b.Endpoint.Method + " " + b.Endpoint.Path
}

// ProxySettings are what a proxy itself says.
func ProxySettings(p engine.Proxy) []policies.Setting {
	list := append(routeSettings(p.Name, p.Route),
		policies.Setting{Section: "Upstream", Label: "API", Text: p.Upstream.URL, Code: true},
		policies.Setting{Section: "Upstream", Label: "Connect timeout", Text: Milliseconds(p.Upstream.ConnectTimeout, engine.DefaultConnectTimeout)},
		policies.Setting{Section: "Upstream", Label: "Response timeout", Text: Milliseconds(p.Upstream.ResponseTimeout, engine.DefaultResponseTimeout)})
	list = append(list, BalancingSettings(p.Upstream)...)
	if len(p.Endpoints) == 0 {
		list = append(list, policies.Setting{Section: "Endpoints", Label: "Every path", Text: "Passed on"})
	}
	for _, e := range p.Endpoints { // one by one, as a proxy may have thousands
		list = append(list, policies.Setting{Section: "Endpoints", Label: e.Method + " " + e.Path, Text: "Passed on"})
	}
	return append(list, templateSettings(p.ErrorTemplates, p.Values)...)
}

// ProxyGroupSettings are what a proxy group itself says.
func ProxyGroupSettings(g engine.ProxyGroup) []policies.Setting {
	direct := "Answered"
	if g.BlockDirectAccess {
		direct = "Refused"
	}
	list := append(routeSettings(g.Name, g.Route), policies.Setting{Section: "Members", Label: "Calls at their own addresses", Text: direct})
	return append(list, templateSettings(g.ErrorTemplates, g.Values)...)
}

// PolicyGroupSettings are what a policy group itself says.
func PolicyGroupSettings(g engine.PolicyGroup) []policies.Setting {
	active := "Passive"
	if g.Active {
		active = "Active"
	}
	list := []policies.Setting{{Section: "Policy group", Label: "Name", Text: g.Name}, {Section: "Policy group", Label: "Status", Text: active}}
	return append(list, templateSettings(nil, g.Values)...)
}

func routeSettings(name string, r engine.Route) []policies.Setting {
	return []policies.Setting{
		{Section: "Route", Label: "Name", Text: name},
		{Section: "Route", Label: "Base path", Text: r.BasePath, Code: true},
		{Section: "Route", Label: "Hosts", Text: cmp.Or(strings.Join(r.Hosts, ", "), "Any")},
		{Section: "Route", Label: "Methods", Text: cmp.Or(strings.Join(r.Methods, ", "), "Any")},
	}
}

// templateSettings says the templates that are on, and the values of the
// environment that templates name.
func templateSettings(b *fault.Bodies, values map[string]string) []policies.Setting {
	var list []policies.Setting
	if b != nil {
		for _, t := range []struct {
			name string
			body fault.Body
		}{{"JSON", b.JSON}, {"XML", b.XML}} {
			if t.body.Enabled {
				list = append(list,
					policies.Setting{Section: "Error templates", Label: t.name, Text: t.body.Text, Code: true},
					policies.Setting{Section: "Error templates", Label: t.name + " content type", Text: t.body.ContentType, Code: true})
			}
		}
		if b.Upstream {
			list = append(list, policies.Setting{Section: "Error templates", Label: "Errors of the API", Text: "Replaced too"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, policies.Setting{Section: "Environment variables", Label: name, Text: values[name], Code: true})
	}
	return list
}
