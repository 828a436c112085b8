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

// TokenRequests lists a page of the log, newest first, and what it is out of.
func (s *Store) TokenRequests(ctx context.Context, in Scope, f TokenRequestFilter) ([]TokenRequest, Found, error) {
	l, err := s.requestSearch(ctx, in, f)
	if err != nil {
		return nil, Found{}, err
	}
	rows, found, err := listed[tokenRequestRow](ctx, s, l)
	if err != nil {
		return nil, found, fmt.Errorf("list token requests: %w", err)
	}
	list := make([]TokenRequest, len(rows))
	for i, r := range rows {
		list[i] = r.request()
	}
	return list, found, nil
}

// EachTokenRequest hands over the matching rows, newest first and at most
// limit, without holding them all. Before and After are not asked.
func (s *Store) EachTokenRequest(ctx context.Context, in Scope, f TokenRequestFilter, limit int, each func(TokenRequest) error) error {
	l, err := s.requestSearch(ctx, in, f)
	if err == nil {
		err = streamed(ctx, s.db, l, limit, func(r tokenRequestRow) error { return each(r.request()) })
	}
	if err != nil {
		return fmt.Errorf("read token requests: %w", err)
	}
	return nil
}

// TokenRequest is one row of the log, or ErrNotFound.
func (s *Store) TokenRequest(ctx context.Context, in Scope, id int64) (TokenRequest, error) {
	row, err := found(from[tokenRequestRow](s.db).Where("id = ?", id).Take(ctx))
	if err == nil && !in.Has(row.Project) {
		err = ErrNotFound
	}
	if err != nil {
		return TokenRequest{}, fmt.Errorf("read token request: %w", err)
	}
	return row.request(), nil
}

// requestSearch lets the first condition that an index answers well lead, so
// that what is common cannot hide behind what is rare.
func (s *Store) requestSearch(ctx context.Context, in Scope, f TokenRequestFilter) (logSearch, error) {
	l := logSearch{from: "token_requests", most: askedRows, before: f.Before, after: f.After, perPage: f.PerPage}
	id, err := s.isIn(ctx, f.Keyword, `exists (select from token_requests where token_id = $1 and token_id <> '')
		or exists (select from token_requests where family = $1 and family <> '') or exists (select from token_requests where correlation_id = $1)`)
	if err != nil {
		return l, err
	}
	l.indexed.between(f.From, f.To)
	if id {
		l.narrow(func(w *where) {
			w.and("(token_id = ? and token_id <> '' or family = ? and family <> '' or correlation_id = ?)", whole(f.Keyword), whole(f.Keyword), whole(f.Keyword))
		})
	}
	// That a value is not empty is said for the partial indexes, which PostgreSQL
	// would not take for one that it does not know yet.
	l.narrow(func(w *where) { w.equal("correlation_id", f.CorrelationID) })
	l.narrow(func(w *where) { w.equal("family <> '' and family", f.Family) })
	l.narrowWho(f.Who)
	l.narrow(func(w *where) { w.network("client", f.Address) })
	l.narrow(func(w *where) { w.equal("owner", f.Owner) })
	l.narrow(func(w *where) { w.equal("error <> '' and error", f.Error) })
	l.narrow(func(w *where) { w.equal("source <> '' and source", f.Source) })
	if f.Outcome == OutcomeRefused {
		l.narrow(func(w *where) { w.and("error <> ''") })
	}
	l.narrow(func(w *where) { w.equal("project", f.Project) })
	l.indexed.in("project", in) // never asked of other rows: how far a search went tells of them
	l.asked.parts, l.asked.args = append(l.asked.parts, f.rest(id).parts...), append(l.asked.args, f.rest(id).args...)
	if f.Keyword != "" && !id {
		l.most = askedTexts
	}
	return l, nil
}

// narrow adds a condition that an index answers: as the one that leads, or to
// those that are asked of each row.
func (l *logSearch) narrow(add func(*where)) {
	var w where
	add(&w)
	if len(w.parts) == 0 {
		return
	}
	into := &l.indexed
	if l.led {
		into = &l.asked
	}
	l.led = true
	into.parts, into.args = append(into.parts, w.parts...), append(into.args, w.args...)
}

// narrowWho adds a user or client. When it leads, each half has an index of its
// own, which one condition of both could not use in the order of the log.
func (l *logSearch) narrowWho(who string) {
	if who = truncated(who, maxSearch); who == "" {
		return
	}
	const user, client = "lower(username) = lower(?) and username <> ''", "client_id = ?"
	if l.led {
		l.asked.and("("+user+" or "+client+")", who, who)
		return
	}
	l.led = true
	l.from = "(select * from token_requests where " + user + " union all select * from token_requests where " + client + " and not (" + user + ")) token_requests"
	l.fromArgs = []any{who, who, who}
}

// isIn tells whether a search text is an id that some row of a log has. Then
// only these rows are meant, however far back they lie.
func (s *Store) isIn(ctx context.Context, typed, exists string) (is bool, err error) {
	id := whole(typed)
	if id == "" {
		return false, nil
	}
	if err := s.pool.QueryRow(ctx, "select "+exists, id).Scan(&is); err != nil {
		return false, fmt.Errorf("look for an id in a log: %w", err)
	}
	return is, nil
}

// rest is what no index answers. That a text is in one of many columns is asked
// once, of all together: to ask each costs as much again.
func (f TokenRequestFilter) rest(id bool) where {
	var w where
	if f.Keyword != "" && !id {
		w.and("(concat_ws(E'\\n', username, client_id, owner, policy, source, scope, reason, error) ilike ? or key_id = ?)", containing(f.Keyword), whole(f.Keyword))
	}
	w.equal("environment", f.Environment)
	w.equal("policy", f.Policy)
	w.equal("grant_type", f.Grant)
	w.equal("operation", f.Operation)
	if f.Outcome == OutcomeIssued {
		w.and("error = '' and token_id <> ''")
	}
	if f.StatusFrom > 0 {
		w.and("status >= ?", min(f.StatusFrom, 1000))
	}
	if f.StatusTo > 0 {
		w.and("status <= ?", min(f.StatusTo, 1000))
	}
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
