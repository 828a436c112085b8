// Package tokens owns the pages about tokens: the log of token requests with
// its figures, security events, the logins that can be refreshed, revoking, and
// the settings of Token Management. It shows no token: there is none in what it
// gets.
package tokens

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Query is what the address of a list narrows it to.
type Query struct {
	path   string
	fields []string
	values map[string]string
}

// The names in the addresses of lists.
const (
	fieldText, fieldEnvironment, fieldProject, fieldOwner, fieldPolicy = "q", "environment", "project", "owner", "policy"
	fieldFrom, fieldTo, fieldSpan, fieldAddress, fieldWho              = "from", "to", "span", "address", "who"
	fieldBefore, fieldAfter, fieldPage, fieldBy                        = "before", "after", "page", "by"
)

var (
	requestFields = []string{
		fieldText, fieldEnvironment, fieldProject, fieldOwner, fieldPolicy, "grant", "operation", "source", "outcome", "error", fieldWho,
		fieldAddress, "statusFrom", "statusTo", fieldFrom, fieldTo, fieldSpan, "session", fieldBy, fieldBefore, fieldAfter,
	}
	eventFields   = []string{fieldText, "kind", fieldEnvironment, fieldProject, fieldWho, fieldAddress, fieldFrom, fieldTo, fieldSpan, fieldBefore, fieldAfter}
	refusalFields = []string{"id", "proxy", fieldEnvironment, "code", fieldAddress, fieldBefore, fieldAfter}
	auditFields   = []string{fieldText, "action", "kind", "actor", "object", fieldProject, fieldFrom, fieldTo, fieldSpan, fieldBefore, fieldAfter}
	loginFields   = []string{fieldText, fieldEnvironment, fieldProject, fieldOwner, fieldPolicy, fieldAddress, fieldPage}
)

// Requests reads the query of the log of token requests.
func Requests(v url.Values) Query { return parse(link.TokenRequests, requestFields, v) }

// Events reads the query of the log of security events.
func Events(v url.Values) Query { return parse(link.SecurityEvents, eventFields, v) }

// Refusals reads the query of the record of refused calls.
func Refusals(v url.Values) Query { return parse(link.Refusals, refusalFields, v) }

// Audit reads the query of the audit.
func Audit(v url.Values) Query { return parse(link.Audit, auditFields, v) }

// LoginsQuery reads the query of the list of logins.
func LoginsQuery(v url.Values) Query { return parse(link.Logins, loginFields, v) }

func parse(path string, fields []string, v url.Values) Query {
	q := Query{path: path, fields: fields, values: map[string]string{}}
	for _, f := range fields {
		if text := strings.TrimSpace(v.Get(f)); text != "" {
			q.values[f] = text
		}
	}
	return q
}

// Get is the value of a name, "" when the list is not narrowed by it.
func (q Query) Get(name string) string { return q.values[name] }

// With is the query with other values, given as name and value in turn; an
// empty value takes the name away. It leads to the first page.
func (q Query) With(pairs ...string) Query {
	out := Query{path: q.path, fields: q.fields, values: map[string]string{}}
	for name, value := range q.values {
		if name != fieldBefore && name != fieldAfter && name != fieldPage {
			out.values[name] = value
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		delete(out.values, pairs[i])
		if pairs[i+1] != "" {
			out.values[pairs[i]] = pairs[i+1]
		}
	}
	return out
}

// URL is the address of the list.
func (q Query) URL() string { return q.under(q.path) }

// CSV is the address of the same as CSV, at path.
func (q Query) CSV(path string) string { return q.With().under(path) }

func (q Query) under(path string) string {
	v := url.Values{}
	for name, value := range q.values {
		v.Set(name, value)
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// Narrowed tells whether anything is left out. How figures are split and which
// page is shown leaves nothing out.
func (q Query) Narrowed() bool { return len(q.With(fieldBy, "").values) > 0 }

// Hidden are the names that a search form has no control for, to go along.
func (q Query) Hidden(controls ...string) []ui.Hidden {
	var list []ui.Hidden
	for _, f := range q.fields {
		if v := q.values[f]; v != "" && !slices.Contains(controls, f) && f != fieldBefore && f != fieldAfter && f != fieldPage {
			list = append(list, ui.Hidden{Name: f, Value: v})
		}
	}
	return list
}

// Older and Newer lead to the neighbours of a page of a log; empty at the ends.
type Older struct {
	Newer, Older string
	// Shown is how many rows the page has, Total how many match, 0 where that is
	// not known; Capped tells that there may be more.
	Shown, Total int
	Capped       bool
	// Searched is how far the search went before it gave up, back or, with
	// Backwards, up; zero when it went to the end.
	Searched  time.Time
	Backwards bool
}

// Options are the entries of a filter: all, and each in words. A value that is
// chosen and not known is kept, so that the filter never shows anything else
// than what it does.
func Options(all string, values []string, chosen string, words func(string) string) []ui.Option {
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

// Spans are the times that a log can be narrowed to, beside days.
var Spans = []ui.Option{
	{Label: "Any time"}, {Value: "1h", Label: "Last hour"}, {Value: "24h", Label: "Last 24 hours"}, {Value: "7d", Label: "Last 7 days"}, {Value: "30d", Label: "Last 30 days"},
}

// Words makes a stored word such as TOKENS_REVOKED readable.
func Words(stored string) string {
	switch stored {
	case "":
		return ""
	case "client_credentials":
		return "Client credentials"
	case "password":
		return "Password"
	case "refresh_token":
		return "Refresh token"
	}
	words := strings.ToLower(strings.ReplaceAll(stored, "_", " "))
	return strings.ToUpper(words[:1]) + words[1:]
}

// SourceName is what people call an identity source: its name, or for what is
// built in and has none, the words of the menu.
func SourceName(stored string) string {
	if stored == string(identity.SecretManager) {
		return "Secret Manager"
	}
	return stored
}
