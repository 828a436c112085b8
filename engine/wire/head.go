package wire

import (
	"bytes"
	"net/textproto"
	"strings"
)

const (
	// maxHead is the longest head that is read here, maxFields the most fields. What
	// is larger is rare, and net/http's.
	maxHead   = 8 << 10
	maxFields = 64
)

var headEnd = []byte("\r\n\r\n")

// head is a parsed head. Its strings are parts of one text, so that they may be kept.
type head struct {
	fields Fields
	seen   kind // of framing, what came
	lines  int
	// length is that of Content-Length, -1 without one; chunked is Transfer-Encoding.
	length  int64
	chunked bool
	// close is Connection: close; host that field, hosts how often it came.
	close bool
	host  string
	hosts int
}

func (h *head) reset() {
	h.fields.Reset()
	h.seen, h.lines, h.length, h.chunked, h.close, h.host, h.hosts = 0, 0, -1, false, false, "", 0
}

// parse reads fields, each with its line end, and tells whether they are plain: no
// obsolete folding, no bare line end, no control character, no name that is no token,
// nothing twice that may come once, no framing but a length or chunked
// (RFC 9112 sections 2.2, 5 and 6).
func (h *head) parse(text string) bool {
	h.reset()
	for ; text != ""; h.lines++ {
		end := strings.IndexByte(text, '\n')
		if end < 1 || text[end-1] != '\r' || h.lines == maxFields {
			return false
		}
		if !h.line(text[:end-1]) {
			return false
		}
		text = text[end+1:]
	}
	return !h.chunked || h.length < 0
}

func (h *head) line(line string) bool {
	colon := strings.IndexByte(line, ':')
	if colon < 1 {
		return false
	}
	name, k := fieldName(line[:colon])
	if k == 0 {
		return false
	}
	value, ok := fieldValue(line[colon+1:])
	if !ok || k&framing != 0 && !h.frame(k, value) {
		return false
	}
	if k&aHost != 0 {
		h.host = value
		h.hosts++
		return true
	}
	h.fields.add(name, value, k|clean)
	return true
}

// frame reads what decides where the message ends and what becomes of the connection.
// What it does not know, or what comes twice, makes the head odd.
func (h *head) frame(k kind, value string) bool {
	if h.seen&k&framing != 0 {
		return false
	}
	h.seen |= k & framing
	switch k & framing {
	case aLength:
		h.length = number(value)
		return h.length >= 0
	case aCoding:
		h.chunked = value == "chunked"
		return h.chunked
	case aConnection:
		h.close = strings.EqualFold(value, "close")
		return h.close || strings.EqualFold(value, "keep-alive")
	}
	return false
}

// number is a Content-Length: digits alone, and few enough; else -1.
func number(s string) int64 {
	if s == "" || len(s) > 15 {
		return -1
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = 10*n + int64(s[i]-'0')
	}
	return n
}

// tokenByte tells the bytes of a token (RFC 9110 section 5.6.2), textByte those of a
// field's value: visible, blank, tab, or beyond ASCII.
var tokenByte, textByte [256]bool

func init() {
	for c := range 256 {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		tokenByte[c] = letter || c > 0 && c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		textByte[c] = c >= ' ' && c != 0x7f || c == '\t'
	}
}

// fieldName is the canonical form of a name and what is known of it; 0 when it is no
// name.
func fieldName(raw string) (string, kind) {
	if known, ok := spelled[raw]; ok {
		return known.name, known.kind
	}
	canonical, upper := true, true
	for i := range len(raw) {
		c := raw[i]
		if !tokenByte[c] {
			return "", 0
		}
		if upper && c >= 'a' && c <= 'z' || !upper && c >= 'A' && c <= 'Z' {
			canonical = false
		}
		upper = c == '-'
	}
	if !canonical {
		raw = textproto.CanonicalMIMEHeaderKey(raw)
	}
	return raw, kinds[raw] | aToken
}

// spelled are the names of kinds as clients write them, also in lower case.
var spelled = func() map[string]struct {
	name string
	kind kind
} {
	m := make(map[string]struct {
		name string
		kind kind
	})
	for name, k := range kinds {
		m[name] = struct {
			name string
			kind kind
		}{name, k}
		m[strings.ToLower(name)] = m[name]
	}
	return m
}()

// fieldValue is a value without the blanks around it.
func fieldValue(s string) (string, bool) {
	i := 0
	for ; i+8 <= len(s) && visible(s[i:i+8]); i += 8 { // tokens are long
	}
	for ; i < len(s); i++ {
		if !textByte[s[i]] {
			return "", false
		}
	}
	return strings.Trim(s, " \t"), true
}

// visible tells that none of eight bytes is below the blank or DEL: subtracting borrows
// from the high bit of such a byte, which is not set before; a borrow from a byte below
// can only make it say no.
func visible(s string) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	b := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	del := b ^ each*0x7f
	return ((b-each*' ')&^b|(del-each)&^del)&high == 0
}

// endOfHead is the length of the head that b begins with, with its empty line; 0 when
// there is no end yet.
func endOfHead(b []byte) int {
	if i := bytes.Index(b, headEnd); i >= 0 {
		return i + len(headEnd)
	}
	return 0
}
