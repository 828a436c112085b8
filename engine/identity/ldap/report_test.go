package ldap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestAReportSaysStepByStepWhatWasTried(t *testing.T) {
	t.Parallel()
	everything := func() *ldap.Config {
		c := withGroups(searching(directory))
		c.MemberOfAttribute, c.MemberOfBaseDN = "memberOf", ldaptest.Groups
		c.ClaimAttributes = []ldap.ClaimAttribute{{Attribute: "mail", Claim: "email"}}
		return c
	}
	stranger, err := ldaptest.Stranger()
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*ldap.Config)) func() *ldap.Config {
		return func() *ldap.Config { c := everything(); change(c); return c }
	}
	tests := []struct {
		name     string
		config   func() *ldap.Config
		user     string
		password string
		accepted bool
		want     []string // in this order, each in a step: "+" or "-" for its end, and a part of it
	}{
		{"a login", everything, "ayse", ldaptest.Password, true, []string{
			"+Connect to ldaps://127.0.0.1", "+Encrypt with TLS TLS 1.3; the certificate of CN=localhost ends on 20", "+Bind as " + ldaptest.BindDN,
			"+Search for the user Found uid=ayse," + ldaptest.People, "+Bind as the user The directory accepted", "+Read memberships 4 groups in memberOf. 1 of them",
			"+Search for groups 3 groups match (&(objectClass=groupOfNames)(member=uid=ayse", `+Roles admins, orders-read. 1 left out`, "+Read claims 1 of 1 claims",
		}},
		{"roles whose blanks are replaced", with(func(c *ldap.Config) { everybody(c).RoleBlanks = "_" }), "kiosk", "", false, []string{
			`+Roles Late__Shift, Shift_Lead. 2 with _ for blanks: "Late  Shift", "Shift Lead". 2 left out, since blanks, commas, quotes and the like cannot be in a role: " Outer", "North, South".`,
		}},
		{"a wrong password", everything, "ayse", "wrong", false, []string{"+Search for the user", "-Bind as the user The name or the password is refused."}},
		{"a locked user", everything, "locked", ldaptest.Password, false, []string{"-Bind as the user The name or the password is refused. The directory answered 49 (Invalid Credentials): the account is locked."}},
		{"a user who must change the password", everything, "newhire", ldaptest.Password, false, []string{"-Bind as the user The name or the password is refused. The directory answered 49 (Invalid Credentials): the password must be changed first."}},
		{"nobody", everything, "nobody", ldaptest.Password, false, []string{"-Search for the user There is no such user. Nothing at or below ou=people"}},
		{"only a name", everything, "bora", "", false, []string{"+Search for the user", "+Roles orders-read."}},
		{"only the connection", everything, "", "", false, []string{"+Connect", "+Encrypt", "+Bind as cn=gateway"}},
		{"a name that cannot be", everything, "a\u200b", "x", false, []string{"-Check the name"}},
		{"a wrong authority", with(func(c *ldap.Config) { c.CACertificates = stranger }), "ayse", "x", false, []string{"+Connect", "-Encrypt with TLS The server's certificate is not accepted: certificate signed by unknown authority"}},
		{"nobody who listens", with(func(c *ldap.Config) { c.Servers = []string{"ldaps://" + dead(t), directory.LDAPS} }), "ayse", ldaptest.Password, true, []string{"-Connect Nobody answers at this address", "+Connect", "+Roles"}},
		{"an unknown host", with(func(c *ldap.Config) { c.Servers = []string{"ldaps://nowhere.invalid"} }), "ayse", "x", false, []string{"-Connect to ldaps://nowhere.invalid:636 The host name cannot be resolved"}},
		{"a base DN that is not there", with(func(c *ldap.Config) { c.UserBaseDN = "ou=none," + ldaptest.Base }), "ayse", "x", false, []string{"-Search for the user There is no such entry; check the base DN"}},
		{"two entries", with(func(c *ldap.Config) { c.LoginAttribute, c.NameAttribute = "mail", "uid" }), "twins@gatewright.test", "x", false, []string{"-Search for the user More than one entry matches"}},
		{"an entry without a name", with(func(c *ldap.Config) { c.NameAttribute = "title" }), "ayse", ldaptest.Password, false, []string{"+Bind as the user", "-Result The entry uid=ayse," + ldaptest.People + " has no title"}},
		{"a plain connection", with(func(c *ldap.Config) { c.Servers, c.StartTLS, c.AllowPlaintext = []string{directory.LDAP}, false, true }), "", "", false, []string{"+No encryption Passwords travel in the clear"}},
		{"StartTLS", with(func(c *ldap.Config) { c.Servers, c.StartTLS = []string{directory.LDAP}, true }), "", "", false, []string{"+Encrypt with StartTLS TLS 1.3"}},
		{"a pattern", func() *ldap.Config { return withGroups(simple(directory)) }, "ayse", ldaptest.Password, true, []string{"+Bind as the user", "+Search for the user Found uid=ayse", "+Search for groups"}},
		{"a pattern and no name", func() *ldap.Config { return simple(directory) }, "", "", false, []string{"+Connect", "+Encrypt"}},
		{"a pattern and no password", func() *ldap.Config { return simple(directory) }, "ayse", "", false, []string{"-Result This identity source cannot look up users by name"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, tt.config()).Test(t.Context(), tt.user, secret.New(tt.password))
			if r.Accepted != tt.accepted || tt.accepted && r.Identity.Name != tt.user {
				t.Errorf("accepted %t as %q", r.Accepted, r.Identity.Name)
			}
			got := lines(r)
			rest := got
			for _, want := range tt.want {
				rest = after(rest, want)
			}
			if rest == nil {
				t.Errorf("steps do not say in this order\n%s\nbut\n%s", strings.Join(tt.want, "\n"), strings.Join(got, "\n"))
			}
			for _, word := range []string{ldaptest.Password, ldaptest.BindPassword} {
				if strings.Contains(fmt.Sprintf("%+v", r), word) {
					t.Errorf("the report holds a password: %+v", r)
				}
			}
		})
	}
}

func lines(r identity.Report) []string {
	out := []string{}
	for _, s := range r.Steps {
		sign := map[bool]string{true: "+", false: "-"}[s.OK]
		out = append(out, sign+s.Text+" "+s.Detail)
	}
	return out
}

// after is what follows the first line with that sign and those words, in which
// an address may stand between text and detail; nil when there is none.
func after(lines []string, want string) []string {
	for i, line := range lines {
		words, found := line[1:], line[0] == want[0]
		for _, word := range strings.Fields(want[1:]) {
			at := strings.Index(words, word)
			if at < 0 {
				found = false
				break
			}
			words = words[at+len(word):]
		}
		if found {
			return lines[i+1:]
		}
	}
	return nil
}
