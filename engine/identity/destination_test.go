package identity_test

import (
	"encoding/pem"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
)

func TestADestinationIsTheSameForTheSameAuthoritiesHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	one, two := authority("one"), authority("two")
	first := identity.Trusting("ldaps://a:636", "a", one+two)
	for name, authorities := range map[string]string{
		"in another order": two + one, "with empty lines": "\n\n" + one + "\n\n" + two, "twice": one + two + one,
		"with other line breaks": strings.ReplaceAll(one+two, "\n", "\r\n"),
	} {
		if got := identity.Trusting("ldaps://a:636", "a", authorities); got != first {
			t.Errorf("%s: %s, want %s", name, got, first)
		}
	}
}

// ATTACK: with an authority of their own, an editor on the way to the server
// would pass for it and be sent the stored secret.
func TestAttackWhomAConnectionTrustsIsPartOfWhereItGoes(t *testing.T) {
	t.Parallel()
	one, two := authority("one"), authority("two")
	seen := map[string]string{}
	for name, got := range map[string]string{
		"the first": identity.Trusting("ldaps://a:636", "a", one), "another authority": identity.Trusting("ldaps://a:636", "a", two),
		"one more": identity.Trusting("ldaps://a:636", "a", one+two), "those of the system": identity.Trusting("ldaps://a:636", "a", ""),
		"another name": identity.Trusting("ldaps://a:636", "b", one), "another server": identity.Trusting("ldaps://b:636", "a", one),
	} {
		if other, there := seen[got]; there {
			t.Errorf("%s and %s are both %s", name, other, got)
		}
		seen[got] = name
	}
}

func authority(name string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(name)}))
}
