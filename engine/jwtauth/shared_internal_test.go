package jwtauth

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// together are so many policies that differ in what they do with the caller, and a call
// with a token of theirs.
func together(t testing.TB, n int) ([]*step, *policy.Exchange) {
	t.Helper()
	one, x := warm(t, keys.ES256)
	first := one.(*step)
	rt := policy.Runtime{Issuer: first.issuer, Owner: first.owner, Keys: first.keys, Now: time.Now, Alike: map[any]any{}}
	var steps []*step
	for i := range n {
		c := NewForm()
		c.Name, c.JWTSignatureAlgorithm, c.ClearAuth, c.AddUserToHeader, c.SetIdentityToContext = fmt.Sprint(i), keys.ES256, i%2 == 0, i%3 == 0, i%5 > 0
		c.Normalize()
		s, err := c.Compile(rt)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s.(*step))
	}
	return steps, x
}

func TestPoliciesThatVerifyAlikeRememberATokenOnce(t *testing.T) {
	t.Parallel()
	steps, x := together(t, 20)
	for range 3 {
		again(x)
		for _, s := range steps {
			if err := s.Do(x); err != nil {
				t.Fatal(err)
			}
			if s.shared != steps[0].shared {
				t.Fatal("two policies verify on their own")
			}
		}
	}
	if tokens, _ := content(t, &steps[0].cache); tokens != 1 {
		t.Errorf("%d tokens are remembered", tokens)
	}
}

// Twenty policies look once for the token, the clock and the credential, and none of
// them costs memory.
func TestTwentyPoliciesAllocateNothing(t *testing.T) {
	steps, x := together(t, 20)
	reads := 0
	for _, s := range steps {
		s.now = func() time.Time { reads++; return time.Now() }
	}
	call := func() {
		again(x)
		for _, s := range steps {
			if err := s.Do(x); err != nil {
				t.Fatal(err)
			}
		}
	}
	call()
	if reads != 1 {
		t.Errorf("the clock was read %d times", reads)
	}
	if n := testing.AllocsPerRun(500, call); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// By their numbers roles are found as by their names.
func TestRolesByNumberAreThoseByName(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	some := func(most int) (list []string) {
		for range r.IntN(most + 1) {
			list = append(list, fmt.Sprint("role-", r.IntN(300)))
		}
		return list
	}
	met := 0
	for range 200 {
		s := &shared{roles: map[string]int{}}
		a := &Authorization{}
		var needs []need
		for range 10 {
			needs = append(needs, a.need(some(r.IntN(100)+1), []Requirement{AnyRole, AllRoles}[r.IntN(2)], s))
		}
		for range 20 {
			have := some(20)
			if r.IntN(3) == 0 {
				have = append(have, needs[r.IntN(10)].roles...)
			}
			for _, n := range needs {
				got, want := n.granted(s.number(have)), n.met(have)
				if got != want {
					t.Fatalf("needs %v (all: %v), has %v: %v, want %v", n.roles, n.all, have, got, want)
				}
				if want {
					met++
				}
			}
		}
	}
	if met < 5000 || met > 35_000 {
		t.Errorf("%d of 40,000 are met", met)
	}
}
