// Package audit owns the pages of the audit: the list of what was done, and one record with both sides of the change.
package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Query is what the list is narrowed to. It lives in the address; From and To are days as they were typed.
type Query struct {
	Text, Action, Kind, Actor, From, To string
	Page                                int // from 1
}

// ParseQuery reads an address.
func ParseQuery(v url.Values) Query {
	q := Query{
		Text: strings.TrimSpace(v.Get("q")), Action: v.Get("action"), Kind: v.Get("kind"), Actor: v.Get("actor"),
		From: strings.TrimSpace(v.Get("from")), To: strings.TrimSpace(v.Get("to")), Page: 1,
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 1 {
		q.Page = n
	}
	return q
}

// URL is the address of the list narrowed like this.
func (q Query) URL() string {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.Text, "action": q.Action, "kind": q.Kind, "actor": q.Actor, "from": q.From, "to": q.To} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	if len(v) == 0 {
		return link.Audit
	}
	return link.Audit + "?" + v.Encode()
}

func (q Query) narrowed() bool { return q != Query{Page: q.Page} }

func (q Query) withoutText() string {
	q.Text, q.Page = "", 1
	return q.URL()
}

// Days are From and To as moments: the start of the first day and the end of the last, in UTC. What is no day is
// reported under "from" or "to".
func (q Query) Days() (from, to time.Time, problems problem.List) {
	from = day(&problems, "from", q.From)
	if to = day(&problems, "to", q.To); !to.IsZero() {
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
	Query    Query
	Problems problem.List
	Entries  []Entry
	Total    int
	PerPage  int
	Actions  []string // all there are, as stored
	Kinds    []string
	Actors   []string
	Now      time.Time
}

func (p ListPage) pager() ui.Page {
	return ui.PageOf(p.Query.Page, p.PerPage, len(p.Entries), p.Total, "record", "records", func(page int) string {
		q := p.Query
		q.Page = page
		return q.URL()
	})
}

// options are the entries of a filter: all, and each in words. A value that is chosen and not known is kept, so that
// the filter never shows anything else than what it does.
func options(all string, values []string, chosen string, words func(string) string) []ui.Option {
	list := []ui.Option{{Label: all}}
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(slices.Clone(values), chosen)
	}
	for _, v := range values {
		list = append(list, ui.Option{Value: v, Label: words(v)})
	}
	return list
}

func asIs(s string) string { return s }

// Words makes a stored word such as SIGN_IN_FAILED readable.
func Words(stored string) string {
	switch stored {
	case "SIGN_IN_FAILED":
		return "Sign-in failed"
	case "PROXY":
		return "API proxy"
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

// RecordPage is everything the page of one record shows.
type RecordPage struct {
	Frame         layout.Props
	Entry         Entry
	ObjectID      string
	CorrelationID string
	Changes       []Change
	Now           time.Time
}

// Sign says what became of a field.
type Sign string

// The signs.
const (
	Same    Sign = ""
	Added   Sign = "+ Added"
	Removed Sign = "− Removed"
	Changed Sign = "± Changed"
)

func (s Sign) tone() ui.Tone {
	switch s {
	case Added:
		return ui.ToneSuccess
	case Removed:
		return ui.ToneDanger
	case Changed:
		return ui.ToneWarning
	}
	return ui.ToneNeutral
}

// Change is one field of the object before and after.
type Change struct {
	Field, Label  string // Label is empty for a field that people do not know by another name
	Before, After string
	Sign          Sign
}

func split(changes []Change) (different, same []Change) {
	for _, c := range changes {
		if c.Sign == Same {
			same = append(same, c)
		} else {
			different = append(different, c)
		}
	}
	return different, same
}

// Compare lists every field of two JSON documents, either of which may be nil. Labels say how people know a field; those
// come first and in the order of rank.
func Compare(before, after json.RawMessage, labels map[string]string, rank []string) ([]Change, error) {
	old, err := flat(before)
	if err != nil {
		return nil, err
	}
	fresh, err := flat(after)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for field, value := range old {
		c := Change{Field: field, Label: labels[field], Before: value, Sign: Removed}
		if now, ok := fresh[field]; ok {
			c.After, c.Sign = now, Changed
			if now == value {
				c.Sign = Same
			}
		}
		changes = append(changes, c)
	}
	for field, value := range fresh {
		if _, ok := old[field]; !ok {
			changes = append(changes, Change{Field: field, Label: labels[field], After: value, Sign: Added})
		}
	}
	order(changes, rank)
	return changes, nil
}

func order(changes []Change, rank []string) {
	place := func(c Change) int {
		if i := slices.Index(rank, c.Field); i >= 0 {
			return i
		}
		return len(rank)
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Field, b.Field))
	})
}

// flat is a document as one text per leaf, by path.
func flat(raw json.RawMessage) (map[string]string, error) {
	leaves := map[string]string{}
	if len(raw) == 0 {
		return leaves, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // a large number must not lose its last digits
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read audit document: %w", err)
	}
	walk(leaves, "", v)
	return leaves, nil
}

func walk(leaves map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if path != "" {
				name = path + "." + name
			}
			walk(leaves, name, member)
		}
	case []any:
		for i, element := range v {
			walk(leaves, path+"["+key(i, element)+"]", element)
		}
	case bool:
		leaves[path] = yesNo(v)
	case nil:
		leaves[path] = ""
	default:
		leaves[path] = fmt.Sprint(v)
	}
}

// key tells an element of a list from the others: by its place, but an error message by its type, as its place moves
// when others come and go.
func key(i int, element any) string {
	if m, ok := element.(map[string]any); ok {
		if t, ok := m["errorType"].(string); ok && t != "" {
			return t
		}
	}
	return strconv.Itoa(i)
}

func yesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}
