package fault

import "strings"

// places follows a template's text and tells where a value may stand, so that a
// template that is sound with one value is sound with every value.
type places interface {
	// read goes on over literal text, put over a value.
	read(text string)
	put()
	// takes says why no value may stand here, before the character next; "" when
	// one may.
	takes(next byte) string
	// bare tells that a text needs quotation marks here.
	bare() bool
}

func (k kind) places() places {
	switch k {
	case inJSON:
		return &jsonPlaces{}
	case inXML:
		return &markupPlaces{}
	case inHTML:
		return &markupPlaces{html: true}
	}
	return anywhere{}
}

// anywhere is plain text.
type anywhere struct{}

func (anywhere) read(string)       {}
func (anywhere) put()              {}
func (anywhere) takes(byte) string { return "" }
func (anywhere) bare() bool        { return false }

// jsonPlaces knows whether a string is open and whether an escape is.
type jsonPlaces struct {
	inString bool
	escape   int  // characters that still belong to an escape
	last     byte // the last character outside strings
}

func (j *jsonPlaces) read(text string) {
	for i := range len(text) {
		c := text[i]
		switch {
		case !j.inString:
			j.inString, j.last = c == '"', c
		case j.escape == 1 && c == 'u' && (i > 0 && text[i-1] == '\\'):
			j.escape = 4
		case j.escape > 0:
			j.escape--
		case c == '\\':
			j.escape = 1
		case c == '"':
			j.inString, j.last = false, c
		}
	}
}

func (j *jsonPlaces) put() {
	if !j.inString {
		j.last = '#'
	}
}

func (j *jsonPlaces) bare() bool { return !j.inString }

const jsonBefore, jsonAfter = ":,[ \t\r\n\x00", ",]} \t\r\n\x00"

func (j *jsonPlaces) takes(next byte) string {
	switch {
	case j.escape > 0:
		return "the backslash before it belongs to what follows"
	case !j.inString && (!strings.ContainsRune(jsonBefore, rune(j.last)) || !strings.ContainsRune(jsonAfter, rune(next))):
		return "outside quotation marks it must be a value of its own"
	}
	return ""
}

// markupPlaces reads XML and HTML as far as it takes to find text and quoted
// attributes.
type markupPlaces struct {
	html bool
	in   string // what is open: "", "<", `"`, "'", "<!--", "<![CDATA[", "<?", "<!", "<script"
	tag  string // the text of the open tag so far, for its name
	rest string // what may still become the end or the begin of something
}

func (m *markupPlaces) read(text string) {
	for i := range len(text) {
		m.rest += text[i : i+1]
		if len(m.rest) > 16 {
			m.rest = m.rest[1:]
		}
		m.step(text[i])
	}
}

// ends close what is open.
var ends = map[string]string{"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>", "<!": ">", "<script": "</script", "<style": "</style"}

func (m *markupPlaces) step(c byte) {
	switch m.in {
	case "":
		if c == '<' {
			m.in, m.tag = "<", ""
		}
	case "<":
		m.inTag(c)
	case `"`, "'":
		if c == m.in[0] {
			m.in = "<"
		}
	default:
		if strings.HasSuffix(strings.ToLower(m.rest), ends[m.in]) {
			m.closed()
		}
	}
}

func (m *markupPlaces) closed() {
	if strings.HasPrefix(ends[m.in], "</") {
		m.in, m.tag = "<", "/"
		return
	}
	m.in = ""
}

func (m *markupPlaces) inTag(c byte) {
	m.tag += string(c)
	switch {
	case m.tag == "!--", m.tag == "![CDATA[", m.tag == "?":
		m.in = "<" + m.tag
	case m.tag[0] == '!' && len(m.tag) > 1 && !strings.HasPrefix("!--", m.tag) && !strings.HasPrefix("![CDATA[", m.tag):
		m.in = "<!"
		if c == '>' {
			m.in = ""
		}
	case c == '"' || c == '\'':
		m.in = string(c)
	case c == '>':
		m.in = m.opened()
	}
}

// opened is what a tag leaves open: HTML reads scripts and styles otherwise.
func (m *markupPlaces) opened() string {
	name := strings.ToLower(m.tag)
	for _, raw := range []string{"script", "style"} {
		if rest, ok := strings.CutPrefix(name, raw); m.html && ok && strings.ContainsAny(rest[:1], "> \t\r\n/") {
			return "<" + raw
		}
	}
	return ""
}

func (m *markupPlaces) put()       { m.rest = "" }
func (m *markupPlaces) bare() bool { return false }

func (m *markupPlaces) takes(byte) string {
	switch m.in {
	case "", `"`, "'":
		return ""
	case "<":
		return "inside a tag it must be in the quotation marks of an attribute"
	}
	return "it may stand in text and in attributes, not in a comment, a script or a section of its own"
}
