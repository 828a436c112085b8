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
	var kept strings.Builder
	for query != "" {
		end := strings.IndexAny(query, "&;")
		part, mark := query, ""
		if end >= 0 {
			part, mark, query = query[:end], query[end:end+1], query[end+1:]
		} else {
			query = ""
		}
		if parameterName(part) != name {
			kept.WriteString(part + mark)
		}
	}
	return strings.TrimRight(kept.String(), "&;")
}

func parameterName(part string) string {
	raw, _, _ := strings.Cut(part, "=")
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
