package models

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/alexedwards/scs/v2"
	"gorm.io/gorm"
)

// SessionUserKey is the key of the session value that holds the ID of the
// signed-in user, a string. The store copies it beside the session, so that
// all sessions of a user can be ended.
const SessionUserKey = "userID"

// SessionClientKey and SessionAgentKey are the keys of where a session was begun
// from: the client's address and what its browser calls itself, both strings.
const (
	SessionClientKey = "client"
	SessionAgentKey  = "userAgent"
)

// maxAgent bounds what is kept of a browser's name for itself.
const maxAgent = 300

// expiredAtOnce is how many expired sessions each new one sweeps away.
const expiredAtOnce = 100

type sessionRow struct {
	TokenHash string `gorm:"primaryKey"`
	Data      []byte
	ID        string
	UserID    *string
	Client    string
	UserAgent string
	CreatedAt time.Time `gorm:"autoCreateTime:false"`
	SeenAt    time.Time
	ExpiresAt time.Time
	EndedAt   *time.Time
}

// TableName implements gorm's schema.Tabler.
func (sessionRow) TableName() string { return "web_sessions" }

// SessionStore keeps web sessions in the database. The manager must hash its
// tokens (scs's HashTokenInStore): what arrives here is stored as it is.
func (s *Store) SessionStore() scs.CtxStore { return sessionStore{s} }

type sessionStore struct{ *Store }

// WithSession lets a request keep the session that it found until it ends, so that it is
// not read once more to see whether it changed.
func WithSession(ctx context.Context) context.Context {
	return context.WithValue(ctx, sessionKey{}, new(sessionRow))
}

type sessionKey struct{}

// FindCtx implements scs.CtxStore.
func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if !storable(token) {
		return nil, false, nil
	}
	row, err := found(from[sessionRow](s.db).Where("token_hash = ? and expires_at > ? and ended_at is null", token, s.now()).Take(ctx))
	if isNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read web session: %w", err)
	}
	if kept, ok := ctx.Value(sessionKey{}).(*sessionRow); ok {
		*kept = row
	}
	return row.Data, true, nil
}

// seenAgain is how long a session that did not change is not written again: every
// request would otherwise wait for a disk, and end the idle time a moment later only.
const seenAgain = time.Minute

// CommitCtx implements scs.CtxStore. A session that was ended stays ended: a
// request that read it before and saves it after must not bring it back.
func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	row, err := sessionOf(data)
	if err != nil {
		return err
	}
	at := s.now()
	if same, err := s.seen(ctx, token, data, at); same || err != nil {
		return err
	}
	fresh, err := query[bool](ctx, s.db, `insert into web_sessions (token_hash, data, id, user_id, client, user_agent, created_at, seen_at, expires_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (token_hash) do update set data = excluded.data, user_id = excluded.user_id, client = excluded.client, user_agent = excluded.user_agent,
			seen_at = excluded.seen_at, expires_at = excluded.expires_at
		where web_sessions.ended_at is null returning xmax = 0`, token, data, newID(), row.UserID, row.Client, row.UserAgent, at, at, expiry.UTC())
	if err != nil {
		return fmt.Errorf("save web session: %w", err)
	}
	if len(fresh) == 0 || !fresh[0] { // xmax is 0 in a row that was just inserted
		return nil
	}
	return s.sweep(ctx, at)
}

// seen tells that a session was saved less than a minute ago and says the same now. One
// that was ended since the request found it stays so, as nothing is written.
func (s sessionStore) seen(ctx context.Context, token string, data []byte, at time.Time) (bool, error) {
	row, ok := ctx.Value(sessionKey{}).(*sessionRow)
	if !ok || row.TokenHash != token {
		found, err := from[sessionRow](s.db).Where("token_hash = ? and ended_at is null", token).Limit(1).Find(ctx)
		if err != nil {
			return false, fmt.Errorf("read web session: %w", err)
		}
		if len(found) == 0 {
			return false, nil
		}
		row = &found[0]
	}
	if row.SeenAt.After(at) || !row.SeenAt.After(at.Add(-seenAgain)) {
		return false, nil
	}
	// Equal values have more than one encoding.
	until, is, err := scs.GobCodec{}.Decode(data)
	then, was, unreadable := scs.GobCodec{}.Decode(row.Data)
	return err == nil && unreadable == nil && until.Equal(then) && reflect.DeepEqual(is, was), nil
}

// sweep removes expired sessions a few at a time, skipping those that another
// sweep has in hand.
func (s sessionStore) sweep(ctx context.Context, at time.Time) error {
	_, err := exec(ctx, s.db, `delete from web_sessions where token_hash in
		(select token_hash from web_sessions where expires_at < ? order by expires_at limit ? for update skip locked)`, at, expiredAtOnce)
	if err != nil {
		return fmt.Errorf("remove expired web sessions: %w", err)
	}
	return nil
}

// DeleteCtx implements scs.CtxStore. It leaves a mark, see CommitCtx.
func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	if !storable(token) {
		return nil
	}
	_, err := exec(ctx, s.db, "update web_sessions set ended_at = ?, data = '' where token_hash = ? and ended_at is null", s.now(), token)
	if err != nil {
		return fmt.Errorf("end web session: %w", err)
	}
	return nil
}

// Find implements scs.Store.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (s sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete implements scs.Store.
func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// sessionOf finds whose session it is, and from where, in what scs encoded.
func sessionOf(data []byte) (sessionRow, error) {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return sessionRow{}, fmt.Errorf("read web session: %w", err)
	}
	client, _ := values[SessionClientKey].(string)
	agent, _ := values[SessionAgentKey].(string)
	row := sessionRow{Client: truncated(client, maxAuditText), UserAgent: truncated(agent, maxAgent)}
	if id, _ := values[SessionUserKey].(string); isID(id) {
		row.UserID = &id
	}
	return row, nil
}

// EndSessions ends all web sessions of a user but one, which is named by its
// token's hash; "" spares none.
func (s *Store) EndSessions(ctx context.Context, userID, exceptTokenHash string) error {
	if !isID(userID) {
		return nil
	}
	return endSessions(ctx, s.db, s.now(), userID, exceptTokenHash)
}

func endSessions(ctx context.Context, tx *gorm.DB, at time.Time, userID, except string) error {
	_, err := exec(ctx, tx, "update web_sessions set ended_at = ?, data = '' where user_id = ? and token_hash <> ? and ended_at is null", at, userID, except)
	if err != nil {
		return fmt.Errorf("end web sessions: %w", err)
	}
	return nil
}
