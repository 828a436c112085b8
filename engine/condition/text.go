package condition

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// compare decides about two values that are there.
type compare func(value, second string) (bool, error)

// fixed decides about a value, the second one being known when compiled.
type fixed func(value string) (bool, error)

// texts of the positive operators without a list.
var textCompare = map[Operator]func(value, second string) bool{
	Equal:          func(v, s string) bool { return v == s },
	Less:           func(v, s string) bool { return v < s },
	LessOrEqual:    func(v, s string) bool { return v <= s },
	Greater:        func(v, s string) bool { return v > s },
	GreaterOrEqual: func(v, s string) bool { return v >= s },
	Contains:       strings.Contains,
	StartsWith:     strings.HasPrefix,
	EndsWith:       strings.HasSuffix,
	EqualFold:      strings.EqualFold,
	ContainsFold:   containsFold,
	StartsWithFold: hasPrefixFold,
	EndsWithFold:   hasSuffixFold,
	In:             inList(func(v, s string) bool { return v == s }),
	InFold:         inList(strings.EqualFold),
}

// listSeparator stands between the elements of a list.
const listSeparator = "#"

// elements are those of a list, without empty ones: some lists of older
// documents begin with the separator.
func elements(list string) []string {
	var out []string
	for e := range strings.SplitSeq(list, listSeparator) {
		if e = strings.TrimSpace(e); e != "" {
			out = append(out, e)
		}
	}
	return out
}

func inList(equal func(a, b string) bool) func(value, list string) bool {
	return func(value, list string) bool {
		for e := range strings.SplitSeq(list, listSeparator) {
			if e = strings.TrimSpace(e); e != "" && equal(value, e) {
				return true
			}
		}
		return false
	}
}

// fixedText compiles a positive operator on texts.
func fixedText(o Operator, second string) (fixed, error) {
	switch o {
	case MatchesPath:
		p := compilePattern(second)
		return func(v string) (bool, error) { return p.matches(v), nil }, nil
	case MatchesRegex:
		re, err := regexp.Compile(second)
		if err != nil {
			return nil, errRegex
		}
		return func(v string) (bool, error) { return re.MatchString(v), nil }, nil
	case In:
		return fixedList(elements(second)), nil
	case InFold:
		list := elements(second)
		return func(v string) (bool, error) {
			return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(v, e) }), nil
		}, nil
	}
	test := textCompare[o]
	return func(v string) (bool, error) { return test(v, second), nil }, nil
}

// fewElements are found faster one by one than by a hash.
const fewElements = 8

func fixedList(list []string) fixed {
	if len(list) <= fewElements {
		return func(v string) (bool, error) { return slices.Contains(list, v), nil }
	}
	set := make(map[string]struct{}, len(list))
	for _, e := range list {
		set[e] = struct{}{}
	}
	return func(v string) (bool, error) {
		_, ok := set[v]
		return ok, nil
	}
}

// hasPrefixFold compares letter by letter, by the same folding as EqualFold. A
// letter and its other case need not have the same length in bytes.
func hasPrefixFold(text, prefix string) bool {
	for prefix != "" {
		if text == "" {
			return false
		}
		t, n := utf8.DecodeRuneInString(text)
		p, m := utf8.DecodeRuneInString(prefix)
		if t != p && fold(t) != fold(p) {
			return false
		}
		text, prefix = text[n:], prefix[m:]
	}
	return true
}

func hasSuffixFold(text, suffix string) bool {
	for suffix != "" {
		if text == "" {
			return false
		}
		t, n := utf8.DecodeLastRuneInString(text)
		s, m := utf8.DecodeLastRuneInString(suffix)
		if t != s && fold(t) != fold(s) {
			return false
		}
		text, suffix = text[:len(text)-n], suffix[:len(suffix)-m]
	}
	return true
}

func containsFold(text, part string) bool {
	for {
		if hasPrefixFold(text, part) {
			return true
		}
		if text == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(text)
		text = text[n:]
	}
}

// fold is the least rune that is the same letter.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		// The Kelvin sign and the long s fold to K and S, which are less.
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
