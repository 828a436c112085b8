package main

import (
	"context"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/steady"
)

const (
	// keepSoon is how long changes are gathered before they are written.
	keepSoon = 200 * time.Millisecond
	// keepShare bounds what writing may cost: a twentieth of the time, however
	// large a bundle is and however often it changes.
	keepShare = 20
	// keepAgain is when a write that failed is tried again.
	keepAgain = 30 * time.Second
	// muchToKeep is from how many owners on the memory that writing took is given
	// back at once.
	muchToKeep = 1000
	// keepExpired is how long a revocation outlives its tokens, as in
	// engine/revoke: clocks differ.
	keepExpired = 10 * time.Minute
)

// keeper keeps the last good configuration of one environment on disk, never in
// the way of those who change it. The nil keeper keeps nothing.
type keeper struct {
	files       *keptFiles
	environment string
	logger      *slog.Logger
	bell        chan struct{}

	writing sync.Mutex // of the files

	mu      sync.Mutex // of what follows
	bundle  *engine.Bundle
	revoked map[int64]revoke.Entry
	last    int64 // id of the newest revocation
	// fresh tells that bundle and revocations differ from what is on disk.
	fresh struct{ bundle, revoked bool }
	// failing tells that the last write failed, which was logged.
	failing bool
}

func newKeeper(files *keptFiles, environment string, logger *slog.Logger) *keeper {
	k := &keeper{files: files, environment: environment, logger: logger, bell: make(chan struct{}, 1), revoked: map[int64]revoke.Entry{}}
	// It never goes back, also when the newest revocations have expired since: the
	// bundle that is on disk would not go with what is written next.
	var before keptRevocations
	if _, err := files.open(environment, keptRevoked, &before); err == nil {
		k.last = before.Last
	}
	return k
}

// good takes a bundle that runs.
func (k *keeper) good(b engine.Bundle) {
	if k == nil {
		return
	}
	k.mu.Lock()
	if k.bundle == nil { // from now on also an empty list is worth keeping
		k.fresh.revoked = true
	}
	k.bundle, k.fresh.bundle = &b, true
	k.mu.Unlock()
	k.ring()
}

// revoke takes revocations that the database has told of.
func (k *keeper) revoke(entries []revoke.Entry) {
	if k == nil || len(entries) == 0 {
		return
	}
	k.mu.Lock()
	for _, e := range entries {
		if _, known := k.revoked[e.ID]; !known && e.ID != 0 {
			k.revoked[e.ID], k.fresh.revoked = e, true
		}
		k.last = max(k.last, e.ID)
	}
	k.mu.Unlock()
	k.ring()
}

func (k *keeper) ring() {
	select {
	case k.bell <- struct{}{}:
	default:
	}
}

// run writes changes until ctx ends, and what is left then.
func (k *keeper) run(ctx context.Context) {
	if k == nil {
		return
	}
	defer k.flush()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.bell:
		}
		pause := keepSoon
		for wait(ctx, pause) {
			began := time.Now()
			if k.flush() {
				wait(ctx, keepShare*time.Since(began))
				break
			}
			pause = keepAgain
		}
	}
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// flush writes what has changed; false when that failed. Revocations go first, so
// that no bundle is on disk without those that were known with it.
func (k *keeper) flush() bool {
	k.writing.Lock()
	defer k.writing.Unlock()
	configuration, bundle, revocations := k.take()
	var err error
	if revocations != nil {
		err = k.files.write(k.environment, keptRevoked, revocations, nil)
	}
	if err == nil && bundle != nil {
		err = k.files.write(k.environment, keptBundleFile, configuration, bundle)
		if len(bundle.Owners) > muchToKeep {
			debug.FreeOSMemory() // what was sealed and written is of no more use
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.failing = false
		return true
	}
	k.fresh.revoked = k.fresh.revoked || revocations != nil
	k.fresh.bundle = k.fresh.bundle || bundle != nil
	if !k.failing {
		k.failing = true
		k.logger.Error("last good configuration not kept; without the database this node would start with an older one or not at all",
			"environment", k.environment, "error", err)
	}
	return false
}

// take is what is to be written, nil for what is not.
func (k *keeper) take() (keptConfiguration, *engine.Bundle, *keptRevocations) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	c := keptConfiguration{At: now, Version: buildVersion(), RevokedTo: k.last}
	if k.bundle == nil { // revocations alone are of no use
		return c, nil, nil
	}
	var b *engine.Bundle
	var r *keptRevocations
	if k.fresh.revoked {
		past := steady.Now().Add(-keepExpired)
		maps.DeleteFunc(k.revoked, func(_ int64, e revoke.Entry) bool {
			return !e.Expires.IsZero() && e.Expires.Before(past)
		})
		r = &keptRevocations{now, k.last, slices.SortedFunc(maps.Values(k.revoked), func(a, b revoke.Entry) int { return int(a.ID - b.ID) })}
	}
	if k.fresh.bundle {
		b = k.bundle
	}
	k.fresh.bundle, k.fresh.revoked = false, false
	return c, b, r
}

// gone forgets an environment that was deleted: it must not come back without the
// database.
func (k *keeper) gone() {
	if k == nil {
		return
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	k.bundle = nil
	k.mu.Unlock()
	if err := k.files.remove(k.environment); err != nil {
		k.logger.Error("configuration of a deleted environment not removed from disk", "environment", k.environment, "error", err)
	}
}
