package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/models"
)

// reach knows whether the database answers, so that what needs it can say no at
// once. Until it is told otherwise it believes that it does.
type reach struct {
	logger *slog.Logger

	mu    sync.Mutex
	up    context.Context // ends when the database goes away
	ended context.CancelFunc
	back  chan struct{} // closed while it answers
	since time.Time     // when it went away; zero while it answers
}

func newReach(logger *slog.Logger) *reach {
	r := &reach{logger: logger, back: make(chan struct{})}
	close(r.back)
	r.up, r.ended = context.WithCancel(context.Background())
	return r
}

// follow keeps it true until ctx ends.
func (r *reach) follow(ctx context.Context, store *models.Store) {
	_ = store.WatchReach(ctx, r.told) // the error is that ctx ended
}

func (r *reach) told(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil && r.since.IsZero():
		r.since, r.back = time.Now(), make(chan struct{})
		r.ended()
		r.logger.Error("the database does not answer: calls go on with what is known, no tokens are issued until it is back", "error", err)
	case err == nil && !r.since.IsZero():
		r.logger.Info("the database answers again", "away", time.Since(r.since).Round(time.Millisecond))
		r.since = time.Time{}
		r.up, r.ended = context.WithCancel(context.Background())
		close(r.back)
	}
}

// away tells that the database does not answer.
func (r *reach) away() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.since.IsZero()
}

// await waits until it answers.
func (r *reach) await(ctx context.Context) error {
	r.mu.Lock()
	back := r.back
	r.mu.Unlock()
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// during is ctx, ended early when the database goes away.
func (r *reach) during(ctx context.Context) (context.Context, func()) {
	r.mu.Lock()
	up := r.up
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(up, cancel)
	return ctx, func() { stop(); cancel() }
}

// reachedStore asks a store only for as long as the database is there: whoever
// waits for an answer on a dead connection is let go when that is known.
type reachedStore struct {
	token.Store
	reach *reach
}

func (s reachedStore) StartFamily(ctx context.Context, f token.Family) error {
	ctx, done := s.reach.during(ctx)
	defer done()
	return s.Store.StartFamily(ctx, f)
}

func (s reachedStore) FindFamily(ctx context.Context, environment string, id token.FamilyID) (token.Family, bool, error) {
	ctx, done := s.reach.during(ctx)
	defer done()
	return s.Store.FindFamily(ctx, environment, id)
}

func (s reachedStore) RedeemFamily(ctx context.Context, r token.Redemption) (token.Family, token.RedeemOutcome, error) {
	ctx, done := s.reach.during(ctx)
	defer done()
	return s.Store.RedeemFamily(ctx, r)
}

func (s reachedStore) EndFamily(ctx context.Context, environment string, id token.FamilyID, clientID, reason string) (bool, error) {
	ctx, done := s.reach.during(ctx)
	defer done()
	return s.Store.EndFamily(ctx, environment, id, clientID, reason)
}

func (s reachedStore) RevokeTokens(ctx context.Context, environment string, e revoke.Entry, reason string) error {
	ctx, done := s.reach.during(ctx)
	defer done()
	return s.Store.RevokeTokens(ctx, environment, e, reason)
}
