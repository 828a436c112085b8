package wire

import (
	"bytes"
	"net/http"
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
	fields http.Header
	values []string // the memory of fields' values
	// length is that of Content-Length, -1 without one; chunked is Transfer-Encoding.
	length  int64
	chunked bool
	// close is Connection: close; host that field, hosts how often it came.
	close bool
	host  string
	hosts int
}

func (h *head) reset() {
	if h.fields == nil {
		h.fields = make(http.Header, 16)
		h.values = make([]string, 0, maxFields)
	}
	clear(h.fields)
	clear(h.values)
	h.values = h.values[:0]
	h.length, h.chunked, h.close, h.host, h.hosts = -1, false, false, "", 0
}

// parse reads fields, each with its line end, and tells whether they are plain: no
// obsolete folding, no bare line end, no control character, no name that is no token,
// nothing twice that may come once, no framing but a length or chunked
// (RFC 9112 sections 2.2, 5 and 6).
func (h *head) parse(text string) bool {
	h.reset()
	for text != "" {
		end := strings.IndexByte(text, '\n')
		if end < 1 || text[end-1] != '\r' || len(h.values) == maxFields {
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
	name, known, n := fieldName(line)
	if n < 1 || n == len(line) || line[n] != ':' {
		return false
	}
	value, ok := fieldValue(line[n+1:])
	return ok && (!known || h.framing(name, value)) && h.add(name, value)
}

// add keeps the field's other values where they are: a second value is rare.
func (h *head) add(name, value string) bool {
	if name == "Host" {
		h.host = value
		h.hosts++
		return true
	}
	if before, ok := h.fields[name]; ok {
		h.values = append(h.values, "") // counts for maxFields
		h.fields[name] = append(before[:len(before):len(before)], value)
		return true
	}
	h.values = append(h.values, value)
	i := len(h.values)
	h.fields[name] = h.values[i-1 : i : i]
	return true
}

// framing reads what decides where the message ends and what becomes of the
// connection. What it does not know makes the head odd.
func (h *head) framing(name, value string) bool {
	if _, twice := h.fields[name]; twice {
		return false
	}
	switch name {
	case "Content-Length":
		h.length = number(value)
		return h.length >= 0
	case "Transfer-Encoding":
		h.chunked = value == "chunked"
		return h.chunked
	case "Connection":
		h.close = strings.EqualFold(value, "close")
		return h.close || strings.EqualFold(value, "keep-alive")
	}
	return false
}

// framed are the fields that decide about framing and the connection, by their
// canonical name. All but the three that framing reads make a head odd.
func framed(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "Trailer", "Te", "Http2-Settings":
		return true
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

// fieldName is the canonical name at the beginning of a line and its length there; 0
// when there is none. known tells that it is one of framed.
func fieldName(line string) (name string, known bool, n int) {
	canonical, upper := true, true
	for n < len(line) && tokenByte[line[n]] {
		c := line[n]
		if upper && c >= 'a' && c <= 'z' || !upper && c >= 'A' && c <= 'Z' {
			canonical = false
		}
		upper = c == '-'
		n++
	}
	name = line[:n]
	if !canonical {
		name = canonicalName(name)
	}
	return name, framed(name), n
}

// canonicalName allocates for what is seldom sent only.
func canonicalName(name string) string {
	if known, ok := lowerNames[name]; ok {
		return known
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// lowerNames are the names that clients send in lower case every day.
var lowerNames = func() map[string]string {
	m := make(map[string]string)
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Encoding",
		"Content-Length", "Content-Type", "Cookie", "Date", "Etag", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
		"Last-Modified", "Location", "Origin", "Pragma", "Referer", "Server", "Set-Cookie", "Traceparent", "Tracestate",
		"Transfer-Encoding", "User-Agent", "Vary", "X-Api-Key", "X-Correlation-Id", "X-Forwarded-For", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id",
	} {
		m[strings.ToLower(name)] = name
	}
	return m
}()

// fieldValue is a value without the blanks around it.
func fieldValue(s string) (string, bool) {
	for i := range len(s) {
		if !textByte[s[i]] {
			return "", false
		}
	}
	return strings.Trim(s, " \t"), true
}

// endOfHead is the length of the head that b begins with, with its empty line; 0 when
// there is no end yet.
func endOfHead(b []byte) int {
	if i := bytes.Index(b, headEnd); i >= 0 {
		return i + len(headEnd)
	}
	return 0
}
