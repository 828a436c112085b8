package archive

import (
	"encoding/json"
	"slices"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

// Policy is a global policy.
type Policy struct {
	Common
	// Policy is the same flat JSON object as everywhere else.
	Policy json.RawMessage `json:"policy"`
}

// Variable is a variable of a project, for conditions.
type Variable struct {
	Common
	Variable condition.Variable `json:"variable"`
}

// Role is a role of the secret manager. Who has it is not carried.
type Role struct {
	Common
	Description string `json:"description,omitempty"`
}

// IdentitySource is where users are checked and roles are read.
type IdentitySource struct {
	Common
	// Definition is the flat JSON object of the source, which has no secrets.
	Definition json.RawMessage `json:"definition"`
	// Secrets are the field names of the secrets that the source had where it was
	// exported. They never travel (D18); an import asks for them.
	Secrets []string `json:"secrets,omitempty"`
}

// PolicyGroup is a policy group. Its key pair is not carried.
type PolicyGroup struct {
	Common
	Description string          `json:"description,omitempty"`
	Active      bool            `json:"active"`
	Pipeline    policy.Pipeline `json:"pipeline"`
	// Order is among the groups of a lane.
	Order int `json:"order"`
	// MakeDefault binds the group to every new proxy of the project.
	MakeDefault bool `json:"makeDefault,omitempty"`
	// Policies are in the order they run.
	Policies []Slot `json:"policies,omitempty"`
}

// Slot is a member of a policy group: exactly one of the two.
type Slot struct {
	// Global is the name of a global policy.
	Global string `json:"global,omitempty"`
	// Policy is the flat JSON object of a local one.
	Policy json.RawMessage `json:"policy,omitempty"`
}

// Proxy is an API proxy. Its key pair is not carried.
type Proxy struct {
	Common
	Description    string          `json:"description,omitempty"`
	Route          engine.Route    `json:"route"`
	Upstream       engine.Upstream `json:"upstream"`
	ErrorTemplates *fault.Bodies   `json:"errorTemplates,omitempty"`
	// Endpoints are in the order they were written.
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// Bindings are in running order.
	Bindings []Binding `json:"bindings,omitempty"`
}

// Endpoint is one operation of a proxy.
type Endpoint struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	Description string `json:"description,omitempty"`
}

// String is how bindings name the endpoint: "METHOD /path".
func (e Endpoint) String() string { return e.Method + " " + e.Path }

// Binding is what stands in one place of a lane of a proxy or a proxy group.
type Binding struct {
	Scope policy.Scope `json:"scope"`
	// Endpoint is "METHOD /path" of one of the proxy's where the scope is
	// ENDPOINT.
	Endpoint string          `json:"endpoint,omitempty"`
	Pipeline policy.Pipeline `json:"pipeline"`
	// Global is the name of a global policy, Group that of a policy group, Policy
	// the flat JSON object of a local policy; exactly one of them is there.
	Global string          `json:"global,omitempty"`
	Group  string          `json:"group,omitempty"`
	Policy json.RawMessage `json:"policy,omitempty"`
}

// ProxyGroup is a proxy group. Its key pair is not carried.
type ProxyGroup struct {
	Common
	Description       string        `json:"description,omitempty"`
	Route             engine.Route  `json:"route"`
	BlockDirectAccess bool          `json:"blockDirectAccess,omitempty"`
	ErrorTemplates    *fault.Bodies `json:"errorTemplates,omitempty"`
	// Members are the names of proxies in order: of two with the same endpoint
	// the first one answers.
	Members []string `json:"members,omitempty"`
	// Bindings are in running order; their scope is ALL.
	Bindings []Binding `json:"bindings,omitempty"`
}

func (p *Policy) problems() problem.List { return named(p.Policy, "policy", p.Name) }

func (v *Variable) problems() problem.List {
	var l problem.List
	if v.Variable.Name != v.Name {
		l.Add("variable.name", "%s", otherName(v.Variable.Name, v.Name))
	}
	return l
}

func (r *Role) problems() problem.List { return nil }

func (s *IdentitySource) problems() problem.List {
	l := named(s.Definition, "definition", s.Name)
	for i, field := range s.Secrets {
		if msg := nameProblem(field); msg != "" || slices.Contains(s.Secrets[:i], field) {
			l.Add(at("secrets", i), "Name each field that needs a secret once, such as %q.", "bindPassword")
		}
	}
	return l
}

func (g *PolicyGroup) problems() problem.List {
	var l problem.List
	for i, s := range g.Policies {
		l.Append(at("policies", i), oneOf(s.Policy, []string{s.Global}, "global or policy"))
	}
	return l
}

func (p *Proxy) problems() problem.List {
	l := listed("route.hosts", p.Route.Hosts)
	l = append(l, listed("route.methods", p.Route.Methods)...)
	endpoints := make(map[string]bool, len(p.Endpoints))
	for i, e := range p.Endpoints {
		if e.Method == "" || e.Path == "" || endpoints[e.String()] {
			l.Add(at("endpoints", i), "Give each endpoint a method and a path of its own.")
		}
		endpoints[e.String()] = true
	}
	return append(l, bindings(p.Bindings, endpoints)...)
}

func (g *ProxyGroup) problems() problem.List {
	l := listed("route.hosts", g.Route.Hosts)
	l = append(l, listed("route.methods", g.Route.Methods)...)
	l = append(l, listed("members", g.Members)...)
	return append(l, bindings(g.Bindings, nil)...)
}

func bindings(list []Binding, endpoints map[string]bool) problem.List {
	var l problem.List
	for i, b := range list {
		switch {
		case b.Scope == policy.Endpoint && !endpoints[b.Endpoint]:
			l.Add(at("bindings", i)+".endpoint", "Name an endpoint of this proxy, such as %q.", "GET /pets/{petId}")
		case b.Scope != policy.Endpoint && b.Endpoint != "":
			l.Add(at("bindings", i)+".endpoint", "Leave out the endpoint: the scope is not ENDPOINT.")
		}
		l.Append(at("bindings", i), oneOf(b.Policy, []string{b.Global, b.Group}, "global, group or policy"))
	}
	return l
}

// oneOf makes sure that one place holds one thing.
func oneOf(local json.RawMessage, names []string, choice string) problem.List {
	var l problem.List
	given := len(names)
	for _, name := range names {
		if name == "" {
			given--
		}
	}
	if len(local) > 0 {
		given++
		_, err := strict.Name(local, "type", "policy", "policy-auth-jwt")
		l.Append("policy", problem.Of(err))
	}
	if given != 1 {
		l.Add("", "Give exactly one of %s.", choice)
	}
	return l
}

// named makes sure that a definition has the name of its object: an import that
// renames the one must not leave the other behind.
func named(definition json.RawMessage, member, name string) problem.List {
	var l problem.List
	if len(definition) == 0 || string(definition) == "null" {
		l.Add(member, "The %s is missing.", member)
		return l
	}
	inside, err := strict.Name(definition, "name", member, name)
	l.Append(member, problem.Of(err))
	if err == nil && inside != name {
		l.Add(member+".name", "%s", otherName(inside, name))
	}
	return l
}
