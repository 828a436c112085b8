package fault

import (
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
)

// A template is text with placeholders: #FAULTCODE#, #{request.method} and
// ${ENVIRONMENT_VARIABLE} (reference 3.9).

// piece is a part of a template: text as it stands, or something to be put in.
type piece struct {
	text        string // as it is written
	value       *value
	environment string // the NAME of ${NAME}
}

func (p *piece) literal() bool { return p.value == nil && p.environment == "" }

// split cuts a template into its pieces. What looks like a placeholder and is
// none comes back as a sentence for each.
func split(text string) (pieces []piece, wrong []string) {
	literal := 0
	for i := 0; i < len(text); {
		p, ok, why := placeholderAt(text[i:])
		if why != "" {
			wrong = append(wrong, why)
		}
		if !ok {
			i += max(1, len(p.text)) // an unknown one is read over whole
			continue
		}
		if literal < i {
			pieces = append(pieces, piece{text: text[literal:i]})
		}
		pieces = append(pieces, p)
		i += len(p.text)
		literal = i
	}
	if literal < len(text) {
		pieces = append(pieces, piece{text: text[literal:]})
	}
	return pieces, wrong
}

func placeholderAt(text string) (p piece, ok bool, why string) {
	switch {
	case strings.HasPrefix(text, "#{"):
		return expressionAt(text)
	case text[0] == '#':
		return shortAt(text)
	case strings.HasPrefix(text, "${"):
		name, _, closed := strings.Cut(text[2:], "}")
		if closed && condition.EnvironmentName(name) {
			return piece{text: text[:len(name)+3], environment: name}, true, ""
		}
	}
	return piece{}, false, ""
}

// expressionAt reads #{...}.
func expressionAt(text string) (p piece, ok bool, why string) {
	inside, _, closed := strings.Cut(text[2:], "}")
	if !closed {
		return piece{}, false, "Close the placeholder that begins with #{ by a }."
	}
	p.text = text[:len(inside)+3]
	v, err := expression(strings.TrimSpace(inside))
	if err != nil {
		return p, false, fmt.Sprintf("There is no placeholder %s: %v.", clip(p.text, 60), err)
	}
	p.value = v
	return p, true, ""
}

// shortAt reads #NAME#. Anything else after a number sign stands for itself.
func shortAt(text string) (p piece, ok bool, why string) {
	n := 1
	for n < len(text) && (text[n] >= 'A' && text[n] <= 'Z' || text[n] == '_') {
		n++
	}
	if n == 1 || n == len(text) || text[n] != '#' {
		return piece{}, false, ""
	}
	p.text = text[:n+1]
	v, known := short[p.text]
	if !known {
		return piece{text: text[:n]}, false, fmt.Sprintf("There is no placeholder %s.", clip(p.text, 60))
	}
	p.value = v
	return p, true, ""
}

// clip shortens a text at a character.
func clip(text string, most int) string {
	for i := range text {
		if i > most {
			return text[:i] + "…"
		}
	}
	return text
}

// program is a compiled template. It never changes.
type program struct {
	kind        kind
	contentType string
	parts       []part
}

// part is text, or a value; a quoted one brings its quotation marks.
type part struct {
	text   string
	value  *value
	quoted bool
}

// compileTemplate makes a program of a valid template; values gives those of
// the environment. What is wrong comes back as sentences.
func compileTemplate(text, contentType string, values func(string) string) (*program, []string) {
	pieces, wrong := split(text)
	p := &program{contentType: contentType}
	var ok bool
	if p.kind, ok = kindOf(contentType); !ok {
		return nil, append(wrong, "Its content type is not known.")
	}
	place := p.kind.places()
	for i := range pieces {
		if pieces[i].literal() {
			place.read(pieces[i].text)
			p.parts = append(p.parts, part{text: pieces[i].text})
			continue
		}
		why := place.takes(following(pieces[i+1:]))
		if why != "" {
			wrong = append(wrong, fmt.Sprintf("Move %s: %s.", clip(pieces[i].text, 60), why))
		}
		p.add(&pieces[i], place.bare(), values)
		place.put()
	}
	if len(wrong) == 0 {
		if why := p.kind.unsound(p.render(&Facts{Request: sampleRequest(), row: sampleRow, shown: sampleRow})); why != "" {
			wrong = append(wrong, why)
		}
	}
	return p, wrong
}

// following is the first character after a placeholder, 0 at the end.
func following(rest []piece) byte {
	if len(rest) == 0 {
		return 0
	}
	if !rest[0].literal() {
		return '#'
	}
	return rest[0].text[0]
}

// add puts a value into the program. One of the environment is known now.
func (p *program) add(from *piece, bare bool, values func(string) string) {
	if from.value != nil {
		p.parts = append(p.parts, part{value: from.value, quoted: bare && !from.value.number})
		return
	}
	text := values(from.environment)
	switch {
	case bare && isJSON(text):
		p.parts = append(p.parts, part{text: text})
	case bare:
		p.parts = append(p.parts, part{text: `"` + p.kind.escaped(text) + `"`})
	default:
		p.parts = append(p.parts, part{text: p.kind.escaped(text)})
	}
}

// render is the body for one failure.
func (p *program) render(f *Facts) []byte {
	out := make([]byte, 0, 512)
	for i := range p.parts {
		switch v := &p.parts[i]; {
		case v.value == nil:
			out = append(out, v.text...)
		case v.quoted:
			out = append(append(append(out, '"'), p.kind.escaped(v.value.of(f))...), '"')
		default:
			out = append(out, p.kind.escaped(v.value.of(f))...)
		}
	}
	return out
}
