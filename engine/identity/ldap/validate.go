package ldap

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
)

const (
	maxServers = 10
	maxClaims  = 50
	maxText    = 2000  // bytes of a DN or filter
	maxPEM     = 65536 // bytes of all CA certificates
)

// attributeName is an attribute description (RFC 4512 section 2.5).
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)(;[A-Za-z0-9-]+)*$`)

// Validate reports everything wrong with the value alone.
func (c *Config) Validate() problem.List {
	l := c.Common.Validate()
	c.checkServers(&l)
	c.checkTLS(&l)
	c.checkUsers(&l)
	c.checkClaims(&l)
	c.checkGroups(&l)
	return l
}

func (c *Config) checkServers(l *problem.List) {
	switch n := len(c.Servers); {
	case n == 0:
		l.Add("servers", "Enter the address of a server, such as ldaps://ldap.example.com.")
	case n > maxServers:
		l.Add("servers", "Enter at most %d servers.", maxServers)
	}
	seen := map[string]bool{}
	for i, text := range c.Servers {
		field := fmt.Sprintf("servers[%d]", i)
		s, wrong := parseServer(text)
		switch {
		case wrong != "":
			l.Add(field, "%s", wrong)
		case seen[s.address]:
			l.Add(field, "This server is here twice; remove one.")
		}
		seen[s.address] = wrong == ""
	}
}

func (c *Config) checkTLS(l *problem.List) {
	switch {
	case c.StartTLS && c.AllowPlaintext:
		l.Add("allowPlaintext", "Choose one: StartTLS, or connections without encryption.")
	case c.anyPlainURL() && !c.StartTLS && !c.AllowPlaintext:
		l.Add("startTls", "Turn on StartTLS or write ldaps:// addresses: passwords would travel unencrypted. "+
			"Where that is wanted, it must be allowed with allowPlaintext.")
	}
	if c.CACertificates != "" {
		if _, wrong := authorities(c.CACertificates); wrong != "" {
			l.Add("caCertificates", "%s", wrong)
		}
	}
	if name := strings.ToLower(c.ServerName); name != "" && net.ParseIP(name) == nil && !isHostName(name) {
		l.Add("serverName", "Enter the DNS name that the certificate is for, such as ldap.example.com.")
	}
}

// authorities reads certificates in PEM. What is wrong with them comes as a
// sentence for whoever pasted them, or as "".
func authorities(text string) (pool *x509.CertPool, wrong string) {
	if len(text) > maxPEM {
		return nil, fmt.Sprintf("Shorten the certificates to %d bytes.", maxPEM)
	}
	pool = x509.NewCertPool()
	rest := []byte(text)
	for len(strings.TrimSpace(string(rest))) > 0 {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, "Paste certificates in PEM: -----BEGIN CERTIFICATE----- and so on, and nothing else."
		}
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return nil, "Remove the private key: only certificates belong here. It was not stored; treat it as known to others."
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, fmt.Sprintf("The block %q is not a certificate that can be read.", block.Type)
		}
		pool.AddCert(certificate)
		rest = after
	}
	return pool, ""
}

func (c *Config) checkUsers(l *problem.List) {
	choice(l, "authMode", c.AuthMode, Simple, Search)
	choice(l, "userScope", c.UserScope, Subtree, OneLevel, Object)
	if c.BindDN != "" {
		checkBindDN(l, c.BindDN)
	}
	p := patternOf(c.UserDNPattern)
	switch {
	case c.AuthMode == Search:
		dn(l, "userBaseDn", c.UserBaseDN, "Enter the DN below which users are searched for, such as ou=people,dc=example,dc=com.")
		c.checkSearch(l)
	case c.AuthMode == Simple && p.form == noForm:
		l.Add("userDnPattern", "Write what users bind as, with {{username}} in it: uid={{username}},ou=people,dc=example,dc=com, "+
			`or for Active Directory {{username}}@example.com or EXAMPLE\{{username}}.`)
	case c.AuthMode == Simple && p.form != dnForm:
		dn(l, "userBaseDn", c.UserBaseDN, "Enter the DN below which accounts are, such as dc=example,dc=com: the pattern is not the DN of an entry to read.")
	}
	attribute(l, "loginAttribute", c.LoginAttribute)
	if c.NameAttribute != "" {
		attribute(l, "nameAttribute", c.NameAttribute)
	}
}

func (c *Config) checkSearch(l *problem.List) {
	if c.UserFilter == "" {
		attribute(l, "userObjectClass", c.UserObjectClass)
		return
	}
	filter(l, "userFilter", c.UserFilter, true)
}

// checkBindDN also lets pass what Active Directory takes in a DN's place.
func checkBindDN(l *problem.List, name string) {
	if strings.ContainsFunc(name, problem.Invisible) || len(name) > maxText {
		l.Add("bindDn", "Shorten it to %d bytes without control characters.", maxText)
		return
	}
	if _, err := ldap.ParseDN(name); err != nil && !strings.ContainsAny(name, `@\`) {
		l.Add("bindDn", "Enter a DN such as cn=gateway,ou=services,dc=example,dc=com, or for Active Directory gateway@example.com.")
	}
}

func (c *Config) checkClaims(l *problem.List) {
	if len(c.ClaimAttributes) > maxClaims {
		l.Add("claimAttributes", "Enter at most %d attributes.", maxClaims)
	}
	seen := map[string]bool{}
	for i, a := range c.ClaimAttributes {
		at := fmt.Sprintf("claimAttributes[%d].", i)
		attribute(l, at+"attribute", a.Attribute)
		switch {
		case a.Claim == "" || len(a.Claim) > problem.MaxName || strings.ContainsFunc(a.Claim, problem.Invisible):
			l.Add(at+"claim", "Enter a name for the claim of at most %d characters.", problem.MaxName)
		case issue.ReservedClaim(a.Claim):
			l.Add(at+"claim", "Choose another name: the claim %q belongs to the gateway.", a.Claim)
		case seen[a.Claim]:
			l.Add(at+"claim", "This claim is here twice; remove one.")
		}
		seen[a.Claim] = true
	}
}

func (c *Config) checkGroups(l *problem.List) {
	if c.MemberOfAttribute != "" {
		attribute(l, "memberOfAttribute", c.MemberOfAttribute)
	}
	if c.MemberOfBaseDN != "" {
		dn(l, "memberOfBaseDn", c.MemberOfBaseDN, "")
	}
	choice(l, "groupScope", c.GroupScope, Subtree, OneLevel, Object)
	choice(l, "memberStrategy", c.MemberStrategy, UserDN, UserLogin)
	if !slices.Contains([]string{"", "_", "-", "."}, c.RoleBlanks) {
		l.Add("roleBlanks", "Choose _, - or . to stand for a blank, or nothing.")
	}
	if c.GroupBaseDN == "" {
		return
	}
	dn(l, "groupBaseDn", c.GroupBaseDN, "")
	attribute(l, "groupNameAttribute", c.GroupNameAttribute)
	attribute(l, "groupMemberAttribute", c.GroupMemberAttribute)
	if c.GroupFilter == "" {
		attribute(l, "groupObjectClass", c.GroupObjectClass)
		return
	}
	filter(l, "groupFilter", c.GroupFilter, false)
}

func choice[T ~string](l *problem.List, field string, value T, allowed ...T) {
	if !slices.Contains(allowed, value) {
		l.Add(field, "Choose one of %v.", allowed)
	}
}

func dn(l *problem.List, field, text, missing string) {
	if text == "" {
		l.Add(field, "%s", missing)
		return
	}
	parsed, err := ldap.ParseDN(text)
	if err != nil || len(parsed.RDNs) == 0 || len(text) > maxText || strings.ContainsFunc(text, problem.Invisible) {
		l.Add(field, "Write a DN such as ou=people,dc=example,dc=com.")
	}
}

func filter(l *problem.List, field, text string, named bool) {
	if len(text) > maxText {
		l.Add(field, "Shorten the filter to %d bytes.", maxText)
		return
	}
	if wrong := filterProblem(text, named); wrong != "" {
		l.Add(field, "%s", wrong)
	}
}

// secretAttributes hold passwords or their hashes in the usual directories. As
// a claim or a name they would be published.
var secretAttributes = []string{
	"userPassword", "authPassword", "pwdHistory", "unicodePwd", "dBCSPwd", "ntPwdHistory", "lmPwdHistory", "supplementalCredentials",
	"ms-Mcs-AdmPwd", "msLAPS-Password", "msLAPS-EncryptedPassword", "msDS-ManagedPassword", "krbPrincipalKey", "sambaNTPassword", "sambaLMPassword",
	"sambaPasswordHistory", "ipaNTHash", "oathSecret", "userPKCS12", "2.5.4.35", // userPassword
}

func attribute(l *problem.List, field, name string) {
	plain, _, _ := strings.Cut(name, ";")
	switch {
	case name == "":
		l.Add(field, "Enter a name such as cn.")
	case len(name) > problem.MaxName || !attributeName.MatchString(name):
		l.Add(field, "Write a name of letters, digits and hyphens, such as cn.")
	case slices.ContainsFunc(secretAttributes, func(s string) bool { return strings.EqualFold(s, plain) }):
		l.Add(field, "Choose another attribute: %s holds a password, and this would publish it.", name)
	}
}
