package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/balance"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/engine/wire"
)

// backend is a proxy as calls reach it: at its own address, or as a member of
// the group that was called.
type backend struct {
	id, name  string
	upstream  upstream
	transport http.RoundTripper
	// pool is that of the connections, where they are plain HTTP.
	pool *wire.Pool
	// addresses are all that balancer chooses among, by the rules of retries.
	// balancer is nil where there is nothing but upstream.
	addresses []address
	balancer  *balance.Pool
	key       balancerKey
	retries   balance.Retries
	frames    *fault.Frames // what error answers are put into
}

// builder makes one owner ready to run.
type builder struct {
	*compiled
	e     *environment
	d     Deps
	owner Owner
	// issuers are the names of the policies that issue the tokens of a client id.
	issuers map[string]string
	alike   map[any]any // see policy.Runtime
	wrong   problem.List
}

func compileOwner(e *environment, o Owner, d Deps) (*compiled, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	k := &builder{compiled: &compiled{origin: e.originOf(o), kind: o.kind()}, e: e, d: d, owner: o, issuers: map[string]string{}, alike: map[any]any{}}
	if err := k.build(o); err != nil {
		return nil, err
	}
	k.origin.others = e.clientsOf(k.embedded)
	return k.compiled, nil
}

func (o *Owner) kind() string {
	if o.Kind == "" {
		return KindProxy
	}
	return o.Kind
}

func (k *builder) build(o Owner) error {
	switch k.kind {
	case KindProxy:
		return define(k, o, k.proxy)
	case KindProxyGroup:
		return define(k, o, k.proxyGroup)
	case KindPolicyGroup:
		return define(k, o, k.policyGroup)
	}
	return fmt.Errorf("owner %s: %q is no kind of owner", o.ID, k.kind)
}

// define reads a frozen definition and builds it. It is strict: a member that
// this version does not know would be a rule that is not enforced.
func define[D any](k *builder, o Owner, build func(*D) error) error {
	var definition D
	d := json.NewDecoder(bytes.NewReader(o.Definition))
	d.DisallowUnknownFields()
	if err := d.Decode(&definition); err != nil {
		return fmt.Errorf("owner %s: read definition: %w", o.ID, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("owner %s: read definition: more than one JSON value", o.ID)
	}
	err := build(&definition)
	if err == nil {
		err = k.wrong.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k.label(), err)
	}
	return nil
}

// proxy builds what is called at its own address.
func (k *builder) proxy(p *Proxy) error {
	k.project, k.name = p.Project, p.Name
	if err := p.Validate().Err(); err != nil {
		return err
	}
	k.address(p.Route)
	b, err := k.backend(k.owner.ID, p)
	if err != nil {
		return err
	}
	l := k.lane(k.whoami(), p.Values)
	l.endpoints = p.Endpoints
	if err := k.bind(l, "", p.Policies); err != nil {
		return err
	}
	k.frames, k.settings, k.errors = b.frames, l.settings, l.all.errors
	k.paths.add(p, nil, l, b)
	return nil
}

// proxyGroup builds several proxies behind one address. What a call costs does
// not depend on how many they are: their endpoints become one tree, and the
// policies of group and member one list.
func (k *builder) proxyGroup(g *ProxyGroup) error {
	k.project, k.name, k.blocks = g.Project, g.Name, g.BlockDirectAccess
	if err := g.Validate().Err(); err != nil {
		return err
	}
	if len(g.Members) == 0 {
		k.wrong.Add("members", "Add at least one API proxy: a group without one has nothing to answer calls with.")
	}
	k.address(g.Route)
	var err error
	if k.frames, err = g.ErrorTemplates.Compile(g.Values); err != nil {
		return err
	}
	own := k.lane(k.whoami(), g.Values)
	if err := k.bind(own, "", g.Policies); err != nil {
		return err
	}
	k.settings, k.errors = own.settings, own.all.errors
	for i := range g.Members {
		if err := k.member(own, fmt.Sprintf("members[%d]", i), &g.Members[i]); err != nil {
			return err
		}
	}
	return nil
}

// member adds a proxy to the group: its policies run after those of the group,
// and tokens of the group are good for it (D15). The tokens of a group whose own
// policies issue none are those of the first member that issues some: who asks
// with the group's key pair means its members, and the first comes first in all
// else too.
func (k *builder) member(own *lane, place string, m *Member) error {
	k.members = append(k.members, m.ID)
	if wrong := m.Proxy.Validate(); len(wrong) > 0 {
		k.wrong.Append(place, wrong)
		return nil
	}
	b, err := k.backend(m.ID, &m.Proxy)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if b.frames == nil {
		b.frames = k.frames
	}
	l := k.lane(policy.Owner{
		ID: m.ID, Kind: KindProxy, Project: m.Proxy.Project, Name: m.Proxy.Name, ClientID: k.embed(m.ID, m.Proxy.ClientID),
	}, m.Proxy.Values)
	l.endpoints, l.through = m.Proxy.Endpoints, own.runtime.Owner.ClientID
	l.runtime.Also = also(nil, l.through)
	if own.settings == nil {
		l.borrowed = k.settings
	}
	if err := k.bind(l, place+".", m.Proxy.Policies); err != nil {
		return err
	}
	if k.settings == nil {
		k.settings = l.settings
		k.issue(l.through, l.settings)
	}
	l.all = own.all.around(l.all)
	k.paths.add(&m.Proxy, m.Proxy.Route.Methods, l, b)
	return nil
}

// policyGroup builds what tokens of a policy group are issued with. It is called
// only where it is bound.
func (k *builder) policyGroup(g *PolicyGroup) error {
	k.project, k.name = g.Project, g.Name
	if err := g.Validate().Err(); err != nil {
		return err
	}
	l := k.lane(k.whoami(), g.Values)
	_, settings, err := k.chain(l, g)
	if g.Active {
		k.settings = settings
	}
	return err
}

// whoami is the owner itself.
func (k *builder) whoami() policy.Owner {
	return policy.Owner{ID: k.owner.ID, Kind: k.kind, Project: k.project, Name: k.name, ClientID: k.owner.Client.ID}
}

// embed notes an embedded owner and returns its client id.
func (k *builder) embed(id, frozen string) string {
	k.embedded = append(k.embedded, embedded{id, frozen})
	return k.e.client(id, frozen)
}

// address compiles a valid route.
func (k *builder) address(r Route) {
	k.route = r
	k.segments = strings.Count(r.BasePath, "/")
	k.allow = allowed(r.Methods)
	for _, h := range r.Hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			h = ip.String()
		}
		k.hosts = append(k.hosts, h)
	}
}

func (k *builder) backend(id string, p *Proxy) (*backend, error) {
	b := &backend{id: id, name: p.Name, upstream: newUpstream(p.Upstream)}
	if k.d.transports != nil {
		b.transport, b.pool = k.d.transports.get(b.upstream.timeouts), k.d.transports.pool(&b.upstream)
	}
	k.backends = append(k.backends, b)
	err := k.d.balancers.open(k.e.Environment, b, p.Project, p.Upstream, k.d.transports)
	if err != nil {
		return nil, err
	}
	b.frames, err = p.ErrorTemplates.Compile(p.Values)
	return b, err
}

// lane begins an empty one.
func (k *builder) lane(owner policy.Owner, values map[string]string) *lane {
	e, issuers := k.e.Bundle, k.issuers
	named := e.NamedKeys
	return &lane{values: values, own: map[APIEndpoint]lines{}, runtime: policy.Runtime{
		Issuer: e.PublicURL, Keys: e.Keys, Now: k.d.Now, Revoked: k.d.revoked, Forgeries: k.d.forgeries, Owner: owner,
		Alike: k.alike, NamedKeys: func(name string) *keys.Set { return named[KeyName{owner.Project, strings.ToLower(name)}] },
		IssuedBy: func(client string) string { return issuers[client] },
	}}
}

// issue notes what issues the tokens of a client id; the first one counts.
func (k *builder) issue(client string, settings *token.Settings) {
	if _, known := k.issuers[client]; !known && settings != nil {
		k.issuers[client] = settings.Policy
	}
}

// also adds a text, such as the client id of one more whose tokens are good, to
// those that are there. The list that it is given stays as it is.
func also(list []string, one string) []string {
	if one == "" || slices.Contains(list, one) {
		return list
	}
	return append(slices.Clip(list), one)
}
