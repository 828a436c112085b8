// Package models owns the database: opening it, its transactions and every
// query. Callers see plain values and the few errors of errors.go; rows, SQL
// and gorm stay inside. There is one file per aggregate; deploy.go and
// bundle.go turn rows into what the engine runs.
package models

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/steady"
	"github.com/gatewright/gatewright/migrations"
)

const (
	// defaultMaxConns fits a private server's 60 connections with several
	// processes on it.
	defaultMaxConns = 16
	slowQuery       = 200 * time.Millisecond
)

// Options is what a Store needs of its surroundings.
type Options struct {
	// Sealer seals key material at rest (D18). Required.
	Sealer *secret.Sealer
	// Types are the known kinds of policy. Required.
	Types policy.Set
	// Identities are the known kinds of identity source.
	Identities identity.Kinds
	// Outgoing decides where the sign-in directory may be; nil allows everything.
	Outgoing func(netip.Addr) error
	// OnSecurity hears of the security events that writes of this store cause,
	// such as a revocation by a person, once they are committed. It must return at
	// once. Nil means nobody.
	OnSecurity func(event.Security)
	// Logger hears of slow queries and lost connections. Nil discards them.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Steady is the clock by which keys are due, and that the database's must agree
	// with before anything is removed for its age. Nil means steady.Now.
	Steady func() time.Time
	// MaxConns bounds the pool. Zero means 16. Watch and AwaitNodes use one
	// more each while they run.
	MaxConns int
}

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool       *pgxpool.Pool
	db         *gorm.DB
	sql        *sql.DB
	sealer     *secret.Sealer
	types      policy.Set
	identities identity.Kinds
	outgoing   func(netip.Addr) error
	onSecurity func(event.Security)
	logger     *slog.Logger
	clock      func() time.Time
	steady     func() time.Time
	poll       time.Duration // how often Watch looks without having heard
	background *background
	recorded   *atomic.Int64 // refusals since the record was trimmed
	losses     *atomic.Int64 // how often Watch has lost touch with the database

	directorySlots chan struct{} // one for each sign-in that waits for the directory
}

// Open prepares a store on the PostgreSQL at url. It connects when first
// used, so that a process can start while its database is down; Ping tells.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	cfg, err := poolConfig(url, o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{pool: pool, sql: stdlib.OpenDBFromPool(pool), sealer: o.Sealer, types: o.Types, identities: o.Identities, outgoing: o.Outgoing, onSecurity: o.OnSecurity, logger: o.Logger, clock: o.Now, steady: o.Steady, poll: pollEvery, background: newBackground(), recorded: new(atomic.Int64), losses: new(atomic.Int64), directorySlots: make(chan struct{}, directorySignIns)}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.steady == nil {
		s.steady = steady.Now
	}
	if s.db, err = openGorm(s.sql, s.logger); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return s, nil
}

func poolConfig(url string, o Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err) // pgx leaves the password out
	}
	cfg.MaxConns = defaultMaxConns
	if o.MaxConns > 0 {
		cfg.MaxConns = int32(min(o.MaxConns, 1000))
	}
	if cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement { // the other cache would lie empty beside each connection
		cfg.ConnConfig.DescriptionCacheCapacity = 0
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "gatewright"
	}
	cfg.AfterConnect = settle
	return cfg, nil
}

// pageSettings are for statements that take milliseconds: to compile one takes
// PostgreSQL a multiple of the time in which a page is to be answered, and to start
// workers that share it 10 ms and more. So only those share the work that take long.
var pageSettings = [][2]string{{"jit", "off"}, {"parallel_setup_cost", "10000"}}

// settle makes the settings of pages those of a connection, unless the database's URL
// says otherwise. They are set by a statement: a pooler between refuses connections
// with settings that it does not know.
func settle(ctx context.Context, conn *pgx.Conn) error {
	sql := ""
	for _, s := range pageSettings {
		if _, chosen := conn.Config().RuntimeParams[s[0]]; !chosen {
			sql += "set " + s[0] + " = " + s[1] + ";"
		}
	}
	if sql == "" {
		return nil
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("settle connection: %w", err)
	}
	return nil
}

// openGorm leaves TranslateError off: gorm's translation forgets which
// constraint was broken, and errors.go needs its name to tell the field.
func openGorm(db *sql.DB, logger *slog.Logger) (*gorm.DB, error) {
	return gorm.Open(postgres.New(postgres.Config{Conn: db}), &gorm.Config{
		Logger:                 queryLogger{logger},
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		NowFunc:                func() time.Time { return time.Now().UTC() },
	})
}

// Migrate brings the schema up to date. Several processes may call it at
// once: an advisory lock lets one work and the others wait.
func (s *Store) Migrate(ctx context.Context) error {
	return migrations.Apply(ctx, s.sql)
}

// CheckSchema is ErrSchema when Migrate has something to do. A gateway node
// asks, because it must not change a schema that other processes work with.
func (s *Store) CheckSchema(ctx context.Context) error {
	pending, err := migrations.Pending(ctx, s.sql)
	if err == nil && pending {
		err = ErrSchema
	}
	return err
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// Close stops what goes on in the background and gives all connections back.
// Watch must have returned.
func (s *Store) Close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.background.end(ended)
	_ = s.sql.Close() // it owns nothing that could fail: the pool is ours
	s.pool.Close()
}

// now is the clock in the precision of the database, so that a value written
// and the same value read compare equal.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }
