package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	weberrors "github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/link"
)

// errorChoices are what the editor of error messages knows. Proxy is the owner
// of a local policy, nil for everything else; one of a policy group has no
// templates, as those of wherever the group runs count.
func (c *Console) errorChoices(ctx context.Context, rows []fault.Type, refresh string, proxy *models.Owner) (weberrors.Choices, error) {
	p, err := c.previewer(ctx, proxy)
	if err != nil {
		return weberrors.Choices{}, err
	}
	return weberrors.Choices{
		Rows: rows, Platform: p.platform, Refresh: refresh, Preview: p.preview,
		Catalogue: func(t fault.Type) string { return link.ErrorMessage(string(t)) },
	}, nil
}

func (c *Console) previewer(ctx context.Context, proxy *models.Owner) (*previewer, error) {
	p := &previewer{types: c.types, proxy: proxy, request: fault.SampleRequest()}
	list, err := c.store.ErrorMessages(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		p.platform = append(p.platform, m.Message)
	}
	if p.request.Environment, p.values, err = c.valuesInSight(ctx); err != nil {
		return nil, err
	}
	p.request.Time = c.now()
	if proxy != nil && proxy.Kind == engine.KindPolicyGroup {
		p.proxy = nil
	} else if proxy != nil {
		p.request.OwnerID, p.request.OwnerName, p.request.BasePath = proxy.ID, proxy.Name, proxy.Route.BasePath
		p.request.Path = strings.TrimSuffix(proxy.Route.BasePath, "/") + "/42"
		p.request.DecodedPath = p.request.Path
	}
	return p, nil
}

// valuesInSight are the variables of the environment that the visitor looks at.
func (c *Console) valuesInSight(ctx context.Context) (string, map[string]string, error) {
	environments, err := visit.From(ctx).Environments(ctx, c.store)
	if err != nil || len(environments) == 0 {
		return "", nil, err
	}
	chosen := visit.From(ctx).Environment(ctx)
	i := max(0, slices.IndexFunc(environments, func(e models.Environment) bool { return e.Name == chosen }))
	list, err := c.store.EnvironmentVariables(ctx, environments[i].Name)
	values := make(map[string]string, len(list))
	for _, v := range list {
		values[v.Name] = v.Value
	}
	return environments[i].Name, values, err
}

// previewer draws answers with the gateway's own code.
type previewer struct {
	types    policy.Set
	platform []fault.Message
	proxy    *models.Owner
	values   map[string]string
	request  condition.Request
}

// scene is one preview: a row as the policy and as the platform have it.
type scene struct {
	*previewer
	ask    weberrors.Ask
	of, on fault.Message
	plain  bool // an answer is none that a template has written whole
	out    weberrors.Preview
}

// preview shows every answer that a row can give: one for each rule, and the one
// without any.
func (p *previewer) preview(ask weberrors.Ask) weberrors.Preview {
	s := &scene{previewer: p, ask: ask, of: messageOf(ask.Custom.Messages, ask.Type), on: messageOf(p.platform, ask.Type)}
	if ask.OfPlatform {
		s.of, s.on = fault.Message{Type: ask.Type}, s.of
		s.ask.Custom = fault.Custom{}
	}
	of, on := asked(s.of.Rules), asked(s.on.Rules)
	if s.of.Build || s.on.Build || s.ask.Custom.Build || len(of)+len(on) == 0 {
		s.shoot("Always", nil, nil)
	} else if !s.rules(of, func(r fault.Rule) { s.shoot(when(r, ""), &r, nil) }) &&
		!s.rules(on, func(r fault.Rule) { s.shoot(when(r, " of the platform"), nil, &r) }) {
		s.shoot("When no rule applies", nil, nil)
	}
	if s.out.Problem == "" {
		s.explain()
	}
	return s.out
}

func messageOf(list []fault.Message, t fault.Type) fault.Message {
	if i := slices.IndexFunc(list, func(m fault.Message) bool { return m.Type == t }); i >= 0 {
		return list[i]
	}
	return fault.Message{Type: t}
}

func asked(rules []fault.Rule) []fault.Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r fault.Rule) bool { return !r.On() })
}

func when(r fault.Rule, whose string) string {
	if r.Condition.Empty() {
		return "Rule “" + r.Name + "”" + whose + ", whenever it is asked"
	}
	return "When rule “" + r.Name + "”" + whose + " applies"
}

// rules shoots each rule up to one that always applies, and tells whether there
// is such a one.
func (s *scene) rules(rules []fault.Rule, shoot func(fault.Rule)) bool {
	for i, r := range rules {
		shoot(r)
		if r.Condition.Empty() {
			for _, later := range rules[i+1:] {
				s.out.Notes = append(s.out.Notes, fmt.Sprintf("Rule “%s” is never asked: “%s” before it has no condition.", later.Name, r.Name))
			}
			return true
		}
	}
	return false
}

// shoot takes the answer with at most one rule, which then applies.
func (s *scene) shoot(when string, of, on *fault.Rule) {
	custom := s.ask.Custom
	custom.Messages = only(s.of, of)
	answer, happens, err := engine.Preview(engine.Sample{
		Type: s.ask.Type, Messages: only(s.on, on), Policy: &custom, Proxy: s.bodies(), Values: s.values, Request: s.caller(),
		Challenge: s.challenge(), TokenRequest: s.ask.Token,
	})
	switch {
	case err != nil:
		s.out.Problem = "This cannot be shown: " + err.Error()
	case !happens:
		s.out.Problem = "No token request is refused with this error. It is an answer to API calls."
	default:
		s.out.Shots = append(s.out.Shots, shot(when, answer))
		s.plain = s.plain || answer.Origin >= fault.PolicyRow
	}
}

func only(m fault.Message, r *fault.Rule) []fault.Message {
	if m.Rules = nil; r != nil {
		one := *r
		one.Condition = condition.Condition{}
		m.Rules = []fault.Rule{one}
	}
	return []fault.Message{m}
}

func (s *scene) bodies() *fault.Bodies {
	if s.proxy == nil {
		return nil
	}
	return s.proxy.ErrorTemplates
}

// caller is a request that asks for the language of the preview.
func (s *scene) caller() condition.Request {
	q, language := s.request, "application/json"
	if s.ask.XML {
		language = "application/xml"
	}
	if s.ask.Token {
		q.Method, q.Path, q.DecodedPath, q.RawQuery = http.MethodPost, "/auth/jwt", "/auth/jwt", ""
	}
	q.Header = http.Header{"Accept": {language}}
	return q
}

// challenge is the WWW-Authenticate that a policy sends along.
func (s *scene) challenge() string {
	for _, t := range s.types {
		if t.Challenge != nil && slices.Contains(t.Faults, s.ask.Type) {
			return t.Challenge(s.ask.Type, s.request.OwnerName)
		}
	}
	return ""
}

// explain notes what the answer also depends on: templates of proxies that are
// not known here, and the values of environment variables.
func (s *scene) explain() {
	if s.plain && s.proxy == nil && !s.ask.Token {
		s.out.Notes = append(s.out.Notes, "An API proxy with error templates of its own puts the message into them.")
	}
	custom := s.ask.Custom
	custom.Messages = []fault.Message{s.of, s.on}
	s.valuesOf(custom.EnvironmentNames())
}

// valuesOf notes where the values of environment variables come from.
func (s *scene) valuesOf(names []string) {
	for _, name := range names {
		note := fmt.Sprintf("${%s} is shown as %s has it.", name, s.request.Environment)
		if _, known := s.values[name]; !known {
			note = fmt.Sprintf("${%s} has no value in %s.", name, s.request.Environment)
		}
		s.out.Notes = append(s.out.Notes, note)
	}
}

func shot(when string, a engine.Answer) weberrors.Shot {
	out := weberrors.Shot{When: when, Status: a.Status, Body: string(a.Body), By: "Answered by " + a.Origin.String() + "."}
	if a.Framed {
		out.By = "Answered by " + a.Origin.String() + ", inside the proxy's error template."
	}
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		for _, value := range a.Header[name] {
			out.Header = append(out.Header, name+": "+value)
		}
	}
	return out
}
