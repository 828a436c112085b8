package api

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

const (
	mistakeURL       = mistake("Write a whole address, such as https://login.example.com/check.")
	mistakeScheme    = mistake("Begin the address with https:// or http://.")
	mistakeHost      = mistake("Write the host without variables, in plain ASCII: it decides where secrets go.")
	mistakePort      = mistake("Write a port from 1 to 65535.")
	mistakeUserinfo  = mistake("Remove the name and password before the host; use Basic authentication or a header.")
	mistakeFragment  = mistake("Remove the # and what follows: it is never sent.")
	mistakeCharacter = mistake("Escape blanks and special characters in the address, such as %20.")
	mistakeDots      = mistake("Remove . and .. from the path.")
	mistakeInURL     = mistake("Remove {{password}} and {{secret}}: addresses end in logs. Use a header, the body or Basic authentication.")
)

// address is a URL template, cut where the escaping changes.
type address struct {
	scheme, host, port string
	path, query        template
	hasQuery           bool
	target             string // path and query as they are written
}

// origin is where the connection goes, with the port always there.
func (a *address) origin() string { return a.scheme + "://" + net.JoinHostPort(a.host, a.port) }

// parseURL reads a URL template.
func parseURL(text string) (*address, error) {
	a, err := literalURL(text)
	if err != nil {
		return nil, err
	}
	if a.path.uses(password) || a.path.uses(stored) || a.query.uses(password) || a.query.uses(stored) {
		return nil, mistakeInURL
	}
	_, err = a.render(values{username: "x", roles: []string{"x"}})
	if err != nil {
		return nil, mistakeDots
	}
	return a, nil
}

// literalURL cuts a URL template by hand: net/url would decode what a template
// has escaped, and variables stand where it allows no braces.
func literalURL(text string) (*address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	a := &address{scheme: strings.ToLower(scheme)}
	if !ok {
		return nil, mistakeURL
	}
	if a.scheme != "https" && a.scheme != "http" {
		return nil, mistakeScheme
	}
	if strings.Contains(rest, "#") {
		return nil, mistakeFragment
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if err := a.setHost(rest[:end]); err != nil {
		return nil, err
	}
	if a.target = rest[end:]; !strings.HasPrefix(a.target, "/") {
		a.target = "/" + a.target
	}
	return a, a.setPath(rest[end:])
}

func (a *address) setHost(text string) error {
	if strings.Contains(text, "@") {
		return mistakeUserinfo
	}
	u, err := url.Parse(a.scheme + "://" + text)
	if err != nil || u.Hostname() == "" || !hostname(u.Hostname()) {
		return mistakeHost
	}
	a.host, a.port = strings.ToLower(u.Hostname()), u.Port()
	if a.port == "" {
		a.port = map[string]string{"https": "443", "http": "80"}[a.scheme]
	}
	if !portNumber(a.port) || strings.HasSuffix(text, ":") {
		return mistakePort
	}
	return nil
}

func hostname(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r > 0x7f || r != '-' && r != '.' && r != '_' && !unreserved(byte(r)) || r == '~'
	})
}

func portNumber(text string) bool {
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return 1 <= n && n <= 65535
}

func (a *address) setPath(text string) (err error) {
	path, query, hasQuery := strings.Cut(text, "?")
	a.hasQuery = hasQuery
	if a.path, err = parse(path); err != nil {
		return err
	}
	if a.query, err = parse(query); err != nil {
		return err
	}
	for _, p := range append(a.path[:len(a.path):len(a.path)], a.query...) {
		if !urlText(p.text) {
			return mistakeCharacter
		}
	}
	return nil
}

// urlText tells whether literal text may stand in a path or query: the
// characters of RFC 3986 with whole escapes.
func urlText(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r)
	}) {
		return false
	}
	_, err := url.PathUnescape(text)
	return err == nil
}

// render is the address of one request. A name of two dots is refused: the
// path would climb.
func (a *address) render(v values) (*url.URL, error) {
	path, err := a.path.render(v, inPath)
	if err != nil {
		return nil, err
	}
	query, err := a.query.render(v, inQuery)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = "/"
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, err
	}
	if climbs(plain) {
		return nil, &unfit{username, "is a name of dots, which could change the path"}
	}
	return &url.URL{
		Scheme: a.scheme, Host: a.hostPort(), Path: plain, RawPath: path,
		RawQuery: query, ForceQuery: a.hasQuery && query == "",
	}, nil
}

// hostPort leaves a usual port out, as browsers do: some servers compare Host.
func (a *address) hostPort() string {
	if a.scheme == "https" && a.port == "443" || a.scheme == "http" && a.port == "80" {
		if strings.Contains(a.host, ":") {
			return "[" + a.host + "]"
		}
		return a.host
	}
	return net.JoinHostPort(a.host, a.port)
}

func climbs(path string) bool {
	for _, segment := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return true // with a path parameter, too: some servers cut it off first
		}
	}
	return false
}
