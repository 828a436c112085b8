package jwtauth

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/token"
)

// step is a compiled policy. It never changes but for what it remembers.
type step struct {
	*shared
	now func() time.Time
	// access is what roles decide; nil when they decide nothing.
	access *access
	// untouched is the epoch of the revocation list, plus one, in which no tokens are
	// revoked under the policy.
	untouched atomic.Uint64
	// inQuery tells that a token may come in the query. Where credentials issue
	// tokens, each says so for its own.
	inQuery                 bool
	clearAuth, setsIdentity bool
	// near tells that the addresses of a credential count.
	near bool
	// userHeader is the header that hands on the identity; "" for none.
	userHeader string
	settings   token.Settings
	// challenges are made at the first refusal, as most of ten thousand proxies
	// are idle.
	challenges atomic.Pointer[map[fault.Type]string]
}

// TokenSettings is what the token endpoint needs to issue this policy's tokens.
func (s *step) TokenSettings() token.Settings { return s.settings }

// Do lets a call with one valid token through and records whose it is. The way
// of a token that was seen before allocates nothing, unless roles are read anew.
func (s *step) Do(x *policy.Exchange) error {
	n := s.notes(x)
	if err := s.take(x, n); err != nil {
		return s.reject(err)
	}
	if err := s.find(x, n); err != nil {
		return s.reject(err)
	}
	v := n.token
	if s.refuses(v) {
		return s.reject(v.refused(ErrRevoked))
	}
	c, err := s.admit(x, n)
	if err != nil {
		return err
	}
	roles, header, err := s.authorize(x, v)
	if err != nil {
		return err
	}
	if !n.recorded { // by a policy before, with the same token and its own roles
		s.record(x, v, c, roles)
		n.recorded = s.setsIdentity && (s.access == nil || s.access.kind == "")
	}
	s.handOn(x, v, header)
	return nil
}

// refuses asks the revocation list about the token, and about the policy.
func (s *step) refuses(v *verified) bool {
	if v.revoked(s.revoked) {
		return true
	}
	epoch := s.revoked.Epoch() + 1 // read first: an entry added meanwhile is asked for at the next call
	if s.untouched.Load() == epoch {
		return false
	}
	before := s.revoked.Policy(s.owner.Project, s.settings.Policy)
	if before == 0 {
		s.untouched.Store(epoch)
	}
	return before > 0 && v.facts.IssuedAt < before
}

// record makes the caller the identity of the request where the policy says so.
// When it ends counts in any case: upgraded connections are closed then.
func (s *step) record(x *policy.Exchange, v *verified, c *identity.Credential, roles []string) {
	ends := earlier(x.Identity.Expires, v.identity.Expires)
	if s.setsIdentity {
		x.Identity = v.identity
		x.Identity.Roles = roles
		if c != nil {
			x.Identity.FullName, x.Identity.Email = c.FullName, c.Email
		}
	}
	x.Identity.Expires = ends
}

// earlier takes the zero time for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// handOn writes the headers of the upstream's request. Those that are
// configured are the gateway's alone: what the caller sent under their names is
// removed also when there is nothing to set (D14).
func (s *step) handOn(x *policy.Exchange, v *verified, roles string) {
	if s.userHeader != "" {
		x.SetHeader(s.userHeader, v.user)
	}
	switch {
	case s.access == nil || s.access.header == "":
	case roles == "":
		x.StripHeader(s.access.header)
	default:
		x.SetHeader(s.access.header, roles)
	}
	if s.clearAuth {
		x.StripHeader(authorization)
		x.StripParameter(accessToken)
		x.StripCookie(accessToken)
	}
}

// IdentityHeaders implements policy.Introducer.
func (s *step) IdentityHeaders() []string {
	var names []string
	if s.userHeader != "" {
		names = append(names, s.userHeader)
	}
	if s.access != nil && s.access.header != "" {
		names = append(names, s.access.header)
	}
	return names
}

// Skip keeps what the caller sent from passing for the gateway's word where the
// policy does not apply: whether it does may be the caller's own choice (D14).
func (s *step) Skip(x *policy.Exchange) {
	if s.userHeader != "" {
		x.StripHeader(s.userHeader)
	}
	if s.access != nil && s.access.header != "" {
		x.StripHeader(s.access.header)
	}
}

// admit asks what may have changed since the token was issued: the credential
// that it came from, which takes effect at save (D5). It returns the credential of the
// caller, nil for one of another source.
func (s *step) admit(x *policy.Exchange, n *notes) (c *identity.Credential, err error) {
	if n.admitted && (n.near || !s.near) {
		return n.caller, nil
	}
	if s.managed {
		c, err = s.admitByPolicy(x, n.token, n.now)
	} else {
		c, err = s.admitByCredential(x, n.token, n.fromQuery, n.now)
	}
	n.admitted, n.near, n.caller = err == nil, s.near, c
	return c, err
}

// admitByPolicy decides where access is managed by the policy: the credential has to
// be there and to have access, and its addresses count if the policy says so.
func (s *step) admitByPolicy(x *policy.Exchange, v *verified, now time.Time) (*identity.Credential, error) {
	if !v.credential {
		return nil, nil
	}
	c, ok := credentialOf(x, v.identity.Subject)
	if !ok {
		return nil, s.deny(fault.CredentialUnknown, v.refused(&unknown{v.identity.Subject}))
	}
	why := s.mayCall(x, c, now)
	if why == "" && s.near {
		why = c.From(x.Client)
	}
	return c, s.denied(x, v, c, why)
}

// admitByCredential decides where access is managed by the credential: it says
// what its tokens are like, and the access that it has is asked on every call.
func (s *step) admitByCredential(x *policy.Exchange, v *verified, fromQuery bool, now time.Time) (*identity.Credential, error) {
	c, ok := credentialOf(x, v.facts.ClientID)
	if !ok {
		return nil, s.deny(fault.CredentialUnknown, v.refused(&unknown{v.facts.ClientID}))
	}
	switch {
	case v.algorithm != c.Tokens.JWTSignatureAlgorithm:
		return nil, s.reject(&jwt.MismatchError{Reason: jwt.ErrAlgorithm, Got: []string{string(v.algorithm)}, Want: string(c.Tokens.JWTSignatureAlgorithm)})
	case v.expires == 0 && !c.Tokens.TokenNeverExpires:
		return nil, s.reject(jwt.ErrExpiryMissing)
	case v.grant != c.Tokens.GrantType:
		return nil, s.reject(errGrant)
	case fromQuery && !c.Tokens.AllowURLParameters:
		return nil, s.reject(errQueryCredential)
	}
	why := s.mayCall(x, c, now)
	if why == "" {
		why = c.From(x.Client)
	}
	if why != "" || v.identity.Subject == v.facts.ClientID {
		return c, s.denied(x, v, c, why)
	}
	user, ok := credentialOf(x, v.identity.Subject)
	if !ok {
		return nil, s.deny(fault.CredentialUnknown, v.refused(&unknown{v.identity.Subject}))
	}
	return user, s.denied(x, v, user, user.Usable(now))
}

func credentialOf(x *policy.Exchange, name string) (*identity.Credential, bool) {
	if x.Identities == nil {
		return nil, false
	}
	return x.Identities.Credential(name)
}

// mayCall asks for access with the method of the call. An endpoint's GET answers
// HEAD too, so who may not GET may not HEAD either.
func (s *step) mayCall(x *policy.Exchange, c *identity.Credential, now time.Time) identity.Refusal {
	owner, _ := grantor(x, c)
	why := c.Usable(now)
	if why == "" {
		why = c.May(owner, x.Method, now)
	}
	if why == "" && x.Method == "HEAD" {
		why = c.May(owner, "GET", now)
	}
	return why
}

// grantor is whose access list decides about a call: that of the proxy that
// answers, and that of the group through which the call came where the credential
// is not in the proxy's. An access to the proxy that has ended counts too: who
// ended it wants no way around.
func grantor(x *policy.Exchange, c *identity.Credential) (id, name string) {
	if _, own := c.Access[x.OwnerID]; own || x.GroupID == "" {
		return x.OwnerID, x.OwnerName
	}
	return x.GroupID, x.GroupName
}

// denied is the rejection for a credential's refusal, nil for none.
func (s *step) denied(x *policy.Exchange, v *verified, c *identity.Credential, why identity.Refusal) error {
	if why == "" {
		return nil
	}
	row, ok := refusalFaults[why]
	if !ok {
		row = fault.CredentialUnknown
	}
	return s.deny(row, v.refused(s.refusal(x, c, why)))
}

// refusalFaults are the rows of the catalogue for what a credential is refused
// for; all others are as if there were none.
var refusalFaults = map[identity.Refusal]fault.Type{
	identity.DisabledHere: fault.CredentialEnvironment, identity.Expired: fault.CredentialExpired,
	identity.NoAccess: fault.CredentialProxyDenied, identity.AccessExpired: fault.CredentialProxyDenied,
	identity.MethodDenied: fault.CredentialMethodDenied, identity.AddressRefused: fault.CredentialAddressDenied,
}

// reject refuses a token. It says no more than the catalogue: why is for the
// log (D10).
func (s *step) reject(cause error) error {
	switch cause.(type) {
	case *jwt.TimeError, *jwt.MismatchError: // most of them, and none of those below
		return s.deny(fault.TokenNotValid, cause)
	}
	var late *slowed
	switch {
	case errors.As(cause, &late):
		r := s.deny(fault.TooManyForged, cause)
		r.Alarm, r.Retry = event.ForgingThrottled, late.wait
		return r
	case errors.Is(cause, errInterrupted): // a fault of ours, not of the token
		return cause
	case errors.Is(cause, errNoCredential):
		return s.deny(fault.TokenMissing, cause)
	case errors.Is(cause, errManyCredentials), errors.Is(cause, errQueryCredential):
		return s.deny(fault.TokenAmbiguous, cause)
	}
	r := s.deny(fault.TokenNotValid, cause)
	r.Alarm = alarm(cause)
	return r
}

// alarm tells what somebody who watches over the installation should hear of.
func alarm(cause error) event.SecurityKind {
	switch {
	case errors.Is(cause, ErrForged):
		return event.ForgedToken
	case errors.Is(cause, ErrRevoked):
		return event.RevokedTokenUsed
	}
	return ""
}

// denial is a rejection with its cause in one piece of memory.
type denial struct {
	rejection policy.Rejection
	why       explained
}

func (s *step) deny(f fault.Type, cause error) *policy.Rejection {
	d := &denial{why: explained{cause, s}}
	d.rejection = policy.Rejection{Fault: f, Challenge: s.challenge(f), Cause: &d.why}
	return &d.rejection
}

func (s *step) challenge(f fault.Type) string {
	all := s.challenges.Load()
	if all == nil {
		made := make(map[fault.Type]string, len(faults))
		for _, f := range faults {
			made[f] = Challenge(f, s.owner.Name)
		}
		all = &made
		s.challenges.Store(all) // whoever was at it at the same time has made the same
	}
	return (*all)[f]
}

// Challenge is the WWW-Authenticate that comes with an answer of the owner's
// policy; "" for none. A 401 needs one (RFC 9110 section 15.5.2), and one for lack
// of roles has the error of RFC 6750 section 3.1 for it.
func Challenge(f fault.Type, owner string) string {
	problem := ""
	switch f {
	case fault.TokenMissing:
	case fault.TokenAmbiguous:
		problem = `, error="invalid_request"`
	case fault.TokenNotValid, fault.CredentialUnknown, fault.CredentialExpired, fault.CredentialEnvironment:
		problem = `, error="invalid_token"`
	case fault.RoleMissing, fault.EndpointUnknown:
		problem = `, error="insufficient_scope"`
	default:
		return ""
	}
	return `Bearer realm="` + escape(owner) + `"` + problem
}
