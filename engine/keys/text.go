package keys

import (
	"bytes"
	"time"
)

// ParseText reads a key of alg from what people paste: a JWK, which is a JSON
// object, or else PEM. The id becomes the kid also when the JWK names another.
// What is wrong comes back as a problem.List on the fields of ParseJWK and
// ParsePEM; an empty text on key.
func ParseText(text []byte, alg Algorithm, id string, now time.Time) (*Key, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, unfit("key", "Paste the key as PEM text or as a JWK.")
	}
	if text[0] != '{' {
		return parsePasted(text, alg, id, now)
	}
	key, err := ParseJWK(text, alg, now)
	if err != nil || id == "" {
		return key, err
	}
	key.ID = id // made just now; nobody else has it
	return key, checkID(id)
}

// parsePasted says what a secret has to look like, as PEM cannot hold one and a
// bare text could be read in several encodings.
func parsePasted(text []byte, alg Algorithm, id string, now time.Time) (*Key, error) {
	if alg.Symmetric() {
		return nil, unfit("key", `Give a shared secret as a JWK, such as {"kty":"oct","k":"..."} with the secret in base64url.`)
	}
	return ParsePEM(text, alg, id, now)
}
