package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/problem"
)

const (
	maxJWK  = 64 << 10 // bytes
	maxKeys = 100      // of an imported set
)

// ParseJWK reads one JWK (RFC 7517), private or public, as a key of alg, or of
// the algorithm that the JWK names when alg is empty. A missing kid becomes the
// thumbprint, for a secret a random one. What is wrong comes back as a
// problem.List whose fields are the members of the JWK.
func ParseJWK(data []byte, alg Algorithm, now time.Time) (*Key, error) {
	m, err := readJWK(data)
	if err != nil {
		return nil, err
	}
	return m.key(alg, now)
}

// ParseJWKSet reads the keys of a JWK set as ParseJWK does. It refuses repeated
// kids and sets that mix shared secrets with public keys: with those it would be
// a matter of the token which kind of key checks it.
func ParseJWKSet(data []byte, alg Algorithm, now time.Time) ([]*Key, error) {
	list, err := readKeys(data)
	if err != nil {
		return nil, err
	}
	var all []*Key
	seen := map[string]bool{}
	for i, raw := range list {
		key, err := ParseJWK(raw, alg, now)
		if err != nil {
			return nil, at(i, err)
		}
		if seen[key.ID] {
			return nil, at(i, unfit("kid", "The key id %q is in the set twice.", clip(key.ID)))
		}
		seen[key.ID] = true
		if i > 0 && key.Algorithm.Symmetric() != all[0].Algorithm.Symmetric() {
			return nil, at(i, unfit("kty", "Do not mix shared secrets and public keys in one set."))
		}
		all = append(all, key)
	}
	return all, nil
}

func readKeys(data []byte) ([]json.RawMessage, error) {
	m, err := readObject(data)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(m["keys"], &list) != nil || len(list) == 0 {
		return nil, unfit("keys", "Give a JWK set with at least one key in the array \"keys\".")
	}
	if len(list) > maxKeys {
		return nil, unfit("keys", "Give at most %d keys at once; these are %d.", maxKeys, len(list))
	}
	return list, nil
}

// at puts the problems of one key under its place in the set.
func at(i int, err error) error {
	var l problem.List
	l.Append("keys["+strconv.Itoa(i)+"]", problem.Of(err))
	return l
}

// object is a JSON object by exact member name.
type object map[string]json.RawMessage

// readObject is strict where encoding/json is not: it refuses repeated names and
// broken UTF-8 and does not fold letter case.
func readObject(data []byte) (object, error) {
	if len(data) > maxJWK*maxKeys || !utf8.Valid(data) {
		return nil, unfit("", "Give the key as a JSON object in UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, unfit("", "Give the key as one JSON object.")
	}
	m := object{}
	for d.More() {
		if err := m.readMember(d); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil || len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		return nil, unfit("", "Give one JSON object and nothing after it.")
	}
	return m, nil
}

func (m object) readMember(d *json.Decoder) error {
	token, err := d.Token()
	name, _ := token.(string)
	if _, twice := m[name]; twice && err == nil {
		return unfit(clip(name), "The member is there twice; leave one.")
	}
	var value json.RawMessage
	if err != nil || d.Decode(&value) != nil {
		return unfit("", "The JSON object is broken.")
	}
	m[name] = value
	return nil
}

func readJWK(data []byte) (object, error) {
	if len(data) > maxJWK {
		return nil, unfit("", "The JWK has %d bytes; at most %d are allowed.", len(data), maxJWK)
	}
	return readObject(data)
}

// key checks what the JWK says it is for before what it holds.
func (m object) key(alg Algorithm, now time.Time) (*Key, error) {
	alg, err := m.algorithm(alg)
	if err != nil {
		return nil, err
	}
	if err := m.checkUse(); err != nil {
		return nil, err
	}
	s, err := m.scheme(alg.facts())
	if err != nil {
		return nil, err
	}
	key := &Key{Algorithm: alg, scheme: s}
	if err := m.checkChain(key, now); err != nil {
		return nil, err
	}
	if err := m.identify(key); err != nil {
		return nil, err
	}
	return key, nil
}

func (m object) algorithm(wish Algorithm) (Algorithm, error) {
	named, there, err := m.text("alg")
	if err != nil {
		return "", err
	}
	if there && wish != "" && wish != Algorithm(named) {
		return "", unfit("alg", "The JWK is for %q, not for %s.", clip(named), wish)
	}
	if there {
		wish = Algorithm(named)
	}
	return wish, checkAlgorithm(wish)
}

// checkUse refuses keys that their maker meant for encryption (RFC 7517 sections
// 4.2 and 4.3).
func (m object) checkUse() error {
	use, there, err := m.text("use")
	if err != nil {
		return err
	}
	if there && use != "sig" {
		return unfit("use", "The JWK is for the use %q; a signing key has the use \"sig\".", clip(use))
	}
	raw, there := m["key_ops"]
	if !there {
		return nil
	}
	var ops []string
	if json.Unmarshal(raw, &ops) != nil || len(ops) == 0 || len(ops) > 2 || (len(ops) == 2 && ops[0] == ops[1]) {
		return unfit("key_ops", "Give key_ops as an array of \"sign\", \"verify\" or both, each once.")
	}
	if slices.ContainsFunc(ops, func(op string) bool { return op != "sign" && op != "verify" }) {
		return unfit("key_ops", "The JWK is for other operations; a signing key has only \"sign\" and \"verify\".")
	}
	return nil
}

// kinds is the key type that each kind of algorithm needs.
var kinds = map[Kind]string{RSA: "RSA", PSS: "RSA", ECDSA: "EC", Ed: "OKP", HMAC: "oct"}

func (m object) scheme(f facts) (scheme, error) {
	kty, _, err := m.text("kty")
	if err != nil {
		return nil, err
	}
	if kty != kinds[f.kind] {
		return nil, unfit("kty", "%s needs a JWK of the type %q; this one has %q.", f.name, kinds[f.kind], clip(kty))
	}
	switch f.kind {
	case ECDSA:
		return m.ecdsa(f)
	case Ed:
		return m.ed()
	case HMAC:
		return m.hmac(f)
	}
	return m.rsa(f)
}

func (m object) rsa(f facts) (scheme, error) {
	n, err := m.number("n")
	if err != nil {
		return nil, err
	}
	e, err := m.number("e")
	if err != nil {
		return nil, err
	}
	if e.BitLen() > 31 {
		return nil, unfit("e", "Use an RSA key with an odd public exponent from 3 to 2147483647, such as 65537.")
	}
	public := &rsa.PublicKey{N: n, E: int(e.Int64())}
	if _, private := m["d"]; !private {
		return newRSA(f, public, nil)
	}
	return m.rsaPrivate(f, public)
}

// rsaPrivate asks for the primes, which RFC 7518 section 6.3.2 leaves optional:
// signing without them is several times slower.
func (m object) rsaPrivate(f facts, public *rsa.PublicKey) (scheme, error) {
	if _, more := m["oth"]; more {
		return nil, unfit("oth", "Use an RSA key with exactly two primes.")
	}
	var parts [3]*big.Int
	for i, name := range []string{"d", "p", "q"} {
		var err error
		if parts[i], err = m.number(name); err != nil {
			return nil, err
		}
	}
	// Before anything is computed with them: the check of the public half
	// bounds the sizes.
	if err := checkRSA(public); err != nil {
		return nil, err
	}
	if parts[0].Cmp(public.N) >= 0 || new(big.Int).Mul(parts[1], parts[2]).Cmp(public.N) != 0 {
		return nil, unfit("p", "The numbers of the RSA private key do not belong together.")
	}
	return newRSA(f, public, &rsa.PrivateKey{PublicKey: *public, D: parts[0], Primes: parts[1:]})
}

func (m object) ecdsa(f facts) (scheme, error) {
	if err := m.curve(f.curve.Params().Name, f); err != nil {
		return nil, err
	}
	size := (f.curve.Params().BitSize + 7) / 8
	x, err := m.bytes("x", size)
	if err != nil {
		return nil, err
	}
	y, err := m.bytes("y", size)
	if err != nil {
		return nil, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(f.curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, unfit("x", "The point of the JWK is not on the curve %s.", f.curve.Params().Name)
	}
	if _, private := m["d"]; !private {
		return newECDSA(f, public, nil)
	}
	d, err := m.bytes("d", size)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseRawPrivateKey(f.curve, d)
	if err != nil || !key.PublicKey.Equal(public) {
		return nil, unfit("d", "The private and the public half of the JWK do not belong together.")
	}
	return newECDSA(f, public, key)
}

func (m object) ed() (scheme, error) {
	if err := m.curve("Ed25519", EdDSA.facts()); err != nil {
		return nil, err
	}
	public, err := m.bytes("x", ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	if _, private := m["d"]; !private {
		return newEd(public, nil)
	}
	seed, err := m.bytes("d", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	if !key.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(public)) {
		return nil, unfit("d", "The private and the public half of the JWK do not belong together.")
	}
	return newEd(public, key)
}

func (m object) hmac(f facts) (scheme, error) {
	secret, err := m.bytes("k", 0)
	if err != nil {
		return nil, err
	}
	return newHMAC(f, secret)
}

func (m object) curve(want string, f facts) error {
	crv, _, err := m.text("crv")
	if err == nil && crv != want {
		return unfit("crv", "%s needs the curve %s; the JWK names %q.", f.name, want, clip(crv))
	}
	return err
}

// checkChain holds a certificate in the JWK against its key and the clock (RFC
// 7517 section 4.7). Addresses of certificates (x5u) are never fetched.
func (m object) checkChain(key *Key, now time.Time) error {
	raw, there := m["x5c"]
	if !there {
		return nil
	}
	var chain [][]byte // padded standard base64, as encoding/json reads it
	if json.Unmarshal(raw, &chain) != nil || len(chain) == 0 {
		return unfit("x5c", "Give x5c as an array of certificates in base64.")
	}
	return checkCertificate("x5c", chain[0], key, now)
}

func (m object) identify(key *Key) error {
	id, there, err := m.text("kid")
	if err != nil {
		return err
	}
	if !there {
		id = key.Thumbprint()
		if id == "" {
			id = randomID()
		}
	}
	key.ID = id
	return checkID(id)
}

// text reads an optional member that must be a string.
func (m object) text(name string) (value string, there bool, err error) {
	raw, there := m[name]
	if !there {
		return "", false, nil
	}
	if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
		return "", true, unfit(name, "Give %q as a string.", name)
	}
	return value, true, nil
}

// bytes reads a needed member in unpadded base64url, of exactly size bytes when
// size is not zero. Go's decoder would skip line breaks.
func (m object) bytes(name string, size int) ([]byte, error) {
	value, there, err := m.text(name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, unfit(name, "The JWK lacks the member %q.", name)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || strings.ContainsAny(value, "\r\n") {
		return nil, unfit(name, "Give %q in base64url without padding.", name)
	}
	if size != 0 && len(b) != size {
		return nil, unfit(name, "Give %q with exactly %d bytes; it has %d.", name, size, len(b))
	}
	return b, nil
}

func (m object) number(name string) (*big.Int, error) {
	b, err := m.bytes(name, 0)
	if err != nil {
		return nil, err
	}
	return new(big.Int).SetBytes(b), nil
}
