package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"hash"
	"sync"
)

// maxSecret is far above the block of every hash; more is a wrong file.
const maxSecret = 1024

// hmacScheme serves HS256, HS384 and HS512. It keeps keyed hashes for the next
// caller: Reset then restores the key schedule without computing or allocating.
type hmacScheme struct {
	facts
	secret []byte
	pool   sync.Pool // of *mac
}

type mac struct {
	hash.Hash
	sum [64]byte
}

// generateHMAC takes a block of the hash as length: more than RFC 7518 section
// 3.2 asks for, and no dearer.
func generateHMAC(f facts) scheme {
	secret := make([]byte, f.hash.New().BlockSize())
	_, _ = rand.Read(secret) // never fails: the runtime ends the process instead
	return keyed(f, secret)
}

func newHMAC(f facts, secret []byte) (scheme, error) {
	if len(secret) < f.hash.Size() {
		return nil, unfit("key", "Use a secret of at least %d bytes for %s; this one has %d.", f.hash.Size(), f.name, len(secret))
	}
	if len(secret) > maxSecret {
		return nil, unfit("key", "Use a secret of at most %d bytes; this one has %d.", maxSecret, len(secret))
	}
	if bytes.Count(secret, secret[:1]) == len(secret) {
		return nil, unfit("key", "The secret repeats one byte; use random bytes.")
	}
	if knownToOthers(secret) {
		return nil, unfit("key", "The secret is the text of a public key or certificate, which everyone may know; use random bytes.")
	}
	return keyed(f, bytes.Clone(secret)), nil
}

func keyed(f facts, secret []byte) scheme {
	s := &hmacScheme{facts: f, secret: secret}
	s.pool.New = func() any { return &mac{Hash: hmac.New(s.hash.New, s.secret)} }
	return s
}

// knownToOthers stops the key confusion attack at its root (RFC 8725 section
// 2.1): a public key as shared secret lets everyone sign.
func knownToOthers(secret []byte) bool {
	text := bytes.TrimSpace(secret)
	for _, mark := range []string{"-----BEGIN", "ssh-", "ecdsa-sha2-"} {
		if bytes.HasPrefix(text, []byte(mark)) {
			return true
		}
	}
	if _, err := x509.ParsePKIXPublicKey(secret); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PublicKey(secret); err == nil {
		return true
	}
	if _, err := x509.ParseCertificate(secret); err == nil {
		return true
	}
	return len(text) > 0 && text[0] == '{' && json.Valid(text)
}

func (s *hmacScheme) sign(dst, input []byte) ([]byte, error) {
	m := s.pool.Get().(*mac)
	defer s.pool.Put(m)
	return append(dst, m.of(input)...), nil
}

func (s *hmacScheme) verify(input, signature []byte) bool {
	m := s.pool.Get().(*mac)
	defer s.pool.Put(m)
	return hmac.Equal(m.of(input), signature)
}

// of returns the code of input; it is valid until the next call. The first
// Reset saves the key schedule, later ones restore it.
func (m *mac) of(input []byte) []byte {
	m.Reset()
	_, _ = m.Write(input) // a hash never fails to write
	return m.Sum(m.sum[:0])
}

func (*hmacScheme) private() bool { return true }

func (s *hmacScheme) material() ([]byte, error) { return bytes.Clone(s.secret), nil }

// publicMaterial is none: a secret has no public half.
func (*hmacScheme) publicMaterial() ([]byte, error) { return nil, nil }

func (s *hmacScheme) bits() int { return 8 * len(s.secret) }

// describe shows nothing: a secret has no public half.
func (*hmacScheme) describe(*JWK) bool { return false }
