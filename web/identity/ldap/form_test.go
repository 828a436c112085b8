package ldap_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	engine "github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/identity/formtest"
	"github.com/gatewright/gatewright/web/identity/ldap"
)

var (
	form = ldap.Form{}
	kind = engine.Kind()

	// Normalize takes the line break at the end.
	certificate = strings.TrimSpace(formtest.Certificate())
)

func valid(changes ...func(*engine.Config)) *engine.Config {
	c := engine.New()
	c.Name, c.Servers, c.UserBaseDN = "corp", []string{"ldaps://ldap.example.com"}, "ou=people,dc=example,dc=com"
	for _, change := range changes {
		change(c)
	}
	c.Normalize()
	return c
}

func everything(c *engine.Config) {
	c.CACertificates = certificate
	c.Servers, c.ServerName = []string{"ldaps://a.example.com", "LDAP://b.example.com:1389"}, "ldap.example.com"
	c.BindDN, c.UserScope, c.LoginAttribute, c.NameAttribute = "cn=gateway,dc=example,dc=com", engine.OneLevel, "mail", "uid"
	c.UserFilter = "(&(objectClass=person)(mail={{username}}))"
	c.ClaimAttributes = []engine.ClaimAttribute{{Attribute: "cn", Claim: "name"}, {Attribute: "mail", Claim: "mails", List: true}}
	c.MemberOfAttribute, c.MemberOfBaseDN = "memberOf", "ou=apps,dc=example,dc=com"
	c.GroupBaseDN, c.GroupScope, c.GroupFilter = "ou=groups,dc=example,dc=com", engine.Object, "(cn=*)"
	c.GroupNameAttribute, c.GroupMemberAttribute, c.NestedGroups, c.RoleBlanks = "ou", "member", true, "_"
}

func plaintext(c *engine.Config) {
	c.Servers, c.StartTLS, c.AllowPlaintext = []string{"ldap://ldap.example.com"}, false, true
}

func simple(pattern string) func(*engine.Config) {
	return func(c *engine.Config) { c.AuthMode, c.UserDNPattern = engine.Simple, pattern }
}

func configs() map[string]*engine.Config {
	return map[string]*engine.Config{
		"a small one":        valid(),
		"everything":         valid(everything),
		"without encryption": valid(plaintext),
		"StartTLS":           valid(func(c *engine.Config) { c.Servers = []string{"ldap://ldap.example.com"} }),
		"a DN from the name": valid(simple("uid={{username}},ou=people,dc=example,dc=com")),
		"an account":         valid(simple("{{username}}@example.com")),
		"an account of old":  valid(simple(`EXAMPLE\{{username}}`), func(c *engine.Config) { c.UserScope = engine.Object }),
		"groups by their class": valid(func(c *engine.Config) {
			c.GroupBaseDN, c.GroupObjectClass, c.MemberStrategy, c.MemberOfAttribute = "dc=example", "posixGroup", engine.UserLogin, ""
		}),
		"blanks in memberships":    valid(func(c *engine.Config) { c.RoleBlanks = "." }),
		"blanks in searched names": valid(func(c *engine.Config) { c.MemberOfAttribute, c.GroupBaseDN, c.RoleBlanks = "", "dc=example", "-" }),
		"another user class":       valid(func(c *engine.Config) { c.UserObjectClass = "person" }),
	}
}

// What the form shows and what it sends back must be one and the same source.
func TestWritingAndReadingGivesTheSameSource(t *testing.T) {
	t.Parallel()
	for name, want := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := webidentity.Write(form, want)
			maps.Copy(v, formtest.Sent(t, formtest.Draw(t, form, kind, v, nil)))
			for field, text := range v { // as browsers send it
				v[field] = strings.ReplaceAll(text, "\n", "\r\n")
			}
			got, problems := webidentity.Read(form, kind, v)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestThePageShowsWhatMattersAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := form.Write(c)
			formtest.Keeps(t, form, kind, v, nil)
			doc := formtest.Draw(t, form, kind, v, nil)
			formtest.Depends(t, doc)
			htmlcheck.Sound(t, doc)
		})
	}
}

// A new form has defaults in it, also where they do not matter yet.
func TestANewFormHasTheDefaults(t *testing.T) {
	t.Parallel()
	v := form.Write(form.New())
	for field, want := range map[string]string{
		"servers.rows": "1", "startTls": "true", "authMode": "SEARCH", "userScope": "SUBTREE", "userSearch": "ATTRIBUTE",
		"userObjectClass": "inetOrgPerson", "loginAttribute": "uid", "memberOfAttribute": "isMemberOf", "groupScope": "SUBTREE",
		"groupSearch": "ATTRIBUTE", "groupObjectClass": "groupOfUniqueNames", "groupNameAttribute": "cn",
		"groupMemberAttribute": "uniqueMember", "memberStrategy": "USER_DN", "roleBlanks": "",
	} {
		if v[field] != want {
			t.Errorf("%s is %q, want %q", field, v[field], want)
		}
	}
}

func TestProblemsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		from   *engine.Config
		change func(webidentity.Values)
		want   []string
	}{
		"nothing":                 {valid(everything), nil, nil},
		"no server":               {valid(), func(v webidentity.Values) { v["servers[0]"] = " " }, []string{"servers"}},
		"no rows of servers":      {valid(), func(v webidentity.Values) { v.SetRows("servers", 0) }, []string{"servers"}},
		"a wrong server":          {valid(everything), func(v webidentity.Values) { v["servers[1]"] = "b.example.com" }, []string{"servers[1]"}},
		"a wrong one after a gap": {valid(everything), func(v webidentity.Values) { v["servers[0]"], v["servers[1]"] = "", "b" }, []string{"servers[0]"}},
		"no encryption chosen":    {valid(plaintext), func(v webidentity.Values) { delete(v, "startTls") }, []string{"startTls"}},
		"a certificate that is none": {valid(), func(v webidentity.Values) { v["caCertificates"], v["serverName"] = "x", "a b" },
			[]string{"caCertificates", "serverName"}},
		"a bind DN that is none":   {valid(), func(v webidentity.Values) { v["bindDn"] = "gateway" }, []string{"bindDn"}},
		"no way of checking":       {valid(), func(v webidentity.Values) { delete(v, "authMode") }, []string{"authMode"}},
		"no pattern":               {valid(), func(v webidentity.Values) { v["authMode"] = "SIMPLE" }, []string{"userDnPattern"}},
		"an account without base":  {valid(simple("{{username}}@example.com")), func(v webidentity.Values) { v["userBaseDn"] = "" }, []string{"userBaseDn"}},
		"a search without base":    {valid(), func(v webidentity.Values) { v["userBaseDn"] = "" }, []string{"userBaseDn"}},
		"a filter that is missing": {valid(), func(v webidentity.Values) { v["userSearch"] = "FILTER" }, []string{"userFilter"}},
		"a filter without name":    {valid(), func(v webidentity.Values) { v["userSearch"], v["userFilter"] = "FILTER", "(uid=x)" }, []string{"userFilter"}},
		"a filter that is hidden":  {valid(), func(v webidentity.Values) { v["userFilter"] = "(" }, nil},
		"no class and no login":    {valid(), func(v webidentity.Values) { v["userObjectClass"], v["loginAttribute"] = "", "" }, []string{"userObjectClass", "loginAttribute"}},
		"a password as name":       {valid(), func(v webidentity.Values) { v["nameAttribute"] = "userPassword" }, []string{"nameAttribute"}},
		"half a claim": {valid(everything), func(v webidentity.Values) { v["claimAttributes[0].attribute"], v["claimAttributes[1].claim"] = "", "" },
			[]string{"claimAttributes[0].attribute", "claimAttributes[1].claim"}},
		"an empty claim before a reserved one": {valid(everything), func(v webidentity.Values) {
			v["claimAttributes[0].attribute"], v["claimAttributes[0].claim"], v["claimAttributes[1].claim"] = "", "", "sub"
		}, []string{"claimAttributes[0].claim"}},
		"groups at no DN": {valid(), func(v webidentity.Values) { v["memberOfBaseDn"], v["groupBaseDn"] = "x", "y" }, []string{"memberOfBaseDn", "groupBaseDn"}},
		"groups without names": {valid(everything), func(v webidentity.Values) { v["groupNameAttribute"], v["groupMemberAttribute"] = "", "" },
			[]string{"groupNameAttribute", "groupMemberAttribute"}},
		"a group filter that is missing": {valid(everything), func(v webidentity.Values) { v["groupFilter"] = "" }, []string{"groupFilter"}},
		"a group filter with a name":     {valid(everything), func(v webidentity.Values) { v["groupFilter"] = "(cn={{username}})" }, []string{"groupFilter"}},
		"wrong groups that are hidden": {valid(everything), func(v webidentity.Values) {
			v["groupBaseDn"], v["groupFilter"], v["groupNameAttribute"] = "", "", "!"
		}, nil},
		"forged choices":  {valid(everything), func(v webidentity.Values) { v["memberStrategy"], v["userScope"], v["roleBlanks"] = "x", "x", "," }, []string{"userScope", "memberStrategy", "roleBlanks"}},
		"a thousand rows": {valid(), func(v webidentity.Values) { v["claimAttributes.rows"] = "99999999999" }, nil},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formtest.Problems(t, form, kind, formtest.Typed(form, tt.from, tt.change), tt.want...)
		})
	}
}

// Empty rows are dropped before the others are counted, on the page as well.
func TestAProblemStandsAtTheRowWithTheWrongText(t *testing.T) {
	t.Parallel()
	v := formtest.Typed(form, valid(everything), func(v webidentity.Values) {
		v["servers[0]"], v["servers[1]"] = " ", "wrong"
		v["claimAttributes[0].attribute"], v["claimAttributes[0].claim"], v["claimAttributes[1].claim"] = "", "", "sub"
	})
	_, problems := webidentity.Read(form, kind, v)
	doc := formtest.Draw(t, form, kind, v, problems)
	for name, want := range map[string]string{"servers[0]": "wrong", "claimAttributes[0].claim": "sub"} {
		if at := doc.One(t, `[name="`+name+`"]`); at.Attr("value") != want || at.Attr("aria-invalid") != "true" {
			t.Errorf("%s: %s", name, at.HTML())
		}
	}
}

// Wrong text, and text in parts that are hidden, comes back as it was typed.
func TestNothingTypedIsLostByAProblem(t *testing.T) {
	t.Parallel()
	typed := formtest.Typed(form, valid(everything), func(v webidentity.Values) {
		v["servers[0]"], v["servers[1]"], v["authMode"], v["userDnPattern"] = "ftp://<x>", " ldaps://y ", "SIMPLE", `"&quot;`
		v["groupBaseDn"], v["caCertificates"], v["userFilter"], v["groupFilter"] = "", "a\nb", "(", "((\n)"
	})
	_, problems := webidentity.Read(form, kind, typed)
	if len(problems) < 3 {
		t.Fatalf("only %v", problems)
	}
	formtest.Keeps(t, form, kind, typed, problems)
}

// Choosing another way and coming back must find what was typed for the first.
func TestHiddenPartsKeepTheirValues(t *testing.T) {
	t.Parallel()
	v := formtest.Typed(form, valid(everything), func(v webidentity.Values) {
		v["authMode"], v["userDnPattern"] = "SIMPLE", "uid={{username}},dc=example"
	})
	back := formtest.Sent(t, formtest.Draw(t, form, kind, v, nil))
	back["authMode"] = "SEARCH"
	c, _ := form.Read(back)
	if got := c.(*engine.Config).UserFilter; got != valid(everything).UserFilter {
		t.Errorf("the filter is %q", got)
	}
}

func TestAttackNoSecretComesToThePage(t *testing.T) {
	t.Parallel()
	v := form.Write(valid(everything))
	v[webidentity.SecretName("bindPassword")] = "correct horse"
	for name, f := range map[string]webidentity.Fields{
		"new":    {Values: v, Kind: kind},
		"stored": {Values: v, Kind: kind, Stored: map[string]bool{"bindPassword": true}},
	} {
		doc := htmlcheck.Render(t, form.Fields(f))
		if strings.Contains(doc.HTML(), "correct horse") {
			t.Errorf("%s: the page shows the secret", name)
		}
		if doc.Has("[name=remove:bindPassword]") != (name == "stored") {
			t.Errorf("%s: the box that removes the secret", name)
		}
	}
}

func press(t *testing.T, v webidentity.Values, button string) webidentity.Values {
	t.Helper()
	doc := formtest.Draw(t, form, kind, v, nil)
	v = formtest.Sent(t, doc)
	for _, b := range doc.All("button[name=change]") {
		if strings.TrimSpace(b.Text()) == button {
			if !v.Change(b.Attr("value")) {
				t.Fatalf("the form does not know %q", b.Attr("value"))
			}
			return formtest.Sent(t, formtest.Draw(t, form, kind, v, nil))
		}
	}
	t.Fatalf("no button says %q", button)
	return nil
}

func TestAPresetFillsInWhatNobodyTyped(t *testing.T) {
	t.Parallel()
	v := form.Write(form.New())
	v["servers[0]"], v["groupMemberAttribute"] = "ldaps://dc.example.com", "own"
	v = press(t, v, "Active Directory")
	v["userBaseDn"] = "dc=example,dc=com"
	for field, want := range map[string]string{
		"servers[0]": "ldaps://dc.example.com", "groupMemberAttribute": "own", "loginAttribute": "sAMAccountName",
		"userSearch": "FILTER", "memberOfAttribute": "memberOf", "groupObjectClass": "group", "roleBlanks": "_",
	} {
		if v[field] != want {
			t.Errorf("%s is %q, want %q", field, v[field], want)
		}
	}
	formtest.Problems(t, form, kind, v)
	v = press(t, v, "OpenLDAP")
	if v["loginAttribute"] != "uid" || v["userFilter"] != "" || v["groupObjectClass"] != "groupOfNames" || v["groupMemberAttribute"] != "own" {
		t.Errorf("another one gives %v", v)
	}
	v = press(t, v, "389 Directory Server")
	v["servers[0]"], v["userBaseDn"], v["groupMemberAttribute"] = "", "", "uniqueMember"
	delete(v, webidentity.SecretName("bindPassword"))
	if diff := cmp.Diff(form.Write(form.New()), v); diff != "" {
		t.Errorf("the preset of the defaults differs from them:\n%s", diff)
	}
}

func TestPresetsAreForNewSources(t *testing.T) {
	t.Parallel()
	v := form.Write(valid())
	doc := htmlcheck.Render(t, form.Fields(webidentity.Fields{Values: v, Kind: kind, Stored: map[string]bool{}}))
	if doc.Has(`[value^="preset:"]`) {
		t.Error("a source that is there can be filled in anew")
	}
}

func TestTheUsualClaimsAreAddedOnce(t *testing.T) {
	t.Parallel()
	v := formtest.Typed(form, valid(everything), func(v webidentity.Values) { v.SetRows("claimAttributes", 3) }) // name, mails, an empty one
	v = press(t, press(t, v, "Add the usual claims"), "Add the usual claims")
	c, problems := webidentity.Read(form, kind, v)
	var got []string
	for _, a := range c.(*engine.Config).ClaimAttributes {
		got = append(got, a.Claim)
	}
	if diff := cmp.Diff([]string{"name", "mails", "given_name", "family_name", "email"}, got); diff != "" {
		t.Errorf("%s\n%v", diff, problems)
	}
}

func TestSettingsInWords(t *testing.T) {
	t.Parallel()
	say := func(c *engine.Config) map[string]string {
		words := map[string]string{}
		for _, s := range form.Settings(form.Write(c)) {
			if _, twice := words[s.Label]; twice {
				t.Errorf("%s is said twice", s.Label)
			}
			words[s.Label] = s.Text
		}
		return words
	}
	for name, tt := range map[string]struct{ got, want map[string]string }{
		"a small one": {say(valid()), map[string]string{
			"Servers": "ldaps://ldap.example.com", "CA certificates": "Those the system trusts", "Name in the certificate": "The host of the address",
			"Bind DN": "None: the search is anonymous", "How users are checked": "Search", "User base DN": "ou=people,dc=example,dc=com",
			"User scope": "The base and everything below", "User object class": "inetOrgPerson", "Login attribute": "uid", "Name attribute": "The login attribute",
			"Claims": "None", "Attribute with the user's groups": "isMemberOf", "Only groups below": "All count", "Group base DN": "No search for groups",
			"For blanks in group names": "Nothing: such groups give no role",
		}},
		"everything": {say(valid(everything)), map[string]string{
			"Servers": "ldaps://a.example.com, LDAP://b.example.com:1389", "Encryption": "StartTLS", "CA certificates": "CN=Example, until 2040-01-02, SHA-256 51503e24f4ac03b4",
			"Name in the certificate": "ldap.example.com", "Bind DN": "cn=gateway,dc=example,dc=com", "How users are checked": "Search",
			"User base DN": "ou=people,dc=example,dc=com", "User scope": "Directly below the base", "User filter": "(&(objectClass=person)(mail={{username}}))",
			"Login attribute": "mail", "Name attribute": "uid", "Claims": "cn as name, mail as mails (always a list)",
			"Attribute with the user's groups": "memberOf", "Only groups below": "ou=apps,dc=example,dc=com", "Group base DN": "ou=groups,dc=example,dc=com",
			"Group scope": "The base alone", "Group filter": "(cn=*)", "Group name attribute": "ou", "Group member attribute": "member",
			"Members are named by": "Their DN", "Groups in groups": "Yes", "For blanks in group names": "An underscore, as in Domain_Users",
		}},
		"a DN from the name, without encryption": {say(valid(plaintext, simple("uid={{username}},dc=example"), func(c *engine.Config) { c.MemberOfAttribute = "" })), map[string]string{
			"Servers": "ldap://ldap.example.com", "Encryption": "None", "CA certificates": "Those the system trusts", "Name in the certificate": "The host of the address",
			"Bind DN": "None: users read their own entries", "How users are checked": "Simple", "User DN pattern": "uid={{username}},dc=example",
			"Login attribute": "uid", "Name attribute": "The login attribute", "Claims": "None",
			"Attribute with the user's groups": "Not read", "Group base DN": "No search for groups",
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	named := func(c *engine.Config) { c.BindDN = "cn=gateway,dc=example" }
	for name, tt := range map[string]struct {
		c    *engine.Config
		want []string
	}{
		"nothing to consider": {valid(named), nil},
		"no encryption":       {valid(named, plaintext), []string{"startTls"}},
		"nobody searches":     {valid(), []string{"bindDn"}},
		"users read":          {valid(simple("uid={{username}},dc=example")), []string{"bindDn"}},
		"no roles":            {valid(named, func(c *engine.Config) { c.MemberOfAttribute = "" }), []string{"memberOfAttribute"}},
	} {
		var got []string
		for _, a := range form.Advice(tt.c) {
			got = append(got, a.Field)
			if a.Label == a.Field || a.Text == "" || a.Instead == "" || a.Warning != (a.Field == "startTls") {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
