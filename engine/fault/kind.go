package fault

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"
)

// kind is the language that a template is written in. It decides how values are
// escaped, so that no caller can write into the answer.
type kind int

const (
	plain kind = iota
	inJSON
	inXML
	inHTML
)

// kindOf reads a content type; others are refused, as nobody would know how
// values are escaped in them. All are UTF-8.
func kindOf(contentType string) (kind, bool) {
	if contentType == "" {
		return inJSON, true
	}
	t, params, err := mime.ParseMediaType(contentType)
	if charset, given := params["charset"]; err != nil || given && !strings.EqualFold(charset, "utf-8") {
		return 0, false
	}
	switch {
	case t == "application/json", strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json"):
		return inJSON, true
	case t == "application/xhtml+xml", t == "text/html":
		return inHTML, true
	case t == "application/xml", t == "text/xml", strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+xml"):
		return inXML, true
	case t == "text/plain":
		return plain, true
	}
	return 0, false
}

// escaped is text as it may stand inside a JSON string, or in XML as content or
// a quoted attribute.
func (k kind) escaped(text string) string {
	if k == plain {
		return text
	}
	if !strings.ContainsFunc(text, special) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	for _, r := range text {
		if k == inJSON {
			escapeJSON(&b, r)
		} else {
			escapeXML(&b, r)
		}
	}
	return b.String()
}

// special also finds what broken UTF-8 reads as.
func special(r rune) bool {
	return r < ' ' || strings.ContainsRune(`"'\<>&`, r) || r >= 0x7f && (r < 0xa0 || r >= 0x2028 && r <= 0x2029 || r >= 0xfffd && r <= 0xffff)
}

func escapeJSON(b *strings.Builder, r rune) {
	switch {
	case r == '"' || r == '\\':
		b.WriteByte('\\')
		b.WriteRune(r)
	case r == '\n':
		b.WriteString(`\n`)
	case r < ' ' || r == '<' || r == '>' || r == '&' || r == 0x7f || r == 0x2028 || r == 0x2029:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		b.WriteRune(r)
	}
}

var entities = map[rune]string{'"': "&quot;", '\'': "&apos;", '<': "&lt;", '>': "&gt;", '&': "&amp;"}

// escapeXML replaces what XML 1.0 cannot hold at all (section 2.2).
func escapeXML(b *strings.Builder, r rune) {
	switch entity := entities[r]; {
	case entity != "":
		b.WriteString(entity)
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
		b.WriteRune(utf8.RuneError)
	default:
		b.WriteRune(r)
	}
}

func isJSON(text string) bool { return json.Valid([]byte(text)) }

// unsound says what is wrong with a body of the kind, or "".
func (k kind) unsound(body []byte) string {
	switch k {
	case inJSON:
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return "This is not valid JSON: " + jsonError(body, err) + "."
		}
	case inXML:
		if err := checkXML(body); err != nil {
			return "This is not well-formed XML: " + strings.TrimPrefix(err.Error(), "XML syntax error on ") + "."
		}
	}
	return ""
}

// jsonError names the line, as people count them.
func jsonError(body []byte, err error) string {
	var at *json.SyntaxError
	if !errors.As(err, &at) {
		return err.Error()
	}
	before := body[:min(int(at.Offset), len(body))]
	return fmt.Sprintf("%v in line %d", at, 1+bytes.Count(before, []byte("\n")))
}

var (
	errManyRoots = errors.New("it needs exactly one outermost element")
	errDoctype   = errors.New("leave out the document type")
)

func checkXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	depth, roots := 0, 0
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && roots == 1:
			return nil
		case errors.Is(err, io.EOF):
			return errManyRoots
		case err != nil:
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return errDoctype
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return errManyRoots
			}
		}
	}
}
