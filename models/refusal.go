package models

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// Refusal is a call that was refused or could not be completed, with the
// explanation of that. It holds no token, no password and nothing that the
// caller sent beside the path. Its Cause and its durations are not kept.
type Refusal struct {
	ID int64
	event.Access
	fault.Explanation
}

// RefusalFilter narrows the record of refused calls. Zero members do not narrow.
type RefusalFilter struct {
	CorrelationID        string
	Environment, Project string
	// Proxy is contained in the name of the proxy or of the group through which it
	// was called, without regard to case.
	Proxy string
	Fault fault.Type
	// Address is one, or a network such as 10.0.0.0/8.
	Address string
	// Before, After and PerPage are as in TokenRequestFilter.
	Before, After Cursor
	PerPage       int
}

type refusalRow struct {
	ID            int64 `gorm:"primaryKey"`
	At            time.Time
	CorrelationID string
	Environment   string
	Project       string
	Proxy         string
	ProxyGroup    string
	Endpoint      string
	Policy        string
	Method        string
	Path          string
	Client        string
	Subject       string
	Status        int
	Fault         string
	Why           string
	Fix           string
	Reason        string
}

// TableName implements gorm's schema.Tabler.
func (refusalRow) TableName() string { return "refusals" }

var refusalColumns = []string{
	"at", "correlation_id", "environment", "project", "proxy", "proxy_group", "endpoint", "policy", "method", "path", "client", "subject", "status", "fault",
	"why", "fix", "reason",
}

// The record has at most maxRefusals rows. To count them is dear, so each process
// leaves the newest keptRefusals at its first row and at each trimRefusalsEvery
// further ones: what lies between is for as many processes as fit.
// maxFromNetwork is how many one network keeps: whoever is refused without end
// pushes out his own.
const (
	maxRefusals       = 200_000
	trimRefusalsEvery = 1000
	keptRefusals      = maxRefusals - 10*trimRefusalsEvery
	maxFromNetwork    = 20_000
)

// AddRefusals appends to the record, all or none, and makes room for them. Here
// and not before, the causes are put into words.
func (s *Store) AddRefusals(ctx context.Context, list []event.Access) error {
	_, err := s.pool.CopyFrom(ctx, pgx.Identifier{"refusals"}, refusalColumns,
		pgx.CopyFromSlice(len(list), func(i int) ([]any, error) { return refusalValues(&list[i]), nil }))
	if err != nil {
		return fmt.Errorf("record refusals: %w", err)
	}
	if s.trimIsDue(len(list)) {
		if _, err := s.trimRefusals(ctx, keptRefusals); err != nil {
			// They are recorded: to fail here would record them again.
			s.logger.Warn("record of refusals not trimmed", "error", err)
		}
	}
	return nil
}

// trimIsDue counts rows; it is so with the first and then with each thousandth.
func (s *Store) trimIsDue(rows int) bool {
	now := s.recorded.Add(int64(rows)) + trimRefusalsEvery - 1
	return now/trimRefusalsEvery != (now-int64(rows))/trimRefusalsEvery
}

// trimRefusals keeps the newest.
func (s *Store) trimRefusals(ctx context.Context, most int) (int, error) {
	return exec(ctx, s.db, "delete from refusals where id <= (select id from refusals order by id desc offset ? limit 1)", most)
}

// refusalValues is in the order of refusalColumns.
func refusalValues(a *event.Access) []any {
	e := fault.Explain(a.Fault, a.Cause)
	short := func(text string) string { return presentable(text, maxLogText) }
	return []any{
		a.Time.UTC(), truncated(a.CorrelationID, maxLogText), short(a.Environment), short(a.Project), short(a.Proxy), short(a.Group),
		presentable(a.Endpoint, maxDetail), short(a.Policy), short(a.Method), presentable(pathOf(a), maxDetail), addressText(a.Client),
		short(subjectOf(a)), int32(a.Status), short(string(a.Fault)), presentable(e.Why, 2*maxDetail), presentable(e.Fix, 2*maxDetail),
		presentable(reasonOf(a), maxDetail),
	}
}

// subjectOf is whom a call spoke for, also where it was refused once that was
// known.
func subjectOf(a *event.Access) string {
	var known interface{ Whom() string }
	if a.Subject == "" && errors.As(a.Cause, &known) {
		return known.Whom()
	}
	return a.Subject
}

// pathOf ends also where a question mark was escaped: somebody took what follows
// for a query, in which secrets may stand.
func pathOf(a *event.Access) string {
	if at := queries.FindStringIndex(a.Path); at != nil {
		return a.Path[:at[0]]
	}
	return a.Path
}

// reasonOf leaves out what nobody vouches for: the text of a fault of ours, which
// is in the log, and in that of a failed connection what the API sent. It may
// have sent back what it was sent, a token for one.
func reasonOf(a *event.Access) string {
	switch {
	case a.Fault == fault.Unexpected:
		return ""
	case fault.Find(a.Fault).Group() != fault.GroupBackend:
		return a.Reason
	}
	text, _, cut := strings.Cut(a.Reason, "malformed")
	if cut {
		text += "malformed answer"
	}
	return quotes.ReplaceAllString(text, `"…"`)
}

var (
	queries = regexp.MustCompile(`\?|%3[Ff]`)
	quotes  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?`)
	// tokens finds JSON Web Tokens, whole or not, and refresh tokens of ours. None
	// should get as far as here, but a caller can write one into a path.
	tokens = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*|gwr_[A-Za-z0-9_-]{8,}`)
)

// presentable is text of at most n characters that holds no token and that
// people can look at: nothing in it is unseen or turns text round.
func presentable(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	return truncated(tokens.ReplaceAllString(text, "[token]"), n)
}

// Refusals lists a page of the record, newest first, and what it is out of.
func (s *Store) Refusals(ctx context.Context, in Scope, f RefusalFilter) ([]Refusal, Found, error) {
	rows, found, err := listed[refusalRow](ctx, s, refusalSearch(in, f))
	if err != nil {
		return nil, found, fmt.Errorf("list refusals: %w", err)
	}
	list := make([]Refusal, len(rows))
	for i, r := range rows {
		list[i] = r.refusal()
	}
	return list, found, nil
}

func refusalSearch(in Scope, f RefusalFilter) logSearch {
	l := logSearch{from: "refusals", most: askedRows, before: f.Before, after: f.After, perPage: f.PerPage}
	l.narrow(func(w *where) { w.equal("correlation_id", whole(f.CorrelationID)) })
	l.narrow(func(w *where) { w.equal("project", f.Project) })
	l.indexed.in("project", in) // never asked of other rows: how far a search went tells of them
	l.asked.equal("environment", f.Environment)
	if f.Proxy != "" {
		l.asked.and("(proxy ilike ? or proxy_group ilike ?)", containing(f.Proxy), containing(f.Proxy))
	}
	l.asked.equal("fault", string(f.Fault))
	l.asked.network("client", f.Address)
	return l
}

func (r refusalRow) refusal() Refusal {
	return Refusal{
		ID: r.ID,
		Access: event.Access{
			Time: r.At.UTC(), Environment: r.Environment, Project: r.Project, Proxy: r.Proxy, Group: r.ProxyGroup, Endpoint: r.Endpoint, Policy: r.Policy,
			Method: r.Method, Path: r.Path, Client: addressOf(r.Client), Subject: r.Subject, Status: r.Status, Fault: fault.Type(r.Fault),
			Reason: r.Reason, CorrelationID: r.CorrelationID,
		},
		Explanation: fault.Explanation{Why: r.Why, Fix: r.Fix},
	}
}

// purgeRefusals removes what is too old, and of networks that have more than
// their share what is oldest.
func (s *Store) purgeRefusals(ctx context.Context, days int) (int, error) {
	total := 0
	for _, purge := range []func() (int, error){
		func() (int, error) { return s.purgeLog(ctx, "refusals", days) },
		func() (int, error) { return 0, s.purgeHours(ctx, days, "refusal_hours") },
		func() (int, error) { return s.purgeCrowds(ctx, maxFromNetwork) },
		func() (int, error) { return s.trimRefusals(ctx, keptRefusals) },
	} {
		n, err := purge()
		total += n
		if err != nil {
			return total, fmt.Errorf("purge refusals: %w", err)
		}
	}
	return total, nil
}

// purgeCrowds takes for one network what guess.Network does.
func (s *Store) purgeCrowds(ctx context.Context, most int) (int, error) {
	client := inet("client")
	network := "coalesce(host(case when family(" + client + ") = 6 then network(set_masklen(" + client + ", 64)) else " + client + " end), '')"
	crowds, err := query[string](ctx, s.db, "select "+network+" from refusals group by 1 having count(*) > ?", most)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, crowd := range crowds {
		n, err := exec(ctx, s.db, "delete from refusals where "+network+" = ? and id <= (select id from refusals where "+network+" = ? order by id desc offset ? limit 1)",
			crowd, crowd, most)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
