package ldap

import (
	"reflect"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
)

// AuthMode is how the name that somebody types becomes the name to bind with.
type AuthMode string

// The ways.
const (
	// Simple puts the name into UserDNPattern.
	Simple AuthMode = "SIMPLE"
	// Search looks for the one entry with that name and binds with its DN.
	Search AuthMode = "SEARCH"
)

// Scope is how deep a search goes below its base (RFC 4511 section 4.5.1.2).
type Scope string

// The scopes.
const (
	Subtree  Scope = "SUBTREE"
	OneLevel Scope = "ONE_LEVEL"
	Object   Scope = "OBJECT"
)

// MemberStrategy is what a group's member attribute holds.
type MemberStrategy string

// The strategies.
const (
	UserDN    MemberStrategy = "USER_DN"
	UserLogin MemberStrategy = "USER_LOGIN"
)

// Config is an LDAP source as its author writes it. Empty texts mean "not
// used", unless a field says otherwise. Certificates are always verified.
type Config struct {
	identity.Common

	// Servers are URLs, ldap://host[:389] or ldaps://host[:636], at most 10. The
	// first that answers is used; one that failed is tried last for 30 seconds.
	Servers []string `json:"servers"`
	// StartTLS turns ldap:// connections into encrypted ones before anything
	// else is said. Default true.
	StartTLS bool `json:"startTls"`
	// AllowPlaintext must be set, and StartTLS not, before passwords travel
	// unencrypted to ldap:// addresses. Default false.
	AllowPlaintext bool `json:"allowPlaintext"`
	// CACertificates are the only authorities that may have signed a server's
	// certificate, in PEM. Empty: those that the system trusts.
	CACertificates string `json:"caCertificates"`
	// ServerName is the name that certificates must be for. Empty: the host of
	// the URL.
	ServerName string `json:"serverName"`

	// AuthMode is SEARCH by default.
	AuthMode AuthMode `json:"authMode"`
	// UserDNPattern is what a user binds as with SIMPLE: a DN with {{username}}
	// in a value, or for Active Directory {{username}}@domain or
	// DOMAIN\{{username}}.
	UserDNPattern string `json:"userDnPattern"`
	// BindDN is the account that searches; its password is the secret
	// BindPassword. With SEARCH, empty means an anonymous search; with SIMPLE,
	// that users read their own entries.
	BindDN string `json:"bindDn"`
	// UserBaseDN is below which users are searched for.
	UserBaseDN string `json:"userBaseDn"`
	// UserScope is SUBTREE by default.
	UserScope Scope `json:"userScope"`
	// UserFilter finds the one entry of {{username}}. Empty: the entry of
	// UserObjectClass whose LoginAttribute is the name.
	UserFilter string `json:"userFilter"`
	// UserObjectClass is inetOrgPerson by default.
	UserObjectClass string `json:"userObjectClass"`
	// LoginAttribute is what users type. Default uid.
	LoginAttribute string `json:"loginAttribute"`
	// NameAttribute is what the user is called in tokens, as the directory
	// spells it. Empty: LoginAttribute.
	NameAttribute string `json:"nameAttribute"`
	// ClaimAttributes become claims of the token, at most 50.
	ClaimAttributes []ClaimAttribute `json:"claimAttributes"`

	// MemberOfAttribute is where a user's entry names its groups, by DN; the
	// first value of the DN is the role. Default isMemberOf; Active Directory and
	// OpenLDAP call it memberOf.
	MemberOfAttribute string `json:"memberOfAttribute"`
	// MemberOfBaseDN leaves out groups that do not lie below it. Empty: none.
	MemberOfBaseDN string `json:"memberOfBaseDn"`
	// GroupBaseDN is below which groups are searched for. Empty: no search.
	GroupBaseDN string `json:"groupBaseDn"`
	// GroupScope is SUBTREE by default.
	GroupScope Scope `json:"groupScope"`
	// GroupFilter says which entries are groups. Empty: those of
	// GroupObjectClass.
	GroupFilter string `json:"groupFilter"`
	// GroupObjectClass is groupOfUniqueNames by default.
	GroupObjectClass string `json:"groupObjectClass"`
	// GroupNameAttribute is what the role is called. Default cn.
	GroupNameAttribute string `json:"groupNameAttribute"`
	// GroupMemberAttribute is where a group names its members. Default
	// uniqueMember.
	GroupMemberAttribute string `json:"groupMemberAttribute"`
	// MemberStrategy is what stands there: USER_DN (default), or USER_LOGIN,
	// the value of LoginAttribute.
	MemberStrategy MemberStrategy `json:"memberStrategy"`
	// NestedGroups counts members of member groups too, by a rule that only
	// Active Directory knows.
	NestedGroups bool `json:"nestedGroups"`
	// RoleBlanks stands in a role for each blank of the group's name: "_", "-" or
	// ".". Groups whose names become alike are one role. Empty: a group with a
	// blank in its name gives no role, since roles travel in lists.
	RoleBlanks string `json:"roleBlanks"`
}

// ClaimAttribute makes an attribute of the user's entry a claim.
type ClaimAttribute struct {
	Attribute string `json:"attribute"`
	Claim     string `json:"claim"`
	// List makes the claim a list even of one value. Without it one value is a
	// text, several are a list, none is no claim.
	List bool `json:"list"`
}

// New has the defaults.
func New() *Config {
	return &Config{
		Common:  identity.NewCommon(identity.LDAP),
		Servers: []string{}, StartTLS: true,
		AuthMode: Search, UserScope: Subtree, UserObjectClass: "inetOrgPerson", LoginAttribute: "uid",
		ClaimAttributes:   []ClaimAttribute{},
		MemberOfAttribute: "isMemberOf",
		GroupScope:        Subtree, GroupObjectClass: "groupOfUniqueNames", GroupNameAttribute: "cn",
		GroupMemberAttribute: "uniqueMember", MemberStrategy: UserDN,
	}
}

// Base is the common part.
func (c *Config) Base() *identity.Common { return &c.Common }

// Normalize trims texts and gives what the settings make meaningless its
// default.
func (c *Config) Normalize() {
	c.trim()
	c.normalizeUsers()
	c.normalizeGroups()
	if len(c.Servers) > 0 && !c.anyPlainURL() {
		c.StartTLS, c.AllowPlaintext = false, false
	}
}

// trim takes the outer blanks from all texts of Config itself; Common's are
// refused with them, as everywhere.
func (c *Config) trim() {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString(strings.TrimSpace(f.String()))
		}
	}
	servers := make([]string, 0, len(c.Servers))
	for _, s := range c.Servers {
		if s = strings.TrimSpace(s); s != "" {
			servers = append(servers, s)
		}
	}
	c.Servers = servers
	claims := make([]ClaimAttribute, 0, len(c.ClaimAttributes))
	for _, a := range c.ClaimAttributes {
		a.Attribute, a.Claim = strings.TrimSpace(a.Attribute), strings.TrimSpace(a.Claim)
		if a.Attribute != "" || a.Claim != "" {
			claims = append(claims, a)
		}
	}
	c.ClaimAttributes = claims
}

func (c *Config) normalizeUsers() {
	defaults := New()
	if c.AuthMode == Search {
		c.UserDNPattern = ""
	}
	if c.AuthMode == Simple {
		c.UserFilter, c.UserObjectClass = "", defaults.UserObjectClass
	}
	if c.AuthMode == Simple && patternOf(c.UserDNPattern).form == dnForm {
		c.UserBaseDN, c.UserScope = "", defaults.UserScope
	}
	if c.UserFilter != "" {
		c.UserObjectClass = defaults.UserObjectClass
	}
}

func (c *Config) normalizeGroups() {
	defaults := New()
	if c.MemberOfAttribute == "" {
		c.MemberOfBaseDN = ""
	}
	if c.GroupBaseDN == "" {
		c.GroupScope, c.GroupFilter, c.GroupObjectClass = defaults.GroupScope, "", defaults.GroupObjectClass
		c.GroupNameAttribute, c.GroupMemberAttribute = defaults.GroupNameAttribute, defaults.GroupMemberAttribute
		c.MemberStrategy, c.NestedGroups = defaults.MemberStrategy, false
	}
	if c.GroupFilter != "" {
		c.GroupObjectClass = defaults.GroupObjectClass
	}
	if c.MemberStrategy == UserLogin {
		c.NestedGroups = false // the rule follows DNs
	}
	if c.MemberOfAttribute == "" && c.GroupBaseDN == "" {
		c.RoleBlanks = ""
	}
}

func (c *Config) anyPlainURL() bool {
	return slices.ContainsFunc(c.Servers, func(s string) bool { return strings.HasPrefix(strings.ToLower(s), "ldap://") })
}

// nameAttribute is NameAttribute or what stands for it.
func (c *Config) nameAttribute() string {
	if c.NameAttribute == "" {
		return c.LoginAttribute
	}
	return c.NameAttribute
}

// Destinations are the servers with the protection that the connection has:
// "ldaps://", "ldap+starttls://", or "ldap://" for none, and whom it trusts. So
// also to do without encryption or with another authority asks for the password
// again.
func (c *Config) Destinations() []string {
	out := make([]string, 0, len(c.Servers))
	for _, text := range c.Servers {
		s, wrong := parseServer(text)
		switch {
		case wrong != "":
			out = append(out, text)
		case s.tls:
			out = append(out, identity.Trusting(s.url(), c.certificateName(s), c.CACertificates))
		case c.StartTLS:
			out = append(out, identity.Trusting("ldap+starttls://"+s.address, c.certificateName(s), c.CACertificates))
		default:
			out = append(out, s.url())
		}
	}
	return out
}

// certificateName is the name that the certificate of a server must have.
func (c *Config) certificateName(s server) string {
	if c.ServerName != "" {
		return c.ServerName
	}
	return s.host
}
