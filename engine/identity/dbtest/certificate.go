package dbtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// certified is a server's certificate with its authority, all in PEM.
type certified struct {
	ca, cert, key string
	pair          tls.Certificate
}

// authority is the one of this test program.
var authority = sync.OnceValue(newAuthority)

// OtherCA is an authority that signed nothing.
func OtherCA() string { return newAuthority().ca }

func newAuthority() certified {
	root := certificate("Gatewright test authority", true)
	leaf := certificate("localhost", false)
	rootKey, leafKey := newKey(), newKey()
	rootDER := must(x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey))
	leafDER := must(x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey))
	c := certified{
		ca: block("CERTIFICATE", rootDER), cert: block("CERTIFICATE", leafDER),
		key: block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(leafKey))),
	}
	c.pair = must(tls.X509KeyPair([]byte(c.cert), []byte(c.key)))
	return c
}

func certificate(name string, isCA bool) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: isCA, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if isCA {
		c.KeyUsage |= x509.KeyUsageCertSign
		return c
	}
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return c
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// must is for what cannot fail with the values above.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
