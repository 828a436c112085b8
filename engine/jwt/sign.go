package jwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gatewright/gatewright/engine/keys"
)

// ErrTooLarge means that a token would be longer than MaxToken: its roles or
// custom claims are too many.
var ErrTooLarge = errors.New("token would be too large")

// ClaimSet is what Sign writes. Empty strings and lists and zero times are left
// out, but scope is always there: without roles it is empty.
type ClaimSet struct {
	Issuer    string
	Subject   string
	Audience  []string // one name becomes a string, more an array
	ID        string
	ClientID  string
	GrantType string
	Session   string
	Scope     string // names with a blank between them

	// Times in seconds since 1970. With Expires zero the token never expires.
	IssuedAt, NotBefore, Expires int64

	// Custom are further claims, written in the order of their names. No name
	// may be Reserved; values are what encoding/json can write.
	Custom map[string]any
}

// Sign makes a token of the type typ (default AccessToken) with the key. Equal
// claims give equal text up to the signature. A token that Verify would find
// malformed is an error and not made.
func Sign(key *keys.Key, typ string, claims ClaimSet) (string, error) {
	payload, err := claims.payload()
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.AppendEncode(nil, header(key, typ))
	input = append(input, '.')
	input = base64.RawURLEncoding.AppendEncode(input, payload)
	signature, err := key.Sign(nil, input)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	token := base64.RawURLEncoding.AppendEncode(append(input, '.'), signature)
	if len(token) > MaxToken {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(token), MaxToken)
	}
	return string(token), nil
}

func header(key *keys.Key, typ string) []byte {
	if typ == "" {
		typ = AccessToken
	}
	b := appendText([]byte(`{"alg":`), string(key.Algorithm))
	b = appendText(append(b, `,"kid":`...), key.ID)
	b = appendText(append(b, `,"typ":`...), typ)
	return append(b, '}')
}

func (c *ClaimSet) payload() ([]byte, error) {
	w := writer{buf: []byte{'{'}}
	w.text("iss", c.Issuer)
	w.text("sub", c.Subject)
	w.audience(c.Audience)
	w.date("exp", c.Expires)
	w.date("nbf", c.NotBefore)
	w.date("iat", c.IssuedAt)
	w.text("jti", c.ID)
	w.text("client_id", c.ClientID)
	w.text("gty", c.GrantType)
	w.text("sid", c.Session)
	w.name("scope")
	w.buf = appendText(w.buf, c.Scope)
	if err := w.custom(c.Custom); err != nil {
		return nil, err
	}
	payload := append(w.buf, '}')
	return payload, accepted(payload)
}

// accepted reads the payload back: custom values come from directories and
// databases, and may nest too deeply, hold broken text or repeat a name.
func accepted(payload []byte) error {
	if base64.RawURLEncoding.EncodedLen(len(payload)) > MaxToken {
		return fmt.Errorf("%w: the claims alone have %d bytes", ErrTooLarge, len(payload))
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.payload = append(s.payload[:0], payload...)
	if err := s.readClaims(); err != nil {
		return fmt.Errorf("claims cannot be signed: %w", err)
	}
	return nil
}

// writer writes the members of one JSON object.
type writer struct{ buf []byte }

func (w *writer) name(name string) {
	if len(w.buf) > 1 {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(appendText(w.buf, name), ':')
}

func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	w.name(name)
	w.buf = appendText(w.buf, value)
}

func (w *writer) date(name string, seconds int64) {
	if seconds == 0 {
		return
	}
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, seconds, 10)
}

func (w *writer) audience(names []string) {
	if len(names) == 1 {
		w.text("aud", names[0])
		return
	}
	if len(names) == 0 {
		return
	}
	w.name("aud")
	for i, name := range names {
		w.buf = append(w.buf, "[,"[min(i, 1)])
		w.buf = appendText(w.buf, name)
	}
	w.buf = append(w.buf, ']')
}

func (w *writer) custom(claims map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if Reserved(name) {
			return fmt.Errorf("custom claim %q has the name of a claim of the gateway's own", name)
		}
		w.name(name)
		if err := w.value(claims[name]); err != nil {
			return fmt.Errorf("custom claim %q: %w", name, err)
		}
	}
	return nil
}

func (w *writer) value(value any) error {
	if s, ok := value.(string); ok {
		w.buf = appendText(w.buf, s)
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err
	}
	w.buf = append(w.buf, bytes.TrimSpace(b.Bytes())...)
	return nil
}

// appendText writes a JSON string with no more escapes than RFC 8259 section 7
// demands.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
