package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// MaxPassword is the longest password in bytes that is hashed; longer ones are
// refused, never cut.
const MaxPassword = 1024

// ErrPasswordHash means that a stored hash is not an argon2id PHC string within
// bounds. It never holds the hash.
var ErrPasswordHash = errors.New("stored password hash is not a usable argon2id string")

// cost is what one hash takes: memory in KiB, passes, lanes.
type cost struct {
	memory  uint32
	passes  uint32
	threads uint8
}

// current is OWASP's first choice for argon2id: 19 MiB, two passes, one lane;
// about 45 ms of one core.
var current = cost{memory: 19 * 1024, passes: 2, threads: 1}

// most bounds what a stored string may ask for: whoever can write a row must
// not be able to take all memory at the next sign-in.
var most = cost{memory: 256 * 1024, passes: 16, threads: 16}

const (
	saltBytes = 16
	hashBytes = 32
)

// hashing holds a place for each processor. More hashes at once would not be
// faster, only take 19 MiB each.
var hashing = make(chan struct{}, runtime.GOMAXPROCS(0))

// Hash returns the argon2id PHC string of a password with a new random salt:
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func Hash(password string) (string, error) {
	return HashContext(context.Background(), password)
}

// HashContext is Hash that gives up waiting for a free processor when ctx ends.
func HashContext(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", errors.New("password is empty")
	}
	if len(password) > MaxPassword {
		return "", fmt.Errorf("password has %d bytes, at most %d are allowed", len(password), MaxPassword)
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: the runtime ends the process instead
	sum, err := derive(ctx, password, phc{cost: current, salt: salt, sum: make([]byte, hashBytes)})
	if err != nil {
		return "", err
	}
	return phc{cost: current, salt: salt, sum: sum}.String(), nil
}

// Verify reports whether password is the one that was hashed to encoded. A wrong
// password is false without an error; a string that is no hash is ErrPasswordHash.
func Verify(encoded, password string) (bool, error) {
	return VerifyContext(context.Background(), encoded, password)
}

// VerifyContext is Verify that gives up waiting for a free processor when ctx
// ends, with the error of ctx.
func VerifyContext(ctx context.Context, encoded, password string) (bool, error) {
	stored, err := parsePHC(encoded)
	if err != nil {
		return false, err
	}
	// Hash could not have taken these, and hashing them only costs time.
	if password == "" || len(password) > MaxPassword {
		return false, nil
	}
	sum, err := derive(ctx, password, stored)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, stored.sum) == 1, nil
}

// DummyHash returns a hash that no password meets and that costs as much to
// check as a real one. Verify against it when the user is unknown, so that the
// answer takes as long.
func DummyHash() string {
	return phc{cost: current, salt: make([]byte, saltBytes), sum: make([]byte, hashBytes)}.String()
}

// NeedsRehash reports whether encoded was made with other parameters than Hash
// uses now, or is no hash at all. Hash again at the next successful sign-in.
func NeedsRehash(encoded string) bool {
	stored, err := parsePHC(encoded)
	return err != nil || stored.cost != current || len(stored.salt) != saltBytes || len(stored.sum) != hashBytes
}

// derive runs argon2id with the parameters of p, in turn with other callers.
func derive(ctx context.Context, password string, p phc) ([]byte, error) {
	// Asked first, as select chooses at random when both are ready.
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, uint32(len(p.sum))), nil
}

// phc is a hash in the PHC string format.
type phc struct {
	cost
	salt, sum []byte
}

// String is the stored form.
func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.memory, p.passes, p.threads, b64.EncodeToString(p.salt), b64.EncodeToString(p.sum))
}

// parsePHC reads exactly the form that String writes. An empty or very short
// sum must not pass: it would be met by every password.
func parsePHC(encoded string) (phc, error) {
	parts := strings.Split(encoded, "$")
	if len(encoded) > 512 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, ErrPasswordHash
	}
	c, ok := parseCost(parts[3])
	salt, errSalt := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	sum, errSum := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if !ok || errSalt != nil || errSum != nil || len(salt) < 8 || len(sum) < 16 {
		return phc{}, ErrPasswordHash
	}
	return phc{cost: c, salt: salt, sum: sum}, nil
}

func parseCost(text string) (cost, bool) {
	var c cost
	fields := strings.Split(text, ",")
	if len(fields) != 3 {
		return c, false
	}
	m, okM := parameter(fields[0], "m=", most.memory)
	t, okT := parameter(fields[1], "t=", most.passes)
	p, okP := parameter(fields[2], "p=", uint32(most.threads))
	c = cost{memory: m, passes: t, threads: uint8(p)}
	return c, okM && okT && okP && m >= 8*p
}

// parameter reads prefix and a number from 1 to limit, without leading zeros.
func parameter(text, prefix string, limit uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && n >= 1 && n <= uint64(limit) && digits[0] != '0' && digits[0] != '+'
}
