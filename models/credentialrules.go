package models

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// Limits of credentials. Lengths count characters where nothing else is said.
const (
	MinCredentialSecret = 12
	MaxNetworks         = 200
	MaxMetadata         = 50
	MaxMetadataKey      = 128
	MaxMetadataValue    = 4096
	MaxRoles            = 100
	// MaxTokenExtras is how many bytes the roles and the claims of a credential
	// may add to a token. The gateway takes tokens of 8 KiB, in base64.
	MaxTokenExtras = 4096
)

// CredentialDraft is a credential as somebody writes it. Fields of problems are
// those of the management API: username, password, email, fullName,
// description, expireDate, roleNameList, ipList, metadata[i].key, .value and
// .jwtClaimName, the token settings by their own names, and
// environments[i].environment, .password and .ipList.
type CredentialDraft struct {
	Name, Description, FullName, Email string
	// Secret is a new secret; zero keeps the present one. GenerateSecret makes
	// one instead.
	Secret         secret.Text
	GenerateSecret bool
	Enabled        bool
	Expires        time.Time
	// Networks are addresses and prefixes as typed.
	Networks     []string
	Roles        []string
	Metadata     []Metadata
	Tokens       issue.Settings
	Environments []CredentialOverride
}

// Draft is the credential as one would write it to leave it as it is.
func (c *Credential) Draft() CredentialDraft {
	return CredentialDraft{
		Name: c.Name, Description: c.Description, FullName: c.FullName, Email: c.Email, Enabled: c.Enabled, Expires: c.Expires,
		Networks: slices.Clone(c.Networks), Roles: slices.Clone(c.Roles), Metadata: slices.Clone(c.Metadata), Tokens: c.Tokens,
		Environments: slices.Clone(c.Environments),
	}
}

// DefaultCredentialTokens are what the token settings of a credential are reset
// to (reference 2.5).
func DefaultCredentialTokens() issue.Settings {
	s := issue.Defaults()
	s.JWTSignatureAlgorithm = keys.RS256
	return s
}

// StartingCredentialTokens are the safer ones that the console and an import
// begin with: tokens of 15 minutes (D8).
func StartingCredentialTokens() issue.Settings {
	s := issue.Starting()
	s.GrantType = issue.Password
	return s
}

// credentialNameProblem says why a credential may not be called name, or "".
// Whether it is free only the store knows.
func credentialNameProblem(name string) string {
	switch {
	case name == "":
		return "Enter a client id or user name."
	case name != strings.TrimSpace(name):
		return "Remove the blank at the start or end of the name."
	case utf8.RuneCountInString(name) > problem.MaxName:
		return fmt.Sprintf("Shorten the name to %d characters; it has %d.", problem.MaxName, utf8.RuneCountInString(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return "Use printable characters only: the name travels in tokens, headers and logs."
	case name == "." || name == "..":
		return "Choose another name: dots alone cannot be addressed."
	}
	return ""
}

// unprintable also tells the format characters by which one name passes for
// another.
func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// secretProblem says why text will not do as the secret of name, or "".
func secretProblem(name, text string) string {
	switch {
	case utf8.RuneCountInString(text) < MinCredentialSecret:
		return fmt.Sprintf("Enter a secret of at least %d characters.", MinCredentialSecret)
	case len(text) > secret.MaxPassword:
		return fmt.Sprintf("Shorten the secret to %d bytes.", secret.MaxPassword)
	case strings.EqualFold(text, name):
		return "Choose a secret that is not the name."
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "Remove the control characters, such as line breaks, from the secret."
	case strings.Trim(text, string([]rune(text)[:1])) == "":
		return "Choose a secret of more than one character repeated."
	}
	return ""
}

// normalize gives drafts that mean the same one form.
func (d *CredentialDraft) normalize() {
	d.FullName, d.Email = strings.TrimSpace(d.FullName), strings.TrimSpace(d.Email)
	d.Expires = d.Expires.UTC().Truncate(time.Microsecond)
	d.Tokens.Normalize()
	d.Roles = slices.Compact(slices.Sorted(slices.Values(d.Roles)))
	d.Environments = slices.Clone(d.Environments)
	d.Metadata = slices.Clone(d.Metadata)
	for i := range d.Metadata {
		m := &d.Metadata[i]
		m.Key, m.JWTClaimName = strings.TrimSpace(m.Key), strings.TrimSpace(m.JWTClaimName)
		if !m.IncludeInJWT || m.JWTClaimName == m.Key {
			m.JWTClaimName = ""
		}
	}
}

// Validate reports what the value alone has wrong; what other rows have to say
// only SaveCredential knows.
func (d CredentialDraft) Validate() problem.List {
	d.normalize()
	return d.validate()
}

// validate is Validate of a normal draft.
func (d *CredentialDraft) validate() problem.List {
	var l problem.List
	add := func(field, msg string) {
		if msg != "" {
			l.Add(field, "%s", msg)
		}
	}
	add("username", credentialNameProblem(d.Name))
	if !d.Secret.IsZero() && !d.GenerateSecret {
		add("password", secretProblem(d.Name, d.Secret.Reveal()))
	}
	add("email", emailProblem(d.Email))
	add("fullName", lineProblem(d.FullName, problem.MaxName))
	add("description", problem.Description(d.Description))
	d.Networks = checkNetworks(&l, "ipList", d.Networks)
	if len(d.Roles) > MaxRoles {
		l.Add("roleNameList", "Choose at most %d roles.", MaxRoles)
	}
	d.validateMetadata(&l)
	l = append(l, d.Tokens.Validate()...)
	d.validateEnvironments(&l)
	return l
}

// emailProblem takes what the simplest reading of an address takes: no names,
// comments or brackets.
func emailProblem(text string) string {
	if text == "" {
		return ""
	}
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || !strings.Contains(text[strings.LastIndexByte(text, '@')+1:], ".") || len(text) > 254 {
		return "Enter an address such as ada@example.com, or leave it empty."
	}
	return ""
}

// lineProblem is the rule for short free text.
func lineProblem(text string, most int) string {
	if n := utf8.RuneCountInString(text); n > most {
		return fmt.Sprintf("Shorten this to %d characters; it has %d.", most, n)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, problem.Invisible) {
		return "Remove the control characters."
	}
	return ""
}

// checkNetworks gives addresses and prefixes one form: masked, sorted, each
// once. 10.1.2.3/8 becomes 10.0.0.0/8, and an address its own prefix.
func checkNetworks(l *problem.List, field string, typed []string) []string {
	var wrong []string
	var list []netip.Prefix
	for _, text := range typed {
		p, ok := parseNetwork(text)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%q", truncated(text, 60)))
			continue
		}
		list = append(list, p)
	}
	if len(wrong) > 0 {
		l.Add(field, "Enter addresses such as 192.0.2.10 or networks such as 10.0.0.0/8; this is neither: %s.", strings.Join(wrong[:min(3, len(wrong))], ", "))
		return typed
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	list = slices.Compact(list)
	if len(list) > MaxNetworks {
		l.Add(field, "Enter at most %d addresses and networks.", MaxNetworks)
	}
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = networkText(p)
	}
	return texts
}

func parseNetwork(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, false
	}
	if p.Addr().Is4In6() { // compared with unmapped addresses, it would match none
		if p.Bits() < 96 {
			return p, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// networkText shows a single address as one.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (d *CredentialDraft) validateMetadata(l *problem.List) {
	if len(d.Metadata) > MaxMetadata {
		l.Add("metadata", "Keep at most %d entries.", MaxMetadata)
	}
	seen, claims := map[string]bool{}, map[string]bool{}
	for i := range d.Metadata {
		var own problem.List
		d.Metadata[i].validate(&own, seen, claims)
		l.Append(fmt.Sprintf("metadata[%d]", i), own)
	}
	if n := d.tokenExtras(); n > MaxTokenExtras {
		l.Add("metadata", "Roles and claims would add %d bytes to every token; keep them to %d, or the gateway would refuse its own tokens.", n, MaxTokenExtras)
	}
}

func (m *Metadata) validate(l *problem.List, seen, claims map[string]bool) {
	switch {
	case m.Key == "":
		l.Add("key", "Enter a name for the entry.")
	case lineProblem(m.Key, MaxMetadataKey) != "":
		l.Add("key", "%s", lineProblem(m.Key, MaxMetadataKey))
	case seen[m.Key]:
		l.Add("key", "There are two entries called %s; remove one.", m.Key)
	case m.IncludeInTokenResponse && issue.ReservedResponse(m.Key):
		l.Add("key", "Choose another name: in the token response %s is the gateway's own.", m.Key)
	}
	seen[m.Key] = true
	value := m.Value + m.SecretValue.Reveal()
	if utf8.RuneCountInString(value) > MaxMetadataValue {
		l.Add("value", "Shorten the value to %d characters.", MaxMetadataValue)
	} else if !storable(value) {
		l.Add("value", "Remove the control characters from the value.")
	}
	if m.IncludeInJWT {
		m.validateClaim(l, claims)
	}
}

func (m *Metadata) validateClaim(l *problem.List, claims map[string]bool) {
	field := "jwtClaimName"
	if m.JWTClaimName == "" {
		field = "key"
	}
	switch claim := m.Claim(); {
	case m.Secret:
		l.Add("includeInJwt", "Take the secret entry out of the token: whoever holds a token can read it.")
	case claim == "":
	case lineProblem(claim, MaxMetadataKey) != "":
		l.Add(field, "%s", lineProblem(claim, MaxMetadataKey))
	case issue.ReservedClaim(claim):
		l.Add(field, "Choose another name: in a token %s is the gateway's own.", claim)
	case claims[claim]:
		l.Add(field, "There are two claims called %s; rename one.", claim)
	default:
		claims[claim] = true
	}
}

// tokenExtras is how many bytes roles and claims take in a token.
func (d *CredentialDraft) tokenExtras() int {
	n := len(strings.Join(d.Roles, " "))
	claims := map[string]string{}
	for _, m := range d.Metadata {
		if m.IncludeInJWT {
			claims[m.Claim()] = m.Value
		}
	}
	if len(claims) == 0 {
		return n
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		return n // strings always marshal
	}
	return n + len(raw)
}

func (d *CredentialDraft) validateEnvironments(l *problem.List) {
	seen := map[string]bool{}
	for i := range d.Environments {
		o := &d.Environments[i]
		if !o.differs() {
			continue
		}
		field := fmt.Sprintf("environments[%d].", i)
		if key := strings.ToLower(o.Environment); seen[key] {
			l.Add(field+"environment", "There are two entries for %s; remove one.", o.Environment)
		} else {
			seen[key] = true
		}
		if !o.OwnSecret {
			o.Secret = secret.Text{}
		} else if !o.Secret.IsZero() {
			if msg := secretProblem(d.Name, o.Secret.Reveal()); msg != "" {
				l.Add(field+"password", "%s", msg)
			}
		}
		if !o.OwnNetworks {
			o.Networks = nil
			continue
		}
		o.Networks = checkNetworks(l, field+"ipList", o.Networks)
	}
}

// checkRoleNames reports roles that do not exist in the project.
func checkRoleNames(l *problem.List, field string, wanted []string, known map[string]string) {
	var missing []string
	for _, name := range wanted {
		if _, ok := known[name]; !ok {
			missing = append(missing, fmt.Sprintf("%q", truncated(name, 60)))
		}
	}
	if len(missing) > 0 {
		l.Add(field, "Choose roles that exist in this project; these do not: %s.", strings.Join(missing[:min(5, len(missing))], ", "))
	}
}
