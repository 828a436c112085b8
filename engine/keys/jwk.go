package keys

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// JWK is the public half of a key as RFC 7517 and RFC 8037 write it. There are
// no fields for private members, so none can be published.
type JWK struct {
	KeyType   string    `json:"kty"`
	Use       string    `json:"use"`
	Algorithm Algorithm `json:"alg"`
	ID        string    `json:"kid"`
	Curve     string    `json:"crv,omitempty"`
	X         string    `json:"x,omitempty"`
	Y         string    `json:"y,omitempty"`
	N         string    `json:"n,omitempty"`
	E         string    `json:"e,omitempty"`
}

// Public returns the public half. It is false for a shared secret, which has none.
func (k *Key) Public() (JWK, bool) {
	j := JWK{Use: "sig", Algorithm: k.Algorithm, ID: k.ID}
	if !k.scheme.describe(&j) {
		return JWK{}, false
	}
	return j, true
}

// Thumbprint returns the SHA-256 thumbprint of RFC 7638 in base64url. It is
// empty for a shared secret, whose thumbprint would help to guess it (RFC 7638
// section 7).
func (k *Key) Thumbprint() string {
	j, ok := k.Public()
	if !ok {
		return ""
	}
	return j.thumbprint()
}

// thumbprint hashes the required members in the order of their names.
func (j JWK) thumbprint() string {
	required, _ := json.Marshal(struct {
		Curve   string `json:"crv,omitempty"`
		E       string `json:"e,omitempty"`
		KeyType string `json:"kty"`
		N       string `json:"n,omitempty"`
		X       string `json:"x,omitempty"`
		Y       string `json:"y,omitempty"`
	}{j.Curve, j.E, j.KeyType, j.N, j.X, j.Y}) // strings always marshal
	digest := sha256.Sum256(required)
	return encode(digest[:])
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
