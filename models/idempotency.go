package models

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// How long an answer is repeated, and how long a request that died on its way
// keeps its key from being used again.
const (
	answerKept    = 24 * time.Hour
	answerAwaited = 5 * time.Minute
)

// KeptAnswer is what a write of the management API was answered with.
type KeptAnswer struct {
	Status int             `json:"status"`
	ETag   string          `json:"etag,omitempty"`
	Body   json.RawMessage `json:"body"`
}

// The ways in which a key that is in use keeps a request from being carried out.
const (
	KeyFree     = ""         // it was not: carry the request out, then KeepAnswer
	KeyAnswered = "answered" // repeat the answer
	KeyOther    = "other"    // the key belongs to another request
	KeyUnderWay = "underway" // the first request has not been answered yet
)

func answerPlace(userID, key string) string { return "api_answers/" + userID + "/" + key }

// ClaimKey takes an Idempotency-Key of a user for a request, or says how the
// key is in use. An answer comes with KeyAnswered only. Of the fingerprint only a
// MAC is kept, as it is made of bodies in which passwords may be.
func (s *Store) ClaimKey(ctx context.Context, userID, key string, fingerprint []byte) (string, KeptAnswer, error) {
	mac := hmac.New(sha256.New, s.sealer.Derive("api_answers/fingerprint", sha256.Size))
	mac.Write(fingerprint)
	fingerprint = mac.Sum(nil)
	type line struct {
		Fingerprint, Answer []byte
		Status              int
	}
	state, kept := KeyFree, KeptAnswer{}
	err := s.write(ctx, func(tx *gorm.DB) error {
		at := s.now()
		if _, err := exec(ctx, tx, `delete from api_answers where created_at < ? or user_id = ? and key = ? and status = 0 and created_at < ?`,
			at.Add(-answerKept), userID, key, at.Add(-answerAwaited)); err != nil {
			return err
		}
		n, err := exec(ctx, tx, `insert into api_answers (user_id, key, fingerprint, status, answer, created_at) values (?, ?, ?, 0, '', ?) on conflict do nothing`,
			userID, key, fingerprint, at)
		if err != nil || n > 0 {
			return err
		}
		lines, err := query[line](ctx, tx, "select fingerprint, answer, status from api_answers where user_id = ? and key = ?", userID, key)
		if err != nil || len(lines) == 0 {
			return err
		}
		switch first := lines[0]; {
		case !hmac.Equal(first.Fingerprint, fingerprint):
			state = KeyOther
		case first.Status == 0:
			state = KeyUnderWay
		default:
			state = KeyAnswered
			plain, err := s.sealer.Open(first.Answer, answerPlace(userID, key))
			if err != nil {
				return err
			}
			return json.Unmarshal(plain, &kept)
		}
		return nil
	})
	if err != nil {
		return "", KeptAnswer{}, fmt.Errorf("claim idempotency key: %w", err)
	}
	return state, kept, nil
}

// KeepAnswer keeps the answer to the request that claimed the key.
func (s *Store) KeepAnswer(ctx context.Context, userID, key string, a KeptAnswer) error {
	plain, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	sealed, err := s.sealer.Seal(plain, answerPlace(userID, key))
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	if _, err := exec(ctx, s.db, "update api_answers set status = ?, answer = ? where user_id = ? and key = ?", a.Status, sealed, userID, key); err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// ReleaseKey gives a key back whose request changed nothing.
func (s *Store) ReleaseKey(ctx context.Context, userID, key string) error {
	if _, err := exec(ctx, s.db, "delete from api_answers where user_id = ? and key = ? and status = 0", userID, key); err != nil {
		return fmt.Errorf("release idempotency key: %w", err)
	}
	return nil
}
