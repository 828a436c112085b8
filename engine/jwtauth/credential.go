package jwtauth

import (
	"errors"
	"strings"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/policy"
)

const authorization = "Authorization"

// Why a request shows no single bearer token. They are for the log.
var (
	errNoCredential    = errors.New("no bearer token in the Authorization header")
	errManyCredentials = errors.New("more than one Authorization header or credential")
	errQueryCredential = errors.New("access_token in the query, which this policy does not allow")
	errTooLong         = errors.New("token is longer than the gateway accepts")
)

// bearer takes the one token of a request. It refuses every mixture, since the
// upstream or an intermediary might act on the credential that was not checked
// (RFC 6750 section 2).
func bearer(x *policy.Exchange) (string, error) {
	if x.RawQuery != "" && hasAccessToken(x.RawQuery) {
		return "", errQueryCredential // D13: allowed by no policy of this version
	}
	fields := x.Header.Values(authorization)
	switch len(fields) {
	case 0:
		return "", errNoCredential
	case 1:
		return fromField(fields[0])
	}
	return "", errManyCredentials
}

// fromField reads one Authorization field: the scheme in any letter case (RFC
// 9110 section 11.1), blanks, the token.
func fromField(field string) (string, error) {
	scheme, rest, _ := strings.Cut(field, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", otherScheme(field)
	}
	token := strings.Trim(rest, " ")
	switch {
	case token == "":
		return "", errNoCredential
	case strings.IndexByte(token, ',') >= 0:
		// No token has a comma, but a proxy may have joined two fields with one.
		return "", errManyCredentials
	case len(token) > jwt.MaxToken:
		return "", errTooLong
	}
	return token, nil
}

// otherScheme finds a bearer token that was joined to other credentials.
// Schemes such as Digest have commas of their own.
func otherScheme(field string) error {
	_, field, more := strings.Cut(field, ",")
	for more {
		var part string
		part, field, more = strings.Cut(field, ",")
		scheme, _, _ := strings.Cut(strings.TrimLeft(part, " \t"), " ")
		if strings.EqualFold(scheme, "Bearer") {
			return errManyCredentials
		}
	}
	return errNoCredential
}

// hasAccessToken tells whether a query has a parameter called access_token, in
// any encoding. The semicolon counts as a separator, as it does for some
// upstreams.
func hasAccessToken(query string) bool {
	for query != "" {
		end := strings.IndexAny(query, "&;")
		part := query
		if end >= 0 {
			part, query = query[:end], query[end+1:]
		} else {
			query = ""
		}
		if isAccessToken(part) {
			return true
		}
	}
	return false
}

// isAccessToken compares the name of a raw parameter, decoding on the way: this
// runs on every call and must not allocate.
func isAccessToken(part string) bool {
	const name = "access_token"
	i := 0
	for ; part != "" && part[0] != '='; i++ {
		c, size := decoded(part)
		if i >= len(name) || c != name[i] {
			return false
		}
		part = part[size:]
	}
	return i == len(name)
}

func decoded(s string) (c byte, size int) {
	if s[0] != '%' || len(s) < 3 {
		return s[0], 1
	}
	high, low := hexValue(s[1]), hexValue(s[2])
	if high < 0 || low < 0 {
		return s[0], 1
	}
	return byte(high<<4 | low), 3
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
