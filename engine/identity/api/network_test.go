package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestAPrivateTargetIsRefusedAndTheErrorNamesTheSetting(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "10.0.0.1", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "0.0.0.0"} {
		s, err := config("http://" + host + ":" + port).Open(identity.Deps{Allow: outgoing.Rule{}.Allow})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		got, _, err := login(t, s, "alice", "x")
		var refused *outgoing.Refused
		if got != "broken" || !errors.As(err, &refused) {
			t.Errorf("%s: %s (%v)", host, got, err)
		}
		if host != "0.0.0.0" && !strings.Contains(err.Error(), outgoing.Setting) {
			t.Errorf("%s: %v does not name the setting", host, err)
		}
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestANameThatIsReboundIsNotFollowed(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // every login connects anew
		says(200, "{}")(w, r)
	})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	var asked atomic.Int32
	allowed := outgoing.Dialer{
		Allow: func(a netip.Addr) error {
			if a == netip.MustParseAddr("127.0.0.1") {
				return nil
			}
			return outgoing.Rule{}.Allow(a)
		},
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			if asked.Add(1) == 1 {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil // where the gateway's own secrets might be
		},
	}
	c := config("http://rebind.example:" + port)
	c.Retries = 0
	s, err := c.OpenWith(identity.Deps{}, allowed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if got, _, err := login(t, s, "alice", "x"); got != "accepted" {
		t.Fatalf("%s (%v)", got, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("one connection asked for the name %d times: between two answers there is a gap", n)
	}
	var refused *outgoing.Refused
	if got, _, err := login(t, s, "alice", "x"); got != "broken" || !errors.As(err, &refused) {
		t.Errorf("after rebinding: %s (%v)", got, err)
	}
}

func TestAProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := serve(t, says(200, "{}"))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	c := config("http://login.example")
	s, err := c.OpenWith(identity.Deps{}, outgoing.Dialer{Allow: outgoing.Rule{}.Allow, Resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if got, _, err := login(t, s, "alice", "x"); got != "broken" {
		t.Errorf("%s (%v)", got, err)
	}
	if n := len(proxy.requests()); n != 0 {
		t.Errorf("%d requests went to the proxy", n)
	}
}

// pki is an authority with one server and one client certificate.
type pki struct {
	ca, server, client, clientKey string
	pair                          tls.Certificate
	pool                          *x509.CertPool
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	caKey := newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caPEM := issue(t, ca, ca, caKey, caKey)
	serverKey, clientKey := newKey(t), newKey(t)
	p := &pki{ca: caPEM, pool: x509.NewCertPool()}
	p.pool.AppendCertsFromPEM([]byte(caPEM))
	p.server = issue(t, leaf(2, "service", x509.ExtKeyUsageServerAuth), ca, serverKey, caKey)
	p.client = issue(t, leaf(3, "gatewright", x509.ExtKeyUsageClientAuth), ca, clientKey, caKey)
	p.clientKey = keyPEM(t, clientKey)
	pair, err := tls.X509KeyPair([]byte(p.server), []byte(keyPEM(t, serverKey)))
	if err != nil {
		t.Fatal(err)
	}
	p.pair = pair
	return p
}

func leaf(serial int64, name string, usage x509.ExtKeyUsage) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func issue(t *testing.T, cert, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// serveTLS is a service with the certificate of p that may demand one, too.
func serveTLS(t *testing.T, p *pki, demand tls.ClientAuthType) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewUnstartedServer(s.keep(says(200, "{}")))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{p.pair}, ClientAuth: demand, ClientCAs: p.pool}
	s.Config.ErrorLog = discard()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestTheServicesCertificateIsAlwaysVerified(t *testing.T) {
	t.Parallel()
	p, other := newPKI(t), newPKI(t)
	srv := serveTLS(t, p, tls.NoClientCert)
	tests := []struct{ name, url, ca, want string }{
		{"its authority", srv.URL, p.ca, "accepted"},
		{"another authority", srv.URL, other.ca, "broken"},
		{"the system's authorities", srv.URL, "", "broken"},
		{"another name", strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), p.ca, "broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(tt.url)
			c.AllowPlaintext, c.CACertificates = false, tt.ca
			got, _, err := login(t, open(t, c), "alice", "x")
			if got != tt.want {
				t.Errorf("%s (%v), want %s", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%v does not say what is wrong", err)
			}
		})
	}
}

func TestTheClientCertificateIsShown(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	srv := serveTLS(t, p, tls.RequireAndVerifyClientCert)
	c := config(srv.URL)
	c.AllowPlaintext, c.CACertificates = false, p.ca
	if got, _, _ := login(t, open(t, c), "alice", "x"); got != "broken" {
		t.Errorf("without a certificate: %s", got)
	}
	c.ClientCertificate = p.client
	if got, _, err := login(t, open(t, c, api.ClientKeyName, p.clientKey), "alice", "x"); got != "accepted" {
		t.Fatalf("with it: %s (%v)", got, err)
	}
	if peer := srv.only(t).TLS.PeerCertificates[0].Subject.CommonName; peer != "gatewright" {
		t.Errorf("the service saw %s", peer)
	}
}

func TestAClientCertificateWithoutItsKeyIsRefusedWhenOpened(t *testing.T) {
	t.Parallel()
	p, other := newPKI(t), newPKI(t)
	c := config("https://login.example.com")
	c.ClientCertificate = p.client
	for name, key := range map[string]string{"none": "", "another": other.clientKey, "no key": "hunter2"} {
		_, err := c.Open(identity.Deps{Secrets: map[string]secret.Text{api.ClientKeyName: secret.New(key)}})
		if problem.Of(err).For(api.ClientKeyName) == "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlainHTTPIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	c := config("http://login.example.com")
	c.AllowPlaintext = false
	if got := c.Validate().For("url"); !strings.Contains(got, "https") {
		t.Errorf("problem %q", got)
	}
	c.AllowPlaintext = true
	if l := c.Validate(); len(l) > 0 {
		t.Errorf("problems %v", l)
	}
}
