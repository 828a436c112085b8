package jwtauth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/token"
)

// Why a token whose signature is right is refused nevertheless.
var errNoSubject = errors.New("token lacks sub or gty: it does not say whom it speaks for")

// step is a compiled policy. It never changes but for its cache.
type step struct {
	verifier jwt.Verifier
	cache    cache
	now      func() time.Time
	clientID string
	settings token.Settings
	// userHeader is the header that hands on the identity; "" for none.
	userHeader string
	clearAuth  bool
	// The challenges of RFC 6750 section 3.
	missing, ambiguous, invalid string
}

// Compile turns a valid policy into the step that verifies its tokens. The one
// error is that the environment has no key to sign with the policy's algorithm.
func (c *Config) Compile(rt policy.Runtime) (policy.Step, error) {
	if rt.Keys.Signing(c.JWTSignatureAlgorithm) == nil {
		return nil, fmt.Errorf("the environment has no signing key for %s", c.JWTSignatureAlgorithm)
	}
	if rt.Now == nil {
		rt.Now = time.Now
	}
	realm := `Bearer realm="` + escape(rt.Owner.Name) + `"`
	s := &step{
		verifier: c.verifier(rt), now: rt.Now, clientID: rt.Owner.ClientID, settings: c.tokenSettings(), clearAuth: c.ClearAuth,
		missing: realm, ambiguous: realm + `, error="invalid_request"`, invalid: realm + `, error="invalid_token"`,
	}
	if c.AddUserToHeader {
		s.userHeader = c.UserHeaderName
	}
	s.cache.leeway = int64(c.LeewaySeconds)
	return s, nil
}

func (c *Config) verifier(rt policy.Runtime) jwt.Verifier {
	return jwt.Verifier{
		Algorithm:     c.JWTSignatureAlgorithm,
		Keys:          rt.Keys,
		Issuer:        rt.Issuer,
		Audience:      rt.Owner.ClientID,
		Type:          jwt.AccessToken,
		RequireExpiry: !c.TokenNeverExpires,
		Leeway:        time.Duration(c.LeewaySeconds) * time.Second,
		Now:           rt.Now,
	}
}

func (c *Config) tokenSettings() token.Settings {
	return token.Settings{
		Algorithm: c.JWTSignatureAlgorithm, Lifetime: c.Lifetime(), Grant: token.GrantClientCredentials, Policy: c.Name,
	}
}

// TokenSettings is what the token endpoint needs to issue this policy's tokens.
func (s *step) TokenSettings() token.Settings { return s.settings }

// Do lets a call with one valid token through and records whose it is. The way
// of a token that was seen before allocates nothing.
func (s *step) Do(x *policy.Exchange) error {
	text, err := bearer(x)
	if err != nil {
		return s.reject(err)
	}
	v, err := s.cache.get(text, s.now().Unix(), s.verify)
	if err != nil {
		return s.reject(err)
	}
	x.Identity = v.identity
	if s.userHeader != "" {
		x.SetHeader(s.userHeader, v.user)
	}
	if s.clearAuth {
		x.StripHeader(authorization)
	}
	return nil
}

// verify checks a token and keeps copies of what it says: the original lies in
// the request's memory.
func (s *step) verify(text string) (*verified, error) {
	claims, err := s.verifier.Verify(text)
	if err != nil {
		return nil, err
	}
	if claims.Subject == "" || claims.GrantType == "" {
		return nil, errNoSubject
	}
	v := &verified{identity: s.identity(&claims), expires: claims.Expires, begins: max(claims.NotBefore, claims.IssuedAt)}
	v.user = escape(v.identity.Subject)
	v.size = entryOverhead + len(text) + len(claims.Subject) + len(v.user) + len(claims.Scope)
	return v, nil
}

func (s *step) identity(claims *jwt.Claims) policy.Identity {
	id := policy.Identity{
		Subject:  strings.Clone(claims.Subject),
		ClientID: s.clientID,
		Grant:    strings.Clone(claims.GrantType),
		Roles:    strings.Fields(strings.Clone(claims.Scope)),
	}
	if claims.Expires != 0 {
		id.Expires = time.Unix(claims.Expires, 0).UTC()
	}
	return id
}

// reject says no more than the catalogue: why a token was refused is for the
// log (D10).
func (s *step) reject(cause error) error {
	switch {
	case errors.Is(cause, errInterrupted): // a fault of ours, not of the token
		return cause
	case errors.Is(cause, errNoCredential):
		return &policy.Rejection{Fault: fault.TokenMissing, Challenge: s.missing, Cause: cause}
	case errors.Is(cause, errManyCredentials), errors.Is(cause, errQueryCredential):
		return &policy.Rejection{Fault: fault.TokenAmbiguous, Challenge: s.ambiguous, Cause: cause}
	}
	return &policy.Rejection{Fault: fault.TokenNotValid, Challenge: s.invalid, Cause: cause}
}
