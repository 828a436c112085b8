package token

import (
	"context"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/revoke"
)

// introspection is the answer of RFC 7662 section 2.2.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Username  string `json:"username,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	ID        string `json:"jti,omitempty"`
}

// introspect tells a client whether an access token of its own is active. Of
// any other token it learns that it is not, and nothing else.
func (s *Service) introspect(ctx context.Context, l *login) (any, *failure) {
	if f := s.authenticate(ctx, l, false); f != nil {
		return nil, f
	}
	if l.token.IsZero() {
		return nil, malformed("Send the parameter token.")
	}
	c, ok := s.inspect(l, l.token.Reveal())
	if !ok {
		return introspection{}, nil
	}
	l.e.TokenID, l.e.KeyID, l.e.Username = c.ID, c.KeyID, c.Subject
	answer := introspection{
		Active: true, Scope: c.Scope, ClientID: c.ClientID, TokenType: "Bearer", Expires: c.Expires, IssuedAt: c.IssuedAt,
		Subject: c.Subject, Audience: c.Audience[0], Issuer: c.Issuer, ID: c.ID,
	}
	if c.GrantType == GrantPassword {
		answer.Username = c.Subject
	}
	return answer, nil
}

// inspect verifies an access token of the client that asks, by the one function
// that verifies tokens, under the settings that it was issued with.
func (s *Service) inspect(l *login, text string) (jwt.Claims, bool) {
	settings, owner, ok := l.settingsOf(text)
	if !ok {
		return jwt.Claims{}, false
	}
	l.owner, l.settings = owner, settings
	v := jwt.Verifier{
		Algorithm: settings.Issue.JWTSignatureAlgorithm, Keys: settings.Keys, Issuer: l.d.Issuer(), Audience: l.audience(),
		RequireExpiry: !settings.Issue.TokenNeverExpires, Leeway: settings.Leeway, Now: s.now,
	}
	c, err := v.Verify(text)
	if err != nil || c.Subject == "" || c.GrantType == "" || c.ClientID != l.clientID {
		return jwt.Claims{}, false
	}
	if s.revoked.Refuses(factsOf(&c, owner.Project, settings.Policy)) {
		return jwt.Claims{}, false
	}
	if l.by.credential != nil && s.mayUseSilently(l, l.by.credential) != "" {
		return jwt.Claims{}, false
	}
	return c, true
}

// settingsOf finds what a token of this client must have been issued with. A
// credential at /auth may have tokens for several owners; the token says for
// which, and is then held against that owner alone.
func (l *login) settingsOf(text string) (*Settings, Owner, bool) {
	switch {
	case l.door == credentialDoor:
		return &Settings{Issue: l.by.credential.Tokens, Keys: l.d.Keys(), Source: identity.SecretManager}, Owner{}, true
	case l.by.owner != nil:
		return l.settings, l.owner, l.settings != nil && l.settings.Managed
	}
	t, err := jwt.Parse(text)
	if err != nil || len(t.Claims.Audience) != 1 {
		return nil, Owner{}, false
	}
	o, ok := l.d.Owner(t.Claims.Audience[0])
	if !ok || o.Settings == nil || !o.Settings.Managed || o.Settings.Issue.GrantType != issue.ClientCredentials {
		return nil, Owner{}, false
	}
	return o.Settings, o, true
}

// mayUseSilently is mayUse for questions that raise no alarm: an API that
// introspects asks from an address of its own.
func (s *Service) mayUseSilently(l *login, c *identity.Credential) identity.Refusal {
	why := c.Usable(s.now())
	if why == "" && l.owner.ID != "" {
		why = l.owner.refuses(c, s.now())
	}
	return why
}

func factsOf(c *jwt.Claims, project, policy string) revoke.Facts {
	return revoke.Facts{
		ID: c.ID, Family: c.Session, Subject: c.Subject, User: c.GrantType == GrantPassword, ClientID: c.ClientID,
		Project: project, Policy: policy, IssuedAt: c.IssuedAt,
	}
}

// revoke ends a token (RFC 7009). A refresh token ends its login: nothing can be
// redeemed any more, and access tokens live to their end (reference 3.7). An
// access token becomes worthless itself, and its login ends. Unknown tokens and
// those of others are answered alike.
func (s *Service) revoke(ctx context.Context, l *login) (any, *failure) {
	if f := s.authenticate(ctx, l, true); f != nil {
		return nil, f
	}
	if l.token.IsZero() {
		return nil, malformed("Send the parameter token.")
	}
	if s.store == nil {
		return nil, storeFailed(errNoStore)
	}
	if id, _, ok := s.refresh.read(l.d.Environment(), l.token.Reveal()); ok {
		return nil, s.endLogin(ctx, l, id)
	}
	c, ok := s.inspect(l, l.token.Reveal())
	if !ok {
		l.e.Reason = "there is no such token of this client"
		return nil, nil
	}
	l.e.TokenID, l.e.KeyID, l.e.Username = c.ID, c.KeyID, c.Subject
	return nil, s.revokeAccess(ctx, l, &c)
}

func (s *Service) revokeAccess(ctx context.Context, l *login, c *jwt.Claims) *failure {
	entry := revoke.Entry{Kind: revoke.Token, Key: c.ID}
	if c.Expires > 0 {
		entry.Expires = unix(c.Expires).Add(revocationMargin)
	}
	if err := s.revokeNow(ctx, l, entry, "the client revoked the token"); err != nil {
		return storeFailed(err)
	}
	if id, ok := SessionID(c.Session); ok {
		return s.endLogin(ctx, l, id)
	}
	return nil
}

// revokeNow tells all nodes, and this one at once: whoever asks it next must not
// find the token alive.
func (s *Service) revokeNow(ctx context.Context, l *login, e revoke.Entry, reason string) error {
	if err := s.store.RevokeTokens(ctx, l.d.Environment(), e, reason); err != nil {
		return err
	}
	if s.revoked != nil {
		s.revoked.Add(e)
	}
	return nil
}

func (s *Service) endLogin(ctx context.Context, l *login, id FamilyID) *failure {
	l.e.Family = id.String()
	found, err := s.store.EndFamily(ctx, l.d.Environment(), id, l.clientID, "the client revoked the token")
	if err != nil {
		return storeFailed(err)
	}
	if !found {
		l.e.Reason = "there is no such live login of this client"
	}
	return nil
}
