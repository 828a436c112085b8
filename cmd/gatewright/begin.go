package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// beginWithin is how long a start waits for the database to say anything, and
// beginAgain how long until the next try after one that failed.
const (
	beginWithin = 5 * time.Second
	beginAgain  = time.Second
)

// begin brings the gateways what they serve: from the database, or while that
// does not answer from what this node has kept. A node that has kept nothing ends
// with the database's own words.
func (s *service) begin(ctx context.Context, b *banner) error {
	away := s.answers(ctx)
	if away == nil {
		return s.beginWith(ctx, b)
	}
	if s.private != nil || ctx.Err() != nil { // our own has just started
		return away
	}
	s.node.reach.told(away)
	if err := s.node.loadKept(ctx); err != nil {
		return fmt.Errorf("%w; %w", away, err)
	}
	s.alone = true
	return nil
}

func (s *service) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beginWithin)
	defer cancel()
	return s.store.Ping(ctx)
}

// beginWith is the start with a database that answers.
func (s *service) beginWith(ctx context.Context, b *banner) error {
	if s.console == nil {
		if err := s.store.CheckSchema(ctx); err != nil {
			return err
		}
		return s.node.load(ctx)
	}
	if err := s.store.Migrate(ctx); err != nil {
		return err
	}
	if err := s.firstStart(ctx, b); err != nil {
		return err
	}
	if err := s.node.load(ctx); err != nil {
		return err
	}
	s.office.open.Store(true)
	return nil
}

// catchUp does what a start without the database has left out, once that is
// back. Until then the gateways serve what they have.
func (s *service) catchUp(ctx context.Context, b *banner) {
	if !s.alone {
		return
	}
	for told := ""; s.node.reach.await(ctx) == nil; wait(ctx, beginAgain) {
		err := s.beginWith(ctx, b)
		if err == nil {
			s.logger.Info("caught up with the database")
			if !b.password.IsZero() || !b.demo.Secret.IsZero() { // they are shown this once
				b.print(s.stdout)
			}
			return
		}
		if ctx.Err() == nil && told != err.Error() {
			told = err.Error()
			s.logger.Error("not caught up with the database; trying again", "error", err)
		}
	}
}

// gate keeps the console shut until the database has been there once.
type gate struct{ open atomic.Bool }

func (g *gate) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.open.Load() {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "The database does not answer. The console opens as soon as it does; APIs are served meanwhile.", http.StatusServiceUnavailable)
	})
}
