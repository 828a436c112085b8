package ldap

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/problem"
)

// placeholder stands for the name that somebody typed.
const placeholder = "{{username}}"

// marker is put in the placeholder's place to see where a value goes. It cannot
// be read as an escape: z is no hexadecimal digit.
const marker = "zzusernamezz"

// maxLogin is the longest name that is worth a question, in bytes.
const maxLogin = 256

// fit tells whether a name can be somebody's at all. A directory ignores
// invisible characters and outer blanks when it compares (RFC 4518 section 2),
// so that such names are only other spellings, and another spelling is a fresh
// start for whoever guesses.
func fit(name string) bool {
	return name != "" && len(name) <= maxLogin && utf8.ValidString(name) &&
		name == strings.TrimSpace(name) && !strings.ContainsFunc(name, problem.Invisible)
}

// form is what a user binds as.
type form int

const (
	noForm form = iota
	dnForm
	upnForm // user@domain, Active Directory
	ntForm  // DOMAIN\user, Active Directory
)

// pattern makes the name to bind with.
type pattern struct {
	form form
	text string
}

var (
	upnPattern = regexp.MustCompile(`^\{\{username\}\}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	ntPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\\\{\{username\}\}$`)
)

func patternOf(text string) pattern {
	switch {
	case upnPattern.MatchString(text):
		return pattern{upnForm, text}
	case ntPattern.MatchString(text):
		return pattern{ntForm, text}
	case nameInDNValue(text):
		return pattern{dnForm, text}
	}
	return pattern{noForm, text}
}

// nameInDNValue tells whether text is a DN with the placeholder in a value.
func nameInDNValue(text string) bool {
	dn, err := ldap.ParseDN(strings.ReplaceAll(text, placeholder, marker))
	if err != nil {
		return false
	}
	found := false
	for _, rdn := range dn.RDNs {
		for _, a := range rdn.Attributes {
			if !attributeName.MatchString(a.Type) || strings.Contains(a.Type, marker) {
				return false
			}
			found = found || strings.Contains(a.Value, marker)
		}
	}
	return found
}

// madeOf tells whether the first value of the DN is the name alone, in that
// attribute.
func (p pattern) madeOf(attribute string) bool {
	return strings.HasPrefix(strings.ToLower(p.text)+",", strings.ToLower(attribute)+"="+placeholder+",")
}

// forbiddenInAccount are the characters that Active Directory allows in no
// account name. An @ or a backslash would choose another domain.
const forbiddenInAccount = `"/\[]:;|=,+*?<>@`

// bindName is what somebody with that name binds as. False means that nobody
// can have the name.
func (p pattern) bindName(name string) (string, bool) {
	if p.form == dnForm {
		return strings.ReplaceAll(p.text, placeholder, ldap.EscapeDN(name)), true
	}
	return strings.ReplaceAll(p.text, placeholder, name), !strings.ContainsAny(name, forbiddenInAccount)
}

// filter finds the entry of the account that has just bound, and of no other:
// the two names of an Active Directory account need not look alike, so that
// each is compared with the attribute that it was bound with.
func (p pattern) filter(name, bound string) string {
	if p.form == upnForm {
		return equals("userPrincipalName", bound)
	}
	return equals("sAMAccountName", name)
}

// equals is the one place where a value becomes part of a filter (RFC 4515
// section 3).
func equals(attribute, value string) string {
	return "(" + attribute + "=" + ldap.EscapeFilter(value) + ")"
}

// loginFilter finds whoever typed that name.
func (c *Config) loginFilter(name string) string {
	if c.UserFilter != "" {
		return strings.ReplaceAll(c.UserFilter, placeholder, ldap.EscapeFilter(name))
	}
	return c.userFilter(c.LoginAttribute, name)
}

// nameFilter finds whoever is called that. Who has a filter of their own for
// logins says with it what a user is.
func (c *Config) nameFilter(name string) string {
	if c.UserFilter != "" {
		return equals(c.nameAttribute(), name)
	}
	return c.userFilter(c.nameAttribute(), name)
}

// accountFilter finds an account of Active Directory that is not switched off:
// bit 2 of userAccountControl, asked by the rule LDAP_MATCHING_RULE_BIT_AND
// ([MS-ADTS] section 3.1.1.3.4.4.1). No bind says so when a user is looked up.
func accountFilter(attribute, name string) string {
	return "(&" + equals(attribute, name) + "(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"
}

func (c *Config) userFilter(attribute, value string) string {
	return "(&" + equals("objectClass", c.UserObjectClass) + equals(attribute, value) + ")"
}

// groupFilter finds the groups that have a member of that DN and login.
func (c *Config) groupFilter(dn, login string) string {
	kind := c.GroupFilter
	if kind == "" {
		kind = equals("objectClass", c.GroupObjectClass)
	}
	attribute, value := c.GroupMemberAttribute, dn
	if c.MemberStrategy == UserLogin {
		value = login
	}
	if c.NestedGroups {
		attribute += ":" + inChain + ":"
	}
	return "(&" + kind + equals(attribute, value) + ")"
}

// inChain is Active Directory's matching rule that follows members of members.
const inChain = "1.2.840.113556.1.4.1941"

// filterProblem says why a filter cannot be used, as a sentence for its author,
// or "". A name may stand in a value only: what stands for an attribute is not
// escaped.
func filterProblem(text string, named bool) string {
	switch {
	case strings.Contains(text, "{0}"):
		return "Write {{username}} in the place of {0}."
	case named && !strings.Contains(text, placeholder):
		return "Say where the user's name goes with {{username}}, such as (uid={{username}})."
	case strings.Contains(strings.ReplaceAll(text, placeholder, ""), "{{"):
		return "Only {{username}} can be filled in."
	case !named && strings.Contains(text, placeholder):
		return "Remove {{username}}: the condition that the user is a member is added to this filter."
	}
	if _, err := ldap.CompileFilter(strings.ReplaceAll(text, placeholder, marker)); err != nil {
		return "Write a complete LDAP filter in parentheses, such as (&(objectClass=person)(!(description=guest)))."
	}
	if !namesValues(text) {
		return "Put {{username}} behind an equals sign."
	}
	return ""
}

// namesValues tells whether every placeholder stands behind the equals sign of
// its item. Items begin at the last parenthesis: those in values are escaped.
func namesValues(text string) bool {
	for end := 0; ; end += len(placeholder) {
		next := strings.Index(text[end:], placeholder)
		if next < 0 {
			return true
		}
		end += next
		if item := text[:end]; !strings.Contains(item[strings.LastIndexByte(item, '(')+1:], "=") {
			return false
		}
	}
}
