package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// forgery is the token with another signature, a different one for each number.
func forgery(token string, number int) string {
	return token[:len(token)-12] + fmt.Sprintf("A%07d", number) + token[len(token)-4:]
}

// forging is a shop where a caller may forge ten tokens.
func forging(t *testing.T, o engine.Options) *shop {
	o.Limits.MaxForged = 10
	return openShop(t, o, userPolicy())
}

// flood sends forged tokens and tells how many were looked at.
func (s *shop) flood(t *testing.T, token string, n int, fields ...string) (seen int) {
	t.Helper()
	for i := range n {
		switch a := s.call(t, "GET", "/orders/items", forgery(token, i), fields...); a.status {
		case http.StatusUnauthorized:
			seen++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("a forged token: %d %s", a.status, a.body)
		}
	}
	return seen
}

func TestWhoForgesTokensIsSlowedAndToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	s := forging(t, engine.Options{})
	token := s.token(t, "mia", "m1a")
	if n := s.flood(t, token, 50); n != 10 {
		t.Errorf("%d forged tokens were looked at, want 10", n)
	}
	a := s.call(t, "GET", "/orders/items", forgery(token, 1000))
	if a.status != 429 || a.header.Get("Retry-After") != "1" || a.body != string(fault.Find(fault.TooManyForged).Body()) || len(a.header["Www-Authenticate"]) > 0 {
		t.Errorf("got %d %v %s", a.status, a.header, a.body)
	}
	if load := s.Load(); load.Forged != 10 || load.Unseen != 41 {
		t.Errorf("load %+v", load)
	}
	for range 3 {
		if e := s.events.NextSecurity(t); e.Kind != event.ForgedToken {
			t.Errorf("event %+v", e)
		}
	}
	if e := s.events.NextSecurity(t); e.Kind != event.ForgingThrottled || e.Owner != "orders" || e.Client.String() != "127.0.0.1" || e.Subject != "" {
		t.Errorf("event %+v", e)
	}
	s.clock.Advance(2 * time.Second)
	if n := s.flood(t, token, 50); n != 2 {
		t.Errorf("two seconds later %d were looked at, want 2", n)
	}
}

// ATTACK: somebody forges tokens behind the address that honest callers have too.
// Their tokens go on: those in the cache, those that a deploy has just taken out of
// it, and those that were only just issued.
func TestAttackForgingShutsOutNoNeighbour(t *testing.T) {
	t.Parallel()
	s := forging(t, engine.Options{})
	mia := s.token(t, "mia", "m1a")
	elsewhere := func(name string) string { // of another node
		claims := enginetest.Claims("orders", s.clock.Now())
		claims.Subject, claims.GrantType = name, "password"
		return enginetest.Token(t, keys.ES256, claims)
	}
	seen := elsewhere("ann")
	for _, token := range []string{mia, seen} {
		if a := s.call(t, "GET", "/orders/items", token); a.status != 200 {
			t.Fatal(a.status)
		}
	}
	s.flood(t, mia, 50)
	if a := s.call(t, "GET", "/orders/items", elsewhere("joe")); a.status != 429 { // nothing tells it from a forged one
		t.Errorf("an unknown token: %d", a.status)
	}
	leo := s.token(t, "leo", "l3o")
	for name, token := range map[string]string{"remembered": mia, "new": leo} {
		if a := s.call(t, "GET", "/orders/items", token); a.status != 200 {
			t.Errorf("a %s token: %d %s", name, a.status, a.body)
		}
	}
	s.apply(t, func(b *engine.Bundle) { // a changed owner begins with an empty cache
		c := userPolicy()
		c.AddUserToHeader, c.UserHeaderName = true, "X-User"
		p := enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, c))
		p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/items"}}
		b.Owners = []engine.Owner{enginetest.Owner(t, p)}
	})
	s.flood(t, mia, 50)
	for name, token := range map[string]string{"mia": mia, "leo": leo, "ann": seen} {
		if a := s.call(t, "GET", "/orders/items", token); a.status != 200 || len(arrived(t, a).Headers["X-User"]) == 0 {
			t.Errorf("after a deploy %s: %d %s", name, a.status, a.body)
		}
	}
}

// Only a signature that was checked and is wrong counts; and what is wrong with a
// token besides is said as ever, limit or not.
func TestOnlyWrongSignaturesCountAsForged(t *testing.T) {
	t.Parallel()
	s := forging(t, engine.Options{})
	token := s.token(t, "mia", "m1a")
	parts := strings.Split(token, ".")
	harmless := map[string]string{
		"no token": "", "no JWT": "hello", "two parts": parts[0] + "." + parts[1], "another header": "eyJhbGciOiJub25lIn0." + parts[1] + "." + parts[2],
	}
	s.clock.Advance(24 * time.Hour)
	expired := token
	ask := func(t *testing.T, want int) {
		t.Helper()
		for name, text := range harmless {
			if a := s.call(t, "GET", "/orders/items", text); a.status != want {
				t.Fatalf("%s: %d", name, a.status)
			}
		}
		for _, text := range []string{expired, forgery(expired, 1)} {
			if a := s.call(t, "GET", "/orders/items", text); a.status != want {
				t.Fatalf("expired: %d", a.status)
			}
		}
	}
	for range 20 {
		ask(t, 401)
	}
	if load := s.Load(); load.Forged != 0 || load.Unseen != 0 {
		t.Errorf("load %+v", load)
	}
	s.flood(t, s.token(t, "leo", "l3o"), 20)
	ask(t, 401)
}

// ATTACK: the forger makes up the addresses that he comes from.
func TestAttackAForgerCannotChooseHisAddress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		trusted []netip.Prefix
		seen    int
	}{
		"a stranger's word is nothing":              {nil, 10},
		"a trusted proxy's word tells them apart":   {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 40},
		"the proxy is trusted, what it got is not":  {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 10},
		"one IPv6 network has addresses for nought": {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 10},
	} {
		s := forging(t, engine.Options{TrustedProxies: tt.trusted})
		token, seen := s.token(t, "mia", "m1a"), 0
		for i := range 40 {
			from := fmt.Sprintf("198.51.100.%d", i)
			switch {
			case strings.HasPrefix(name, "the proxy"):
				from += ", 192.0.2.1" // what the proxy itself saw
			case strings.HasPrefix(name, "one IPv6"):
				from = fmt.Sprintf("2001:db8:1:2::%x", i)
			}
			if a := s.call(t, "GET", "/orders/items", forgery(token, i), "X-Forwarded-For", from); a.status == 401 {
				seen++
			}
		}
		if seen != tt.seen {
			t.Errorf("%s: %d forged tokens were looked at, want %d", name, seen, tt.seen)
		}
	}
}

func TestAPolicyHasItsOwnWordsForThoseWhoForge(t *testing.T) {
	t.Parallel()
	c := userPolicy()
	c.Messages = []fault.Message{{Type: fault.TooManyForged, Code: "SLOW-1", Text: "Not so fast."}}
	s := openShop(t, engine.Options{Limits: engine.Limits{MaxForged: 1}}, c)
	s.flood(t, s.token(t, "mia", "m1a"), 5)
	if a := s.call(t, "GET", "/orders/items", forgery(s.token(t, "mia", "m1a"), 9)); a.status != 429 || !strings.Contains(a.body, "SLOW-1") || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

// What a forged token costs, from the server's handler on: looked at, and turned
// away beyond the limit.
func BenchmarkForged(b *testing.B) {
	for _, algorithm := range []keys.Algorithm{keys.RS256, keys.ES256} {
		for name, most := range map[string]int{"looked at": 0, "turned away": 1} {
			g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}, Limits: engine.Limits{MaxForged: most}})
			bundle := enginetest.Bundle(b, enginetest.Proxy("orders", "/orders", "http://127.0.0.1:9", enginetest.Bind(b, jwtPolicy(algorithm))))
			if err := g.Apply(b.Context(), bundle); err != nil {
				b.Fatal(err)
			}
			token := enginetest.Token(b, algorithm, enginetest.Claims("orders", time.Now()))
			i := 0
			b.Run(string(algorithm)+" "+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					i++
					r := httptest.NewRequest("GET", "/orders/7", http.NoBody)
					r.Header.Set("Authorization", "Bearer "+forgery(token, i))
					w := httptest.NewRecorder()
					if g.ServeHTTP(w, r); w.Code != 401 && w.Code != 429 {
						b.Fatal(w.Code)
					}
				}
			})
		}
	}
}
