// Package password owns the checking of passwords against what other systems have
// stored: the usual hashes, recognised by their prefixes, with bounds on the work
// that a stored one may ask for.
package password

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Encoding is how a column holds passwords.
type Encoding string

// The encodings.
const (
	// Auto takes every encoding that says what it is. It never takes Plain nor
	// bare digests.
	Auto   Encoding = "AUTO"
	Bcrypt Encoding = "BCRYPT" // $2a$, $2b$, $2y$
	Argon2 Encoding = "ARGON2" // $argon2id$, $argon2i$ (RFC 9106)
	Scrypt Encoding = "SCRYPT" // $scrypt$ln=,r=,p=$ (RFC 7914)
	// PBKDF2 is RFC 8018 with SHA-256 or SHA-512, as Django and passlib write it.
	PBKDF2    Encoding = "PBKDF2"
	SHA2Crypt Encoding = "SHA2_CRYPT" // $5$, $6$ of crypt(3)
	// SaltedSHA2 is {SSHA256}, {SSHA384} and {SSHA512} of directories, and the
	// same without salt and the first S.
	SaltedSHA2 Encoding = "SALTED_SHA2"
	// SHA256 and SHA512 are bare digests in hexadecimal, of the password with
	// the salt of another column.
	SHA256 Encoding = "SHA256_HEX"
	SHA512 Encoding = "SHA512_HEX"
	// Plain is the password itself.
	Plain Encoding = "PLAIN"
)

// Encodings are all encodings, in the order of choosers.
func Encodings() []Encoding {
	return []Encoding{Auto, Argon2, Bcrypt, Scrypt, PBKDF2, SHA2Crypt, SaltedSHA2, SHA512, SHA256, Plain}
}

// Valid tells whether the encoding is known.
func (e Encoding) Valid() bool { return slices.Contains(Encodings(), e) }

// Salted tells whether the salt is in a column of its own.
func (e Encoding) Salted() bool { return e == SHA256 || e == SHA512 }

// Fast tells that the encoding costs so little that whoever steals the column can
// try thousands of millions of passwords a second.
func (e Encoding) Fast() bool {
	return slices.Contains([]Encoding{SaltedSHA2, SHA256, SHA512, Plain}, e)
}

// Format is how the columns of one source are to be read.
type Format struct {
	Encoding Encoding
	// SaltAfter puts the salt of the other column behind the password; else it
	// stands before it.
	SaltAfter bool
}

// ErrUnknown means that a stored password is not in the encoding.
var ErrUnknown = errors.New("the stored password is in another encoding")

// ErrCost means that a stored password asks for more work or memory than a row may.
var ErrCost = errors.New("checking the stored password would take more than a row may ask for")

// maxStored bounds a stored password in bytes.
const maxStored = 1024

// Hash is a stored password that can be checked.
type Hash struct {
	// Encoding is never Auto.
	Encoding Encoding
	// Cost says in words what the hash takes, such as "cost 12"; "" when nothing.
	Cost string
	check
}

// check is one scheme with the values of one row.
type check interface {
	// matches tells whether it is the password.
	matches(password []byte) bool
	// blank takes as long and holds nothing of the row.
	blank() check
}

// schemes are the prefixes that tell encodings apart.
var schemes = []struct {
	encoding Encoding
	prefixes []string
	read     func(stored string) (Hash, error)
}{
	{Bcrypt, []string{"$2a$", "$2b$", "$2y$"}, readBcrypt},
	{Argon2, []string{"$argon2id$", "$argon2i$"}, readArgon2},
	{Scrypt, []string{"$scrypt$"}, readScrypt},
	{PBKDF2, []string{"pbkdf2_sha256$", "pbkdf2_sha512$", "$pbkdf2-sha256$", "$pbkdf2-sha512$"}, readPBKDF2},
	{SHA2Crypt, []string{"$5$", "$6$"}, readCrypt},
	{SaltedSHA2, []string{"{SSHA256}", "{SSHA384}", "{SSHA512}", "{SHA256}", "{SHA384}", "{SHA512}"}, readSalted},
}

// wrappers are what frameworks and mail servers write before a hash that says what
// it is by itself, and what that hash begins with.
var wrappers = [][2]string{
	{"argon2$argon2", "$argon2"}, {"bcrypt$$2", "$2"}, // Django
	{"{bcrypt}$2", "$2"}, {"{argon2}$argon2", "$argon2"}, // Spring
	{"{CRYPT}$", "$"}, {"{BLF-CRYPT}$2", "$2"}, {"{SHA256-CRYPT}$5", "$5"}, {"{SHA512-CRYPT}$6", "$6"},
	{"{ARGON2I}$argon2", "$argon2"}, {"{ARGON2ID}$argon2", "$argon2"},
}

// Read reads a stored password, with the salt of the other column if there is one.
// The error is ErrUnknown or ErrCost, and never holds what is stored.
func (f Format) Read(stored, salt string) (Hash, error) {
	if len(stored) > maxStored || len(salt) > maxStored || stored == "" {
		return Hash{}, ErrUnknown
	}
	if f.Encoding == Plain {
		return readPlain(stored), nil
	}
	stored = strings.TrimRight(stored, " ") // CHAR columns are filled up
	if f.Encoding.Salted() {
		return f.readDigest(stored, salt)
	}
	stored = unwrap(stored)
	for _, s := range schemes {
		if f.Encoding != Auto && f.Encoding != s.encoding {
			continue
		}
		if slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(stored, p) }) {
			h, err := s.read(stored)
			h.Encoding = s.encoding
			return h, err
		}
	}
	return Hash{}, ErrUnknown
}

func unwrap(stored string) string {
	for _, w := range wrappers {
		if rest, ok := strings.CutPrefix(stored, w[0]); ok {
			return w[1] + rest
		}
	}
	return stored
}

// tooMuch reports the first amount over its bound.
func tooMuch(what string, got, most uint64) error {
	if got <= most {
		return nil
	}
	return fmt.Errorf("%w: %s %d, at most %d", ErrCost, what, got, most)
}
