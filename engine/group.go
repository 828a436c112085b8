package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// The kinds of owner.
const (
	KindProxy       = "PROXY"
	KindProxyGroup  = "PROXY_GROUP"
	KindPolicyGroup = "POLICY_GROUP"
)

// ProxyGroup is several proxies behind one address, as it is written, deployed
// and compared: a self-contained definition with its members embedded (D5). A
// call through it runs the policies of the group, then those of the member.
type ProxyGroup struct {
	Project string `json:"project"`
	Name    string `json:"name"`
	// ClientID is the public half of the group's key pair and the audience of its
	// tokens, which are good for every member called through it (D15).
	ClientID string `json:"clientId"`
	// Route takes the place of the members' own base paths and hosts.
	Route Route `json:"route"`
	// BlockDirectAccess refuses calls of the members at their own addresses.
	BlockDirectAccess bool `json:"blockDirectAccess,omitempty"`
	// Members are in order: of two with the same endpoint the first one answers.
	Members []Member `json:"members"`
	// Policies are the bound policies in the order they run; their scope is ALL.
	Policies []Bound `json:"policies,omitempty"`
	// ErrorTemplates are what error answers are put into; those of a member, if it
	// has any, come before.
	ErrorTemplates *fault.Bodies `json:"errorTemplates,omitempty"`
	// Values are those that the templates of the group and of its policies name.
	Values map[string]string `json:"values,omitempty"`
}

// Member is a proxy of a group.
type Member struct {
	// ID is that of the proxy as an owner.
	ID    string `json:"id"`
	Proxy Proxy  `json:"proxy"`
}

// PolicyGroup is policies that run one after another in one place. It is
// embedded where it is bound; deployed as an owner itself, its key pair can ask
// for tokens.
type PolicyGroup struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Name    string `json:"name"`
	// ClientID is the audience of the tokens that its key pair gets. They are good
	// wherever the group runs (D15).
	ClientID string `json:"clientId"`
	// Active is its own switch; those of its policies count too.
	Active   bool            `json:"active"`
	Pipeline policy.Pipeline `json:"pipeline"`
	// Policies are flat JSON objects in the order they run.
	Policies []json.RawMessage `json:"policies,omitempty"`
	// Values are those that the templates of its policies name; empty where the
	// group is embedded, as its owner has them.
	Values map[string]string `json:"values,omitempty"`
}

// MaxMembers is how many proxies a group may have.
const MaxMembers = 1000

// Validate reports everything wrong with the group itself, which may still be
// without members. Whether its name and route are free only the store knows; its
// members and policies are checked by their own types.
func (g *ProxyGroup) Validate() problem.List {
	var l problem.List
	if msg := problem.Name(g.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	l.Append("", g.Route.validate())
	l.Append("", g.validateMembers())
	for i, b := range g.Policies {
		if b.Scope != policy.All || b.Endpoint != nil {
			l.Add(fmt.Sprintf("policies[%d].scope", i), "Use the scope ALL without an endpoint: endpoints belong to the API proxies of the group.")
		}
	}
	if g.ErrorTemplates != nil {
		l.Append("errorTemplates", g.ErrorTemplates.Validate())
	}
	return l
}

func (g *ProxyGroup) validateMembers() problem.List {
	var l problem.List
	if len(g.Members) > MaxMembers {
		l.Add("members", "Keep to %d API proxies; there are %d.", MaxMembers, len(g.Members))
		return l
	}
	seen := make(map[string]bool, len(g.Members))
	for i, m := range g.Members {
		if seen[m.ID] {
			l.Add(fmt.Sprintf("members[%d]", i), "The API proxy %s is here twice; remove one.", m.Proxy.Name)
		}
		seen[m.ID] = true
	}
	return l
}

// Validate reports everything wrong with the group itself; its policies are
// checked by their own types.
func (g *PolicyGroup) Validate() problem.List {
	var l problem.List
	if msg := problem.Name(g.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if !slices.Contains([]policy.Pipeline{policy.Request, policy.Response, policy.Error}, g.Pipeline) {
		l.Add("pipeline", "Choose REQUEST, RESPONSE or ERROR.")
	}
	return l
}

// MemberEndpoint tells who answers an operation of a proxy group, or what is left of one
// member by those before it.
type MemberEndpoint struct {
	// Member is the place of the proxy whose operation it is, By of the one that
	// answers it: itself, one before it, or -1 where no call gets there.
	Member, By int
	// Endpoint is zero for a proxy that names none: it answers every other path.
	Endpoint APIEndpoint
	// Methods are what such a proxy is left with, empty for any.
	Methods []string
}

// Endpoints lists the operations of all members in order, as calls through the
// group reach them.
func (g *ProxyGroup) Endpoints() []MemberEndpoint {
	var list []MemberEndpoint
	first, whole := map[APIEndpoint]int{}, wholes{}
	for i, m := range g.Members {
		methods := m.Proxy.Route.Methods
		if len(m.Proxy.Endpoints) == 0 {
			list = append(list, whole.add(i, methods, g.Route.Methods))
		}
		for _, e := range m.Proxy.Endpoints {
			a := MemberEndpoint{Member: i, By: -1, Endpoint: e}
			if permits(methods, e.Method) && permits(g.Route.Methods, e.Method) {
				if _, taken := first[e.Shape()]; !taken {
					first[e.Shape()] = i
				}
				a.By = first[e.Shape()]
			}
			list = append(list, a)
		}
	}
	return list
}

// wholes follows who gets what no endpoint takes: the first proxy that names none
// and no methods, and before it those that name methods.
type wholes struct {
	taken map[string]int
	any   int // place of the first one without methods, from 1
}

// of are the methods of the group.
func (w *wholes) add(member int, methods, of []string) MemberEndpoint {
	if len(methods) == 0 {
		return w.rest(member, of)
	}
	a := MemberEndpoint{Member: member, By: -1, Methods: methods}
	var own []string
	for _, m := range methods {
		if !permits(of, m) {
			continue
		}
		by := w.by(m, member)
		if by == member {
			own = append(own, m)
		}
		if a.By < 0 {
			a.By = by
		}
	}
	if len(own) > 0 {
		a.By, a.Methods = member, own
	}
	return a
}

// rest is for a member that takes whatever comes.
func (w *wholes) rest(member int, of []string) MemberEndpoint {
	if w.any == 0 {
		w.any = member + 1
	}
	a := MemberEndpoint{Member: member, By: w.any - 1}
	for i, m := range of {
		by := w.by(m, member)
		if by == a.By {
			a.Methods = append(a.Methods, m)
		}
		if i == len(of)-1 && len(a.Methods) == 0 { // the others have all that the group lets in
			a.By, a.Methods = by, nil
		}
	}
	return a
}

// by is who answers with a method; the member does if nobody else does.
func (w *wholes) by(method string, member int) int {
	if by, taken := w.taken[method]; taken {
		return by
	}
	if w.any > 0 {
		return w.any - 1
	}
	if w.taken == nil {
		w.taken = map[string]int{}
	}
	w.taken[method] = member
	return member
}
