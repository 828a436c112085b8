package fault

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
)

// Validate reports everything wrong with a normalised value, apart from which
// variables there are.
func (c *Custom) Validate() problem.List {
	l := c.Template.validate()
	l.Append("", ValidateMessages(c.Messages))
	return l
}

// ValidateMessages reports everything wrong with normalised rows, as the member
// errorMessageList.
func ValidateMessages(messages []Message) problem.List {
	var l problem.List
	seen := map[Type]bool{}
	for i := range messages {
		m, path := &messages[i], fmt.Sprintf("errorMessageList[%d]", i)
		switch {
		case !m.Type.Known():
			l.Add(path+".errorType", "There is no error %q.", string(m.Type))
		case seen[m.Type]:
			l.Add(path+".errorType", "Name each error once; %s is there already.", m.Type)
		}
		seen[m.Type] = true
		l.Append(path, m.Validate())
	}
	return l
}

// OnlyOf reports the rows that a policy never answers with.
func (c *Custom) OnlyOf(types []Type) problem.List {
	var l problem.List
	for i, m := range c.Messages {
		if m.Type.Known() && !slices.Contains(types, m.Type) {
			l.Add(fmt.Sprintf("errorMessageList[%d].errorType", i), "A policy of this type never answers with %s. Customize it for the whole platform instead.", m.Type)
		}
	}
	return l
}

// Validate reports everything wrong with the row but its type.
func (m *Message) Validate() problem.List {
	var l problem.List
	validateStatus(&l, "customizedHttpStatusCode", m.Status)
	validateText(&l, "customizedErrorCode", m.Code, MaxCode)
	validateText(&l, "customizedMessage", m.Text, MaxMessage)
	l.Append("", m.Template.validate())
	if len(m.Rules) > MaxRules {
		l.Add("errorResponseRuleList", "Use at most %d rules for one error.", MaxRules)
		return l
	}
	names := map[string]bool{}
	for i := range m.Rules {
		r, path := &m.Rules[i], fmt.Sprintf("errorResponseRuleList[%d]", i)
		if r.Name != "" && names[r.Name] {
			l.Add(path+".name", "Another rule of this error has this name.")
		}
		names[r.Name] = true
		l.Append(path, r.validate())
	}
	return l
}

func validateStatus(l *problem.List, field string, status int) {
	if status != 0 && (status < 400 || status > 599) {
		l.Add(field, "Enter a status from 400 to 599, or leave it empty for that of the error: this answers a request that failed.")
	}
}

func validateText(l *problem.List, field, text string, most int) {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		l.Add(field, "Remove the characters that are not valid UTF-8.")
	case n > most:
		l.Add(field, "Shorten the text to %d characters; it has %d.", most, n)
	}
}

func (t *Template) validate() problem.List {
	var l problem.List
	if t.Build && t.Text == "" {
		l.Add("customMessageTemplate", "Write the template, or switch it off.")
	}
	validateStatus(&l, "customMessageHttpStatusCode", t.Status)
	validateTemplate(&l, "customMessageTemplate", t.Text, "customMessageContentType", t.ContentType)
	return l
}

func (r *Rule) validate() problem.List {
	var l problem.List
	if msg := problem.Name(r.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if r.Text == "" {
		l.Add("messageTemplate", "Write the answer that the rule gives.")
	}
	validateStatus(&l, "httpStatusCode", r.Status)
	validateTemplate(&l, "messageTemplate", r.Text, "contentType", r.ContentType)
	l.Append("condition", r.Condition.Validate())
	return l
}

// validateTemplate asks a template with a sample: what is sound with it is sound
// with every other value.
func validateTemplate(l *problem.List, field, text, typeField, contentType string) {
	switch _, known := kindOf(contentType); {
	case !known:
		l.Add(typeField, "Use a JSON, XML, HTML or plain text type such as %s, in UTF-8.", ContentType)
	case len(text) > MaxTemplate:
		l.Add(field, "Shorten the template to %d KiB.", MaxTemplate>>10)
	case !utf8.ValidString(text):
		l.Add(field, "Remove the characters that are not valid UTF-8.")
	case text != "":
		_, wrong := compileTemplate(text, contentType, func(string) string { return "sample" })
		for _, why := range wrong {
			l.Add(field, "%s", why)
		}
	}
}

// Validate reports everything wrong with normalised templates.
func (b *Bodies) Validate() problem.List {
	var l problem.List
	l.Append("json", b.JSON.validate(inJSON, "application/json"))
	l.Append("xml", b.XML.validate(inXML, "application/xml"))
	if b.Upstream && !b.JSON.Enabled && !b.XML.Enabled {
		l.Add("replaceApiErrors", "Switch a template on: errors of the API cannot be replaced by nothing.")
	}
	return l
}

func (b *Body) validate(want kind, example string) problem.List {
	var l problem.List
	if b.Enabled && b.Text == "" {
		l.Add("template", "Write the template, or switch it off.")
	}
	if is, known := kindOf(b.ContentType); known && is != want && b.ContentType != "" {
		l.Add("contentType", "Use a type such as %s here.", example)
		return l
	}
	validateTemplate(&l, "template", b.Text, "contentType", b.ContentType)
	return l
}

// EnvironmentNames are the NAMEs of every ${NAME} in the templates, each once.
// Those of conditions are the conditions' own.
func (c *Custom) EnvironmentNames() []string {
	return namesIn(append(messageTexts(c.Messages), c.Template.Text)...)
}

// EnvironmentNames are the NAMEs of every ${NAME} in the templates, each once.
func (b *Bodies) EnvironmentNames() []string {
	if b == nil {
		return nil
	}
	return namesIn(b.JSON.Text, b.XML.Text)
}

func messageTexts(messages []Message) []string {
	var texts []string
	for i := range messages {
		texts = append(texts, messages[i].Template.Text)
		for _, r := range messages[i].Rules {
			texts = append(texts, r.Text)
		}
	}
	return texts
}

func namesIn(texts ...string) []string {
	var names []string
	seen := map[string]bool{}
	for _, text := range texts {
		for _, name := range condition.EnvironmentNames(text) {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}
