// Package secret owns what must not be seen: text that does not print, the
// sealing of values at rest, the master key behind both, and the hashing of
// passwords (D18).
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a string that shows itself only through Reveal. Printing, logging and
// marshalling it give "[redacted]". The zero value is the empty secret.
type Text struct {
	// A pointer, because fmt prints unexported fields of an enclosing struct
	// without asking for String: it then shows an address and not the value.
	value *string
}

// New wraps a value. An empty value gives the zero Text.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{value: &value}
}

// Reveal returns the value itself. Every call is a place to review.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether there is no value.
func (t Text) IsZero() bool { return t.value == nil }

// Equal compares in constant time; hashing first hides the lengths too.
func (t Text) Equal(other Text) bool {
	a, b := sha256.Sum256([]byte(t.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements fmt.Stringer.
func (Text) String() string { return redacted }

// GoString implements fmt.GoStringer, for %#v.
func (Text) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb reaches the value.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText implements encoding.TextUnmarshaler, for settings and request
// bodies. It refuses the redaction mark: a masked export read back would
// otherwise become a secret that everyone knows.
func (t *Text) UnmarshalText(text []byte) error {
	if string(text) == redacted {
		return errors.New("the secret was masked by an export; give its real value or leave it out")
	}
	*t = New(string(text))
	return nil
}

// Generate returns a random secret of nBytes bytes as unpadded base64url text.
func Generate(nBytes int) string {
	random := make([]byte, nBytes)
	_, _ = rand.Read(random) // never fails: the runtime ends the process instead
	return base64.RawURLEncoding.EncodeToString(random)
}
