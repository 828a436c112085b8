package jwt_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

const (
	issuer   = "https://api.example.com"
	audience = "7c1f0a52-proxy"
)

// noon is the time of every test.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// made holds one key of each algorithm for all tests: RSA keys are slow to make.
var made = struct {
	sync.Mutex
	keys map[keys.Algorithm]*keys.Key
}{keys: map[keys.Algorithm]*keys.Key{}}

func fixedKey(t testing.TB, alg keys.Algorithm) *keys.Key {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	if made.keys[alg] == nil {
		key, err := keys.Generate(alg)
		if err != nil {
			t.Fatal(err)
		}
		made.keys[alg] = key
	}
	return made.keys[alg]
}

// world is a verifier whose set holds a key of every kind, so that only the
// pinned algorithm keeps the others out, and the key of that algorithm.
func world(t testing.TB, alg keys.Algorithm) (*jwt.Verifier, *keys.Key) {
	t.Helper()
	algorithms := []keys.Algorithm{keys.RS256, keys.PS256, keys.ES256, keys.EdDSA, keys.HS256}
	if !slices.Contains(algorithms, alg) {
		algorithms = append(algorithms, alg)
	}
	var entries []keys.Entry
	for _, a := range algorithms {
		entries = append(entries, keys.Entry{Key: fixedKey(t, a), State: keys.Active})
	}
	return verifier(t, alg, entries...), fixedKey(t, alg)
}

func verifier(t testing.TB, alg keys.Algorithm, entries ...keys.Entry) *jwt.Verifier {
	t.Helper()
	set, err := keys.NewSet(entries)
	if err != nil {
		t.Fatal(err)
	}
	return &jwt.Verifier{
		Algorithm: alg, Keys: set, Issuer: issuer, Audience: audience,
		RequireExpiry: true, Leeway: 30 * time.Second, Now: func() time.Time { return noon },
	}
}

func goodClaims() jwt.ClaimSet {
	return jwt.ClaimSet{
		Issuer: issuer, Subject: "alice", Audience: []string{audience}, ID: "6f1d",
		ClientID: audience, GrantType: "password", Session: "login-1", Scope: "orders:read orders:write",
		IssuedAt: noon.Add(-time.Minute).Unix(), NotBefore: noon.Add(-time.Minute).Unix(),
		Expires: noon.Add(15 * time.Minute).Unix(),
	}
}

func sign(t testing.TB, key *keys.Key, claims jwt.ClaimSet) string {
	t.Helper()
	token, err := jwt.Sign(key, jwt.AccessToken, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge signs any header and payload text whatever with a real key: what an
// attacker could do only with our key, so that nothing but the rule under test
// stands between the token and acceptance.
func forge(t testing.TB, key *keys.Key, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	signature, err := key.Sign(nil, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

// goodHeader and goodPayload are a token that passes, as text to be changed.
func goodHeader(key *keys.Key) string {
	return fmt.Sprintf(`{"alg":"%s","kid":"%s","typ":"at+jwt"}`, key.Algorithm, key.ID)
}

func goodPayload() string {
	return fmt.Sprintf(`{"iss":"%s","sub":"alice","aud":"%s","exp":%d,"iat":%d,"jti":"6f1d","scope":"a b"}`,
		issuer, audience, noon.Unix()+900, noon.Unix()-60)
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
