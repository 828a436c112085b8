package engine

import (
	"net/netip"
	"strings"
)

const badHost malformed = "Host is not a host name or address with an optional port"

// normalHost splits a Host field into the name that routes compare (lower
// case, without the dot of a fully qualified name, addresses without
// brackets) and the port. An empty field, as of HTTP/1.0, is the empty name.
func normalHost(raw string) (name, port string, err error) {
	if raw == "" {
		return "", "", nil
	}
	name, port, ok := splitHost(raw)
	if !ok || len(name) > 254 {
		return "", "", badHost
	}
	if raw[0] == '[' {
		ip, err := netip.ParseAddr(name)
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "", badHost
		}
		return ip.String(), port, nil
	}
	name = strings.TrimSuffix(name, ".")
	return lowerHost(name, port)
}

// splitHost cuts the port off. The brackets of an IPv6 address go too.
func splitHost(raw string) (name, port string, ok bool) {
	rest := ""
	if raw[0] == '[' {
		if name, rest, ok = strings.Cut(raw[1:], "]"); !ok {
			return "", "", false
		}
	} else if i := strings.IndexByte(raw, ':'); i >= 0 {
		name, rest = raw[:i], raw[i:]
	} else {
		name = raw
	}
	if rest == "" {
		return name, "", true
	}
	return name, rest[1:], rest[0] == ':' && portDigits(rest[1:])
}

func portDigits(p string) bool {
	for i := range len(p) {
		if p[i] < '0' || p[i] > '9' {
			return false
		}
	}
	return len(p) >= 1 && len(p) <= 5
}

// lowerHost checks the labels of a name. The underscore is no part of a host
// name by the letter, but names of containers and services have it.
func lowerHost(name, port string) (string, string, error) {
	upper, label := false, 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.' && label > 0:
			label = 0
			continue
		case c >= 'A' && c <= 'Z':
			upper = true
		case c == '_' || hostChar(rune(c)):
		default:
			return "", "", badHost
		}
		if label++; label > 63 {
			return "", "", badHost
		}
	}
	if label == 0 {
		return "", "", badHost
	}
	if upper {
		name = strings.ToLower(name)
	}
	return name, port, nil
}

// forwardedHost is the Host field as it is told to the upstream: normal, with
// the port that came. It allocates only where the field was not normal.
func forwardedHost(raw, name, port string) string {
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port == "" {
		return name
	}
	if len(raw) == len(name)+1+len(port) && strings.HasPrefix(raw, name) {
		return raw
	}
	return name + ":" + port
}
