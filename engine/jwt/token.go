package jwt

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"sync"
)

// MaxToken is the longest token in bytes that is looked at or made.
const MaxToken = 8 << 10

// strictBase64 refuses bits that are set beyond the last byte: otherwise several
// texts would decode to one signature and all be valid tokens.
var strictBase64 = base64.RawURLEncoding.Strict()

// scratch holds what the parts of one token decode to. Nothing in it outlives
// the call that took it.
type scratch struct {
	scanner
	raw                      []byte // the token
	input, signed            []byte // what is signed, and the signature's text: within raw
	head, payload, signature []byte
	known                    []byte // the text of the last header that was in order
	coming                   []byte // that of another one, within raw
	again                    bool   // it is the known one
	algorithm, kid, typ, cty []byte // of that header, unescaped
	spare                    []byte // where they are unescaped
	said                     said   // by the payload
	spoken                   []byte // where its texts are unescaped
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// split takes a compact serialization (RFC 7515 section 7.1) apart and decodes
// header and payload.
func (s *scratch) split(token string) error {
	if len(token) > MaxToken {
		return malformed("longer than " + strconv.Itoa(MaxToken) + " bytes")
	}
	s.raw = append(s.raw[:0], token...)
	first, second, ok := parts(s.raw)
	if !ok {
		return s.broken()
	}
	s.input, s.signed = s.raw[:second], s.raw[second+1:]
	if !s.knows(s.raw[:first]) && !decode(&s.head, s.raw[:first]) {
		return s.broken()
	}
	if !decode(&s.payload, s.raw[first+1:second]) {
		return s.broken()
	}
	return nil
}

// readSignature is for a token that is right in all else.
func (s *scratch) readSignature() error {
	if !decode(&s.signature, s.signed) {
		return s.broken()
	}
	return nil
}

func decode(into *[]byte, raw []byte) bool {
	var err error
	*into, err = strictBase64.AppendDecode((*into)[:0], raw)
	return err == nil
}

// knows tells whether a header is, to the letter, the last one that was in order, as
// those of all tokens of one key are: what it says is still there. Another one is
// remembered when it was found in order.
func (s *scratch) knows(header []byte) bool {
	if s.again = len(header) > 0 && bytes.Equal(header, s.known); !s.again {
		s.known, s.coming = s.known[:0], header
	}
	return s.again
}

// parts finds the two dots of what is a token if each part decodes: a decoder refuses all
// bytes outside the alphabet but line breaks, over which Go's would step.
func parts(raw []byte) (first, second int, ok bool) {
	first = bytes.IndexByte(raw, '.')
	second = first + 1 + bytes.IndexByte(raw[first+1:], '.')
	if first < 0 || second == first || second == len(raw)-1 || bytes.IndexByte(raw[second+1:], '.') >= 0 {
		return 0, 0, false
	}
	return first, second, bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0
}

// broken is why split fails.
func (s *scratch) broken() error {
	if _, _, err := dots(s.raw); err != nil {
		return err
	}
	return malformed("a part is not base64url")
}

// dots finds the two dots, and refuses every byte outside the alphabet.
func dots(raw []byte) (first, second int, err error) {
	count := 0
	for i, c := range raw {
		switch {
		case c == '.':
			first, second = second, i
			count++
		case !alphabet[c]:
			return 0, 0, malformed("a character is not base64url")
		}
	}
	switch {
	case count == 4:
		return 0, 0, malformed("five parts, as an encrypted token has")
	case count != 2:
		return 0, 0, malformed("not three parts")
	case second == len(raw)-1:
		return 0, 0, malformed("not signed")
	}
	return first, second, nil
}

// alphabet is that of base64url (RFC 4648 section 5): a table, as what comes next in a
// token is anybody's guess, the processor's too.
var alphabet = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		in[c] = true
	}
	return in
}()

// readHeader reads the header's members and refuses what asks for more than a
// plain signed token. Members that carry or point to keys (jwk, jku, x5c, x5u)
// are ignored: the policy knows its keys (RFC 8725 section 3.10).
func (s *scratch) readHeader() error {
	if s.again {
		return nil
	}
	s.algorithm, s.kid, s.typ, s.cty, s.spare = nil, nil, nil, nil, s.spare[:0]
	f := s.begin(s.head)
	var m member
	var refused error
	for refused == nil && s.next(&f, &m) {
		refused = s.headerMember(&m)
	}
	if refused != nil {
		return refused
	}
	if !s.finish() {
		return malformed("header: " + s.fault)
	}
	s.known = append(s.known, s.coming...)
	return nil
}

func (s *scratch) headerMember(m *member) error {
	switch string(m.name) {
	case "alg":
		return s.headerText(&s.algorithm, m)
	case "kid":
		return s.headerText(&s.kid, m)
	case "typ":
		return s.headerText(&s.typ, m)
	case "cty":
		return s.contentType(m)
	case "crit":
		return ErrCritical
	case "b64", "enc", "zip":
		return malformed("header asks for encryption, compression or unencoded content")
	}
	if foldsTo(m.name, headerNames) {
		return malformed("a header member differs from a registered one in letter case only")
	}
	return nil
}

func (s *scratch) headerText(into *[]byte, m *member) error {
	if m.kind != text {
		return malformed("header: alg, kid, typ and cty must be text")
	}
	*into = s.head[m.from:m.to]
	if m.escaped {
		start := len(s.spare)
		s.spare = unescape(s.spare, *into)
		*into = s.spare[start:]
	}
	return nil
}

// contentType refuses a token within a token (RFC 7519 section 5.2).
func (s *scratch) contentType(m *member) error {
	if err := s.headerText(&s.cty, m); err != nil {
		return err
	}
	if isMediaType(s.cty, "JWT") {
		return malformed("nested token")
	}
	return nil
}

// readClaims reads the payload.
func (s *scratch) readClaims() error {
	s.said = said{audience: s.said.audience[:0]}
	f := s.begin(s.payload)
	var m member
	var refused error
	for refused == nil && s.next(&f, &m) {
		refused = s.said.take(s, &m)
	}
	if refused != nil {
		return refused
	}
	if !s.finish() {
		return malformed("payload: " + s.fault)
	}
	return nil
}

// maxDate is the end of the year 9999.
const maxDate = 253402300799

// date reads a NumericDate (RFC 7519 section 2) in whole seconds from least to
// maxDate; round decides where a fraction goes.
func date(raw []byte, least int64, round func(float64) float64) (int64, bool) {
	if n, ok := wholeSeconds(raw); ok {
		return n, n >= least && n <= maxDate
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < float64(least) || f > maxDate {
		return 0, false
	}
	return int64(round(f)), true
}

// wholeSeconds is the usual case, without an allocation.
func wholeSeconds(raw []byte) (n int64, ok bool) {
	for _, c := range raw {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(raw) <= len("253402300799")
}
