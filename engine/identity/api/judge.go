package api

import (
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/engine/jsonpath"
)

// judge tells whether an answer accepts. An error means that it tells nothing
// about name and password.
func (s *source) judge(a *answer, w *watch) (bool, error) {
	if slices.Contains(s.config.RefusedStatuses, a.status) {
		w.step(false, "Status", "%d means that the login is refused.", a.status)
		return false, nil
	}
	if err := s.trouble(a); err != nil {
		w.step(false, "Status", "%s.", err)
		return false, err
	}
	w.step(a.success(), "Status", "%d", a.status)
	early := s.assert(a, true, w)
	if !early || !a.success() {
		return false, nil
	}
	if err := s.readDocument(a); err != nil {
		w.step(false, "Answer", "%s.", err)
		return false, err
	}
	return s.assert(a, false, w), nil
}

func (a *answer) success() bool { return 200 <= a.status && a.status <= 299 }

// trouble is what the status says about the service. Another status than one of
// success is a refusal where an assertion is about it, else nobody has said
// what it means.
func (s *source) trouble(a *answer) error {
	asserted := slices.ContainsFunc(s.checks, func(c check) bool { return c.Kind == Status })
	switch {
	case a.status < 200:
		return fmt.Errorf("the service answered %d, which is no answer to a request", a.status)
	case 300 <= a.status && a.status <= 399:
		return fmt.Errorf("the service answered %d, a redirect, which is not followed", a.status)
	case a.status >= 500, a.status == 429, a.status == 408:
		return fmt.Errorf("the service answered %d: it is in trouble", a.status)
	case !a.success() && !asserted:
		return fmt.Errorf("the service answered %d, which is neither success nor among the refused statuses", a.status)
	}
	return nil
}

// assert evaluates the assertions that need no body, or those that do. All are
// evaluated, so that a test shows all.
func (s *source) assert(a *answer, early bool, w *watch) bool {
	all := true
	for i := range s.checks {
		c := &s.checks[i]
		if c.early() != early {
			continue
		}
		ok, seen := c.holds(a)
		w.assertion(c, ok, seen)
		all = all && ok
	}
	return all
}

// readDocument reads the body as JSON where anything looks into it.
func (s *source) readDocument(a *answer) (err error) {
	needed := s.mapping.needsDocument() || slices.ContainsFunc(s.checks, func(c check) bool { return c.Kind == JSONPath })
	if !needed && !s.mapping.whole {
		return nil
	}
	document, err := jsonpath.Decode(a.body)
	if err != nil && needed {
		return fmt.Errorf("the JSONPaths cannot be followed: %w", err)
	}
	a.document = document
	return nil
}
