package engine

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// malformed is why a request is refused with 400. The text is for the
// operator; the caller reads the catalogue's sentence.
type malformed string

func (m malformed) Error() string { return string(m) }

const (
	badMethod     malformed = "method is not made of upper-case letters, digits and - _"
	badTunnel     malformed = "CONNECT and TRACE are not served"
	badForm       malformed = "target is neither a path nor an http address"
	badUserinfo   malformed = "target carries a user name"
	badByte       malformed = "target holds a control character, backslash, semicolon or fragment"
	badEscape     malformed = "target holds an invalid percent escape"
	ambiguousByte malformed = "path holds an escaped slash, backslash, semicolon, percent sign or control character"
	emptySegment  malformed = "path holds an empty segment"
	dotSegment    malformed = "path holds a dot segment"
	notUTF8       malformed = "path is not UTF-8"
	manyFields    malformed = "header has more fields than the gateway accepts"
)

// target is what a request asks for, in the one normal form that routing,
// policies and the upstream share. Whatever two servers could read in two
// ways is refused, not repaired: a path that is one thing to the policies and
// another to the API would walk around the policies.
type target struct {
	// path has its unreserved characters plain and every other escape in
	// upper case. It is sent to the upstream byte for byte.
	path string
	// match is path with all escapes decoded: routes are compared with it,
	// so that %40 cannot pass by an endpoint that is written with @.
	match string
	// query is what followed the question mark, as it came.
	query string
}

// checkMethod refuses what a backend could read as another method, and the
// two methods that have no place at a gateway: CONNECT is a tunnel, TRACE
// shows the caller the headers that the gateway adds.
func checkMethod(m string) error {
	if m == "CONNECT" || m == "TRACE" {
		return badTunnel
	}
	if m == "" || len(m) > 32 {
		return badMethod
	}
	for i := range len(m) {
		if c := m[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return badMethod
		}
	}
	return nil
}

// parseTarget reads a request target (RFC 9112 section 3.2). The host of an
// absolute target is not read here: net/http has put it in the place of the
// Host field, as section 3.2.2 demands.
func parseTarget(uri string) (target, error) {
	rest, err := originForm(uri)
	if err != nil {
		return target{}, err
	}
	raw, query, _ := strings.Cut(rest, "?")
	if err := checkQuery(query); err != nil {
		return target{}, err
	}
	path, err := normalPath(raw)
	if err != nil {
		return target{}, err
	}
	match := path
	if strings.IndexByte(path, '%') >= 0 {
		match = decode(path)
	}
	if !utf8.ValidString(match) {
		return target{}, notUTF8
	}
	return target{path: path, match: match, query: query}, checkSegments(match)
}

// originForm takes scheme and host off an absolute target.
func originForm(uri string) (string, error) {
	if strings.HasPrefix(uri, "/") {
		return uri, nil
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", badForm
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if strings.Contains(rest[:end], "@") {
		return "", badUserinfo
	}
	if end == 0 {
		return "", badForm
	}
	if rest = rest[end:]; !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return rest, nil
}

// Classes of the bytes of a path.
const (
	refused  = iota // ambiguous or no part of a target
	plain           // stands for itself
	reserved        // needs an escape: non-ASCII and what browsers leave plain
	percent
)

// pathClass sorts every byte. The semicolon is refused because some servers
// cut a segment there ("/admin;x" is "/admin" to them).
var pathClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf, strings.IndexByte("\"<>[]^`{|}", byte(c)) >= 0:
			t[c] = reserved
		case c == '/' || c < utf8.RuneSelf && plainPathChar(rune(c)):
			t[c] = plain
		}
	}
	t['%'] = percent
	return t
}()

// normalPath makes the normal form. A path that has it already costs one
// scan and no allocation.
func normalPath(raw string) (string, error) {
	for i := range len(raw) {
		switch pathClass[raw[i]] {
		case refused:
			return "", badByte
		case reserved, percent:
			return rewritePath(raw, i)
		}
	}
	return raw, nil
}

// rewritePath makes the normal form of a path whose first i bytes are plain.
func rewritePath(raw string, i int) (string, error) {
	b := make([]byte, i, len(raw)+16)
	copy(b, raw)
	for ; i < len(raw); i++ {
		switch c := raw[i]; pathClass[c] {
		case refused:
			return "", badByte
		case plain:
			b = append(b, c)
		case reserved:
			b = appendEscape(b, c)
		case percent:
			c, ok := escapedByte(raw, i)
			if !ok {
				return "", badEscape
			}
			if ambiguous(c) {
				return "", ambiguousByte
			}
			b = appendNormal(b, c)
			i += 2
		}
	}
	return string(b), nil
}

// ambiguous are the bytes that must not hide in an escape: what separates or
// ends paths for some server, and the percent sign itself, which a server
// that decodes twice would decode again.
func ambiguous(c byte) bool {
	return c < ' ' || c == 0x7f || c == '/' || c == '\\' || c == ';' || c == '%'
}

// appendNormal writes an escaped byte in its normal form (RFC 3986 section
// 6.2.2): unreserved characters plain, all else as an upper-case escape.
func appendNormal(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	return appendEscape(b, c)
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	return append(b, '%', hex[c>>4], hex[c&15])
}

// escapedByte reads the escape at s[i], which is a percent sign.
func escapedByte(s string, i int) (byte, bool) {
	if i+2 >= len(s) {
		return 0, false
	}
	high, ok1 := hexDigit(s[i+1])
	low, ok2 := hexDigit(s[i+2])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// decode takes the escapes out of a normal path.
func decode(path string) string {
	s, err := url.PathUnescape(path)
	if err != nil { // a normal path has valid escapes only
		panic(err)
	}
	return s
}

// checkSegments refuses empty and dot segments. A slash at the end is no
// empty segment: many APIs use it.
func checkSegments(path string) error {
	if strings.Contains(path, "//") {
		return emptySegment
	}
	if !strings.Contains(path, "/.") {
		return nil
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return dotSegment
		}
	}
	return nil
}

// checkQuery refuses what no query may hold. All else passes as it came,
// since its meaning is the API's.
func checkQuery(q string) error {
	for i := range len(q) {
		switch c := q[i]; {
		case c <= ' ' || c == 0x7f || c == '#':
			return badByte
		case c == '%':
			if _, ok := escapedByte(q, i); !ok {
				return badEscape
			}
		}
	}
	return nil
}
