package models

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// KindWebSession is what an audit record of an ended session is about.
const KindWebSession = "WEB_SESSION"

// WebSession is a sign-in of a user that still goes on.
type WebSession struct {
	// ID names it to people; its token never leaves the browser.
	ID string
	// Client is the address that it was begun from, UserAgent what the browser
	// called itself there; both are empty for sessions of older versions.
	Client, UserAgent          string
	BegunAt, SeenAt, ExpiresAt time.Time
	hash                       string
}

// Opens tells whether token is the session's own: which of the list is this one.
func (w WebSession) Opens(token string) bool {
	sum := sha256.Sum256([]byte(token)) // as scs hashes it
	return w.hash == base64.RawURLEncoding.EncodeToString(sum[:])
}

// WebSessions lists the sessions of a user that go on, the one seen last first.
func (s *Store) WebSessions(ctx context.Context, userID string) ([]WebSession, error) {
	if !isID(userID) {
		return nil, nil
	}
	rows, err := from[sessionRow](s.db).Where("user_id = ? and ended_at is null and expires_at > ?", userID, s.now()).
		Omit("data").Order("seen_at desc, id").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list web sessions: %w", err)
	}
	list := make([]WebSession, len(rows))
	for i, r := range rows {
		list[i] = WebSession{
			ID: r.ID, Client: r.Client, UserAgent: r.UserAgent,
			BegunAt: r.CreatedAt.UTC(), SeenAt: r.SeenAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), hash: r.TokenHash,
		}
	}
	return list, nil
}

// EndWebSession ends one session of a user. One of somebody else, or that has
// ended, is ErrNotFound.
func (s *Store) EndWebSession(ctx context.Context, by Actor, userID, id string) error {
	if !isID(id) {
		return fmt.Errorf("end web session: %w", ErrNotFound)
	}
	user, err := userByID(ctx, s.db, userID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		at := s.now()
		n, err := exec(ctx, tx, `update web_sessions set ended_at = ?, data = ''
			where id = ? and user_id = ? and ended_at is null and expires_at > ?`, at, id, userID, at)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return s.record(ctx, tx, by, fact{action: ActionRevoked, kind: KindWebSession, id: id, name: user.Name})
	})
	if err != nil {
		return fmt.Errorf("end web session: %w", err)
	}
	return nil
}
