package keys_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/keys"
)

func TestPastedTextIsReadAsWhatItLooksLike(t *testing.T) {
	t.Parallel()
	material, err := generate(t, keys.ES256).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: material}))
	const secret = `{"kty":"oct","kid":"theirs","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	for _, c := range []struct {
		name, text string
		alg        keys.Algorithm
		id, want   string // want is the kid; "" for the thumbprint
	}{
		{"PEM between blank lines", "\n\n" + private + "\n", keys.ES256, "", ""},
		{"PEM with an id", private, keys.ES256, "ours", "ours"},
		{"a JWK after blanks", "  \t\n" + secret, keys.HS256, "", "theirs"},
		{"a JWK whose id is overridden", secret, keys.HS256, "ours", "ours"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, err := keys.ParseText([]byte(c.text), c.alg, c.id, noon)
			if err != nil {
				t.Fatal(err)
			}
			if want := c.want; k.ID != want && (want != "" || k.ID != k.Thumbprint()) || !k.CanSign() {
				t.Errorf("kid %q, can sign %t", k.ID, k.CanSign())
			}
		})
	}
	for _, c := range []struct {
		name, text string
		alg        keys.Algorithm
		id         string
		field      string
		part       string
	}{
		{"nothing", " \n", keys.ES256, "", "key", "Paste"},
		{"a bare secret", "0123456789abcdef0123456789abcdef", keys.HS256, "", "key", "JWK"},
		{"PEM for a secret", private, keys.HS256, "", "key", "JWK"},
		{"a blank in the id", private, keys.ES256, "a b", "kid", "printable"},
		{"a blank in the id of a JWK", secret, keys.HS256, "a b", "kid", "printable"},
		{"no key at all", "hello", keys.ES256, "", "key", "BEGIN"},
	} {
		t.Run("refuses "+c.name, func(t *testing.T) {
			t.Parallel()
			_, err := keys.ParseText([]byte(c.text), c.alg, c.id, noon)
			wantProblem(t, err, c.field, c.part)
		})
	}
}

func TestThePublicHalfIsAllThatIsShown(t *testing.T) {
	t.Parallel()
	bits := map[keys.Algorithm]int{keys.RS256: 2048, keys.PS512: 2048, keys.ES256: 256, keys.ES384: 384, keys.ES512: 521, keys.EdDSA: 256, keys.HS256: 512}
	for alg, want := range bits {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			k := generate(t, alg)
			if k.Bits() != want {
				t.Errorf("%d bits, want %d", k.Bits(), want)
			}
			text, err := k.PublicPEM()
			if err != nil {
				t.Fatal(err)
			}
			if alg.Symmetric() {
				if text != nil {
					t.Errorf("a shared secret is shown: %s", text)
				}
				return
			}
			block, rest := pem.Decode(text)
			if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 || strings.Contains(string(text), "PRIVATE") {
				t.Fatalf("not one public key: %s", text)
			}
			if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
				t.Error(err)
			}
			again, err := keys.ParseText(text, alg, k.ID, noon)
			if err != nil || again.CanSign() || again.Thumbprint() != k.Thumbprint() {
				t.Errorf("read back as %+v, %v", again, err)
			}
			jwk, _ := k.Public()
			raw, err := json.Marshal(jwk)
			if err != nil || bytes.Contains(raw, []byte(`"d"`)) {
				t.Errorf("%s, %v", raw, err)
			}
		})
	}
}
