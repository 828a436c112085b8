package token

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/revoke"
)

// refreshTokens makes and reads refresh tokens (D7): the family's id, the
// generation and a MAC over both. Nothing that is stored can be used as one, and
// the successor can be made again.
type refreshTokens struct{ key []byte }

// refreshPrefix lets people and secret scanners recognise a refresh token. It
// is no JWT, so that it never passes as an access token (D15).
const refreshPrefix = "gwr_"

const refreshSize = len(FamilyID{}) + 4 + sha256.Size

func (r *refreshTokens) mint(environment string, id FamilyID, generation int) string {
	raw := append(make([]byte, 0, refreshSize), id[:]...)
	raw = binary.BigEndian.AppendUint32(raw, uint32(generation))
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(r.mac(raw, environment))
}

// mac appends the MAC to id and generation. The environment is part of it: a
// token of one is worthless in another.
func (r *refreshTokens) mac(raw []byte, environment string) []byte {
	h := hmac.New(sha256.New, r.key)
	_, _ = h.Write(raw) // a hash never fails
	_, _ = h.Write([]byte(environment))
	return h.Sum(raw)
}

// read returns what a token names, if it is one of ours.
func (r *refreshTokens) read(environment, token string) (id FamilyID, generation int, ok bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(refreshSize) { // the decoder skips line breaks
		return id, 0, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != refreshSize {
		return id, 0, false
	}
	body := raw[:refreshSize-sha256.Size]
	if !hmac.Equal(raw, r.mac(append([]byte(nil), body...), environment)) {
		return id, 0, false
	}
	copy(id[:], body)
	return id, int(binary.BigEndian.Uint32(body[len(id):])), true
}

// String is how a family is named in tokens (sid) and events.
func (id FamilyID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// SessionID reads what String wrote.
func SessionID(sid string) (id FamilyID, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sid)
	if err != nil || len(raw) != len(id) {
		return id, false
	}
	return FamilyID(raw), true
}

// presented reads the refresh token of a request.
func (s *Service) presented(l *login) (id FamilyID, generation int, f *failure) {
	switch {
	case l.refresh.IsZero():
		return id, 0, malformed("Send the parameter refresh_token.")
	case s.refresh == nil:
		return id, 0, unauthorized("Refresh tokens are not issued.", "this gateway has no store for refresh tokens")
	}
	id, generation, ok := s.refresh.read(l.d.Environment(), l.refresh.Reveal())
	if !ok {
		return id, 0, refusedRefresh("the refresh token is not one of this environment's")
	}
	l.e.Family = id.String()
	return id, generation, nil
}

// findLogin finds the live login of a refresh token. The event names the user
// also when it is refused: the token's MAC is ours, and the client's.
func (s *Service) findLogin(ctx context.Context, l *login, id FamilyID) (Family, *failure) {
	family, alive, err := s.store.FindFamily(ctx, l.d.Environment(), id)
	if err != nil {
		return family, storeFailed(err)
	}
	if family.ID != id || family.ClientID != l.clientID {
		return family, refusedRefresh("the refresh token belongs to no login of this client")
	}
	l.e.Username, l.e.Source = family.Subject, family.Source
	if l.e.Owner == "" { // a credential's request does not say whom it is for
		l.e.Project, l.e.Owner, l.e.Policy = family.Project, family.Owner, family.Policy
	}
	if !alive {
		return family, refusedRefresh("the login has ended: " + family.Ended)
	}
	return family, nil
}

// ownerOfFamily finds whom a credential's refresh token is for.
func (s *Service) ownerOfFamily(ctx context.Context, l *login) *failure {
	id, _, f := s.presented(l)
	if f != nil {
		return f
	}
	family, f := s.findLogin(ctx, l, id)
	if f != nil {
		return f
	}
	owner, deployed := l.d.OwnerByID(family.OwnerID)
	if !deployed {
		return refusedRefresh("the API of the login is not deployed")
	}
	l.owner, l.settings = owner, owner.Settings
	l.noteOwner()
	return nil
}

// redeem exchanges a refresh token (RFC 6749 section 6). Whatever may refuse the
// request does so before the token is spent: a client that asked for too much,
// or from the wrong place, still has it and is no thief at its next try.
func (s *Service) redeem(ctx context.Context, l *login) (principal, *failure) {
	id, generation, f := s.presented(l)
	if f != nil {
		return principal{}, f
	}
	if !l.settings.Issue.RefreshTokenAllowed {
		return principal{}, unauthorized("Refresh tokens are not issued.", "the settings allow no refreshes")
	}
	// A login by a client's secret is refreshed with that secret only: the
	// refresh token alone must not be worth as much.
	if !l.by.proven && l.settings.Issue.GrantType != issue.Password {
		return principal{}, refusedClient("the client's secret is missing", fault.ClientRefused)
	}
	family, f := s.findLogin(ctx, l, id)
	if f != nil {
		return principal{}, f
	}
	p, f := s.resume(ctx, l, &family)
	if f != nil {
		return p, f
	}
	if _, f := l.scopeFor(p); f != nil {
		return p, f
	}
	return p, s.spend(ctx, l, &family, generation)
}

// spend redeems the token and brings the family to the state after it.
func (s *Service) spend(ctx context.Context, l *login, family *Family, generation int) *failure {
	redeemed, outcome, err := s.store.RedeemFamily(ctx, Redemption{
		Environment: l.d.Environment(), ID: family.ID, Generation: generation, ClientID: l.clientID,
		Lifetime: l.settings.Issue.RefreshLifetime(), Grace: grace(l.d.Tokens()),
	})
	if err != nil {
		return storeFailed(err)
	}
	switch outcome {
	case Redeemed, Repeated:
		*family = redeemed
		family.Generation = generation + 1
		return nil
	case Reused:
		s.reused(ctx, l, family)
	}
	return refusedRefresh(outcome.reason())
}

// reason is what the log of token requests says of a refusal. Whoever reads it
// knows nothing of the store, for which all of these are unknown.
func (o RedeemOutcome) reason() string {
	if o == Unknown {
		return "the login was revoked"
	}
	return "the refresh token is " + string(o)
}

// reused ends everything that came from a login whose refresh token was used
// twice: one of the two users has stolen it (RFC 9700 section 4.14.2).
func (s *Service) reused(ctx context.Context, l *login, family *Family) {
	s.security(l, event.RefreshReused, family.Subject, "A spent refresh token was used again; the login and its tokens are revoked.")
	entry := revoke.Entry{Kind: revoke.Family, Key: family.ID.String()}
	if life := l.settings.Issue.Lifetime(); life > 0 {
		entry.Expires = s.now().Add(life + revocationMargin)
	}
	if err := s.revokeNow(ctx, l, entry, "a spent refresh token was used again"); err != nil {
		s.log.Error("access tokens of a stolen login not revoked", "family", family.ID.String(), "error", err)
	}
}

// resume makes a principal of a family. What the secret manager knows is asked
// anew, so that roles are current and a disabled user is out; other sources
// cannot be asked without the password.
func (s *Service) resume(ctx context.Context, l *login, family *Family) (principal, *failure) {
	p := principal{user: family.User, source: family.Source, family: family, Identity: identity.Identity{
		Name: family.Subject, Roles: family.Roles, Claims: family.Claims, Response: family.Response,
	}}
	switch {
	case family.OwnerID != l.owner.ID || s.revoked.Refuses(s.facts(l, p, family.StartedAt.Unix())):
		return p, refusedRefresh("the login was revoked")
	// The login lives on: who turns the settings back has locked out nobody.
	case family.User != (l.settings.Issue.GrantType == issue.Password):
		return p, unauthorized("This client may not use this grant type.", "the settings do not allow the grant of the login any more: "+family.Grant)
	case l.by.credential != nil && l.settings.Source != identity.SecretManager:
		return p, unauthorized("This client may not use this grant type.", "the policy does not let credentials in any more")
	}
	renewed, f := s.regenerated(ctx, l, family)
	if f != nil {
		return p, f
	}
	if renewed != nil {
		p.Claims, p.Response, p.Roles = renewed.Claims, renewed.Response, fitRoles(renewed.Roles)
	}
	if family.Source != string(identity.SecretManager) {
		return p, nil
	}
	return s.resumeCredential(ctx, l, p)
}

func (s *Service) resumeCredential(ctx context.Context, l *login, p principal) (principal, *failure) {
	c, ok := l.d.Credential(p.family.Subject)
	if !ok {
		return p, s.end(ctx, l, p.family, refusedGrant("the credential is gone", fault.CredentialUnknown))
	}
	if f := s.mayUse(l, c); f != nil {
		if f.status == statusForbidden {
			return p, f // from another address it may go on
		}
		return p, s.end(ctx, l, p.family, f)
	}
	p.Identity = c.Identity()
	return p, nil
}

// end ends the family of somebody who is let in no more.
func (s *Service) end(ctx context.Context, l *login, family *Family, f *failure) *failure {
	if _, err := s.store.EndFamily(ctx, l.d.Environment(), family.ID, family.ClientID, f.reason); err != nil {
		return storeFailed(err)
	}
	return f
}

func (s *Service) facts(l *login, p principal, issuedAt int64) revoke.Facts {
	facts := revoke.Facts{
		Subject: p.Name, User: p.user, ClientID: l.clientID, Project: l.owner.Project, IssuedAt: issuedAt,
	}
	if l.settings != nil {
		facts.Policy = l.settings.Policy
	}
	if p.family != nil {
		facts.Family = p.family.ID.String()
	}
	return facts
}
