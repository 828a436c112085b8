package fault

import (
	"cmp"
	"slices"
)

// Normalize drops rows that change nothing and puts defaults in.
func (c *Custom) Normalize() {
	c.Template.normalize()
	for i := range c.Messages {
		c.Messages[i].Normalize()
	}
	c.Messages = slices.DeleteFunc(c.Messages, func(m Message) bool { return m.Type.Known() && !m.Changes() })
	if len(c.Messages) == 0 {
		c.Messages = nil
	}
}

// Normalize puts defaults in.
func (m *Message) Normalize() {
	m.Template.normalize()
	for i := range m.Rules {
		m.Rules[i].normalize()
	}
	if len(m.Rules) == 0 {
		m.Rules = nil
	}
}

// normalize keeps a template that is off: switching it on again must not mean to
// write it again. A content type without a template says nothing.
func (t *Template) normalize() {
	switch {
	case t.Build || t.Text != "":
		t.ContentType = cmp.Or(t.ContentType, ContentType)
	case t.Status == 0:
		t.ContentType = ""
	}
}

func (r *Rule) normalize() {
	on := r.On()
	r.Active = &on
	r.ContentType = cmp.Or(r.ContentType, ContentType)
	r.Condition.Normalize()
}

// Content types of an API proxy's templates.
const xmlContentType = "application/xml; charset=utf-8"

// Normalize puts defaults in.
func (b *Bodies) Normalize() {
	b.JSON.normalize(ContentType)
	b.XML.normalize(xmlContentType)
}

func (b *Body) normalize(contentType string) {
	if b.Enabled || b.Text != "" {
		b.ContentType = cmp.Or(b.ContentType, contentType)
	}
}

// Empty tells that there are no templates.
func (b *Bodies) Empty() bool { return b == nil || *b == Bodies{} }
