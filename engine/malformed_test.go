package engine_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// A million tokens, each a damaged good one, are all the caller's fault: 401,
// or 400 where the field itself is broken. The API behind is unreachable, so
// a token that gets through shows as 502.
func TestMillionMalformedTokensAreNeverOurFault(t *testing.T) {
	t.Parallel()
	n := 1_000_000
	if engine.RaceEnabled {
		n = 100_000
	}
	if testing.Short() {
		n = 20_000
	}
	// Most of HS256: what it costs to verify is not what is tested here.
	algs := []keys.Algorithm{keys.RS256, keys.ES256, keys.HS256, keys.HS256, keys.HS256, keys.HS256, keys.HS256, keys.HS256}
	g, good := unreachable(t, algs)
	const workers = 2
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 7))
			for i := range n / workers {
				at := i % len(algs)
				credential := damage(random, good[at])
				if _, token, _ := strings.Cut(credential, " "); strings.Trim(token, " ") == good[at] {
					continue // damage undone, or blanks around, which RFC 9110 allows
				}
				if status := call(g, "/"+string(algs[at]), credential); status != 401 && status != 400 {
					t.Errorf("status %d for %q", status, credential)
					return
				}
			}
		})
	}
	all.Wait()
	for i, alg := range algs {
		if status := call(g, "/"+string(alg), "Bearer "+good[i]); status != 502 {
			t.Errorf("status %d for the good token of %s", status, alg)
		}
	}
}

// unreachable is a gateway with a guarded proxy for each algorithm and a good
// token for each.
func unreachable(t *testing.T, algs []keys.Algorithm) (*engine.Gateway, []string) {
	t.Helper()
	var proxies []engine.Proxy
	var good []string
	seen := make(map[keys.Algorithm]bool)
	for _, alg := range algs {
		if !seen[alg] {
			proxies = append(proxies, enginetest.Proxy(string(alg), "/"+string(alg), closedPort(t), enginetest.Bind(t, jwtPolicy(alg))))
		}
		seen[alg] = true
		good = append(good, enginetest.Token(t, alg, enginetest.Claims(string(alg), time.Now())))
	}
	g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
	if err := g.Apply(t.Context(), enginetest.Bundle(t, proxies...)); err != nil {
		t.Fatal(err)
	}
	return g, good
}

func call(g *engine.Gateway, path, credential string) int {
	r := httptest.NewRequest("GET", path, nil)
	r.Header["Authorization"] = []string{credential}
	w := &statusOnly{header: make(http.Header)}
	g.ServeHTTP(w, r)
	return w.status
}

// statusOnly is a ResponseWriter that keeps the status.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header         { return w.header }
func (w *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
func (w *statusOnly) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// damage makes one to three changes of random kinds.
func damage(r *rand.Rand, token string) string {
	for range 1 + r.IntN(3) {
		token = damages[r.IntN(len(damages))](r, token)
	}
	if r.IntN(50) == 0 {
		return []string{"", "Bearer", "Bearer  ", "Basic ", "bearer\t", "Bearer Bearer "}[r.IntN(6)] + token
	}
	return "Bearer " + token
}

var damages = []func(*rand.Rand, string) string{
	func(r *rand.Rand, s string) string { return replaced(r, s, string(rune(r.IntN(0x80)))) },
	func(r *rand.Rand, s string) string { return replaced(r, s, string([]byte{byte(r.IntN(256))})) },
	func(r *rand.Rand, s string) string { return replaced(r, s, "ABCDEFabcdef012345-_+/="[r.IntN(22):][:1]) },
	func(r *rand.Rand, s string) string { return s[:r.IntN(len(s)+1)] },
	func(r *rand.Rand, s string) string { return s[r.IntN(len(s)+1):] },
	func(r *rand.Rand, s string) string { return inserted(r, s, "."+strings.Repeat(".", r.IntN(3))) },
	func(r *rand.Rand, s string) string {
		return inserted(r, s, []string{" ", "=", "%00", "\n", "é", "\x00", "{}", ","}[r.IntN(8)])
	},
	func(r *rand.Rand, s string) string { return strings.ReplaceAll(s, ".", "") },
	func(r *rand.Rand, s string) string { return s + strings.Repeat("A", r.IntN(9000)) },
	func(r *rand.Rand, s string) string { return shuffledParts(r, s) },
	func(r *rand.Rand, s string) string { return strings.ToUpper(s) },
	func(r *rand.Rand, s string) string { return rewritten(r, s, 0) },
	func(r *rand.Rand, s string) string { return rewritten(r, s, 1) },
}

func replaced(r *rand.Rand, s, by string) string {
	if s == "" {
		return by
	}
	i := r.IntN(len(s))
	return s[:i] + by + s[i+1:]
}

func inserted(r *rand.Rand, s, what string) string {
	i := r.IntN(len(s) + 1)
	return s[:i] + what + s[i:]
}

func shuffledParts(r *rand.Rand, s string) string {
	parts := strings.Split(s, ".")
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return strings.Join(parts, ".")
}

// rewritten puts odd JSON in the place of the header or the claims.
func rewritten(r *rand.Rand, s string, part int) string {
	parts := strings.Split(s, ".")
	if part >= len(parts) {
		return s
	}
	parts[part] = encode(oddJSON[r.IntN(len(oddJSON))])
	return strings.Join(parts, ".")
}

var oddJSON = []string{
	"", "{", "{}", "[]", "null", "true", "0", `""`, `{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"HS256","alg":"none"}`, `{"alg":null}`, `{"alg":["HS256"]}`,
	`{"typ":"at+jwt","alg":"hs256"}`, `{"alg":"RS256","kid":"../../etc/passwd"}`, `{"alg":"RS256","jku":"http://evil.test"}`, `{"alg":"RS256","crit":["exp"]}`,
	`{"exp":1e999}`, `{"exp":-1}`, `{"exp":"soon"}`, `{"exp":99999999999999999999999}`, `{"aud":{}}`, `{"aud":[1]}`, `{"sub":"\ud800"}`, "{\"sub\":\"\x00\"}", "{\"sub\":\"\xff\"}",
	strings.Repeat("[", 5000), `{"a":` + strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1001), `{"roles":["admin"]}`, fmt.Sprintf(`{"x":%q}`, strings.Repeat("x", 5000)),
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// What is refused before its target was read is reported too, and a query may carry a
// token.
func TestAttackNoQueryIsInTheEventOfARefusedCall(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]string{"a bad path": "/petstore//pets?access_token=secret", "a bad query": "/petstore?access_token=secret%zz"} {
		for how, more := range map[string]string{"read here": "", "read by net/http": "TE: trailers\r\n"} {
			events := enginetest.NewEvents()
			_, s := enginetest.Gateway(t, engine.Options{Sink: events}, enginetest.Bundle(t, enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL)))
			if a := rawOne(t, s, "GET "+target+" HTTP/1.1\r\nHost: x\r\n"+more+"Connection: close\r\n\r\n"); a.status != 400 {
				t.Errorf("%s: status %d", name, a.status)
			}
			e := events.NextAccess(t)
			if told := fmt.Sprintf("%+v", e); strings.Contains(told, "secret") || !strings.HasPrefix(e.Path, "/petstore") {
				t.Errorf("%s, %s: %s", name, how, told)
			}
		}
	}
}
