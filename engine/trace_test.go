package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
)

// journal is a tracer that writes down what it is told; it follows every call
// but those with the header X-Unseen.
type journal struct {
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

func (j *journal) write(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// taken are the lines since the last time, once the call has ended.
func (j *journal) taken() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func (j *journal) Begin(h http.Header, trusted bool) engine.Trace {
	if h.Get("X-Unseen") != "" {
		return nil
	}
	j.write("begin %s %v", h.Get("Traceparent"), trusted)
	return j
}

func (j *journal) Context(ctx context.Context) context.Context {
	return identity.Watch(ctx, func(context.Context) func(error) {
		return func(err error) { j.write("asked %v", err) }
	})
}

func (j *journal) Policy(lane policy.Pipeline, name string) func(error) {
	return func(err error) { j.write("%s %s %v", lane, name, err != nil) }
}

func (j *journal) Forward(h http.Header) {
	j.write("forward %s", h.Get("Traceparent"))
	h.Set("Traceparent", "ours")
}

func (j *journal) End(a event.Access) {
	j.write("end %s %d %s", a.Path, a.Status, a.Proxy)
	j.ended <- struct{}{}
}

func TestATracerIsToldWhatACallDoes(t *testing.T) {
	t.Parallel()
	j, p := &journal{ended: make(chan struct{}, 1)}, people()
	bundle := enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, userPolicy()),
		enginetest.BindIn(t, policy.Response, changes(set("X-After", "1"))), enginetest.BindIn(t, policy.Error, changes(set("X-Sorry", "1")))))
	bundle.Sources = []engine.Source{enginetest.Source(t, "corp", "1")}
	g, server := enginetest.Gateway(t, engine.Options{
		Types: policy.Set{jwtauth.Type(), headers.Type()}, Identities: identity.Kinds{p.Kind()}, Tracer: j,
	}, bundle)
	s := &shop{Gateway: g, URL: server.URL, people: p}
	var token string
	for _, c := range []struct {
		name string
		do   func() string
		want []string
	}{
		{"a login asks the source", func() string { token = s.token(t, "mia", "m1a"); return "" }, []string{"begin  false", "asked <nil>", "end /auth/jwt 200 "}},
		{"the next one remembers", func() string { s.token(t, "mia", "m1a"); return "" }, []string{"begin  false", "end /auth/jwt 200 "}},
		{"a call goes on", func() string {
			a := s.call(t, "GET", "/orders/items", token, "traceparent", "theirs")
			return enginetest.Echoed(t, []byte(a.body)).Headers["Traceparent"][0]
		}, []string{"begin theirs false", "REQUEST Users false", "forward theirs", "RESPONSE X-After false", "end /orders/items 200 orders", "ours"}},
		{"a refused one does not", func() string { s.call(t, "GET", "/orders/items", "x"); return "" }, []string{"begin  false", "REQUEST Users true", "ERROR X-Sorry false", "end /orders/items 401 orders"}},
		{"one that is not followed is let be", func() string {
			a := s.call(t, "GET", "/orders/items", token, "traceparent", "theirs", "X-Unseen", "1")
			return enginetest.Echoed(t, []byte(a.body)).Headers["Traceparent"][0]
		}, []string{"theirs"}},
	} {
		at := c.do()
		if len(c.want) > 1 {
			<-j.ended // which may be after the caller has his answer
		}
		got := j.taken()
		if at != "" {
			got = append(got, at)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
