package engine_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// ATTACK: the clock jumps ahead, so that all tokens have expired and the revocations of
// those need not be known any more, and is set right again. Whoever has a revoked token
// waits for that.
func TestAttackAClockThatJumpedRevivesNoRevokedToken(t *testing.T) {
	t.Parallel()
	began := time.Now()
	var s *shop
	c := userPolicy()
	c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = false, 1, issue.Hours
	start := enginetest.NewClock().Now()
	s = openShop(t, engine.Options{Steady: func() time.Time { return start.Add(time.Since(began)) }}, c)
	stolen, good := s.token(t, "mia", "m1a"), s.token(t, "leo", "l3o")
	s.Revoke(revoke.Entry{Kind: revoke.User, Key: "mia", Before: s.clock.Now().Add(time.Second), Expires: s.clock.Now().Add(time.Hour)})
	for jump, want := range []struct {
		by         time.Duration
		good, mias int
	}{{0, 200, 401}, {365 * 24 * time.Hour, 401, 401}, {-365 * 24 * time.Hour, 200, 401}, {-24 * time.Hour, 401, 401}, {24 * time.Hour, 200, 401}} {
		s.clock.Advance(want.by)
		for i := range 20 { // additions make room by forgetting
			s.Revoke(revoke.Entry{Kind: revoke.User, Key: fmt.Sprint("other ", jump, i), Before: s.clock.Now(), Expires: s.clock.Now().Add(time.Hour)})
		}
		for range 2 {
			if a := s.call(t, "GET", "/orders/items", stolen); a.status != want.mias {
				t.Errorf("after jump %d the revoked token is answered %d", jump, a.status)
			}
			if a := s.call(t, "GET", "/orders/items", good); a.status != want.good {
				t.Errorf("after jump %d the good token is answered %d, want %d", jump, a.status, want.good)
			}
		}
	}
	if a := s.call(t, "GET", "/orders/items", s.token(t, "leo", "l3o")); a.status != http.StatusOK {
		t.Errorf("a new token: %d", a.status)
	}
}

// Whatever the clock does, a token that is remembered is answered as by a gateway that
// has never seen it.
func TestWhatIsRememberedFollowsTheClock(t *testing.T) {
	t.Parallel()
	c := userPolicy()
	c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = false, 1, issue.Hours
	warm := newShop(t, c)
	token := warm.token(t, "mia", "m1a")
	seen := map[int]int{}
	for _, jump := range []time.Duration{0, 59 * time.Minute, 2 * time.Minute, -time.Minute, 24 * time.Hour, -25 * time.Hour, time.Minute, -time.Hour, 31 * time.Second, time.Hour, -time.Second} {
		warm.clock.Advance(jump)
		_, cold := enginetest.Gateway(t, engine.Options{
			Types: policy.Set{jwtauth.Type()}, Identities: identity.Kinds{warm.people.Kind()}, Now: warm.clock.Now,
		}, warm.bundle)
		want := send(t, request(t, "GET", cold.URL+"/orders/items", "", "Authorization", "Bearer "+token)).status
		seen[want]++
		for range 2 {
			if a := warm.call(t, "GET", "/orders/items", token); a.status != want {
				t.Errorf("after %v: %d, want %d", jump, a.status, want)
			}
		}
	}
	if seen[200] < 2 || seen[401] < 2 {
		t.Errorf("the answers were %v", seen)
	}
}
