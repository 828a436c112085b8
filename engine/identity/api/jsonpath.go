package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
)

const maxPath = 256 // bytes of a JSONPath

const (
	mistakePath  = mistake("Write a JSONPath such as $.user.name.")
	mistakeHeavy = mistake("Write a simpler JSONPath: at most one .., one union and one filter, with no $ inside the filter.")
	mistakeLong  = mistake("Shorten the JSONPath to 256 bytes.")
)

// path is a compiled JSONPath (RFC 9535).
type path struct{ expr jp.Expr }

// compilePath reads a JSONPath that costs a bounded number of steps for each
// value of a document. Parts that search everything multiply: $..*..*..* over
// an answer of a megabyte would never end.
func compilePath(text string) (path, error) {
	if len(text) > maxPath {
		return path{}, mistakeLong
	}
	if !strings.HasPrefix(text, "$") {
		return path{}, mistakePath
	}
	expr, err := jp.ParseString(text)
	if err != nil {
		return path{}, mistakePath
	}
	return path{expr}, bounded(text, expr)
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

// values are what the path finds, without nulls: a missing value and null mean
// the same to everything here.
func (p path) values(document any) []any {
	var out []any
	for _, v := range p.expr.Get(document) {
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

// decode reads an answer. Whole numbers stay whole: an account number of 17
// digits would otherwise change its last one.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errNotJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return numbers(v)
}

// errNotJSON does not quote the answer, which may hold anything.
var errNotJSON = errors.New("the answer is not JSON")

func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, errNotJSON // larger than any number: 1e999
		}
		return f, nil
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// asText is a value as people compare it: a text as it is, the rest as JSON.
func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}
