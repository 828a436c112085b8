package enginetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The ways that calls take, as names of subtests: whatever Serve and the upstreams of a
// test below them serve is secure accordingly.
const (
	plainWay  = "plain"
	secureIn  = "TLS to the gateway"
	secureAll = "TLS all the way"
)

// Ways runs a test for each way that calls can take, at once.
func Ways(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	EachWay(t, func(t *testing.T) {
		t.Parallel()
		test(t)
	})
}

// EachWay runs a test for one way after the other.
func EachWay(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, way := range []string{plainWay, secureIn, secureAll} {
		t.Run(way, test)
	}
}

// SecureGateway and SecureUpstream tell what the way of a test is.
func SecureGateway(t testing.TB) bool { return on(t, secureIn) || SecureUpstream(t) }

// SecureUpstream see SecureGateway.
func SecureUpstream(t testing.TB) bool { return on(t, secureAll) }

func on(t testing.TB, way string) bool {
	return strings.Contains(t.Name()+"/", "/"+strings.ReplaceAll(way, " ", "_")+"/")
}

// Certificate is for 127.0.0.1. It is trusted by this process once Trust has run.
var Certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "engine test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// TLS is a server's config with Certificate; protocols are those that it offers.
func TLS(protocols ...string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{Certificate()}, NextProtos: protocols}
}

// Trust runs the tests of a package in a process that trusts Certificate, as one that is
// in the store of the system. It is for TestMain.
func Trust(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "enginetest")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: Certificate().Certificate[0]})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		log.Fatal(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", name); err != nil { // before anybody asks for the store
		log.Fatal(err)
	}
	return m.Run()
}
