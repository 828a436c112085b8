package ldap

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// server is one address of the directory.
type server struct {
	tls     bool   // ldaps://
	host    string // without brackets, in lower case
	address string // host:port
}

func (s server) url() string {
	if s.tls {
		return "ldaps://" + s.address
	}
	return "ldap://" + s.address
}

var hostLetters = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$`)

// isHostName counts apart, as a pattern that does takes a fifth of a megabyte of
// every process.
func isHostName(text string) bool { return len(text) <= 254 && hostLetters.MatchString(text) }

// parseServer reads a server's URL. What is wrong with it comes as a sentence for
// its author, or as "".
func parseServer(text string) (server, string) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return server{}, "Write a URL such as ldaps://ldap.example.com."
	}
	s := server{tls: strings.EqualFold(u.Scheme, "ldaps"), host: strings.ToLower(u.Hostname())}
	switch {
	case !s.tls && !strings.EqualFold(u.Scheme, "ldap"):
		return s, "Start the URL with ldaps:// or ldap://."
	case u.User != nil:
		return s, "Remove what stands before the @: the account is the bind DN, with its password in a field of its own."
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return s, "Remove what follows the host and port: base DN and filter have fields of their own."
	case net.ParseIP(s.host) == nil && !isHostName(s.host):
		return s, "Write the host as a DNS name or an IP address; a name with other than ASCII letters in its xn-- form."
	}
	port, wrong := s.port(u.Port())
	s.address = net.JoinHostPort(s.host, port)
	return s, wrong
}

func (s server) port(given string) (port, wrong string) {
	if given == "" {
		return map[bool]string{true: "636", false: "389"}[s.tls], ""
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 || n > 65535 {
		return "", "Choose a port from 1 to 65535."
	}
	return strconv.Itoa(n), ""
}
