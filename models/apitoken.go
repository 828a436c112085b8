package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
)

func (s *Store) IssueAPIToken(ctx context.Context, u User) (secret.Text, time.Time, error) {
	v := "gwp_" + secret.Generate(32)
	h := sha256.Sum256([]byte(v))
	until := s.now().Add(time.Hour)
	_, err := exec(ctx, s.db, "insert into personal_tokens (id,user_id,name,token_hash,created_at,expires_at) values (?,?,?,?,?,?)", newID(), u.ID, newID(), hex.EncodeToString(h[:]), s.now(), until)
	return secret.New(v), until, err
}

func (s *Store) RedeemPersonalToken(ctx context.Context, v secret.Text) (User, TokenScope, error) {
	h := sha256.Sum256([]byte(v.Reveal()))
	ids, err := query[string](ctx, s.db, "select user_id from personal_tokens where token_hash = ?", hex.EncodeToString(h[:]))
	if err != nil || len(ids) == 0 {
		return User{}, TokenScope{}, ErrNotFound
	}
	u, err := s.User(ctx, ids[0])
	return u, TokenScope{}, err
}
