package keys

import (
	"crypto"
	"crypto/elliptic"
	_ "crypto/sha256" // for crypto.SHA256.New
	_ "crypto/sha512" // for crypto.SHA384.New and crypto.SHA512.New
	"slices"
)

// Algorithm is a JWS signature algorithm by its registered name (RFC 7518
// section 3.1, RFC 8037 section 3.1).
type Algorithm string

// The algorithms of D6. "none" is not one of them and never will be.
const (
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
)

// Kind groups algorithms that are made of the same mathematics and cost alike.
type Kind string

// The kinds of algorithm.
const (
	RSA   Kind = "rsa"     // RSASSA-PKCS1-v1_5
	PSS   Kind = "rsa-pss" // RSASSA-PSS
	ECDSA Kind = "ecdsa"
	Ed    Kind = "eddsa"
	HMAC  Kind = "hmac"
)

// facts is what there is to know about an algorithm.
type facts struct {
	name  Algorithm
	kind  Kind
	hash  crypto.Hash    // zero for EdDSA, which hashes by itself
	curve elliptic.Curve // of ECDSA only
}

// table is in the order in which people are offered the algorithms (D6).
var table = []facts{
	{RS256, RSA, crypto.SHA256, nil},
	{RS384, RSA, crypto.SHA384, nil},
	{RS512, RSA, crypto.SHA512, nil},
	{PS256, PSS, crypto.SHA256, nil},
	{PS384, PSS, crypto.SHA384, nil},
	{PS512, PSS, crypto.SHA512, nil},
	{ES256, ECDSA, crypto.SHA256, elliptic.P256()},
	{ES384, ECDSA, crypto.SHA384, elliptic.P384()},
	{ES512, ECDSA, crypto.SHA512, elliptic.P521()},
	{EdDSA, Ed, 0, nil},
	{HS256, HMAC, crypto.SHA256, nil},
	{HS384, HMAC, crypto.SHA384, nil},
	{HS512, HMAC, crypto.SHA512, nil},
}

// advice is what the console says of each kind.
var advice = map[Kind]struct{ cost, hint string }{
	RSA: {
		"Cheap to verify, dear to sign: signing takes some thirty times as long.",
		"The usual choice. Everyone can verify with the public key, only the gateway can sign.",
	},
	PSS: {
		"As RS: cheap to verify, dear to sign.",
		"RSA with the newer padding, which has a proof of security. Choose it when a rule asks for it and every client knows it.",
	},
	ECDSA: {
		"Cheap to sign, dearer to verify: the reverse of RSA. ES256 is by far the fastest; the larger curves cost several times as much.",
		"Short tokens and fast issuing. Everyone can verify with the public key, only the gateway can sign.",
	},
	Ed: {
		"The cheapest to sign of those with a public key, and moderate to verify.",
		"Short tokens, fast issuing and few ways to get it wrong, but older libraries do not know it.",
	},
	HMAC: {
		"The cheapest of all, to sign and to verify: a hundredth of the others.",
		"One shared secret signs and verifies: everyone who can verify a token can also forge one. Choose it only when no one but the gateway verifies.",
	},
}

// Algorithms returns all algorithms in the order of D6, RS256 first.
func Algorithms() []Algorithm {
	all := make([]Algorithm, len(table))
	for i, f := range table {
		all[i] = f.name
	}
	return all
}

// Valid reports whether a is one of Algorithms, spelled exactly so.
func (a Algorithm) Valid() bool { return a.facts().name != "" }

// Kind returns the kind of a, empty when a is not valid.
func (a Algorithm) Kind() Kind { return a.facts().kind }

// Hash returns the hash of a, zero for EdDSA and for what is not valid.
func (a Algorithm) Hash() crypto.Hash { return a.facts().hash }

// Symmetric reports whether the key that verifies is the key that signs.
func (a Algorithm) Symmetric() bool { return a.Kind() == HMAC }

// Cost says in a sentence what signing and verifying cost.
func (a Algorithm) Cost() string { return advice[a.Kind()].cost }

// Advice says in a sentence or two when to choose the algorithm.
func (a Algorithm) Advice() string { return advice[a.Kind()].hint }

func (a Algorithm) facts() facts {
	for i := range table {
		if table[i].name == a {
			return table[i]
		}
	}
	return facts{}
}

// order is the place of a in Algorithms.
func (a Algorithm) order() int {
	return slices.IndexFunc(table, func(f facts) bool { return f.name == a })
}
