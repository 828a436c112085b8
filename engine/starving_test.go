package engine_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// ATTACK: clients without a name or a secret flood the token endpoint from
// everywhere, each of whose guesses costs as much processor time as a hundred
// calls. What does not fit into the queue is told to come again, and calls go on:
// more of them end than guesses are checked, though they come one after the other
// and the guesses a hundred at once.
//
// Not beside other tests: their users would wait in the same queue.
func TestAttackAFloodOfTokenRequestsStarvesNoCall(t *testing.T) {
	const floods, calls = 100, 100
	_, s := enginetest.Gateway(t, engine.Options{
		Types: policy.Set{jwtauth.Type()}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, jwtPolicy(keys.RS256)))))
	token := enginetest.Token(t, keys.RS256, enginetest.Claims("orders", time.Now()))
	var checked, shed, guess atomic.Int64
	stop, full := make(chan struct{}), make(chan struct{})
	filled := sync.OnceFunc(func() { close(full) })
	var flood sync.WaitGroup
	for range floods {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := guess.Add(1)
				form := url.Values{"grant_type": {"client_credentials"}, "client_id": {fmt.Sprint("nobody-", n)}, "client_secret": {"guess"}}
				a := send(t, request(t, "POST", s.URL+"/auth/jwt", form.Encode(), "Content-Type", "application/x-www-form-urlencoded",
					"X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)))
				switch {
				case a.status == http.StatusUnauthorized:
					checked.Add(1)
				case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "1" && strings.Contains(a.body, "temporarily_unavailable"):
					shed.Add(1)
					filled()
				default:
					t.Errorf("a guess: %d %v %s", a.status, a.header, a.body)
				}
			}
		})
	}
	rest := sync.OnceFunc(func() { close(stop); flood.Wait() })
	defer rest()
	<-full
	before := checked.Load()
	for i := range calls {
		a := send(t, request(t, "GET", fmt.Sprintf("%s/orders/%d", s.URL, i), "", "Authorization", "Bearer "+token))
		if a.status != http.StatusOK || arrived(t, a).Path != fmt.Sprintf("/%d", i) {
			t.Fatalf("call %d: %d %s", i, a.status, a.body)
		}
	}
	during := checked.Load() - before
	rest()
	t.Logf("%d guesses were checked during %d calls; %d in all, %d shed", during, calls, checked.Load(), shed.Load())
	if during > calls {
		t.Errorf("%d guesses were checked during %d calls", during, calls)
	}
}
