package console

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/mysql"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/identity/formtest"
)

// WithSourceForm ties a kind to a form unless it has one. It must be called
// before the first test.
func WithSourceForm(kind identity.KindName, f webidentity.Form) bool {
	if sourceForms[kind] == nil {
		sourceForms[kind] = f
	}
	return true
}

// What a form calls a default is written in another place than the default.
func TestEveryFormSaysTheDefaultsThatANewSourceHas(t *testing.T) {
	t.Parallel()
	for _, kind := range []identity.Kind{ldap.Kind(), database.Kind(postgres.Driver(), mysql.Driver()), api.Kind()} {
		t.Run(kind.Label, func(t *testing.T) {
			t.Parallel()
			formtest.Defaults(t, sourceForm(kind), kind)
		})
	}
}

// ATTACK: whoever may edit a source sends its stored secret to a server of
// their own, by any field that says where a connection goes or whom it trusts.
// Every other field may change without the secret being asked for again.
func TestAttackEveryFieldThatMovesAConnectionAsksForTheSecretsAgain(t *testing.T) {
	t.Parallel()
	certificate := formtest.Certificate()
	tests := []struct {
		kind  identity.Kind
		typed webidentity.Values
		moves map[string]string
	}{
		{
			ldap.Kind(), webidentity.Values{"servers.rows": "2", "servers[0]": "ldap://a.example", "servers[1]": "ldaps://b.example"},
			map[string]string{
				"servers[0]": "ldap://c.example", "servers[1]": "ldaps://b.example:1636", "startTls": "false",
				"caCertificates": certificate, "serverName": "evil.example", "servers.rows": "3",
			},
		},
		{
			database.Kind(postgres.Driver(), mysql.Driver()), webidentity.Values{"host": "db.example"},
			map[string]string{
				"driver": "MYSQL", "host": "evil.example", "port": "1", "tls": "PLAINTEXT",
				"caCertificates": certificate, "serverName": "evil.example",
			},
		},
		{
			api.Kind(), webidentity.Values{"url": "https://api.example/check?tenant=ours"},
			map[string]string{"url": "https://api.example/check?tenant=theirs", "caCertificates": certificate},
		},
	}
	for _, tt := range tests {
		t.Run(tt.kind.Label, func(t *testing.T) {
			t.Parallel()
			form := sourceForm(tt.kind)
			stored := webidentity.Write(form, form.New())
			maps.Copy(stored, tt.typed)
			var moved []string
			for field := range stored {
				if moves(form, tt.kind, stored, field, tt.moves[field]) {
					moved = append(moved, field)
				}
			}
			slices.Sort(moved)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(tt.moves)), moved); diff != "" {
				t.Errorf("fields that move the connection (-want +got):\n%s", diff)
			}
		})
	}
}

// moves tells whether another text in a field is another destination, as the
// store compares them.
func moves(form webidentity.Form, kind identity.Kind, stored webidentity.Values, field, text string) bool {
	typed := maps.Clone(stored)
	typed["servers[2]"] = "ldaps://evil.example" // which counts once there are three rows
	if typed[field] = text; text == "" {
		typed[field] = "1"
	}
	was, _ := webidentity.Read(form, kind, stored)
	is, _ := webidentity.Read(form, kind, typed)
	return slices.ContainsFunc(is.Destinations(), func(d string) bool {
		return !slices.Contains(was.Destinations(), d) && strings.Contains(d, "://")
	})
}
