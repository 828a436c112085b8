package jwtauth

import (
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/policy"
)

const (
	authorization = "Authorization"
	// accessToken is the query parameter of RFC 6750 section 2.3. A cookie of
	// that name is cleared with the other credentials and never taken for one:
	// a browser sends it along wherever it is led.
	accessToken = "access_token"
)

// bearer takes the one token of a request, from the query only where the policy
// may allow that (D13). It refuses every mixture, since the upstream or an
// intermediary might act on the credential that was not checked (RFC 6750
// section 2).
func bearer(x *policy.Exchange, query bool) (token string, fromQuery bool, err error) {
	fields := x.Header.Values(authorization)
	value, count := "", 0
	if x.RawQuery != "" {
		value, count = queryTokens(x.RawQuery)
	}
	switch {
	case count > 0 && !query:
		return "", false, errQueryCredential
	case count+len(fields) > 1:
		return "", false, errManyCredentials
	case count == 1:
		token, err = fromParameter(value)
		return token, true, err
	case len(fields) == 0:
		return "", false, errNoCredential
	}
	token, err = fromField(fields[0])
	return token, false, err
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
	return errOtherScheme
}

// fromParameter reads the raw value of the query parameter.
func fromParameter(value string) (string, error) {
	switch {
	case value == "":
		return "", errNoCredential
	case len(value) > 3*jwt.MaxToken:
		return "", errTooLong
	}
	if strings.IndexByte(value, '%') >= 0 {
		// What cannot be decoded is refused as a token with a percent sign is.
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
	}
	if len(value) > jwt.MaxToken {
		return "", errTooLong
	}
	return value, nil
}

// queryTokens counts the parameters called access_token, in any encoding, and
// returns the raw value of the last. One that stands beside a semicolon, which
// some upstreams take for a separator, counts twice: it can be read in two ways.
// This runs on every call and must not allocate.
func queryTokens(query string) (value string, count int) {
	for more := true; more; {
		var part string
		part, query, more = strings.Cut(query, "&")
		split := strings.IndexByte(part, ';') >= 0
		for inner := true; inner; {
			var parameter string
			parameter, part, inner = strings.Cut(part, ";")
			if !isAccessToken(parameter) {
				continue
			}
			_, value, _ = strings.Cut(parameter, "=")
			if count++; split {
				count++
			}
		}
	}
	return value, count
}

// isAccessToken compares the name of a raw parameter, decoding on the way.
func isAccessToken(part string) bool {
	i := 0
	for ; part != "" && part[0] != '='; i++ {
		c, size := decoded(part)
		if i >= len(accessToken) || c != accessToken[i] {
			return false
		}
		part = part[size:]
	}
	return i == len(accessToken)
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
