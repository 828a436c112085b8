// Package problem owns the one way to say that a value is wrong: a list of
// {field, message}. Console, management API, importer and command line all
// show the same list (D20), so field names are those of the JSON form.
package problem

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a value.
type Problem struct {
	// Field is the JSON name of the member that is wrong, with a path for
	// nested ones ("endpoints[2].path"); empty when it concerns the whole.
	Field string `json:"field"`
	// Message says what is wrong and what would be right, as a sentence for
	// the person who typed it.
	Message string `json:"message"`
	// Taken tells that the value as such is right and that something else has it:
	// a conflict (409) rather than a mistake (400) for programs.
	Taken bool `json:"-"`
}

// List is everything that is wrong with a value. The empty list means valid.
// It is an error, so that a save can return it; callers find it again with
// errors.As or Of.
type List []Problem

// Add appends a problem of field, with a message made as by fmt.Sprintf.
func (l *List) Add(field, format string, args ...any) {
	*l = append(*l, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// AddTaken appends a problem of a field whose value something else has.
func (l *List) AddTaken(field, message string) {
	*l = append(*l, Problem{Field: field, Message: message, Taken: true})
}

// Append adds all problems of other with their fields under prefix.
func (l *List) Append(prefix string, other List) {
	for _, p := range other {
		p.Field = join(prefix, p.Field)
		*l = append(*l, p)
	}
}

func join(prefix, field string) string {
	switch {
	case prefix == "":
		return field
	case field == "" || field[0] == '[':
		return prefix + field
	}
	return prefix + "." + field
}

// Err is the list as an error, or nil when nothing is wrong.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Error is all messages in one line, each after its field.
func (l List) Error() string {
	parts := make([]string, len(l))
	for i, p := range l {
		parts[i] = p.Message
		if p.Field != "" {
			parts[i] = p.Field + ": " + p.Message
		}
	}
	return strings.Join(parts, "; ")
}

// For is the first message about field, or "".
func (l List) For(field string) string {
	for _, p := range l {
		if p.Field == field {
			return p.Message
		}
	}
	return ""
}

// Of finds the list inside err, nil when there is none.
func Of(err error) List {
	var l List
	if errors.As(err, &l) {
		return l
	}
	return nil
}
