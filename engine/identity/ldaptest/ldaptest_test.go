package ldaptest_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/ldaptest"
)

func TestServerAnswersAtTheSameAddressesAfterARestart(t *testing.T) {
	t.Parallel()
	s := ldaptest.Start(t)
	answers(t, s)
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, s)
}

func answers(t *testing.T, s *ldaptest.Server) {
	t.Helper()
	for _, url := range []string{s.LDAP, s.LDAPS} {
		_, address, _ := strings.Cut(url, "://")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		conn.Close()
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, err := ldaptest.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.CAFile); !os.IsNotExist(err) {
		t.Errorf("CA file after Close: %v", err)
	}
	_, address, _ := strings.Cut(s.LDAP, "://")
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("somebody still listens after Close")
	}
}
