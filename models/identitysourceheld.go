package models

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
)

// HoldSecret seals a secret that was typed and is not saved yet, so that a page
// can carry it back to whoever typed it without showing it. The place names the
// session and the field: nowhere else does it open, and not after until. A
// stored secret must never be held, as it would come to a page (D18).
func (s *Store) HoldSecret(text secret.Text, place string, until time.Time) (string, error) {
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(until.Unix())), text.Reveal()...)
	sealed, err := s.sealer.Seal(plain, heldPlace(place))
	if err != nil {
		return "", fmt.Errorf("hold a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// HeldSecret is the reverse, false for what HoldSecret did not make for this
// place, and for what is too old.
func (s *Store) HeldSecret(held, place string, now time.Time) (secret.Text, bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(held)
	if err != nil {
		return secret.Text{}, false
	}
	plain, err := s.sealer.Open(sealed, heldPlace(place))
	if err != nil || len(plain) < 8 || now.Unix() >= int64(binary.BigEndian.Uint64(plain)) {
		return secret.Text{}, false
	}
	return secret.New(string(plain[8:])), true
}

// heldPlace keeps what is held apart from what is stored.
func heldPlace(place string) string { return "held/" + place }
