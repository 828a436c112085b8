package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificates are what the gateways prove themselves with to their callers. Files that
// are exchanged are read anew; a pair that cannot be read leaves the old ones in use.
type certificates struct {
	pairs  []certificatePair
	logger *slog.Logger
	seen   []time.Time // when the files in use were written
	list   atomic.Pointer[[]tls.Certificate]
}

type certificatePair struct{ certificate, key string }

// certificatesEvery is how often the files are looked at.
const certificatesEvery = 10 * time.Second

// openCertificates is nil without any.
func openCertificates(files, keys []string, logger *slog.Logger) (*certificates, error) {
	if len(files) != len(keys) {
		return nil, fmt.Errorf("--tls-key: name one key for each --tls-certificate, in the same order; there are %d keys and %d certificates", len(keys), len(files))
	}
	if len(files) == 0 {
		return nil, nil
	}
	c := &certificates{logger: logger}
	for i := range files {
		c.pairs = append(c.pairs, certificatePair{files[i], keys[i]})
	}
	return c, c.read()
}

// read takes all pairs over or none: a caller must not see one new and one missing.
func (c *certificates) read() error {
	seen, err := c.written()
	if err != nil {
		return err
	}
	list := make([]tls.Certificate, len(c.pairs))
	for i, p := range c.pairs {
		if list[i], err = tls.LoadX509KeyPair(p.certificate, p.key); err != nil {
			return fmt.Errorf("--tls-certificate %q with --tls-key %q: %w", p.certificate, p.key, err)
		}
	}
	c.seen = seen
	c.list.Store(&list)
	return nil
}

func (c *certificates) written() ([]time.Time, error) {
	var times []time.Time
	for _, p := range c.pairs {
		for _, file := range [...]struct{ flag, path string }{{"--tls-certificate", p.certificate}, {"--tls-key", p.key}} {
			info, err := os.Stat(file.path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file.flag, err)
			}
			times = append(times, info.ModTime())
		}
	}
	return times, nil
}

// refresh reads the files anew when one of them is another.
func (c *certificates) refresh() {
	times, err := c.written()
	if err == nil && sameTimes(times, c.seen) {
		return
	}
	if err == nil {
		err = c.read()
	}
	if err != nil {
		c.logger.Warn("certificates not read anew; the old ones stay in use", "error", err)
		return
	}
	c.logger.Info("certificates read anew", "ends", c.ends())
}

func sameTimes(a, b []time.Time) bool {
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// ends is when the first of the certificates ends.
func (c *certificates) ends() (first time.Time) {
	for _, one := range *c.list.Load() {
		if one.Leaf != nil && (first.IsZero() || one.Leaf.NotAfter.Before(first)) {
			first = one.Leaf.NotAfter
		}
	}
	return first
}

// config is for TLS 1.2 and newer, with HTTP/2. The certificate is that which fits the
// name that the caller asks for, else the first.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			list := *c.list.Load()
			for i := range list {
				if hello.SupportsCertificate(&list[i]) == nil {
					return &list[i], nil
				}
			}
			return &list[0], nil
		},
	}
}
