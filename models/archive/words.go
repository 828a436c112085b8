package archive

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/problem"
)

// Problem is one thing that is wrong with a package.
type Problem struct {
	// File is the one inside the package, in a form that can be shown; empty when
	// it concerns the whole.
	File string
	// Problem has the member in that file and the sentence for people. Of the
	// whole package, Field is "passphrase" or empty.
	problem.Problem
}

// Problems is why a package is refused, with everything that was found. It is an
// error, and a problem.List to errors.As.
type Problems []Problem

// Error is all problems in one line, each after its file and member.
func (p Problems) Error() string { return p.List().Error() }

// List is the problems for those who know no files: the field is the file, and
// the member after a number sign.
func (p Problems) List() problem.List {
	list := make(problem.List, len(p))
	for i, one := range p {
		list[i] = one.Problem
		switch {
		case one.File != "" && one.Field != "":
			list[i].Field = one.File + "#" + one.Field
		case one.File != "":
			list[i].Field = one.File
		}
	}
	return list
}

// As implements what errors.As asks for.
func (p Problems) As(target any) bool {
	list, ok := target.(*problem.List)
	if ok {
		*list = p.List()
	}
	return ok
}

// maxProblems are enough to see what is wrong with a package.
const maxProblems = 50

func (p *Problems) add(file, format string, args ...any) {
	p.append(file, problem.List{{Message: fmt.Sprintf(format, args...)}})
}

func (p *Problems) append(file string, list problem.List) {
	for _, one := range list {
		if p.full() {
			return
		}
		one.Field = shown(one.Field)
		*p = append(*p, Problem{File: shown(file), Problem: one})
	}
}

func (p Problems) full() bool { return len(p) >= maxProblems }

func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// whole is a problem of the package as such.
func whole(format string, args ...any) error {
	var p Problems
	p.add("", format, args...)
	return p
}

// maxShown characters of a name that a package chose are shown.
const maxShown = 120

// shown is a name as it may stand in a page, a log or a terminal.
func shown(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, problem.Invisible) {
		name = strings.Trim(strconv.QuoteToASCII(name), `"`)
	}
	if r := []rune(name); len(r) > maxShown {
		name = string(r[:maxShown]) + "…"
	}
	return name
}

func quoted(name string) string { return `"` + shown(name) + `"` }

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// nameProblem is not problem.Name: roles may have names that proxies may not
// have, and the save of each kind judges.
func nameProblem(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "Enter a name."
	case utf8.RuneCountInString(name) > problem.MaxName:
		return fmt.Sprintf("Shorten the name to %d characters.", problem.MaxName)
	case strings.ContainsFunc(name, problem.Invisible):
		return "Remove the control characters from the name."
	}
	return ""
}

func otherName(inside, outside string) string {
	return fmt.Sprintf("The name here is %s, and that of the object is %s. Make them the same.", quoted(inside), quoted(outside))
}

func listed(member string, values []string) problem.List {
	var l problem.List
	for i, v := range values {
		if strings.TrimSpace(v) == "" {
			l.Add(at(member, i), "Remove the empty entry.")
		}
	}
	return l
}
