package condition

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"
)

func parseXML(raw []byte) (*xmlquery.Node, error) {
	if !shallow(raw) {
		return nil, errNotXML
	}
	document, err := xmlquery.Parse(bytes.NewReader(raw))
	if err != nil {
		return nil, errNotXML
	}
	return document, nil
}

// shallow tells whether a document is well-formed XML, not deeper than the
// recursive search of it can bear, and without a document type: entities of a
// document's own are how a small one becomes a large one.
func shallow(raw []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(raw))
	depth, elements := 0, 0
	for {
		token, err := d.RawToken()
		if err != nil {
			return errors.Is(err, io.EOF) && depth == 0
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
			elements++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return false
		}
		if depth > maxXMLDepth || depth < 0 || elements > maxElements {
			return false
		}
	}
}

// xpathText is the first node's text, or the number, text or truth that an
// expression such as count(//item) gives. The library panics where a function is
// given what it cannot take, such as contains(a, b).
func xpathText(path *xpath.Expr, document *xmlquery.Node) (text string, found bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("XPath: %v", fault)
		}
	}()
	switch v := path.Evaluate(xmlquery.CreateXPathNavigator(document)).(type) {
	case *xpath.NodeIterator:
		if !v.MoveNext() {
			return "", false, nil
		}
		return v.Current().Value(), true, nil
	case string:
		return v, v != "", nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true, nil
	case bool:
		return strconv.FormatBool(v), true, nil
	default:
		return "", false, fmt.Errorf("an XPath gave a %T", v)
	}
}
