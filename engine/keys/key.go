// Package keys owns signing keys: what is a fit one for an algorithm, how it
// signs and verifies, how it is read from and shown as PEM and JWK, and the set
// of them that an environment uses.
//
// A key belongs to one algorithm for life. RFC 8725 section 3.1 asks for that,
// and a JWK can name only one.
package keys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/engine/problem"
)

// ErrNoPrivate means that a key holds a public half only and cannot sign.
var ErrNoPrivate = errors.New("key has no private half and cannot sign")

// Key is one key of one algorithm. It does not change after it was made and is
// safe for concurrent use.
type Key struct {
	// ID is the kid: 1 to 128 printable ASCII characters.
	ID string
	// Algorithm is the only one that the key is used with.
	Algorithm Algorithm

	scheme scheme
}

// scheme is a key of one kind. Its methods get the signing input of a JWS
// (RFC 7515 section 5.1) and signatures in the form that JWS gives them.
type scheme interface {
	sign(dst, input []byte) ([]byte, error)
	verify(input, signature []byte) bool
	private() bool
	// material is what Parse reads: PKCS #8, SubjectPublicKeyInfo or the secret.
	material() ([]byte, error)
	// publicMaterial is the SubjectPublicKeyInfo; nil when there is none to show.
	publicMaterial() ([]byte, error)
	// bits is the length of the modulus, the curve or the secret.
	bits() int
	// describe fills in the public members; false when there are none to show.
	describe(*JWK) bool
}

// Generate makes a new key with a random kid of 128 bits: RSA with 2048 bits,
// an HMAC secret as long as the block of its hash.
func Generate(alg Algorithm) (*Key, error) {
	s, err := generate(alg.facts())
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", alg, err)
	}
	return &Key{ID: randomID(), Algorithm: alg, scheme: s}, nil
}

func generate(f facts) (scheme, error) {
	switch f.kind {
	case RSA, PSS:
		return generateRSA(f)
	case ECDSA:
		return generateECDSA(f)
	case Ed:
		return generateEd()
	case HMAC:
		return generateHMAC(f), nil
	}
	return nil, errors.New("unknown algorithm")
}

// Sign appends the signature of a JWS signing input to dst. Errors are
// ErrNoPrivate or a failure of the cryptography itself.
func (k *Key) Sign(dst, signingInput []byte) ([]byte, error) {
	if !k.scheme.private() {
		return nil, ErrNoPrivate
	}
	signed, err := k.scheme.sign(dst, signingInput)
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", k.ID, err)
	}
	return signed, nil
}

// Verify reports whether signature is one of this key over a JWS signing input.
func (k *Key) Verify(signingInput, signature []byte) bool {
	return k.scheme.verify(signingInput, signature)
}

// CanSign reports whether the key has its private half.
func (k *Key) CanSign() bool { return k.scheme.private() }

// Marshal returns the key for sealing: PKCS #8 DER of a private key,
// SubjectPublicKeyInfo DER of a public one, the bytes of a secret. Parse reads
// it back.
func (k *Key) Marshal() ([]byte, error) {
	material, err := k.scheme.material()
	if err != nil {
		return nil, fmt.Errorf("marshal key %s: %w", k.ID, err)
	}
	return material, nil
}

// Parse reads what Marshal wrote and checks that it is fit for alg. What is
// wrong comes back as a problem.List on the fields alg, kid and key.
func Parse(alg Algorithm, id string, material []byte) (*Key, error) {
	if err := checkAlgorithm(alg); err != nil {
		return nil, err
	}
	if err := checkID(id); err != nil {
		return nil, err
	}
	s, err := parseMaterial(alg, material)
	if err != nil {
		return nil, err
	}
	return &Key{ID: id, Algorithm: alg, scheme: s}, nil
}

func parseMaterial(alg Algorithm, material []byte) (scheme, error) {
	if alg.Symmetric() {
		return newHMAC(alg.facts(), material)
	}
	parsed, err := parseDER(material)
	if err != nil {
		return nil, err
	}
	return newScheme(alg, parsed)
}

// checkID keeps kids printable, so that they can stand in logs, URLs and JSON
// without escapes.
func checkID(id string) error {
	if id == "" || len(id) > 128 {
		return unfit("kid", "Give the key an id (kid) of 1 to 128 characters.")
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return unfit("kid", "Use only printable ASCII characters without blanks, quotes and backslashes in the key id (kid).")
		}
	}
	return nil
}

func checkAlgorithm(alg Algorithm) error {
	if !alg.Valid() {
		return unfit("alg", "Choose a signature algorithm that is supported, such as RS256; %q is not.", clip(string(alg)))
	}
	return nil
}

// unfit says in one problem why a key is refused. No text of it may hold key
// material.
func unfit(field, format string, args ...any) error {
	var l problem.List
	l.Add(field, format, args...)
	return l
}

// clip keeps foreign text short in messages.
func clip(text string) string {
	if len(text) > 40 {
		return text[:40] + "..."
	}
	return text
}

func randomID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(id)
}
