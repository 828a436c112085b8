package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// countries finds the country of an address in a file of MaxMind's format. A
// file that is exchanged is read anew; one that cannot be read leaves the old
// one in use.
type countries struct {
	path   string
	logger *slog.Logger
	seen   time.Time // when the file in use was written
	reader atomic.Pointer[maxminddb.Reader]
}

// countriesEvery is how often the file is looked at.
const countriesEvery = time.Minute

// openCountries is nil without a path.
func openCountries(path string, logger *slog.Logger) (*countries, error) {
	if path == "" {
		return nil, nil
	}
	c := &countries{path: path, logger: logger}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("--country-database %q: %w", path, err)
	}
	return c, nil
}

// read loads the file into memory: one that is mapped would take the process
// with it when somebody shortens it.
func (c *countries) read() error {
	info, err := os.Stat(c.path)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return fmt.Errorf("this is no file of MaxMind's format: %w", err)
	}
	c.seen = info.ModTime()
	c.reader.Store(reader)
	return nil
}

// find is an ISO 3166 code, "" for an unknown address.
func (c *countries) find(a netip.Addr) string {
	var code string
	if err := c.reader.Load().Lookup(a.Unmap().WithZone("")).DecodePath(&code, "country", "iso_code"); err != nil {
		return ""
	}
	return code
}

// finder is nil where there is no database.
func (c *countries) finder() func(netip.Addr) string {
	if c == nil {
		return nil
	}
	return c.find
}

// refresh reads the file anew when it is another one.
func (c *countries) refresh() {
	info, err := os.Stat(c.path)
	if err == nil && info.ModTime().Equal(c.seen) {
		return
	}
	if err == nil {
		err = c.read()
	}
	if err != nil {
		c.logger.Warn("country database not read anew; the old one stays in use", "path", c.path, "error", err)
		return
	}
	c.logger.Info("country database read anew", "path", c.path)
}
