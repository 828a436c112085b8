package token

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/jwt"
)

// answer is RFC 6749 section 5.1.
type answer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	// ExpiresIn is in seconds; 0 says that the token never expires (D16).
	ExpiresIn int64 `json:"expires_in"`
}

// refusal is RFC 6749 section 5.2.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// sign makes the token. Signatures are bounded like hashes, as one RSA
// signature costs as much as dozens of proxied calls.
func (s *Service) sign(ctx context.Context, d Directory, o Owner, g grant, p principal) (*answer, *failure) {
	key := d.Keys().Signing(o.Settings.Algorithm)
	if key == nil {
		return nil, broken(fmt.Errorf("environment %s has no signing key for %s", d.Environment(), o.Settings.Algorithm))
	}
	if err := s.signing.enter(ctx); err != nil {
		return nil, shed(err)
	}
	defer s.signing.leave()
	text, err := jwt.Sign(key, jwt.AccessToken, claims(d, o, g, p, s.now()))
	if err != nil {
		return nil, broken(fmt.Errorf("issue token of %s: %w", o.Name, err))
	}
	return &answer{AccessToken: text, TokenType: "Bearer", ExpiresIn: int64(o.Settings.Lifetime / time.Second)}, nil
}

// claims are those of D15 and RFC 9068. Without a lifetime there is no exp.
func claims(d Directory, o Owner, g grant, p principal, now time.Time) jwt.ClaimSet {
	c := jwt.ClaimSet{
		Issuer: d.Issuer(), Subject: p.subject, Audience: []string{o.ClientID}, ID: newID(),
		ClientID: o.ClientID, GrantType: g.name, IssuedAt: now.Unix(),
	}
	if o.Settings.Lifetime > 0 {
		c.Expires = now.Add(o.Settings.Lifetime).Unix()
	}
	return c
}

// newID is 128 random bits.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// refuse answers with the failure, and logs it when it is ours.
func (s *Service) refuse(w http.ResponseWriter, f *failure, e *event.Token) {
	e.Status, e.Error, e.Reason = f.status, f.code, f.reason
	if f.fault != nil {
		s.log.Error("token request failed", "environment", e.Environment, "owner", e.Owner,
			"correlationId", e.CorrelationID, "error", f.fault)
	}
	h := w.Header()
	switch f.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="token", charset="UTF-8"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	}
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(max(f.retry, time.Second).Seconds())))
	}
	writeJSON(w, f.status, refusal{f.code, f.text})
}

// writeJSON forbids every cache to keep the answer, as RFC 6749 section 5.1
// asks for tokens; an error is not worth keeping either.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // strings and a number always marshal
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have gone
}
