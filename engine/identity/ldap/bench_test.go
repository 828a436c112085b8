package ldap_test

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
)

// BenchmarkLogin is one login that no cache answers, over LDAPS, beside what the
// same questions cost with the library alone. A password is always tried on a
// connection of its own, which is most of it.
func BenchmarkLogin(b *testing.B) {
	b.Run("simple/source", func(b *testing.B) { logins(b, simple(directory)) })
	b.Run("simple/library", func(b *testing.B) {
		for b.Loop() {
			bare(b, func(c *goldap.Conn) { ask(b, c, ayse, goldap.ScopeBaseObject, "(objectClass=*)") })
		}
	})
	b.Run("search/source", func(b *testing.B) { logins(b, searching(directory)) })
	b.Run("search/library", func(b *testing.B) {
		service := dial(b)
		defer service.Close()
		must(b, service.Bind(ldaptest.BindDN, ldaptest.BindPassword))
		for b.Loop() {
			ask(b, service, ldaptest.People, goldap.ScopeWholeSubtree, "(&(objectClass=inetOrgPerson)(uid=ayse))")
			bare(b, func(*goldap.Conn) {})
		}
	})
	b.Run("bind/library", func(b *testing.B) {
		for b.Loop() {
			bare(b, func(*goldap.Conn) {})
		}
	})
}

const ayse = "uid=ayse," + ldaptest.People

func logins(b *testing.B, c *ldap.Config) {
	s := open(b, c)
	for b.Loop() {
		if _, ok, err := s.Authenticate(b.Context(), "ayse", password); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// bare binds as the user on a new connection.
func bare(b *testing.B, then func(*goldap.Conn)) {
	c := dial(b)
	defer c.Close()
	must(b, c.Bind(ayse, ldaptest.Password))
	then(c)
}

// encryption is a client's settings that resume sessions, as those of a source do.
var encryption = sync.OnceValue(func() *tls.Config {
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM([]byte(directory.CA))
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities, ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
})

func dial(b *testing.B) *goldap.Conn {
	c, err := goldap.DialURL(directory.LDAPS, goldap.DialWithTLSConfig(encryption()))
	must(b, err)
	return c
}

func ask(b *testing.B, c *goldap.Conn, base string, scope int, filter string) {
	found, err := c.Search(&goldap.SearchRequest{BaseDN: base, Scope: scope, Filter: filter, Attributes: []string{"uid"}})
	must(b, err)
	if len(found.Entries) != 1 {
		b.Fatalf("%d entries", len(found.Entries))
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
