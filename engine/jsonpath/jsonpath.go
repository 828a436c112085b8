// Package jsonpath owns the JSONPath (RFC 9535) that people write in policies and
// identity sources: which ones cost a bounded number of steps, and what they
// find in a document.
package jsonpath

import (
	"encoding/json"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// MaxLength is how many bytes a path may have.
const MaxLength = 256

// Mistake is why a path is refused, as a sentence for whoever typed it.
type Mistake string

// Error implements error.
func (m Mistake) Error() string { return string(m) }

const (
	mistakePath  = Mistake("Write a JSONPath such as $.user.name.")
	mistakeHeavy = Mistake("Write a simpler JSONPath: at most one .., one union and one filter, with no $ inside the filter.")
	mistakeLong  = Mistake("Shorten the JSONPath to 256 bytes.")
)

// Path is a compiled JSONPath. The zero Path finds nothing.
type Path struct{ expr jp.Expr }

// IsZero tells that there is no path.
func (p Path) IsZero() bool { return p.expr == nil }

// Compile reads a JSONPath that costs a bounded number of steps for each value
// of a document. Parts that search everything multiply: $..*..*..* over a
// document of a megabyte would never end. Errors are a Mistake.
func Compile(text string) (Path, error) {
	if len(text) > MaxLength {
		return Path{}, mistakeLong
	}
	if !strings.HasPrefix(text, "$") {
		return Path{}, mistakePath
	}
	expr, err := jp.ParseString(text)
	if err != nil {
		return Path{}, mistakePath
	}
	if err := bounded(text, expr); err != nil {
		return Path{}, err
	}
	return Path{expr}, nil
}

func bounded(text string, expr jp.Expr) error {
	unions, filters := 0, 0
	for _, frag := range expr {
		switch frag.(type) {
		case jp.Root, jp.Bracket, jp.Child, jp.Nth, jp.Slice, jp.Wildcard, jp.Descent:
		case jp.Union:
			unions++
		case *jp.Filter:
			filters++
		default:
			return mistakePath
		}
	}
	// Counted in the text: a filter has paths of its own inside.
	if strings.Count(text, "..") > 1 || unions > 1 || filters > 1 || filters == 1 && !modest(text) {
		return mistakeHeavy
	}
	return nil
}

// modest tells whether a filter looks at the one value only that it is about.
func modest(text string) bool {
	return strings.Count(text, "?") == 1 && strings.LastIndex(text, "$") == 0
}

// Values are what the path finds in a document that Decode read, without nulls:
// a missing value and null mean the same to everything here.
func (p Path) Values(document any) []any {
	var out []any
	for _, v := range p.expr.Get(document) {
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

// Text is a value as people compare it: a text as it is, the rest as JSON.
func Text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}
