package ldap_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
)

const oddName = `odd, name+"x" \q*(1)=<b>#`

func TestLogin(t *testing.T) {
	t.Parallel()
	modes := map[string]func(*ldaptest.Server) *ldap.Config{
		"by search":  searching,
		"by pattern": simple,
		"by pattern, read by the service account": func(s *ldaptest.Server) *ldap.Config {
			c := simple(s)
			c.BindDN = ldaptest.BindDN
			return c
		},
	}
	for mode, config := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := open(t, withGroups(config(directory)))
			for typed, name := range map[string]string{
				"ayse": "ayse", "AYSE": "ayse", "jörg": "jörg", "JÖRG": "jörg", oddName: oddName, "zehra": "zehra", "ⓐｙse": "ayse",
			} {
				if got := accepted(t, s, typed).Name; got != name {
					t.Errorf("%q is called %q, want %q", typed, got, name)
				}
			}
			refused(t, s, "ayse", "wrong")
			refused(t, s, "ayse", strings.ToLower(ldaptest.Password))
			refused(t, s, "nobody", ldaptest.Password)
			refused(t, s, "locked", ldaptest.Password)
			refused(t, s, "nopassword", ldaptest.Password)
			refused(t, s, "newhire", ldaptest.Password) // who is let in to change the password, and for nothing else
			if diff := cmp.Diff([]string{"special"}, accepted(t, s, oddName).Roles); diff != "" {
				t.Errorf("roles of a name that must be escaped (-want +got):\n%s", diff)
			}
		})
	}
}

// With an empty password a directory accepts anybody as nobody (RFC 4513 section
// 5.1.2); the server of these tests is set up to.
func TestAttackEmptyPassword(t *testing.T) {
	t.Parallel()
	for _, config := range []*ldap.Config{searching(directory), simple(directory)} {
		s := open(t, config)
		refused(t, s, "ayse", "")
		refused(t, s, "nobody", "")
		refused(t, s, "", ldaptest.Password)
	}
}

// What ends texts at a zero byte, such as a proxy or a backend in front of which
// the directory stands, would find this password empty.
func TestAttackAPasswordThatEndsBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := open(t, pretended(pretend(t, func(r request) answer {
		if word, _, _ := strings.Cut(r.password, "\x00"); r.bind && word != "" && word != ldaptest.BindPassword {
			return answer{code: 49}
		}
		return answer{entries: []entry{{"uid=ayse,dc=test", map[string]string{"uid": "ayse"}}}}
	})))
	refused(t, s, "ayse", "wrong")
	refused(t, s, "ayse", "\x00wrong")
	if r := s.Test(t.Context(), "ayse", secret.New("\x00wrong")); r.Accepted || len(r.Steps) != 1 || r.Steps[0].OK {
		t.Errorf("report = %+v", r)
	}
}

func TestAttackNamesThatAreSyntaxElsewhere(t *testing.T) {
	t.Parallel()
	filter := searching(directory)
	filter.UserFilter = "(&(objectClass=person)(|(uid={{username}})(mail={{username}})))"
	sources := map[string]*ldap.Source{
		"search": open(t, searching(directory)), "filter": open(t, filter), "pattern": open(t, simple(directory)),
	}
	names := []string{
		"*", "a*", "ays?", "*)(uid=*", "ayse)(uid=ayse", "ayse)(&(uid=*", "ayse))(|(uid=*", `ayse\`, `\61yse`, `ay\se`, "ayse\x00", "ayse\x00)(uid=*",
		"ayse,ou=people", "ayse," + ldaptest.People, "admin,dc=x", "ayse+cn=Ay", "ayse#", "#61797365", `"ayse"`, "ayse;x", "uid=ayse", "<ayse>",
		" ayse", "ayse ", "ay\u00adse", "ayse\u200b", "ayse\n", "ay\xffse", strings.Repeat("a", 5000), "{{username}}", "ayse" + strings.Repeat(" ", 300),
	}
	for kind, s := range sources {
		for _, name := range names {
			t.Run(fmt.Sprintf("%s %.30q", kind, name), func(t *testing.T) { refused(t, s, name, ldaptest.Password) })
		}
	}
}

func TestNamesAreEscapedWhereTheyGo(t *testing.T) {
	t.Parallel()
	c := searching(directory)
	for name, want := range map[string]string{
		"*)(uid=*": `(&(objectClass=inetOrgPerson)(uid=\2a\29\28uid=\2a))`,
		"a\x00b":   `(&(objectClass=inetOrgPerson)(uid=a\00b))`,
		`jörg\`:    `(&(objectClass=inetOrgPerson)(uid=j\c3\b6rg\5c))`,
	} {
		if got := c.LoginFilter(name); got != want {
			t.Errorf("filter of %q = %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"a,dc=x": `uid=a\,dc=x,dc=test`, "a+b": `uid=a\+b,dc=test`, " #a ": `uid=\ #a\ ,dc=test`, "#a": `uid=\#a,dc=test`, `a\b"c`: `uid=a\\b\"c,dc=test`,
		"a\x00": `uid=a\00,dc=test`, "{{username}}": "uid={{username}},dc=test",
	} {
		if got, _ := ldap.BindName("uid={{username}},dc=test", name); got != want {
			t.Errorf("DN of %q = %s, want %s", name, got, want)
		}
	}
}

func TestExactlyOneEntryMustMatch(t *testing.T) {
	t.Parallel()
	c := searching(directory)
	c.LoginAttribute, c.NameAttribute = "mail", "uid"
	s := open(t, c)
	err := broken(t, s, "twins@gatewright.test", "more than one entry")
	if !aboutOneUser(err) {
		t.Error("the error counts as one of the directory")
	}
	for _, mail := range []string{"ayse@gatewright.test", "A.Yilmaz@gatewright.test"} {
		if got := accepted(t, s, mail).Name; got != "ayse" {
			t.Errorf("%s is %q", mail, got)
		}
	}
}

func TestANameIsTheOneInTheDNOrNone(t *testing.T) {
	t.Parallel()
	c := searching(directory)
	if got := accepted(t, open(t, c), "alias").Name; got != "zehra" {
		t.Errorf("called %q, want the value in the entry's DN", got)
	}
	c.NameAttribute = "title"
	if err := broken(t, open(t, c), "zehra", "2 values of title"); !aboutOneUser(err) {
		t.Error("the error counts as one of the directory")
	}
	if err := broken(t, open(t, c), "ayse", "no title"); !aboutOneUser(err) {
		t.Error("the error counts as one of the directory")
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	c := searching(directory)
	c.ClaimAttributes = []ldap.ClaimAttribute{
		{Attribute: "cn", Claim: "name"}, {Attribute: "mail", Claim: "email"}, {Attribute: "departmentNumber", Claim: "departments"},
		{Attribute: "EMPLOYEENUMBER", Claim: "numbers", List: true}, {Attribute: "title", Claim: "title"}, {Attribute: "title", Claim: "titles", List: true},
	}
	want := map[string]any{
		"name": "Ayşe Işık Yılmaz", "email": []string{"ayse@gatewright.test", "a.yilmaz@gatewright.test"},
		"departments": []string{"payments", "fraud"}, "numbers": []string{"1001"},
	}
	if diff := cmp.Diff(want, accepted(t, open(t, c), "ayse").Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*ldap.Config)
		user   string
		want   []string
	}{
		{"none without a way", func(*ldap.Config) {}, "ayse", nil},
		{"from the user's entry, without the one that has a blank", func(c *ldap.Config) { c.MemberOfAttribute = "memberOf" }, "ayse", []string{"admins", "chess", "orders-read"}},
		{"only those below a base", func(c *ldap.Config) { c.MemberOfAttribute, c.MemberOfBaseDN = "MEMBEROF", "OU=Groups,"+ldaptest.Base }, "ayse", []string{"admins", "orders-read"}},
		{"from a search", func(c *ldap.Config) { withGroups(c) }, "bora", []string{"orders-read"}},
		{"from both, each once", func(c *ldap.Config) { withGroups(c).MemberOfAttribute = "memberOf" }, "ayse", []string{"admins", "chess", "orders-read"}},
		{"with blanks in their names replaced, in the user's entry", func(c *ldap.Config) { c.MemberOfAttribute, c.RoleBlanks = "memberOf", "." }, "ayse", []string{"Domain.Users", "admins", "chess", "orders-read"}},
		{"with blanks in their names replaced, in a search, alike ones once", func(c *ldap.Config) { everybody(withGroups(c)).RoleBlanks = "_" }, "kiosk", []string{"Late__Shift", "Shift_Lead"}},
		{"with blanks in their names replaced by a hyphen", func(c *ldap.Config) { everybody(withGroups(c)).RoleBlanks = "-" }, "kiosk", []string{"Late--Shift", "Shift-Lead", "Shift_Lead"}},
		{"without blanks", func(c *ldap.Config) { everybody(withGroups(c)) }, "kiosk", []string{"Shift_Lead"}},
		{"from a search for a login", func(c *ldap.Config) {
			withGroups(c).MemberStrategy = ldap.UserLogin
			c.GroupObjectClass, c.GroupMemberAttribute = "posixGroup", "memberUid"
		}, "AYSE", []string{"unix-ops"}},
		{"from a search with a filter", func(c *ldap.Config) { withGroups(c).GroupFilter = "(&(objectClass=groupOfNames)(!(cn=admins)))" }, "ayse", []string{"orders-read"}},
		{"from a search of one level", func(c *ldap.Config) { withGroups(c).GroupScope, c.GroupBaseDN = ldap.OneLevel, ldaptest.Base }, "ayse", nil},
		{"none of a user who is in no group", func(c *ldap.Config) { withGroups(c).MemberOfAttribute = "memberOf" }, "zehra", nil},
		{"more than the server gives at once", func(c *ldap.Config) { withGroups(c) }, "many", teams()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := searching(directory)
			tt.change(c)
			s := open(t, c)
			got := accepted(t, s, tt.user)
			if diff := cmp.Diff(tt.want, got.Roles); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
			again, found, err := s.Lookup(t.Context(), got.Name)
			if diff := cmp.Diff(got, again); diff != "" || !found || err != nil {
				t.Errorf("lookup = %t, %v, (-login +lookup):\n%s", found, err, diff)
			}
		})
	}
}

// everybody has a filter for those who are no inetOrgPerson.
func everybody(c *ldap.Config) *ldap.Config {
	c.UserFilter = "(uid={{username}})"
	return c
}

func TestAPartOfTheGroupsIsNoAnswer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	many := make([]entry, 1001)
	for i := range many {
		many[i] = entry{fmt.Sprintf("cn=g%d,dc=test", i), map[string]string{"cn": fmt.Sprintf("g%d", i)}}
	}
	user := map[string]string{"uid": "ayse", "memberOf;range=0-0": "cn=admins,dc=test"}
	url := pretend(t, func(r request) answer {
		switch {
		case r.bind:
			return answer{}
		case r.dn == ldaptest.Groups:
			asked.Add(1)
			return answer{entries: many}
		}
		return answer{entries: []entry{{"uid=ayse,dc=test", user}}}
	})
	c := pretended(url)
	c.MemberOfAttribute = "memberOf"
	if err := broken(t, open(t, c), "ayse", "more groups than can be read"); !aboutOneUser(err) {
		t.Error("the error counts as one of the directory")
	}
	c.MemberOfAttribute = ""
	s := open(t, withGroups(c))
	for range 2 {
		if err := broken(t, s, "ayse", "more than 1000 entries"); !aboutOneUser(err) {
			t.Error("the error counts as one of the directory")
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times in two logins", n)
	}
}

func teams() []string {
	var names []string
	for i := range ldaptest.Teams {
		names = append(names, fmt.Sprintf("team-%03d", i+1))
	}
	return names
}

func TestAnAnonymousSearchNeedsNoAccount(t *testing.T) {
	t.Parallel()
	c := searching(directory)
	c.BindDN, c.UserBaseDN = "", "ou=open,"+ldaptest.Base
	accepted(t, open(t, c), "walkin")
	c.UserBaseDN = ldaptest.Base
	broken(t, open(t, c), "ayse", "Insufficient Access Rights") // strangers do not see her
}

func TestLookup(t *testing.T) {
	t.Parallel()
	byMail := searching(directory)
	byMail.LoginAttribute, byMail.NameAttribute = "mail", "uid"
	restricted := searching(directory)
	restricted.UserFilter, restricted.LoginAttribute, restricted.NameAttribute = "(&(mail={{username}})(memberOf=cn=orders-read,"+ldaptest.Groups+"))", "mail", "uid"
	otherClass := searching(directory) // a filter of its own, and users who are no inetOrgPerson
	otherClass.UserFilter, otherClass.LoginAttribute, otherClass.NameAttribute = "(&(objectClass=account)(host={{username}}))", "host", "uid"
	withAccount := simple(directory)
	withAccount.BindDN = ldaptest.BindDN
	tests := []struct {
		name   string
		config *ldap.Config
		user   string
		want   string // "" for not found
	}{
		{"by the login", searching(directory), "bora", "bora"},
		{"of nobody", searching(directory), "nobody", ""},
		{"by another name than the login", byMail, "bora", "bora"},
		{"not by the login", byMail, "bora@gatewright.test", ""},
		{"of one whom the filter lets in", restricted, "bora", "bora"},
		{"of one of another class", otherClass, "kiosk", "kiosk"},
		{"of a name that is two people's wildcard", byMail, "*", ""},
		{"by pattern", withAccount, "bora", "bora"},
		{"of nobody by pattern", withAccount, "nobody", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, found, err := open(t, tt.config).Lookup(t.Context(), tt.user)
			if err != nil || found != (tt.want != "") || id.Name != tt.want {
				t.Errorf("Lookup = %+v, %t, %v; want %q", id, found, err, tt.want)
			}
		})
	}
	t.Run("of one whom the filter has come to shut out", func(t *testing.T) {
		t.Parallel()
		out := *restricted
		out.UserFilter = "(&(mail={{username}})(!(uid=bora)))"
		if id, found, err := open(t, &out).Lookup(t.Context(), "bora"); found || err != nil {
			t.Errorf("Lookup = %+v, %t, %v; want not found", id, found, err)
		}
	})
	t.Run("is impossible where only users can read", func(t *testing.T) {
		t.Parallel()
		if _, _, err := open(t, simple(directory)).Lookup(t.Context(), "bora"); err != identity.ErrNoLookup {
			t.Errorf("error = %v, want ErrNoLookup", err)
		}
	})
	t.Run("is impossible where the pattern is not made of the name", func(t *testing.T) {
		t.Parallel()
		c := *withAccount
		c.NameAttribute = "mail"
		if _, _, err := open(t, &c).Lookup(t.Context(), "bora"); err != identity.ErrNoLookup {
			t.Errorf("error = %v, want ErrNoLookup", err)
		}
	})
}

func TestActiveDirectorySaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	for code, why := range map[string]string{
		"52e": "wrong name or password", "525": "there is no such user", "530": "not permitted at this time", "533": "the account is disabled", "775": "the account is locked",
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			s := open(t, pretended(pretend(t, func(r request) answer {
				switch {
				case r.bind && r.dn == "cn=gateway,dc=test":
					return answer{}
				case r.bind:
					return answer{code: 49, text: "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + code + ", v4563\x00"}
				}
				return answer{entries: []entry{{"cn=Ayse,dc=test", map[string]string{"uid": "ayse"}}}}
			})))
			refused(t, s, "ayse", ldaptest.Password)
			report := s.Test(t.Context(), "ayse", password)
			last := report.Steps[len(report.Steps)-1]
			if report.Accepted || last.OK || !strings.Contains(last.Detail, why) {
				t.Errorf("last step %+v does not say %q", last, why)
			}
		})
	}
}

// A locked account of another directory must not look like a broken directory:
// the circuit breaker would shut out everybody.
func TestLockedAccountsOfOtherDirectoriesAreRefusedOnly(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]answer{
		"389, too many wrong passwords": {code: 19, text: "Exceed password retry limit. Please try later."},
		"389, account off":              {code: 53, text: "Account inactivated. Contact system administrator."},
		"no password set":               {code: 48},
		"no such entry":                 {code: 32},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pretended(pretend(t, func(request) answer { return a }))
			c.AuthMode, c.BindDN, c.UserDNPattern = ldap.Simple, "", "uid={{username}},dc=test"
			refused(t, open(t, c), "ayse", ldaptest.Password)
		})
	}
	for name, tt := range map[string]struct {
		answer
		one bool // it says nothing of other users
	}{
		"no encryption": {answer{code: 13, text: "confidentiality required"}, false}, "busy": {answer{code: 51}, false},
		"unavailable": {answer{code: 52}, false}, "other": {answer{code: 80}, false},
		"an account with a state of its own": {answer{code: 53, text: "NDS error: log account expired (-220)"}, true},
		"a referral":                         {answer{code: 10}, true}, "DN syntax": {answer{code: 34}, true}, "no right to bind": {answer{code: 50}, true},
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			t.Parallel()
			c := pretended(pretend(t, func(request) answer { return tt.answer }))
			c.AuthMode, c.BindDN, c.UserDNPattern = ldap.Simple, "", "uid={{username}},dc=test"
			if err := broken(t, open(t, c), "ayse", fmt.Sprintf("directory answered %d", tt.code)); aboutOneUser(err) != tt.one {
				t.Errorf("about one user: %t", !tt.one)
			}
		})
	}
}

// A stranger must not open the circuit breaker for everybody: not by a name that
// the directory's syntax does not allow, and not with an account that may not
// read its own entry.
func TestAttackOneUserWhoMakesTheDirectoryLookBroken(t *testing.T) {
	t.Parallel()
	byMail := simple(directory) // of ASCII only (RFC 4524 section 2.16)
	byMail.UserDNPattern = "mail={{username}}," + ldaptest.People
	if err := broken(t, open(t, byMail), "jörg@gatewright.test", "invalid DN"); !aboutOneUser(err) {
		t.Error("a name that cannot be a DN counts as a failure of the directory")
	}
	for code, one := range map[int]bool{50: true, 53: true, 51: false, 52: false} {
		c := pretended(pretend(t, func(r request) answer {
			if r.bind {
				return answer{}
			}
			return answer{code: code}
		}))
		c.AuthMode, c.BindDN, c.UserDNPattern = ldap.Simple, "", "uid={{username}},dc=test"
		if err := broken(t, open(t, c), "ayse", fmt.Sprintf("directory answered %d", code)); aboutOneUser(err) != one {
			t.Errorf("code %d to a user who reads: about one user is %t", code, !one)
		}
	}
}

func TestADisabledAccountOfActiveDirectoryIsNotFound(t *testing.T) {
	t.Parallel()
	c := pretended(pretend(t, func(r request) answer {
		if r.bind || r.filter != "(&(sAMAccountName=ayse)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))" {
			return answer{}
		}
		return answer{entries: []entry{{"cn=Ayse,dc=test", map[string]string{"sAMAccountName": "ayse"}}}}
	}))
	c.AuthMode, c.UserDNPattern, c.LoginAttribute = ldap.Simple, `CORP\{{username}}`, "sAMAccountName"
	if id, found, err := open(t, c).Lookup(t.Context(), "ayse"); !found || err != nil {
		t.Errorf("Lookup = %+v, %t, %v: not asked whether the account is switched off", id, found, err)
	}
}

// An account's two names need not look alike: whoever binds as one must not
// become the owner of the other.
func TestAttackTheOtherNameOfAnActiveDirectoryAccount(t *testing.T) {
	t.Parallel()
	url := pretend(t, func(r request) answer {
		if r.bind {
			return answer{}
		}
		return answer{entries: []entry{{"cn=Ayse,dc=test", map[string]string{"sAMAccountName": "ayse"}}}}
	})
	for _, pattern := range []string{"{{username}}@corp.test", `CORP\{{username}}`} {
		c := pretended(url)
		c.AuthMode, c.BindDN, c.UserDNPattern, c.LoginAttribute = ldap.Simple, "", pattern, "sAMAccountName"
		s := open(t, c)
		accepted(t, s, "ayse")
		for _, name := range []string{"ayse@evil.test", `EVIL\ayse`, "ayse*", "EVIL/ayse", "ayse)(x=y"} {
			refused(t, s, name, ldaptest.Password)
		}
		report := s.Test(t.Context(), "ayse", password)
		want := map[bool]string{true: "(userPrincipalName=ayse@corp.test)", false: "(sAMAccountName=ayse)"}[strings.Contains(pattern, "@")]
		if !strings.Contains(fmt.Sprint(report.Steps), want) {
			t.Errorf("%s: the entry is not found by %s: %+v", pattern, want, report.Steps)
		}
		if report = s.Test(t.Context(), `CORP\ayse`, password); len(report.Steps) != 1 || !strings.Contains(report.Steps[0].Detail, "typed alone") {
			t.Errorf("%s: nothing says why a name with a domain is refused: %+v", pattern, report.Steps)
		}
	}
}

// An entry without a name would be bound to as nobody.
func TestAttackADirectoryThatFindsAnEntryWithoutDN(t *testing.T) {
	t.Parallel()
	s := open(t, pretended(pretend(t, func(r request) answer {
		if r.bind {
			return answer{}
		}
		return answer{entries: []entry{{"", map[string]string{"uid": "ayse"}}}}
	})))
	broken(t, s, "ayse", "without a name")
}

func TestAttackADirectoryThatRepeatsPasswords(t *testing.T) {
	t.Parallel()
	for _, code := range []int{49, 80} {
		s := open(t, pretended(pretend(t, func(r request) answer {
			return answer{code: code, text: "your password " + r.password + " is wrong"}
		})))
		_, _, err := s.Authenticate(t.Context(), "ayse", password)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), ldaptest.BindPassword) {
			t.Errorf("code %d: error %v", code, err)
		}
	}
	c := pretended(pretend(t, func(r request) answer { return answer{code: 80, text: "no " + r.password} }))
	c.AuthMode, c.BindDN, c.UserDNPattern = ldap.Simple, "", "uid={{username}},dc=test"
	s := open(t, c)
	if err := broken(t, s, "ayse", "directory answered 80"); strings.Contains(fmt.Sprintf("%+v", err), ldaptest.Password) {
		t.Errorf("the error holds the password: %v", err)
	}
	if report := s.Test(t.Context(), "ayse", password); strings.Contains(fmt.Sprintf("%+v", report), ldaptest.Password) {
		t.Errorf("the report holds the password: %+v", report)
	}
}

// The answers to an unknown name and to a wrong password cost the same questions.
func TestAttackFindingOutNamesByTheTimeOfAnswers(t *testing.T) {
	t.Parallel()
	var asked []string
	url := pretend(t, func(r request) answer {
		switch {
		case r.bind && r.dn == "cn=gateway,dc=test":
			return answer{}
		case r.bind:
			asked = append(asked, "bind")
			return answer{code: 49}
		}
		asked = append(asked, "search")
		if len(asked) > 2 {
			return answer{}
		}
		return answer{entries: []entry{{"uid=ayse,dc=test", map[string]string{"uid": "ayse"}}}}
	})
	s := open(t, pretended(url))
	refused(t, s, "ayse", "wrong")
	refused(t, s, "nobody", "wrong")
	if diff := cmp.Diff([]string{"search", "bind", "search", "bind"}, asked); diff != "" {
		t.Errorf("questions for a known and an unknown name (-want +got):\n%s", diff)
	}
}

func TestOpenWantsTheBindPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "x"} {
		_, err := searching(directory).Open(identity.Deps{Secrets: map[string]secret.Text{ldap.BindPassword: secret.New(password)}})
		if (err == nil) != (password != "") {
			t.Errorf("Open with the bind password %q: %v", password, err)
		}
	}
}
