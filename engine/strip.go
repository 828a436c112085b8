package engine

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/wire"
)

// dropParameter removes a parameter from a query, in whatever encoding its name
// stands, and leaves every other byte as it is. Some backends take a semicolon
// for a separator, so it counts as one here.
func dropParameter(query, name string) string {
	if !hasParameter(query, name) { // as nearly always, and then at no cost
		return query
	}
	var kept strings.Builder
	for rest := query; rest != ""; {
		var part string
		if part, rest = cutParameter(rest); parameterName(part) != name {
			kept.WriteString(part)
		}
	}
	return strings.TrimRight(kept.String(), "&;")
}

func hasParameter(query, name string) bool {
	for query != "" {
		var part string
		if part, query = cutParameter(query); parameterName(part) == name {
			return true
		}
	}
	return false
}

// cutParameter takes the first parameter off a query, with its separator.
func cutParameter(query string) (part, rest string) {
	if i := strings.IndexAny(query, "&;"); i >= 0 {
		return query[:i+1], query[i+1:]
	}
	return query, ""
}

func parameterName(part string) string {
	raw, _, _ := strings.Cut(strings.TrimRight(part, "&;"), "=")
	if name, err := url.QueryUnescape(raw); err == nil {
		return name
	}
	return raw
}

// dropCookie removes the cookies of one name from the Cookie fields.
func dropCookie(f *wire.Fields, name string) {
	if !f.Has("Cookie") {
		return
	}
	lines := slices.Clone(f.Values("Cookie"))
	f.Del("Cookie")
	for _, line := range lines {
		if rest := withoutCookie(line, name); rest != "" {
			f.Add("Cookie", rest)
		}
	}
}

func withoutCookie(field, name string) string {
	var kept []string
	for _, pair := range strings.Split(field, ";") {
		key, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.TrimSpace(key) != name && strings.TrimSpace(pair) != "" {
			kept = append(kept, strings.TrimSpace(pair))
		}
	}
	return strings.Join(kept, "; ")
}
