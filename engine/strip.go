package engine

import (
	"net/http"
	"net/url"
	"strings"
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
func dropCookie(h http.Header, name string) {
	fields := h["Cookie"]
	kept := fields[:0:0]
	for _, field := range fields {
		if rest := withoutCookie(field, name); rest != "" {
			kept = append(kept, rest)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
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
