package api

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/gatewright/gatewright/engine/jsonpath"
	"github.com/gatewright/gatewright/engine/problem"
)

// AssertionKind is what an assertion looks at.
type AssertionKind string

// The kinds.
const (
	Status       AssertionKind = "STATUS"
	HeaderIs     AssertionKind = "HEADER"
	JSONPath     AssertionKind = "JSON_PATH"
	BodyContains AssertionKind = "BODY_CONTAINS"
)

// Operator is how an assertion compares.
type Operator string

// The operators. A value that is not there meets none of them, NOT_EQUALS
// neither: an answer of another shape than expected accepts nobody.
const (
	Equals    Operator = "EQUALS"
	NotEquals Operator = "NOT_EQUALS"
	Contains  Operator = "CONTAINS" // a text has it in it, an array has it as an element
	Exists    Operator = "EXISTS"
	Matches   Operator = "MATCHES" // the whole value, RE2 syntax
)

// Operators are those that a kind of assertion may have.
func (k AssertionKind) Operators() []Operator {
	switch k {
	case Status:
		return []Operator{Equals, NotEquals, Matches}
	case HeaderIs, JSONPath:
		return []Operator{Equals, NotEquals, Contains, Exists, Matches}
	case BodyContains:
		return []Operator{Contains}
	}
	return nil
}

// AssertionKinds are all kinds, in the order of choosers.
func AssertionKinds() []AssertionKind {
	return []AssertionKind{Status, HeaderIs, JSONPath, BodyContains}
}

// Assertion is one thing that must be true of an answer that accepts.
type Assertion struct {
	Kind AssertionKind `json:"kind"`
	// Name is the header's; of HEADER only.
	Name string `json:"name,omitempty"`
	// Path is the JSONPath; of JSON_PATH only.
	Path string `json:"path,omitempty"`
	// Operator compares. BODY_CONTAINS has CONTAINS only.
	Operator Operator `json:"operator"`
	// Expected is compared with; numbers, true and false as JSON writes them.
	// Of EXISTS none.
	Expected string `json:"expected,omitempty"`
}

func (a *Assertion) normalize() {
	if a.Kind != HeaderIs {
		a.Name = ""
	}
	if a.Kind != JSONPath {
		a.Path = ""
	}
	if a.Kind == BodyContains {
		a.Operator = Contains
	}
	if a.Operator == Exists {
		a.Expected = ""
	}
}

// String says in words what the assertion demands.
func (a *Assertion) String() string {
	subject := map[AssertionKind]string{
		Status: "status", HeaderIs: "header " + a.Name, JSONPath: a.Path, BodyContains: "body",
	}[a.Kind]
	return strings.TrimSpace(subject + " " + strings.ToLower(strings.ReplaceAll(string(a.Operator), "_", " ")) + " " + a.Expected)
}

func (a *Assertion) validate() problem.List {
	var l problem.List
	if !slices.Contains(AssertionKinds(), a.Kind) {
		l.Add("kind", "Choose STATUS, HEADER, JSON_PATH or BODY_CONTAINS.")
		return l
	}
	if !slices.Contains(a.Kind.Operators(), a.Operator) {
		l.Add("operator", "Choose %s.", choices(a.Kind.Operators()))
	}
	if a.Kind == HeaderIs && !httpguts.ValidHeaderFieldName(a.Name) {
		l.Add("name", "Write the name of a header, such as X-Result.")
	}
	if _, err := jsonpath.Compile(a.Path); a.Kind == JSONPath && err != nil {
		l.Add("path", "%s", err)
	}
	if msg := a.expectedProblem(); msg != "" {
		l.Add("expected", "%s", msg)
	}
	return l
}

func choices(operators []Operator) string {
	var names []string
	for _, o := range operators {
		names = append(names, string(o))
	}
	return strings.Join(names, ", ")
}

func (a *Assertion) expectedProblem() string {
	if len(a.Expected) > maxText {
		return "Shorten the value to 4096 bytes."
	}
	if a.Operator == Matches {
		if _, err := anchored(a.Expected); err != nil || a.Expected == "" {
			return "Write a regular expression in RE2 syntax, such as 2\\d\\d."
		}
		return ""
	}
	if a.Kind == BodyContains && a.Expected == "" {
		return "Write the text that the answer contains."
	}
	if n, err := strconv.Atoi(a.Expected); a.Kind == Status && (err != nil || n < 200 || n > 299) {
		return "Write a status of success, from 200 to 299: no other accepts."
	}
	return ""
}

// anchored compiles an expression that matches whole values: one that matched
// parts would find "active" in "inactive". It must be whole before it is
// wrapped, or a)|(b would open the anchors.
func anchored(expression string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(expression); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + expression + `)\z`)
}

// check is a compiled assertion.
type check struct {
	Assertion
	path    jsonpath.Path
	matches *regexp.Regexp
}

func compileChecks(list []Assertion) ([]check, error) {
	var out []check
	for _, a := range list {
		c := check{Assertion: a}
		var err error
		if a.Kind == JSONPath {
			if c.path, err = jsonpath.Compile(a.Path); err != nil {
				return nil, err
			}
		}
		if a.Operator == Matches {
			if c.matches, err = anchored(a.Expected); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// early tells that the assertion needs no body.
func (c *check) early() bool { return c.Kind == Status || c.Kind == HeaderIs }

// holds tells whether the assertion is true of an answer, and the values that
// it saw.
func (c *check) holds(a *answer) (bool, []any) {
	seen := c.seen(a)
	switch c.Operator {
	case Exists:
		return len(seen) > 0, seen
	case NotEquals:
		return len(seen) > 0 && !slices.ContainsFunc(seen, c.meets), seen
	}
	return slices.ContainsFunc(seen, c.meets), seen
}

func (c *check) seen(a *answer) []any {
	switch c.Kind {
	case Status:
		return []any{strconv.Itoa(a.status)}
	case HeaderIs:
		var out []any
		for _, v := range a.header[http.CanonicalHeaderKey(c.Name)] {
			out = append(out, v)
		}
		return out
	case JSONPath:
		return c.path.Values(a.document)
	}
	return []any{string(a.body)}
}

// meets compares one value. Of NOT_EQUALS it tells that the value is equal.
func (c *check) meets(v any) bool {
	switch c.Operator {
	case Contains:
		if list, ok := v.([]any); ok {
			return slices.ContainsFunc(list, func(e any) bool { return jsonpath.Text(e) == c.Expected })
		}
		return strings.Contains(jsonpath.Text(v), c.Expected)
	case Matches:
		return c.matches.MatchString(jsonpath.Text(v))
	}
	return jsonpath.Text(v) == c.Expected
}
