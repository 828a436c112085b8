package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
)

// shelf is an event store in memory that can be away, slow or full of opinions.
type shelf struct {
	mu       sync.Mutex
	tokens   []string
	security []string
	refused  []event.Access
	batches  int
	away     bool
	refuses  string        // a reason that is never kept
	gate     chan struct{} // when not nil, each call waits for it
}

func (s *shelf) AddTokenRequests(ctx context.Context, list []event.Token) error {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errors.New("connection refused")
	}
	for _, e := range list {
		if s.refuses != "" && e.Reason == s.refuses {
			return errors.New("cannot be kept")
		}
	}
	s.batches++
	for _, e := range list {
		s.tokens = append(s.tokens, e.Reason)
	}
	return nil
}

func (s *shelf) AddSecurityEvents(_ context.Context, list []event.Security) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		s.security = append(s.security, e.Detail)
	}
	return nil
}

func (s *shelf) AddRefusals(_ context.Context, list []event.Access) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, list...)
	return nil
}

func testDropped() *prometheus.CounterVec { return newEventsDropped(prometheus.NewRegistry()) }

func lost(c *prometheus.CounterVec, sink string) int {
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		return -1
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == sink {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

var quiet = slog.New(slog.DiscardHandler)

func TestEventsAreKeptInOrderAndInBatches(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	w := newEventWriter(s, quiet, testDropped())
	var want []string
	for i := range 2*eventBatch + 7 {
		reason := strings.Repeat("x", i%9)
		want = append(want, reason)
		w.Token(event.Token{Reason: reason})
	}
	w.Security(event.Security{Detail: "one"})
	w.Access(event.Access{})
	w.Close() // writes what is buffered
	if strings.Join(s.tokens, ",") != strings.Join(want, ",") || len(s.security) != 1 {
		t.Errorf("kept %d of %d, and %v", len(s.tokens), len(want), s.security)
	}
	if s.batches > 10 {
		t.Errorf("%d batches", s.batches)
	}
	w.Close()
	w.Token(event.Token{Reason: "late"})
	if len(s.tokens) != len(want) {
		t.Error("kept after the end")
	}
}

// A request must never wait for the database, whatever that does.
func TestAFullBufferDropsAndCountsAndNeverWaits(t *testing.T) {
	t.Parallel()
	s := &shelf{gate: make(chan struct{})}
	dropped := testDropped()
	w := newEventWriter(s, quiet, dropped)
	const extra = 1000
	for range eventBuffer + eventBatch + extra { // returns although nothing is ever written
		w.Token(event.Token{})
	}
	if n := lost(dropped, "token_requests"); n < extra || n > extra+eventBatch {
		t.Errorf("%d dropped", n)
	}
	close(s.gate)
	w.Close()
	if len(s.tokens)+lost(dropped, "token_requests") != eventBuffer+eventBatch+extra {
		t.Errorf("%d kept and %d dropped do not add up", len(s.tokens), lost(dropped, "token_requests"))
	}
}

func TestEventsWaitWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s := &shelf{away: true}
	dropped := testDropped()
	log := &lines{heard: make(chan string, 10)}
	w := newEventWriter(s, slog.New(slog.NewTextHandler(log, nil)), dropped)
	w.Token(event.Token{Reason: "kept"})
	if line := <-log.heard; !strings.Contains(line, "events not stored") {
		t.Errorf("logged %q", line)
	}
	s.mu.Lock()
	s.away = false
	s.mu.Unlock()
	if line := <-log.heard; !strings.Contains(line, "stored again") {
		t.Errorf("logged %q", line)
	}
	w.Close()
	if len(s.tokens) != 1 || lost(dropped, "token_requests") != 0 {
		t.Errorf("kept %v, dropped %d", s.tokens, lost(dropped, "token_requests"))
	}
}

// After a failover a connection may lead nowhere, without anybody saying so.
func TestEventsTakeAnotherConnectionWhenOneHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dropped := &shelf{}, testDropped()
		hung := false
		b := newBatcher("token_requests", func(ctx context.Context, list []event.Token) error {
			if !hung {
				hung = true
				<-ctx.Done()
				return ctx.Err()
			}
			return s.AddTokenRequests(ctx, list)
		}, quiet, dropped)
		b.add(event.Token{Reason: "kept"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(s.tokens) != 1 || lost(dropped, "token_requests") != 0 {
			t.Errorf("kept %v, dropped %d", s.tokens, lost(dropped, "token_requests"))
		}
		b.close()
	})
}

func TestOneEventThatCannotBeKeptDoesNotHoldUpTheRest(t *testing.T) {
	t.Parallel()
	s := &shelf{refuses: "poison"}
	dropped := testDropped()
	b := newBatcher("token_requests", s.AddTokenRequests, quiet, dropped)
	b.cancel() // as after the time of a stop; the batch is tried once and then one by one
	b.ctx = context.Background()
	b.writeSingly([]event.Token{{Reason: "a"}, {Reason: "poison"}, {Reason: "b"}})
	b.close()
	if strings.Join(s.tokens, "") != "ab" || lost(dropped, "token_requests") != 1 {
		t.Errorf("kept %v, dropped %d", s.tokens, lost(dropped, "token_requests"))
	}
}

// lines hands over what is logged.
type lines struct{ heard chan string }

func (l *lines) Write(p []byte) (int, error) {
	select {
	case l.heard <- string(p):
	case <-time.After(time.Second):
	}
	return len(p), nil
}

func BenchmarkReportingATokenRequest(b *testing.B) {
	w := newEventWriter(&shelf{}, quiet, testDropped())
	defer w.Close()
	e := event.Token{Reason: "wrong password", Username: "ada"}
	b.ReportAllocs()
	for b.Loop() {
		w.Token(e)
	}
}
