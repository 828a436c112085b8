package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
)

// siem is the sink that sends token requests and security events to one target
// of --events. It never makes a request wait: when its buffer is full, events
// are dropped and counted.
type siem struct {
	target  eventTarget
	encode  func(any) []byte
	out     output
	logger  *slog.Logger
	dropped prometheus.Counter
	queue   chan any // event.Token, event.Security or auditEvent
	stop    chan struct{}
	done    chan struct{}
	closed  atomic.Bool
	ctx     context.Context
	cancel  context.CancelFunc
}

// output takes encoded events. It is used by one goroutine.
type output interface {
	// write delivers one event whole or says why not; it connects when it has
	// to.
	write(context.Context, []byte) error
	close()
}

// siemSinks are all targets of --events.
type siemSinks []*siem

const (
	siemFirstBackoff = 100 * time.Millisecond
	siemMaxBackoff   = 30 * time.Second
	// siemFlush is how long a stop waits for a target, and siemGrace how long
	// after that for a write that heeds no deadline: to a pipe that nobody reads.
	siemFlush = 3 * time.Second
	siemGrace = time.Second
)

// eventTarget is where events go, as --events names it.
type eventTarget struct {
	// name is the target without anything that could be secret; it is a label
	// of the metrics.
	name string
	// path is a file; "-" is the standard output. Empty for syslog.
	path string
	// network is udp, tcp or tcp+tls; addr is host and port.
	network, addr string
	// ca is a file with the certificates that are trusted instead of the
	// system's.
	ca string
}

// parseEventTargets reads the values of --events.
func parseEventTargets(values []string) ([]eventTarget, error) {
	var list []eventTarget
	seen := map[string]bool{}
	for _, v := range values {
		t, err := parseEventTarget(strings.TrimSpace(v))
		if err != nil {
			return nil, err
		}
		if seen[t.name] {
			return nil, fmt.Errorf("--events %q: the target is named twice", v)
		}
		seen[t.name] = true
		list = append(list, t)
	}
	return list, nil
}

// defaultSyslogPorts are those of RFC 5426, RFC 6587 and RFC 5425.
var defaultSyslogPorts = map[string]string{"udp": "514", "tcp": "514", "tcp+tls": "6514"}

func parseEventTarget(v string) (eventTarget, error) {
	switch {
	case v == "":
		return eventTarget{}, fmt.Errorf("--events: name a file, - or a syslog server such as udp://siem.example.com:514")
	case v == "-" || v == "stdout":
		return eventTarget{name: "-", path: "-"}, nil
	case !strings.Contains(v, "://"):
		return eventTarget{name: v, path: v}, nil
	}
	u, err := url.Parse(v)
	if err != nil {
		return eventTarget{}, fmt.Errorf("--events %q: write a server such as tcp+tls://siem.example.com:6514", v)
	}
	port, known := defaultSyslogPorts[u.Scheme]
	if !known {
		return eventTarget{}, fmt.Errorf("--events %q: %s is no way to send; use udp, tcp or tcp+tls", v, u.Scheme)
	}
	if u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return eventTarget{}, fmt.Errorf("--events %q: write %s://host:port and nothing more", u.Redacted(), u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t := eventTarget{network: u.Scheme, addr: net.JoinHostPort(u.Hostname(), port)}
	t.name = t.network + "://" + t.addr
	return t, t.parameters(u.Query())
}

func (t *eventTarget) parameters(q url.Values) error {
	for name, values := range q {
		if name != "ca" || t.network != "tcp+tls" || len(values) != 1 {
			return fmt.Errorf("--events %s: unknown parameter %s; only tcp+tls takes one, ca=FILE", t.name, name)
		}
		t.ca = values[0]
	}
	return nil
}

// newSIEM opens all targets. A file that cannot be written stops the start; a
// server that does not answer does not.
func newSIEM(targets []eventTarget, stdout *os.File, logger *slog.Logger, dropped *prometheus.CounterVec) (siemSinks, error) {
	var list siemSinks
	for _, t := range targets {
		s, err := newSIEMSink(t, stdout, logger, dropped)
		if err != nil {
			list.Close()
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func newSIEMSink(t eventTarget, stdout *os.File, logger *slog.Logger, dropped *prometheus.CounterVec) (*siem, error) {
	s := &siem{
		target: t, logger: logger, dropped: dropped.WithLabelValues(t.name),
		queue: make(chan any, eventBuffer), stop: make(chan struct{}), done: make(chan struct{}),
	}
	var err error
	switch {
	case t.path == "-":
		s.out, s.encode = &plainOutput{stdout}, jsonLine
	case t.path != "":
		s.out, err = openFileOutput(t.path)
		s.encode = jsonLine
	default:
		s.out, err = newSyslogOutput(t)
		s.encode = newSyslogEncoder().encode
	}
	if err != nil {
		return nil, fmt.Errorf("--events %s: %w", t.name, err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

// Access is not sent: there is an access log for calls.
func (l siemSinks) Access(event.Access) {}

// Token sends a token request to every target.
func (l siemSinks) Token(t event.Token) {
	for _, s := range l {
		s.add(t)
	}
}

// Security sends a security event to every target.
func (l siemSinks) Security(e event.Security) {
	for _, s := range l {
		s.add(e)
	}
}

// Close sends what is buffered, for at most a few seconds.
func (l siemSinks) Close() {
	var wg sync.WaitGroup
	for _, s := range l {
		wg.Go(s.close)
	}
	wg.Wait()
}

func (s *siem) add(e any) {
	if s.closed.Load() {
		s.dropped.Inc()
		return
	}
	select {
	case s.queue <- e:
	default:
		s.dropped.Inc()
	}
}

func (s *siem) close() {
	if s.closed.Swap(true) {
		return
	}
	close(s.stop)
	defer s.cancel()
	defer time.AfterFunc(siemFlush, s.cancel).Stop()
	select {
	case <-s.done:
		return
	case <-s.ctx.Done():
	}
	select {
	case <-s.done:
	case <-time.After(siemGrace):
		s.dropped.Add(float64(len(s.queue) + 1))
		s.logger.Error("events lost: the target takes none", "target", s.target.name)
	}
}

func (s *siem) run() {
	defer close(s.done)
	defer s.out.close()
	for {
		select {
		case e := <-s.queue:
			s.send(e)
		case <-s.stop:
			s.drain()
			return
		}
	}
}

func (s *siem) drain() {
	for {
		select {
		case e := <-s.queue:
			s.send(e)
		default:
			return
		}
	}
}

// send delivers one event, trying again until it is taken or the process
// stops. What arrives meanwhile waits in the buffer.
func (s *siem) send(e any) {
	if s.ctx.Err() != nil { // a stop has waited long enough
		s.dropped.Inc()
		return
	}
	encoded := s.encode(e)
	wait := siemFirstBackoff
	for try := 1; ; try++ {
		err := s.out.write(s.ctx, encoded)
		if err == nil {
			if a, ok := e.(auditEvent); ok {
				a.sent()
			}
			if try > 1 {
				s.logger.Info("events are sent again", "target", s.target.name)
			}
			return
		}
		if try == 1 && s.ctx.Err() == nil {
			s.logger.Warn("events not sent; trying again", "target", s.target.name, "error", err)
		}
		if !s.pause(wait) {
			s.dropped.Inc()
			return
		}
		wait = min(2*wait, siemMaxBackoff)
	}
}

func (s *siem) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}
