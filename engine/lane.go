package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/token"
)

// lane is the bound policies of one owner while they are compiled.
type lane struct {
	runtime policy.Runtime
	values  fault.Values
	// endpoints are those that policies can be bound to.
	endpoints []APIEndpoint
	// through is the client id of the proxy group of a member; borrowed what its
	// tokens are issued with when that is another member's.
	through  string
	borrowed *token.Settings
	// all run for every call, own for the calls of one endpoint.
	all lines
	own map[APIEndpoint]lines
	// settings are those of the first policy that issues tokens.
	settings *token.Settings
}

// bind compiles the policies in their order. Passive ones are checked and
// dropped, so that a request runs nothing but what applies.
func (k *builder) bind(l *lane, prefix string, policies []Bound) error {
	for i, bound := range policies {
		place := fmt.Sprintf("%spolicies[%d]", prefix, i)
		steps, settings, err := k.slot(l, bound)
		switch wrong := problem.Of(err); {
		case wrong != nil:
			k.wrong.Append(place, wrong)
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", place, err)
		case bound.Scope == policy.Endpoint:
			key := bound.Endpoint.Shape()
			l.own[key] = l.own[key].with(bound.Pipeline, steps)
		default:
			l.all = l.all.with(bound.Pipeline, steps)
		}
		if l.settings == nil {
			l.settings = settings
			k.issue(l.runtime.Owner.ClientID, settings)
		}
	}
	return nil
}

// slot compiles what is bound in one place.
func (k *builder) slot(l *lane, bound Bound) ([]step, *token.Settings, error) {
	switch {
	case bound.Group == nil:
		s, settings, err := k.step(l, bound.Policy, bound.Pipeline, l.checkScope(bound))
		if err != nil || s.run == nil {
			return nil, nil, err
		}
		return []step{s}, settings, nil
	case len(bound.Policy) > 0:
		return nil, nil, problem.List{{Field: "group", Message: "Bind a policy or a policy group, not both in one place."}}
	}
	return k.group(l, bound)
}

// group compiles a bound policy group: its policies run one after another in its
// one place, each with its own condition and words. Inside it the tokens of its
// own key pair are good too (D15).
func (k *builder) group(l *lane, bound Bound) ([]step, *token.Settings, error) {
	g := bound.Group
	wrong := g.Validate()
	if bound.Pipeline != g.Pipeline {
		wrong.Add("pipeline", "The policy group %s is for the pipeline %s, not for %q.", g.Name, g.Pipeline, bound.Pipeline)
	}
	if wrong = append(wrong, l.checkScope(bound)...); len(wrong) > 0 {
		return nil, nil, wrong
	}
	client := k.embed(g.ID, g.ClientID)
	inside := *l
	inside.runtime.Also = also(l.runtime.Also, client)
	steps, settings, err := k.chain(&inside, g)
	if err != nil || !g.Active {
		return nil, nil, err
	}
	k.issue(client, settings)
	return steps, settings, nil
}

// chain compiles the policies of a group in their order.
func (k *builder) chain(l *lane, g *PolicyGroup) (steps []step, first *token.Settings, err error) {
	var wrong problem.List
	for i, raw := range g.Policies {
		place := fmt.Sprintf("policies[%d]", i)
		s, settings, err := k.step(l, raw, g.Pipeline, nil)
		switch list := problem.Of(err); {
		case list != nil:
			wrong.Append(place, list)
		case err != nil:
			return nil, nil, fmt.Errorf("%s: %w", place, err)
		case s.run != nil:
			steps = append(steps, s)
		}
		if first == nil {
			first = settings
		}
	}
	return steps, first, wrong.Err()
}

// step compiles one policy for a pipeline; a passive one is checked and gives the
// zero step. wrong is what is known to be wrong with its place.
func (k *builder) step(l *lane, raw json.RawMessage, p policy.Pipeline, wrong problem.List) (step, *token.Settings, error) {
	config, err := k.e.policy(k.d.Types, raw)
	if err != nil {
		return step{}, nil, err
	}
	t, _ := k.d.Types.Find(config.Base().Type) // Decode has found it
	if wrong = append(policy.Misplaced(t, config, p), wrong...); len(wrong) > 0 {
		return step{}, nil, wrong
	}
	name := config.Base().Name
	if !config.Base().Active {
		return step{}, nil, nil
	}
	run, err := l.compile(config)
	if err != nil {
		return step{}, nil, fmt.Errorf("compile policy %q: %w", name, err)
	}
	s := step{name: name, run: run, reject: config.Base().ConditionUnmetAction == policy.Reject}
	if err := s.compile(config.Base(), l.values); err != nil {
		return step{}, nil, fmt.Errorf("compile policy %q: %w", name, err)
	}
	if who, ok := run.(policy.Introducer); ok {
		for _, name := range who.IdentityHeaders() {
			k.identity = also(k.identity, name)
		}
	}
	settings, err := s.issuing()
	return s, settings, err
}

// compile makes what runs. A policy whose users come from elsewhere than those of
// the member that lends the group its tokens takes none of the group: nobody has
// decided that the users of one member may call the other.
func (l *lane) compile(config policy.Config) (policy.Step, error) {
	run, err := config.Compile(l.runtime)
	issuer, ok := run.(token.Issuer)
	if err != nil || !ok || l.borrowed == nil || sameUsers(l.borrowed, issuer.TokenSettings()) {
		return run, err
	}
	alone := l.runtime
	alone.Also = slices.DeleteFunc(slices.Clone(alone.Also), func(client string) bool { return client == l.through })
	return config.Compile(alone)
}

func sameUsers(a *token.Settings, b token.Settings) bool {
	return a.Issue.GrantType != issue.Password || a.Source == b.Source && strings.EqualFold(a.Provider, b.Provider)
}

// compile adds what every policy has.
func (s *step) compile(base *policy.Common, values fault.Values) (err error) {
	if s.when, err = condition.Compile(base.Condition); err != nil {
		return err
	}
	if s.reject {
		if s.rules, err = base.Condition.Singles(); err != nil {
			return err
		}
	}
	s.answers, err = base.Custom.Compile(values)
	return err
}

// issuing is what the policy issues tokens with, nil when it issues none, and
// checks that the environment can sign them.
func (s *step) issuing() (*token.Settings, error) {
	issuer, ok := s.run.(token.Issuer)
	if !ok {
		return nil, nil
	}
	settings := issuer.TokenSettings()
	if settings.Managed && settings.Keys.Signing(settings.Issue.JWTSignatureAlgorithm) == nil {
		return nil, fmt.Errorf("compile policy %q: the environment has no key that signs with %s", s.name, settings.Issue.JWTSignatureAlgorithm)
	}
	settings.Answers = s.answers
	if s.reject { // token requests are calls too (D11)
		settings.Guard, settings.Rules = &s.when, s.rules
	}
	return &settings, nil
}

func (l *lane) checkScope(bound Bound) problem.List {
	var wrong problem.List
	switch bound.Scope {
	case policy.All:
		if bound.Endpoint != nil {
			wrong.Add("endpoint", "Leave out the endpoint: the scope ALL covers every one.")
		}
	case policy.Endpoint:
		if bound.Endpoint == nil || !l.has(*bound.Endpoint) {
			wrong.Add("endpoint", "Name an endpoint of the proxy.")
		}
	default:
		wrong.Add("scope", "Use the scope ALL or ENDPOINT, not %q.", bound.Scope)
	}
	return wrong
}

func (l *lane) has(e APIEndpoint) bool {
	return slices.ContainsFunc(l.endpoints, func(have APIEndpoint) bool { return have.Shape() == e.Shape() })
}
