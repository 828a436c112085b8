package models

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// reachEvery is how long a silent connection is trusted, reachTimeout how
	// long an answer may take. One that breaks is noticed at once.
	reachEvery   = time.Second
	reachTimeout = 2 * time.Second
)

// WatchReach tells whether the database answers, nil for yes: at once, and
// again whenever that changes. It asks on a connection of its own, so that a
// pool that is busy does not look like a database that is away, and a single
// connection that is cut is no news while another one can be made. It returns
// the context's error when that ends.
func (s *Store) WatchReach(ctx context.Context, tell func(error)) error {
	told, away := false, false
	say := func(err error) {
		if ctx.Err() == nil && (!told || away != (err != nil)) {
			told, away = true, err != nil
			tell(err)
		}
	}
	for wait := firstBackoff; ctx.Err() == nil; {
		conn, err := s.connect(ctx)
		say(err)
		if err != nil {
			sleep(ctx, jittered(wait))
			wait = min(2*wait, maxBackoff)
			continue
		}
		wait = firstBackoff
		held(ctx, conn)
	}
	return ctx.Err()
}

// held returns when the connection answers no more.
func held(ctx context.Context, conn *pgx.Conn) {
	defer closeConn(ctx, conn)
	for ctx.Err() == nil {
		waiting, cancel := context.WithTimeout(ctx, reachEvery)
		_, err := conn.WaitForNotification(waiting) // there is none; it ends early when the connection does
		cancel()
		if err != nil && !timedOut(err) {
			return
		}
		asking, cancel := context.WithTimeout(ctx, reachTimeout)
		err = conn.Ping(asking)
		cancel()
		if err != nil {
			return
		}
	}
}

// connect makes a connection that is not of the pool, if the server answers.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig.Copy())
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}
