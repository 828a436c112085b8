package apispec

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// Bounds of words in characters. A summary of an endpoint is one line of a form
// that may have thousands of them.
const (
	maxShown   = 200
	maxSummary = 200
	maxSlug    = 60
)

// unnamed is the name of what gives none that a proxy could have.
const unnamed = "API"

// nameOf makes a title fit for a name.
func nameOf(title string) string {
	title = strings.Map(func(c rune) rune {
		switch {
		case c == '/' || c == '\\':
			return '-'
		case unicode.IsSpace(c):
			return ' '
		case problem.Invisible(c) || c == utf8.RuneError:
			return -1
		}
		return c
	}, title)
	name := strings.TrimSpace(cut(strings.Join(strings.Fields(title), " "), problem.MaxName))
	if problem.Name(name) != "" {
		return unnamed
	}
	return name
}

// pathOfName is a base path made of a name.
func pathOfName(name string) string {
	slug := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return ' '
	}, strings.ToLower(name))
	path := "/" + cut(strings.Join(strings.Fields(slug), "-"), maxSlug)
	if engine.BasePathProblem(path) != "" {
		return "/api" + strings.TrimSuffix("-"+path[1:], "-")
	}
	return path
}

func descriptionOf(text string) string {
	return cut(strings.TrimSpace(plain(text)), problem.MaxDescription)
}

// summaryOf is the first of the texts that says something, its first line.
func summaryOf(texts ...string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(plain(firstOf(texts...))), "\n")
	return cut(strings.TrimSpace(line), maxSummary)
}

// firstOf is the first text that is not blank.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return ""
}

// plain takes out what no description may have.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
}

// shown is text of the document as a message may repeat it.
func shown(text string) string {
	return cut(strings.Map(func(c rune) rune {
		if problem.Invisible(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?")), maxShown)
}

func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// template is a path as endpoints write it: what stands in braces is only a name,
// so characters that ours cannot have become "_".
func template(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if n := len(s); n > 2 && s[0] == '{' && s[n-1] == '}' && !strings.ContainsAny(s[1:n-1], "{}") {
			segments[i] = "{" + strings.Map(parameterRune, s[1:n-1]) + "}"
		}
	}
	return strings.Join(segments, "/")
}

func parameterRune(c rune) rune {
	if c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c)) || strings.ContainsRune("-._~", c) {
		return c
	}
	return '_'
}

// place is where an operation stands in the document, or a path without a method.
func place(path, method string) string {
	field := "paths[" + shown(path) + "]"
	if method != "" {
		field += "." + strings.ToLower(method)
	}
	return field
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
