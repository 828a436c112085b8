package apispec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/oasdiff/yaml3"
)

// node is a value of the document. JSON becomes the tree that YAML has, so that
// both are read by the same code and in the order in which they are written.
type node = yaml.Node

// Bounds of a tree. A document of a megabyte cannot come near to maxNodes without
// aliases that stand for one another; and what people write is less than twenty
// levels deep.
const (
	maxDepth = 100
	maxNodes = 1 << 20
)

// parse is the document as a tree within its bounds, or what is wrong with it.
func parse(document []byte) (*node, string) {
	if len(document) > MaxDocument {
		return nil, fmt.Sprintf("The document has more than %d MiB. Leave out examples and schemas; they are not needed here.", MaxDocument>>20)
	}
	document = bytes.TrimSpace(bytes.TrimPrefix(document, []byte("\ufeff")))
	switch {
	case len(document) == 0:
		return nil, "Give a document: it is empty."
	case !utf8.Valid(document):
		return nil, "The document is not text in UTF-8."
	case document[0] == '<':
		return nil, "This is a web page or XML; give the document itself, in JSON or YAML."
	}
	root, why := tree(document)
	if why != "" {
		return nil, why
	}
	left := maxNodes
	return root, bounded(root, 0, &left)
}

func tree(document []byte) (*node, string) {
	if document[0] == '{' {
		return ofJSON(document)
	}
	var n node
	if err := yaml.Unmarshal(document, &n); err != nil {
		return nil, "It cannot be read as YAML: " + shown(strings.TrimPrefix(err.Error(), "yaml: ")) + "."
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return nil, "Give a document: it is empty."
	}
	return n.Content[0], ""
}

// bounded says how a tree is out of bounds, or "". An alias counts as what it
// stands for each time, so that a few lines which stand for billions of values are
// refused, and an alias inside of what it stands for is too deep.
func bounded(n *node, depth int, left *int) string {
	if *left--; *left < 0 {
		return "The document stands for more values than can be read: aliases repeat one another."
	}
	if depth > maxDepth {
		return tooDeep
	}
	if n.Kind == yaml.AliasNode {
		return bounded(n.Alias, depth+1, left)
	}
	for _, child := range n.Content {
		if why := bounded(child, depth+1, left); why != "" {
			return why
		}
	}
	return ""
}

var (
	tooDeep  = fmt.Sprintf("The document is nested more than %d levels deep.", maxDepth)
	errDepth = errors.New("too deep")
)

func ofJSON(document []byte) (*node, string) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	root, err := value(d, 0)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return root, ""
		}
		err = errors.New("there is more after its end")
	}
	if errors.Is(err, errDepth) {
		return nil, tooDeep
	}
	line := 1 + bytes.Count(document[:d.InputOffset()], []byte("\n"))
	return nil, fmt.Sprintf("It cannot be read as JSON, line %d: %s.", line, shown(err.Error()))
}

// value reads one value; a Decoder keeps the order of members, which a map would
// lose.
func value(d *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		return composite(d, t, depth)
	case nil:
		return &node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
	}
	return &node{Kind: yaml.ScalarNode, Tag: "!!str", Value: fmt.Sprint(t)}, nil
}

// composite reads the rest of an object or of a list. A name is a token like any
// other, so names and values alternate by themselves.
func composite(d *json.Decoder, open json.Delim, depth int) (*node, error) {
	n := &node{Kind: yaml.SequenceNode}
	if open == '{' {
		n.Kind = yaml.MappingNode
	}
	for d.More() {
		child, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err := d.Token() // the end
	return n, err
}
