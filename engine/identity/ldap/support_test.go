package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
)

// directory is the server that all tests read; those that stop it start their own.
var directory *ldaptest.Server

func TestMain(m *testing.M) {
	s, err := ldaptest.Open(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	directory = s
	code := m.Run()
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var password = secret.New(ldaptest.Password)

// searching is a configuration that searches the demonstration directory over
// LDAPS.
func searching(s *ldaptest.Server) *ldap.Config {
	c := ldap.New()
	c.Name = "people"
	c.Servers, c.CACertificates = []string{s.LDAPS}, s.CA
	c.BindDN, c.UserBaseDN = ldaptest.BindDN, ldaptest.People
	c.MemberOfAttribute = ""
	return c
}

// simple is one whose users bind directly and read their own entries.
func simple(s *ldaptest.Server) *ldap.Config {
	c := searching(s)
	c.AuthMode, c.BindDN = ldap.Simple, ""
	c.UserDNPattern = "uid={{username}}," + ldaptest.People
	return c
}

func withGroups(c *ldap.Config) *ldap.Config {
	c.GroupBaseDN, c.GroupObjectClass, c.GroupMemberAttribute = ldaptest.Groups, "groupOfNames", "member"
	return c
}

// open normalizes and opens, as a save and a start would.
func open(t testing.TB, c *ldap.Config) *ldap.Source {
	t.Helper()
	own := *c // tests share configurations
	own.Normalize()
	s, err := own.Open(identity.Deps{Secrets: map[string]secret.Text{ldap.BindPassword: secret.New(ldaptest.BindPassword)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.(*ldap.Source)
}

// accepted fails the test unless the login works.
func accepted(t *testing.T, s *ldap.Source, name string) identity.Identity {
	t.Helper()
	id, ok, err := s.Authenticate(t.Context(), name, password)
	if !ok || err != nil {
		t.Fatalf("login of %q = %t, %v; want it accepted", name, ok, err)
	}
	return id
}

// refused fails the test unless the directory knows the pair to be wrong.
func refused(t *testing.T, s *ldap.Source, name, password string) {
	t.Helper()
	id, ok, err := s.Authenticate(t.Context(), name, secret.New(password))
	if ok || err != nil || id.Name != "" {
		t.Errorf("login of %q = %+v, %t, %v; want it refused", name, id, ok, err)
	}
}

// broken fails the test unless the source could not tell, and says why.
func broken(t *testing.T, s *ldap.Source, name, want string) error {
	t.Helper()
	_, ok, err := s.Authenticate(t.Context(), name, password)
	if ok || err == nil {
		t.Fatalf("login of %q = %t, %v; want an error", name, ok, err)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
	return err
}

// answer is what a made-up server says to a request.
type answer struct {
	code    int
	text    string
	entries []entry // of a search
}

type entry struct {
	dn         string
	attributes map[string]string
}

// request is one that a made-up server got: a bind with a DN and a password, or a
// search with its base and filter.
type request struct {
	bind     bool
	dn       string
	password string
	filter   string
}

// pretend runs a server that shows what OpenLDAP cannot be made to do, such as
// the codes of Active Directory. It speaks just enough LDAP, without encryption.
func pretend(t *testing.T, reply func(request) answer) string {
	t.Helper()
	return pretendEach(t, func() func(request) answer { return reply })
}

// pretendEach has one who replies for each connection.
func pretendEach(t *testing.T, replier func() func(request) answer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go converse(conn, replier())
		}
	}()
	return "ldap://" + l.Addr().String()
}

// The tags of RFC 4511 section 4.2 to 4.5.
const (
	bindRequest, bindResponse            = 0, 1
	searchRequest, searchEntry, searched = 3, 4, 5
)

func converse(conn net.Conn, reply func(request) answer) {
	defer conn.Close()
	for {
		packet, err := ber.ReadPacket(conn)
		if err != nil || len(packet.Children) < 2 {
			return
		}
		id, op := packet.Children[0].Value.(int64), packet.Children[1]
		var out []*ber.Packet
		switch op.Tag {
		case bindRequest:
			a := reply(request{bind: true, dn: op.Children[1].Value.(string), password: op.Children[2].Data.String()})
			out = append(out, message(id, bindResponse, a))
		case searchRequest:
			filter, _ := goldap.DecompileFilter(op.Children[6])
			a := reply(request{dn: op.Children[0].Value.(string), filter: filter})
			for _, e := range a.entries {
				out = append(out, e.message(id))
			}
			out = append(out, message(id, searched, a))
		default:
			return
		}
		for _, p := range out {
			if _, err := conn.Write(p.Bytes()); err != nil {
				return
			}
		}
	}
}

func envelope(id int64) *ber.Packet {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	return p
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func message(id int64, tag ber.Tag, a answer) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, a.code, ""))
	op.AppendChild(text(""))
	op.AppendChild(text(a.text))
	p := envelope(id)
	p.AppendChild(op)
	return p
}

func (e entry) message(id int64) *ber.Packet {
	attributes := ber.NewSequence("")
	for name, value := range e.attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		values.AppendChild(text(value))
		attribute := ber.NewSequence("")
		attribute.AppendChild(text(name))
		attribute.AppendChild(values)
		attributes.AppendChild(attribute)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, searchEntry, nil, "")
	op.AppendChild(text(e.dn))
	op.AppendChild(attributes)
	p := envelope(id)
	p.AppendChild(op)
	return p
}

// pretended is a configuration for a made-up server.
func pretended(url string) *ldap.Config {
	c := ldap.New()
	c.Name, c.Servers, c.StartTLS, c.AllowPlaintext = "pretended", []string{url}, false, true
	c.UserBaseDN, c.BindDN = "dc=test", "cn=gateway,dc=test"
	c.MemberOfAttribute = ""
	return c
}

// aboutOneUser is how callers tell errors that say nothing about the directory.
func aboutOneUser(err error) bool {
	var e interface{ OneUser() bool }
	return errors.As(err, &e) && e.OneUser()
}
