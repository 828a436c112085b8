package keys

import (
	"encoding/pem"
	"fmt"
)

// Bits returns the length of the key: of an RSA modulus, of the curve, or of a
// shared secret.
func (k *Key) Bits() int { return k.scheme.bits() }

// PublicPEM returns the public half as a PEM block PUBLIC KEY (RFC 7468 section
// 13), nil for a shared secret, which has none.
func (k *Key) PublicPEM() ([]byte, error) {
	der, err := k.scheme.publicMaterial()
	if err != nil {
		return nil, fmt.Errorf("marshal public half of key %s: %w", k.ID, err)
	}
	if der == nil {
		return nil, nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
