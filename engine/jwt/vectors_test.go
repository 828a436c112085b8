package jwt_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

type wycheproof struct {
	TestGroups []struct {
		Comment         string
		Public, Private map[string]any
		Tests           []struct {
			TcID            int
			Comment, Result string
			Jws, Jwe        serialized
		}
	}
}

// serialized is a token in the compact form, or the text of its JSON form.
type serialized string

func (s *serialized) UnmarshalJSON(raw []byte) error {
	if raw[0] != '"' {
		*s = serialized(raw)
		return nil
	}
	return json.Unmarshal(raw, (*string)(s))
}

// oddities of the file: what it calls valid or invalid and is not so for a
// strict reader.
var oddities = map[int]string{
	367: "valid", 370: "valid", // the very text of the valid 357
	372: "invalid", 373: "invalid", // a question mark within the base64url
}

// renamed are algorithms that the file gives wrongly to the keys of RFC 7520.
func renamed(comment string, key map[string]any) map[string]any {
	fixed := map[string]any{"ES521": "ES512"}
	if strings.HasPrefix(comment, "rfc7520") {
		fixed["PS256"] = "PS384"
	}
	if name, there := fixed[alg(key)]; there {
		key["alg"] = name
	}
	return key
}

func alg(key map[string]any) string {
	name, _ := key["alg"].(string)
	return name
}

func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	var file wycheproof
	readJSON(t, "testdata/wycheproof/json_web_signature_test.json", &file)
	count := map[string]int{}
	for _, group := range file.TestGroups {
		jwk := group.Public
		if jwk == nil {
			jwk = group.Private
		}
		check := checker(t, renamed(group.Comment, jwk))
		for _, c := range group.Tests {
			want := c.Result
			if odd := oddities[c.TcID]; odd != "" {
				want = odd
			}
			got := "invalid"
			if check(string(c.Jws)) {
				got = "valid"
			}
			count[got]++
			if got != want {
				t.Errorf("%d %s %s: %s, want %s", c.TcID, group.Comment, c.Comment, got, want)
			}
		}
	}
	if count["valid"] != 46 || count["invalid"] != 355 {
		t.Errorf("counted %v, want 46 valid and 355 invalid", count)
	}
}

// checker verifies signatures as a verifier with that one key would, and makes
// sure that Verify itself takes none of them: no payload is a set of claims.
func checker(t *testing.T, jwk map[string]any) func(token string) bool {
	t.Helper()
	raw, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	pinned := keys.Algorithm(alg(jwk))
	if pinned == "" {
		pinned = map[string]keys.Algorithm{"RSA": keys.RS256, "EC": keys.ES256}[jwk["kty"].(string)]
	}
	key, err := keys.ParseJWK(raw, pinned, noon)
	if err != nil {
		return withoutKey(t, jwk)
	}
	v := verifier(t, pinned, keys.Entry{Key: key, State: keys.Retiring})
	return func(token string) bool {
		if _, err := v.Verify(token); err == nil {
			t.Errorf("Verify accepts %s", token)
		}
		return v.VerifySignature(token) == nil
	}
}

// withoutKey is for keys that the key store refuses: wrong use, wrong key_ops,
// and one secret of zeros whose tokens test base64 and are checked by hand.
func withoutKey(t *testing.T, jwk map[string]any) func(token string) bool {
	t.Helper()
	if jwk["kid"] != "hs256-key" {
		if jwk["use"] != "enc" && jwk["key_ops"] == nil {
			t.Errorf("the key %v is refused", jwk["kid"])
		}
		return func(string) bool { return false }
	}
	return func(token string) bool {
		algorithm, input, signature, err := jwt.Parts(token)
		m := hmac.New(sha256.New, make([]byte, 32))
		m.Write(input)
		return err == nil && algorithm == "HS256" && hmac.Equal(m.Sum(nil), signature)
	}
}

// Encrypted tokens are refused whoever they are for.
func TestWycheproofEncryption(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json_web_encryption_test.json", "json_web_crypto_test.json"} {
		var file wycheproof
		readJSON(t, filepath.Join("testdata/wycheproof", name), &file)
		v, _ := world(t, keys.HS256)
		count := 0
		for _, group := range file.TestGroups {
			for _, c := range group.Tests {
				for _, token := range []serialized{c.Jwe, c.Jws} {
					if _, err := v.Verify(string(token)); err == nil {
						t.Errorf("%s %d %s is accepted", name, c.TcID, c.Comment)
					}
				}
				count++
			}
		}
		if count < 80 {
			t.Errorf("%s has %d tests", name, count)
		}
	}
}

func TestRFCVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID, Alg, Compact, Signature string
			Key                         json.RawMessage
		}
	}
	readJSON(t, "testdata/rfc/rfc_vectors.json", &file)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			algorithm, input, signature, err := jwt.Parts(v.Compact)
			if v.Alg == "none" {
				if err == nil {
					t.Error("an unsigned token is read")
				}
				return
			}
			if err != nil || algorithm != v.Alg {
				t.Fatalf("Parts: %s, %v", algorithm, err)
			}
			key, err := keys.ParseJWK(v.Key, keys.Algorithm(v.Alg), noon)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := key.Verify(input, signature), v.Signature == "valid"; got != want {
				t.Errorf("the signature is %t, want %t", got, want)
			}
		})
	}
}

// RFC 7520: compact signatures verify, everything else of JOSE is refused.
func TestCookbook(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cookbook/*/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	verified := 0
	for _, path := range files {
		var file struct {
			Input struct {
				Key json.RawMessage
				Alg any
			}
			Output map[string]json.RawMessage
		}
		readJSON(t, path, &file)
		v, _ := world(t, keys.HS256)
		for form, raw := range file.Output {
			token := string(bytes.Trim(raw, `"`))
			if _, err := v.Verify(token); err == nil {
				t.Errorf("%s: %s is accepted", path, form)
			}
			algorithm, input, signature, err := jwt.Parts(token)
			if form == "compact" && err == nil && !strings.Contains(path, "4_5") { // detached
				if !verifies(t, file.Input.Key, keys.Algorithm(algorithm), input, signature) {
					t.Errorf("%s does not verify", path)
				}
				verified++
			}
			if err == nil && (form != "compact" || strings.Contains(path, "/jwe/") || strings.Contains(path, "7797")) {
				t.Errorf("%s: %s is read as a plain signed token", path, form)
			}
		}
	}
	if verified != 5 {
		t.Errorf("%d verified, want the 4 of RFC 7520 and the one of RFC 8037", verified)
	}
}

func verifies(t *testing.T, jwk json.RawMessage, algorithm keys.Algorithm, input, signature []byte) bool {
	t.Helper()
	key, err := keys.ParseJWK(jwk, algorithm, noon)
	if err != nil {
		t.Error(err)
		return false
	}
	return key.Verify(input, signature)
}
