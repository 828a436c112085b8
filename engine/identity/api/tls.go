package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// tls is how connections are secured. The service's certificate is always
// verified; there is no switch to leave that out.
func (c *Config) tls(key secret.Text) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CACertificates != "" {
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM([]byte(c.CACertificates)) {
			return nil, errors.New("the CA certificates cannot be read; paste them in PEM form")
		}
	}
	if c.ClientCertificate == "" {
		return out, nil
	}
	if key.IsZero() {
		return nil, problem.List{{Field: ClientKeyName, Message: "Enter the private key of the client certificate."}}
	}
	pair, err := tls.X509KeyPair([]byte(c.ClientCertificate), []byte(key.Reveal()))
	if err != nil {
		// The cause is left out: it may quote the key.
		return nil, problem.List{{Field: ClientKeyName, Message: "The client certificate and its private key cannot be used together; paste both in PEM form, the key without a passphrase."}}
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}
