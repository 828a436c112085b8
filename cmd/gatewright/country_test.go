package main

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// writeCountries makes a database of networks and their countries.
func writeCountries(t *testing.T, path string, networks map[string]string) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, code := range networks {
		record := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCountriesAreFoundInTheFileThatIsThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "country.mmdb")
	writeCountries(t, path, map[string]string{"192.0.2.0/24": "TR", "2001:db8::/32": "DE"})
	var log strings.Builder
	c, err := openCountries(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"192.0.2.7": "TR", "::ffff:192.0.2.7": "TR", "2001:db8::1": "DE", "198.51.100.1": "", "fe80::1%eth0": "",
	} {
		if got := c.find(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s = %q, want %q", address, got, want)
		}
	}
	replace := func(at time.Time, write func(path string)) {
		write(path + ".new")
		if err := os.Chtimes(path+".new", at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		c.refresh()
	}
	replace(time.Now().Add(time.Hour), func(path string) { writeCountries(t, path, map[string]string{"192.0.2.0/24": "FR"}) })
	if got := c.find(netip.MustParseAddr("192.0.2.7")); got != "FR" {
		t.Errorf("after another file: %q", got)
	}
	replace(time.Now().Add(2*time.Hour), func(path string) { _ = os.WriteFile(path, []byte("broken"), 0o600) })
	if got := c.find(netip.MustParseAddr("192.0.2.7")); got != "FR" || !strings.Contains(log.String(), "stays in use") {
		t.Errorf("after a broken file: %q, %s", got, log.String())
	}
}

func TestAFileThatIsNoDatabaseStopsTheStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "country.mmdb")
	for _, raw := range [][]byte{nil, []byte("no database")} {
		if raw != nil {
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := openCountries(path, quiet); err == nil || !strings.Contains(err.Error(), "--country-database") {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if c, err := openCountries("", nil); c != nil || err != nil || c.finder() != nil {
		t.Errorf("without a path: %v, %v", c, err)
	}
}
