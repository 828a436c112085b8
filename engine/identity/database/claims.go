package database

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxClaim is the longest claim in bytes of JSON: a token has 8 KiB at most.
const maxClaim = 2048

// claims are the columns that go into tokens. NULL is left out, and so is what does
// not fit: some users can write their rows themselves, so that is no fault of the
// source.
func (s *source) claims(found *row) (map[string]any, error) {
	var claims map[string]any
	for _, cc := range s.config.ClaimColumns {
		v, err := found.value(cc.Column)
		if err != nil {
			return nil, err
		}
		claim := asClaim(v, found.typeOf(cc.Column))
		if claim == nil || !fits(claim) {
			continue
		}
		if claims == nil {
			claims = map[string]any{}
		}
		claims[cc.Claim] = claim
	}
	return claims, nil
}

func fits(claim any) bool {
	raw, err := json.Marshal(claim)
	return err == nil && len(raw) <= maxClaim
}

// typeOf is the database's name for the type of a column.
func (r *row) typeOf(name string) string {
	for _, c := range r.columns {
		if strings.EqualFold(c.Name(), name) {
			return c.DatabaseTypeName()
		}
	}
	return ""
}

// asClaim is a value as JSON has it: JSON columns as what they hold, times as
// RFC 3339, bytes that are no text in base64, and numbers that no float holds
// exactly as the database writes them.
func asClaim(v any, columnType string) any {
	switch v := v.(type) {
	case time.Time:
		if columnType == "DATE" {
			return v.Format(time.DateOnly)
		}
		return v.UTC().Format(time.RFC3339Nano)
	case float32:
		return asClaim(float64(v), columnType)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case string:
		return textClaim([]byte(v), columnType)
	case []byte:
		return textClaim(v, columnType)
	}
	return v
}

func textClaim(text []byte, columnType string) any {
	switch columnType {
	case "JSON", "JSONB":
		return jsonClaim(text)
	case "BIT":
		return bits(text)
	}
	if !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }) {
		return base64.StdEncoding.EncodeToString(text)
	}
	return string(text)
}

func jsonClaim(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// bits are MySQL's, which are bytes with the highest first; PostgreSQL writes them
// in ones and zeros.
func bits(b []byte) any {
	if len(b) > 8 || len(bytes.Trim(b, "01")) == 0 && len(b) > 0 {
		return string(b)
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}
