package jwtauth

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// warm is a compiled policy and a call whose token it has seen.
func warm(t testing.TB, alg keys.Algorithm) (policy.Step, *policy.Exchange) {
	t.Helper()
	key, err := keys.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet([]keys.Entry{{Key: key, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	c := NewForm()
	c.JWTSignatureAlgorithm, c.ClearAuth, c.AddUserToHeader = alg, true, true
	now := time.Now()
	s, err := c.Compile(policy.Runtime{Issuer: "https://gateway.example", Owner: policy.Owner{Name: "Orders", ClientID: "orders"}, Keys: set, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Sign(key, jwt.AccessToken, jwt.ClaimSet{
		Issuer: "https://gateway.example", Subject: "orders", Audience: []string{"orders"}, GrantType: "client_credentials",
		IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	x := &policy.Exchange{Header: http.Header{"Authorization": {"Bearer " + text}}, RawQuery: "page=2&access_level=3"}
	if err := s.Do(x); err != nil {
		t.Fatal(err)
	}
	return s, x
}

func again(x *policy.Exchange) {
	header, query := x.Header, x.RawQuery
	x.Reset()
	x.Header, x.RawQuery = header, query
}

func TestARememberedTokenAllocatesNothing(t *testing.T) {
	s, x := warm(t, keys.ES256)
	allocations := testing.AllocsPerRun(1000, func() {
		again(x)
		if err := s.Do(x); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations a call, want none", allocations)
	}
}

// The first sight of a token beside the next ones.
func BenchmarkStep(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256} {
		s, x := warm(b, alg)
		b.Run(string(alg)+"/repeated", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				again(x)
				_ = s.Do(x)
			}
		})
		b.Run(string(alg)+"/first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				again(x)
				_, _ = s.(*step).verify(x.Header.Values("Authorization")[0][7:])
			}
		})
	}
}
