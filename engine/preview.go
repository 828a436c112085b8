package engine

import (
	"fmt"
	"net/http"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/token"
)

// Sample is a failure to be shown before it happens. All but the type and the
// request may be left out.
type Sample struct {
	Type fault.Type
	// Messages are the platform's, Policy and Proxy what else has a say. Their
	// conditions are resolved.
	Messages []fault.Message
	Policy   *fault.Custom
	Proxy    *fault.Bodies
	// Values are the environment's variables.
	Values map[string]string
	// Request is the one that fails; its header decides about JSON and XML.
	Request condition.Request
	// Challenge is the WWW-Authenticate that comes along (D9).
	Challenge string
	// TokenRequest asks for the answer of the token service.
	TokenRequest bool
	// Response is what the API answered, for fault.UpstreamAnswered.
	Response []byte
}

// Answer is what the gateway writes.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Origin is which of the six priorities it came from, Rule the rule that
	// answered. Framed tells that a template of the proxy is around it.
	Origin fault.Origin
	Rule   string
	Framed bool
}

// Preview is the answer that the gateway gives to a failure, made by what makes
// it on live traffic. False means that no token request fails so. An error says
// what does not compile.
func Preview(s Sample) (Answer, bool, error) {
	levels, err := s.levels()
	if err != nil {
		return Answer{}, false, err
	}
	f := fault.Facts{Request: &s.Request, Response: s.Response}
	said := levels.Answer(s.Type, f)
	out := Answer{Status: said.Status, Body: said.Body, Origin: said.Origin, Rule: said.Rule, Framed: said.Framed}
	if s.TokenRequest {
		levels.Frames = nil
		out.Framed = false
		var ok bool
		out.Status, out.Header, out.Body, ok = token.Preview(s.Type, levels, &s.Request)
		if ok {
			out.Header[CorrelationHeader] = []string{s.Request.CorrelationID}
		}
		return out, ok, nil
	}
	out.Header = http.Header{CorrelationHeader: {s.Request.CorrelationID}}
	if s.Challenge != "" {
		out.Header.Set("WWW-Authenticate", s.Challenge)
	}
	said.WriteHeader(out.Header)
	return out, true, nil
}

func (s *Sample) levels() (l fault.Levels, err error) {
	if l.Platform, err = fault.CompileMessages(s.Messages, s.Values); err != nil {
		return l, fmt.Errorf("platform: %w", err)
	}
	if s.Policy != nil {
		if l.Policy, err = s.Policy.Compile(s.Values); err != nil {
			return l, fmt.Errorf("policy: %w", err)
		}
	}
	if l.Frames, err = s.Proxy.Compile(s.Values); err != nil {
		return l, fmt.Errorf("proxy: %w", err)
	}
	return l, nil
}
