package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// addresses are those that a child listens on.
type addresses struct{ Plain, Secure string }

// listenBoth is for an address without TLS and one with it.
func listenBoth() (plain, secure net.Listener, err error) {
	if plain, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
		secure, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		err = fmt.Errorf("listen: %w", err)
	}
	return plain, secure, err
}

func (s *setup) secrets() *tls.Config {
	key, err := x509.ParseECPrivateKey(s.Key)
	if err != nil {
		panic(err) // it was made by newCertificate
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{s.Certificate}, PrivateKey: key}}, NextProtos: []string{"http/1.1"}}
}

// newCertificate is one that nobody has to trust, and its key, both in DER.
func newCertificate(now time.Time) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"bench.test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	if certificate, err = x509.CreateCertificate(rand.Reader, about, about, private.Public(), private); err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalECPrivateKey(private)
	return certificate, key, err
}

// pem is the certificate with its key, as HAProxy and nginx read them.
func (w *wallet) pem() []byte {
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: w.certificateKey})...)
}
