package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// The NOTIFY channels. The payload is the name of an environment.
const (
	changesChannel = "gatewright"
	reportsChannel = "gatewright_nodes"
)

const (
	// pollEvery bounds how late a change is seen when its notification was
	// lost.
	pollEvery    = 3 * time.Second
	firstBackoff = 100 * time.Millisecond
	// maxBackoff bounds how late a node is once the database is back.
	maxBackoff = 800 * time.Millisecond
)

// Watch calls changed for each of the environments at once, and again whenever
// its generation has changed; never twice at the same time. Notifications make
// it quick, a poll every three seconds makes it certain: while the connection
// is lost Watch tries to get it back, and then tells of each once more. An error
// of changed means that it could not look at the change: the next poll tells it
// again. Watch returns the context's error when that ends.
func (s *Store) Watch(ctx context.Context, environments []string, changed func(environment string) error) error {
	ctx, stop := context.WithCancel(ctx)
	bell := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ringOn(ctx, changesChannel, bell)
	}()
	defer func() { stop(); <-done }()
	w := watcher{store: s, names: environments, changed: changed, seen: make(map[string]edition)}
	ticker := time.NewTicker(s.poll)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-bell:
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watcher remembers which generations it has told of.
type watcher struct {
	store   *Store
	names   []string
	changed func(string) error
	seen    map[string]edition
	losses  int64
	lost    bool
}

// edition is a generation of an environment. Another environment may have got
// the name and the number meanwhile.
type edition struct {
	ID         string
	Generation int64
}

// look tells of every generation that is not the one told of last. A database
// that does not answer is logged when that begins and when it ends.
func (w *watcher) look(ctx context.Context) {
	if n := w.store.losses.Load(); n != w.losses { // an equal number may be of something else
		w.losses = n
		clear(w.seen)
	}
	now, err := w.store.generations(ctx, w.names)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.store.losses.Add(1)
		if !w.lost {
			w.store.logger.WarnContext(ctx, "cannot look for changes; keep what runs and try again", "error", err)
		}
		w.lost = true
		return
	}
	if w.lost {
		w.store.logger.InfoContext(ctx, "can look for changes again")
	}
	w.lost = false
	for _, name := range w.names {
		if g, ok := now[name]; ok && g != w.seen[name] && w.changed(name) == nil {
			w.seen[name] = g
		}
	}
}

// generations are by the names asked for. The database folds their case: for
// some letters Go does it otherwise.
func (s *Store) generations(ctx context.Context, names []string) (map[string]edition, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*pollEvery) // a hung server must not hang the node
	defer cancel()
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("encode names: %w", err)
	}
	type line struct {
		Name    string
		Edition edition `gorm:"embedded"`
	}
	lines, err := query[line](ctx, s.db, `select w.name, e.id, e.generation from jsonb_array_elements_text(?::jsonb) w (name)
		join environments e on lower(e.name) = lower(w.name)`, document(list))
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	now := make(map[string]edition, len(lines))
	for _, l := range lines {
		now[l.Name] = l.Edition
	}
	return now, nil
}

// ringOn rings for every notification on the channel until ctx ends. It also
// rings after each connect: what happened before went unheard.
func (s *Store) ringOn(ctx context.Context, channel string, bell chan<- struct{}) {
	wait := firstBackoff
	for first := true; ctx.Err() == nil; first = false {
		err := s.listen(ctx, channel, func(conn *pgx.Conn) error {
			if !first {
				s.losses.Add(1) // who answers now may be another database, or one that lost its last commits
			}
			for wait = firstBackoff; ; {
				ring(bell)
				if _, err := conn.WaitForNotification(ctx); err != nil {
					return fmt.Errorf("wait for notification: %w", err)
				}
			}
		})
		if ctx.Err() != nil {
			return
		}
		s.logger.WarnContext(ctx, "lost the connection that hears of changes; polling until it is back", "error", err)
		sleep(ctx, jittered(wait))
		wait = min(2*wait, maxBackoff)
	}
}

// ring does not wait: a bell that was not heard yet rings for this one too.
func ring(bell chan<- struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// jittered keeps nodes that lost one database from coming back all at once.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// listen runs fn with a connection of its own that listens on channel. It is
// not of the pool: it stays busy for as long as fn likes.
func (s *Store) listen(ctx context.Context, channel string, fn func(*pgx.Conn) error) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen on %s: %w", channel, err)
	}
	return fn(conn)
}

// closeConn tells the server, also when the context has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(closing) // closed either way
}

// timedOut tells a wait that ended for want of news from a broken connection.
func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
