package issue

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
)

// ScopeMismatch is what happens when a token request asks for a scope that the
// caller has not.
type ScopeMismatch string

// The ways.
const (
	Strict        ScopeMismatch = "STRICT"         // refuse with invalid_scope
	Lenient       ScopeMismatch = "LENIENT"        // issue what both have
	IgnoreRequest ScopeMismatch = "IGNORE_REQUEST" // issue all that the caller has
)

// NoScope is what a token gets when its request asks for no scope.
type NoScope string

// The ways. Where a policy decides by the roles of the token, it always gets
// all: a token without them could not be used.
const (
	WithoutScope NoScope = "WITHOUT_SCOPE"
	AllScopes    NoScope = "ALL_SCOPES"
)

// Management is Token Management: how every token answer of the installation
// looks, and how scopes are decided. The claim scope is never renamed (D16).
type Management struct {
	AccessTokenName  string `json:"accessTokenName"`
	TokenTypeName    string `json:"tokenTypeName"`
	ExpiresInName    string `json:"expiresInName"`
	RefreshTokenName string `json:"refreshTokenName"`
	ScopeName        string `json:"scopeName"`

	IncludeTokenType    bool `json:"includeTokenType"`
	IncludeExpiresIn    bool `json:"includeExpiresIn"`
	IncludeRefreshToken bool `json:"includeRefreshToken"`
	IncludeScope        bool `json:"includeScope"`

	// ExpiresInMilliseconds gives expires_in in milliseconds. Default false (D16).
	ExpiresInMilliseconds bool `json:"expiresInMilliseconds"`
	// ExtendedResponse adds the members X-IssuedAt and their like. Default false.
	ExtendedResponse bool `json:"extendedResponse"`

	ScopeMismatch      ScopeMismatch `json:"scopeMismatch"`
	NoScope            NoScope       `json:"noScope"`
	RejectWithoutRoles bool          `json:"rejectWithoutRoles"`

	// RefreshGraceSeconds is how long a spent refresh token gives the same
	// successor (D7). Default 10, at most 300.
	RefreshGraceSeconds int `json:"refreshGraceSeconds"`
}

// DefaultManagement is what an installation starts with.
func DefaultManagement() Management {
	return Management{
		AccessTokenName: "access_token", TokenTypeName: "token_type", ExpiresInName: "expires_in",
		RefreshTokenName: "refresh_token", ScopeName: "scope",
		IncludeTokenType: true, IncludeExpiresIn: true, IncludeRefreshToken: true, IncludeScope: true,
		ScopeMismatch: Lenient, NoScope: WithoutScope, RefreshGraceSeconds: 10,
	}
}

// MaxRefreshGrace is the longest window in seconds.
const MaxRefreshGrace = 300

// Validate reports everything wrong with the settings.
func (m *Management) Validate() problem.List {
	var l problem.List
	m.validateNames(&l)
	if !slices.Contains([]ScopeMismatch{Strict, Lenient, IgnoreRequest}, m.ScopeMismatch) {
		l.Add("scopeMismatch", "Choose STRICT, LENIENT or IGNORE_REQUEST.")
	}
	if m.NoScope != WithoutScope && m.NoScope != AllScopes {
		l.Add("noScope", "Choose WITHOUT_SCOPE or ALL_SCOPES.")
	}
	if m.RefreshGraceSeconds < 0 || m.RefreshGraceSeconds > MaxRefreshGrace {
		l.Add("refreshGraceSeconds", "Enter a number of seconds from 0 to %d.", MaxRefreshGrace)
	}
	return l
}

func (m *Management) validateNames(l *problem.List) {
	seen := map[string]bool{}
	for _, f := range []struct{ field, name string }{
		{"accessTokenName", m.AccessTokenName}, {"tokenTypeName", m.TokenTypeName}, {"expiresInName", m.ExpiresInName},
		{"refreshTokenName", m.RefreshTokenName}, {"scopeName", m.ScopeName},
	} {
		if msg := memberProblem(f.name); msg != "" {
			l.Add(f.field, "%s", msg)
		} else if seen[f.name] {
			l.Add(f.field, "Another member is called %s already.", f.name)
		}
		seen[f.name] = true
	}
}

func memberProblem(name string) string {
	if name == "" || len(name) > 64 {
		return "Enter a name of 1 to 64 characters."
	}
	for _, c := range []byte(name) {
		if c != '_' && c != '-' && c != '.' && !('0' <= c && c <= '9') && !('a' <= c && c <= 'z') && !('A' <= c && c <= 'Z') {
			return "Use letters, digits, hyphens, dots and underscores."
		}
	}
	if name == "error" || name == "error_description" || name == "error_uri" {
		return "Choose another name: this one tells a refusal."
	}
	return ""
}

// ReservedResponse tells whether a member of the token response belongs to the
// gateway, so that nothing else may be called so (reference 3.5).
func ReservedResponse(name string) bool {
	return slices.Contains([]string{
		"access_token", "refresh_token", "token_type", "expires_in", "scope", "state", "error", "error_description", "error_uri",
		"id_token", "issued_token_type",
	}, name) || reservedX(name)
}

// reservedX are the members and claims of the extended response.
func reservedX(name string) bool {
	return slices.Contains([]string{
		"X-ApplicationName", "X-ClientInfo", "X-IssuedAt", "X-ExpiresAt", "X-ExpiresInMillis", "X-RefreshToken", "X-RefreshTokenIssuedAt",
		"X-RefreshTokenExpiresAt", "X-RefreshTokenExpiresInMillis", "X-RefreshCount", "X-MaxRefreshCount", "X-ApiResponse",
	}, name)
}

// ReservedClaim tells whether a claim belongs to the gateway, so that no custom
// one may be called so, in any letter case (reference 3.5).
func ReservedClaim(name string) bool {
	return reservedX(name) || slices.ContainsFunc([]string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id", "gty", "sid",
	}, func(own string) bool { return strings.EqualFold(own, name) })
}
