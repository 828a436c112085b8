// Package ui is the kit that every page is put together from: buttons, fields, tables, dialogs and the like.
//
// A part takes plain parameters or one small struct, knows nothing of policies or proxies, and works as plain HTML:
// forms post, links lead somewhere. Behaviour that JavaScript adds hangs on data- attributes and is written once in
// assets/js. A part draws no outer margin; what surrounds it decides on the space.
package ui

import (
	"strconv"
	"strings"
)

// Tone is what a colour means. It never stands alone: a word or a shape says the same.
type Tone string

// The tones. The zero value is neutral.
const (
	ToneNeutral Tone = ""
	ToneInfo    Tone = "info"
	ToneSuccess Tone = "success"
	ToneWarning Tone = "warning"
	ToneDanger  Tone = "danger"
)

// modifier is the class that gives the block its tone, such as "Callout--warning"; empty for neutral.
func (t Tone) modifier(block string) string {
	if t == ToneNeutral {
		return ""
	}
	return block + "--" + string(t)
}

// icon is the picture that goes with the tone.
func (t Tone) icon() string {
	switch t {
	case ToneSuccess:
		return "success"
	case ToneWarning:
		return "warning"
	case ToneDanger:
		return "danger"
	default:
		return "info"
	}
}

// word says the tone to those who do not see its colour or its icon.
func (t Tone) word() string {
	switch t {
	case ToneSuccess:
		return "Done"
	case ToneWarning:
		return "Warning"
	case ToneDanger:
		return "Problem"
	default:
		return "Note"
	}
}

// slug turns a field name such as "backends[0].url" into something an id may be made of.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, name), "-")
}

// word chooses between two texts.
func word(yes bool, ifYes, ifNo string) string {
	if yes {
		return ifYes
	}
	return ifNo
}

// plural is a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
