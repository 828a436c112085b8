package token

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
)

// grantToken decides the scope, keeps the login when it may be refreshed, and
// answers with the token.
func (s *Service) grantToken(ctx context.Context, l *login, p principal) (any, *failure) {
	scope, f := l.scopeFor(p)
	if f != nil {
		return nil, f
	}
	family := p.family
	if family == nil && l.settings.Issue.RefreshTokenAllowed && s.refresh != nil {
		family = s.newFamily(l, p, scope)
	}
	return s.answerToken(ctx, l, p, scope, family)
}

func (s *Service) newFamily(l *login, p principal, scope string) *Family {
	f := &Family{
		Environment: l.d.Environment(), Project: l.owner.Project, OwnerID: l.owner.ID, Owner: l.owner.Name, Policy: l.settings.Policy,
		ClientID: l.clientID, Subject: p.Name, User: p.user, Grant: l.grant, Source: p.source, Roles: p.Roles, Scope: scope,
		Claims: p.Claims, Response: p.Response, Client: l.e.Client, StartedAt: s.now(),
		MaxRefreshes: l.settings.Issue.RefreshTokenCount, MaxActive: l.settings.Issue.RefreshTokenMaxActive,
	}
	f.ExpiresAt = f.StartedAt.Add(l.settings.Issue.RefreshLifetime())
	_, _ = rand.Read(f.ID[:]) // never fails: the runtime ends the process instead
	return f
}

// answerToken signs, and stores a new family last: what was not signed leaves
// nothing behind, and what is not stored is not answered.
func (s *Service) answerToken(ctx context.Context, l *login, p principal, scope string, family *Family) (any, *failure) {
	p.family = family
	if f := s.outwait(ctx, l, p); f != nil {
		return nil, f
	}
	now := s.now()
	claims := s.claims(l, p, scope, now)
	text, f := s.sign(ctx, l, claims)
	if f != nil {
		return nil, f
	}
	if family != nil && family.Generation == 0 {
		if err := s.store.StartFamily(ctx, *family); err != nil {
			return nil, storeFailed(err)
		}
	}
	s.noteIssued(l, p, claims, now)
	return s.response(l, p, claims, text, now), nil
}

const (
	// longestWait is more than a revocation lies ahead with clocks that agree.
	longestWait = 3 * time.Second
	// clockMargin is by how much the clock of the store may be behind.
	clockMargin = 100 * time.Millisecond
)

// outwait lets the moment of a revocation pass: a token that is issued before
// it would be born revoked. What was checked before the wait may not hold any
// more after it, as with a secret that was rotated: when the configuration has
// changed meanwhile, the login starts over.
func (s *Service) outwait(ctx context.Context, l *login, p principal) *failure {
	from := s.revoked.IssueAfter(s.facts(l, p, s.now().Unix()))
	wait := from.Sub(s.now())
	if wait <= 0 {
		return nil
	}
	if l.e.Operation != event.Issue { // it hangs on a token that is older
		return refusedRefresh("the login was revoked")
	}
	t := time.NewTimer(min(wait+clockMargin, longestWait))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return overloaded("the caller left")
	}
	newest := l.d.Newest()
	if newest == l.d {
		return nil
	}
	f := overloaded("the configuration changed twice while the login was under way")
	f.again = newest
	return f
}

// sign makes the token. Signatures are bounded like hashes, as one RSA
// signature costs as much as dozens of proxied calls.
func (s *Service) sign(ctx context.Context, l *login, claims jwt.ClaimSet) (string, *failure) {
	key := l.signingKey()
	if key == nil && l.door == credentialDoor {
		// Keys for credentials are made when they are given access to an API.
		return "", unauthorized("No tokens are issued for this client.", "the credential has access to no deployed API that leaves tokens to credentials")
	}
	if key == nil {
		return "", broken(fmt.Errorf("environment %s has no signing key for %s", l.d.Environment(), l.settings.Issue.JWTSignatureAlgorithm))
	}
	if err := s.signing.Enter(ctx); err != nil {
		return "", shed(err)
	}
	defer s.signing.Leave()
	// Who leaves hands the place straight to the next, and on one processor signatures
	// would follow each other while all calls that have come wait for the network to be
	// looked at: the next signature waits for them.
	runtime.Gosched()
	text, err := jwt.Sign(key, jwt.AccessToken, claims)
	switch {
	case errors.Is(err, jwt.ErrTooLarge):
		return "", tooManyClaims(err)
	case err != nil:
		return "", broken(fmt.Errorf("issue token of %s: %w", l.owner.Name, err))
	}
	l.e.KeyID = key.ID
	s.issued(text)
	return text, nil
}

func (l *login) signingKey() *keys.Key {
	set := l.settings.Keys
	if set == nil {
		set = l.d.Keys()
	}
	return set.Signing(l.settings.Issue.JWTSignatureAlgorithm)
}

// audience is whom the token is good for: the owner, or any owner that gives
// the credential access (D15, reference 3.5).
func (l *login) audience() string {
	if l.door == credentialDoor {
		return l.clientID
	}
	return l.owner.ClientID
}

// claims are those of D15 and RFC 9068. Without a lifetime there is no exp.
func (s *Service) claims(l *login, p principal, scope string, now time.Time) jwt.ClaimSet {
	c := jwt.ClaimSet{
		Issuer: l.d.Issuer(), Subject: p.Name, Audience: []string{l.audience()}, ID: newID(),
		ClientID: l.clientID, GrantType: GrantClientCredentials, Scope: scope, IssuedAt: now.Unix(), Custom: customClaims(p.Claims),
	}
	if p.user {
		c.GrantType = GrantPassword
	}
	if p.family != nil {
		c.Session = p.family.ID.String()
	}
	if life := l.settings.Issue.Lifetime(); life > 0 {
		c.Expires = now.Add(life).Unix()
	}
	return c
}

// customClaims leaves out what bears a name of the gateway's own, from wherever
// it came.
func customClaims(claims map[string]any) map[string]any {
	if len(claims) == 0 {
		return nil
	}
	own := make(map[string]any, len(claims))
	for name, value := range claims {
		if !issue.ReservedClaim(name) && value != nil {
			own[name] = value
		}
	}
	return own
}

func (s *Service) noteIssued(l *login, p principal, c jwt.ClaimSet, now time.Time) {
	e := l.e
	e.Username, e.Source, e.TokenID, e.Scope, e.IssuedAt = p.Name, p.source, c.ID, c.Scope, now
	if c.Expires > 0 {
		e.ExpiresAt = time.Unix(c.Expires, 0).UTC()
	}
	e.NeverExpires = c.Expires == 0
	if f := p.family; f != nil {
		e.Family, e.RefreshExpiresAt, e.RefreshCount, e.RefreshMax = f.ID.String(), f.ExpiresAt, f.Generation, f.MaxRefreshes
	}
}

// response is the answer of RFC 6749 section 5.1, as Token Management wants its
// members called (D16).
func (s *Service) response(l *login, p principal, c jwt.ClaimSet, token string, now time.Time) answer {
	m := l.d.Tokens()
	a := make(answer, 0, 6)
	a.put(true, m.AccessTokenName, token)
	a.put(m.IncludeTokenType, m.TokenTypeName, "Bearer")
	a.put(m.IncludeExpiresIn, m.ExpiresInName, expiresIn(l.settings.Issue.Lifetime(), m))
	if p.family != nil {
		a.put(m.IncludeRefreshToken, m.RefreshTokenName, s.refresh.mint(l.d.Environment(), p.family.ID, p.family.Generation))
	}
	// Left out means that all was granted that was asked for (RFC 6749 section
	// 5.1), so that nothing has to be said as such.
	a.put(m.IncludeScope && (c.Scope != "" || l.scope != ""), m.ScopeName, c.Scope)
	if m.ExtendedResponse {
		a.putAll(l.extended(p, now), func(string) bool { return true })
	}
	a.putAll(p.Response, func(name string) bool { return name == wholeAnswer || !issue.ReservedResponse(name) })
	return a
}

// answer is the members of a token answer in their order.
type answer []member

type member struct {
	name  string
	value any
}

func (a *answer) put(include bool, name string, value any) {
	if include {
		*a = append(*a, member{name, value})
	}
}

// putAll adds members in the order of their names, as far as they may be there.
// No name comes twice.
func (a *answer) putAll(members map[string]any, may func(name string) bool) {
	if len(members) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		taken := slices.ContainsFunc(*a, func(m member) bool { return m.name == name })
		a.put(!taken && may(name), name, members[name])
	}
}

// MarshalJSON implements json.Marshaler.
func (a answer) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 1024)
	for i, m := range a {
		b = append(b, "{,"[min(i, 1)])
		var err error
		if b, err = appendJSON(b, m.name); err == nil {
			b, err = appendJSON(append(b, ':'), m.value)
		}
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", m.name, err)
		}
	}
	return append(b, '}'), nil
}

// appendJSON writes what nearly every answer holds without the detour of
// encoding/json.
func appendJSON(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case string:
		if !strings.ContainsFunc(v, needsEscape) {
			return append(append(append(b, '"'), v...), '"'), nil
		}
	}
	raw, err := json.Marshal(value)
	return append(b, raw...), err
}

func needsEscape(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\\<>&`, r) }

// wholeAnswer is the one reserved member that an identity source may set: what
// its service answered, where the source says so (reference 3.5).
const wholeAnswer = "X-ApiResponse"

// expiresIn is 0 for a token that never expires.
func expiresIn(life time.Duration, m *issue.Management) int64 {
	if m.ExpiresInMilliseconds {
		return life.Milliseconds()
	}
	return int64(life / time.Second)
}

// instant is how the extended members write a moment.
const instant = "2006-01-02T15:04:05.000Z"

func (l *login) extended(p principal, now time.Time) map[string]any {
	x := map[string]any{"X-ApplicationName": l.owner.Name, "X-ClientInfo": l.clientID, "X-IssuedAt": now.UTC().Format(instant)}
	if life := l.settings.Issue.Lifetime(); life > 0 {
		x["X-ExpiresAt"], x["X-ExpiresInMillis"] = now.Add(life).UTC().Format(instant), life.Milliseconds()
	}
	if f := p.family; f != nil {
		x["X-RefreshTokenIssuedAt"], x["X-RefreshTokenExpiresAt"] = now.UTC().Format(instant), f.ExpiresAt.UTC().Format(instant)
		x["X-RefreshTokenExpiresInMillis"] = l.settings.Issue.RefreshLifetime().Milliseconds()
		x["X-RefreshCount"], x["X-MaxRefreshCount"] = strconv.Itoa(f.Generation), strconv.Itoa(f.MaxRefreshes)
	}
	return x
}

// newID is 128 random bits.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func grace(m *issue.Management) time.Duration {
	return time.Duration(m.RefreshGraceSeconds) * time.Second
}

// refuse answers with the failure, and logs it when it is ours.
func (s *Service) refuse(w http.ResponseWriter, f *failure, l *login) {
	e := l.e
	e.Status, e.Error, e.Reason, e.Fault = f.status, f.code, f.reason, f.row
	if f.fault != nil {
		s.log.Error("token request failed", "environment", e.Environment, "owner", e.Owner,
			"correlationId", e.CorrelationID, "error", f.fault)
	}
	f.header(w.Header())
	writeJSON(w, f.status, f.body(l.levels(), l.seen))
}

func (f *failure) header(h http.Header) {
	switch f.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="token", charset="UTF-8"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	}
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(max(f.retry, time.Second).Seconds())))
	}
}

func marshal(v any) ([]byte, error) {
	if a, ok := v.(answer); ok {
		return a.MarshalJSON()
	}
	return json.Marshal(v)
}

// writeJSON forbids every cache to keep the answer, as RFC 6749 section 5.1
// asks for tokens; an error is not worth keeping either. A nil value is an
// empty answer.
func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	if v == nil {
		w.WriteHeader(status)
		return
	}
	body, err := marshal(v)
	if err != nil { // claims were marshalled once already; the rest is text and numbers
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error","error_description":"The answer could not be written."}`)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have gone
}
