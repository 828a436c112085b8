package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
)

// parseDER reads a private key (PKCS #8, PKCS #1, SEC 1) or a public one
// (SubjectPublicKeyInfo, PKCS #1).
func parseDER(der []byte) (any, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	return nil, unfit("key", "The key cannot be read: give an RSA, EC (P-256, P-384, P-521) or Ed25519 key.")
}

// newScheme makes a key of the standard library one of alg, with every check of
// its kind.
func newScheme(alg Algorithm, key any) (scheme, error) {
	f := alg.facts()
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if f.kind == RSA || f.kind == PSS {
			return newRSA(f, &k.PublicKey, k)
		}
	case *rsa.PublicKey:
		if f.kind == RSA || f.kind == PSS {
			return newRSA(f, k, nil)
		}
	case *ecdsa.PrivateKey:
		if f.kind == ECDSA {
			return newECDSA(f, &k.PublicKey, k)
		}
	case *ecdsa.PublicKey:
		if f.kind == ECDSA {
			return newECDSA(f, k, nil)
		}
	case ed25519.PrivateKey:
		if f.kind == Ed {
			return newEd(k.Public().(ed25519.PublicKey), k)
		}
	case ed25519.PublicKey:
		if f.kind == Ed {
			return newEd(k, nil)
		}
	}
	return nil, unfit("key", "%s needs %s.", alg, wanted[f.kind])
}

// wanted names what fits each kind.
var wanted = map[Kind]string{
	RSA:   "an RSA key",
	PSS:   "an RSA key",
	ECDSA: "an EC key on the curve of the algorithm",
	Ed:    "an Ed25519 key",
	HMAC:  "a shared secret",
}
