package database

import (
	"crypto/md5"  //nolint:gosec // for databases that have nothing better
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// ParameterEncoding is what :password becomes before it is bound.
type ParameterEncoding string

// NoEncoding binds the password as it is, for queries that hash by themselves.
const NoEncoding ParameterEncoding = "NONE"

// parameterEncodings are digests in hexadecimal, in lower case, or base64.
var parameterEncodings = []struct {
	name   ParameterEncoding
	digest func() hash.Hash
	text   func([]byte) string
}{
	{"SHA512_HEX", sha512.New, hex.EncodeToString}, {"SHA512_BASE64", sha512.New, base64.StdEncoding.EncodeToString},
	{"SHA384_HEX", sha512.New384, hex.EncodeToString}, {"SHA384_BASE64", sha512.New384, base64.StdEncoding.EncodeToString},
	{"SHA256_HEX", sha256.New, hex.EncodeToString}, {"SHA256_BASE64", sha256.New, base64.StdEncoding.EncodeToString},
	{"SHA224_HEX", sha256.New224, hex.EncodeToString}, {"SHA224_BASE64", sha256.New224, base64.StdEncoding.EncodeToString},
	{"SHA1_HEX", sha1.New, hex.EncodeToString}, {"SHA1_BASE64", sha1.New, base64.StdEncoding.EncodeToString},
	{"MD5_HEX", md5.New, hex.EncodeToString}, {"MD5_BASE64", md5.New, base64.StdEncoding.EncodeToString},
}

// ParameterEncodings are all of them, in the order of choosers.
func ParameterEncodings() []ParameterEncoding {
	all := []ParameterEncoding{NoEncoding}
	for _, e := range parameterEncodings {
		all = append(all, e.name)
	}
	return all
}

// Valid tells whether the encoding is known.
func (e ParameterEncoding) Valid() bool { return slices.Contains(ParameterEncodings(), e) }

// apply is the value of :password.
func (e ParameterEncoding) apply(password string) string {
	for _, known := range parameterEncodings {
		if known.name == e {
			h := known.digest()
			h.Write([]byte(password))
			return known.text(h.Sum(nil))
		}
	}
	return password
}

func parameterEncodingNames() string {
	var names []string
	for _, e := range ParameterEncodings() {
		names = append(names, string(e))
	}
	return strings.Join(names, ", ")
}
