package condition

import (
	"regexp"
	"strings"

	"github.com/antchfx/xpath"
)

// The bounds of XML. With them and with what compileXPath refuses, the time of a
// rule grows with the depth and the size of a document and not with their square:
// BenchmarkHardXPath.
const (
	maxXMLDepth = 50
	maxElements = 20_000
	maxXPath    = 256 // bytes
)

// advice is an error whose text is a sentence for who wrote the XPath.
type advice string

func (a advice) Error() string { return string(a) }

// compileXPath refuses what takes long over a large document: a caller's
// megabyte would keep it busy for minutes.
func compileXPath(text string) (*xpath.Expr, error) {
	bare := xpathLiteral.ReplaceAllString(text, "''")
	switch {
	case len(text) > maxXPath:
		return nil, advice("Shorten the XPath to 256 bytes.")
	case strings.Count(bare, "//") > 1 || strings.Count(bare, "[") > 2 || walksBack.MatchString(bare):
		return nil, advice("Write a simpler XPath: at most one // and two predicates, without axes, .., last() and position().")
	case walksAcross(bare):
		return nil, advice("Write a simpler XPath: without | and, in predicates, without /. Compare with a text or a number, such as [currency='EUR'].")
	}
	expr, err := xpath.Compile(text)
	if err != nil {
		return nil, advice("Write an XPath such as /order/customer/@id.")
	}
	return expr, nil
}

var xpathLiteral = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// walksBack finds what makes the library go through the neighbours of every node.
var walksBack = regexp.MustCompile(`::|\.\.|\b(last|position)\s*\(`)

// A comparison of two paths compares every node of one with every node of the
// other; with a text or a number on one side it is as long as the other.
var (
	xpathComparison = regexp.MustCompile(`[=<>]+|!=`)
	endsInValue     = regexp.MustCompile(`(''|[\s\[(,=<>]\d+(\.\d+)?)\s*$`)
	beginsWithValue = regexp.MustCompile(`^\s*(''|-?\d)`)
)

// walksAcross finds what makes the library go through the document, or a large
// part of it, once for every node: a path from the top in a predicate, a union,
// a comparison of two paths.
func walksAcross(bare string) bool {
	depth := 0
	for _, c := range bare {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '|' || c == '/' && depth > 0:
			return true
		}
	}
	for _, at := range xpathComparison.FindAllStringIndex(bare, -1) {
		if !endsInValue.MatchString(bare[:at[0]]) && !beginsWithValue.MatchString(bare[at[1]:]) {
			return true
		}
	}
	return false
}
