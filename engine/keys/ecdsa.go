package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
)

// ecdsaScheme serves ES256, ES384 and ES512, each on its one curve.
type ecdsaScheme struct {
	facts
	public *ecdsa.PublicKey
	key    *ecdsa.PrivateKey
	size   int    // of r and of s in bytes
	order  []byte // of the curve, size bytes
}

func generateECDSA(f facts) (scheme, error) {
	key, err := ecdsa.GenerateKey(f.curve, rand.Reader)
	if err != nil {
		return nil, err
	}
	return newECDSA(f, &key.PublicKey, key)
}

// newECDSA checks the curve against the algorithm and the point against the
// curve. key may be nil.
func newECDSA(f facts, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (scheme, error) {
	name := f.curve.Params().Name
	if public.Curve != f.curve {
		return nil, unfit("key", "%s needs a key on the curve %s.", f.name, name)
	}
	// Bytes refuses the point at infinity and points off the curve.
	if _, err := public.Bytes(); err != nil {
		return nil, unfit("key", "The public point of the key is not on the curve %s.", name)
	}
	if key != nil && !matches(key) {
		return nil, unfit("key", "The private and the public half of the key do not belong together.")
	}
	size := (f.curve.Params().BitSize + 7) / 8
	return &ecdsaScheme{facts: f, public: public, key: key, size: size, order: f.curve.Params().N.FillBytes(make([]byte, size))}, nil
}

// matches computes the public half again.
func matches(key *ecdsa.PrivateKey) bool {
	scalar, err := key.Bytes()
	if err != nil {
		return false
	}
	again, err := ecdsa.ParseRawPrivateKey(key.Curve, scalar)
	return err == nil && again.PublicKey.Equal(&key.PublicKey)
}

func (s *ecdsaScheme) sign(dst, input []byte) ([]byte, error) {
	var room [64]byte
	r, t, err := ecdsa.Sign(rand.Reader, s.key, sum(room[:0], s.hash, input))
	if err != nil {
		return nil, err
	}
	start := len(dst)
	dst = append(dst, make([]byte, 2*s.size)...)
	r.FillBytes(dst[start : start+s.size])
	t.FillBytes(dst[start+s.size:])
	return dst, nil
}

// verify takes r and s in their fixed length only (RFC 7518 section 3.4), each
// from 1 to the order less one. CVE-2022-21449 was a verifier without that check.
func (s *ecdsaScheme) verify(input, signature []byte) bool {
	if len(signature) != 2*s.size {
		return false
	}
	r, t := signature[:s.size], signature[s.size:]
	if !s.inRange(r) || !s.inRange(t) {
		return false
	}
	var room [64]byte
	var der [144]byte
	return ecdsa.VerifyASN1(s.public, sum(room[:0], s.hash, input), appendDER(der[:0], r, t))
}

func (s *ecdsaScheme) inRange(n []byte) bool {
	return len(bytes.TrimLeft(n, "\x00")) > 0 && bytes.Compare(n, s.order) < 0
}

// appendDER writes the ECDSA-Sig-Value that the standard library verifies.
func appendDER(dst, r, s []byte) []byte {
	r, s = unpad(r), unpad(s)
	length := 4 + integerSize(r) + integerSize(s)
	dst = append(dst, 0x30)
	if length >= 0x80 { // P-521 only
		dst = append(dst, 0x81)
	}
	dst = append(dst, byte(length))
	return appendInteger(appendInteger(dst, r), s)
}

func appendInteger(dst, n []byte) []byte {
	dst = append(dst, 0x02, byte(integerSize(n)))
	if n[0] >= 0x80 { // would read as negative
		dst = append(dst, 0)
	}
	return append(dst, n...)
}

func integerSize(n []byte) int { return len(n) + int(n[0]>>7) }

func unpad(n []byte) []byte {
	for n[0] == 0 {
		n = n[1:]
	}
	return n
}

func (s *ecdsaScheme) private() bool { return s.key != nil }

func (s *ecdsaScheme) material() ([]byte, error) {
	if s.key == nil {
		return s.publicMaterial()
	}
	return x509.MarshalPKCS8PrivateKey(s.key)
}

func (s *ecdsaScheme) publicMaterial() ([]byte, error) { return x509.MarshalPKIXPublicKey(s.public) }

func (s *ecdsaScheme) bits() int { return s.curve.Params().BitSize }

func (s *ecdsaScheme) describe(j *JWK) bool {
	point, err := s.public.Bytes() // 4, x, y
	if err != nil {
		return false
	}
	j.KeyType, j.Curve = "EC", s.curve.Params().Name
	j.X, j.Y = encode(point[1:1+s.size]), encode(point[1+s.size:])
	return true
}
