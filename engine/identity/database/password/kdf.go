package password

import (
	"crypto/pbkdf2"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/scrypt"
)

// Bounds of what a stored hash may ask for: a quarter of a GiB of memory, and
// about two seconds of a core.
const (
	maxMemory       = 256 * 1024 // KiB
	maxMemoryPasses = 1 << 20    // KiB times passes of argon2
	maxArgon2Lanes  = 16
	maxScryptR      = 32
	maxScryptWork   = 1 << 22 // N times r times p
	maxPBKDF2       = 5_000_000
)

// Lengths of salts and sums in bytes. A very short sum would be met by chance.
const (
	maxSalt = 64
	minSum  = 16
	maxSum  = 128
)

// derived is a hash by a function that derives a sum from a password and a salt.
type derived struct {
	derive    func(password, salt []byte, length int) ([]byte, error)
	salt, sum []byte
}

func (d derived) matches(password []byte) bool {
	got, err := d.derive(password, d.salt, len(d.sum))
	return err == nil && subtle.ConstantTimeCompare(got, d.sum) == 1
}

func (d derived) blank() check {
	return derived{d.derive, make([]byte, len(d.salt)), make([]byte, len(d.sum))}
}

// newDerived checks lengths and decodes salt and sum with one of the alphabets.
func newDerived(salt, sum string, decode func(string) ([]byte, error)) (derived, error) {
	s, errSalt := decode(salt)
	d, errSum := decode(sum)
	if errSalt != nil || errSum != nil || len(s) == 0 || len(s) > maxSalt || len(d) < minSum || len(d) > maxSum {
		return derived{}, ErrUnknown
	}
	return derived{salt: s, sum: d}, nil
}

// readArgon2 reads $argon2id$v=19$m=65536,t=3,p=4$salt$sum.
func readArgon2(stored string) (Hash, error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Hash{}, ErrUnknown
	}
	n, ok := numbers(parts[3], ",", "m=", "t=", "p=")
	d, err := newDerived(parts[4], parts[5], phcBase64)
	if !ok || err != nil || n[0] < 8*n[2] {
		return Hash{}, ErrUnknown
	}
	for _, err := range []error{
		tooMuch("memory in KiB", n[0], maxMemory), tooMuch("lanes", n[2], maxArgon2Lanes),
		tooMuch("passes", n[1], maxMemoryPasses), tooMuch("memory in KiB times passes", n[0]*n[1], maxMemoryPasses),
	} {
		if err != nil {
			return Hash{}, err
		}
	}
	d.derive = argon2Func(parts[1], uint32(n[1]), uint32(n[0]), uint8(n[2]))
	return Hash{Cost: fmt.Sprintf("%s, %d MiB, %d passes, %d lanes", parts[1], n[0]/1024, n[1], n[2]), check: d}, nil
}

func argon2Func(variant string, passes, memory uint32, lanes uint8) func(password, salt []byte, length int) ([]byte, error) {
	key := argon2.IDKey
	if variant == "argon2i" {
		key = argon2.Key
	}
	return func(password, salt []byte, length int) ([]byte, error) {
		return key(password, salt, passes, memory, lanes, uint32(length)), nil
	}
}

// readScrypt reads $scrypt$ln=16,r=8,p=1$salt$sum.
func readScrypt(stored string) (Hash, error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 5 {
		return Hash{}, ErrUnknown
	}
	n, ok := numbers(parts[2], ",", "ln=", "r=", "p=")
	d, err := newDerived(parts[3], parts[4], phcBase64)
	if !ok || err != nil {
		return Hash{}, ErrUnknown
	}
	if err := scryptBounds(n[0], n[1], n[2]); err != nil {
		return Hash{}, err
	}
	cost, r, p := 1<<n[0], int(n[1]), int(n[2])
	d.derive = func(password, salt []byte, length int) ([]byte, error) {
		return scrypt.Key(password, salt, cost, r, p, length)
	}
	return Hash{Cost: fmt.Sprintf("N 2^%d, r %d, p %d", n[0], r, p), check: d}, nil
}

func scryptBounds(ln, r, p uint64) error {
	for _, err := range []error{tooMuch("ln", ln, 22), tooMuch("r", r, maxScryptR), tooMuch("p", p, maxScryptWork)} {
		if err != nil {
			return err // before the shift below could run over
		}
	}
	if err := tooMuch("memory in KiB", (1<<ln)*r*128/1024, maxMemory); err != nil {
		return err
	}
	return tooMuch("N times r times p", (1<<ln)*r*p, maxScryptWork)
}

// readPBKDF2 reads Django's pbkdf2_sha256$600000$salt$sum, whose salt is text, and
// passlib's $pbkdf2-sha256$29000$salt$sum.
func readPBKDF2(stored string) (Hash, error) {
	parts := strings.Split(strings.TrimPrefix(stored, "$"), "$")
	if len(parts) != 4 {
		return Hash{}, ErrUnknown
	}
	decodeSum, salt := phcBase64, parts[2]
	if strings.HasPrefix(stored, "pbkdf2_") {
		decodeSum, salt = base64.StdEncoding.Strict().DecodeString, base64.RawStdEncoding.EncodeToString([]byte(salt))
	}
	d, err := newDerived(salt, parts[3], either(phcBase64, decodeSum))
	n, ok := numbers(strings.TrimPrefix(parts[1], "i="), ",", "")
	if !ok || err != nil {
		return Hash{}, ErrUnknown
	}
	digest := digestFunc(parts[0])
	d.derive = pbkdf2Func(digest, int(n[0]))
	// Each block of a sum that is longer than the digest takes all rounds anew.
	size := digest().Size()
	blocks := uint64((len(d.sum) + size - 1) / size)
	return Hash{Cost: fmt.Sprintf("%d rounds", n[0]), check: d}, tooMuch("rounds", n[0]*blocks, maxPBKDF2)
}

func pbkdf2Func(digest func() hash.Hash, rounds int) func(password, salt []byte, length int) ([]byte, error) {
	return func(password, salt []byte, length int) ([]byte, error) {
		return pbkdf2.Key(digest, string(password), salt, rounds, length)
	}
}

// phcBase64 reads base64 without padding, also in passlib's spelling with dots.
func phcBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.Strict().DecodeString(strings.ReplaceAll(text, ".", "+"))
}

func either(first, second func(string) ([]byte, error)) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) {
		if b, err := first(text); err == nil {
			return b, nil
		}
		return second(text)
	}
}

// numbers reads one number after each prefix, all above zero.
func numbers(text, separator string, prefixes ...string) ([]uint64, bool) {
	fields := strings.Split(text, separator)
	if len(fields) != len(prefixes) {
		return nil, false
	}
	all := make([]uint64, len(fields))
	for i, f := range fields {
		digits, ok := strings.CutPrefix(f, prefixes[i])
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || n == 0 || digits[0] == '+' {
			return nil, false
		}
		all[i] = n
	}
	return all, true
}
