package password

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
	"strings"
)

// Rounds of the SHA-2 crypt of glibc: what a string without rounds= means, and the
// bounds. A million take about a second.
const (
	cryptRounds    = 5000
	minCryptRounds = 1000
	maxCryptRounds = 2_000_000
	maxCryptSalt   = 16

	// maxCryptPassword bounds a password in bytes: each round reads it twice, so that
	// the longest ones would take minutes (CVE-2016-20013).
	maxCryptPassword = 256
)

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// crypted is $5$ or $6$ of crypt(3), as Ulrich Drepper's specification has it.
type crypted struct {
	new       func() hash.Hash
	rounds    int
	salt, sum []byte
}

// readCrypt reads $6$rounds=5000$salt$sum; the rounds may be left out.
func readCrypt(stored string) (Hash, error) {
	c := crypted{new: sha256.New, rounds: cryptRounds}
	if strings.HasPrefix(stored, "$6$") {
		c.new = sha512.New
	}
	parts := strings.Split(stored[len("$6$"):], "$")
	if len(parts) == 3 {
		n, ok := numbers(parts[0], "$", "rounds=")
		if !ok || n[0] < minCryptRounds {
			return Hash{}, ErrUnknown
		}
		if err := tooMuch("rounds", n[0], maxCryptRounds); err != nil {
			return Hash{}, err
		}
		c.rounds, parts = int(n[0]), parts[1:]
	}
	length := len(encodeCrypt(make([]byte, c.new().Size())))
	if len(parts) != 2 || len(parts[0]) > maxCryptSalt || len(parts[1]) != length || strings.Trim(parts[1], cryptAlphabet) != "" {
		return Hash{}, ErrUnknown
	}
	c.salt, c.sum = []byte(parts[0]), []byte(parts[1])
	return Hash{Cost: fmt.Sprintf("%d rounds", c.rounds), check: c}, nil
}

func (c crypted) matches(password []byte) bool {
	return len(password) <= maxCryptPassword && subtle.ConstantTimeCompare(encodeCrypt(c.derive(password)), c.sum) == 1
}

func (c crypted) blank() check {
	return crypted{c.new, c.rounds, make([]byte, len(c.salt)), make([]byte, len(c.sum))}
}

// derive is the algorithm in the words of its specification: digests A and B, the
// sequences P and S, and the rounds.
func (c crypted) derive(password []byte) []byte {
	b := c.hash(password, c.salt, password)
	h := c.new()
	h.Write(password)
	h.Write(c.salt)
	h.Write(repeat(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 == 1 {
			h.Write(b)
		} else {
			h.Write(password)
		}
	}
	a := h.Sum(nil)
	p := repeat(c.hashTimes(password, len(password)), len(password))
	s := repeat(c.hashTimes(c.salt, 16+int(a[0])), len(c.salt))
	return c.stretch(a, p, s)
}

func (c crypted) stretch(sum, p, s []byte) []byte {
	h := c.new()
	for i := range c.rounds {
		h.Reset()
		first, last := sum, p
		if i%2 == 1 {
			first, last = p, sum
		}
		h.Write(first)
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		h.Write(last)
		sum = h.Sum(sum[:0])
	}
	return sum
}

func (c crypted) hash(parts ...[]byte) []byte {
	h := c.new()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func (c crypted) hashTimes(part []byte, times int) []byte {
	h := c.new()
	for range times {
		h.Write(part)
	}
	return h.Sum(nil)
}

// repeat is the sum over and over, to a length.
func repeat(sum []byte, length int) []byte {
	out := make([]byte, 0, length+len(sum))
	for len(out) < length {
		out = append(out, sum...)
	}
	return out[:length]
}

// encodeCrypt writes a digest in crypt's base64: the bytes in an order of its own,
// the low six bits first.
func encodeCrypt(sum []byte) []byte {
	var out []byte
	third := len(sum) / 3
	a, b, c := 0, third, 2*third
	for range third {
		out = sixBits(out, 4, sum[a], sum[b], sum[c])
		if len(sum) == sha512.Size {
			a, b, c = b+1, c+1, a+1
		} else {
			a, b, c = c+1, a+1, b+1
		}
	}
	if len(sum) == sha512.Size {
		return sixBits(out, 2, 0, 0, sum[63])
	}
	return sixBits(out, 3, 0, sum[31], sum[30])
}

func sixBits(out []byte, n int, high, middle, low byte) []byte {
	w := uint(high)<<16 | uint(middle)<<8 | uint(low)
	for range n {
		out = append(out, cryptAlphabet[w&0x3f])
		w >>= 6
	}
	return out
}
