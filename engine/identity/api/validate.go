package api

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jsonpath"
	"github.com/gatewright/gatewright/engine/problem"
)

// Limits.
const (
	MaxHeaders    = 50
	MaxAssertions = 50
	MaxClaims     = 50
	MaxRetries    = 3

	maxURL  = 2048
	maxText = 4096      // of a header, an assertion
	maxBody = 64 * 1024 // of a body template, of certificates
)

// Validate implements identity.Config.
func (c *Config) Validate() problem.List {
	l := c.Common.Validate()
	if !slices.Contains([]string{"GET", "POST", "PUT"}, c.Method) {
		l.Add("method", "Choose GET, POST or PUT.")
	}
	c.validateURL(&l)
	c.validateHeaders(&l)
	c.validateBody(&l)
	c.validateVariables(&l)
	if c.Retries < 0 || c.Retries > MaxRetries {
		l.Add("retries", "Enter a number from 0 to %d.", MaxRetries)
	}
	c.validateCertificates(&l)
	c.validateVerdict(&l)
	c.validateMapping(&l)
	return l
}

func (c *Config) validateURL(l *problem.List) {
	if len(c.URL) > maxURL {
		l.Add("url", "Shorten the address to %d bytes.", maxURL)
		return
	}
	a, err := parseURL(c.URL)
	if err != nil {
		l.Add("url", "%s", err)
		return
	}
	if a.scheme == "http" && !c.AllowPlaintext {
		l.Add("url", "Use https, or allow plain http: passwords would cross the network readably.")
	}
}

// ownHeaders are set by us; a second one would contradict the request.
var ownHeaders = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
	"Te", "Trailer", "Upgrade", "Expect", "Accept-Encoding",
}

func (c *Config) validateHeaders(l *problem.List) {
	if len(c.Headers) > MaxHeaders {
		l.Add("headers", "Use at most %d headers.", MaxHeaders)
		return
	}
	seen := map[string]bool{}
	for i, h := range c.Headers {
		at := fmt.Sprintf("headers[%d]", i)
		name := strings.ToLower(h.Name)
		if msg := c.headerNameProblem(h.Name); msg != "" {
			l.Add(at+".name", "%s", msg)
		} else if seen[name] {
			l.Add(at+".name", "Another header is called %s already.", h.Name)
		}
		seen[name] = true
		if msg := headerValueProblem(h.Value); msg != "" {
			l.Add(at+".value", "%s", msg)
		}
	}
}

func (c *Config) headerNameProblem(name string) string {
	own := slices.ContainsFunc(ownHeaders, func(o string) bool { return strings.EqualFold(o, name) })
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "Write the name of a header, such as X-Api-Key."
	case own:
		return "Remove this header; the gateway sets it itself."
	case c.BasicAuth && strings.EqualFold(name, "Authorization"):
		return "Remove this header; Basic authentication sets it."
	case strings.EqualFold(name, "Content-Type") && c.BodyType != JSONBody:
		return "Remove this header; the type of body sets it."
	}
	return ""
}

func headerValueProblem(value string) string {
	t, err := parse(value)
	switch {
	case len(value) > maxText:
		return fmt.Sprintf("Shorten the value to %d bytes.", maxText)
	case err != nil:
		return err.Error()
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
		return "Use visible ASCII characters and blanks only."
	case value != strings.TrimSpace(value):
		return "Remove the blank at the start or end of the value."
	case t.uses(claims):
		return "Use {{claims}} in the body only: it is JSON."
	}
	return ""
}

func (c *Config) validateBody(l *problem.List) {
	switch {
	case c.BodyType == NoBody:
		return
	case c.BodyType != JSONBody && c.BodyType != FormBody:
		l.Add("bodyType", "Choose NONE, JSON or FORM.")
	case c.Method == "GET":
		l.Add("bodyType", "Choose POST or PUT as method to send a body: servers ignore that of a GET.")
	case len(c.BodyTemplate) > maxBody:
		l.Add("bodyTemplate", "Shorten the body to %d bytes.", maxBody)
	case strings.TrimSpace(c.BodyTemplate) == "":
		l.Add("bodyTemplate", "Write the body of the request, or choose NONE.")
	default:
		if _, err := c.parseBody(); err != nil {
			l.Add("bodyTemplate", "%s", err)
		}
	}
}

func (c *Config) parseBody() (template, error) {
	if c.BodyType == JSONBody {
		return parseJSON(c.BodyTemplate)
	}
	return parseForm(c.BodyTemplate)
}

const mistakeForm = mistake("Write pairs such as user={{username}}&password={{password}} in one line, with blanks and special characters escaped.")

func parseForm(text string) (template, error) {
	t, err := parse(text)
	if err != nil {
		return nil, err
	}
	for _, p := range t {
		if !urlText(p.text) || strings.Contains(p.text, "#") {
			return nil, mistakeForm
		}
	}
	sample, err := t.render(values{username: "x"}, inQuery)
	if err != nil {
		return nil, err
	}
	if _, err := url.ParseQuery(sample); err != nil {
		return nil, mistakeForm
	}
	return t, nil
}

// validateVariables finds templates that nobody could fill in: there is a
// password at a login, and roles and claims when a token is made anew.
func (c *Config) validateVariables(l *problem.List) {
	if c.ChecksPassword() && (c.uses(roles) || c.uses(claims)) {
		l.Add("", "Use either the password, for logins, or {{roles}} and {{claims}}, for making tokens anew: one request never has both.")
	}
	if !c.BasicAuth && !c.uses(username) && !c.uses(claims) {
		l.Add("", "Use {{username}} in the address, a header or the body, or send Basic authentication: otherwise everybody gets the same answer.")
	}
}

func (c *Config) validateCertificates(l *problem.List) {
	if msg := certificateProblem(c.CACertificates); msg != "" {
		l.Add("caCertificates", "%s", msg)
	}
	if msg := certificateProblem(c.ClientCertificate); msg != "" {
		l.Add("clientCertificate", "%s", msg)
	}
}

func certificateProblem(text string) string {
	if text == "" {
		return ""
	}
	if len(text) > maxBody {
		return fmt.Sprintf("Shorten the certificates to %d bytes.", maxBody)
	}
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil && n > 0 && strings.TrimSpace(string(rest)) == "":
			return ""
		case block == nil:
			return "Paste certificates in PEM form, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return "Remove the private key: it belongs in its own field, where it is sealed."
		case block.Type != "CERTIFICATE":
			return "Remove what is no certificate."
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("Certificate %d cannot be read; paste it again.", n+1)
		}
	}
}

func (c *Config) validateVerdict(l *problem.List) {
	for i, s := range c.RefusedStatuses {
		if s < 300 || s > 499 || s == 408 || s == 429 {
			l.Add(fmt.Sprintf("refusedStatuses[%d]", i), "Enter a status from 300 to 499, but not 408 or 429: those tell a service in trouble.")
		}
	}
	if len(c.Assertions) > MaxAssertions {
		l.Add("assertions", "Use at most %d assertions.", MaxAssertions)
		return
	}
	for i := range c.Assertions {
		l.Append(fmt.Sprintf("assertions[%d]", i), c.Assertions[i].validate())
	}
}

func (c *Config) validateMapping(l *problem.List) {
	validatePath(l, "usernamePath", c.UsernamePath)
	validatePath(l, "rolesPath", c.RolesPath)
	if n := utf8.RuneCountInString(c.RolesSeparator); n > 8 {
		l.Add("rolesSeparator", "Shorten the separator to 8 characters.")
	}
	if len(c.Claims) > MaxClaims {
		l.Add("claims", "Use at most %d claims.", MaxClaims)
		return
	}
	seen := map[string]bool{}
	for i, m := range c.Claims {
		m.validate(l, fmt.Sprintf("claims[%d]", i), seen)
	}
}

func validatePath(l *problem.List, field, text string) {
	if _, err := jsonpath.Compile(text); text != "" && err != nil {
		l.Add(field, "%s", err)
	}
}

func (m ClaimMapping) validate(l *problem.List, at string, seen map[string]bool) {
	if _, err := jsonpath.Compile(m.Source); err != nil {
		l.Add(at+".source", "%s", err)
	}
	switch {
	case m.Claim == "" || len(m.Claim) > 128 || strings.ContainsFunc(m.Claim, problem.Invisible) || !utf8.ValidString(m.Claim):
		l.Add(at+".claim", "Enter a name of 1 to 128 bytes without control characters.")
	case issue.ReservedClaim(m.Claim):
		l.Add(at+".claim", "Choose another name: the gateway sets %s itself.", m.Claim)
	case seen[m.Claim]:
		l.Add(at+".claim", "Another value goes into %s already.", m.Claim)
	}
	seen[m.Claim] = true
}
