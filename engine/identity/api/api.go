// Package api owns the identity source that asks an HTTP service of somebody
// else: the request made from templates, the assertions that tell whether its
// answer accepts, the mapping of the answer to a name, roles and claims, and
// the same kind of service used to make tokens anew (the JWT regenerator).
package api

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
)

// The secrets that a source may have.
const (
	SecretField   = "secret"               // what {{secret}} stands for
	ClientKeyName = "clientCertificateKey" // the PEM key of clientCertificate
)

// Kind is the API kind of identity source.
func Kind() identity.Kind {
	return identity.Kind{
		Name:    identity.API,
		Label:   "External API",
		Summary: "Ask an HTTP service whether a name and a password are right, or to make a token anew.",
		Secrets: []identity.SecretField{
			{Name: SecretField, Label: "Secret", Help: "Stands where a template says {{secret}}: an API key or a token that tells the service who is asking."},
			{Name: ClientKeyName, Label: "Private key of the client certificate", Help: "PEM, without a passphrase.", Multiline: true},
		},
		New: New,
	}
}

// BodyType is what the request carries, as the management API spells it.
type BodyType string

// The types of body.
const (
	NoBody   BodyType = "NONE"
	JSONBody BodyType = "JSON"
	FormBody BodyType = "FORM" // application/x-www-form-urlencoded
)

// Config is an API source as its author writes it. Templates may hold
// {{username}}, {{password}}, {{secret}}, {{roles}} and {{claims}}; values are
// escaped for the place that they stand in. A source that is given no password
// cannot log anybody in: it looks people up and makes tokens anew.
type Config struct {
	identity.Common

	// Method is GET, POST or PUT. Default GET.
	Method string `json:"method"`
	// URL is the address, a template in its path and query. Never a password
	// or the secret: addresses end in logs.
	URL string `json:"url"`
	// AllowPlaintext lets URL be http: whoever is on the way reads along.
	// Default false.
	AllowPlaintext bool `json:"allowPlaintext"`
	// Headers are further request headers.
	Headers []Header `json:"headers,omitempty"`
	// BodyType is NONE, JSON or FORM. Default NONE.
	BodyType BodyType `json:"bodyType"`
	// BodyTemplate is the body; required unless NONE. In JSON a variable may
	// stand inside the quotes of a text or alone as a value.
	BodyTemplate string `json:"bodyTemplate,omitempty"`
	// BasicAuth sends the name and the password as HTTP Basic (RFC 7617).
	// Default false.
	BasicAuth bool `json:"basicAuth"`

	// Retries is how often a request is repeated after a connection that
	// failed or a status of 502, 503 or 504. Default 1, at most 3.
	Retries int `json:"retries"`
	// RetryPost repeats a POST that may have arrived, too; some services count
	// it as a second wrong guess. Default false.
	RetryPost bool `json:"retryPost"`

	// CACertificates are the PEM certificates of the authorities that the
	// service's certificate may come from; empty means those of the system.
	CACertificates string `json:"caCertificates,omitempty"`
	// ClientCertificate is the PEM chain that we show to the service; its key
	// is the secret clientCertificateKey.
	ClientCertificate string `json:"clientCertificate,omitempty"`

	// RefusedStatuses are the answers that mean "wrong name or password" and
	// not "broken". Default 400, 401, 403, 404 and 422.
	RefusedStatuses []int `json:"refusedStatuses"`
	// Assertions must all hold for a login to be accepted; beside them the
	// status is always one of success (2xx).
	Assertions []Assertion `json:"assertions,omitempty"`

	// UsernamePath is the JSONPath of the name that becomes sub; empty means
	// the name as it was typed.
	UsernamePath string `json:"usernamePath,omitempty"`
	// RolesPath is the JSONPath of the roles: an array, or a text of several.
	RolesPath string `json:"rolesPath,omitempty"`
	// RolesSeparator parts a text of several roles. Default ",".
	RolesSeparator string `json:"rolesSeparator,omitempty"`
	// Claims are taken from the answer into the token.
	Claims []ClaimMapping `json:"claims,omitempty"`
	// WholeResponseClaim puts the whole answer into the token response, as
	// X-ApiResponse. Default false.
	WholeResponseClaim bool `json:"wholeResponseClaim"`
}

// Header is one header of the request.
type Header struct {
	Name string `json:"name"`
	// Value is a template.
	Value string `json:"value"`
}

// ClaimMapping takes one value of the answer into the token.
type ClaimMapping struct {
	// Source is a JSONPath; of several values it gives an array. A missing
	// value or null makes no claim.
	Source string `json:"source"`
	// Claim is the name in the token; not one of the gateway's own.
	Claim string `json:"claim"`
}

// Defaults.
const (
	DefaultTimeout   = 10000 // milliseconds
	DefaultSeparator = ","
	DefaultRetries   = 1
)

// DefaultRefused are the statuses that services answer to a wrong login: 400 is
// that of OAuth (RFC 6749 section 5.2), 404 that of look-ups. Were 400 and 422
// faults instead, guessing strange names would open the circuit breaker.
func DefaultRefused() []int { return []int{400, 401, 403, 404, 422} }

// New has the defaults.
func New() identity.Config {
	c := &Config{
		Common: identity.NewCommon(identity.API), Method: "GET", BodyType: NoBody,
		Retries: DefaultRetries, RefusedStatuses: DefaultRefused(),
	}
	c.TimeoutMillis = DefaultTimeout
	return c
}

// Base implements identity.Config.
func (c *Config) Base() *identity.Common { return &c.Common }

// Normalize implements identity.Config.
func (c *Config) Normalize() {
	c.URL = strings.TrimSpace(c.URL)
	if c.BodyType == NoBody {
		c.BodyTemplate = ""
	}
	if c.Method != "POST" {
		c.RetryPost = false
	}
	if c.RefusedStatuses == nil {
		c.RefusedStatuses = []int{}
	}
	slices.Sort(c.RefusedStatuses)
	c.RefusedStatuses = slices.Compact(c.RefusedStatuses)
	if c.RolesPath == "" || c.RolesSeparator == DefaultSeparator {
		c.RolesSeparator = ""
	}
	for i := range c.Assertions {
		c.Assertions[i].normalize()
	}
}

// Destinations implements identity.Config. The path and the query belong to the
// address: at a host of many services they tell whose it is.
func (c *Config) Destinations() []string {
	a, err := literalURL(c.URL)
	switch {
	case err != nil:
		return []string{c.URL} // which no valid source has
	case a.scheme == "http":
		return []string{a.origin() + a.target}
	}
	return []string{identity.Trusting(a.origin()+a.target, a.host, c.CACertificates)}
}

// ChecksPassword tells whether the service is given the password. Only then it
// can be the source of logins; otherwise it can look people up and make tokens
// anew.
func (c *Config) ChecksPassword() bool {
	return c.BasicAuth || c.uses(password)
}

// uses tells whether any template has the variable.
func (c *Config) uses(v variable) bool {
	return slices.ContainsFunc(c.templates(), func(text string) bool {
		t, err := parse(text)
		return err == nil && t.uses(v)
	})
}

func (c *Config) templates() []string {
	out := []string{c.URL, c.BodyTemplate}
	for _, h := range c.Headers {
		out = append(out, h.Value)
	}
	return out
}
