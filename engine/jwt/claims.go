package jwt

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"
)

// Claims is what a token says (RFC 7519 section 4.1, RFC 9068 section 2.2). All
// strings are parts of Payload.
type Claims struct {
	Issuer    string   // iss
	Subject   string   // sub: the user name or the client id (D15)
	Audience  []string // aud, one string or an array
	ID        string   // jti
	ClientID  string   // client_id
	GrantType string   // gty: which grant the token came from (D15)
	Scope     string   // scope: names with a blank between them
	Session   string   // sid: the login that the token came from, when it can be refreshed

	// Times in seconds since 1970, zero when the claim is absent. A token whose
	// Expires is zero never expires; "exp":0 itself is refused.
	IssuedAt  int64 // iat
	NotBefore int64 // nbf
	Expires   int64 // exp

	// KeyID is the kid of the key that verified the token; empty before.
	KeyID string
	// Payload is the JSON object that was signed, for custom claims.
	Payload string
}

// Custom returns the JSON text of any member of the payload, such as `"x"` with
// its quotes or `["a"]`.
func (c *Claims) Custom(name string) (json string, ok bool) {
	var s scanner
	data := []byte(c.Payload)
	f := s.begin(data)
	var m member
	for s.next(&f, &m) {
		if string(m.name) != name {
			continue
		}
		from, to := m.from, m.to
		if m.kind == text {
			from, to = from-1, to+1
		}
		return c.Payload[from:to], true
	}
	return "", false
}

// claimNames are the claims that this package reads.
var claimNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "gty", "sid", "scope"}

// headerNames are the header members that this package reads or refuses.
var headerNames = []string{"alg", "kid", "typ", "cty", "crit", "b64", "enc", "zip"}

// Reserved reports whether name is a claim that this package writes itself, in
// any letter case. A custom claim must not have such a name.
func Reserved(name string) bool {
	return slices.Contains(claimNames, name) || foldsTo([]byte(name), claimNames)
}

// foldsTo reports whether name is another spelling of one of names. A reader
// that folds letter case, as encoding/json does, would take "EXP" for "exp".
func foldsTo(name []byte, names []string) bool {
	if foldless(name) {
		return false
	}
	for _, n := range names {
		if bytes.EqualFold(name, []byte(n)) {
			return true
		}
	}
	return false
}

// foldless: no registered name can be another spelling of name.
func foldless(name []byte) bool {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// said are the claims of a payload as they stand there: nothing of a token is copied
// before its signature was found right.
type said struct {
	issuer, subject, id, client, grant, scope, session value
	audience                                           []value
	issuedAt, notBefore, expires                       int64
}

// take keeps a registered claim and checks its type.
func (c *said) take(s *scratch, m *member) error {
	switch string(m.name) {
	case "iss":
		return c.text(&c.issuer, m)
	case "sub":
		return c.text(&c.subject, m)
	case "jti":
		return c.text(&c.id, m)
	case "client_id":
		return c.text(&c.client, m)
	case "gty":
		return c.text(&c.grant, m)
	case "scope":
		return c.text(&c.scope, m)
	case "sid":
		return c.text(&c.session, m)
	case "aud":
		return c.audiences(s, m)
	case "exp":
		return c.date(&c.expires, s, m, 1, math.Floor)
	case "nbf":
		return c.date(&c.notBefore, s, m, 0, math.Ceil)
	case "iat":
		return c.date(&c.issuedAt, s, m, 0, math.Floor)
	}
	if foldsTo(m.name, claimNames) {
		return malformed("a claim differs from a registered one in letter case only")
	}
	return nil
}

func (c *said) text(into *value, m *member) error {
	if m.kind != text {
		return malformed("iss, sub, jti, client_id, gty, sid and scope must be text")
	}
	*into = m.value
	return nil
}

// audiences reads one string or an array of strings.
func (c *said) audiences(s *scratch, m *member) error {
	if m.kind == text {
		c.audience = append(c.audience, m.value)
		return nil
	}
	if m.kind != array {
		return malformed("aud must be text or an array of texts")
	}
	// The array was scanned as a whole already, so this cannot fault.
	list := scanner{data: s.data[:m.to], pos: m.from + 1}
	list.blank()
	for more := !list.accept(']'); more; more = list.more() {
		v := list.value()
		if v.kind != text {
			return malformed("aud must be text or an array of texts")
		}
		c.audience = append(c.audience, v)
	}
	return nil
}

func (c *said) date(into *int64, s *scratch, m *member, least int64, round func(float64) float64) error {
	if m.kind != number {
		return malformed("exp, nbf and iat must be numbers")
	}
	seconds, ok := date(s.data[m.from:m.to], least, round)
	if !ok {
		return malformed("exp, nbf and iat must be seconds between 1970 and 9999")
	}
	*into = seconds
	return nil
}

// claims are what readClaims found. Their strings are parts of one copy.
func (s *scratch) claims() Claims {
	c := Claims{Payload: string(s.payload), IssuedAt: s.said.issuedAt, NotBefore: s.said.notBefore, Expires: s.said.expires}
	c.Issuer, c.Subject, c.ID = c.cut(s.said.issuer), c.cut(s.said.subject), c.cut(s.said.id)
	c.ClientID, c.GrantType = c.cut(s.said.client), c.cut(s.said.grant)
	c.Scope, c.Session = c.cut(s.said.scope), c.cut(s.said.session)
	if n := len(s.said.audience); n > 0 {
		c.Audience = make([]string, n)
	}
	for i, v := range s.said.audience {
		c.Audience[i] = c.cut(v)
	}
	return c
}

// cut returns a text as a part of the payload, or a copy when it has escapes.
func (c *Claims) cut(v value) string {
	raw := c.Payload[v.from:v.to]
	if v.escaped {
		return string(unescape(nil, []byte(raw)))
	}
	return raw
}

// meaning is a text of the payload, valid until the next one with escapes.
func (s *scratch) meaning(v value) []byte {
	raw := s.payload[v.from:v.to]
	if v.escaped {
		s.spoken = unescape(s.spoken[:0], raw)
		return s.spoken
	}
	return raw
}
