// Package jwtauth owns the JWT Authentication policy, policy-auth-jwt, whole:
// what its author writes, what is wrong with it, what it advises, and the
// step that verifies tokens on API calls and hands the caller's identity to
// the upstream.
package jwtauth

import (
	"strings"

	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// TypeName is the wire name of the policy type.
const TypeName = "policy-auth-jwt"

// Defaults and limits of the settings.
const (
	DefaultUserHeader    = "X-Authenticated-UserId"
	DefaultLeewaySeconds = 30
	MaxLeewaySeconds     = 300
)

// GrantType is a way to get a token, as the management API spells it.
type GrantType string

// ClientCredentials authenticates the owner's key pair (RFC 6749 section 4.4).
const ClientCredentials GrantType = "CLIENT_CREDENTIALS"

// Config is the policy as its author writes it. Its JSON names are those of
// the management API.
type Config struct {
	policy.Common
	// GrantType says how tokens are obtained. Default CLIENT_CREDENTIALS.
	GrantType GrantType `json:"grantType"`
	// TokenNeverExpires issues tokens without exp. Default true, as the
	// management API documents; the console's form starts at false (D8).
	TokenNeverExpires bool `json:"tokenNeverExpires"`
	// TokenExpiresInAmount and TokenExpiresInUnit are the lifetime of an
	// access token, from one second to a hundred years; required unless
	// TokenNeverExpires.
	TokenExpiresInAmount int64    `json:"tokenExpiresInAmount,omitempty"`
	TokenExpiresInUnit   TimeUnit `json:"tokenExpiresInUnit,omitempty"`
	// JWTSignatureAlgorithm signs and is the only one accepted. Required.
	JWTSignatureAlgorithm keys.Algorithm `json:"jwtSignatureAlgorithm"`
	// LeewaySeconds is how far the clocks of issuer and verifier may differ
	// when exp, nbf and iat are checked. Default 30, at most 300.
	LeewaySeconds int `json:"leewaySeconds"`
	// ClearAuth removes the Authorization header before the upstream is
	// called. Default false.
	ClearAuth bool `json:"clearAuth"`
	// AddUserToHeader hands the caller's identity to the upstream in the
	// header UserHeaderName (default X-Authenticated-UserId). Default false.
	AddUserToHeader bool   `json:"addUserToHeader"`
	UserHeaderName  string `json:"userHeaderName,omitempty"`
}

// Type is the policy type for the set of known kinds.
func Type() policy.Type {
	return policy.Type{
		Name:      TypeName,
		Label:     "JWT Authentication",
		Summary:   "Issues JSON Web Tokens at the gateway and lets only calls with a valid one through.",
		Pipelines: []policy.Pipeline{policy.Request},
		New:       func() policy.Config { return New() },
	}
}

// New has the defaults of the management API.
func New() *Config {
	return &Config{
		Common:            policy.Common{Type: TypeName, Active: true},
		GrantType:         ClientCredentials,
		TokenNeverExpires: true,
		LeewaySeconds:     DefaultLeewaySeconds,
	}
}

// NewForm has the safer values that the console's empty form starts with:
// tokens of 15 minutes, signed with RS256 (D6, D8).
func NewForm() *Config {
	c := New()
	c.TokenNeverExpires = false
	c.TokenExpiresInAmount, c.TokenExpiresInUnit = 15, Minutes
	c.JWTSignatureAlgorithm = keys.RS256
	c.UserHeaderName = DefaultUserHeader
	return c
}

// Base is the common part.
func (c *Config) Base() *policy.Common { return &c.Common }

// Normalize drops what the settings make meaningless (a lifetime beside
// tokenNeverExpires, the name of a header that is not set) and spells units
// in the plural.
func (c *Config) Normalize() {
	c.TokenExpiresInUnit = c.TokenExpiresInUnit.plural()
	if c.TokenNeverExpires {
		c.TokenExpiresInAmount, c.TokenExpiresInUnit = 0, ""
	}
	switch {
	case !c.AddUserToHeader:
		c.UserHeaderName = ""
	case c.UserHeaderName == "":
		c.UserHeaderName = DefaultUserHeader
	}
}

// Validate reports everything wrong with the settings themselves.
func (c *Config) Validate() problem.List {
	l := c.Common.Validate()
	if c.Type != TypeName {
		l.Add("type", "The type of this policy is %s.", TypeName)
	}
	if c.GrantType != ClientCredentials {
		l.Add("grantType", "Choose CLIENT_CREDENTIALS; it is the grant that this version issues tokens for.")
	}
	if !c.JWTSignatureAlgorithm.Valid() {
		l.Add("jwtSignatureAlgorithm", "Choose a signature algorithm, such as RS256.")
	}
	if c.LeewaySeconds < 0 || c.LeewaySeconds > MaxLeewaySeconds {
		l.Add("leewaySeconds", "Enter a number of seconds from 0 to %d.", MaxLeewaySeconds)
	}
	c.validateLifetime(&l)
	c.validateUserHeader(&l)
	return l
}

func (c *Config) validateLifetime(l *problem.List) {
	if c.TokenNeverExpires {
		return
	}
	if !c.TokenExpiresInUnit.valid() {
		l.Add("tokenExpiresInUnit", "Choose a unit of time, such as MINUTES.")
	}
	if msg := c.TokenExpiresInUnit.problem(c.TokenExpiresInAmount); msg != "" {
		l.Add("tokenExpiresInAmount", "%s", msg)
	}
}

func (c *Config) validateUserHeader(l *problem.List) {
	if !c.AddUserToHeader {
		return
	}
	if msg := HeaderNameProblem(c.UserHeaderName); msg != "" {
		l.Add("userHeaderName", "%s", msg)
	}
}

// HeaderNameProblem says why an identity header may not be called name, or "".
func HeaderNameProblem(name string) string {
	switch {
	case name == "":
		return "Enter the name of the header, such as " + DefaultUserHeader + "."
	case len(name) > 100:
		return "Shorten the header name to 100 characters."
	case strings.ContainsFunc(name, notTokenChar):
		return "Use letters, digits and hyphens: a header name is an RFC 9110 token."
	case owned(name):
		return "Choose another name: HTTP or the gateway gives " + name + " a meaning of its own."
	}
	return ""
}

func notTokenChar(r rune) bool {
	return r > 0x7e || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// owned tells whether a header would break the framing, the routing, the
// content or the caller's own credentials if an identity were written into it.
// Many servers read an underscore as a hyphen.
func owned(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	for _, prefix := range ownedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return ownedHeaders[name]
}

var ownedPrefixes = []string{"accept-", "access-control-", "content-", "if-", "proxy-", "sec-", "x-forwarded-"}

var ownedHeaders = map[string]bool{
	"accept": true, "authorization": true, "cache-control": true, "connection": true, "cookie": true, "date": true,
	"expect": true, "forwarded": true, "host": true, "keep-alive": true, "max-forwards": true, "origin": true,
	"range": true, "referer": true, "te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
	"user-agent": true, "via": true, "x-correlation-id": true, "x-http-method-override": true, "x-real-ip": true,
}
