package ldap_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/problem"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*ldap.Config)
		field  string // "" for nothing wrong
		says   string
	}{
		{"a search over LDAPS", func(*ldap.Config) {}, "", ""},
		{"no server", func(c *ldap.Config) { c.Servers = nil }, "servers", "ldaps://"},
		{"a server twice", func(c *ldap.Config) { c.Servers = []string{"ldaps://a", "LDAPS://A:636"} }, "servers[1]", "twice"},
		{"many servers", func(c *ldap.Config) {
			c.Servers = strings.Split(strings.TrimSuffix(strings.Repeat("ldaps://a ", 11), " "), " ")
		}, "servers", "at most 10"},
		{"a web address", func(c *ldap.Config) { c.Servers = []string{"https://a"} }, "servers[0]", "ldaps://"},
		{"a bare host", func(c *ldap.Config) { c.Servers = []string{"ldap.example.com"} }, "servers[0]", "URL"},
		{"a socket", func(c *ldap.Config) { c.Servers = []string{"ldapi:///run/ldapi"} }, "servers[0]", "URL"},
		{"a password in the URL", func(c *ldap.Config) { c.Servers = []string{"ldaps://cn=x:secret@a"} }, "servers[0]", "before the @"},
		{"a base DN in the URL", func(c *ldap.Config) { c.Servers = []string{"ldaps://a/dc=x"} }, "servers[0]", "fields of their own"},
		{"a port that is none", func(c *ldap.Config) { c.Servers = []string{"ldaps://a:70000"} }, "servers[0]", "port"},
		{"a host of other letters", func(c *ldap.Config) { c.Servers = []string{"ldaps://ayşe.example"} }, "servers[0]", "xn--"},
		{"an IPv6 address", func(c *ldap.Config) { c.Servers = []string{"ldaps://[::1]:636"} }, "", ""},
		{"no encryption by silence", func(c *ldap.Config) { c.Servers, c.StartTLS = []string{"ldap://a"}, false }, "startTls", "unencrypted"},
		{"no encryption, allowed", func(c *ldap.Config) { c.Servers, c.StartTLS, c.AllowPlaintext = []string{"ldap://a"}, false, true }, "", ""},
		{"both encryption and none", func(c *ldap.Config) { c.Servers, c.StartTLS, c.AllowPlaintext = []string{"ldap://a"}, true, true }, "allowPlaintext", "Choose one"},
		{"text for certificates", func(c *ldap.Config) { c.CACertificates = "trust me" }, "caCertificates", "PEM"},
		{"text after a certificate", func(c *ldap.Config) { c.CACertificates += "\nand so on" }, "caCertificates", "nothing else"},
		{"a private key among certificates", func(c *ldap.Config) {
			c.CACertificates = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		}, "caCertificates", "private key"},
		{"a broken certificate", func(c *ldap.Config) {
			c.CACertificates = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
		}, "caCertificates", "not a certificate"},
		{"a server name with blanks", func(c *ldap.Config) { c.ServerName = "my server" }, "serverName", "DNS name"},
		{"a server name without end", func(c *ldap.Config) { c.ServerName = strings.Repeat("x", 255) }, "serverName", "DNS name"},
		{"another mode", func(c *ldap.Config) { c.AuthMode = "KERBEROS" }, "authMode", "SIMPLE SEARCH"},
		{"no base DN", func(c *ldap.Config) { c.UserBaseDN = "" }, "userBaseDn", "ou=people"},
		{"a base that is no DN", func(c *ldap.Config) { c.UserBaseDN = "people" }, "userBaseDn", "DN"},
		{"a bind DN of Active Directory", func(c *ldap.Config) { c.BindDN = "gateway@example.com" }, "", ""},
		{"a bind DN that is none", func(c *ldap.Config) { c.BindDN = "gateway" }, "bindDn", "DN"},
		{"another scope", func(c *ldap.Config) { c.UserScope = "ALL" }, "userScope", "SUBTREE"},
		{"a filter", func(c *ldap.Config) {
			c.UserFilter = "(|(uid={{username}})(&(mail={{username}})(!(employeeType=guest))))"
		}, "", ""},
		{"a filter for accounts of Active Directory that are on", func(c *ldap.Config) {
			c.UserFilter = "(&(objectCategory=person)(sAMAccountName={{username}})(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"
		}, "", ""},
		{"a filter without the name", func(c *ldap.Config) { c.UserFilter = "(uid=ayse)" }, "userFilter", "{{username}}"},
		{"a filter of another product", func(c *ldap.Config) { c.UserFilter = "(uid={0})" }, "userFilter", "{0}"},
		{"a filter without parentheses", func(c *ldap.Config) { c.UserFilter = "uid={{username}}" }, "userFilter", "parentheses"},
		{"a filter that does not end", func(c *ldap.Config) { c.UserFilter = "(&(uid={{username}})" }, "userFilter", "complete"},
		{"a filter with something after it", func(c *ldap.Config) { c.UserFilter = "(uid={{username}})(a=b)" }, "userFilter", "complete"},
		{"a filter with the name for an attribute", func(c *ldap.Config) { c.UserFilter = "(&(a=b)({{username}}=x))" }, "userFilter", "equals sign"},
		{"a filter with another variable", func(c *ldap.Config) { c.UserFilter = "(uid={{username}}{{password}})" }, "userFilter", "Only {{username}}"},
		{"no login attribute", func(c *ldap.Config) { c.LoginAttribute = "" }, "loginAttribute", "name"},
		{"a login attribute that ends the filter", func(c *ldap.Config) { c.LoginAttribute = "uid=*)(x" }, "loginAttribute", "letters"},
		{"all attributes", func(c *ldap.Config) { c.NameAttribute = "*" }, "nameAttribute", "letters"},
		{"a pattern", simplePattern("uid={{username}},ou=people,dc=x"), "", ""},
		{"a pattern with more in the value", simplePattern("cn=staff {{username}}+ou=x,dc=x"), "", ""},
		{"a pattern of Active Directory", simplePattern("{{username}}@example.com"), "", ""},
		{"an older pattern of Active Directory", simplePattern(`CORP\{{username}}`), "", ""},
		{"a pattern without the name", simplePattern("uid=x,dc=x"), "userDnPattern", "{{username}}"},
		{"a pattern with the name for an attribute", simplePattern("{{username}}=x,dc=x"), "userDnPattern", "{{username}}"},
		{"a pattern that is all name", simplePattern("{{username}}"), "userDnPattern", "{{username}}"},
		{"a pattern that spoils the escaping", simplePattern(`uid=\{{username}},dc=x`), "userDnPattern", "{{username}}"},
		{"a pattern in the hexadecimal form", simplePattern("uid=#{{username}},dc=x"), "userDnPattern", "{{username}}"},
		{"a pattern of Active Directory and no base", func(c *ldap.Config) { simplePattern("{{username}}@example.com")(c); c.UserBaseDN = "" }, "userBaseDn", "accounts"},
		{"a claim", claims(ldap.ClaimAttribute{Attribute: "cn;lang-tr", Claim: "name"}), "", ""},
		{"a claim of the gateway", claims(ldap.ClaimAttribute{Attribute: "cn", Claim: "SUB"}), "claimAttributes[0].claim", "belongs to the gateway"},
		{"a claim twice", claims(ldap.ClaimAttribute{Attribute: "cn", Claim: "a"}, ldap.ClaimAttribute{Attribute: "sn", Claim: "a"}), "claimAttributes[1].claim", "twice"},
		{"a claim without a name", claims(ldap.ClaimAttribute{Attribute: "cn"}), "claimAttributes[0].claim", "name"},
		{"a claim of an OID", claims(ldap.ClaimAttribute{Attribute: "2.5.4.3", Claim: "a"}), "", ""},
		{"a claim of the password", claims(ldap.ClaimAttribute{Attribute: "USERPASSWORD;binary", Claim: "a"}), "claimAttributes[0].attribute", "holds a password"},
		{"a claim of the password by its number", claims(ldap.ClaimAttribute{Attribute: "2.5.4.35", Claim: "a"}), "claimAttributes[0].attribute", "holds a password"},
		{"groups", func(c *ldap.Config) { withGroups(c) }, "", ""},
		{"groups below no DN", func(c *ldap.Config) { c.GroupBaseDN = "groups" }, "groupBaseDn", "DN"},
		{"groups without a member attribute", func(c *ldap.Config) { withGroups(c).GroupMemberAttribute = "" }, "groupMemberAttribute", "name"},
		{"groups by a filter with the name", func(c *ldap.Config) { withGroups(c).GroupFilter = "(memberUid={{username}})" }, "groupFilter", "Remove"},
		{"blanks in roles as dots", func(c *ldap.Config) { withGroups(c).RoleBlanks = "." }, "", ""},
		{"blanks in roles as blanks", func(c *ldap.Config) { withGroups(c).RoleBlanks = " " }, "roleBlanks", "Choose"},
		{"blanks in roles as commas", func(c *ldap.Config) { withGroups(c).RoleBlanks = "," }, "roleBlanks", "Choose"},
		{"blanks in roles as words", func(c *ldap.Config) { withGroups(c).RoleBlanks = "__" }, "roleBlanks", "Choose"},
		{"groups by another strategy", func(c *ldap.Config) { c.MemberStrategy = "BOTH" }, "memberStrategy", "USER_DN"},
		{"memberships below no DN", func(c *ldap.Config) { c.MemberOfAttribute, c.MemberOfBaseDN = "memberOf", "x" }, "memberOfBaseDn", "DN"},
		{"the common part", func(c *ldap.Config) { c.TimeoutMillis = 0 }, "timeoutMillis", "milliseconds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := searching(directory)
			tt.change(c)
			got := c.Validate()
			if tt.field == "" && len(got) > 0 || tt.field != "" && !strings.Contains(got.For(tt.field), tt.says) {
				t.Errorf("problems = %v, want %q to say %q", got, tt.field, tt.says)
			}
			if _, err := c.Open(identity.Deps{}); tt.field != "" && problem.Of(err) == nil {
				t.Errorf("Open = %v, want the problems", err)
			}
		})
	}
}

func simplePattern(text string) func(*ldap.Config) {
	return func(c *ldap.Config) { c.AuthMode, c.UserDNPattern = ldap.Simple, text }
}

func claims(a ...ldap.ClaimAttribute) func(*ldap.Config) {
	return func(c *ldap.Config) { c.ClaimAttributes = a }
}

func TestDecodeReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	kinds := identity.Kinds{ldap.Kind()}
	c := withGroups(searching(directory))
	c.ClaimAttributes = []ldap.ClaimAttribute{{Attribute: "mail", Claim: "email", List: true}}
	c.RoleBlanks = "-"
	c.Normalize()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kinds.Decode(raw)
	if diff := cmp.Diff(identity.Config(c), again); diff != "" || err != nil {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
	short, err := kinds.Decode([]byte(`{"kind":"LDAP","name":"x","servers":["ldap://a"],"userBaseDn":"dc=x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := short.(*ldap.Config); !got.StartTLS || got.AuthMode != ldap.Search || got.LoginAttribute != "uid" || got.TimeoutMillis != 5000 {
		t.Errorf("defaults of absent members: %+v", got)
	}
}

func TestNormalizeDropsWhatMeansNothing(t *testing.T) {
	t.Parallel()
	base := func() *ldap.Config {
		c := ldap.New()
		c.Servers, c.StartTLS = []string{"ldaps://a"}, false
		return c
	}
	tests := map[string]func(have, want *ldap.Config){
		"outer blanks and empty rows": func(have, want *ldap.Config) {
			have.Servers, have.LoginAttribute, have.ClaimAttributes = []string{" ldaps://a ", " "}, " mail ", []ldap.ClaimAttribute{{}, {Attribute: " cn", Claim: "name "}}
			want.LoginAttribute, want.ClaimAttributes = "mail", []ldap.ClaimAttribute{{Attribute: "cn", Claim: "name"}}
		},
		"StartTLS of addresses that encrypt": func(have, _ *ldap.Config) { have.StartTLS, have.AllowPlaintext = true, true },
		"a pattern that is not used":         func(have, _ *ldap.Config) { have.UserDNPattern = "uid={{username}},dc=x" },
		"a search that is not made": func(have, want *ldap.Config) {
			have.AuthMode, have.UserDNPattern, have.UserBaseDN, have.UserScope, have.UserFilter = ldap.Simple, "uid={{username}},dc=x", "dc=x", ldap.Object, "(a=b)"
			want.AuthMode, want.UserDNPattern = ldap.Simple, "uid={{username}},dc=x"
		},
		"an object class beside a filter": func(have, want *ldap.Config) {
			have.UserFilter, have.UserObjectClass = "(uid={{username}})", "person"
			want.UserFilter = "(uid={{username}})"
		},
		"groups that are not searched": func(have, _ *ldap.Config) {
			have.GroupFilter, have.GroupNameAttribute, have.NestedGroups, have.MemberStrategy, have.GroupScope = "(a=b)", "x", true, ldap.UserLogin, ldap.Object
		},
		"nesting by login": func(have, want *ldap.Config) {
			have.GroupBaseDN, have.MemberStrategy, have.NestedGroups = "dc=x", ldap.UserLogin, true
			want.GroupBaseDN, want.MemberStrategy = "dc=x", ldap.UserLogin
		},
		"a base of memberships that are not read": func(have, want *ldap.Config) {
			have.MemberOfAttribute, have.MemberOfBaseDN = "", "dc=x"
			want.MemberOfAttribute = ""
		},
		"blanks in the names of groups that are not read": func(have, want *ldap.Config) {
			have.MemberOfAttribute, have.RoleBlanks = "", "_"
			want.MemberOfAttribute = ""
		},
		"blanks in the names of groups that are searched matter": func(have, want *ldap.Config) {
			have.MemberOfAttribute, have.GroupBaseDN, have.RoleBlanks = "", "dc=x", "_"
			want.MemberOfAttribute, want.GroupBaseDN, want.RoleBlanks = "", "dc=x", "_"
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have, want := base(), base()
			tt(have, want)
			have.Normalize()
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDestinationsTellHowPasswordsTravel(t *testing.T) {
	t.Parallel()
	c := ldap.New()
	c.Servers = []string{"ldaps://LDAP.example.com", "ldap://b:3389"}
	want := []string{"ldaps://ldap.example.com:636 as ldap.example.com by the system", "ldap+starttls://b:3389 as b by the system"}
	if diff := cmp.Diff(want, c.Destinations()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.StartTLS = false
	if got := c.Destinations()[1]; got != "ldap://b:3389" {
		t.Errorf("without StartTLS %s", got)
	}
	c.ServerName = "directory.example.com"
	if got := c.Destinations()[0]; got != "ldaps://ldap.example.com:636 as directory.example.com by the system" {
		t.Errorf("with another name %s", got)
	}
}

func TestNestedGroupsAskByTheRuleOfActiveDirectory(t *testing.T) {
	t.Parallel()
	c := withGroups(searching(directory))
	c.NestedGroups = true
	want := `(&(objectClass=groupOfNames)(member:1.2.840.113556.1.4.1941:=cn=a\28b\29,dc=x))`
	if got := c.GroupFilterFor("cn=a(b),dc=x", ""); got != want {
		t.Errorf("filter = %s, want %s", got, want)
	}
}

// FuzzNamesStayValues: whatever is typed, a filter keeps its shape and a DN its
// parts.
func FuzzNamesStayValues(f *testing.F) {
	for _, name := range []string{"ayse", "*)(uid=*", "admin,dc=x", "a\x00", `a\`, "#61", " a ", "ğ+ü", `"a"`, "{{username}}"} {
		f.Add(name)
	}
	c := ldap.New()
	c.UserFilter = "(&(objectClass=person)(|(uid={{username}})(mail={{username}})))"
	f.Fuzz(func(t *testing.T, name string) {
		packet, err := goldap.CompileFilter(c.LoginFilter(name))
		if err != nil || len(packet.Children) != 2 || len(packet.Children[1].Children) != 2 {
			t.Fatalf("filter %s: %v", c.LoginFilter(name), err)
		}
		for _, item := range packet.Children[1].Children {
			if got := fmt.Sprint(item.Children[1].Value); item.Tag != goldap.FilterEqualityMatch || got != name {
				t.Errorf("compares with %q, want %q", got, name)
			}
		}
		bound, _ := ldap.BindName("uid={{username}},"+ldaptest.People, name)
		if !ldap.Fit(name) {
			return
		}
		dn, err := goldap.ParseDN(bound)
		if err != nil || len(dn.RDNs) != 4 || len(dn.RDNs[0].Attributes) != 1 || dn.RDNs[0].Attributes[0].Value != name {
			t.Errorf("DN %s: %v, %v", bound, err, dn)
		}
	})
}
