package api

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// plain is the value of a variable as text, without any escaping.
func (v values) plain(name variable) (string, error) {
	switch name {
	case username:
		return v.username, nil
	case password:
		return v.password.Reveal(), nil
	case stored:
		return v.secret.Reveal(), nil
	case roles:
		return strings.Join(v.roles, ","), nil
	}
	raw, err := v.json(claims)
	return string(raw), err
}

// json is the value of a variable as JSON.
func (v values) json(name variable) ([]byte, error) {
	switch name {
	case roles:
		return json.Marshal(append([]string{}, v.roles...)) // [] and not null
	case claims:
		if v.claims == nil {
			return []byte("{}"), nil
		}
		return json.Marshal(v.claims)
	}
	text, err := v.plain(name)
	if err != nil {
		return nil, err
	}
	return json.Marshal(text)
}

// text is the value of a variable where it is escaped byte by byte. Broken
// UTF-8 is refused: a reader may replace it, and two names would be one.
func (p part) plain(v values) (string, error) {
	text, err := v.plain(p.variable)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(text) {
		return "", &unfit{p.variable, "is not valid UTF-8"}
	}
	return text, nil
}

// inPath escapes for a path. A slash is refused even though it could be
// escaped: servers that decode before they route would find ".." behind it.
func inPath(p part, v values) (string, error) {
	text, err := p.plain(v)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(text, "/\\") {
		return "", &unfit{p.variable, "has a slash, which could change the path"}
	}
	return percent(text), nil
}

// inQuery escapes for a query and for a form.
func inQuery(p part, v values) (string, error) {
	text, err := p.plain(v)
	return percent(text), err
}

// percent writes every byte that is not unreserved (RFC 3986 section 2.3) as
// an escape, so that no reader finds a separator, a plus sign or a semicolon.
func percent(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		if unreserved(c) {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// inHeader writes a value as it is. Control characters would begin another
// header (response splitting the other way round); bytes beyond ASCII are read
// in different character sets by different servers, as another name.
func inHeader(p part, v values) (string, error) {
	text, err := p.plain(v)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", &unfit{p.variable, "has characters that a header cannot carry safely"}
	}
	if text != strings.Trim(text, " ") {
		return "", &unfit{p.variable, "has a blank at its start or end, which a header loses"}
	}
	return text, nil
}

// inJSON writes a JSON value, or the inside of a JSON text.
func inJSON(p part, v values) (string, error) {
	text, err := p.plain(v)
	if err != nil {
		return "", err
	}
	if !p.quoted {
		raw, err := v.json(p.variable)
		return string(raw), err
	}
	raw, err := json.Marshal(text)
	if err != nil {
		return "", err
	}
	return string(raw[1 : len(raw)-1]), nil
}

// basic is the value of an Authorization header (RFC 7617). The first colon
// ends the name, so that a name with one would be read as another name.
func basic(v values) (string, error) {
	switch {
	case strings.Contains(v.username, ":"):
		return "", &unfit{username, "has a colon, which Basic authentication cannot carry"}
	case hasControl(v.username):
		return "", &unfit{username, "has control characters"}
	case hasControl(v.password.Reveal()):
		return "", &unfit{password, "has control characters"}
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(v.username+":"+v.password.Reveal())), nil
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError })
}
