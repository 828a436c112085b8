package jwt_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

// hs256 signs as whoever knows (or guesses) the secret would.
func hs256(secret []byte, header, payload string) string {
	input := encode(header) + "." + encode(payload)
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(input))
	return input + "." + encode(string(m.Sum(nil)))
}

// RFC 8725 section 2.1, first half.
func TestAttackUnsignedTokens(t *testing.T) {
	t.Parallel()
	for _, alg := range keys.Algorithms() {
		v, key := world(t, alg)
		for _, none := range []string{"none", "None", "NONE", "nOnE", "none ", "", "null"} {
			header := strings.Replace(goodHeader(key), string(alg), none, 1)
			for _, signature := range []string{"", "AA", encode(strings.Repeat("\x00", 64))} {
				token := encode(header) + "." + encode(goodPayload()) + "." + signature
				if _, err := v.Verify(token); !errors.Is(err, jwt.ErrAlgorithm) && !errors.Is(err, jwt.ErrMalformed) {
					t.Errorf("%s: alg %q with the signature %q: %v", alg, none, signature, err)
				}
			}
			wantError(t, v, forge(t, key, header, goodPayload()), jwt.ErrAlgorithm)
		}
		wantError(t, v, forge(t, key, strings.Replace(goodHeader(key), `"alg"`, `"x"`, 1), goodPayload()), jwt.ErrAlgorithm)
		unsigned := encode(goodHeader(key)) + "." + encode(goodPayload())
		wantError(t, v, unsigned+".", jwt.ErrMalformed)
		wantError(t, v, unsigned, jwt.ErrMalformed)
	}
}

// RFC 8725 section 2.1, second half: the public key as a shared secret.
func TestAttackPublicKeyAsSharedSecret(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.RS256, keys.PS256, keys.ES256, keys.EdDSA} {
		v, key := world(t, alg)
		for name, secret := range spellings(t, key) {
			for _, header := range []string{
				goodHeader(key),
				strings.Replace(goodHeader(key), string(alg), "HS256", 1),
				strings.Replace(goodHeader(key), key.ID, fixedKey(t, keys.HS256).ID, 1),
			} {
				if _, err := v.Verify(hs256(secret, header, goodPayload())); err == nil {
					t.Errorf("%s: accepted with %s as secret and the header %s", alg, name, header)
				}
			}
		}
	}
}

// spellings is a public key in the forms in which it lies around.
func spellings(t *testing.T, key *keys.Key) map[string][]byte {
	t.Helper()
	public := public(t, key)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	all := map[string][]byte{
		"DER": der, "PEM": text, "PEM without its last line break": text[:len(text)-1],
		"PEM with CRLF": []byte(strings.ReplaceAll(string(text), "\n", "\r\n")), "its JWK": []byte(publicJWK(t, key)),
	}
	if r, ok := public.(*rsa.PublicKey); ok {
		pkcs1 := x509.MarshalPKCS1PublicKey(r)
		all["PKCS #1"] = pkcs1
		all["PKCS #1 in PEM"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})
		all["the modulus"] = r.N.Bytes()
		all["the modulus in base64url"] = []byte(base64.RawURLEncoding.EncodeToString(r.N.Bytes()))
	}
	return all
}

// A token signed soundly, with a key of ours, of another algorithm than the
// policy's.
func TestAttackAlgorithmOfAnotherKeyOfTheSameSet(t *testing.T) {
	t.Parallel()
	for _, pinned := range keys.Algorithms() {
		v, _ := world(t, pinned)
		for _, other := range []keys.Algorithm{keys.RS256, keys.PS256, keys.ES256, keys.EdDSA, keys.HS256} {
			if other == pinned {
				continue
			}
			wantError(t, v, sign(t, fixedKey(t, other), goodClaims()), jwt.ErrAlgorithm)
			lie := strings.Replace(goodHeader(fixedKey(t, other)), string(other), string(pinned), 1)
			wantError(t, v, forge(t, fixedKey(t, other), lie, goodPayload()), jwt.ErrKey)
		}
	}
}

// RFC 8725 section 3.10: kid goes into no file name and no query.
func TestAttackKeyIDs(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	for _, kid := range []string{
		`""`, `"../../../../../../dev/null"`, `"/dev/null"`, `"x' UNION SELECT 'secret' --"`, `"' OR 1=1 --"`, `"key\u0000.pem"`,
		`"| id"`, `"http://evil.example.com/jwks.json"`, `"` + key.ID + `\u0000"`, `" ` + key.ID + `"`, `"` + key.ID + ` "`,
		`"` + strings.Repeat("k", 4000) + `"`,
	} {
		header := strings.Replace(goodHeader(key), `"`+key.ID+`"`, kid, 1)
		wantError(t, v, forge(t, key, header, goodPayload()), jwt.ErrKey)
		wantError(t, v, hs256(nil, header, goodPayload()), jwt.ErrKey)
	}
	for _, kid := range []string{`1`, `null`, `["` + key.ID + `"]`, `{"kid":"` + key.ID + `"}`, `true`} {
		wantError(t, v, forge(t, key, strings.Replace(goodHeader(key), `"`+key.ID+`"`, kid, 1), goodPayload()), jwt.ErrMalformed)
	}
	wantError(t, v, forge(t, key, strings.Replace(goodHeader(key), `"kid"`, `"x"`, 1), goodPayload()), jwt.ErrKey)
	escaped := fmt.Sprintf(`\u%04x`, key.ID[0]) + key.ID[1:]
	wantError(t, v, forge(t, key, strings.Replace(goodHeader(key), key.ID, escaped, 1), goodPayload()), nil)
}

// RFC 8725 section 3.10: whoever writes the token would choose the key.
func TestAttackKeysInTheHeaderAreIgnored(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA} {
		v, key := world(t, alg)
		evil, err := keys.Generate(alg)
		if err != nil {
			t.Fatal(err)
		}
		jwk := publicJWK(t, evil)
		for _, member := range []string{
			`"jwk":` + jwk, `"jku":"https://evil.example.com/jwks.json"`, `"x5u":"https://evil.example.com/cert.pem"`,
			`"x5c":["MIIB"]`, `"x5t":"AAAA"`, `"x5t#S256":"AAAA"`, `"jwk":null`, `"jku":{}`,
		} {
			ours := strings.TrimSuffix(goodHeader(key), "}") + "," + member + "}"
			theirs := strings.Replace(ours, key.ID, evil.ID, 1)
			wantError(t, v, forge(t, evil, ours, goodPayload()), jwt.ErrSignature)
			wantError(t, v, forge(t, evil, theirs, goodPayload()), jwt.ErrKey)
			wantError(t, v, forge(t, key, ours, goodPayload()), nil)
		}
	}
}

// CVE-2022-21449.
func TestAttackECDSASignaturesOfZero(t *testing.T) {
	t.Parallel()
	for alg, size := range map[keys.Algorithm]int{keys.ES256: 32, keys.ES384: 48, keys.ES512: 66} {
		v, key := world(t, alg)
		input := encode(goodHeader(key)) + "." + encode(goodPayload()) + "."
		one := big.NewInt(1).FillBytes(make([]byte, size))
		zero := make([]byte, size)
		for _, signature := range []string{
			string(zero) + string(zero), string(zero) + string(one), string(one) + string(zero), string(one) + string(one),
			strings.Repeat("\xff", 2*size), "\x30\x06\x02\x01\x00\x02\x01\x00", "\x00",
		} {
			wantError(t, v, input+encode(signature), jwt.ErrSignature)
		}
	}
}

func TestAttackPSSWithAnotherSaltLength(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.PS256)
	der, err := key.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	input := encode(goodHeader(key)) + "." + encode(goodPayload())
	digest := sha256.Sum256([]byte(input))
	for salt, want := range map[int]error{32: nil, 31: jwt.ErrSignature, 20: jwt.ErrSignature, 64: jwt.ErrSignature} {
		signature, err := rsa.SignPSS(rand.Reader, private.(*rsa.PrivateKey), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, v, input+"."+encode(string(signature)), want)
	}
}

// RFC 7515 section 4.1.11: what is not understood must not be passed over.
func TestAttackCriticalAndOtherExtensions(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	for member, want := range map[string]error{
		`"crit":["exp"],"exp":1`:         jwt.ErrCritical,
		`"crit":["b64"]`:                 jwt.ErrCritical,
		`"crit":["x"]`:                   jwt.ErrCritical,
		`"crit":[]`:                      jwt.ErrCritical,
		`"crit":null`:                    jwt.ErrCritical,
		`"crit":"alg"`:                   jwt.ErrCritical,
		`"b64":false`:                    jwt.ErrMalformed,
		`"b64":true`:                     jwt.ErrMalformed,
		`"zip":"DEF"`:                    jwt.ErrMalformed,
		`"enc":"A128GCM"`:                jwt.ErrMalformed,
		`"cty":"JWT"`:                    jwt.ErrMalformed,
		`"cty":"application/jwt"`:        jwt.ErrMalformed,
		`"cty":1`:                        jwt.ErrMalformed,
		`"cty":"json"`:                   nil,
		`"http://example.com/x":{"a":1}`: nil,
	} {
		t.Run(member, func(t *testing.T) {
			t.Parallel()
			wantError(t, v, forge(t, key, strings.TrimSuffix(goodHeader(key), "}")+","+member+"}", goodPayload()), want)
		})
	}
}

// What two readers could read in two ways, all signed with our own key.
func TestAttackAmbiguousJSON(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	header, payload := goodHeader(key), goodPayload()
	for _, c := range []struct{ name, header, payload string }{
		{"sub twice", header, add(`"sub":"admin"`)(payload)},
		{"sub twice, once escaped", header, add(`"s\u0075b":"admin"`)(payload)},
		{"exp twice", header, add(`"exp":4000000000`)(payload)},
		{"aud twice", header, add(`"aud":"other"`)(payload)},
		{"an unknown claim twice", header, add(`"x":1,"x":1`)(payload)},
		{"the empty name twice", header, add(`"":1,"":2`)(payload)},
		{"a repeated name inside a claim", header, add(`"x":{"a":1,"a":2}`)(payload)},
		{"a repeated name inside a list", header, add(`"x":[[{"a":1,"b":2,"\u0061":2}]]`)(payload)},
		{"alg twice", add(`"alg":"HS256"`)(header), payload},
		{"kid twice", add(`"kid":"` + key.ID + `"`)(header), payload},
		{"a repeated name in an ignored header", add(`"jwk":{"a":1,"a":2}`)(header), payload},
		{"EXP", header, add(`"EXP":4000000000`)(payload)},
		{"Sub alone", header, change(`"sub"`, `"Sub"`)(payload)},
		{"sub with a long s", header, add(`"ſub":"admin"`)(payload)},
		{"sub with an escaped long s", header, add(`"\u017fub":"admin"`)(payload)},
		{"Alg", add(`"Alg":"none"`)(header), payload},
		{"kid with the Kelvin sign", add(`"\u212aid":"x"`)(header), payload},
		{"CRIT", add(`"CRIT":["x"]`)(header), payload},
		{"a payload that is a list", header, `[` + payload + `]`},
		{"a payload that is a text", header, `"x"`},
		{"a payload that is null", header, `null`},
		{"an empty payload", header, ``},
		{"a payload of blanks", header, `  `},
		{"two payload objects", header, payload + payload},
		{"text after the payload", header, payload + "x"},
		{"a NUL after the payload", header, payload + "\x00"},
		{"a byte order mark", header, "\ufeff" + payload},
		{"UTF-16", header, "\xff\xfe{\x00}\x00"},
		{"a header that is a list", `[` + header + `]`, payload},
		{"two header objects", header + header, payload},
		{"an empty header", ``, payload},
		{"broken UTF-8 in a value", header, change("alice", "al\xffce")(payload)},
		{"broken UTF-8 in a name", header, add("\"\xc0\xaf\":1")(payload)},
		{"an overlong form", header, change("alice", "\xc1\xa1lice")(payload)},
		{"a surrogate in UTF-8", header, change("alice", "\xed\xa0\x80")(payload)},
		{"half a surrogate pair", header, change("alice", `\ud83d`)(payload)},
		{"a low surrogate alone", header, change("alice", `\ude00`)(payload)},
		{"surrogates in the wrong order", header, change("alice", `\ude00\ud83d`)(payload)},
		{"an unknown escape", header, change("alice", `\x61`)(payload)},
		{"a short escape", header, change("alice", `\u006`)(payload)},
		{"a line break in a text", header, change("alice", "al\nice")(payload)},
		{"a comma too many", header, add(``)(payload)},
		{"a comma at the start", header, change("{", "{,")(payload)},
		{"a missing comma", header, change(`,"sub"`, ` "sub"`)(payload)},
		{"a missing colon", header, change(`"sub":`, `"sub" `)(payload)},
		{"a name without quotes", header, change(`"sub"`, `sub`)(payload)},
		{"single quotes", header, change(`"alice"`, `'alice'`)(payload)},
		{"a comment", header, change(`"alice"`, `"alice"/**/`)(payload)},
		{"an unclosed object", header, strings.TrimSuffix(payload, "}")},
		{"an unclosed text", header, strings.TrimSuffix(change(`"a b"`, `"a b`)(payload), "}")},
		{"an unclosed list", header, add(`"x":[1`)(payload)},
		{"a comma too many in a list", header, add(`"x":[1,]`)(payload)},
		{"True", header, add(`"x":True`)(payload)},
		{"a number that ends in a dot", header, add(`"x":1.`)(payload)},
		{"a number that begins with a dot", header, add(`"x":.1`)(payload)},
		{"a number that is a sign", header, add(`"x":-`)(payload)},
		{"an exponent without digits", header, add(`"x":1e`)(payload)},
		{"nesting beyond the limit", header, add(`"x":` + strings.Repeat("[", 17) + strings.Repeat("]", 17))(payload)},
		{"nesting that fills the token", header, add(`"x":` + strings.Repeat("[", 5000))(payload)},
		{"nested objects that fill the token", header, add(`"x":` + strings.Repeat(`{"a":`, 1000))(payload)},
		{"members beyond the limit", header, add(members(257))(payload)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantError(t, v, forge(t, key, c.header, c.payload), jwt.ErrMalformed)
		})
	}
	t.Run("up to the limits it is accepted", func(t *testing.T) {
		t.Parallel()
		wantError(t, v, forge(t, key, header, add(`"x":`+strings.Repeat("[", 15)+strings.Repeat("]", 15))(payload)), nil)
		wantError(t, v, forge(t, key, header, add(`"x":[`+strings.Repeat(`{"a":[]},`, 40)+`[{}]]`)(payload)), nil)
		wantError(t, v, forge(t, key, header, add(members(240))(payload)), nil)
		wantError(t, v, forge(t, key, header, add(`"x":[{"a":1},{"a":2},{"b":{"a":1}}],"a":1`)(payload)), nil)
	})
}

func members(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	return strings.Join(all, ",")
}

// One token, one text: no other spelling of a valid token is valid.
func TestAttackOtherSpellingsOfAValidToken(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256, keys.EdDSA} {
		v, key := world(t, alg)
		good := sign(t, key, goodClaims())
		wantError(t, v, good, nil)
		p := strings.Split(good, ".")
		for name, token := range map[string]string{
			"nothing":                     "",
			"a dot":                       ".",
			"two dots":                    "..",
			"a line break after":          good + "\n",
			"a line break before":         "\n" + good,
			"a line break inside":         p[0] + "." + p[1][:8] + "\r\n" + p[1][8:] + "." + p[2],
			"a line break in the MAC":     p[0] + "." + p[1] + "." + p[2][:4] + "\n" + p[2][4:],
			"a blank after":               good + " ",
			"a blank before":              " " + good,
			"a tab inside":                p[0] + ".\t" + p[1] + "." + p[2],
			"the scheme before":           "Bearer " + good,
			"quotes around":               `"` + good + `"`,
			"padding after all":           good + "=",
			"padding of all":              pad(p[0]) + "." + pad(p[1]) + "." + pad(p[2]) + "=",
			"padding of the header":       p[0] + "==." + p[1] + "." + p[2],
			"standard base64":             p[0] + "." + p[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(p[2]) + "+",
			"percent encoding":            p[0] + "%2E" + p[1] + "." + p[2],
			"a NUL":                       good + "\x00",
			"a byte above ASCII":          good + "\u00e9",
			"a part more":                 good + ".",
			"a part less":                 p[0] + "." + p[1],
			"a part before":               "." + good,
			"parts in another order":      p[1] + "." + p[0] + "." + p[2],
			"five parts":                  good + "." + p[1] + "." + p[2],
			"JSON":                        `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`,
			"general JSON":                `{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`,
			"a list":                      `["` + good + `"]`,
			"the token within a token":    encode(goodHeader(key)) + "." + encode(good) + "." + p[2],
			"detached content":            p[0] + ".." + p[2],
			"the signature of another":    p[0] + "." + p[1] + "." + strings.Repeat("A", len(p[2])),
			"a longer signature":          good + "AA",
			"an oversized token":          good + strings.Repeat("A", jwt.MaxToken),
			"a megabyte of dots":          strings.Repeat(".", 1<<20),
			"a megabyte of opening marks": strings.Repeat("[", 1<<20),
		} {
			if _, err := v.Verify(token); err == nil {
				t.Errorf("%s: accepted with %s", alg, name)
			}
		}
		for i, part := range p {
			for _, other := range strayBits(part) {
				q := append([]string(nil), p...)
				q[i] = other
				wantError(t, v, strings.Join(q, "."), jwt.ErrMalformed)
			}
		}
	}
}

// Longer than is looked at, and sound in everything else.
// A header is read once for all tokens of a key. Nothing that it said may be taken for
// what another one says, whether that is missing, broken or only alike.
func TestAttackHeadersAfterAnother(t *testing.T) {
	t.Parallel()
	with := func(header string) string { return encode(header) + "." + encode(`{}`) + ".c2ln" }
	tokens := []string{
		with(`{"alg":"RS256","kid":"one","typ":"at+jwt"}`),
		with(`{"alg":"RS256","kid":"one"}`),
		with(`{"alg":"HS256"}`),
		with(`{"alg":"R\u005325\u0036","kid":"\u006fne"}`),
		with(`{}`),
		"." + encode(`{}`) + ".c2ln",
		with(`{"alg":"RS256","kid":"one","typ":"at+jwt"`),
		with(`{"alg":"RS256","kid":"one","crit":[]}`),
		with(``),
		encode(`{"alg":"RS256","kid":"one","typ":"at+jwt"}`) + ".!.c2ln",
		encode(`{"alg":"RS256","kid":"one","typ":"at+jwt"}`)[1:] + "." + encode(`{}`) + ".c2ln",
		"!." + encode(`{}`) + ".c2ln",
		"",
	}
	says := func(r *jwt.Reader, token string) string {
		algorithm, kid, typ, err := r.Header(token)
		return fmt.Sprint(algorithm, " ", kid, " ", typ, " ", err)
	}
	var used jwt.Reader
	for _, before := range tokens {
		for _, again := range tokens {
			for _, token := range []string{before, again, again} {
				if got, want := says(&used, token), says(new(jwt.Reader), token); got != want {
					t.Errorf("after %q, %q says %s, alone %s", before, token, got, want)
				}
			}
		}
	}
}

func TestAttackOversizedTokens(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	for _, c := range []struct {
		size int
		want error
	}{{5000, nil}, {6500, jwt.ErrMalformed}, {1 << 20, jwt.ErrMalformed}} {
		payload := change("alice", strings.Repeat("a", c.size))(goodPayload())
		wantError(t, v, forge(t, key, goodHeader(key), payload), c.want)
	}
}

func pad(part string) string { return part + strings.Repeat("=", (4-len(part)%4)%4) }

// strayBits is the spellings of part that a lax decoder reads as the same bytes.
func strayBits(part string) []string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	want, err := base64.RawURLEncoding.DecodeString(part)
	var others []string
	for _, c := range alphabet {
		other := part[:len(part)-1] + string(c)
		if got, e := base64.RawURLEncoding.DecodeString(other); err == nil && e == nil && other != part && string(got) == string(want) {
			others = append(others, other)
		}
	}
	return others
}

// Errors end in logs: they must not carry the token there.
func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	t.Parallel()
	v, key := world(t, keys.HS256)
	for _, token := range []string{
		forge(t, key, goodHeader(key), change("alice", "canary\x01")(goodPayload())),
		forge(t, key, goodHeader(key), `{"canary":1,"canary":2}`),
		forge(t, key, `{"alg":"canary"}`, `{}`),
		forge(t, key, `{"alg":"HS256","kid":"canary"}`, `{}`),
		forge(t, key, goodHeader(key), change(issuer, "canary")(goodPayload())),
		"canary", "canary.canary.canary",
	} {
		if _, err := v.Verify(token); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("err = %v", err)
		}
	}
}
