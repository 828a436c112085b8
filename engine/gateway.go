package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/netip"
	"net/textproto"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/engine/wire"
)

// Options are the parts of the world that a Gateway uses. The zero value
// works: no policy types, no events, no log, the system's clock.
type Options struct {
	// Types are the known kinds of policy.
	Types policy.Set
	// Sink takes the events.
	Sink event.Sink
	// Logger gets what is wrong with the gateway itself, never a token.
	Logger *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Steady is the clock by which revocations are forgotten once their tokens have
	// expired; nil means Now. steady.Now does not follow a clock that jumps ahead.
	Steady func() time.Time
	// TrustedProxies are the peers whose X-Forwarded-* fields and
	// correlation ids are believed.
	TrustedProxies []netip.Prefix
	// Limits bound what a caller can ask for.
	Limits Limits
	// Identities are the known kinds of identity source.
	Identities identity.Kinds
	// AllowTarget decides which addresses identity sources may connect to; nil
	// allows all.
	AllowTarget func(netip.Addr) error
	// Country finds the country of an address as an ISO 3166 code, "" for an
	// unknown one; nil knows none. CountryHeader is the header in which trusted
	// proxies tell it; what they say goes first.
	Country       func(netip.Addr) string
	CountryHeader string
	// Tracer follows calls; nil follows none.
	Tracer Tracer
	// Tokens keeps refresh families and revocations; nil issues no refresh
	// tokens and revokes nothing.
	Tokens token.Store
	// RefreshKey makes the MACs of refresh tokens: 32 bytes, the same on all
	// nodes (D7).
	RefreshKey []byte
	// Away tells that Tokens does not answer, without asking it; until it does, no
	// tokens are issued. Nil means never.
	Away func() bool
}

// Limits bound what a caller can ask for. Zero durations and sizes mean the
// default, except for MaxBody.
type Limits struct {
	// MaxBody is the largest request body in bytes; zero means no limit.
	// DefaultMaxBody is a good choice.
	MaxBody int64
	// MaxHeader is the largest request header in bytes. Default 64 KiB.
	MaxHeader int
	// HeaderTimeout is how long a header may take. Default 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request.
	// Default 120 s.
	IdleTimeout time.Duration
	// StallTimeout is how long a body may stand still, in both directions.
	// Default 60 s.
	StallTimeout time.Duration
	// MaxConnections is how many connections a listener has open at once, MaxCalls
	// how many calls a gateway has under way; more are refused with 503. Zero means
	// no limit.
	MaxConnections, MaxCalls int
	// MaxForged is how many access tokens with a wrong signature a network may send
	// at once, and ten times as many in a hundred seconds; of what comes beyond, no
	// signature is checked of a token that was not seen before. Zero means no limit.
	// DefaultMaxForged is a good choice.
	MaxForged int
	// MaxFields is how many header fields a request may have. Default 200.
	MaxFields int
	// ConditionBody is the largest body in bytes that a condition reads; a
	// larger one is refused where a condition needs it. Default 1 MiB.
	ConditionBody int64
}

// DefaultMaxBody is the limit of a request body that settings start with.
const DefaultMaxBody = 64 << 20

// DefaultMaxForged is the limit of forged tokens that settings start with.
const DefaultMaxForged = 200

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&l.HeaderTimeout, 10 * time.Second}, {&l.IdleTimeout, 120 * time.Second}, {&l.StallTimeout, 60 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.MaxFields == 0 {
		l.MaxFields = 200
	}
	if l.ConditionBody == 0 {
		l.ConditionBody = 1 << 20
	}
	if l.MaxHeader == 0 {
		l.MaxHeader = 64 << 10
	}
	return l
}

// Gateway serves the newest snapshot of one environment. It is safe for
// concurrent use.
type Gateway struct {
	types    policy.Set
	sink     event.Sink
	log      *slog.Logger
	proxyLog *log.Logger
	now      func() time.Time
	trusted  []netip.Prefix
	limits   Limits

	country       func(netip.Addr) string
	countryHeader string // in canonical form

	tracer Tracer // nil: none

	snapshot   atomic.Pointer[Snapshot]
	tokens     *token.Service
	revoked    *revoke.List
	forgeries  *guess.Forgeries // nil: no limit
	transports *transports
	balancers  *balancers
	sources    *sources
	sockets    sockets
	fronts     fronts
	load       load
	// connections are those of all listeners.
	connections wire.Connections
	calls       sync.Pool
	rows        sync.Map // *answer by fault.Type

	applying sync.Mutex
	failure  atomic.Pointer[ApplyError]
}

// New makes a gateway that answers 503 until its first Apply.
func New(o Options) *Gateway {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Steady == nil {
		o.Steady = o.Now
	}
	if o.Sink == nil {
		o.Sink = event.Discard{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	g := &Gateway{
		types: o.Types, tracer: o.Tracer, log: o.Logger, now: o.Now, limits: o.Limits.withDefaults(),
		proxyLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		revoked:  revoke.NewList(o.Steady), transports: newTransports(), balancers: newBalancers(o.Now, o.Logger),
	}
	g.country, g.countryHeader = o.Country, textproto.CanonicalMIMEHeaderKey(o.CountryHeader)
	g.load.room = debug.SetMemoryLimit(-1) / heldShare
	if n := g.limits.MaxForged; n > 0 {
		g.forgeries = guess.NewForgeries(n, o.Now)
	}
	g.sink = limitAlarms(o.Sink, o.Now)
	g.tokens = token.New(token.Options{
		Now: o.Now, Sink: g.sink, Logger: o.Logger, Store: o.Tokens, RefreshKey: o.RefreshKey, Away: o.Away, Revoked: g.revoked,
		Issued: g.forgeries.Right,
	})
	g.sources = &sources{kinds: o.Identities, allow: o.AllowTarget, now: o.Now, sink: g.sink}
	for _, p := range o.TrustedProxies {
		g.trusted = append(g.trusted, p.Masked())
	}
	g.calls.New = func() any { return newCall(g) }
	return g
}

// Revoke makes tokens worthless from this moment on, without a new bundle.
func (g *Gateway) Revoke(entries ...revoke.Entry) { g.revoked.Add(entries...) }

// ApplyError is why a bundle does not run.
type ApplyError struct {
	Generation int64
	At         time.Time
	Err        error
}

// Error names the generation and what is wrong with it.
func (e *ApplyError) Error() string { return fmt.Sprintf("generation %d: %v", e.Generation, e.Err) }

// Unwrap is what is wrong.
func (e *ApplyError) Unwrap() error { return e.Err }

// Apply compiles a bundle to the side and swaps it in with one pointer; each
// request runs on one bundle whole. On an error, an *ApplyError, the running
// bundle goes on. One Apply runs at a time.
func (g *Gateway) Apply(ctx context.Context, b Bundle) error {
	g.applying.Lock()
	defer g.applying.Unlock()
	s, err := Compile(ctx, b, g.snapshot.Load(), Deps{
		Types: g.types, Now: g.now, Logger: g.log, transports: g.transports, balancers: g.balancers, sources: g.sources, revoked: g.revoked,
		forgeries: g.forgeries,
	})
	if err != nil {
		g.transports.drop()
		g.balancers.drop()
		failure := &ApplyError{b.Generation, g.now(), err}
		g.failure.Store(failure)
		return failure
	}
	s.applied, s.newest = g.now(), &g.snapshot
	g.balancers.succeed(s)
	g.snapshot.Store(s)
	g.transports.keep(s)
	g.balancers.keep(s)
	g.sources.keep(s)
	s.come, s.gone = nil, nil
	g.failure.Store(nil)
	return nil
}

// Running is what a gateway runs, for health checks and reports.
type Running struct {
	// Ready is false before the first bundle.
	Ready       bool
	Environment string
	Generation  int64
	AppliedAt   time.Time
	// Owners are sorted by project, name and kind.
	Owners []RunningOwner
	// Failure is why the newest bundle does not run; nil when it does.
	Failure *ApplyError
}

// RunningOwner is one owner that is served.
type RunningOwner struct {
	ID, Kind, Project, Name string
	Revision                int
	Digest                  string
}

// Status is Running without the owners, which may be ten thousand.
func (g *Gateway) Status() Running { return g.status(g.snapshot.Load()) }

func (g *Gateway) status(s *Snapshot) Running {
	r := Running{Failure: g.failure.Load()}
	if s != nil {
		r.Ready, r.Environment, r.Generation, r.AppliedAt = true, s.environment, s.generation, s.applied
	}
	return r
}

// Running tells what is served at this moment.
func (g *Gateway) Running() Running {
	s := g.snapshot.Load()
	r := g.status(s)
	if s == nil {
		return r
	}
	for _, o := range s.lines {
		r.Owners = append(r.Owners, RunningOwner{o.id, o.kind, o.project, o.name, o.revision, o.origin.digest})
	}
	slices.SortFunc(r.Owners, func(a, b RunningOwner) int {
		return cmp.Or(strings.Compare(a.Project+"\x00"+a.Name, b.Project+"\x00"+b.Name), strings.Compare(a.Kind, b.Kind))
	})
	return r
}

// CloseSockets ends all upgraded connections and refuses new ones. A server
// that shuts down must call it, because net/http does not wait for them.
func (g *Gateway) CloseSockets() { g.sockets.close() }

// Close ends the upgraded connections, waits for them and for the calls under way
// until ctx ends, and closes the idle connections to upstreams. Shut the server down first.
func (g *Gateway) Close(ctx context.Context) error {
	g.sockets.close()
	defer g.transports.closeIdle()
	defer g.balancers.closeAll()
	defer g.sources.closeAll()
	if err := errors.Join(g.fronts.drain(ctx), g.sockets.wait(ctx)); err != nil {
		return fmt.Errorf("close gateway: %w", err)
	}
	return nil
}
