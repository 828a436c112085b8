package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
)

// Set is what one level says of errors, compiled. It never changes and is safe
// for concurrent use; nil says nothing.
type Set struct {
	wide *whole
	rows map[Type]*row
}

// whole is an answer that a template writes.
type whole struct {
	*program
	status int
}

type row struct {
	status     int
	code, text string
	whole      *whole
	rules      []rule
}

type rule struct {
	name string
	when condition.Program
	whole
}

// Values finds an environment variable; "" where there is none.
type Values map[string]string

// Compile makes what runs of a valid value whose conditions are resolved; nil
// when it says nothing.
func (c *Custom) Compile(values Values) (*Set, error) {
	if c.Empty() {
		return nil, nil
	}
	s, err := CompileMessages(c.Messages, values)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &Set{}
	}
	s.wide, err = c.Template.compile(values)
	return s, err
}

// CompileMessages is Compile for rows alone.
func CompileMessages(messages []Message, values Values) (*Set, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	s := &Set{rows: make(map[Type]*row, len(messages))}
	for i := range messages {
		r, err := messages[i].compile(values)
		if err != nil {
			return nil, fmt.Errorf("error %s: %w", messages[i].Type, err)
		}
		s.rows[messages[i].Type] = r
	}
	return s, nil
}

func (m *Message) compile(values Values) (*row, error) {
	r := &row{status: m.Status, code: m.Code, text: m.Text}
	var err error
	if r.whole, err = m.Template.compile(values); err != nil {
		return nil, err
	}
	for i := range m.Rules {
		if !m.Rules[i].On() {
			continue
		}
		compiled, err := m.Rules[i].compile(values)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", m.Rules[i].Name, err)
		}
		r.rules = append(r.rules, *compiled)
	}
	return r, nil
}

// compile is nil for a template that is off.
func (t *Template) compile(values Values) (*whole, error) {
	if !t.Build {
		return nil, nil
	}
	p, err := compiled(t.Text, t.ContentType, values)
	return &whole{p, t.Status}, err
}

func (r *Rule) compile(values Values) (*rule, error) {
	p, err := compiled(r.Text, r.ContentType, values)
	if err != nil {
		return nil, err
	}
	when, err := condition.Compile(r.Condition)
	return &rule{name: r.Name, when: when, whole: whole{p, r.Status}}, err
}

func compiled(text, contentType string, values Values) (*program, error) {
	p, wrong := compileTemplate(text, contentType, func(name string) string { return values[name] })
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, " "))
	}
	if p.contentType == "" {
		p.contentType = ContentType
	}
	return p, nil
}

// Frames are the templates of an API proxy, compiled; nil has none.
type Frames struct {
	json, xml *program
	// Upstream tells that errors of the API are put into them too.
	Upstream bool
}

// Compile makes what runs of valid templates; nil when none is on.
func (b *Bodies) Compile(values Values) (*Frames, error) {
	if b == nil || !b.JSON.Enabled && !b.XML.Enabled {
		return nil, nil
	}
	n := *b
	n.Normalize() // the content type decides how values are escaped
	f := &Frames{Upstream: n.Upstream}
	var err error
	b = &n
	if b.JSON.Enabled {
		if f.json, err = compiled(b.JSON.Text, b.JSON.ContentType, values); err != nil {
			return nil, fmt.Errorf("JSON error template: %w", err)
		}
	}
	if b.XML.Enabled {
		if f.xml, err = compiled(b.XML.Text, b.XML.ContentType, values); err != nil {
			return nil, fmt.Errorf("XML error template: %w", err)
		}
	}
	return f, nil
}
