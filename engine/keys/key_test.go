package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/keys"
	jose "github.com/go-jose/go-jose/v4"
	golangjwt "github.com/golang-jwt/jwt/v5"
)

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	t.Run("are thirteen, RS256 first, and know what they are", func(t *testing.T) {
		t.Parallel()
		all := keys.Algorithms()
		if len(all) != 13 || all[0] != keys.RS256 {
			t.Fatalf("Algorithms() = %v", all)
		}
		for _, a := range all {
			if !a.Valid() || a.Kind() == "" || a.Cost() == "" || a.Advice() == "" {
				t.Errorf("%s is not described", a)
			}
			if a.Symmetric() != strings.HasPrefix(string(a), "HS") {
				t.Errorf("%s.Symmetric() = %t", a, a.Symmetric())
			}
		}
	})
	t.Run("are spelled one way only", func(t *testing.T) {
		t.Parallel()
		for _, a := range []keys.Algorithm{"", "none", "None", "NONE", "nOnE", "rs256", "RS256 ", "EDDSA", "Ed25519", "ES521", "HS1"} {
			if a.Valid() {
				t.Errorf("%q is valid", a)
			}
			if _, err := keys.Generate(a); err == nil {
				t.Errorf("a key of %q was made", a)
			}
		}
	})
	t.Run("that share secrets are said to let every verifier forge", func(t *testing.T) {
		t.Parallel()
		if !strings.Contains(keys.HS256.Advice(), "forge") {
			t.Error("the advice of HS256 does not say so")
		}
	})
}

func TestKeyOfEveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range keys.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			key := generate(t, alg)
			const input = "eyJhbGciOiJ4In0.e30"
			signature := sign(t, key, input)
			t.Run("verifies its own signature and no other", func(t *testing.T) { verifiesOnly(t, key, input, signature) })
			t.Run("comes back from Marshal and Parse", func(t *testing.T) { comesBack(t, key, input, signature) })
			t.Run("agrees with go-jose and golang-jwt", func(t *testing.T) { agrees(t, key, input, signature) })
			t.Run("appends to what is there", func(t *testing.T) { appends(t, key, input) })
		})
	}
}

func verifiesOnly(t *testing.T, key *keys.Key, input string, signature []byte) {
	if !key.Verify([]byte(input), signature) {
		t.Fatal("its own signature is refused")
	}
	if key.Verify([]byte(input+"x"), signature) {
		t.Error("accepted for another input")
	}
	for _, bad := range [][]byte{nil, {}, signature[1:], signature[:len(signature)-1], append(bytes.Clone(signature), 0), append([]byte{0}, signature...), make([]byte, len(signature))} {
		if key.Verify([]byte(input), bad) {
			t.Errorf("accepted a changed signature of %d bytes", len(bad))
		}
	}
	for i := 0; i < len(signature); i += 7 {
		bad := bytes.Clone(signature)
		bad[i] ^= 0x10
		if key.Verify([]byte(input), bad) {
			t.Errorf("accepted with byte %d changed", i)
		}
	}
}

func comesBack(t *testing.T, key *keys.Key, input string, signature []byte) {
	material, err := key.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := keys.Parse(key.Algorithm, key.ID, material)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != key.ID || again.Algorithm != key.Algorithm || !again.CanSign() {
		t.Errorf("came back as %s %s, can sign %t", again.ID, again.Algorithm, again.CanSign())
	}
	if !again.Verify([]byte(input), signature) || !key.Verify([]byte(input), sign(t, again, input)) {
		t.Error("the key that came back is another one")
	}
}

func agrees(t *testing.T, key *keys.Key, input string, signature []byte) {
	method := golangjwt.GetSigningMethod(string(key.Algorithm))
	if err := method.Verify(input, signature, otherPublic(t, key)); err != nil {
		t.Errorf("golang-jwt refuses our signature: %v", err)
	}
	theirs, err := method.Sign(input, otherPrivate(t, key))
	if err != nil {
		t.Fatal(err)
	}
	if !key.Verify([]byte(input), theirs) {
		t.Error("we refuse a signature of golang-jwt")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: otherPrivate(t, key)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	signed, encoded, _ := cutLast(compact)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if !key.Verify([]byte(signed), raw) {
		t.Error("we refuse a signature of go-jose")
	}
}

func appends(t *testing.T, key *keys.Key, input string) {
	got, err := key.Sign([]byte("before"), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got, []byte("before")) || !key.Verify([]byte(input), got[len("before"):]) {
		t.Error("the signature does not stand after what was there")
	}
}

func cutLast(compact string) (signed, signature string, ok bool) {
	i := strings.LastIndexByte(compact, '.')
	return compact[:i], compact[i+1:], i > 0
}

// otherPrivate is the key as the standard library and others know it.
func otherPrivate(t *testing.T, key *keys.Key) any {
	t.Helper()
	material, err := key.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if key.Algorithm.Symmetric() {
		return material
	}
	parsed, err := x509.ParsePKCS8PrivateKey(material)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func otherPublic(t *testing.T, key *keys.Key) any {
	t.Helper()
	private := otherPrivate(t, key)
	if signer, ok := private.(crypto.Signer); ok {
		return signer.Public()
	}
	return private
}

func TestParseRefusesUnfitKeys(t *testing.T) {
	t.Parallel()
	rsa1024 := weakRSA(t, 1024)
	p224 := ecKey(t, elliptic.P224())
	p256 := ecKey(t, elliptic.P256())
	strong := generate(t, keys.RS256)
	strongDER, err := strong.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	public := publicDER(t, strong)
	random := make([]byte, 64)
	_, _ = rand.Read(random)
	for _, c := range []struct {
		name     string
		alg      keys.Algorithm
		id       string
		material []byte
		field    string
		part     string
	}{
		{"an unknown algorithm", "none", "k", strongDER, "alg", "not"},
		{"no id", keys.RS256, "", strongDER, "kid", "1 to 128"},
		{"an id that is too long", keys.RS256, strings.Repeat("k", 129), strongDER, "kid", "1 to 128"},
		{"an id with a line break", keys.RS256, "a\nb", strongDER, "kid", "printable"},
		{"an id with a quote", keys.RS256, `a"b`, strongDER, "kid", "printable"},
		{"nothing", keys.RS256, "k", nil, "key", "cannot be read"},
		{"text", keys.RS256, "k", []byte("hello"), "key", "cannot be read"},
		{"RSA with 1024 bits", keys.RS256, "k", rsa1024, "key", "2048"},
		{"EC for an RSA algorithm", keys.RS256, "k", p256, "key", "RSA"},
		{"EC for PSS", keys.PS512, "k", p256, "key", "RSA"},
		{"RSA for an EC algorithm", keys.ES256, "k", strongDER, "key", "EC"},
		{"RSA for EdDSA", keys.EdDSA, "k", strongDER, "key", "Ed25519"},
		{"the wrong curve", keys.ES384, "k", p256, "key", "P-384"},
		{"a curve that JWS does not know", keys.ES256, "k", p224, "key", "P-256"},
		{"an empty secret", keys.HS256, "k", nil, "key", "32"},
		{"a secret shorter than the hash", keys.HS256, "k", random[:31], "key", "32"},
		{"a secret shorter than SHA-384", keys.HS384, "k", random[:47], "key", "48"},
		{"a secret shorter than SHA-512", keys.HS512, "k", random[:63], "key", "64"},
		{"a secret that is too long", keys.HS256, "k", bytes.Repeat(random, 17), "key", "1024"},
		{"a secret of zeros", keys.HS256, "k", make([]byte, 32), "key", "repeats"},
		{"a public key in DER as a secret", keys.HS256, "k", public, "key", "public key"},
		{"a public key in PEM as a secret", keys.HS256, "k", []byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"), "key", "public key"},
		{"an SSH public key as a secret", keys.HS256, "k", []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE"), "key", "public key"},
		{"a JWK as a secret", keys.HS256, "k", []byte(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJX","e":"AQAB"}`), "key", "public key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key, err := keys.Parse(c.alg, c.id, c.material)
			if key != nil {
				t.Error("a key came with the error")
			}
			wantProblem(t, err, c.field, c.part)
		})
	}
}

func TestParseAcceptsAPublicHalfThatCannotSign(t *testing.T) {
	t.Parallel()
	for _, alg := range []keys.Algorithm{keys.RS256, keys.PS256, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			private := generate(t, alg)
			key, err := keys.Parse(alg, "public", publicDER(t, private))
			if err != nil {
				t.Fatal(err)
			}
			if !key.Verify([]byte("x"), sign(t, private, "x")) {
				t.Error("it does not verify")
			}
			if _, err := key.Sign(nil, []byte("x")); !errors.Is(err, keys.ErrNoPrivate) || key.CanSign() {
				t.Errorf("Sign: %v, want ErrNoPrivate", err)
			}
			material, err := key.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := keys.Parse(alg, "public", material); err != nil || again.Thumbprint() != private.Thumbprint() {
				t.Errorf("came back as another key: %v", err)
			}
		})
	}
}

// A signature that holds for zero r or s holds for every message under every
// key (CVE-2022-21449).
func TestECDSAAttackValuesAreRefused(t *testing.T) {
	t.Parallel()
	for alg, curve := range map[keys.Algorithm]elliptic.Curve{keys.ES256: elliptic.P256(), keys.ES384: elliptic.P384(), keys.ES512: elliptic.P521()} {
		key := generate(t, alg)
		n := curve.Params().N
		size := (curve.Params().BitSize + 7) / 8
		special := []*big.Int{big.NewInt(0), big.NewInt(1), new(big.Int).Sub(n, big.NewInt(1)), n, new(big.Int).Add(n, big.NewInt(1))}
		for _, r := range special {
			for _, s := range special {
				signature := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
				if key.Verify([]byte("x"), signature) {
					t.Errorf("%s accepts r=%v s=%v", alg, r, s)
				}
			}
		}
		der, err := ecdsa.SignASN1(rand.Reader, otherPrivate(t, key).(*ecdsa.PrivateKey), digest256("x"))
		if err != nil {
			t.Fatal(err)
		}
		if key.Verify([]byte("x"), der) {
			t.Errorf("%s accepts a signature in ASN.1", alg)
		}
	}
}

func TestECDSASignaturesOfShortNumbersKeepTheirLength(t *testing.T) {
	t.Parallel()
	key := generate(t, keys.ES512) // the first byte of r and s is 0 or 1: half of them are short
	for i := range 40 {
		input := strings.Repeat("x", i)
		signature := sign(t, key, input)
		if len(signature) != 132 || !key.Verify([]byte(input), signature) {
			t.Fatalf("signature %d has %d bytes", i, len(signature))
		}
	}
}

// Go would find the salt's length in the signature and accept any.
func TestPSSSaltOfAnotherLengthIsRefused(t *testing.T) {
	t.Parallel()
	key := generate(t, keys.PS256)
	private := otherPrivate(t, key).(*rsa.PrivateKey)
	for salt, want := range map[int]bool{1: false, 20: false, 31: false, 32: true, 33: false, rsa.PSSSaltLengthAuto: false} {
		signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest256("x"), &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if got := key.Verify([]byte("x"), signature); got != want {
			t.Errorf("salt of %d bytes: %t, want %t", salt, got, want)
		}
	}
}

func TestEdDSAPointsOfSmallOrderAreRefused(t *testing.T) {
	t.Parallel()
	for _, point := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, a second form of 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1
		"0200000000000000000000000000000000000000000000000000000000000000", // not on the curve
	} {
		der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(unhex(t, point)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = keys.Parse(keys.EdDSA, "k", der)
		wantProblem(t, err, "key", "Ed25519")
	}
}

func TestHMACVerifyDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget")
	}
	for _, alg := range []keys.Algorithm{keys.HS256, keys.HS384, keys.HS512} {
		key := generate(t, alg)
		input := []byte(strings.Repeat("x", 400))
		signature := sign(t, key, string(input))
		if n := testing.AllocsPerRun(200, func() { key.Verify(input, signature) }); n != 0 {
			t.Errorf("%s: %v allocations", alg, n)
		}
	}
}

func TestHMACIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	key := generate(t, keys.HS256)
	done := make(chan bool)
	for g := range 4 {
		go func() {
			ok := true
			for i := range 200 {
				input := []byte(strings.Repeat("x", g*200+i))
				signature, err := key.Sign(nil, input)
				ok = ok && err == nil && key.Verify(input, signature)
			}
			done <- ok
		}()
	}
	for range 4 {
		if !<-done {
			t.Error("a signature was wrong")
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
		Thumbprints []struct {
			Source, SHA256 string
			Key            json.RawMessage
		}
	}
	readJSON(t, "testdata/rfc/rfc_vectors.json", &file)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			key, err := keys.ParseJWK(v.Key, keys.Algorithm(v.Alg), noon)
			if v.Alg == "none" {
				if err == nil {
					t.Error("a key for none was made")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			signed, encoded, _ := cutLast(v.Compact)
			signature, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := key.Verify([]byte(signed), signature), v.Signature == "valid"; got != want {
				t.Errorf("Verify = %t, want %t", got, want)
			}
		})
	}
	for _, v := range file.Thumbprints {
		t.Run("thumbprint of "+v.Source, func(t *testing.T) {
			t.Parallel()
			alg := keys.RS256
			if strings.Contains(v.Source, "8037") {
				alg = keys.EdDSA
			}
			key, err := keys.ParseJWK(v.Key, alg, noon)
			if err != nil {
				t.Fatal(err)
			}
			if got := key.Thumbprint(); got != v.SHA256 {
				t.Errorf("Thumbprint = %s, want %s", got, v.SHA256)
			}
		})
	}
}

func weakRSA(t *testing.T, bits int) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func ecKey(t *testing.T, curve elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func publicDER(t *testing.T, key *keys.Key) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(otherPublic(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func digest256(input string) []byte {
	d := sha256.Sum256([]byte(input))
	return d[:]
}
