package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/secret"
)

// variable is what may stand in braces.
type variable string

const (
	username variable = "username"
	password variable = "password"
	stored   variable = "secret"
	roles    variable = "roles"
	claims   variable = "claims"
)

var variables = []variable{username, password, stored, roles, claims}

// mistake is what is wrong with a template, as a sentence for its author.
type mistake string

// Error implements error.
func (m mistake) Error() string { return string(m) }

const mistakeVariable = mistake("Write {{username}}, {{password}}, {{secret}}, {{roles}} or {{claims}}; two opening braces begin a variable.")

// part is literal text, or a variable.
type part struct {
	text     string
	variable variable // "" for text
	// quoted tells, in JSON, that the variable stands inside a text.
	quoted bool
}

type template []part

// parse reads a template. Two opening braces always begin a variable, so that a
// misspelled one is an error and never sent as it is.
func parse(text string) (template, error) {
	var t template
	for {
		literal, rest, found := strings.Cut(text, "{{")
		if literal != "" {
			t = append(t, part{text: literal})
		}
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		v := variable(strings.TrimSpace(name))
		if !closed || !slices.Contains(variables, v) {
			return nil, mistakeVariable
		}
		t = append(t, part{variable: v})
		text = after
	}
}

func (t template) uses(v variable) bool {
	return slices.ContainsFunc(t, func(p part) bool { return p.variable == v })
}

// values are what the variables stand for in one request.
type values struct {
	username         string
	password, secret secret.Text
	roles            []string
	claims           map[string]any
}

// place writes the value of a variable as it must be written where it stands,
// or gives errUnfit.
type place func(part, values) (string, error)

// errUnfit means that a value cannot be written at its place without being read
// as something else.
var errUnfit = errors.New("cannot stand here")

// unfit is errUnfit about one variable. What a caller typed is refused; what an
// administrator stored is a fault.
type unfit struct {
	variable variable
	why      string
}

func (e *unfit) Error() string { return fmt.Sprintf("{{%s}} %s", e.variable, e.why) }

func (e *unfit) Unwrap() error { return errUnfit }

// typed tells that a caller chose the value.
func (e *unfit) typed() bool { return e.variable == username || e.variable == password }

func (t template) render(v values, put place) (string, error) {
	var b strings.Builder
	for _, p := range t {
		if p.variable == "" {
			b.WriteString(p.text)
			continue
		}
		text, err := put(p, v)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}
