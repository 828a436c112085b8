package engine_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// twenty are policies that verify alike, each of which applies.
func twenty(t testing.TB) (list []engine.Bound) {
	t.Helper()
	for i := range 20 {
		c := jwtPolicy(keys.HS256)
		c.Name = fmt.Sprint("policy-", i)
		list = append(list, enginetest.Bind(t, c))
	}
	return list
}

func ask(g *engine.Gateway, body io.Reader, token string) int {
	r := httptest.NewRequest("POST", "/orders/7", body)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Code
}

// ATTACK: twenty policies remember a token whose key has gone, whose environment has
// another name, or which is revoked; also in calls that are made all the time.
func TestAttackNoneOfTwentyPoliciesOutlivesADeploy(t *testing.T) {
	t.Parallel()
	upstream := enginetest.Echo(t).URL
	clock := enginetest.NewClock()
	for name, change := range map[string]func(*engine.Gateway, *engine.Bundle){
		"another key": func(_ *engine.Gateway, b *engine.Bundle) {
			key, err := keys.Generate(keys.HS256)
			if err != nil {
				t.Fatal(err)
			}
			if b.Keys, err = keys.NewSet([]keys.Entry{{Key: key, State: keys.Active}}); err != nil {
				t.Fatal(err)
			}
		},
		"another issuer":    func(_ *engine.Gateway, b *engine.Bundle) { b.PublicURL = "https://another.example" },
		"another client id": func(_ *engine.Gateway, b *engine.Bundle) { b.Owners[0].Client.ID = "another" },
		"revoked": func(g *engine.Gateway, _ *engine.Bundle) {
			g.Revoke(revoke.Entry{Kind: revoke.All, Before: clock.Now().Add(time.Second)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}, Now: clock.Now})
			b := enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", upstream, twenty(t)...))
			apply := func() {
				if b.Generation++; g.Apply(t.Context(), b) != nil {
					t.Fatal("the bundle is refused")
				}
			}
			apply()
			token := enginetest.Token(t, keys.HS256, enginetest.Claims("orders", clock.Now()))
			for range 3 {
				if status := ask(g, nil, token); status != 200 {
					t.Fatalf("before: %d", status)
				}
			}
			change(g, &b)
			apply()
			for range 3 {
				if status := ask(g, nil, token); status != 401 {
					t.Errorf("after: %d", status)
				}
			}
		})
	}
}

// ATTACK: a caller lets the body come slowly, until the token that the first policy has
// seen ends. The next policy asks for the body first.
func TestAttackATokenThatEndsWhileTheBodyComes(t *testing.T) {
	t.Parallel()
	clock := enginetest.NewClock()
	second := jwtPolicy(keys.HS256)
	second.Name, second.Condition = "With an amount", rule(byAmount, "EQ", "7")
	second.Normalize()
	g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}, Now: clock.Now, Limits: engine.Limits{ConditionBody: 1 << 10}})
	if err := g.Apply(t.Context(), enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, append(twenty(t), enginetest.Bind(t, second))...))); err != nil {
		t.Fatal(err)
	}
	token := enginetest.Token(t, keys.HS256, enginetest.Claims("orders", clock.Now()))
	if status := ask(g, strings.NewReader(`{"amount":"7"}`), token); status != 200 {
		t.Fatalf("a body that comes at once: %d", status)
	}
	if status := ask(g, &late{strings.NewReader(`{"amount":"7"}`), clock}, token); status != 401 {
		t.Errorf("a body that comes late: %d", status)
	}
}

// late is a body on which time passes.
type late struct {
	io.Reader
	clock *enginetest.Clock
}

func (l *late) Read(p []byte) (int, error) {
	l.clock.Advance(time.Hour)
	return l.Reader.Read(p)
}

// What is found out of one call's token is forgotten with the call, whoever comes next.
func TestAttackTheNextCallOwesNothingToTheLast(t *testing.T) {
	t.Parallel()
	clock := enginetest.NewClock()
	g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}, Now: clock.Now})
	if err := g.Apply(t.Context(), enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, twenty(t)...))); err != nil {
		t.Fatal(err)
	}
	good := enginetest.Token(t, keys.HS256, enginetest.Claims("orders", clock.Now()))
	foreign := enginetest.Token(t, keys.HS256, enginetest.Claims("another", clock.Now()))
	for range 20 {
		for token, want := range map[string]int{good: 200, foreign: 401, "": 401, good[:len(good)-6] + "AAAAAA": 401} {
			if status := ask(g, nil, token); status != want {
				t.Errorf("token %q: %d, want %d", token, status, want)
			}
		}
	}
}
