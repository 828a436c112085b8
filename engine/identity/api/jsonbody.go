package api

import (
	"encoding/json"

	"github.com/gatewright/gatewright/engine/secret"
)

const (
	mistakeNotJSON = mistake(`Write JSON, such as {"user": "{{username}}"}.`)
	mistakeInName  = mistake("Use variables in values only, not in the names of members.")
	mistakeEscape  = mistake("Remove the backslash before the variable: its value is escaped already.")
)

// parseJSON reads a JSON template and finds out of every variable whether it
// stands inside a text.
func parseJSON(text string) (template, error) {
	t, err := parse(text)
	if err != nil {
		return nil, err
	}
	var s jsonState
	for i := range t {
		if t[i].variable == "" {
			s.read(t[i].text)
			continue
		}
		if s.escaped {
			return nil, mistakeEscape
		}
		t[i].quoted = s.inText
		s.holds, s.ended = true, !s.inText
	}
	if s.inName {
		return nil, mistakeInName
	}
	return t, t.checkJSON()
}

// checkJSON renders a sample. "x" ends no escape of JSON, so that an escape
// which a variable would finish is found here.
func (t template) checkJSON() error {
	x := secret.New("x")
	body, err := t.render(values{username: "x", password: x, secret: x, roles: []string{"x"}}, inJSON)
	if err != nil {
		return err
	}
	if !json.Valid([]byte(body)) {
		return mistakeNotJSON
	}
	return nil
}

// jsonState follows the texts of a JSON document.
type jsonState struct {
	inText, escaped bool
	// holds tells that the last text has a variable in it, ended that it is
	// complete, inName that such a text was the name of a member.
	holds, ended, inName bool
}

func (s *jsonState) read(text string) {
	for _, c := range []byte(text) {
		switch {
		case s.escaped:
			s.escaped = false
		case s.inText && c == '\\':
			s.escaped = true
		case c == '"':
			s.quote()
		case !s.inText && c == ':':
			s.inName = s.inName || s.ended && s.holds
		case !s.inText && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			s.ended = false
		}
	}
}

func (s *jsonState) quote() {
	s.inText = !s.inText
	s.ended = !s.inText
	if s.inText {
		s.holds = false
	}
}
