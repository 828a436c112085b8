// Package statement owns the reading of the SQL that an author of an identity
// source writes: one reading statement with named parameters such as :username,
// which become the parameters of the database's own kind. Values are bound, never
// written into the text, so that no value can change what a statement does.
package statement

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Syntax is where a database departs from the rest.
type Syntax struct {
	// Backtick quotes names in `these`.
	Backtick bool
	// Hash begins a comment with #.
	Hash bool
	// DashNeedsBlank begins a comment with -- only where a blank follows.
	DashNeedsBlank bool
	// NestedComments lets /* */ hold others.
	NestedComments bool
	// DollarQuotes quotes text in $tag$these$tag$.
	DollarQuotes bool
	// EscapeStrings knows E'text with a backslash before a quote'.
	EscapeStrings bool
	// Backslash says that a backslash in quotes may escape the quote, depending on
	// a mode of the server. It is refused there, so that nothing depends on it.
	Backslash bool
	// Numbered parameters are $1, $2, and each name has one number; others are ?,
	// and each place has its own.
	Numbered bool
}

// Statement is a statement ready to be sent.
type Statement struct {
	// SQL has the database's parameters in the places of the names.
	SQL string
	// Names are the names in the order of the database's parameters.
	Names []string
}

// Problem says what is wrong with a statement, as a sentence for its author.
type Problem string

// Error is the sentence.
func (p Problem) Error() string { return string(p) }

func problem(format string, args ...any) error { return Problem(fmt.Sprintf(format, args...)) }

// MaxLength is the longest statement in bytes.
const MaxLength = 10_000

// Args are the values in the order of the database's parameters.
func (s *Statement) Args(values map[string]string) []any {
	args := make([]any, len(s.Names))
	for i, name := range s.Names {
		args[i] = values[name]
	}
	return args
}

// Has tells whether the statement uses a parameter.
func (s *Statement) Has(name string) bool { return slices.Contains(s.Names, name) }

// Parse reads one statement that begins with SELECT or WITH and knows no
// parameters but the given ones. Errors are a Problem.
func Parse(text string, syntax Syntax, known ...string) (*Statement, error) {
	if strings.TrimSpace(text) == "" {
		return nil, problem("Enter a query.")
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, problem("Remove the control characters from the query.")
	}
	if len(text) > MaxLength {
		return nil, problem("Shorten the query to %d bytes; it has %d.", MaxLength, len(text))
	}
	r := reader{lexer: lexer{text: text, syntax: syntax}, known: known}
	if err := r.read(); err != nil {
		return nil, err
	}
	return &Statement{SQL: strings.TrimSpace(r.out.String()), Names: r.names}, nil
}

// reader writes the statement anew while it reads the tokens.
type reader struct {
	lexer
	known []string
	out   strings.Builder
	names []string
	begun bool // a token other than comments and blanks was seen
	ended bool // the one ; was seen
}

func (r *reader) read() error {
	for {
		t, err := r.next()
		if err != nil {
			return err
		}
		if t.kind == end {
			return r.complete()
		}
		if err := r.take(t); err != nil {
			return err
		}
	}
}

func (r *reader) complete() error {
	if !r.begun {
		return problem("Enter a query; this is a comment only.")
	}
	return nil
}

func (r *reader) take(t token) error {
	if t.kind == blank {
		r.out.WriteString(t.text)
		return nil
	}
	if r.ended {
		return problem("Enter one statement; remove what follows the semicolon.")
	}
	if !r.begun && !(t.is("SELECT") || t.is("WITH")) {
		return problem("Begin the query with SELECT or WITH: it may only read.")
	}
	r.begun = true
	return r.write(t)
}

func (r *reader) write(t token) error {
	switch {
	case t.kind == parameter:
		return r.bind(t.text[1:])
	case t.text == ";":
		r.ended = true
		return nil
	case t.is("INTO"):
		return problem("Remove INTO: the query may only read.")
	case t.kind == foreign:
		return problem("Write the parameter %s by name, such as :username.", t.text)
	}
	r.out.WriteString(t.text)
	return nil
}

func (r *reader) bind(name string) error {
	if !slices.Contains(r.known, name) {
		return problem("Unknown parameter :%s; this query may have %s.", name, list(r.known))
	}
	if !r.syntax.Numbered {
		r.names = append(r.names, name)
		r.out.WriteByte('?')
		return nil
	}
	at := slices.Index(r.names, name)
	if at < 0 {
		at = len(r.names)
		r.names = append(r.names, name)
	}
	fmt.Fprintf(&r.out, "$%d", at+1)
	return nil
}

func list(names []string) string {
	return ":" + strings.Join(names, " and :")
}
