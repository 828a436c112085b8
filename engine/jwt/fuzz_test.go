package jwt_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	jose "github.com/go-jose/go-jose/v4"
)

// fuzzKey does not change, so that tokens of the kept corpus stay valid.
func fuzzKey(t testing.TB) *keys.Key {
	t.Helper()
	key, err := keys.Parse(keys.HS256, "fuzz", []byte("a secret of the fuzz tests that everyone knows"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// holds asserts what must be true of a token that was accepted: its text is the
// only spelling, go-jose accepts it too, and encoding/json reads the same claims.
func holds(t *testing.T, key *keys.Key, token string, c jwt.Claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	for i, part := range parts {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(parts) != 3 || base64.RawURLEncoding.EncodeToString(raw) != part {
			t.Fatalf("part %d is another spelling: %q", i, token)
		}
	}
	if readByOthers(t, parts[0]) {
		return
	}
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatalf("go-jose does not read %q: %v", token, err)
	}
	payload, err := object.Verify(public(t, key))
	if err != nil || string(payload) != c.Payload {
		t.Fatalf("go-jose refuses %q: %v", token, err)
	}
	var theirs struct {
		Issuer  string  `json:"iss"`
		Subject string  `json:"sub"`
		Expires float64 `json:"exp"`
	}
	if err := json.Unmarshal(payload, &theirs); err != nil {
		t.Fatalf("encoding/json does not read %q: %v", payload, err)
	}
	if theirs.Issuer != c.Issuer || theirs.Subject != c.Subject || int64(theirs.Expires) != c.Expires {
		t.Fatalf("encoding/json reads %+v, we %+v", theirs, c)
	}
}

// readByOthers reports whether the header has members that we ignore and go-jose
// looks into, and refuses when they are broken.
func readByOthers(t *testing.T, header string) bool {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatalf("encoding/json does not read %q: %v", raw, err)
	}
	for _, name := range []string{"jwk", "x5c", "nonce"} {
		if _, there := members[name]; there {
			return true
		}
	}
	return false
}

func FuzzVerify(f *testing.F) {
	key := fuzzKey(f)
	v := verifier(f, keys.HS256, keys.Entry{Key: key, State: keys.Active})
	f.Add(sign(f, key, goodClaims()))
	f.Add(encode(`{"alg":"none"}`) + "." + encode(goodPayload()) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := v.Verify(token); err == nil {
			holds(t, key, token, c)
		}
	})
}

// FuzzClaims signs whatever it is given: what an attacker cannot do and a faulty
// identity source can.
func FuzzClaims(f *testing.F) {
	key := fuzzKey(f)
	v := verifier(f, keys.HS256, keys.Entry{Key: key, State: keys.Active})
	f.Add(goodHeader(key), goodPayload())
	f.Add(goodHeader(key), change("alice", `\u0061\ud83d\ude00`)(goodPayload()))
	f.Add(goodHeader(key), add(`"x":[{"a":1e5},null]`)(goodPayload()))
	f.Fuzz(func(t *testing.T, header, payload string) {
		token := forge(t, key, header, payload)
		if c, err := v.Verify(token); err == nil {
			holds(t, key, token, c)
		}
	})
}

// FuzzScan compares with encoding/json: what we read it reads, and what we call
// broken it calls broken.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2.5e+3,true,false,null,{"b":{}}],"c":"\ud83d\ude00é"}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte("{\"\xff\":0}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fault := jwt.Scan(data)
		isObject := json.Valid(data) && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
		if fault == "" && !isObject {
			t.Errorf("%q is read", data)
		}
		if (fault == "broken JSON" || fault == "broken JSON text" || fault == "broken JSON number") && isObject {
			t.Errorf("%q is called %s", data, fault)
		}
	})
}

// A fixed seed, so that a failure can be repeated.
func TestMutatedTokensAreRefused(t *testing.T) {
	t.Parallel()
	rounds := 200_000
	if raceEnabled {
		rounds = 20_000
	}
	random := rand.New(rand.NewPCG(20261121, 7519))
	key := fuzzKey(t)
	v := verifier(t, keys.HS256, keys.Entry{Key: key, State: keys.Active})
	good := sign(t, key, goodClaims())
	for range rounds {
		token := mutate(random, good)
		if _, err := v.Verify(token); err == nil && token != good {
			t.Fatalf("accepted %q", token)
		}
	}
}

// Changed and signed again: some pass, and those must hold.
func TestMutatedClaimsThatAreSignedAgainHold(t *testing.T) {
	t.Parallel()
	rounds := 20_000
	if raceEnabled {
		rounds = 2_000
	}
	random := rand.New(rand.NewPCG(20261121, 8725))
	key := fuzzKey(t)
	v := verifier(t, keys.HS256, keys.Entry{Key: key, State: keys.Active})
	header, payload := goodHeader(key), add(`"a":[1,{"b":"\u0041"}],"nbf":1.5e3`)(goodPayload())
	accepted := 0
	for range rounds {
		h, p := header, payload
		if random.IntN(4) == 0 {
			h = mutate(random, h)
		} else {
			p = mutate(random, p)
		}
		token := forge(t, key, h, p)
		if c, err := v.Verify(token); err == nil {
			accepted++
			holds(t, key, token, c)
		}
	}
	if accepted == 0 || accepted == rounds {
		t.Errorf("%d of %d accepted: the test shows nothing", accepted, rounds)
	}
}

// mutate changes one to three places.
func mutate(random *rand.Rand, s string) string {
	b := []byte(s)
	for range 1 + random.IntN(3) {
		i, j := random.IntN(len(b)), random.IntN(len(b))
		switch random.IntN(6) {
		case 0:
			b[i] = byte(random.IntN(256))
		case 1:
			b[i] = s[random.IntN(len(s))]
		case 2:
			b[i], b[j] = b[j], b[i]
		case 3:
			b = append(b[:i:i], b[i+1:]...)
		case 4:
			b = append(b[:i:i], append([]byte{b[j]}, b[i:]...)...)
		case 5:
			b = append(b[:max(i, j):max(i, j)], b[min(i, j):]...) // a piece twice
		}
		if len(b) == 0 {
			return ""
		}
	}
	return string(b)
}
