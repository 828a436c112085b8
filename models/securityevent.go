package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/event"
)

// SecurityEvent is something that whoever watches over the installation should
// see, as it was logged.
type SecurityEvent struct {
	ID int64
	event.Security
}

// SecurityEventFilter narrows the log of security events. Zero members do not
// narrow.
type SecurityEventFilter struct {
	// Keyword is looked for in the detail, the subject, the owner, the source
	// and the ids.
	Keyword                    string
	Kind, Environment, Project string
	// Subject is a user name or client id, compared without case.
	Subject string
	// Address is one, or a network such as 10.0.0.0/8.
	Address string
	// From is the first moment that is in, To the first that is not.
	From, To time.Time
	// Before and After are as in TokenRequestFilter.
	Before, After Cursor
	PerPage       int
}

type securityEventRow struct {
	ID            int64 `gorm:"primaryKey"`
	At            time.Time
	Kind          string
	Environment   string
	Project       string
	Owner         string
	Subject       string
	Source        string
	Client        string
	Detail        string
	CorrelationID string
}

// TableName implements gorm's schema.Tabler.
func (securityEventRow) TableName() string { return "security_events" }

// SecurityKinds are all kinds, for filters.
func SecurityKinds() []event.SecurityKind {
	return []event.SecurityKind{
		event.RefreshReused, event.RevokedTokenUsed, event.ForgedToken, event.ForgingThrottled, event.LoginsThrottled, event.AddressRefused, event.TokensRevoked,
		event.KeyRotated, event.KeyRevoked, event.SourceFailing, event.SourceRecovered,
	}
}

// AddSecurityEvents appends to the log, all or none.
func (s *Store) AddSecurityEvents(ctx context.Context, list []event.Security) error {
	return insertSecurityEvents(ctx, s.db, list)
}

// announce tells of events that are in the log for good. What the gateways report
// themselves comes by AddSecurityEvents and is not told a second time.
func (s *Store) announce(list []event.Security) {
	if s.onSecurity == nil {
		return
	}
	for _, e := range list {
		s.onSecurity(e)
	}
}

// maxDetail bounds the sentence of a security event.
const maxDetail = 1000

func insertSecurityEvents(ctx context.Context, tx *gorm.DB, list []event.Security) error {
	rows := make([]securityEventRow, len(list))
	short := func(text string) string { return truncated(text, maxLogText) }
	for i, e := range list {
		rows[i] = securityEventRow{
			At: e.Time.UTC(), Kind: short(string(e.Kind)), Environment: short(e.Environment), Project: short(e.Project), Owner: short(e.Owner),
			Subject: short(e.Subject), Source: short(e.Source), Client: addressText(e.Client), Detail: truncated(e.Detail, maxDetail),
			CorrelationID: short(e.CorrelationID),
		}
	}
	// One statement for all, so that none is kept when one cannot be.
	if err := from[securityEventRow](tx).CreateInBatches(ctx, &rows, max(len(rows), 1)); err != nil {
		return fmt.Errorf("log security events: %w", err)
	}
	if a := aftermathOf(tx); a != nil {
		a.logged = append(a.logged, list...)
	}
	return nil
}

// SecurityEvents lists a page of the log, newest first, and what it is out of.
func (s *Store) SecurityEvents(ctx context.Context, in Scope, f SecurityEventFilter) ([]SecurityEvent, Found, error) {
	l, err := s.eventSearch(ctx, in, f)
	if err != nil {
		return nil, Found{}, err
	}
	rows, found, err := listed[securityEventRow](ctx, s, l)
	if err != nil {
		return nil, found, fmt.Errorf("list security events: %w", err)
	}
	list := make([]SecurityEvent, len(rows))
	for i, r := range rows {
		list[i] = r.event()
	}
	return list, found, nil
}

// EachSecurityEvent hands over the matching rows, newest first and at most
// limit, without holding them all.
func (s *Store) EachSecurityEvent(ctx context.Context, in Scope, f SecurityEventFilter, limit int, each func(SecurityEvent) error) error {
	l, err := s.eventSearch(ctx, in, f)
	if err == nil {
		err = streamed(ctx, s.db, l, limit, func(r securityEventRow) error { return each(r.event()) })
	}
	if err != nil {
		return fmt.Errorf("read security events: %w", err)
	}
	return nil
}

// SecurityEvent is one row of the log, or ErrNotFound.
func (s *Store) SecurityEvent(ctx context.Context, in Scope, id int64) (SecurityEvent, error) {
	row, err := found(from[securityEventRow](s.db).Where("id = ?", id).Take(ctx))
	if err == nil && !in.Has(row.Project) {
		err = ErrNotFound
	}
	if err != nil {
		return SecurityEvent{}, fmt.Errorf("read security event: %w", err)
	}
	return row.event(), nil
}

// eventSearch is as requestSearch.
func (s *Store) eventSearch(ctx context.Context, in Scope, f SecurityEventFilter) (logSearch, error) {
	l := logSearch{from: "security_events", most: askedRows, before: f.Before, after: f.After, perPage: f.PerPage}
	id, err := s.isIn(ctx, f.Keyword, "exists (select from security_events where correlation_id = $1)")
	if err != nil {
		return l, err
	}
	l.indexed.between(f.From, f.To)
	if id {
		l.narrow(func(w *where) { w.equal("correlation_id", whole(f.Keyword)) })
	}
	if f.Subject != "" {
		l.narrow(func(w *where) { w.and("lower(subject) = lower(?) and subject <> ''", truncated(f.Subject, maxSearch)) })
	}
	l.narrow(func(w *where) { w.network("client", f.Address) })
	l.narrow(func(w *where) { w.equal("kind", f.Kind) })
	l.narrow(func(w *where) { w.equal("project", f.Project) })
	l.indexed.in("project", in) // never asked of other rows: how far a search went tells of them
	if f.Keyword != "" && !id {
		l.asked.and("concat_ws(E'\\n', detail, subject, owner, source) ilike ?", containing(f.Keyword))
		l.most = askedTexts
	}
	l.asked.equal("environment", f.Environment)
	return l, nil
}

func (r securityEventRow) event() SecurityEvent {
	return SecurityEvent{ID: r.ID, Security: event.Security{
		Time: r.At.UTC(), Kind: event.SecurityKind(r.Kind), Environment: r.Environment, Project: r.Project, Owner: r.Owner,
		Subject: r.Subject, Source: r.Source, Client: addressOf(r.Client), Detail: r.Detail, CorrelationID: r.CorrelationID,
	}}
}
