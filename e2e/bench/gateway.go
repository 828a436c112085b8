package main

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// proxies is how many the gateway has to choose from; each work calls one of them.
const proxies = 100

// setup is what the gateway is started with.
type setup struct {
	Upstream string
	Keys     []material
	Proxies  int
	Profile  string // the file that its CPU profile goes to; "" for none
	// Certificate and Key are those of its address with TLS, in DER.
	Certificate, Key []byte
}

type material struct {
	Algorithm keys.Algorithm
	ID        string
	Key       []byte
}

func newSetup(upstream, profile string, w *wallet) (setup, error) {
	s := setup{Upstream: upstream, Proxies: proxies, Profile: profile, Certificate: w.certificate, Key: w.certificateKey}
	for _, alg := range algorithms {
		key, err := w.keys[alg].Marshal()
		if err != nil {
			return s, err
		}
		s.Keys = append(s.Keys, material{alg, w.keys[alg].ID, key})
	}
	return s, nil
}

// question is what the gateway is asked between turns.
type question struct {
	// Forget makes all tokens new to it.
	Forget bool
}

// state is its answer.
type state struct{ Allocs uint64 }

// subject is the gateway that is measured.
type subject struct {
	gateway *engine.Gateway
	bundle  engine.Bundle
}

// serveGateway runs it as the product does: its own server, with metrics.
func serveGateway(p *parent) error {
	var with setup
	if err := p.read(&with); err != nil {
		return err
	}
	s, err := newSubject(with)
	if err != nil {
		return err
	}
	at, err := s.serve(with)
	if err != nil {
		return err
	}
	if with.Profile != "" {
		stop, err := profile(with.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := p.tell(at); err != nil {
		return err
	}
	return s.answer(p)
}

func profile(name string) (stop func(), err error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = file.Close() }, nil
}

// answer goes on until there are no more questions.
func (s *subject) answer(p *parent) error {
	for {
		var q question
		if p.dec.Decode(&q) != nil {
			return nil
		}
		if q.Forget {
			if err := s.forget(); err != nil {
				return err
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if err := p.tell(state{m.Mallocs}); err != nil {
			return err
		}
	}
}

func newSubject(with setup) (*subject, error) {
	s := &subject{gateway: engine.New(engine.Options{
		Types: policy.Set{jwtauth.Type()}, Sink: &metrics{},
		Limits: engine.Limits{MaxBody: engine.DefaultMaxBody, MaxConnections: 20_000, MaxCalls: 10_000}, // the product's defaults, but for the limit of forged tokens: refusals would be all that is measured
	})}
	s.bundle = engine.Bundle{Environment: "bench", PublicURL: issuer}
	if err := s.setKeys(with.Keys); err != nil {
		return nil, err
	}
	for _, p := range proxyShapes(with.Proxies) {
		if err := s.add(p, with.Upstream); err != nil {
			return nil, err
		}
	}
	s.addCallers()
	return s, nil
}

func (s *subject) setKeys(list []material) (err error) {
	var entries []keys.Entry
	for _, m := range list {
		key, err := keys.Parse(m.Algorithm, m.ID, m.Key)
		if err != nil {
			return err
		}
		entries = append(entries, keys.Entry{Key: key, State: keys.Active})
	}
	s.bundle.Keys, err = keys.NewSet(entries)
	return err
}

func (s *subject) add(shape proxyShape, upstream string) error {
	name := shape.name
	p := engine.Proxy{Project: "bench", Name: name, ClientID: clientID(name), Route: engine.Route{BasePath: "/" + name}, Upstream: engine.Upstream{URL: "http://" + upstream}}
	for _, c := range shape.policies {
		raw, err := policy.Encode(c)
		if err != nil {
			return err
		}
		p.Policies = append(p.Policies, engine.Bound{Scope: policy.All, Pipeline: policy.Request, Policy: raw})
	}
	raw, digest, err := engine.Encode(&p)
	if err != nil {
		return err
	}
	s.bundle.Owners = append(s.bundle.Owners, engine.Owner{ID: name, Digest: digest, Definition: raw, Client: engine.Client{ID: p.ClientID}})
	return nil
}

// guarded is the policy with all that a call can cost: the caller's own access,
// conditions, roles, and both headers for the upstream.
func guarded(alg keys.Algorithm) *jwtauth.Config {
	c := jwtauth.NewForm()
	c.Name, c.JWTSignatureAlgorithm, c.GrantType, c.AuthenticationType = "Standard", alg, issue.Password, identity.SecretManager
	c.AddUserToHeader, c.ClearAuth = true, true
	c.Authorization = jwtauth.Authorization{
		EnableAuthorization: true, AddRolesToHeader: true, CredentialRoleNameList: []string{"admin", "orders-write"},
	}
	c.ConditionUnmetAction = policy.Reject
	c.Condition = condition.Condition{Rules: []condition.Rule{
		rule(condition.Variable{Type: condition.Context, ContextValue: condition.RequestMethod}, condition.In, "GET#POST"),
		rule(condition.Variable{Type: condition.Context, ContextValue: condition.ClientAddress}, condition.In, "127.0.0.0/8#10.0.0.0/8"),
		rule(condition.Variable{Type: condition.Header, HeaderName: "Accept"}, condition.NotContains, "text/html"),
	}}
	c.Normalize()
	return c
}

func rule(v condition.Variable, o condition.Operator, second string) condition.Rule {
	return condition.Rule{
		Criteria: condition.Value, First: &v, DataType: condition.String, Operator: o, Source: condition.FromValue, SecondValue: second,
	}
}

// addCallers lets every caller use every proxy that a work calls.
func (s *subject) addCallers() {
	for i := range callers {
		c := &identity.Credential{ID: caller(i), Name: caller(i), Enabled: true, Access: map[string]identity.Access{}}
		for _, o := range s.bundle.Owners[:min(proxies, len(s.bundle.Owners))] {
			c.Access[o.ID] = identity.Access{}
		}
		s.bundle.Credentials = append(s.bundle.Credentials, c)
	}
}

func (s *subject) serve(with setup) (addresses, error) {
	if err := s.forget(); err != nil {
		return addresses{}, err
	}
	plain, secure, err := listenBoth()
	if err != nil {
		return addresses{}, err
	}
	server := engine.Server("", s.gateway)
	go func() { _ = server.Serve(engine.Listen(plain, server, s.gateway)) }()
	go func() { _ = server.Serve(engine.ListenTLS(secure, server, s.gateway, with.secrets())) }()
	return addresses{plain.Addr().String(), secure.Addr().String()}, nil
}

// forget deploys everything anew, as if every owner had changed: what the
// gateway remembers of tokens goes, its connections stay.
func (s *subject) forget() error {
	s.bundle.Generation++
	for i := range s.bundle.Owners {
		s.bundle.Owners[i].Digest = strconv.FormatInt(s.bundle.Generation, 10)
	}
	return s.gateway.Apply(context.Background(), s.bundle)
}
