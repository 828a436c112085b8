package apiops

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

// read decodes the body strictly: an unknown, repeated or misspelled member is
// refused by its name, and so is null where there must be a value.
func (c *call) read(into any) error { return strict.DecodeValues(c.sent, into, "body") }

// prefixed puts the fields of problems under the member that they came in.
func prefixed(member string, err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	var l problem.List
	l.Append(member, list)
	return l
}

// paging reads page and pageSize of a list.
func (c *call) paging() (page, size int, err error) {
	var l problem.List
	page, size = c.pages(&l)
	return page, size, l.Err()
}

// pages is paging beside other parameters.
func (c *call) pages(l *problem.List) (page, size int) {
	return c.number(l, "page", 1, 1, 1_000_000), c.number(l, "pageSize", 100, 1, 500)
}

func (c *call) number(l *problem.List, name string, otherwise, least, most int) int {
	text, sent := c.g.GetQuery(name)
	if !sent {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		l.Add(name, "Give a number from %d to %d.", least, most)
		return otherwise
	}
	return n
}

// flag is a query parameter that is true or false.
func (c *call) flag(l *problem.List, name string) bool {
	text, sent := c.g.GetQuery(name)
	if sent && text != "true" && text != "false" {
		l.Add(name, "Give true or false.")
	}
	return text == "true"
}

// choice is a query parameter that is one of several words, or absent.
func (c *call) choice(l *problem.List, name string, words ...string) string {
	text, sent := c.g.GetQuery(name)
	if sent && !slices.Contains(words, text) {
		l.Add(name, "Give one of %s.", strings.Join(words, ", "))
		return ""
	}
	return text
}

// moment is a query parameter in RFC 3339, zero when absent.
func (c *call) moment(l *problem.List, name string) time.Time {
	text, sent := c.g.GetQuery(name)
	if !sent {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		l.Add(name, "Give a time such as 2026-01-31T08:00:00Z.")
	}
	return at
}

// pagingParameters are those of every list.
var pagingParameters = []parameter{
	{name: "page", text: "The page, from 1.", kind: 0},
	{name: "pageSize", text: "How many to a page, 100 unless told, at most 500.", kind: 0},
}
