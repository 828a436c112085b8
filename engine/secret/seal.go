package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// MinMasterKey is the least length of a master key in bytes.
const MinMasterKey = 32

// sealVersion is the first byte of every sealed value. A later format takes the
// next number, and Open keeps reading this one.
const sealVersion = 1

const sealOverhead = 1 + 12 + 16 // version, nonce, tag

// ErrSealed means that a sealed value does not open: it was changed, it stands
// in another place than it was sealed for, or the master key is another one.
var ErrSealed = errors.New("sealed value does not open: it was changed or moved, or the master key is not the one it was sealed with")

// Sealer encrypts values at rest with AES-256-GCM under a key derived from the
// master key. It is safe for concurrent use.
type Sealer struct {
	master []byte
	aead   cipher.AEAD
}

// NewSealer takes a master key of at least MinMasterKey bytes.
func NewSealer(master []byte) (*Sealer, error) {
	if len(master) < MinMasterKey {
		return nil, fmt.Errorf("master key has %d bytes, needs at least %d", len(master), MinMasterKey)
	}
	s := &Sealer{master: append([]byte(nil), master...)}
	block, err := aes.NewCipher(s.expand("gatewright/seal/v1", 32))
	if err != nil {
		return nil, fmt.Errorf("prepare sealing cipher: %w", err)
	}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("prepare sealing cipher: %w", err)
	}
	return s, nil
}

// Seal encrypts plain. The context names the one place the value belongs to,
// as "table/row-id/field", and must be given again to Open.
func (s *Sealer) Seal(plain []byte, context string) ([]byte, error) {
	if context == "" {
		return nil, errors.New("seal: a context is needed, such as table/row-id/field")
	}
	sealed := make([]byte, 1, sealOverhead+len(plain))
	sealed[0] = sealVersion
	return s.aead.Seal(sealed, nil, plain, associated(context)), nil
}

// Open decrypts what Seal returned for the same context. Errors are ErrSealed
// or say that the format is a newer one.
func (s *Sealer) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < sealOverhead {
		return nil, ErrSealed
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("sealed value has format %d, this version reads %d", sealed[0], sealVersion)
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], associated(context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Derive returns n bytes for another use of the master key, the same for the
// same purpose each time. It panics when n is not between 1 and 8160.
func (s *Sealer) Derive(purpose string, n int) []byte {
	if n < 1 {
		panic("secret: Derive of no bytes")
	}
	return s.expand("gatewright/derive/"+purpose, n)
}

// expand is HKDF with SHA-256 (RFC 5869). The purposes of sealing and of Derive
// have different prefixes, so that no purpose can name the sealing key.
func (s *Sealer) expand(info string, n int) []byte {
	key, err := hkdf.Key(sha256.New, s.master, nil, info, n)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return key
}

// associated binds the version too: a value cannot be passed off as one of an
// older format.
func associated(context string) []byte {
	return append([]byte{sealVersion}, context...)
}
