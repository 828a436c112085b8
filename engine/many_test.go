package engine_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// Many owners are compiled at once and share what equal policies say; each still
// takes its own tokens and no other's.
func TestAttackOwnersThatShareAPolicyDoNotShareTokens(t *testing.T) {
	t.Parallel()
	const n = 200
	var proxies []engine.Proxy
	bind := enginetest.Bind(t, jwtPolicy(keys.HS256))
	upstream := serve(t, func(w http.ResponseWriter, _ *http.Request) {})
	for i := range n {
		proxies = append(proxies, enginetest.Proxy(fmt.Sprint("p", i), fmt.Sprint("/p", i), upstream.URL, bind))
	}
	g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
	if err := g.Apply(t.Context(), enginetest.Bundle(t, proxies...)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		token := "Bearer " + enginetest.Token(t, keys.HS256, enginetest.Claims(fmt.Sprint("p", i), time.Now()))
		for path, want := range map[string]int{fmt.Sprint("/p", i): http.StatusOK, fmt.Sprint("/p", (i+1)%n): http.StatusUnauthorized} {
			if status := call(g, path, token); status != want {
				t.Errorf("the token of p%d at %s: %d, want %d", i, path, status, want)
			}
		}
	}
}

// What is wrong with many is told of each, in their order, as if they had been
// compiled one after another.
func TestEveryFaultOfManyOwnersIsNamedInOrder(t *testing.T) {
	t.Parallel()
	var proxies []engine.Proxy
	for i := range 100 {
		p := enginetest.Proxy(fmt.Sprintf("p%02d", i), fmt.Sprint("/p", i/2), "http://127.0.0.1:1")
		if i%10 == 3 {
			p.Upstream.URL = "nowhere"
		}
		proxies = append(proxies, p)
	}
	var last string
	for range 5 {
		_, err := engine.Compile(t.Context(), enginetest.Bundle(t, proxies...), nil, engine.Deps{})
		if err == nil || last != "" && last != err.Error() {
			t.Fatalf("%v, and before\n%s", err, last)
		}
		last = err.Error()
	}
}
