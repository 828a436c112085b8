// Package refusals owns the page that explains why a call or a token request
// was refused: the box for a correlation id, the explanation, and the list of the
// latest refusals. It shows no token and no password: there is none in what it
// gets.
package refusals

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
	"github.com/gatewright/gatewright/web/ui"
)

// Page is everything that the page shows.
type Page struct {
	Frame layout.Props
	Query tokens.Query
	// ID is the correlation id that is looked for, "" for none.
	ID       string
	Findings []Finding
	// More tells that the id belongs to more than is shown.
	More     bool
	Problems problem.List
	// Rows are the latest refusals.
	Rows         []Finding
	Pages        tokens.Older
	Environments []string
	Now          time.Time
	// Days is how long refused calls are kept, 0 for ever; TokenDays is that of
	// token requests.
	Days, TokenDays int
}

// Finding is a call or a token request.
type Finding struct {
	Time                                                time.Time
	CorrelationID, Environment, Project, Proxy, Group   string
	Endpoint, Policy, Method, Path, Client, Who, Reason string
	Status                                              int
	Fault                                               fault.Type
	fault.Explanation
	// Grant and Error are of a token request, whose own page is at Request.
	Grant, Error, Request string
	// Links lead to what it is about, Places are pages by the names that the
	// explanation calls them, each as far as it exists.
	Links  []ui.Action
	Places map[string]string
}

// OfCall is a refused call.
func OfCall(a event.Access, e fault.Explanation) Finding {
	return Finding{
		Time: a.Time, CorrelationID: a.CorrelationID, Environment: a.Environment, Project: a.Project, Proxy: a.Proxy, Group: a.Group, Endpoint: a.Endpoint,
		Policy: a.Policy, Method: a.Method, Path: a.Path, Client: addressText(a.Client), Who: a.Subject, Reason: a.Reason, Status: a.Status,
		Fault: a.Fault, Explanation: e,
	}
}

// OfToken is a token request, refused or not. A refusal of before there were rows
// for all of them is told by its reason.
func OfToken(id int64, t event.Token) Finding {
	f := Finding{
		Time: t.Time, CorrelationID: t.CorrelationID, Environment: t.Environment, Project: t.Project, Proxy: t.Owner, Policy: t.Policy,
		Method: t.Method, Client: addressText(t.Client), Who: t.Username, Reason: t.Reason, Status: t.Status, Fault: t.Fault,
		Grant: t.Grant, Error: t.Error, Request: link.TokenRequest(strconv.FormatInt(id, 10)),
	}
	if f.Who == "" {
		f.Who = t.ClientID
	}
	switch {
	case t.Error == "":
		f.Explanation = fault.Explanation{Why: "This token request was not refused.", Fix: "If the caller was refused later on, look for the correlation id of that call."}
	case t.Fault.Known():
		f.Explanation = fault.Explain(t.Fault, nil)
	default:
		f.Explanation = fault.Explanation{Why: sentence(t.Reason), Fix: "The page of the token request has everything that is known of it."}
	}
	return f
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func sentence(reason string) string {
	if reason == "" {
		return "No reason was recorded."
	}
	return strings.ToUpper(reason[:1]) + reason[1:] + "."
}

func (f Finding) token() bool { return f.Request != "" }

func (f Finding) passed() bool { return f.token() && f.Error == "" }

// title is what the caller read, in the catalogue's words.
func (f Finding) title() string {
	switch {
	case f.passed():
		return "Not refused"
	case f.Fault.Known():
	case f.Error == "":
		return "Refused"
	default:
		return "Refused: " + f.Error
	}
	return strings.TrimSuffix(fault.Find(f.Fault).Message, ".")
}

func (f Finding) code() string {
	if !f.Fault.Known() {
		return ""
	}
	return fault.Find(f.Fault).Code
}

func (f Finding) tone() ui.Tone {
	switch {
	case f.passed():
		return ui.ToneSuccess
	case f.Status >= 500:
		return ui.ToneDanger
	}
	return ui.ToneWarning
}

// by ends the sentence with whose decision it was.
func (f Finding) by() string {
	switch {
	case f.passed():
		return ")."
	case f.Fault != "" && fault.Find(f.Fault).Group() == fault.GroupBackend:
		return "): the API behind the proxy failed."
	case f.Policy != "":
		return "): the policy " + f.Policy + " refused it."
	}
	return "): the gateway refused it."
}

// call is what was asked for.
func (f Finding) call() string { return strings.TrimSpace(f.Method + " " + f.Path) }

// part is a piece of a text; one with an address is a link.
type part struct{ Text, Href string }

// parts makes links of the pages that the fix names.
func (f Finding) parts() []part {
	var list []part
	rest := f.Fix
	for rest != "" {
		name, at := f.firstPlace(rest)
		if at < 0 {
			return append(list, part{Text: rest})
		}
		list = append(list, part{Text: rest[:at]}, part{Text: name, Href: f.Places[name]})
		rest = rest[at+len(name):]
	}
	return list
}

func (f Finding) firstPlace(text string) (name string, at int) {
	at = -1
	for place := range f.Places {
		if i := strings.Index(text, place); i >= 0 && (at < 0 || i < at) {
			name, at = place, i
		}
	}
	return name, at
}

// codes are the entries of the filter: every row that a call can end with.
func codes(chosen string) []ui.Option {
	list := []ui.Option{{Label: "Any code"}}
	known := chosen == ""
	for _, row := range fault.Rows() {
		if onlyOfTokens(row) {
			continue
		}
		known = known || row.Code == chosen
		list = append(list, ui.Option{Value: row.Code, Label: row.Code + " " + strings.TrimSuffix(row.Message, ".")})
	}
	if !known { // a filter never shows anything else than what it does
		list = append(list, ui.Option{Value: chosen, Label: chosen})
	}
	return list
}

// onlyOfTokens: token requests have a log of their own.
func onlyOfTokens(row fault.Row) bool { return row.Group() == fault.GroupToken }

// FaultOf is the row with that code; false when there is none.
func FaultOf(code string) (fault.Type, bool) {
	rows := fault.Rows()
	i := slices.IndexFunc(rows, func(r fault.Row) bool { return r.Code == code })
	if i < 0 {
		return "", false
	}
	return rows[i].Type, true
}

// kept says how long something is kept.
func kept(days int) string {
	switch days {
	case 0:
		return "for ever"
	case 1:
		return "for one day"
	}
	return "for " + strconv.Itoa(days) + " days"
}
