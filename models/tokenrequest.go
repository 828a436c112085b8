package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// TokenRequest is a request to the token service as it was logged. It holds no
// token, no secret and no password.
type TokenRequest struct {
	ID int64
	event.Token
}

// TokenRequestFilter narrows the log of token requests. Zero members do not
// narrow.
type TokenRequestFilter struct {
	// Keyword is looked for in the names, the scope, the reason, the error and
	// the ids.
	Keyword                             string
	Environment, Project, Owner, Policy string
	// Grant is the grant_type; Operation is as in event.Token.
	Grant, Operation, Source string
	// Outcome is "issued" or "refused".
	Outcome string
	// Error is an RFC 6749 error code.
	Error string
	// Who is a user name, compared without case, or a client id.
	Who string
	// Family is the sid of a login, CorrelationID that of one request.
	Family, CorrelationID string
	// Address is one, or a network such as 10.0.0.0/8.
	Address string
	// StatusFrom and StatusTo are inclusive.
	StatusFrom, StatusTo int
	// From is the first moment that is in, To the first that is not.
	From, To time.Time
	// Before lists only what comes after this row in the list; it is a Cursor.
	// After lists what comes before it.
	Before, After Cursor
	// PerPage is 25 unless set, at most 500.
	PerPage int
}

// The outcomes of a token request.
const (
	OutcomeIssued  = "issued"
	OutcomeRefused = "refused"
)

type tokenRequestRow struct {
	ID               int64 `gorm:"primaryKey"`
	At               time.Time
	Environment      string
	Operation        string
	Project          string
	Owner            string
	Policy           string
	GrantType        string
	ClientID         string
	Username         string
	Source           string
	Client           string
	ForwardedFor     string
	Method           string
	ContentType      string
	Algorithm        string
	KeyID            string
	TokenID          string
	Family           string
	Scope            string
	IssuedAt         *time.Time
	ExpiresAt        *time.Time
	NeverExpires     bool
	RefreshExpiresAt *time.Time
	RefreshCount     int
	RefreshMax       int
	Status           int
	Error            string
	Fault            string
	Reason           string
	CorrelationID    string
	DurationUs       int64
}

// TableName implements gorm's schema.Tabler.
func (tokenRequestRow) TableName() string { return "token_requests" }

var tokenRequestColumns = []string{
	"at", "environment", "operation", "project", "owner", "policy", "grant_type", "client_id", "username", "source", "client",
	"forwarded_for", "method", "content_type", "algorithm", "key_id", "token_id", "family", "scope", "issued_at", "expires_at",
	"never_expires", "refresh_expires_at", "refresh_count", "refresh_max", "status", "error", "fault", "reason", "correlation_id", "duration_us",
}

// maxLogText bounds what callers can make us keep of a request in one column;
// maxLogScope is that of the scope, which is a list.
const (
	maxLogText  = 255
	maxLogScope = 2000
)

// AddTokenRequests appends to the log, all or none. What callers sent is
// bounded, and made fit for the database where it is not.
func (s *Store) AddTokenRequests(ctx context.Context, list []event.Token) error {
	_, err := s.pool.CopyFrom(ctx, pgx.Identifier{"token_requests"}, tokenRequestColumns,
		pgx.CopyFromSlice(len(list), func(i int) ([]any, error) { return tokenRequestValues(&list[i]), nil }))
	if err != nil {
		return fmt.Errorf("log token requests: %w", err)
	}
	return nil
}

// tokenRequestValues is in the order of tokenRequestColumns.
func tokenRequestValues(t *event.Token) []any {
	short := func(text string) string { return truncated(text, maxLogText) }
	return []any{
		t.Time.UTC(), short(t.Environment), short(string(t.Operation)), short(t.Project), short(t.Owner), short(t.Policy),
		short(t.Grant), short(t.ClientID), short(t.Username), short(t.Source), addressText(t.Client), short(t.ForwardedFor),
		short(t.Method), short(t.ContentType), short(t.Algorithm), short(t.KeyID), short(t.TokenID), short(t.Family),
		truncated(t.Scope, maxLogScope), orNever(t.IssuedAt), orNever(t.ExpiresAt), t.NeverExpires, orNever(t.RefreshExpiresAt),
		int32(t.RefreshCount), int32(t.RefreshMax), int32(t.Status), short(t.Error), short(string(t.Fault)), truncated(t.Reason, 4*maxLogText),
		short(t.CorrelationID), max(t.Duration.Microseconds(), 0),
	}
}

// TokenRequests lists a page of the log, newest first, and how many rows match,
// counted up to CountCap.
func (s *Store) TokenRequests(ctx context.Context, f TokenRequestFilter) ([]TokenRequest, int, error) {
	w := f.conditions()
	total, err := s.countCapped(ctx, "from token_requests where "+w.sql(), w.args)
	if err != nil {
		return nil, 0, fmt.Errorf("count token requests: %w", err)
	}
	rows, err := listed[tokenRequestRow](ctx, s.db, "token_requests", w, f.Before, f.After, f.PerPage)
	if err != nil {
		return nil, 0, fmt.Errorf("list token requests: %w", err)
	}
	list := make([]TokenRequest, len(rows))
	for i, r := range rows {
		list[i] = r.request()
	}
	return list, total, nil
}

// EachTokenRequest hands over the matching rows, newest first and at most
// limit, without holding them all. Before and After are not asked.
func (s *Store) EachTokenRequest(ctx context.Context, f TokenRequestFilter, limit int, each func(TokenRequest) error) error {
	err := streamed(ctx, s.db, "token_requests", f.conditions(), limit, func(r tokenRequestRow) error { return each(r.request()) })
	if err != nil {
		return fmt.Errorf("read token requests: %w", err)
	}
	return nil
}

// TokenRequest is one row of the log, or ErrNotFound.
func (s *Store) TokenRequest(ctx context.Context, id int64) (TokenRequest, error) {
	row, err := found(from[tokenRequestRow](s.db).Where("id = ?", id).Take(ctx))
	if err != nil {
		return TokenRequest{}, fmt.Errorf("read token request: %w", err)
	}
	return row.request(), nil
}

func (f TokenRequestFilter) conditions() where {
	var w where
	if f.Keyword != "" {
		like := containing(f.Keyword)
		w.and(`(username ilike ? or client_id ilike ? or owner ilike ? or policy ilike ? or source ilike ? or scope ilike ? or reason ilike ?
			or error ilike ? or token_id = ? or family = ? or key_id = ? or correlation_id = ?)`,
			like, like, like, like, like, like, like, like, whole(f.Keyword), whole(f.Keyword), whole(f.Keyword), whole(f.Keyword))
	}
	w.equal("environment", f.Environment)
	w.equal("project", f.Project)
	w.equal("owner", f.Owner)
	w.equal("policy", f.Policy)
	w.equal("grant_type", f.Grant)
	w.equal("operation", f.Operation)
	w.equal("source", f.Source)
	w.equal("error", f.Error)
	w.equal("family", f.Family)
	w.equal("correlation_id", f.CorrelationID)
	w.address("client", f.Address)
	if f.Who != "" {
		w.and("(lower(username) = lower(?) and username <> '' or client_id = ?)", truncated(f.Who, maxSearch), truncated(f.Who, maxSearch))
	}
	switch f.Outcome {
	case OutcomeIssued:
		w.and("error = '' and token_id <> ''")
	case OutcomeRefused:
		w.and("error <> ''")
	}
	if f.StatusFrom > 0 {
		w.and("status >= ?", min(f.StatusFrom, 1000))
	}
	if f.StatusTo > 0 {
		w.and("status <= ?", min(f.StatusTo, 1000))
	}
	w.between(f.From, f.To)
	return w
}

// whole is a search text as an id that is compared whole.
func whole(typed string) string { return truncated(strings.TrimSpace(typed), maxSearch) }

func (r tokenRequestRow) request() TokenRequest {
	return TokenRequest{ID: r.ID, Token: event.Token{
		Time: r.At.UTC(), Environment: r.Environment, Operation: event.Operation(r.Operation), Project: r.Project, Owner: r.Owner,
		Policy: r.Policy, Grant: r.GrantType, ClientID: r.ClientID, Username: r.Username, Source: r.Source, Client: addressOf(r.Client),
		ForwardedFor: r.ForwardedFor, Method: r.Method, ContentType: r.ContentType, Algorithm: r.Algorithm, KeyID: r.KeyID,
		TokenID: r.TokenID, Family: r.Family, Scope: r.Scope, IssuedAt: orZero(r.IssuedAt), ExpiresAt: orZero(r.ExpiresAt),
		NeverExpires: r.NeverExpires, RefreshExpiresAt: orZero(r.RefreshExpiresAt), RefreshCount: r.RefreshCount, RefreshMax: r.RefreshMax,
		Status: r.Status, Error: r.Error, Fault: fault.Type(r.Fault), Reason: r.Reason, CorrelationID: r.CorrelationID,
		Duration: time.Duration(r.DurationUs) * time.Microsecond,
	}}
}
