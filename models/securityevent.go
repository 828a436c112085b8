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
		event.RefreshReused, event.RevokedTokenUsed, event.ForgedToken, event.LoginsThrottled, event.AddressRefused, event.TokensRevoked,
		event.KeyRotated, event.KeyRevoked, event.SourceFailing, event.SourceRecovered,
	}
}

// AddSecurityEvents appends to the log, all or none.
func (s *Store) AddSecurityEvents(ctx context.Context, list []event.Security) error {
	return insertSecurityEvents(ctx, s.db, list)
}

// loggedKey finds, in the context of a transaction, the security events that it
// has logged.
type loggedKey struct{}

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
	if logged, ok := tx.Statement.Context.Value(loggedKey{}).(*[]event.Security); ok {
		*logged = append(*logged, list...)
	}
	return nil
}

// SecurityEvents lists a page of the log, newest first, and how many rows
// match, counted up to CountCap.
func (s *Store) SecurityEvents(ctx context.Context, f SecurityEventFilter) ([]SecurityEvent, int, error) {
	w := f.conditions()
	total, err := s.countCapped(ctx, "from security_events where "+w.sql(), w.args)
	if err != nil {
		return nil, 0, fmt.Errorf("count security events: %w", err)
	}
	rows, err := listed[securityEventRow](ctx, s.db, "security_events", w, f.Before, f.After, f.PerPage)
	if err != nil {
		return nil, 0, fmt.Errorf("list security events: %w", err)
	}
	list := make([]SecurityEvent, len(rows))
	for i, r := range rows {
		list[i] = r.event()
	}
	return list, total, nil
}

// EachSecurityEvent hands over the matching rows, newest first and at most
// limit, without holding them all.
func (s *Store) EachSecurityEvent(ctx context.Context, f SecurityEventFilter, limit int, each func(SecurityEvent) error) error {
	err := streamed(ctx, s.db, "security_events", f.conditions(), limit, func(r securityEventRow) error { return each(r.event()) })
	if err != nil {
		return fmt.Errorf("read security events: %w", err)
	}
	return nil
}

// SecurityEvent is one row of the log, or ErrNotFound.
func (s *Store) SecurityEvent(ctx context.Context, id int64) (SecurityEvent, error) {
	row, err := found(from[securityEventRow](s.db).Where("id = ?", id).Take(ctx))
	if err != nil {
		return SecurityEvent{}, fmt.Errorf("read security event: %w", err)
	}
	return row.event(), nil
}

func (f SecurityEventFilter) conditions() where {
	var w where
	if f.Keyword != "" {
		like := containing(f.Keyword)
		w.and("(detail ilike ? or subject ilike ? or owner ilike ? or source ilike ? or correlation_id = ?)", like, like, like, like, whole(f.Keyword))
	}
	w.equal("kind", f.Kind)
	w.equal("environment", f.Environment)
	w.equal("project", f.Project)
	if f.Subject != "" {
		w.and("lower(subject) = lower(?) and subject <> ''", truncated(f.Subject, maxSearch))
	}
	w.address("client", f.Address)
	w.between(f.From, f.To)
	return w
}

func (r securityEventRow) event() SecurityEvent {
	return SecurityEvent{ID: r.ID, Security: event.Security{
		Time: r.At.UTC(), Kind: event.SecurityKind(r.Kind), Environment: r.Environment, Project: r.Project, Owner: r.Owner,
		Subject: r.Subject, Source: r.Source, Client: addressOf(r.Client), Detail: r.Detail, CorrelationID: r.CorrelationID,
	}}
}
