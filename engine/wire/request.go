package wire

import "strings"

const version = " HTTP/1.1"

// requestLine takes a plain request line apart: a method in upper-case letters, a path
// in ASCII, HTTP/1.1 (RFC 9112 section 3).
func requestLine(line string) (method, target string, ok bool) {
	line, ok = strings.CutSuffix(line, version)
	if !ok {
		return "", "", false
	}
	method, target, ok = strings.Cut(line, " ")
	if !ok || method == "" || target == "" || target[0] != '/' {
		return "", "", false
	}
	for i := range len(method) {
		if method[i] < 'A' || method[i] > 'Z' {
			return "", "", false
		}
	}
	for i := range len(target) {
		if target[i] <= ' ' || target[i] >= 0x7f {
			return "", "", false
		}
	}
	return method, target, method != "CONNECT" && method != "TRACE"
}

// request parses a whole head with its empty line. What is not plain is net/http's.
func (h *head) request(text string) (method, target string, ok bool) {
	line, rest, _ := strings.Cut(text, "\r\n")
	if method, target, ok = requestLine(line); !ok || len(rest) < 2 {
		return "", "", false
	}
	ok = h.parse(rest[:len(rest)-2]) && h.hosts == 1 && h.host != "" && plainHost(h.host)
	return method, target, ok
}

// plainHost leaves hosts that net/http would refuse to net/http.
func plainHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._:[]", c) >= 0) {
			return false
		}
	}
	return true
}
