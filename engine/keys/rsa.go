package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"math/big"
)

const (
	rsaBits    = 2048 // of new keys
	minRSABits = 2048 // NIST SP 800-131A; RFC 7518 section 3.3
	maxRSABits = 8192 // verification grows with the square: a larger one stalls the gateway
)

// rsaScheme serves RS and PS. key is nil when only the public half is known.
type rsaScheme struct {
	facts
	public *rsa.PublicKey
	key    *rsa.PrivateKey
}

func generateRSA(f facts) (scheme, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	return &rsaScheme{facts: f, public: &key.PublicKey, key: key}, nil
}

// newRSA checks the numbers. key may be nil.
func newRSA(f facts, public *rsa.PublicKey, key *rsa.PrivateKey) (scheme, error) {
	if err := checkRSA(public); err != nil {
		return nil, err
	}
	if key == nil {
		return &rsaScheme{facts: f, public: public}, nil
	}
	if len(key.Primes) != 2 {
		return nil, unfit("key", "Use an RSA key with exactly two primes.")
	}
	if err := key.Validate(); err != nil {
		return nil, unfit("key", "The numbers of the RSA private key do not belong together.")
	}
	key.Precompute()
	return &rsaScheme{facts: f, public: public, key: key}, nil
}

func checkRSA(public *rsa.PublicKey) error {
	bits := public.N.BitLen()
	switch {
	case bits < minRSABits:
		return unfit("key", "Use an RSA key of at least %d bits; this one has %d.", minRSABits, bits)
	case bits > maxRSABits:
		return unfit("key", "Use an RSA key of at most %d bits; this one has %d.", maxRSABits, bits)
	case public.E < 3 || public.E%2 == 0 || int64(public.E) > 1<<31-1:
		// 1 makes every message its own signature; even ones have no inverse.
		return unfit("key", "Use an RSA key with an odd public exponent from 3 to 2147483647, such as 65537.")
	case hasSmallFactor(public.N):
		return unfit("key", "The modulus of the RSA key has a small factor; make a new key.")
	case fromBrokenGenerator(public.N):
		return unfit("key", "The RSA key was made by a chip with the ROCA weakness (CVE-2017-15361) and can be factored; make a new key.")
	}
	return nil
}

func (s *rsaScheme) sign(dst, input []byte) ([]byte, error) {
	var room [64]byte
	digest := sum(room[:0], s.hash, input)
	var signature []byte
	var err error
	if s.kind == PSS {
		signature, err = rsa.SignPSS(rand.Reader, s.key, s.hash, digest, s.pss())
	} else {
		signature, err = rsa.SignPKCS1v15(nil, s.key, s.hash, digest)
	}
	return append(dst, signature...), err
}

func (s *rsaScheme) verify(input, signature []byte) bool {
	var room [64]byte
	digest := sum(room[:0], s.hash, input)
	if s.kind == PSS {
		return rsa.VerifyPSS(s.public, s.hash, digest, signature, s.pss()) == nil
	}
	return rsa.VerifyPKCS1v15(s.public, s.hash, digest, signature) == nil
}

// pss pins the salt to the length of the hash (RFC 7518 section 3.5). Go's
// default would find out the length from the signature and accept any.
func (s *rsaScheme) pss() *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: s.hash.Size(), Hash: s.hash}
}

func (s *rsaScheme) private() bool { return s.key != nil }

func (s *rsaScheme) material() ([]byte, error) {
	if s.key == nil {
		return s.publicMaterial()
	}
	return x509.MarshalPKCS8PrivateKey(s.key)
}

func (s *rsaScheme) publicMaterial() ([]byte, error) { return x509.MarshalPKIXPublicKey(s.public) }

func (s *rsaScheme) bits() int { return s.public.N.BitLen() }

func (s *rsaScheme) describe(j *JWK) bool {
	j.KeyType = "RSA"
	j.N = encode(s.public.N.Bytes())
	j.E = encode(big.NewInt(int64(s.public.E)).Bytes())
	return true
}

// sum hashes without going through hash.Hash, which would allocate.
func sum(dst []byte, h crypto.Hash, input []byte) []byte {
	switch h {
	case crypto.SHA256:
		d := sha256.Sum256(input)
		return append(dst, d[:]...)
	case crypto.SHA384:
		d := sha512.Sum384(input)
		return append(dst, d[:]...)
	}
	d := sha512.Sum512(input)
	return append(dst, d[:]...)
}
