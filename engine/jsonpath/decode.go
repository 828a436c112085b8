package jsonpath

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Why a document is not read. They do not quote it, as it may hold anything.
var (
	ErrNotJSON = errors.New("it is not JSON")
	// ErrAmbiguous: two readers could read it in two ways.
	ErrAmbiguous = errors.New("it repeats a name, nests too deeply or holds a number beyond all bounds")
)

// maxDepth is how deep a document may nest.
const maxDepth = 200

// Decode reads a document. Whole numbers stay whole: an account number of 17
// digits would otherwise change its last one. A repeated name is refused,
// because the reader behind us may take the other one. Errors are ErrNotJSON and
// ErrAmbiguous.
func Decode(raw []byte) (any, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, ErrNotJSON
	}
	p := parser{rest: raw}
	return p.value(0)
}

// parser reads what is known to be valid JSON, so it looks for nothing that
// cannot be. It is here because encoding/json lets repeated names pass, and is
// six times as slow where it is asked token by token.
type parser struct{ rest []byte }

// next skips blanks and returns the byte after them.
func (p *parser) next() byte {
	p.rest = bytes.TrimLeft(p.rest, " \t\r\n")
	return p.rest[0]
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, ErrAmbiguous
	}
	switch p.next() {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.text()
	case 't':
		p.rest = p.rest[len("true"):]
		return true, nil
	case 'f':
		p.rest = p.rest[len("false"):]
		return false, nil
	case 'n':
		p.rest = p.rest[len("null"):]
		return nil, nil
	}
	return p.number()
}

// more takes the bracket or comma before an element; false at the end.
func (p *parser) more(end byte) bool {
	p.rest = p.rest[1:]
	if p.next() != end {
		return true
	}
	p.rest = p.rest[1:]
	return false
}

// another tells whether a comma follows; the end is taken.
func (p *parser) another() bool {
	comma := p.next() == ','
	p.rest = p.rest[1:]
	return comma
}

func (p *parser) object(depth int) (any, error) {
	members := map[string]any{}
	for more := p.more('}'); more; more = p.another() {
		p.next()
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if _, again := members[name]; again {
			return nil, ErrAmbiguous
		}
		p.next()
		p.rest = p.rest[1:] // the colon
		if members[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func (p *parser) array(depth int) (any, error) {
	list := []any{}
	for more := p.more(']'); more; more = p.another() {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (p *parser) text() (string, error) {
	escaped := false
	for i := 1; ; i++ {
		switch p.rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			raw := p.rest[:i+1]
			p.rest = p.rest[i+1:]
			if !escaped {
				return string(raw[1:i]), nil
			}
			var text string
			err := json.Unmarshal(raw, &text)
			return text, err
		}
	}
}

func (p *parser) number() (any, error) {
	end := bytes.IndexAny(p.rest, ",]} \t\r\n")
	if end < 0 {
		end = len(p.rest)
	}
	text := string(p.rest[:end])
	p.rest = p.rest[end:]
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, ErrAmbiguous // larger than any number: 1e999
	}
	return f, nil
}
