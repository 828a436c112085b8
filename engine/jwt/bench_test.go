package jwt_test

import (
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.PS256, keys.ES256, keys.EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			v, key := world(b, alg)
			token := sign(b, key, goodClaims())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse is what an attacker's tokens cost before any signature is
// looked at.
func BenchmarkRefuse(b *testing.B) {
	v, key := world(b, keys.RS256)
	old := goodClaims()
	old.Expires = noon.Add(-time.Hour).Unix()
	good := sign(b, key, goodClaims())
	for name, token := range map[string]string{
		"expired": sign(b, key, old), "malformed": good[1:], "twoParts": good[:40],
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256, keys.EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			key := fixedKey(b, alg)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jwt.Sign(key, jwt.AccessToken, goodClaims()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
