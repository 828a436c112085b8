package jwtauth

import "strings"

// escape writes a value so that it can stand in a header field: percent-encoded
// but for ASCII letters, digits and - . _ ~ ! $ & ' ( ) * : = @ / # ^ ` |.
// Names in other scripts arrive as the percent-encoding of their UTF-8. No byte
// is left that ends a field, that splits a list (comma, semicolon), that quotes,
// or that decoders read in two ways (blank, plus, percent): two names never
// give one value.
func escape(s string) string {
	if !strings.ContainsFunc(s, mustEscape) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; mustEscape(rune(c)) {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func mustEscape(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("%+,;\"\\<>[]{}?", r)
}
