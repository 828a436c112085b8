package ldaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"time"
)

// writeCertificates makes a certificate authority that lives as long as the
// server, and the server's certificate.
func (s *Server) writeCertificates() error {
	authority, err := newAuthority()
	if err != nil {
		return err
	}
	certificate, key, err := authority.issue()
	if err != nil {
		return err
	}
	s.CA, s.CAFile = authority.pem, s.path("ca.pem")
	return errors.Join(
		os.WriteFile(s.CAFile, []byte(s.CA), 0o600),
		os.WriteFile(s.path("server.pem"), certificate, 0o600),
		os.WriteFile(s.path("server.key"), key, 0o600),
	)
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

// Stranger is the certificate in PEM of an authority that signed nothing here.
func Stranger() (string, error) {
	a, err := newAuthority()
	if err != nil {
		return "", err
	}
	return a.pem, nil
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template("Gatewright test authority")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key, string(block("CERTIFICATE", der))}, err
}

// issue makes a server certificate for localhost and 127.0.0.1, and its key.
func (a *authority) issue() (certificate, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := template("localhost")
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.DNSNames, t.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, t, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(own)
	return block("CERTIFICATE", der), block("PRIVATE KEY", plain), err
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
