// Package audit owns the pages of the audit: the list of what was done, one record with both sides of the change in
// words, and the question before an object goes back to an earlier version.
package audit

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
	"github.com/gatewright/gatewright/web/ui"
)

// Days are a first and a last day, as typed, as moments: the start of the first and the end of the last, in UTC. What is
// no day is reported under "from" or "to".
func Days(first, last string) (from, to time.Time, problems problem.List) {
	from = day(&problems, "from", first)
	if to = day(&problems, "to", last); !to.IsZero() {
		to = to.AddDate(0, 0, 1)
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		problems.Add("to", "Choose a day that is not before the first one.")
	}
	return from, to, problems
}

func day(l *problem.List, field, typed string) time.Time {
	if typed == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, typed)
	if err != nil {
		l.Add(field, "Enter a day as year, month and day, such as 2026-05-12.")
	}
	return t
}

// Entry is one record as the list shows it.
type Entry struct {
	ID                                int64
	At                                time.Time
	Actor, Client                     string
	Action, Kind, ObjectName, Project string
}

// ListPage is everything the list shows.
type ListPage struct {
	Frame    layout.Props
	Query    tokens.Query
	Problems problem.List
	Entries  []Entry
	Pages    tokens.Older
	Actions  []string // all there are, as stored
	Kinds    []string
	Actors   []string
	Projects []string
	Now      time.Time
}

func asIs(s string) string { return s }

// Words makes a stored word such as SIGN_IN_FAILED readable.
func Words(stored string) string {
	switch stored {
	case "SIGN_IN_FAILED":
		return "Sign-in failed"
	case "PROXY":
		return "API proxy"
	case "PROXY_GROUP":
		return "API proxy group"
	case "":
		return ""
	}
	words := strings.ToLower(strings.ReplaceAll(stored, "_", " "))
	return strings.ToUpper(words[:1]) + words[1:]
}

func tone(action string) ui.Tone {
	switch {
	case strings.HasSuffix(action, "FAILED"):
		return ui.ToneDanger
	case action == "DELETED", action == "UNDEPLOYED":
		return ui.ToneWarning
	case action == "CREATED", action == "DEPLOYED":
		return ui.ToneSuccess
	}
	return ui.ToneNeutral
}

func (e Entry) name() string {
	if e.ObjectName == "" {
		return Words(e.Kind)
	}
	return e.ObjectName
}

func (e Entry) id() string { return strconv.FormatInt(e.ID, 10) }

// RecordPage is everything the page of one record shows.
type RecordPage struct {
	Frame         layout.Props
	Entry         Entry
	ObjectID      string
	CorrelationID string
	// Object is the page of what the record is about, "" where there is none or the visitor may not open it.
	Object  string
	Changes []Change
	// Before and After are both sides as they are stored.
	Before, After json.RawMessage
	// BackTo is the record whose version came back with this change, 0 for none.
	BackTo int64
	// Returns are the versions that the object can go back to.
	Returns []ui.Action
	// Kept says why there are none where there might be some, "" else.
	Kept string
	Now  time.Time
}

// text is a side as people may want to copy it.
func text(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(v) != nil {
		return string(raw)
	}
	return strings.TrimRight(b.String(), "\n")
}

// ReturnPage is the question before an object goes back to an earlier version.
type ReturnPage struct {
	Frame    layout.Props
	Confirm  ui.Confirm
	Changes  []Change
	Problems problem.List
	// Secrets are those that have to be given.
	Secrets []ui.Field
}

// asks tells that there is something to decide.
func (p ReturnPage) asks() bool {
	different, _ := split(p.Changes)
	changes := slices.ContainsFunc(different, func(c Change) bool { return c.Label != "Version" })
	return len(p.Secrets) > 0 || len(p.Problems) == 0 && changes
}

func recordLink(id int64) string { return link.AuditRecord(strconv.FormatInt(id, 10)) }
