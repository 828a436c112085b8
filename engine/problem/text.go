package problem

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names and descriptions. They count characters, not bytes.
const (
	MaxName        = 255
	MaxDescription = 1000
)

// Name says what is wrong with name as the name of a thing that people and
// URLs address, or "". Whether it is free only the store knows.
func Name(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "Enter a name."
	case name != strings.TrimSpace(name):
		return "Remove the blank at the start or end of the name."
	case utf8.RuneCountInString(name) > MaxName:
		return fmt.Sprintf("Shorten the name to %d characters; it has %d.", MaxName, utf8.RuneCountInString(name))
	case strings.ContainsAny(name, "/\\"):
		return "Remove the slash: a name is one segment of an address."
	case name == "." || name == "..":
		return "Choose another name: dots alone cannot be addressed."
	case !utf8.ValidString(name) || strings.ContainsFunc(name, Invisible):
		return "Remove the control characters from the name."
	}
	return ""
}

// Description says what is wrong with free text about a thing, or "".
func Description(text string) string {
	if n := utf8.RuneCountInString(text); n > MaxDescription {
		return fmt.Sprintf("Shorten the description to %d characters; it has %d.", MaxDescription, n)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, forbiddenControl) {
		return "Remove the control characters from the description."
	}
	return ""
}

// forbiddenControl allows the line breaks and tabs of ordinary prose.
func forbiddenControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
}

// Invisible tells control characters, and also format characters: a name with a
// bidirectional override reads as another name (Trojan Source), and line
// separators, which break logs and lists.
func Invisible(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}
