package wire

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Fields is a header as a list, in the order in which its lines came: a call reads few
// fields by their name and writes all of them, for which a map costs several times as
// much. Names are canonical (net/textproto), as in http.Header. The zero value is empty.
type Fields struct {
	names, values []string
	kinds         []kind
}

// kind is what is known of a field without reading it.
type kind uint16

const (
	aToken kind = 1 << iota // the name is one
	clean                   // the value has no line end
	common                  // see Fields.Common
	hop                     // for one hop alone (RFC 9110 section 7.6.1)

	// What decides about framing and the connection, each by a bit of its own.
	aHost
	aLength
	aCoding
	aConnection
	aTrailer
	another // Upgrade, Expect, Te, Http2-Settings

	framing = aLength | aCoding | aConnection | aTrailer | another
)

// kinds are those of the names that come every day, as they are spelled canonically. All
// but what HTTP itself takes care of say nothing of the way that a call has come.
var kinds = func() map[string]kind {
	m := map[string]kind{
		"Host": aHost, "Content-Length": aLength, "Transfer-Encoding": aCoding | hop, "Connection": aConnection | hop,
		"Trailer": aTrailer | hop, "Te": another | hop, "Upgrade": another | hop, "Expect": another, "Http2-Settings": another,
		"Proxy-Connection": hop, "Keep-Alive": hop, "Proxy-Authenticate": hop, "Proxy-Authorization": hop,
		"X-Forwarded-For": 0, "X-Forwarded-Host": 0, "X-Forwarded-Proto": 0, "X-Correlation-Id": 0, "X-Real-Ip": 0,
		"X-Content-Type-Options": 0, "Www-Authenticate": 0, "Retry-After": 0, "Allow": 0,
	}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Age", "Authorization", "Cache-Control", "Content-Encoding",
		"Content-Language", "Content-Type", "Cookie", "Date", "Dnt", "Etag", "Expires", "If-Match", "If-Modified-Since",
		"If-None-Match", "Last-Modified", "Link", "Location", "Origin", "Pragma", "Priority", "Range", "Referer", "Sec-Ch-Ua",
		"Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Server",
		"Set-Cookie", "Strict-Transport-Security", "Traceparent", "Tracestate", "Upgrade-Insecure-Requests", "User-Agent", "Vary",
		"X-Api-Key", "X-Request-Id", "X-Requested-With",
	} {
		m[name] = common
	}
	for name := range m {
		m[name] |= aToken
	}
	return m
}()

// Len is how many lines there are.
func (f *Fields) Len() int { return len(f.names) }

// Name is that of a line, Value what it says.
func (f *Fields) Name(i int) string { return f.names[i] }

// Value see Name.
func (f *Fields) Value(i int) string { return f.values[i] }

// Common tells that the name of a line is one of those which every client sends and
// which HTTP does not read: neither for one hop alone, nor about who calls or what.
func (f *Fields) Common(i int) bool { return f.kinds[i]&common != 0 }

// Values are all values under a canonical name, in their order. They are not to be
// changed, and valid until the list is.
func (f *Fields) Values(name string) []string {
	first := f.index(name, 0)
	if first < 0 {
		return nil
	}
	next := f.index(name, first+1)
	if next < 0 {
		return f.values[first : first+1 : first+1] // as nearly always, and at no cost
	}
	list := []string{f.values[first]}
	for ; next >= 0; next = f.index(name, next+1) {
		list = append(list, f.values[next])
	}
	return list
}

// Get is the first value under a canonical name, "" for none.
func (f *Fields) Get(name string) string {
	if i := f.index(name, 0); i >= 0 {
		return f.values[i]
	}
	return ""
}

// Has tells whether there is such a field.
func (f *Fields) Has(name string) bool { return f.index(name, 0) >= 0 }

func (f *Fields) index(name string, from int) int {
	for i := from; i < len(f.names); i++ {
		if f.names[i] == name {
			return i
		}
	}
	return -1
}

// of is the first line of a kind, -1 for none.
func (f *Fields) of(k kind) int {
	for i, have := range f.kinds {
		if have&k != 0 {
			return i
		}
	}
	return -1
}

// Add appends a line.
func (f *Fields) Add(name, value string) { f.add(name, value, kinds[name]) }

func (f *Fields) add(name, value string, k kind) {
	f.names, f.values, f.kinds = append(f.names, name), append(f.values, value), append(f.kinds, k)
}

// AddAll appends all lines of another list.
func (f *Fields) AddAll(other *Fields) {
	f.names, f.values, f.kinds = append(f.names, other.names...), append(f.values, other.values...), append(f.kinds, other.kinds...)
}

// Check looks for line ends once, for a list that is written many times.
func (f *Fields) Check() {
	for i, value := range f.values {
		if oneLine(value) {
			f.kinds[i] |= clean
		}
	}
}

// Set gives a name this one value.
func (f *Fields) Set(name, value string) {
	i := f.index(name, 0)
	if i < 0 {
		f.Add(name, value)
		return
	}
	f.values[i] = value
	f.kinds[i] &^= clean
	if f.index(name, i+1) >= 0 {
		f.DelFunc(func(j int) bool { return j != i && f.names[j] == name })
	}
}

// Del takes a field away.
func (f *Fields) Del(name string) {
	if f.Has(name) {
		f.DelFunc(func(i int) bool { return f.names[i] == name })
	}
}

// DelFunc takes the lines away that gone tells of, each asked once and in their order.
func (f *Fields) DelFunc(gone func(i int) bool) {
	kept := 0
	for i := range f.names {
		if gone(i) {
			continue
		}
		if kept < i {
			f.names[kept], f.values[kept], f.kinds[kept] = f.names[i], f.values[i], f.kinds[i]
		}
		kept++
	}
	f.cut(kept)
}

// cut leaves nothing in memory of what it takes away.
func (f *Fields) cut(n int) {
	clear(f.names[n:])
	clear(f.values[n:])
	f.names, f.values, f.kinds = f.names[:n], f.values[:n], f.kinds[:n]
}

// Reset takes everything away and keeps the memory.
func (f *Fields) Reset() { f.cut(0) }

// RemoveHop takes off what is for one hop alone (RFC 9110 section 7.6.1), with what
// Connection names, and tells whether that asked for trailers.
func (f *Fields) RemoveHop() (trailers bool) {
	if f.of(hop) < 0 {
		return false
	}
	for _, line := range f.Values("Te") {
		for coding := range strings.SplitSeq(line, ",") {
			trailers = trailers || strings.EqualFold(strings.TrimSpace(coding), "trailers")
		}
	}
	for _, line := range slices.Clone(f.Values("Connection")) {
		for name := range strings.SplitSeq(line, ",") {
			f.Del(textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	f.DelFunc(func(i int) bool { return f.kinds[i]&hop != 0 })
	return trailers
}

// SetHeader takes over a header of net/http's.
func (f *Fields) SetHeader(h http.Header) {
	f.Reset()
	for name, values := range h {
		for _, value := range values {
			f.Add(name, value)
		}
	}
}

// Header is a copy for net/http.
func (f *Fields) Header() http.Header {
	h := make(http.Header, len(f.names))
	f.Into(h)
	return h
}

// Into writes the list into a header of net/http's, whose fields of the same names it
// replaces.
func (f *Fields) Into(h http.Header) {
	for i, name := range f.names {
		if f.index(name, 0) == i {
			h[name] = slices.Clone(f.Values(name))
		}
	}
}

// appendTo writes the lines but those of certain kinds, and what is no field. A value is
// cleaned of line ends: none may begin a field of its own.
func (f *Fields) appendTo(b []byte, but kind) []byte {
	for i, k := range f.kinds {
		if k&but != 0 || k&aToken == 0 && !token(f.names[i]) {
			continue
		}
		if k&clean == 0 {
			b = appendField(b, f.names[i], f.values[i])
			continue
		}
		b = append(append(append(append(b, f.names[i]...), ": "...), f.values[i]...), "\r\n"...)
	}
	return b
}
