package password

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
)

// digest is one round of a hash over a password and a salt.
type digest struct {
	new       func() hash.Hash
	saltFirst bool
	salt, sum []byte
}

func (d digest) matches(password []byte) bool {
	h := d.new()
	if d.saltFirst {
		h.Write(d.salt)
	}
	h.Write(password)
	if !d.saltFirst {
		h.Write(d.salt)
	}
	return subtle.ConstantTimeCompare(h.Sum(nil), d.sum) == 1
}

func (d digest) blank() check {
	return digest{d.new, d.saltFirst, make([]byte, len(d.salt)), make([]byte, len(d.sum))}
}

// readSalted reads {SSHA256}base64, where the salt follows the sum.
func readSalted(stored string) (Hash, error) {
	name, text, _ := strings.Cut(strings.TrimPrefix(stored, "{"), "}")
	raw, err := either(base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString)(text)
	d := digest{new: digestFunc(name)}
	size := d.new().Size()
	if err != nil || len(raw) < size || len(raw) > size+maxSalt || (len(raw) > size) != strings.HasPrefix(name, "SS") {
		return Hash{}, ErrUnknown
	}
	d.sum, d.salt = raw[:size], raw[size:]
	return Hash{Cost: "one round", check: d}, nil
}

func digestFunc(name string) func() hash.Hash {
	switch {
	case strings.HasSuffix(name, "512"):
		return sha512.New
	case strings.HasSuffix(name, "384"):
		return sha512.New384
	}
	return sha256.New
}

// readDigest reads a bare digest in hexadecimal.
func (f Format) readDigest(stored, salt string) (Hash, error) {
	d := digest{new: sha256.New, saltFirst: !f.SaltAfter, salt: []byte(salt)}
	if f.Encoding == SHA512 {
		d.new = sha512.New
	}
	sum, err := hex.DecodeString(stored)
	if err != nil || len(sum) != d.new().Size() {
		return Hash{}, ErrUnknown
	}
	d.sum = sum
	return Hash{Encoding: f.Encoding, Cost: "one round", check: d}, nil
}

// plain is the digest of a password that is stored as it is: comparing digests
// takes the same time whatever is in them, and however long it is.
type plain struct{ sum [sha256.Size]byte }

func readPlain(stored string) Hash {
	return Hash{Encoding: Plain, check: plain{sha256.Sum256([]byte(stored))}}
}

func (p plain) matches(password []byte) bool {
	got := sha256.Sum256(password)
	return subtle.ConstantTimeCompare(got[:], p.sum[:]) == 1
}

func (plain) blank() check { return plain{} }
