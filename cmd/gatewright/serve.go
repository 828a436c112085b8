package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/echo"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/steady"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/localpg"
)

type serveCmd struct {
	storeFlags
	consoleFlags
	gatewayFlags
	demoFlags
	logFlags
}

// Run is the whole product in one process.
func (c *serveCmd) Run(p *process) error {
	return serve(p, plan{storeFlags: c.storeFlags, gatewayFlags: c.gatewayFlags, logFlags: c.logFlags,
		console: &c.consoleFlags, demo: c.demoFlags})
}

type gatewayCmd struct {
	storeFlags
	gatewayFlags
	logFlags
}

// Run is a gateway node alone: no console, no migration, no demo.
func (c *gatewayCmd) Run(p *process) error {
	return serve(p, plan{storeFlags: c.storeFlags, gatewayFlags: c.gatewayFlags, logFlags: c.logFlags})
}

// plan is the Config of a process: what it serves, and from where.
type plan struct {
	storeFlags
	gatewayFlags
	logFlags
	console *consoleFlags // nil: a gateway node alone
	demo    demoFlags
}

// service is a process under way. What was opened is closed in reverse order.
type service struct {
	plan
	*process
	logger    *slog.Logger
	trusted   []netip.Prefix
	countries *countries // nil without a database of countries
	// certificates are those of the gateways; nil without TLS.
	certificates *certificates
	targets      outgoing.Rule // where identity sources may be
	events       []eventTarget // who else hears of events
	collector    string        // of traces; "" for none
	secure       bool          // cookies are for TLS only
	listeners    listeners
	store        *models.Store
	// outside hears of security events that the database holds already.
	outside sinks
	// siem are the targets of --events.
	siem siemSinks
	// refreshKey makes the MACs of refresh tokens; all nodes have one master key.
	refreshKey []byte
	kept       *keptFiles // nil: nothing is kept on disk
	node       *node
	metrics    *metrics
	ops        *ops
	office     gate // before the console
	alone      bool // started without the database
	closers    []func()
	private    *localpg.Server // nil with a database of the operator's own
}

// listeners are opened before anything else, so that a port in use is one
// line at once and not a database started for nothing.
type listeners struct {
	console, ops, demo net.Listener
	gateways           []gatewayListener
}

type gatewayListener struct {
	environment string
	net.Listener
}

// settled is how long after the start what only that needed is given back: by then
// the calls that waited for it are answered.
const settled = 2 * time.Second

func serve(p *process, pl plan) error {
	s := &service{plan: pl, process: p, logger: pl.logger(p.stderr), metrics: newMetrics()}
	defer s.close()
	tellMemory := s.limitMemory()
	if err := s.check(); err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	if err := s.openStore(p.ctx); err != nil {
		return err
	}
	banner, err := s.prepare(p.ctx)
	if err != nil {
		return err
	}
	tellMemory()
	return s.serve(&banner)
}

// check reads the settings that nothing else reads before the database runs.
func (s *service) check() (err error) {
	if s.targets, err = s.identityTargets(); err != nil {
		return err
	}
	if err = s.sample(); err != nil {
		return err
	}
	if s.collector, err = s.tracesURL(); err != nil {
		return err
	}
	if s.events, err = s.eventTargets(); err != nil {
		return err
	}
	if s.countries, err = openCountries(s.CountryDatabase, s.logger); err != nil {
		return err
	}
	if s.certificates, err = openCertificates(s.TLSCertificate, s.TLSKey, s.logger); err != nil {
		return err
	}
	if s.MaxConnections < 0 || s.MaxCalls < 0 || s.MaxForged < 0 {
		return errors.New("--max-connections, --max-calls and --max-forged: write a number from 0, which means no limit")
	}
	if s.trusted, err = s.trustedProxies(); err != nil || s.console == nil {
		return err
	}
	s.secure, err = s.console.secure()
	return err
}

func (s *service) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

func (s *service) onClose(f func()) { s.closers = append(s.closers, f) }

func (s *service) listen() error {
	listens, err := s.listens()
	if err != nil {
		return err
	}
	open := func(flag, addr string) (l net.Listener) {
		if err != nil || addr == "" {
			return nil
		}
		if l, err = net.Listen("tcp", addr); err != nil {
			err = fmt.Errorf("%s %s: %w", flag, addr, err)
			return nil
		}
		s.onClose(func() { _ = l.Close() }) // closed already by the server's shutdown, as a rule
		return l
	}
	if s.console != nil {
		s.listeners.console = open("--console-addr", s.console.ConsoleAddr)
	}
	for _, l := range listens {
		s.listeners.gateways = append(s.listeners.gateways, gatewayListener{l.environment, open("--gateway", l.addr)})
	}
	s.listeners.ops = open("--ops-addr", s.OpsAddr)
	if s.demo.Demo {
		s.listeners.demo = open("--demo-addr", s.demo.DemoAddr)
	}
	return err
}

// openStore connects to the given database, or starts the private one (D2).
func (s *service) openStore(ctx context.Context) error {
	dir, err := s.dir()
	if err != nil {
		return err
	}
	if err := localpg.MakeDir(dir); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	sealer, err := s.sealer(dir)
	if err != nil {
		return err
	}
	s.refreshKey = sealer.Derive("refresh-tokens", 32)
	if s.kept, err = s.openKept(dir, sealer, s.logger); err != nil {
		return fmt.Errorf("--last-good-dir: %w", err)
	}
	s.onClose(s.kept.release)
	url, err := s.database(ctx, dir)
	if err != nil {
		return err
	}
	s.store, err = models.Open(ctx, url, models.Options{
		Sealer: sealer, Types: policyTypes(), Identities: identityKinds(), Logger: s.logger, Now: time.Now, Outgoing: s.targets.Allow,
		OnSecurity: func(e event.Security) { s.outside.Security(e) },
	})
	if err != nil {
		return err
	}
	s.onClose(s.store.Close)
	return nil
}

func (s *service) database(ctx context.Context, dir string) (string, error) {
	if s.DatabaseURL != "" {
		return s.DatabaseURL, nil
	}
	pg, err := localpg.Start(ctx, localpg.Options{Dir: dir, Logger: s.logger})
	if err != nil {
		return "", fmt.Errorf("embedded database: %w", err)
	}
	s.private = pg
	s.onClose(func() {
		if err := pg.Stop(context.Background()); err != nil {
			s.logger.Error("embedded database did not stop", "error", err)
		}
	})
	return pg.URL(), nil
}

// prepare opens the gateways and brings them what they serve.
func (s *service) prepare(ctx context.Context) (banner, error) {
	b := banner{}
	for _, l := range s.listeners.gateways {
		b.gateways = append(b.gateways, gatewayLine{l.environment, s.gatewayURL(l.Addr())})
	}
	if s.listeners.ops != nil {
		b.health = publicURL(s.listeners.ops.Addr())
	}
	if s.console != nil {
		b.console = cmp.Or(s.console.ConsoleURL, publicURL(s.listeners.console.Addr()))
	}
	sink, err := s.sinks()
	if err != nil {
		return b, err
	}
	name := nodeName()
	follower, sink, err := s.tracer(ctx, name, sink)
	if err != nil {
		return b, err
	}
	s.node = newNode(name, s.store, s.kept, s.logger, s.metrics)
	for _, l := range s.listeners.gateways {
		s.metrics.expect(l.environment)
		s.node.add(l.environment, engine.New(engine.Options{
			Types: policyTypes(), Sink: sink, Logger: s.logger, Now: time.Now, Steady: steady.Now, TrustedProxies: s.trusted,
			Limits:     engine.Limits{MaxBody: s.MaxBody, MaxConnections: s.MaxConnections, MaxCalls: s.MaxCalls, MaxForged: s.MaxForged},
			Identities: identityKinds(), AllowTarget: s.targets.Allow, Tracer: follower,
			Tokens: reachedStore{s.store, s.node.reach}, Away: s.node.reach.away, RefreshKey: s.refreshKey,
			Country: s.countries.finder(), CountryHeader: s.CountryHeader,
		}))
	}
	s.metrics.registry.MustRegister(sourceMetrics{s.node.gateways}, upstreamMetrics{s.node.gateways}, gatewayMetrics{s.node.gateways})
	return b, s.begin(ctx, &b)
}

// tracer is nil without a collector of traces; with one it hears of events too.
func (s *service) tracer(ctx context.Context, node string, heard sinks) (engine.Tracer, sinks, error) {
	if s.collector == "" {
		return nil, heard, nil
	}
	t, err := newTracer(ctx, s.collector, s.TracesSample, node, s.logger, s.metrics.spansLost)
	if err != nil {
		return nil, nil, err
	}
	s.onClose(t.Close)
	return t, append(heard, t), nil
}

// sinks are those who hear of what the gateways do: metrics, log, the database
// and whoever watches over the installation.
func (s *service) sinks() (sinks, error) {
	log := newAccessLog(s.logger, s.AccessLog == "", s.metrics.dropped)
	s.onClose(log.Close)
	dropped := newEventsDropped(s.metrics.registry)
	siem, err := newSIEM(s.events, os.Stdout, s.logger, dropped)
	if err != nil {
		return nil, err
	}
	s.onClose(siem.Close)
	s.siem = siem
	writer := newEventWriter(s.store, s.logger, dropped)
	s.onClose(writer.Close)
	refused := newRefusals(s.store, s.logger, s.metrics.registry, dropped, time.Now)
	s.onClose(refused.Close)
	counted := newCalls(s.store, s.logger)
	s.onClose(counted.Close)
	s.outside = sinks{s.metrics, log, siem}
	all := append(s.outside[:len(s.outside):len(s.outside)], writer, refused, counted)
	if s.AccessLog == "" {
		return all, nil
	}
	calls, err := openCallLog(s.AccessLog, s.AccessLogSample, s.stdout, s.logger, s.metrics.dropped)
	if err != nil {
		return nil, err
	}
	s.onClose(calls.Close)
	return append(all, calls), nil
}

func (s *service) firstStart(ctx context.Context, b *banner) error {
	system := models.Actor{Name: "system"}
	if _, _, err := s.store.EnsureProject(ctx, system, "Default", "Where the first APIs live."); err != nil {
		return err
	}
	for _, l := range s.listeners.gateways {
		if _, _, err := s.store.EnsureEnvironment(ctx, system, l.environment, s.gatewayURL(l.Addr())); err != nil {
			return err
		}
	}
	user, password, created, err := s.store.EnsureAdministrator(ctx, secret.New(s.console.AdminPassword))
	if msg := problem.Of(err).For("password"); msg != "" {
		return fmt.Errorf("--admin-password: %s", msg)
	}
	if err != nil {
		return err
	}
	if created {
		b.administrator, b.password = user.Name, password
	}
	if !s.demo.Demo {
		return nil
	}
	b.demo, err = s.store.InstallDemo(ctx, publicURL(s.listeners.demo.Addr()))
	return err
}

// serve runs the listeners until the process is told to stop or one fails.
func (s *service) serve(b *banner) error {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	var servers []*http.Server
	start := func(l net.Listener, srv *http.Server) {
		servers = append(servers, srv)
		running.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("serve %s: %w", l.Addr(), err))
			}
		})
	}
	for _, l := range s.listeners.gateways {
		gateway := s.node.gateways[l.environment]
		server := engine.Server("", gateway)
		start(s.guard(l, server, gateway), server)
	}
	if s.console != nil {
		start(s.listeners.console, plainServer(s.office.before(handlers.New(handlers.Options{
			Store: s.store, Types: policyTypes(), Identities: identityKinds(), Outgoing: s.targets.Allow, Logger: s.logger, Now: time.Now, SecureCookies: s.secure,
			TrustedProxies: s.trusted, Dev: s.console.Dev,
		}))))
	}
	if s.listeners.ops != nil {
		s.ops = s.newOps()
		start(s.listeners.ops, plainServer(s.ops.handler()))
	}
	if s.listeners.demo != nil {
		start(s.listeners.demo, plainServer(echo.Handler()))
	}
	if s.countries != nil {
		running.Go(func() { every(ctx, countriesEvery, func(context.Context) { s.countries.refresh() }) })
	}
	if s.certificates != nil {
		running.Go(func() { every(ctx, certificatesEvery, func(context.Context) { s.certificates.refresh() }) })
	}
	b.print(s.stdout)
	running.Go(func() { s.node.reach.follow(ctx, s.store) })
	running.Go(func() {
		if wait(ctx, settled) {
			debug.FreeOSMemory()
		}
	})
	running.Go(func() {
		s.catchUp(ctx, b)
		running.Go(func() { s.tend(ctx) })
		if err := s.node.follow(ctx); err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	select {
	case <-ctx.Done():
	case <-s.databaseEnd():
		cancel(fmt.Errorf("the embedded database stopped by itself: %w", s.private.Err()))
	}
	s.stop(servers)
	cancel(nil)
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (s *service) gatewayURL(a net.Addr) string {
	if s.certificates == nil {
		return publicURL(a)
	}
	return "https" + strings.TrimPrefix(publicURL(a), "http")
}

// guard is the listener of a gateway, with TLS where there are certificates.
func (s *service) guard(l net.Listener, server *http.Server, g *engine.Gateway) net.Listener {
	if s.certificates == nil {
		return engine.Listen(l, server, g)
	}
	return engine.ListenTLS(l, server, g, s.certificates.config())
}

// databaseEnd is closed when the private database ends by itself; nil, which
// never is, when there is none or another process owns it.
func (s *service) databaseEnd() <-chan struct{} {
	if s.private == nil {
		return nil
	}
	return s.private.Done()
}

// stop drains: probes say no first, then calls under way may finish, and what
// is left after the drain timeout is cut off.
func (s *service) stop(servers []*http.Server) {
	if s.ops != nil {
		s.ops.draining.Store(true)
	}
	s.logger.Info("stopping", "drain", s.DrainTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), s.DrainTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, srv := range servers {
		wg.Go(func() {
			if err := srv.Shutdown(ctx); err != nil {
				_ = srv.Close() // the time is up
			}
		})
	}
	wg.Wait()
	if s.node.reach.away() {
		s.logger.Warn("node report not removed, as the database is away; deploys may wait for this node a few seconds")
	} else if err := s.store.ForgetNode(ctx, s.node.name); err != nil {
		s.logger.Warn("node report not removed; deploys may wait for this node a few seconds", "error", err)
	}
	for environment, gateway := range s.node.gateways {
		if err := gateway.Close(ctx); err != nil {
			s.logger.Warn("upgraded connections cut off", "environment", environment, "error", err)
		}
	}
	s.store.Drain(ctx) // last, as an import under way takes all the time there is
}

func (s *service) newOps() *ops {
	o := &ops{registry: s.metrics.registry, checks: map[string]func(context.Context) error{}, away: s.node.reach.away}
	for environment, gateway := range s.node.gateways {
		o.checks["gateway "+environment] = func(context.Context) error {
			if !gateway.Status().Ready {
				return errors.New("no configuration yet")
			}
			return nil
		}
	}
	return o
}

// plainServer has the limits of a listener that people and probes use.
func plainServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}
}
