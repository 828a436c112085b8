package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
)

// writePair makes a certificate for a name, with its key, as two files.
func writePair(t *testing.T, dir, name string, serial int64) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	writePEM(t, certificate, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", pkcs8)
	written := time.Now().Add(time.Duration(serial) * time.Second) // files of one moment differ too
	for _, path := range []string{certificate, key} {
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shown is the certificate that is shown for a name, and the protocol that is spoken.
func shown(t *testing.T, address, name string) (serial int64, protocol string) {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := c.ConnectionState()
	return s.PeerCertificates[0].SerialNumber.Int64(), s.NegotiatedProtocol
}

func TestCertificatesAreReadAnewWithoutLosingACall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, aKey := writePair(t, dir, "a.test", 1)
	b, bKey := writePair(t, dir, "b.test", 2)
	var log strings.Builder
	c, err := openCertificates([]string{a, b}, []string{aKey, bKey}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := engine.New(engine.Options{})
	server := engine.Server("", g)
	go server.Serve(engine.ListenTLS(l, server, g, c.config()))
	t.Cleanup(func() { server.Close() })
	address := l.Addr().String()
	for name, want := range map[string]int64{"a.test": 1, "b.test": 2, "c.test": 1} {
		if got, protocol := shown(t, address, name); got != want || protocol != "h2" {
			t.Errorf("%s: certificate %d, %s", name, got, protocol)
		}
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{ServerName: "a.test", InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	call := func() *http.Response {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+"/", nil)
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res
	}
	if res := call(); res.ProtoMajor != 2 || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %d", res.Proto, res.StatusCode)
	}
	writePair(t, dir, "a.test", 3)
	c.refresh()
	if got, _ := shown(t, address, "a.test"); got != 3 {
		t.Errorf("after the exchange: certificate %d", got)
	}
	if res := call(); res.TLS.PeerCertificates[0].SerialNumber.Int64() != 1 {
		t.Error("the connection under way was not kept")
	}
	if err := os.WriteFile(aKey, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.refresh()
	if got, _ := shown(t, address, "a.test"); got != 3 || !strings.Contains(log.String(), "not read anew") || strings.Contains(log.String(), "half a key") {
		t.Errorf("after half an exchange: certificate %d, log %s", got, log.String())
	}
}

func TestWrongCertificatesAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, aKey := writePair(t, dir, "a.test", 1)
	_, bKey := writePair(t, dir, "b.test", 2)
	for name, tt := range map[string]struct {
		files, keys []string
		want        string
	}{
		"a key too few":       {[]string{a}, nil, "--tls-key: name one key for each"},
		"a file that is away": {[]string{dir + "/none"}, []string{aKey}, "--tls-certificate: "},
		"a key that is away":  {[]string{a}, []string{dir + "/none"}, "--tls-key: "},
		"another one's key":   {[]string{a}, []string{bKey}, "private key does not match"},
	} {
		if _, err := openCertificates(tt.files, tt.keys, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
