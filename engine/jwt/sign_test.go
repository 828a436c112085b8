package jwt_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

func decodePart(t *testing.T, token string, part int) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestSignWritesMembersInAFixedOrder(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	key, err := keys.Parse(keys.HS256, "k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.ClaimSet{
		Issuer: "i", Subject: "s", Audience: []string{"a", "b"}, ID: "j", ClientID: "c", GrantType: "g", Session: "l",
		IssuedAt: 1, NotBefore: 2, Expires: 3,
		Custom: map[string]any{"z": 1, "a": map[string]any{"y": nil, "x": "<&>"}, "X-ClientInfo": "c"},
	}
	token := sign(t, key, claims)
	if got, want := decodePart(t, token, 0), `{"alg":"HS256","kid":"k1","typ":"at+jwt"}`; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	const want = `{"iss":"i","sub":"s","aud":["a","b"],"exp":3,"nbf":2,"iat":1,"jti":"j","client_id":"c","gty":"g","sid":"l","scope":"",` +
		`"X-ClientInfo":"c","a":{"x":"<&>","y":null},"z":1}`
	if got := decodePart(t, token, 1); got != want {
		t.Errorf("payload\n%s, want\n%s", got, want)
	}
	if sign(t, key, claims) != token {
		t.Error("equal claims give another token")
	}
}

func TestSignLeavesOutWhatIsEmpty(t *testing.T) {
	t.Parallel()
	if got, want := decodePart(t, sign(t, fixedKey(t, keys.HS256), jwt.ClaimSet{Audience: []string{"a"}}), 1), `{"aud":"a","scope":""}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
}

func TestSignTakesTheTypeItIsGiven(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]string{"": "at+jwt", "at+jwt": "at+jwt", "JWT": "JWT"} {
		token, err := jwt.Sign(fixedKey(t, keys.HS256), typ, goodClaims())
		if err != nil {
			t.Fatal(err)
		}
		if got := decodePart(t, token, 0); !strings.Contains(got, `"typ":"`+want+`"`) {
			t.Errorf("header %s, want the type %s", got, want)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	public, err := keys.ParseJWK([]byte(publicJWK(t, fixedKey(t, keys.ES256))), "", noon)
	if err != nil {
		t.Fatal(err)
	}
	custom := func(name string, value any) func(*jwt.ClaimSet) {
		return func(c *jwt.ClaimSet) { c.Custom = map[string]any{name: value} }
	}
	deep := any("x")
	for range 20 {
		deep = []any{deep}
	}
	many := map[string]any{}
	for i := range 300 {
		many[strings.Repeat("k", i)] = 1
	}
	for _, c := range []struct {
		name string
		key  *keys.Key
		edit func(*jwt.ClaimSet)
		want error  // or
		part string // of the text
	}{
		{"a public key", public, func(*jwt.ClaimSet) {}, keys.ErrNoPrivate, ""},
		{"a reserved name", nil, custom("sub", "admin"), nil, "own"},
		{"a reserved name in other case", nil, custom("EXP", 1), nil, "own"},
		{"a reserved name that folds through Unicode", nil, custom("\u017fub", "admin"), nil, "own"},
		{"a name that is not UTF-8", nil, custom("a\xff", 1), jwt.ErrMalformed, ""},
		{"a value that is not UTF-8", nil, custom("a", "\xff"), jwt.ErrMalformed, ""},
		{"a subject that is not UTF-8", nil, func(c *jwt.ClaimSet) { c.Subject = "\xc3" }, jwt.ErrMalformed, ""},
		{"a value that JSON has not", nil, custom("a", math.NaN()), nil, `custom claim "a"`},
		{"a function", nil, custom("a", func() {}), nil, `custom claim "a"`},
		{"raw JSON with a repeated name", nil, custom("a", json.RawMessage(`{"b":1,"b":2}`)), jwt.ErrMalformed, ""},
		{"a value that nests too deeply", nil, custom("a", deep), jwt.ErrMalformed, ""},
		{"too many members", nil, custom("a", many), jwt.ErrTooLarge, ""},
		{"a negative expiry", nil, func(c *jwt.ClaimSet) { c.Expires = -1 }, jwt.ErrMalformed, ""},
		{"an expiry in milliseconds", nil, func(c *jwt.ClaimSet) { c.Expires = noon.UnixMilli() }, jwt.ErrMalformed, ""},
		{"claims that are too long", nil, func(c *jwt.ClaimSet) { c.Scope = strings.Repeat("role ", 2000) }, jwt.ErrTooLarge, ""},
		{"claims that are just too long with the rest", nil, func(c *jwt.ClaimSet) { c.Scope = strings.Repeat("x", 5860) }, jwt.ErrTooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key := c.key
			if key == nil {
				key = fixedKey(t, keys.HS256)
			}
			claims := goodClaims()
			c.edit(&claims)
			token, err := jwt.Sign(key, "", claims)
			if err == nil || token != "" {
				t.Fatalf("made a token of %d bytes", len(token))
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.part) {
				t.Errorf("err = %v, want %v with %q", err, c.want, c.part)
			}
		})
	}
}

func TestSignMakesTokensUpToTheLimitThatVerifyAccepts(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	claims := goodClaims()
	claims.Scope = strings.Repeat("x", 5750)
	token := sign(t, key, claims)
	if len(token) < jwt.MaxToken-200 {
		t.Fatalf("the token has %d bytes only", len(token))
	}
	wantError(t, v, token, nil)
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"iss": true, "sub": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true, "scope": true,
		"client_id": true, "gty": true, "sid": true, "Sid": true, "Sub": true, "SCOPE": true, "i\u017fs": true,
		"": false, "email": false, "subject": false, "X-ClientInfo": false, "é": false,
	} {
		if jwt.Reserved(name) != want {
			t.Errorf("Reserved(%q) is not %t", name, want)
		}
	}
}

func publicJWK(t testing.TB, key *keys.Key) string {
	t.Helper()
	j, ok := key.Public()
	raw, err := json.Marshal(j)
	if err != nil || !ok {
		t.Fatalf("no public half: %v", err)
	}
	return string(raw)
}
