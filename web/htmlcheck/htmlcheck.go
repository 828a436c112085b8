// Package htmlcheck reads rendered HTML in tests and finds elements by selector, so that a test says what a user or a
// screen reader meets ("one label for this field, with this text") and not how the markup happens to be written.
//
// Selectors are the common part of CSS: tag, #id, .class, [attr], [attr=value], [attr^=value], [attr$=value],
// [attr*=value], [attr~=value], joined by a blank (descendant) or ">" (child), with "," between alternatives. Values may
// be quoted.
package htmlcheck

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"
)

// Node is an element of a document, or the whole of it.
type Node struct{ node *html.Node }

// Render renders a templ component and parses it.
func Render(t testing.TB, c templ.Component) Node {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatalf("render: %v", err)
	}
	return Parse(t, strings.NewReader(b.String()))
}

// Parse reads a page or a fragment the way a browser does.
func Parse(t testing.TB, r io.Reader) Node {
	t.Helper()
	root, err := html.Parse(r)
	if err != nil {
		t.Fatalf("parse HTML: %v", err)
	}
	return Node{root}
}

// All finds every element below n that the selector matches, in document order.
func (n Node) All(selector string) []Node {
	alternatives, err := parseSelector(selector)
	if err != nil {
		panic("htmlcheck: " + err.Error()) // a mistake in the test itself
	}
	var found []Node
	for e := range n.node.Descendants() {
		if e.Type == html.ElementNode && matchesAny(alternatives, e, n.node) {
			found = append(found, Node{e})
		}
	}
	return found
}

// One finds the only element that the selector matches; none or several fail the test.
func (n Node) One(t testing.TB, selector string) Node {
	t.Helper()
	found := n.All(selector)
	if len(found) != 1 {
		t.Fatalf("%d elements match %q, want one, in:\n%s", len(found), selector, n.HTML())
	}
	return found[0]
}

// Has says whether anything below n matches.
func (n Node) Has(selector string) bool { return len(n.All(selector)) > 0 }

// Texts are the texts of all elements that match.
func (n Node) Texts(selector string) []string {
	var texts []string
	for _, e := range n.All(selector) {
		texts = append(texts, e.Text())
	}
	return texts
}

// Text is what the element says, with runs of white space made one blank.
func (n Node) Text() string {
	var b strings.Builder
	for e := range n.node.Descendants() {
		if e.Type == html.TextNode {
			b.WriteString(e.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Raw is the text of the element as it stands, such as that of a textarea.
func (n Node) Raw() string {
	var b strings.Builder
	for e := range n.node.Descendants() {
		if e.Type == html.TextNode {
			b.WriteString(e.Data)
		}
	}
	return b.String()
}

// Attr is an attribute's value, "" when it is not there.
func (n Node) Attr(name string) string {
	value, _ := attribute(n.node, name)
	return value
}

// HasAttr says whether the attribute is there, with or without a value.
func (n Node) HasAttr(name string) bool {
	_, ok := attribute(n.node, name)
	return ok
}

// Attrs are all attributes by name.
func (n Node) Attrs() map[string]string {
	all := map[string]string{}
	for _, a := range n.node.Attr {
		all[a.Key] = a.Val
	}
	return all
}

// Tag is the element's name in lower case.
func (n Node) Tag() string { return n.node.Data }

// ByID finds the element with the id.
func (n Node) ByID(t testing.TB, id string) Node {
	t.Helper()
	return n.One(t, `[id="`+id+`"]`)
}

// DescribedBy is the text of everything that aria-describedby of the element names, looked up in doc; an id that is
// not there fails the test.
func (n Node) DescribedBy(t testing.TB, doc Node) string {
	t.Helper()
	var texts []string
	for _, id := range strings.Fields(n.Attr("aria-describedby")) {
		texts = append(texts, doc.ByID(t, id).Text())
	}
	return strings.Join(texts, " ")
}

// HTML is the element written out again, for messages.
func (n Node) HTML() string {
	var b strings.Builder
	_ = html.Render(&b, n.node) // a strings.Builder does not fail
	return b.String()
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}
