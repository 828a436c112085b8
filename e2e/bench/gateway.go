package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

const (
	publicURL = "https://bench.test"
	openPath  = "/open"
	// fresh is how many tokens there are of each algorithm. Used once each,
	// they are new to the gateway; then it is made to forget them.
	fresh = 2000
	// repeated is how many of them take turns when they shall be known.
	repeated = 100
)

// algorithms are those whose cost is measured.
var algorithms = []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256}

// subject is the gateway that is measured: one open proxy and one for each
// algorithm.
type subject struct {
	gateway *engine.Gateway
	bundle  engine.Bundle
	address string
	tokens  map[keys.Algorithm][]string
}

func newSubject(upstream string) (*subject, error) {
	s := &subject{gateway: engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}}), tokens: map[keys.Algorithm][]string{}}
	s.bundle = engine.Bundle{Environment: "bench", PublicURL: publicURL}
	var entries []keys.Entry
	err := s.add("open", upstream)
	for _, alg := range algorithms {
		key, keyErr := keys.Generate(alg)
		if err = firstOf(err, keyErr, s.add(string(alg), upstream, alg)); err != nil {
			return nil, err
		}
		entries = append(entries, keys.Entry{Key: key, State: keys.Active})
		if s.tokens[alg], err = sign(key); err != nil {
			return nil, err
		}
	}
	if s.bundle.Keys, err = keys.NewSet(entries); err != nil {
		return nil, err
	}
	return s, s.serve()
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) add(name, upstream string, guard ...keys.Algorithm) error {
	p := engine.Proxy{Project: "bench", Name: name, Route: engine.Route{BasePath: "/" + name}, Upstream: engine.Upstream{URL: "http://" + upstream}}
	for _, alg := range guard {
		c := jwtauth.NewForm()
		c.Name, c.JWTSignatureAlgorithm, c.AddUserToHeader = "Standard", alg, true
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
	s.bundle.Owners = append(s.bundle.Owners, engine.Owner{ID: name, Digest: digest, Definition: raw, Client: engine.Client{ID: name}})
	return nil
}

func sign(key *keys.Key) ([]string, error) {
	now, client := time.Now(), string(key.Algorithm)
	list := make([]string, fresh)
	for i := range list {
		var err error
		list[i], err = jwt.Sign(key, "", jwt.ClaimSet{
			Issuer: publicURL, Subject: client, Audience: []string{client}, ClientID: client, GrantType: "client_credentials",
			ID: strconv.Itoa(i), IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(time.Hour).Unix(),
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *subject) serve() error {
	if err := s.forget(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.address = listener.Addr().String()
	server := engine.Server("", s.gateway)
	go func() { _ = server.Serve(engine.Listen(listener, server, s.gateway)) }()
	return nil
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
