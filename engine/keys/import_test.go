package keys_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
	jose "github.com/go-jose/go-jose/v4"
)

// Every key set of Wycheproof: the sound ones are taken and verify, the unsound
// ones are refused when they are saved.
func TestWycheproofKeySets(t *testing.T) {
	t.Parallel()
	var file struct {
		TestGroups []struct {
			Comment         string
			Public, Private json.RawMessage
			Tests           []struct {
				TcID                 int
				Comment, Jws, Result string
			}
		}
	}
	readJSON(t, "testdata/wycheproof/json_web_key_test.json", &file)
	refused, accepted := 0, 0
	for _, group := range file.TestGroups {
		for _, c := range group.Tests {
			for half, set := range map[string]json.RawMessage{"public": group.Public, "private": group.Private} {
				if set == nil {
					continue
				}
				all, err := keys.ParseJWKSet(set, "", noon)
				ok := err == nil && verifies(all, c.Jws)
				if want := c.Result == "valid"; ok != want {
					t.Errorf("%d %s %s (%s): %t, want %t (%v)", c.TcID, group.Comment, c.Comment, half, ok, want, err)
				}
				// The one test whose keys are sound has a broken signature.
				if !ok && err == nil && c.Comment != "rejectsModifiedSignature" {
					t.Errorf("%d %s %s (%s): the key itself was taken", c.TcID, group.Comment, c.Comment, half)
				}
				if ok {
					accepted++
				} else {
					refused++
				}
			}
		}
	}
	if accepted < 5 || refused < 21 {
		t.Errorf("%d accepted and %d refused, want at least 5 and 21", accepted, refused)
	}
}

func TestParseJWKSetRefuses(t *testing.T) {
	t.Parallel()
	a, b := jwkNamed(t, "a"), jwkNamed(t, "b")
	const secret = `{"kty":"oct","alg":"HS256","kid":"s","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	for _, c := range []struct{ name, set, field, part string }{
		{"one key id for two keys", `{"keys":[` + a + `,` + jwkNamed(t, "a") + `]}`, "keys[1].kid", "twice"},
		{"a secret after a public key", `{"keys":[` + a + `,` + b + `,` + secret + `]}`, "keys[2].kty", "mix"},
		{"a public key after a secret", `{"keys":[` + secret + `,` + a + `]}`, "keys[1].kty", "mix"},
		{"a broken key", `{"keys":[` + a + `,{"kty":"EC"}]}`, "keys[1].alg", "algorithm"},
		{"a key that is no object", `{"keys":[1]}`, "keys[0]", "JSON object"},
		{"no keys", `{"keys":[]}`, "keys", "at least one"},
		{"no set", a, "keys", "at least one"},
		{"a text of keys", `{"keys":"x"}`, "keys", "at least one"},
		{"too many keys", `{"keys":[` + strings.Repeat("1,", 100) + `1]}`, "keys", "at most 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all, err := keys.ParseJWKSet([]byte(c.set), "", noon)
			if all != nil {
				t.Error("keys came with the error")
			}
			wantProblem(t, err, c.field, c.part)
		})
	}
	t.Run("nothing of a sound set", func(t *testing.T) {
		t.Parallel()
		if all, err := keys.ParseJWKSet([]byte(`{"keys":[`+a+`,`+b+`]}`), "", noon); err != nil || len(all) != 2 || all[1].ID != "b" {
			t.Errorf("%d keys, %v", len(all), err)
		}
	})
}

// jwkNamed is the public JWK of a new key.
func jwkNamed(t *testing.T, kid string) string {
	t.Helper()
	j, _ := generate(t, keys.ES256).Public()
	j.ID = kid
	raw, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func verifies(all []*keys.Key, compact string) bool {
	signed, encoded, _ := cutLast(compact)
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	for _, key := range all {
		if err == nil && key.Verify([]byte(signed), signature) {
			return true
		}
	}
	return false
}

func TestCookbookKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file string
		alg  keys.Algorithm
		ok   bool
		sign bool
	}{
		{"3_1.ec_public_key.json", keys.ES512, true, false},
		{"3_2.ec_private_key.json", keys.ES512, true, true},
		{"3_3.rsa_public_key.json", keys.PS384, true, false},
		{"3_4.rsa_private_key.json", keys.RS256, true, true},
		{"3_5.symmetric_key_mac_computation.json", "", true, true},
		{"3_6.symmetric_key_encryption.json", "", false, false},
		{"3_1.ec_public_key.json", keys.ES256, false, false},
		{"3_1.ec_public_key.json", "", false, false},
		{"3_4.rsa_private_key.json", keys.ES512, false, false},
	} {
		t.Run(c.file+" for "+string(c.alg), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join("testdata/cookbook", c.file))
			if err != nil {
				t.Fatal(err)
			}
			key, err := keys.ParseJWK(raw, c.alg, noon)
			if (err == nil) != c.ok {
				t.Fatalf("err = %v, want ok %t", err, c.ok)
			}
			if key != nil && key.CanSign() != c.sign {
				t.Errorf("CanSign = %t", key.CanSign())
			}
		})
	}
}

func TestParseJWKRefuses(t *testing.T) {
	t.Parallel()
	const ec = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	const hs = `"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"`
	for _, c := range []struct{ name, jwk, field, part string }{
		{"nothing", ``, "", "JSON object"},
		{"an array", `[]`, "", "JSON object"},
		{"two objects", `{` + ec + `}{}`, "", "nothing after"},
		{"a cut object", `{` + ec, "", "one JSON object"},
		{"broken UTF-8", "{" + ec + ",\"kid\":\"\xff\"}", "", "UTF-8"},
		{"a member twice", `{` + ec + `,"kty":"oct"}`, "kty", "twice"},
		{"a member in other letter case", `{` + strings.Replace(ec, "kty", "KTY", 1) + `}`, "kty", "type"},
		{"another algorithm", `{` + ec + `,"alg":"ES384"}`, "alg", "ES384"},
		{"an algorithm that is a number", `{` + ec + `,"alg":256}`, "alg", "string"},
		{"a null algorithm", `{` + ec + `,"alg":null}`, "alg", "string"},
		{"use enc", `{` + ec + `,"use":"enc"}`, "use", "sig"},
		{"key_ops for encryption", `{` + ec + `,"key_ops":["encrypt"]}`, "key_ops", "sign"},
		{"key_ops for more than signing", `{` + ec + `,"key_ops":["verify","deriveKey"]}`, "key_ops", "sign"},
		{"key_ops twice the same", `{` + ec + `,"key_ops":["verify","verify"]}`, "key_ops", "once"},
		{"empty key_ops", `{` + ec + `,"key_ops":[]}`, "key_ops", "once"},
		{"an empty kid", `{` + ec + `,"kid":""}`, "kid", "1 to 128"},
		{"a kid with a line break", `{` + ec + `,"kid":"a\nb"}`, "kid", "printable"},
		{"a secret", `{` + hs + `}`, "kty", "EC"},
		{"a coordinate with padding", `{` + strings.Replace(ec, `VEU"`, `VEU="`, 1) + `}`, "x", "base64url"},
		{"a coordinate with a line break", `{` + strings.Replace(ec, `VEU"`, `V\nEU"`, 1) + `}`, "x", "base64url"},
		{"a coordinate with stray bits", `{` + strings.Replace(ec, `VEU"`, `VEV"`, 1) + `}`, "x", "base64url"},
		{"a short coordinate", `{` + strings.Replace(ec, `RVEU"`, `R"`, 1) + `}`, "x", "32 bytes"},
		{"a point off the curve", `{` + strings.Replace(ec, `"x":"f8`, `"x":"f9`, 1) + `}`, "x", "curve"},
		{"no y", `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}`, "y", "lacks"},
		{"the wrong curve", `{` + strings.Replace(ec, `P-256`, `P-521`, 1) + `}`, "crv", "P-256"},
		{"a private half of another key", `{` + ec + `,"d":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`, "d", "belong"},
		{"a private half of zero", `{` + ec + `,"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, "d", "belong"},
		{"an empty chain", `{` + ec + `,"x5c":[]}`, "x5c", "array"},
		{"a chain that is no certificate", `{` + ec + `,"x5c":["AAAA"]}`, "x5c", "read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key, err := keys.ParseJWK([]byte(c.jwk), keys.ES256, noon)
			if key != nil {
				t.Error("a key came with the error")
			}
			wantProblem(t, err, c.field, c.part)
		})
	}
}

func TestParseJWKRefusesRSANumbersThatDoNotFit(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(jose.JSONWebKey{Key: otherPrivate(t, generate(t, keys.RS256)), KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte{0xff}, 1025) // 8200 bits
	even := append(bytes.Repeat([]byte{0xff}, 255), 0xfe)
	for _, c := range []struct {
		name, member string
		value        any
		private      bool // whether the private half stays
		field, part  string
	}{
		{"an even exponent", "e", "AQAA", false, "key", "odd"},
		{"an exponent of one", "e", "AQ", false, "key", "odd"},
		{"an exponent of zero", "e", "", false, "key", "odd"},
		{"an exponent of 32 bits", "e", "_____w", false, "e", "odd"},
		{"a huge exponent", "e", "AQAAAAAAAAAE", false, "e", "odd"},
		{"a modulus of zero", "n", "", false, "key", "2048"},
		{"a modulus of 8200 bits", "n", base64.RawURLEncoding.EncodeToString(large), false, "key", "8192"},
		{"an even modulus", "n", base64.RawURLEncoding.EncodeToString(even), false, "key", "small factor"},
		{"a modulus with the factor 3", "n", base64.RawURLEncoding.EncodeToString(large[:256]), false, "key", "small factor"},
		{"an exponent of one with a private half", "e", "AQ", true, "key", "odd"},
		{"another private exponent", "d", "AQAB", true, "key", "belong"},
		{"no private exponent", "d", "", true, "key", "belong"},
		{"another prime", "p", "AQAB", true, "p", "belong"},
		{"a third prime", "oth", []any{}, true, "oth", "two primes"},
		{"a missing prime", "q", nil, true, "q", "string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var bad map[string]any
			if err := json.Unmarshal(raw, &bad); err != nil {
				t.Fatal(err)
			}
			if !c.private {
				delete(bad, "d")
			}
			bad[c.member] = c.value
			changed, err := json.Marshal(bad)
			if err != nil {
				t.Fatal(err)
			}
			_, err = keys.ParseJWK(changed, keys.RS256, noon)
			wantProblem(t, err, c.field, c.part)
		})
	}
}

// What go-jose writes, private and public, we read.
func TestParseJWKReadsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	for _, alg := range keys.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			key := generate(t, alg)
			raw, err := json.Marshal(jose.JSONWebKey{Key: otherPrivate(t, key), KeyID: "theirs", Algorithm: string(alg), Use: "sig"})
			if err != nil {
				t.Fatal(err)
			}
			again, err := keys.ParseJWK(raw, "", noon)
			if err != nil {
				t.Fatal(err)
			}
			if again.ID != "theirs" || again.Algorithm != alg || !key.Verify([]byte("x"), sign(t, again, "x")) {
				t.Error("it is another key")
			}
		})
	}
}

func TestParseJWKWithoutKid(t *testing.T) {
	t.Parallel()
	t.Run("takes the thumbprint", func(t *testing.T) {
		t.Parallel()
		key := generate(t, keys.EdDSA)
		raw, err := json.Marshal(jose.JSONWebKey{Key: otherPublic(t, key)})
		if err != nil {
			t.Fatal(err)
		}
		again, err := keys.ParseJWK(raw, keys.EdDSA, noon)
		if err != nil {
			t.Fatal(err)
		}
		if again.ID != key.Thumbprint() {
			t.Errorf("ID = %s, want %s", again.ID, key.Thumbprint())
		}
	})
	t.Run("takes a random id for a secret, whose thumbprint must not be seen", func(t *testing.T) {
		t.Parallel()
		const secret = `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
		a, err := keys.ParseJWK([]byte(secret), keys.HS256, noon)
		if err != nil {
			t.Fatal(err)
		}
		b, err := keys.ParseJWK([]byte(secret), keys.HS256, noon)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID == b.ID || a.Thumbprint() != "" {
			t.Error("the id follows from the secret")
		}
	})
}

func TestParsePEM(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := generate(t, keys.RS256), generate(t, keys.ES256)
	rsaPEM := block("PRIVATE KEY", pkcs8(t, otherPrivate(t, rsaKey)))
	cert := func(key *keys.Key, change func(*x509.Certificate)) string {
		return block("CERTIFICATE", certificate(t, key, change))
	}
	for _, c := range []struct {
		name, text  string
		alg         keys.Algorithm
		field, part string // empty: accepted
	}{
		{"PKCS #8", rsaPEM, keys.PS256, "", ""},
		{"a public key", block("PUBLIC KEY", publicDER(t, ecKey)), keys.ES256, "", ""},
		{"a certificate", cert(rsaKey, nil), keys.RS256, "", ""},
		{"a key with its certificate", rsaPEM + cert(rsaKey, nil), keys.RS256, "", ""},
		{"text around the key", "Bag Attributes\n" + rsaPEM + "\nbye\n", keys.RS256, "", ""},
		{"EC parameters before the key", block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}) + block("PRIVATE KEY", pkcs8(t, otherPrivate(t, ecKey))), keys.ES256, "", ""},
		{"a certificate of another key", rsaPEM + cert(ecKey, nil), keys.RS256, "certificate", "another key"},
		{"an expired certificate", cert(rsaKey, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }), keys.RS256, "certificate", "expired on 2026-11-21"},
		{"a certificate of the future", cert(rsaKey, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) }), keys.RS256, "certificate", "only from"},
		{"a certificate for encryption", cert(rsaKey, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), keys.RS256, "certificate", "signatures"},
		{"two keys", rsaPEM + rsaPEM, keys.RS256, "key", "several"},
		{"an encrypted key", block("ENCRYPTED PRIVATE KEY", []byte{1}), keys.RS256, "key", "encrypted"},
		{"an encrypted key of the old form", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", keys.RS256, "key", "encrypted"},
		{"a certificate request", block("CERTIFICATE REQUEST", []byte{1}), keys.RS256, "key", "CERTIFICATE REQUEST"},
		{"no PEM", "hello", keys.RS256, "key", "-----BEGIN"},
		{"cut PEM", rsaPEM[:len(rsaPEM)-40], keys.RS256, "key", "cut off"},
		{"PEM for a shared secret", rsaPEM, keys.HS256, "key", "shared secret"},
		{"an unknown algorithm", rsaPEM, "none", "alg", "not"},
		{"the wrong kind", rsaPEM, keys.ES256, "key", "EC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key, err := keys.ParsePEM([]byte(c.text), c.alg, "", noon)
			if c.part != "" {
				wantProblem(t, err, c.field, c.part)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if key.ID == "" || key.ID != key.Thumbprint() {
				t.Errorf("ID = %q, want the thumbprint", key.ID)
			}
		})
	}
}

func TestJWKHoldsItsCertificateAgainstTheClock(t *testing.T) {
	t.Parallel()
	key, other := generate(t, keys.ES256), generate(t, keys.ES256)
	for _, c := range []struct {
		name string
		cert []byte
		part string
	}{
		{"its own", certificate(t, key, nil), ""},
		{"expired", certificate(t, key, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) }), "expired"},
		{"of another key", certificate(t, other, nil), "another key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j, _ := key.Public()
			raw, err := json.Marshal(struct {
				keys.JWK
				Chain [][]byte `json:"x5c"`
			}{j, [][]byte{c.cert}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = keys.ParseJWK(raw, keys.ES256, noon)
			if c.part == "" && err == nil {
				return
			}
			wantProblem(t, err, "x5c", c.part)
		})
	}
}

func certificate(t *testing.T, key *keys.Key, change func(*x509.Certificate)) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, otherPublic(t, key), otherPrivate(t, key).(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func FuzzParseJWK(f *testing.F) {
	f.Add([]byte(`{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`))
	f.Add([]byte(`{"kty":"EC","alg":"ES256","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`))
	f.Add([]byte(`{"kty":"OKP","alg":"EdDSA","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := keys.ParseJWK(data, "", noon); err == nil {
			if !json.Valid(data) || key.ID == "" || !key.Algorithm.Valid() {
				t.Error("an unusable key was accepted")
			}
		}
	})
}
