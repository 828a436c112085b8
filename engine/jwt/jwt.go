// Package jwt owns the one function that verifies a token and the one that makes
// it. Tokens are JWTs in the compact serialization of a signed JWS (RFC 7515,
// RFC 7519, RFC 9068), read as strictly as RFC 8725 asks: whatever two readers
// could read in two ways is refused.
package jwt

import (
	"bytes"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
)

// AccessToken is the type of access tokens (RFC 9068 section 2.1).
const AccessToken = "at+jwt"

// Verifier is what a policy demands of a token. It is safe for concurrent use
// as long as no one changes it.
type Verifier struct {
	// Algorithm is the only one accepted. The token's header chooses nothing.
	Algorithm keys.Algorithm
	// Keys are those that may have signed. The token's kid must name one of
	// them that is of Algorithm.
	Keys *keys.Set
	// Issuer and Audience must be in the token. Left empty no token passes.
	Issuer, Audience string
	// Also are further audiences: one of all is enough.
	Also []string
	// Type is the media type without "application/", compared without letter
	// case. Default AccessToken.
	Type string
	// RequireExpiry refuses tokens without exp. Set it unless the policy issues
	// tokens that never expire (D8).
	RequireExpiry bool
	// Leeway is allowed for clocks that differ, at exp, nbf and iat alike.
	// Default none.
	Leeway time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Verify returns the claims of a token that meets every demand. Otherwise the
// error is one of this package's reasons. What is cheap to check comes first,
// the signature last; nothing is returned of a token whose signature is wrong.
func (v *Verifier) Verify(token string) (Claims, error) {
	p, err := v.Begin(token, v.now())
	if err != nil {
		return Claims{}, err
	}
	defer p.End()
	return p.Verify()
}

// Pending is a token that meets every demand but one: its signature was not checked.
// Nothing of it is to be believed.
type Pending struct {
	s   *scratch // nil after the end
	key *keys.Key
}

// Begin does what Verify does at a moment, up to the signature. End must follow.
func (v *Verifier) Begin(token string, now time.Time) (Pending, error) {
	p := Pending{s: scratches.Get().(*scratch)}
	err := v.begin(&p, token, now)
	if err != nil {
		p.End()
	}
	return p, err
}

func (v *Verifier) begin(p *Pending, token string, now time.Time) (err error) {
	if p.key, err = v.key(p.s, token); err != nil {
		return err
	}
	if !isMediaType(p.s.typ, v.mediaType()) {
		return mismatch(ErrType, v.mediaType(), p.s.typ)
	}
	if err = p.s.readClaims(); err != nil {
		return err
	}
	if err = v.check(p.s, now); err != nil {
		return err
	}
	return p.s.readSignature()
}

// Verify checks the signature and returns the claims.
func (p *Pending) Verify() (Claims, error) {
	if p.s == nil || !p.key.Verify(p.s.input, p.s.signature) {
		return Claims{}, ErrSignature
	}
	c := p.s.claims()
	c.KeyID = p.key.ID
	return c, nil
}

// End gives memory back.
func (p *Pending) End() {
	if p.s != nil {
		scratches.Put(p.s)
		p.s = nil
	}
}

// key reads the token up to its header and chooses the key, which the policy
// has and the kid only names.
func (v *Verifier) key(s *scratch, token string) (*keys.Key, error) {
	if err := s.split(token); err != nil {
		return nil, err
	}
	if err := s.readHeader(); err != nil {
		return nil, err
	}
	if string(s.algorithm) != string(v.Algorithm) {
		return nil, mismatch(ErrAlgorithm, string(v.Algorithm), s.algorithm)
	}
	key := v.Keys.VerifyingBytes(s.kid)
	// A key of another algorithm under this kid must not be tried: that is how
	// public keys become shared secrets (RFC 8725 section 2.1).
	if key == nil || key.Algorithm != v.Algorithm {
		return nil, mismatch(ErrKey, string(v.Algorithm), s.kid)
	}
	return key, nil
}

func (v *Verifier) mediaType() string {
	if v.Type == "" {
		return AccessToken
	}
	return v.Type
}

// check holds the claims against the policy and the clock.
func (v *Verifier) check(s *scratch, now time.Time) error {
	c := &s.said
	latest := now.Add(v.Leeway).Unix()
	late := func(reason error, claim int64) error { return &TimeError{reason, claim, now.Unix(), v.Leeway} }
	switch {
	case v.Issuer == "" || string(s.meaning(c.issuer)) != v.Issuer:
		return mismatch(ErrIssuer, v.Issuer, s.meaning(c.issuer))
	case v.Audience == "" || !v.isFor(s):
		return mismatches(ErrAudience, v.Audience, s.claims().Audience)
	case c.expires == 0 && v.RequireExpiry:
		return ErrExpiryMissing
	case c.expires != 0 && now.Add(-v.Leeway).Unix() >= c.expires:
		return late(ErrExpired, c.expires)
	case c.notBefore > latest:
		return late(ErrNotYetValid, c.notBefore)
	case c.issuedAt > latest:
		return late(ErrIssuedInFuture, c.issuedAt)
	}
	return nil
}

// isFor tells whether one of the audiences is the policy's.
func (v *Verifier) isFor(s *scratch) bool {
	for _, a := range s.said.audience {
		if name := s.meaning(a); string(name) == v.Audience || v.alsoFor(name) {
			return true
		}
	}
	return false
}

func (v *Verifier) alsoFor(name []byte) bool {
	for _, also := range v.Also {
		if string(name) == also {
			return true
		}
	}
	return false
}

func (v *Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// isMediaType compares as RFC 7515 section 4.1.9 says: "application/" may be
// left out and letter case does not matter.
func isMediaType(got []byte, want string) bool {
	const prefix = "application/"
	if len(got) > len(prefix) && bytes.EqualFold(got[:len(prefix)], []byte(prefix)) {
		got = got[len(prefix):]
	}
	return bytes.EqualFold(got, []byte(want))
}

// Unverified is what a token says of itself. Anyone can write it: use it to
// explain a token to a person, never to decide.
type Unverified struct {
	Algorithm string
	KeyID     string
	Type      string
	Claims    Claims
}

// Parse reads a token as strictly as Verify does and checks nothing else. Errors
// are ErrMalformed or ErrCritical.
func Parse(token string) (Unverified, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if err := s.split(token); err != nil {
		return Unverified{}, err
	}
	if err := s.readHeader(); err != nil {
		return Unverified{}, err
	}
	if err := s.readClaims(); err != nil {
		return Unverified{}, err
	}
	if err := s.readSignature(); err != nil {
		return Unverified{}, err
	}
	return Unverified{string(s.algorithm), string(s.kid), string(s.typ), s.claims()}, nil
}
