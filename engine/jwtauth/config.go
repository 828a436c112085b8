// Package jwtauth owns the JWT Authentication policy, policy-auth-jwt, whole:
// what its author writes, what is wrong with it, what it advises, and the
// step that verifies tokens on API calls and hands the caller's identity to
// the upstream.
package jwtauth

import (
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// TypeName is the wire name of the policy type.
const TypeName = "policy-auth-jwt"

// Defaults and limits of the settings.
const (
	DefaultUserHeader    = "X-Authenticated-UserId"
	DefaultRolesHeader   = "X-Authenticated-UserRoles"
	DefaultLeewaySeconds = 30
	MaxLeewaySeconds     = 300
)

// Config is the policy as its author writes it. Its JSON names are those of
// the management API.
type Config struct {
	policy.Common
	// ManagedFromThisPolicy issues tokens at /auth/jwt with the owner's key pair
	// and the settings below. Off, tokens come from /credential/jwt with each
	// credential's own settings, and the policy only validates. Default true.
	ManagedFromThisPolicy bool `json:"managedFromThisPolicy"`
	issue.Settings
	// AuthenticationType is where PASSWORD checks users, and for
	// CLIENT_CREDENTIALS either empty (the owner's key pair alone) or
	// SECRET_MANAGER (clients with credentials of their own, too). Default with
	// PASSWORD: SECRET_MANAGER (D12).
	AuthenticationType identity.KindName `json:"authenticationType,omitempty"`
	// IdentityProviderName is the source of that kind, in the policy's project.
	IdentityProviderName string `json:"identityProviderName,omitempty"`
	// JWTRegeneratorAPIName is an API source that makes identities anew at a
	// refresh; only with an API source.
	JWTRegeneratorAPIName string `json:"jwtRegeneratorApiName,omitempty"`
	// CheckClientIPAddress demands that the caller's address is in the
	// credential's list, at the token endpoint and on calls; only with
	// SECRET_MANAGER. Default false. Where ManagedFromThisPolicy is off, the list
	// is always heeded.
	CheckClientIPAddress bool `json:"checkClientIpAddress"`
	// SigningKeyName is a key of the project's key store that signs instead of
	// the environment's.
	SigningKeyName string `json:"signingKeyName,omitempty"`
	// LeewaySeconds is how far the clocks of issuer and verifier may differ
	// when exp, nbf and iat are checked. Default 30, at most 300.
	LeewaySeconds int `json:"leewaySeconds"`
	// ClearAuth removes the Authorization header, the query parameter and the
	// cookie access_token before the upstream is called. Default false.
	ClearAuth bool `json:"clearAuth"`
	// SetIdentityToContext makes the caller the identity of the request, for
	// later policies and the access log. Default true.
	SetIdentityToContext bool `json:"setIdentityToContext"`
	// AddUserToHeader hands the caller's identity to the upstream in the
	// header UserHeaderName (default X-Authenticated-UserId). Default false.
	AddUserToHeader bool   `json:"addUserToHeader"`
	UserHeaderName  string `json:"userHeaderName,omitempty"`
	// Authorization says which roles a caller needs.
	Authorization Authorization `json:"authorization"`
}

// Type is the policy type for the set of known kinds.
func Type() policy.Type {
	return policy.Type{
		Name:      TypeName,
		Label:     "JWT Authentication",
		Summary:   "Issues JSON Web Tokens at the gateway and lets only calls with a valid one through.",
		Pipelines: []policy.Pipeline{policy.Request},
		Faults:    faults,
		Challenge: Challenge,
		New:       func() policy.Config { return New() },
	}
}

// faults are the rows that a policy answers with, on calls and on token requests.
var faults = []fault.Type{
	fault.TokenMissing, fault.TokenAmbiguous, fault.TokenNotValid, fault.TooManyForged,
	fault.CredentialUnknown, fault.CredentialProxyDenied, fault.CredentialMethodDenied, fault.CredentialAddressDenied,
	fault.CredentialExpired, fault.CredentialSecret, fault.CredentialEnvironment,
	fault.RoleMissing, fault.EndpointUnknown, fault.RolesUnavailable,
	fault.ConditionUnmet, fault.ConditionNumber, fault.ConditionDate, fault.ConditionBody, fault.ConditionFailed,
	fault.UserRefused, fault.SourceFailedAPI, fault.SourceFailedDB, fault.SourceFailedLDAP,
	fault.ScopeRefused, fault.RefreshRefused, fault.ClientDenied,
}

// New has the defaults of the management API.
func New() *Config {
	return &Config{
		Common:                policy.Common{Type: TypeName, Active: true},
		ManagedFromThisPolicy: true,
		Settings:              issue.Defaults(),
		LeewaySeconds:         DefaultLeewaySeconds,
		SetIdentityToContext:  true,
	}
}

// NewForm has the safer values that the console's empty form starts with (D6,
// D8).
func NewForm() *Config {
	c := New()
	c.Settings = issue.Starting()
	c.UserHeaderName = DefaultUserHeader
	return c
}

// Base is the common part.
func (c *Config) Base() *policy.Common { return &c.Common }

// Normalize drops what the settings make meaningless, so that nothing that is
// stored is without effect, and fills in defaults that depend on others.
func (c *Config) Normalize() {
	c.Common.Normalize()
	c.normalizeSource()
	c.Settings.Normalize()
	if !c.ManagedFromThisPolicy {
		c.Settings, c.SigningKeyName = issue.Settings{}, ""
	}
	c.normalizeHeader()
	c.Authorization.normalize(c.HasRoles())
}

// normalizeSource keeps the source that the grant asks: a user has to be
// checked somewhere, a client may have a credential (D12).
func (c *Config) normalizeSource() {
	switch {
	case !c.ManagedFromThisPolicy, c.GrantType == issue.ClientCredentials && c.AuthenticationType != identity.SecretManager:
		c.AuthenticationType = ""
	case c.GrantType == issue.Password && c.AuthenticationType == "":
		c.AuthenticationType = identity.SecretManager
	}
	if !hasProvider(c.AuthenticationType) {
		c.IdentityProviderName = ""
	}
	if c.AuthenticationType != identity.API {
		c.JWTRegeneratorAPIName = ""
	}
	if c.AuthenticationType != identity.SecretManager {
		c.CheckClientIPAddress = false
	}
}

func (c *Config) normalizeHeader() {
	switch {
	case !c.AddUserToHeader:
		c.UserHeaderName = ""
	case c.UserHeaderName == "":
		c.UserHeaderName = DefaultUserHeader
	}
}

// HasRoles tells whether callers can have roles: an owner's own client has none.
func (c *Config) HasRoles() bool { return !c.ManagedFromThisPolicy || c.AuthenticationType != "" }

func hasProvider(kind identity.KindName) bool { return kind != "" && kind != identity.SecretManager }

// Validate reports everything wrong with the settings themselves.
func (c *Config) Validate() problem.List {
	l := append(c.Common.Validate(), c.OnlyOf(faults)...)
	if c.Type != TypeName {
		l.Add("type", "The type of this policy is %s.", TypeName)
	}
	if c.ManagedFromThisPolicy {
		l = append(l, c.Settings.Validate()...)
		c.validateSource(&l)
	}
	if c.LeewaySeconds < 0 || c.LeewaySeconds > MaxLeewaySeconds {
		l.Add("leewaySeconds", "Enter a number of seconds from 0 to %d.", MaxLeewaySeconds)
	}
	c.validateUserHeader(&l)
	c.validateAuthorization(&l)
	return l
}

func (c *Config) validateSource(l *problem.List) {
	switch c.AuthenticationType {
	case "":
		if c.GrantType == issue.Password {
			l.Add("authenticationType", "Choose an identity source: SECRET_MANAGER, LDAP, DATABASE or API.")
		}
	case identity.SecretManager:
	case identity.LDAP, identity.Database, identity.API:
		if c.IdentityProviderName == "" {
			l.Add("identityProviderName", "Choose the identity source that checks users.")
		}
	default:
		l.Add("authenticationType", "Choose SECRET_MANAGER, LDAP, DATABASE or API.")
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
