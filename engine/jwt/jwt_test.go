package jwt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	jose "github.com/go-jose/go-jose/v4"
	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

func TestVerifyAcceptsWhatSignMakes(t *testing.T) {
	t.Parallel()
	for _, alg := range keys.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			v, key := world(t, alg)
			claims := goodClaims()
			claims.Custom = map[string]any{"tenant": "acme", "roles": []string{"a", "b"}}
			token := sign(t, key, claims)
			got, err := v.Verify(token)
			if err != nil {
				t.Fatal(err)
			}
			want := jwt.Claims{
				Issuer: issuer, Subject: "alice", Audience: []string{audience}, ID: "6f1d", ClientID: audience,
				GrantType: "password", Session: "login-1", Scope: "orders:read orders:write", KeyID: key.ID,
				IssuedAt: claims.IssuedAt, NotBefore: claims.NotBefore, Expires: claims.Expires,
				Payload: got.Payload,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for name, want := range map[string]string{"tenant": `"acme"`, "roles": `["a","b"]`, "sub": `"alice"`} {
				if raw, ok := got.Custom(name); !ok || raw != want {
					t.Errorf("Custom(%s) = %s, %t", name, raw, ok)
				}
			}
			if _, ok := got.Custom("missing"); ok {
				t.Error("a claim is found that is not there")
			}
		})
	}
}

func TestOthersAcceptWhatSignMakes(t *testing.T) {
	t.Parallel()
	for _, alg := range keys.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			_, key := world(t, alg)
			claims := goodClaims()
			claims.Subject = "Zoë \"the\" \\ \x01 \u2028 <b>"
			token := sign(t, key, claims)
			parsed, err := golangjwt.Parse(token, func(*golangjwt.Token) (any, error) { return public(t, key), nil },
				golangjwt.WithValidMethods([]string{string(alg)}), golangjwt.WithIssuer(issuer), golangjwt.WithAudience(audience),
				golangjwt.WithExpirationRequired(), golangjwt.WithTimeFunc(func() time.Time { return noon }))
			if err != nil {
				t.Fatalf("golang-jwt: %v", err)
			}
			if sub, _ := parsed.Claims.GetSubject(); sub != claims.Subject {
				t.Errorf("golang-jwt reads the subject %q", sub)
			}
			object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatalf("go-jose: %v", err)
			}
			if _, err := object.Verify(public(t, key)); err != nil {
				t.Errorf("go-jose: %v", err)
			}
		})
	}
}

func public(t testing.TB, key *keys.Key) any {
	t.Helper()
	if key.Algorithm.Symmetric() {
		secret, err := key.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	j, _ := key.Public()
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var theirs jose.JSONWebKey
	if err := json.Unmarshal(raw, &theirs); err != nil {
		t.Fatal(err)
	}
	return theirs.Key
}

// change edits the text of a payload.
func change(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("nothing to change: " + old)
		}
		return strings.Replace(s, old, new, 1)
	}
}

func add(members string) func(string) string { return change("}", ","+members+"}") }

func TestVerifyChecksClaims(t *testing.T) {
	t.Parallel()
	at := func(offset time.Duration) string { return fmt.Sprint(noon.Add(offset).Unix()) }
	exp, iat := `"exp":`+at(15*time.Minute), `"iat":`+at(-time.Minute)
	for _, c := range []struct {
		name string
		edit func(string) string
		want error
	}{
		{"as it is", change("alice", "alice"), nil},
		{"another issuer", change(issuer, "https://evil.example.com"), jwt.ErrIssuer},
		{"an issuer with a slash more", change(issuer, issuer+"/"), jwt.ErrIssuer},
		{"no issuer", change(`"iss":`, `"x":`), jwt.ErrIssuer},
		{"another audience", change(audience, "other-proxy"), jwt.ErrAudience},
		{"no audience", change(`"aud":`, `"x":`), jwt.ErrAudience},
		{"an empty list of audiences", change(`"`+audience+`"`, `[]`), jwt.ErrAudience},
		{"a list with the audience", change(`"`+audience+`"`, `[ "other" , "`+audience+`"]`), nil},
		{"a list without the audience", change(`"`+audience+`"`, `["other","`+audience+`x"]`), jwt.ErrAudience},
		{"no expiry", change(`"exp":`, `"x":`), jwt.ErrExpiryMissing},
		{"expired within the leeway", change(exp, `"exp":`+at(-29*time.Second)), nil},
		{"expired at the end of the leeway", change(exp, `"exp":`+at(-30*time.Second)), jwt.ErrExpired},
		{"expired long ago", change(exp, `"exp":1`), jwt.ErrExpired},
		{"an expiry with a fraction", change(exp, `"exp":`+at(time.Minute)+`.75`), nil},
		{"an expiry with an exponent", change(exp, `"exp":2.0e9`), nil},
		{"the last second of 9999", change(exp, `"exp":253402300799`), nil},
		{"valid from within the leeway", add(`"nbf":` + at(30*time.Second)), nil},
		{"valid from after the leeway", add(`"nbf":` + at(31*time.Second)), jwt.ErrNotYetValid},
		{"valid from a fraction after the leeway", add(`"nbf":` + at(30*time.Second) + `.5`), jwt.ErrNotYetValid},
		{"issued within the leeway", change(iat, `"iat":`+at(30*time.Second)), nil},
		{"issued after the leeway", change(iat, `"iat":`+at(31*time.Second)), jwt.ErrIssuedInFuture},
		{"no time of issue", change(`"iat":`, `"x":`), nil},
		{"times of 1970", change(iat, `"iat":0,"nbf":0`), nil},
		{"blanks between all", func(s string) string { return "\t" + strings.ReplaceAll(s, ",", " ,\r\n ") + "\n" }, nil},
		{"escapes in a value", change(`"alice"`, `"\u0061lice"`), nil},
		{"escapes in the issuer", change("https://", `https:\/\/`), nil},
		{"an escaped name", change(`"exp"`, `"\u0065xp"`), nil},
		{"further claims of all types", add(`"a":[1,-2.5e+3,true,false,null,{"b":{}}],"c":"\ud83d\ude00é"`), nil},

		{"a text as expiry", change(exp, `"exp":"`+at(time.Minute)+`"`), jwt.ErrMalformed},
		{"an expiry of zero", change(exp, `"exp":0`), jwt.ErrMalformed},
		{"a negative expiry", change(exp, `"exp":-1`), jwt.ErrMalformed},
		{"an expiry in milliseconds", change(exp, `"exp":`+at(time.Minute)+`000`), jwt.ErrMalformed},
		{"a huge expiry", change(exp, `"exp":1e400`), jwt.ErrMalformed},
		{"an expiry beyond 64 bits", change(exp, `"exp":18446744073709551617`), jwt.ErrMalformed},
		{"NaN as expiry", change(exp, `"exp":NaN`), jwt.ErrMalformed},
		{"infinity as expiry", change(exp, `"exp":Infinity`), jwt.ErrMalformed},
		{"null as expiry", change(exp, `"exp":null`), jwt.ErrMalformed},
		{"true as expiry", change(exp, `"exp":true`), jwt.ErrMalformed},
		{"a list as expiry", change(exp, `"exp":[1]`), jwt.ErrMalformed},
		{"a hexadecimal expiry", change(exp, `"exp":0x7fffffff`), jwt.ErrMalformed},
		{"a leading zero", change(exp, `"exp":0`+at(time.Minute)), jwt.ErrMalformed},
		{"a plus sign", change(exp, `"exp":+`+at(time.Minute)), jwt.ErrMalformed},
		{"a text as nbf", add(`"nbf":"0"`), jwt.ErrMalformed},
		{"a text as iat", change(iat, `"iat":"0"`), jwt.ErrMalformed},
		{"a number as issuer", change(`"`+issuer+`"`, `1`), jwt.ErrMalformed},
		{"a list as issuer", change(`"`+issuer+`"`, `["`+issuer+`"]`), jwt.ErrMalformed},
		{"a number as subject", change(`"alice"`, `1`), jwt.ErrMalformed},
		{"null as subject", change(`"alice"`, `null`), jwt.ErrMalformed},
		{"a list as scope", change(`"a b"`, `["a","b"]`), jwt.ErrMalformed},
		{"a number as jti", change(`"6f1d"`, `6`), jwt.ErrMalformed},
		{"a number as grant type", add(`"gty":1`), jwt.ErrMalformed},
		{"a number as session", add(`"sid":1`), jwt.ErrMalformed},
		{"a session in another case", add(`"SID":"1"`), jwt.ErrMalformed},
		{"an object as client", add(`"client_id":{}`), jwt.ErrMalformed},
		{"a number as audience", change(`"`+audience+`"`, `1`), jwt.ErrMalformed},
		{"an object as audience", change(`"`+audience+`"`, `{"a":"`+audience+`"}`), jwt.ErrMalformed},
		{"a number among the audiences", change(`"`+audience+`"`, `["`+audience+`",1]`), jwt.ErrMalformed},
		{"a list among the audiences", change(`"`+audience+`"`, `["`+audience+`",[]]`), jwt.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, key := world(t, keys.HS256)
			wantError(t, v, forge(t, key, goodHeader(key), c.edit(goodPayload())), c.want)
		})
	}
}

// wantError asserts the reason of a refusal, nil for none.
func wantError(t *testing.T, v *jwt.Verifier, token string, want error) {
	t.Helper()
	claims, err := v.Verify(token)
	if !errors.Is(err, want) {
		t.Errorf("err = %v, want %v", err, want)
	}
	if want != nil && claims.Payload != "" {
		t.Error("claims came with the error")
	}
}

func TestVerifyReadsEscapedValues(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	for raw, want := range map[string]string{
		`\u0061\n\"\\\/\b\f\r\t`: "a\n\"\\/\b\f\r\t",
		`\ud83d\ude00`:           "😀",
		`\uD83D\uDE00 é \u00E9`:  "😀 é é",
		`\u0000`:                 "\x00",
	} {
		c, err := v.Verify(forge(t, key, goodHeader(key), change("alice", raw)(goodPayload())))
		if err != nil || c.Subject != want {
			t.Errorf("%s: %q, %v, want %q", raw, c.Subject, err, want)
		}
		if again, ok := c.Custom("sub"); !ok || again != `"`+raw+`"` {
			t.Errorf("Custom: %s, %t", again, ok)
		}
	}
}

func TestVerifyOfTokensThatNeverExpire(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.ES256)
	v.RequireExpiry = false
	claims := goodClaims()
	claims.Expires = 0
	c, err := v.Verify(sign(t, key, claims))
	if err != nil || c.Expires != 0 {
		t.Errorf("Expires = %d, %v", c.Expires, err)
	}
	if _, ok := c.Custom("exp"); ok {
		t.Error("the token has an exp")
	}
	claims.Expires = 1
	wantError(t, v, sign(t, key, claims), jwt.ErrExpired)
}

func TestVerifierThatIsNotSetUpLetsNobodyIn(t *testing.T) {
	t.Parallel()
	good, key := world(t, keys.HS256)
	token := sign(t, key, goodClaims())
	nameless := []string{
		token,
		forge(t, key, goodHeader(key), change(issuer, "")(goodPayload())),
		forge(t, key, goodHeader(key), change(`"iss":`, `"x":`)(goodPayload())),
		forge(t, key, goodHeader(key), change(`"`+audience+`"`, `""`)(goodPayload())),
		forge(t, key, goodHeader(key), change(`"`+audience+`"`, `[""]`)(goodPayload())),
	}
	for name, edit := range map[string]func(*jwt.Verifier){
		"no algorithm": func(v *jwt.Verifier) { v.Algorithm = "" },
		"no keys":      func(v *jwt.Verifier) { v.Keys = nil },
		"no issuer":    func(v *jwt.Verifier) { v.Issuer = "" },
		"no audience":  func(v *jwt.Verifier) { v.Audience = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := *good
			edit(&v)
			for _, token := range nameless {
				if _, err := v.Verify(token); err == nil {
					t.Error("accepted")
				}
			}
		})
	}
	t.Run("the zero Verifier", func(t *testing.T) {
		t.Parallel()
		if _, err := new(jwt.Verifier).Verify(token); err == nil {
			t.Error("accepted")
		}
	})
}

func TestVerifyChecksType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ, want string
		ok        bool
	}{
		{`"typ":"at+jwt"`, "", true},
		{`"typ":"AT+JWT"`, "at+jwt", true},
		{`"typ":"application/at+jwt"`, "at+jwt", true},
		{`"typ":"Application/At+Jwt"`, "at+jwt", true},
		{`"typ":"JWT"`, "at+jwt", false},
		{`"typ":"JWT"`, "", false},
		{`"typ":""`, "at+jwt", false},
		{`"x":""`, "at+jwt", false},
		{`"typ":"application/"`, "at+jwt", false},
		{`"typ":"text/at+jwt"`, "at+jwt", false},
		{`"typ":"at+jwt "`, "at+jwt", false},
		{`"typ":"rt+jwt"`, "at+jwt", false},
		{`"typ":"JWT"`, "JWT", true},
		{`"typ":"at+jwt"`, "JWT", false},
	} {
		t.Run(c.typ+" for "+c.want, func(t *testing.T) {
			t.Parallel()
			v, key := world(t, keys.HS256)
			v.Type = c.want
			var want error
			if !c.ok {
				want = jwt.ErrType
			}
			wantError(t, v, forge(t, key, change(`"typ":"at+jwt"`, c.typ)(goodHeader(key)), goodPayload()), want)
		})
	}
}

func TestVerifyTriesNoKeyButTheNamedOne(t *testing.T) {
	t.Parallel()
	old, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	current := fixedKey(t, keys.ES256)
	v := verifier(t, keys.ES256, keys.Entry{Key: current, State: keys.Active}, keys.Entry{Key: old, State: keys.Retiring})
	wantError(t, v, sign(t, old, goodClaims()), nil)
	wantError(t, v, sign(t, current, goodClaims()), nil)
	wantError(t, v, forge(t, old, goodHeader(current), goodPayload()), jwt.ErrSignature)
	wantError(t, verifier(t, keys.ES256, keys.Entry{Key: current, State: keys.Active}), sign(t, old, goodClaims()), jwt.ErrKey)
}

func TestParseShowsWhatATokenSaysOfItself(t *testing.T) {
	t.Parallel()
	_, key := world(t, keys.HS256)
	token := sign(t, key, goodClaims())
	token = token[:strings.LastIndexByte(token, '.')] + ".AAAA"
	got, err := jwt.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	if got.Algorithm != "HS256" || got.KeyID != key.ID || got.Type != "at+jwt" || got.Claims.Subject != "alice" || got.Claims.KeyID != "" {
		t.Errorf("Parse = %+v", got)
	}
	if _, err := jwt.Parse("x"); !errors.Is(err, jwt.ErrMalformed) {
		t.Errorf("err = %v", err)
	}
}

func TestVerifyOfARepeatedShapeAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	v, key := world(t, keys.HS256)
	token := sign(t, key, goodClaims())
	verify := func() {
		if _, err := v.Verify(token); err != nil {
			t.Fatal(err)
		}
	}
	// The payload's copy and the list of audiences.
	if n := testing.AllocsPerRun(200, verify); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}

// Of what a refused token says, nothing is copied but what its refusal tells.
func TestRefusalsAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	v, key := world(t, keys.HS256)
	old := goodClaims()
	old.Expires = noon.Add(-time.Hour).Unix()
	token := sign(t, key, goodClaims())
	for _, tt := range []struct {
		name, token string
		want        error
		most        float64
	}{
		{"expired", sign(t, key, old), jwt.ErrExpired, 1},
		{"forged", token[:len(token)-5] + "AAAAA", jwt.ErrSignature, 0},
		{"malformed", token[:len(token)/2], jwt.ErrMalformed, 1},
		{"broken signature", token[:len(token)-2], jwt.ErrMalformed, 2}, // of a length that no bytes have; and the decoder's own
	} {
		n := testing.AllocsPerRun(200, func() {
			if _, err := v.Verify(tt.token); !errors.Is(err, tt.want) {
				t.Fatalf("%s: %v", tt.name, err)
			}
		})
		if n > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, n, tt.most)
		}
	}
}

func TestOneOfSeveralAudiencesIsEnough(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	v.Also = []string{"the-group"}
	nobody := *v
	nobody.Audience = ""
	for _, c := range []struct {
		name string
		v    *jwt.Verifier
		aud  []string
		want error
	}{
		{"the own one", v, []string{audience}, nil},
		{"a further one", v, []string{"the-group"}, nil},
		{"a further one of many", v, []string{"x", "the-group"}, nil},
		{"one that begins alike", v, []string{"the-group-2"}, jwt.ErrAudience},
		{"none", v, nil, jwt.ErrAudience},
		{"a further one where the own one is missing", &nobody, []string{"the-group"}, jwt.ErrAudience},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			claims := goodClaims()
			claims.Audience = c.aud
			if _, err := c.v.Verify(sign(t, key, claims)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
