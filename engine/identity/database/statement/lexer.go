package statement

import (
	"strings"
)

type kind int

const (
	end       kind = iota
	blank          // blanks and comments
	word           // a keyword or name without quotes, or a number
	quoted         // a literal or name in quotes of whatever kind
	parameter      // :name
	foreign        // a parameter in the database's own spelling
	other          // any other sign
)

type token struct {
	kind kind
	text string
}

func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

// lexer cuts a statement into tokens, as far as parameters ask: it must know
// where literals, names and comments end, and nothing else.
type lexer struct {
	text   string
	syntax Syntax
	at     int
}

func (l *lexer) next() (token, error) {
	start := l.at
	k, err := l.skip()
	return token{k, l.text[start:l.at]}, err
}

// skip goes past one token.
func (l *lexer) skip() (kind, error) {
	c := l.peek(0)
	switch {
	case l.at == len(l.text):
		return end, nil
	case isBlank(c):
		l.at++
		return blank, nil
	case l.lineComment():
		l.toLineEnd()
		return blank, nil
	case c == '/' && l.peek(1) == '*':
		return blank, l.comment()
	case c == '\'' || c == '"' || c == '`' && l.syntax.Backtick:
		return quoted, l.quotes(c)
	case c == '$' && l.syntax.DollarQuotes:
		return l.dollar()
	case c == '?' && !l.syntax.Numbered:
		l.at++
		return foreign, nil
	case c == ':':
		return l.colon(), nil
	case isWord(c):
		return l.word()
	}
	l.at++
	return other, nil
}

// peek is the byte at a distance, or 0 past the end.
func (l *lexer) peek(distance int) byte {
	if l.at+distance >= len(l.text) {
		return 0
	}
	return l.text[l.at+distance]
}

func (l *lexer) lineComment() bool {
	if l.peek(0) == '#' && l.syntax.Hash {
		return true
	}
	if l.peek(0) != '-' || l.peek(1) != '-' {
		return false
	}
	return !l.syntax.DashNeedsBlank || l.at+2 == len(l.text) || l.peek(2) <= ' ' || l.peek(2) == 0x7f
}

func (l *lexer) toLineEnd() {
	for l.at < len(l.text) && l.text[l.at] != '\n' && (l.text[l.at] != '\r' || !l.syntax.Numbered) {
		l.at++
	}
}

// comment goes past /* */. Comments that MySQL and MariaDB execute are refused:
// what they hold is no comment at all.
func (l *lexer) comment() error {
	if rest := l.text[l.at:]; strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!") {
		return problem("Remove the comment that begins with /*!: databases run what it holds.")
	}
	depth := 0
	for l.at < len(l.text) {
		switch {
		case l.peek(0) == '/' && l.peek(1) == '*' && (depth == 0 || l.syntax.NestedComments):
			depth++
			l.at += 2
		case l.peek(0) == '*' && l.peek(1) == '/':
			depth--
			l.at += 2
			if depth == 0 {
				return nil
			}
		default:
			l.at++
		}
	}
	return problem("End the comment with */.")
}

// quotes goes past a literal or name, in which a quote is written twice.
func (l *lexer) quotes(quote byte) error {
	for l.at++; l.at < len(l.text); l.at++ {
		switch {
		case l.text[l.at] == '\\' && l.syntax.Backslash && quote != '`':
			return problem("Remove the backslash from the quotes: whether it escapes depends on the server's mode.")
		case l.text[l.at] != quote:
		case l.peek(1) == quote:
			l.at++
		default:
			l.at++
			return nil
		}
	}
	return problem("End the quotes that begin with %c.", quote)
}

// escapes goes past E'text', in which a backslash takes the sign after it along.
func (l *lexer) escapes() error {
	for l.at++; l.at < len(l.text); l.at++ {
		switch {
		case l.text[l.at] == '\\':
			l.at++
		case l.text[l.at] != '\'':
		case l.peek(1) == '\'':
			l.at++
		default:
			l.at++
			return l.notContinued()
		}
	}
	l.at = len(l.text)
	return problem("End the quotes that begin with E'.")
}

// notContinued refuses a literal that goes on after a line break, where escapes
// would hold on though no E says so.
func (l *lexer) notContinued() error {
	after := lexer{text: l.text, syntax: l.syntax, at: l.at}
	for {
		t, err := after.next()
		if err != nil || t.kind != blank {
			if strings.HasPrefix(t.text, "'") {
				return problem("Write the text after E in one pair of quotes.")
			}
			return nil
		}
	}
}

// dollar goes past $tag$text$tag$ or finds a parameter such as $1.
func (l *lexer) dollar() (kind, error) {
	length := 1
	for isWord(l.peek(length)) && l.peek(length) != '$' {
		length++
	}
	if l.peek(length) != '$' || isDigit(l.peek(1)) {
		l.at += length
		if length > 1 {
			return foreign, nil
		}
		return other, nil
	}
	tag := l.text[l.at : l.at+length+1]
	l.at += len(tag)
	close := strings.Index(l.text[l.at:], tag)
	if close < 0 {
		l.at = len(l.text)
		return quoted, problem("End the text that begins with %s.", tag)
	}
	l.at += close + len(tag)
	return quoted, nil
}

// colon finds a parameter, a cast (::), an assignment (:=) or a bound of a slice.
func (l *lexer) colon() kind {
	l.at++
	if c := l.peek(0); c == ':' || c == '=' {
		l.at++
		return other
	}
	if c := l.peek(0); !isWord(c) || isDigit(c) || c == '$' {
		return other
	}
	for isWord(l.peek(0)) && l.peek(0) != '$' {
		l.at++
	}
	return parameter
}

func (l *lexer) word() (kind, error) {
	start := l.at
	for isWord(l.peek(0)) {
		l.at++
	}
	if l.syntax.EscapeStrings && strings.EqualFold(l.text[start:l.at], "e") && l.peek(0) == '\'' {
		return quoted, l.escapes()
	}
	return word, nil
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isWord takes every byte of other alphabets for a letter, as the databases do.
func isWord(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
