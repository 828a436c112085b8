package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"time"
)

// maxPEM bounds an upload; a key with a long chain has some 10 KiB.
const maxPEM = 128 << 10

// ParsePEM reads a key of alg from PEM: a private key (PKCS #8, PKCS #1, SEC 1),
// a public key, or a certificate, or a private key with its certificate. The id
// becomes the kid; when it is empty the thumbprint of RFC 7638 does. What is
// wrong comes back as a problem.List on the fields alg, kid, key and certificate.
func ParsePEM(data []byte, alg Algorithm, id string, now time.Time) (*Key, error) {
	if err := checkAlgorithm(alg); err != nil {
		return nil, err
	}
	if alg.Symmetric() {
		return nil, unfit("key", "%s needs a shared secret, not PEM.", alg)
	}
	blocks, err := readPEM(data)
	if err != nil {
		return nil, err
	}
	key, err := blocks.parse(alg)
	if err != nil {
		return nil, err
	}
	if key.ID = id; id == "" {
		key.ID = key.Thumbprint()
	}
	if err := checkID(key.ID); err != nil {
		return nil, err
	}
	if blocks.certificate != nil {
		if err := checkCertificate("certificate", blocks.certificate, key, now); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// blocks is what a PEM file may hold for one key. Of a chain the first
// certificate counts.
type blocks struct {
	key, certificate []byte
}

func readPEM(data []byte) (blocks, error) {
	var found blocks
	if len(data) > maxPEM {
		return found, unfit("key", "The PEM text has %d bytes; at most %d are allowed.", len(data), maxPEM)
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if err := found.take(block); err != nil {
			return found, err
		}
	}
	if bytes.Contains(data, []byte("-----BEGIN")) {
		return found, unfit("key", "The PEM text is cut off or damaged.")
	}
	if found.key == nil && found.certificate == nil {
		return found, unfit("key", "Give the key as PEM text, beginning with -----BEGIN.")
	}
	return found, nil
}

func (b *blocks) take(block *pem.Block) error {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return unfit("key", "The private key is encrypted; decrypt it first, such as with: openssl pkey -in key.pem -out plain.pem")
	}
	switch block.Type {
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY":
		if b.key != nil {
			return unfit("key", "Give one key only; the PEM text holds several.")
		}
		b.key = block.Bytes
	case "CERTIFICATE":
		if b.certificate == nil {
			b.certificate = block.Bytes
		}
	case "EC PARAMETERS": // openssl writes them before the key, which names its curve itself
	default:
		return unfit("key", "A PEM block of the type %q is no key.", clip(block.Type))
	}
	return nil
}

func (b blocks) parse(alg Algorithm) (*Key, error) {
	var parsed any
	var err error
	if b.key != nil {
		parsed, err = parseDER(b.key)
	} else {
		parsed, err = certified(b.certificate)
	}
	if err != nil {
		return nil, err
	}
	s, err := newScheme(alg, parsed)
	if err != nil {
		return nil, err
	}
	return &Key{Algorithm: alg, scheme: s}, nil
}

func certified(der []byte) (any, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, unfit("certificate", "The certificate cannot be read.")
	}
	return certificate.PublicKey, nil
}

// checkCertificate refuses a certificate of another key, out of its time, or
// made for something else than signing. Its chain is not judged: whoever may
// save a key decides to trust it.
func checkCertificate(field string, der []byte, key *Key, now time.Time) error {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return unfit(field, "The certificate cannot be read.")
	}
	s, err := newScheme(key.Algorithm, certificate.PublicKey)
	if err != nil || (&Key{Algorithm: key.Algorithm, scheme: s}).Thumbprint() != key.Thumbprint() {
		return unfit(field, "The certificate belongs to another key.")
	}
	switch {
	case now.After(certificate.NotAfter):
		return unfit(field, "The certificate expired on %s; renew it.", certificate.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(certificate.NotBefore):
		return unfit(field, "The certificate is valid only from %s.", certificate.NotBefore.UTC().Format(time.DateOnly))
	case certificate.KeyUsage != 0 && certificate.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return unfit(field, "The certificate is not made for digital signatures.")
	}
	return nil
}
