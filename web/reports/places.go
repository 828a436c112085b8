package reports

import (
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// PlacesPage is everything that the report of the places of policies shows.
type PlacesPage struct {
	Frame        layout.Props
	Project      string
	Query        Query
	Problems     problem.List
	Lines        []Place
	Standing     Standing
	Environments []string
	Types        []ui.Option
	// Chart is shown in place of the lines.
	Chart *ui.Bars
}

// Place is a policy in a lane of an owner.
type Place struct {
	PolicyType, TypeLabel, Policy string
	Global, Active                bool
	Kind, Owner                   string // of the owner
	Scope                         policy.Scope
	Endpoint                      string // "METHOD /path" where the scope is ENDPOINT
	Pipeline                      policy.Pipeline
	Position                      int
	// Via is the policy group by which the policy is there, "" for none; Order is its
	// place in the group.
	Via   string
	Order int
	In    []In
	// Localize gives this place a copy of its own; "" where that cannot be.
	Localize string
}

// In are the figures of a line in one environment.
type In struct {
	Environment string
	State       ui.State
	Revision    int
	Calls       int64
	Tokens      int
	// Capped tells that there may be more tokens.
	Capped bool
	// Counted is false where calls are not counted, as of a policy group.
	Counted bool
}

// KindWord is what people call an owner of a kind.
func KindWord(kind string) string {
	switch kind {
	case link.OfProxyGroup:
		return "API proxy group"
	case link.OfPolicyGroup:
		return "Policy group"
	}
	return "API proxy"
}

// kinds are the entries of the filter.
var kinds = []ui.Option{
	{Label: "Any owner"}, {Value: link.OfProxy, Label: "API proxies"}, {Value: link.OfProxyGroup, Label: "API proxy groups"},
	{Value: link.OfPolicyGroup, Label: "Policy groups"},
}

// Scope says where the policy stands in words.
func (p Place) scope() string {
	switch {
	case p.Scope == policy.Endpoint:
		return p.Endpoint
	case p.Kind == link.OfPolicyGroup:
		return "Wherever the group is bound"
	case p.Kind == link.OfProxyGroup:
		return "All calls"
	}
	return "All endpoints"
}

func (p Place) pipeline() string { return sentence(string(p.Pipeline)) }

// order says the place in the lane.
func (p Place) order() string {
	text := strconv.Itoa(p.Position)
	if p.Via != "" {
		text += "." + strconv.Itoa(p.Order)
	}
	return text
}

func (p Place) policyHref(project string) string {
	if !p.Global {
		return p.ownerHref(project)
	}
	return link.Policy(project, p.PolicyType, p.Policy)
}

func (p Place) ownerHref(project string) string { return link.OwnerOf(project, p.Kind, p.Owner).Page() }

func (i In) revision() string {
	if i.Revision == 0 || i.State == ui.StateNotDeployed {
		return ""
	}
	return "revision " + strconv.Itoa(i.Revision)
}

func (i In) calls() string {
	if i.Calls == 1 {
		return "1 call"
	}
	return ui.Grouped(int(i.Calls)) + " calls"
}

func (i In) tokens() string {
	text := ui.Grouped(i.Tokens)
	if i.Capped {
		text += "+"
	}
	if i.Tokens == 1 && !i.Capped {
		return text + " live token"
	}
	return text + " live tokens"
}

// calls are those of all environments together, "" where they are not counted.
func calls(list []In) string {
	sum, counted := int64(0), false
	for _, in := range list {
		sum, counted = sum+in.Calls, counted || in.Counted
	}
	if !counted {
		return ""
	}
	return ui.Grouped(int(sum))
}

// tokens are those of all environments together.
func tokens(list []In) string {
	sum, more := 0, ""
	for _, in := range list {
		sum += in.Tokens
		if in.Capped {
			more = "+"
		}
	}
	return ui.Grouped(sum) + more
}

func sentence(stored string) string {
	if stored == "" {
		return ""
	}
	words := strings.ToLower(strings.ReplaceAll(stored, "_", " "))
	return strings.ToUpper(words[:1]) + words[1:]
}

// filters say what narrows a report and has no control of its own.
func (q Query) chosen(names ...string) []chip {
	var list []chip
	labels := map[string]string{"policy": "Policy", "owner": "Owner", "group": "By the policy group", "member": "Member or place"}
	for _, name := range names {
		if v := q.Get(name); v != "" {
			list = append(list, chip{labels[name] + ": " + v, q.With(name, "").URL()})
		}
	}
	return list
}

type chip struct{ text, without string }
