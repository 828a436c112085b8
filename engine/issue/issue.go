// Package issue owns what tokens are issued like: the settings that a policy
// and a credential share (their lifetime, refreshes, algorithm and the grant
// that gets them), with the rules that hold for both.
package issue

import (
	"time"

	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
)

// GrantType is a way to get a token, as the management API spells it.
type GrantType string

// The grant types.
const (
	// ClientCredentials authenticates a client (RFC 6749 section 4.4).
	ClientCredentials GrantType = "CLIENT_CREDENTIALS"
	// Password authenticates a user by name and password (section 4.3).
	Password GrantType = "PASSWORD"
)

// Limits of the settings.
const (
	MaxRefreshCount  = 1_000_000
	MaxRefreshActive = 10_000
)

// Settings say what tokens are issued like. Their JSON names are those of the
// management API.
type Settings struct {
	// GrantType says how a token is obtained. Default PASSWORD, as the
	// management API documents; the console's form starts at
	// CLIENT_CREDENTIALS.
	GrantType GrantType `json:"grantType,omitempty"`
	// TokenNeverExpires issues tokens without exp. Default true, as the
	// management API documents; the console's form starts at false (D8).
	TokenNeverExpires bool `json:"tokenNeverExpires"`
	// TokenExpiresInAmount and TokenExpiresInUnit are the lifetime of an
	// access token, from one second to a hundred years; required unless
	// TokenNeverExpires.
	TokenExpiresInAmount int64    `json:"tokenExpiresInAmount,omitempty"`
	TokenExpiresInUnit   TimeUnit `json:"tokenExpiresInUnit,omitempty"`
	// RefreshTokenAllowed issues a refresh token beside each access token that
	// expires. Default false.
	RefreshTokenAllowed bool `json:"refreshTokenAllowed"`
	// RefreshTokenCount is how many refreshes one login may make (D7), 1 or
	// more; required with RefreshTokenAllowed.
	RefreshTokenCount int `json:"refreshTokenCount,omitempty"`
	// RefreshTokenExpiresInAmount and RefreshTokenExpiresInUnit are the
	// lifetime of a refresh token, counted from its issue; required with
	// RefreshTokenAllowed.
	RefreshTokenExpiresInAmount int64    `json:"refreshTokenExpiresInAmount,omitempty"`
	RefreshTokenExpiresInUnit   TimeUnit `json:"refreshTokenExpiresInUnit,omitempty"`
	// RefreshTokenMaxActive is how many logins of one user or client may be
	// refreshable at once; over it the oldest ends (D7). 0 means no limit.
	RefreshTokenMaxActive int `json:"refreshTokenMaxActive,omitempty"`
	// JWTSignatureAlgorithm signs and is the only one accepted. Required.
	JWTSignatureAlgorithm keys.Algorithm `json:"jwtSignatureAlgorithm,omitempty"`
	// AllowURLParameters takes the parameters of a token request from the query
	// too, with GET or POST, and an access token of a call from the parameter
	// access_token (D13). Default false.
	AllowURLParameters bool `json:"allowUrlParameters"`
}

// Defaults are those of the management API. The algorithm has none.
func Defaults() Settings { return Settings{GrantType: Password, TokenNeverExpires: true} }

// Starting are the safer values that the console's empty form begins with:
// tokens of 15 minutes that a client gets for itself, signed with RS256 (D6, D8).
func Starting() Settings {
	return Settings{
		GrantType: ClientCredentials, TokenExpiresInAmount: 15, TokenExpiresInUnit: Minutes,
		JWTSignatureAlgorithm: keys.RS256,
	}
}

// Normalize drops what the settings make meaningless and spells units in the
// plural. A token that never expires needs no refresh.
func (s *Settings) Normalize() {
	s.TokenExpiresInUnit, s.RefreshTokenExpiresInUnit = s.TokenExpiresInUnit.plural(), s.RefreshTokenExpiresInUnit.plural()
	if s.TokenNeverExpires {
		s.TokenExpiresInAmount, s.TokenExpiresInUnit, s.RefreshTokenAllowed = 0, "", false
	}
	if !s.RefreshTokenAllowed {
		s.RefreshTokenCount, s.RefreshTokenMaxActive = 0, 0
		s.RefreshTokenExpiresInAmount, s.RefreshTokenExpiresInUnit = 0, ""
	}
}

// Validate reports everything wrong with the settings.
func (s *Settings) Validate() problem.List {
	var l problem.List
	if s.GrantType != ClientCredentials && s.GrantType != Password {
		l.Add("grantType", "Choose CLIENT_CREDENTIALS or PASSWORD.")
	}
	if !s.TokenNeverExpires {
		checkLifetime(&l, "tokenExpiresIn", "a token", s.TokenExpiresInAmount, s.TokenExpiresInUnit)
	}
	if s.RefreshTokenAllowed {
		s.validateRefresh(&l)
	}
	if !s.JWTSignatureAlgorithm.Valid() {
		l.Add("jwtSignatureAlgorithm", "Choose a signature algorithm, such as RS256.")
	}
	return l
}

func (s *Settings) validateRefresh(l *problem.List) {
	if s.TokenNeverExpires {
		l.Add("refreshTokenAllowed", "Switch this off: a token that never expires needs no refresh.")
	}
	if s.RefreshTokenCount < 1 || s.RefreshTokenCount > MaxRefreshCount {
		l.Add("refreshTokenCount", "Enter how often one login may be refreshed, from 1 to %d.", MaxRefreshCount)
	}
	checkLifetime(l, "refreshTokenExpiresIn", "a refresh token", s.RefreshTokenExpiresInAmount, s.RefreshTokenExpiresInUnit)
	if s.RefreshTokenMaxActive < 0 || s.RefreshTokenMaxActive > MaxRefreshActive {
		l.Add("refreshTokenMaxActive", "Enter how many logins of one user may be refreshable at once, at most %d, or leave it empty for no limit.", MaxRefreshActive)
	}
}

func checkLifetime(l *problem.List, field, what string, amount int64, unit TimeUnit) {
	if !unit.Valid() {
		l.Add(field+"Unit", "Choose a unit of time, such as MINUTES.")
	}
	if msg := unit.Problem(amount, what); msg != "" {
		l.Add(field+"Amount", "%s", msg)
	}
}

// Lifetime is how long an access token lives under valid settings; zero means
// for ever.
func (s *Settings) Lifetime() time.Duration {
	if s.TokenNeverExpires {
		return 0
	}
	return s.TokenExpiresInUnit.Duration(s.TokenExpiresInAmount)
}

// RefreshLifetime is how long a refresh token lives under valid settings; zero
// means that none is issued.
func (s *Settings) RefreshLifetime() time.Duration {
	if !s.RefreshTokenAllowed {
		return 0
	}
	return s.RefreshTokenExpiresInUnit.Duration(s.RefreshTokenExpiresInAmount)
}
