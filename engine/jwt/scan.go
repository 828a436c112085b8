package jwt

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth   = 16  // of nested objects and arrays
	maxMembers = 256 // of all objects together: looking for repeated names grows with the square
)

// scanner reads one JSON text (RFC 8259) strictly: valid UTF-8, no repeated
// member name in any object, no half surrogate pairs, bounded depth. Names are
// exact. encoding/json takes the last of repeated names, folds their case and
// mends broken text, and every such leniency has let two readers see two tokens
// in one.
//
// After the first fault every method does nothing and says false.
type scanner struct {
	data    []byte
	pos     int
	depth   int
	members int
	fault   string
	names   [][]byte // of the objects under way, unescaped
	room    []byte   // where escaped names are unescaped
}

type kind byte

const (
	literal kind = iota // true, false, null
	number
	text
	array
	object
)

// value is where a value stands in data: a text without its quotes, everything
// else whole.
type value struct {
	kind     kind
	escaped  bool // a text that must be unescaped
	from, to int
}

// member is one member of an object.
type member struct {
	name []byte // unescaped
	value
}

// frame is an object that is being read.
type frame struct {
	some  bool // a member was read
	start int  // of its names in scanner.names
}

// begin starts on a text that must be one object.
func (s *scanner) begin(data []byte) frame {
	*s = scanner{data: data, names: s.names[:0], room: s.room[:0]}
	if !utf8.Valid(data) {
		s.fail("not UTF-8")
	}
	s.blank()
	return s.open()
}

// finish reports whether the text ended with its object.
func (s *scanner) finish() bool {
	s.blank()
	if s.pos != len(s.data) {
		s.fail("something follows the JSON object")
	}
	return s.fault == ""
}

func (s *scanner) open() frame {
	s.expect('{')
	s.deeper()
	return frame{start: len(s.names)}
}

// next reads the next member of an object; false at its end or at a fault.
func (s *scanner) next(f *frame, m *member) bool {
	s.blank()
	if s.accept('}') {
		s.depth--
		s.names = s.names[:f.start]
		return false
	}
	if f.some {
		s.expect(',')
		s.blank()
	}
	f.some = true
	m.name = s.name(f)
	s.blank()
	s.expect(':')
	m.value = s.value()
	return s.fault == ""
}

// name reads a member name and refuses it when the object has it already.
func (s *scanner) name(f *frame) []byte {
	v := s.text()
	name := s.data[v.from:v.to]
	if v.escaped {
		start := len(s.room)
		s.room = unescape(s.room, name)
		name = s.room[start:]
	}
	for _, other := range s.names[f.start:] {
		if bytes.Equal(name, other) {
			s.fail("a member name is repeated")
		}
	}
	s.names = append(s.names, name)
	if s.members++; s.members > maxMembers {
		s.fail("too many members")
	}
	return name
}

// value reads any value and everything in it.
func (s *scanner) value() value {
	s.blank()
	v := value{from: s.pos}
	switch c := s.peek(); {
	case c == '"':
		return s.text()
	case c == '{':
		v.kind = object
		s.skipObject()
	case c == '[':
		v.kind = array
		s.skipArray()
	case c == '-' || isDigit(c):
		v.kind = number
		s.number()
	default:
		s.literal()
	}
	v.to = s.pos
	return v
}

func (s *scanner) skipObject() {
	f := s.open()
	var m member
	for s.next(&f, &m) {
	}
}

func (s *scanner) skipArray() {
	s.expect('[')
	s.deeper()
	s.blank()
	if !s.accept(']') {
		for s.value(); s.more(); s.value() {
		}
	}
	s.depth--
}

// more reports whether an array goes on, and steps over its comma or its end.
func (s *scanner) more() bool {
	s.blank()
	if s.fault != "" || s.accept(']') {
		return false
	}
	return s.expect(',')
}

// text reads a string. Whether it is UTF-8 was asked of the whole.
func (s *scanner) text() value {
	s.expect('"')
	v := value{kind: text, from: s.pos, to: s.pos}
	for s.fault == "" {
		s.ordinary()
		switch c := s.peek(); {
		case c == '"':
			v.to = s.pos
			s.pos++
			return v
		case c == '\\':
			v.escaped = true
			s.escape()
		default: // a control character or the end of data
			s.fail("broken JSON text")
		}
	}
	return v
}

// ordinary steps over what stands for itself in a string.
func (s *scanner) ordinary() {
	i := s.pos
	for i < len(s.data) && s.data[i] >= ' ' && s.data[i] != '"' && s.data[i] != '\\' {
		i++
	}
	s.pos = i
}

// escape steps over one escape. A half surrogate pair is refused, as it has no
// UTF-8 form and readers differ in what they make of it.
func (s *scanner) escape() {
	size := escapeSize(s.data[s.pos:])
	if size == 0 {
		s.fail("broken escape in JSON text")
	}
	s.pos += size
}

// escapeSize is 2, 6, for a surrogate pair 12, and 0 for what is no escape.
func escapeSize(b []byte) int {
	if len(b) >= 2 && strings.IndexByte(`"\/bfnrt`, b[1]) >= 0 {
		return 2
	}
	r, ok := hex4(b)
	if !ok {
		return 0
	}
	if !utf16.IsSurrogate(r) {
		return 6
	}
	if low, ok := hex4(b[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		return 12
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		digit := strings.IndexByte("0123456789abcdefABCDEF", c)
		if digit < 0 {
			return 0, false
		}
		if digit > 15 {
			digit -= 6
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// unescape appends the meaning of a scanned text to dst.
func unescape(dst, raw []byte) []byte {
	for len(raw) > 0 {
		if raw[0] != '\\' {
			dst, raw = append(dst, raw[0]), raw[1:]
			continue
		}
		size := escapeSize(raw)
		dst = appendMeaning(dst, raw[:size])
		raw = raw[size:]
	}
	return dst
}

func appendMeaning(dst, escape []byte) []byte {
	first, _ := hex4(escape)
	switch len(escape) {
	case 12:
		low, _ := hex4(escape[6:])
		return utf8.AppendRune(dst, utf16.DecodeRune(first, low))
	case 6:
		return utf8.AppendRune(dst, first)
	}
	if i := strings.IndexByte("bfnrt", escape[1]); i >= 0 {
		return append(dst, "\b\f\n\r\t"[i])
	}
	return append(dst, escape[1])
}

func (s *scanner) number() {
	s.accept('-')
	if !s.accept('0') && !s.digits() { // no leading zeros
		s.fail("broken JSON number")
	}
	if s.accept('.') && !s.digits() {
		s.fail("broken JSON number")
	}
	if !s.accept('e') && !s.accept('E') {
		return
	}
	_ = s.accept('+') || s.accept('-')
	if !s.digits() {
		s.fail("broken JSON number")
	}
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) literal() {
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
			s.pos += len(word)
			return
		}
	}
	s.fail("broken JSON")
}

func (s *scanner) deeper() {
	if s.depth++; s.depth > maxDepth {
		s.fail("nested too deeply")
	}
}

func (s *scanner) blank() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end, where no JSON text has a 0.
func (s *scanner) peek() byte {
	if s.fault != "" || s.pos >= len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) expect(c byte) bool {
	if s.accept(c) {
		return true
	}
	s.fail("broken JSON")
	return false
}

// fail keeps the first fault.
func (s *scanner) fail(fault string) {
	if s.fault == "" {
		s.fault = fault
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
