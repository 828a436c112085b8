package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
)

// Deps are the parts of the world that compiling uses.
type Deps struct {
	// Types are the known kinds of policy.
	Types policy.Set
	// Now is the clock of the steps. Default time.Now.
	Now func() time.Time
	// Logger gets what is left out of a bundle that runs. Default: nobody.
	Logger *slog.Logger

	transports *transports
	sources    *sources
	revoked    *revoke.List
}

// compiled is an owner ready to run. It depends on nothing but its origin, so
// snapshots share it, and with it whatever its steps remember of verified
// tokens.
type compiled struct {
	origin   origin
	proxy    Proxy
	hosts    []string // as normalHost spells them
	segments int      // of the base path
	allow    string   // the methods of the route
	// endpoints are nil when the proxy names none; then whole runs for
	// every path and method.
	endpoints *endpoints
	whole     *operation
	upstream  upstream
	settings  *token.Settings
	frames    *fault.Frames // what error answers are put into
}

// origin is everything that a compiled owner was made of. Equal origins
// compile alike.
type origin struct{ digest, clientID, keys, issuer string }

// Compile turns a bundle into what runs. Owners of prev (which may be nil)
// that would compile alike are taken over. Every owner is tried, so the error
// names all that is wrong: what does not compile by its owner, a path that two
// claim by both.
func Compile(ctx context.Context, b Bundle, prev *Snapshot, d Deps) (*Snapshot, error) {
	s := &Snapshot{
		environment: b.Environment, issuer: b.PublicURL, generation: b.Generation, keys: b.Keys, tokens: b.Tokens,
		credentials: make(map[string]*identity.Credential, len(b.Credentials)),
		owners:      make(map[string]*deployed, len(b.Owners)), clients: make(map[string]*deployed, len(b.Owners)),
		router: router{sites: make(map[string]*site, len(b.Owners))},
	}
	for _, c := range b.Credentials {
		s.credentials[c.Name] = c
	}
	if s.tokens == nil {
		m := issue.DefaultManagement()
		s.tokens = &m
	}
	if err := s.publish(b); err != nil {
		return nil, err
	}
	s.customize(b, d.Logger)
	var faults []error
	for _, o := range b.Owners {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("compile environment %s: %w", b.Environment, err)
		}
		if err := s.deploy(b, o, prev, d); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s.sources = d.sources.open(b.Environment, b.Sources) // last, as nobody closes those of a bundle that does not compile
	return s, nil
}

// Check compiles one owner dry, touching neither network nor traffic: what
// it accepts will compile in the environment b, whose own owners it ignores.
// What is wrong with a value comes back as a problem.List inside the error.
func Check(types policy.Set, b Bundle, o Owner) error {
	_, err := compileOwner(b, o, Deps{Types: types})
	return err
}

func (s *Snapshot) deploy(b Bundle, o Owner, prev *Snapshot, d Deps) error {
	c := prev.reuse(b.originOf(o), o.ID)
	if c == nil {
		var err error
		if c, err = compileOwner(b, o, d); err != nil {
			return err
		}
	}
	dep := &deployed{compiled: c, id: o.ID, revision: o.Revision, client: o.Client}
	if d.transports != nil {
		dep.transport = d.transports.get(c.upstream.timeouts)
	}
	return s.add(dep)
}

func (b *Bundle) originOf(o Owner) origin {
	digest := o.Digest
	if digest == "" {
		digest = Digest(o.Definition)
	}
	return origin{digest, o.Client.ID, b.keysDigest(), b.PublicURL}
}

func (s *Snapshot) reuse(from origin, id string) *compiled {
	if s == nil || s.owners[id] == nil || s.owners[id].origin != from {
		return nil
	}
	return s.owners[id].compiled
}

func (s *Snapshot) add(o *deployed) error {
	if other := s.owners[o.id]; other != nil {
		return fmt.Errorf("%s and %s have one id, %s", other.label(), o.label(), o.id)
	}
	s.owners[o.id] = o
	if other := s.router.add(o); other != nil {
		return fmt.Errorf("%s and %s both claim the path %s%s; give one another base path or other hosts",
			other.label(), o.label(), o.proxy.Route.BasePath, onHosts(o.proxy.Route.Hosts))
	}
	if o.client.ID == "" {
		return nil
	}
	if other := s.clients[o.client.ID]; other != nil {
		return fmt.Errorf("%s and %s have one client id, %s", other.label(), o.label(), o.client.ID)
	}
	s.clients[o.client.ID] = o
	return nil
}

func onHosts(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return " on " + strings.Join(hosts, ", ")
}

func (c *compiled) label() string {
	return fmt.Sprintf("proxy %q of project %q", c.proxy.Name, c.proxy.Project)
}

func compileOwner(b Bundle, o Owner, d Deps) (*compiled, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	c := &compiled{origin: b.originOf(o)}
	if err := decodeProxy(o.Definition, &c.proxy); err != nil {
		return nil, fmt.Errorf("owner %s: %w", o.ID, err)
	}
	if err := c.proxy.Validate().Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.label(), err)
	}
	c.address()
	var err error
	if c.frames, err = c.proxy.ErrorTemplates.Compile(c.proxy.Values); err != nil {
		return nil, fmt.Errorf("%s: %w", c.label(), err)
	}
	runtime := policy.Runtime{Issuer: b.PublicURL, Keys: b.Keys, Now: d.Now, Revoked: d.revoked, Owner: policy.Owner{
		ID: o.ID, Kind: KindProxy, Project: c.proxy.Project, Name: c.proxy.Name, ClientID: o.Client.ID,
	}}
	runtime.NamedKeys = func(name string) *keys.Set { return b.NamedKeys[KeyName{c.proxy.Project, strings.ToLower(name)}] }
	if err := c.bind(d.Types, runtime); err != nil {
		return nil, fmt.Errorf("%s: %w", c.label(), err)
	}
	return c, nil
}

// address compiles the route and the upstream of a valid proxy.
func (c *compiled) address() {
	c.segments = strings.Count(c.proxy.Route.BasePath, "/")
	c.allow = allowed(c.proxy.Route.Methods)
	c.upstream = newUpstream(c.proxy.Upstream)
	for _, h := range c.proxy.Route.Hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			h = ip.String()
		}
		c.hosts = append(c.hosts, h)
	}
}

// bind merges the pipelines, so that a request runs one list: the policies of
// the proxy, then those of its endpoint. Passive ones are dropped.
func (c *compiled) bind(types policy.Set, runtime policy.Runtime) error {
	var wrong problem.List
	var all []step
	own := make(map[APIEndpoint][]step)
	for i, bound := range c.proxy.Policies {
		place := fmt.Sprintf("policies[%d]", i)
		s, err := c.step(types, bound, runtime)
		switch l := problem.Of(err); {
		case l != nil:
			wrong.Append(place, l)
		case err != nil:
			return fmt.Errorf("%s: %w", place, err)
		case s.run == nil: // passive
		case bound.Scope == policy.Endpoint:
			key := APIEndpoint{bound.Endpoint.Method, shape(bound.Endpoint.Path)}
			own[key] = append(own[key], s)
		default:
			all = append(all, s)
		}
	}
	c.operations(all, own)
	return wrong.Err()
}

func (c *compiled) operations(all []step, own map[APIEndpoint][]step) {
	c.whole = &operation{steps: all}
	if len(c.proxy.Endpoints) == 0 {
		return
	}
	c.endpoints = &endpoints{}
	for _, e := range c.proxy.Endpoints {
		steps := append(all[:len(all):len(all)], own[APIEndpoint{e.Method, shape(e.Path)}]...)
		c.endpoints.add(e, &operation{name: e.Method + " " + e.Path, endpoint: e, steps: steps})
	}
}

// step compiles one binding; a passive policy is checked and gives the zero
// step.
func (c *compiled) step(types policy.Set, bound Bound, runtime policy.Runtime) (step, error) {
	config, err := types.Decode(bound.Policy)
	if err != nil {
		return step{}, err
	}
	t, _ := types.Find(config.Base().Type) // Decode has found it
	if err := c.checkBinding(t, bound).Err(); err != nil {
		return step{}, err
	}
	name := config.Base().Name
	if !config.Base().Active {
		return step{}, nil
	}
	run, err := config.Compile(runtime)
	if err != nil {
		return step{}, fmt.Errorf("compile policy %q: %w", name, err)
	}
	s := step{name: name, run: run, reject: config.Base().ConditionUnmetAction == policy.Reject}
	if err := s.compile(config.Base(), c.proxy.Values); err != nil {
		return step{}, fmt.Errorf("compile policy %q: %w", name, err)
	}
	return s, c.issue(&s, runtime)
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

func (c *compiled) checkBinding(t policy.Type, bound Bound) problem.List {
	var l problem.List
	if bound.Pipeline != policy.Request || !t.Allows(bound.Pipeline) {
		l.Add("pipeline", "A policy of type %s runs in the pipeline %s, not in %q.", t.Name, policy.Request, bound.Pipeline)
	}
	switch bound.Scope {
	case policy.All:
		if bound.Endpoint != nil {
			l.Add("endpoint", "Leave out the endpoint: the scope ALL covers every one.")
		}
	case policy.Endpoint:
		if bound.Endpoint == nil || !c.has(*bound.Endpoint) {
			l.Add("endpoint", "Name an endpoint of the proxy.")
		}
	default:
		l.Add("scope", "Use the scope ALL or ENDPOINT, not %q.", bound.Scope)
	}
	return l
}

func (c *compiled) has(e APIEndpoint) bool {
	for _, have := range c.proxy.Endpoints {
		if have.Method == e.Method && shape(have.Path) == shape(e.Path) {
			return true
		}
	}
	return false
}

// issue takes the owner's token settings from its first policy that issues
// tokens, and checks that the environment can sign them.
func (c *compiled) issue(s *step, runtime policy.Runtime) error {
	issuer, ok := s.run.(token.Issuer)
	if !ok {
		return nil
	}
	settings := issuer.TokenSettings()
	if settings.Managed && settings.Keys.Signing(settings.Issue.JWTSignatureAlgorithm) == nil {
		return fmt.Errorf("compile policy %q: the environment has no key that signs with %s", s.name, settings.Issue.JWTSignatureAlgorithm)
	}
	settings.Answers = s.answers
	if s.reject { // token requests are calls too (D11)
		settings.Guard, settings.Rules = &s.when, s.rules
	}
	if c.settings == nil {
		c.settings = &settings
	}
	return nil
}

// decodeProxy reads a frozen definition. It is strict: a member that this
// version does not know would be a rule that is not enforced.
func decodeProxy(raw json.RawMessage, p *Proxy) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return fmt.Errorf("read definition: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read definition: more than one JSON value")
	}
	return nil
}
