package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"slices"
)

// edScheme serves EdDSA on Ed25519, the only curve of D6.
type edScheme struct {
	public ed25519.PublicKey
	key    ed25519.PrivateKey
}

func generateEd() (scheme, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &edScheme{public: public, key: key}, nil
}

// newEd checks the point. key may be nil.
func newEd(public ed25519.PublicKey, key ed25519.PrivateKey) (scheme, error) {
	if len(public) != ed25519.PublicKeySize || !onEdwardsCurve(public) {
		return nil, unfit("key", "The public point of the key is not a usable point of Ed25519.")
	}
	if key != nil && !bytes.Equal(key, ed25519.NewKeyFromSeed(key.Seed())) {
		return nil, unfit("key", "The private and the public half of the key do not belong together.")
	}
	return &edScheme{public: public, key: key}, nil
}

func (s *edScheme) sign(dst, input []byte) ([]byte, error) {
	return append(dst, ed25519.Sign(s.key, input)...), nil
}

// verify asks for the length itself as well: ed25519.Verify would say false, but
// only because of how it is written.
func (s *edScheme) verify(input, signature []byte) bool {
	return len(signature) == ed25519.SignatureSize && ed25519.Verify(s.public, input, signature)
}

func (s *edScheme) private() bool { return s.key != nil }

func (s *edScheme) material() ([]byte, error) {
	if s.key == nil {
		return s.publicMaterial()
	}
	return x509.MarshalPKCS8PrivateKey(s.key)
}

func (s *edScheme) publicMaterial() ([]byte, error) { return x509.MarshalPKIXPublicKey(s.public) }

func (s *edScheme) bits() int { return 8 * ed25519.PublicKeySize }

func (s *edScheme) describe(j *JWK) bool {
	j.KeyType, j.Curve, j.X = "OKP", "Ed25519", encode(s.public)
	return true
}

// onEdwardsCurve reports whether the bytes are the canonical form of a point
// that is not of small order. Under a point of small order one signature fits
// many messages.
func onEdwardsCurve(public []byte) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	y := edY(public)
	if y.Cmp(p) >= 0 || smallOrder(y, p) {
		return false
	}
	// x^2 = (y^2 - 1) / (d y^2 + 1), with d = -121665/121666 (RFC 8032 section 5.1).
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	y2 := new(big.Int).Mul(y, y)
	below := new(big.Int).Mul(d, y2)
	below.Add(below, big.NewInt(1)).Mod(below, p)
	x2 := new(big.Int).Sub(y2, big.NewInt(1))
	x2.Mul(x2, below.ModInverse(below, p)).Mod(x2, p)
	return big.Jacobi(x2, p) == 1
}

// edY reads the little-endian coordinate without the sign bit of x.
func edY(public []byte) *big.Int {
	reversed := slices.Clone(public)
	slices.Reverse(reversed)
	reversed[0] &= 0x7f
	return new(big.Int).SetBytes(reversed)
}

// smallOrder: the points of order 1, 2 and 4 have y = 1, -1 and 0. Doubling a
// point of order 8 gives one of order 4, whose y is 0; with the doubling formula
// that is y^2 + x^2 = 0, so d y^4 + 2 y^2 - 1 = 0.
func smallOrder(y, p *big.Int) bool {
	minusOne := new(big.Int).Sub(p, big.NewInt(1))
	if y.Sign() == 0 || y.Cmp(big.NewInt(1)) == 0 || y.Cmp(minusOne) == 0 {
		return true
	}
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	y2 := new(big.Int).Mul(y, y)
	sum := new(big.Int).Mul(d, y2)
	sum.Add(sum, big.NewInt(2)).Mul(sum, y2).Sub(sum, big.NewInt(1)).Mod(sum, p)
	return sum.Sign() == 0
}
