package main

import (
	"context"
	"sync"
	"time"
)

// How often the database is looked after. Any number of processes may do it: a
// lock in the database lets one act.
const (
	purgeEvery = 10 * time.Minute
	keysEvery  = 30 * time.Second
	// recheckEvery is how often it is seen who is due; the settings say after how
	// long a user is.
	recheckEvery = time.Minute
)

// tend looks after what is stored until ctx ends: keys that are due, records
// that are older than they are to be kept. A gateway node alone does not: it
// only reads what is configured.
func (s *service) tend(ctx context.Context) {
	if s.console == nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { every(ctx, purgeEvery, s.purge) })
	wg.Go(func() { every(ctx, keysEvery, s.tendKeys) }) // a long purge keeps no key from being rotated
	wg.Go(func() { every(ctx, recheckEvery, s.recheckDirectory) })
	if len(s.siem) > 0 {
		wg.Go(func() { s.followAudit(ctx) })
	}
	wg.Wait()
}

func every(ctx context.Context, d time.Duration, do func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(ctx)
		}
	}
}

func (s *service) tendKeys(ctx context.Context) {
	if err := s.store.TendKeys(ctx); err != nil && ctx.Err() == nil {
		s.logger.Error("signing keys not looked after", "error", err)
	}
}

func (s *service) recheckDirectory(ctx context.Context) {
	gone, err := s.store.RecheckDirectory(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.logger.Error("whether users are still in the directory is not known", "error", err)
	case gone > 0:
		s.logger.Info("users are not in the directory any more: their sessions ended", "users", gone)
	}
}

func (s *service) purge(ctx context.Context) {
	p, acted, err := s.store.Purge(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.logger.Error("old records not removed", "error", err)
	case acted:
		s.logger.Debug("old records removed", "tokenRequests", p.TokenRequests, "securityEvents", p.SecurityEvents,
			"refusals", p.Refusals, "logins", p.Families, "revocations", p.Revocations, "revisions", p.Revisions)
	}
}
