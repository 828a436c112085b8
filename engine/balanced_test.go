package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/balance"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
)

// instance is an upstream that counts its calls and says its name.
type instance struct {
	*httptest.Server
	calls  atomic.Int64
	status atomic.Int64 // 0 for 200
}

func instanceOf(t testing.TB, name string) *instance {
	t.Helper()
	i := &instance{}
	i.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		i.calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		if status := i.status.Load(); status != 0 {
			w.WriteHeader(int(status))
		}
		fmt.Fprintf(w, "%s %s %s %s", name, r.Host, r.URL.RequestURI(), body)
	})
	return i
}

// spread is the proxy /api with these addresses.
func spread(change func(*engine.Upstream), addresses ...string) engine.Proxy {
	p := enginetest.Proxy("api", "/api", addresses[0])
	for _, a := range addresses[1:] {
		p.Upstream.Further = append(p.Upstream.Further, engine.Address{URL: a})
	}
	if change != nil {
		change(&p.Upstream)
	}
	return p
}

func retried(u *engine.Upstream) { u.Retry.Count = 2 }

// names are those of the instances that answered n calls.
func names(t testing.TB, s *httptest.Server, n int) (all string) {
	t.Helper()
	for range n {
		a := get(t, s.URL+"/api")
		name, _, _ := strings.Cut(a.body, " ")
		if a.status != http.StatusOK {
			name = "!"
		}
		all += name
	}
	return all
}

func state(t testing.TB, g *engine.Gateway) engine.UpstreamState {
	t.Helper()
	list := g.Upstreams()
	if len(list) != 1 {
		t.Fatalf("upstreams %+v", list)
	}
	return list[0]
}

func TestCallsAreSpreadOverTheAddresses(t *testing.T) {
	t.Parallel()
	a, b := instanceOf(t, "a"), instanceOf(t, "b")
	p := spread(func(u *engine.Upstream) { u.Further[0].Weight = 50 }, a.URL+"/v1", b.URL+"/old/")
	g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, p))
	if got := names(t, s, 9); got != "abaabaaba" {
		t.Errorf("asked %s", got)
	}
	// Each address has its own base path and its own Host.
	for range 3 {
		got := get(t, s.URL+"/api/x%20y?q=1").body
		if got != "a "+a.Listener.Addr().String()+" /v1/x%20y?q=1 " && got != "b "+b.Listener.Addr().String()+" /old/x%20y?q=1 " {
			t.Errorf("arrived as %q", got)
		}
	}
	for _, a := range state(t, g).Addresses {
		if a.Calls != 0 || a.Health != balance.Well || a.Rests != 0 {
			t.Errorf("state %+v", a)
		}
	}
}

func TestAPlainUpstreamHasNoPool(t *testing.T) {
	t.Parallel()
	g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, enginetest.Proxy("api", "/api", instanceOf(t, "a").URL)))
	if got := names(t, s, 2); got != "aa" || len(g.Upstreams()) != 0 {
		t.Errorf("%s, upstreams %v", got, g.Upstreams())
	}
}

// What an address does wrong, whether a GET is tried again, and as what it counts.
func TestWhatCanBeWrongWithAnAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		address func(*testing.T) string
		again   bool
		fault   fault.Type
	}{
		{"it refuses", func(t *testing.T) string { return closedPort(t) }, true, fault.UpstreamRefused},
		{"it has no name", func(*testing.T) string { return "http://no-such-host.invalid" }, true, fault.UpstreamUnknown},
		{"its certificate is nobody's", func(t *testing.T) string { return serveTLS(t).URL }, true, fault.UpstreamTLS},
		{"it speaks no TLS", func(t *testing.T) string { return "https" + strings.TrimPrefix(instanceOf(t, "x").URL, "http") }, true, fault.UpstreamTLS},
		{"it never shakes hands", func(t *testing.T) string {
			return behaving(t, func(c net.Conn) { io.Copy(io.Discard, c) }, "https")
		}, true, fault.UpstreamTimeout},
		{"it hangs", func(t *testing.T) string {
			return behaving(t, func(c net.Conn) { readHead(c); io.Copy(io.Discard, c) })
		}, false, fault.UpstreamTimeout},
		{"it resets", func(t *testing.T) string {
			return behaving(t, func(c net.Conn) { readHead(c); _ = c.(*net.TCPConn).SetLinger(0) })
		}, false, fault.UpstreamConnection},
		{"it answers no HTTP", func(t *testing.T) string {
			return behaving(t, func(c net.Conn) { readHead(c); io.WriteString(c, "220 ready\r\n") })
		}, false, fault.UpstreamConnection},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events := enginetest.NewEvents()
			b := instanceOf(t, "b")
			p := spread(retried, tt.address(t), b.URL)
			p.Upstream.Breaker = engine.Breaker{Failures: 2, Rest: engine.MaxRest}
			p.Upstream.ConnectTimeout, p.Upstream.ResponseTimeout = 200, 100
			g, s := enginetest.Gateway(t, engine.Options{Sink: events}, enginetest.Bundle(t, p))
			want := "!b!bbb" // two failures, and it rests
			if tt.again {
				want = "bbbbbb"
			}
			if got := names(t, s, 6); got != want {
				t.Errorf("asked %s, want %s", got, want)
			}
			if e := events.NextAccess(t); tt.again != (e.Fault == "") || !tt.again && e.Fault != tt.fault {
				t.Errorf("event %+v", e)
			}
			st := state(t, g)
			if a := st.Addresses[0]; a.Health != balance.Resting || a.Rests != 1 || a.Calls != 0 || tt.again != (st.Retries == 2) {
				t.Errorf("state %+v", st)
			}
		})
	}
}

func TestAnswersThatCount(t *testing.T) {
	t.Parallel()
	for _, status := range []int64{502, 503, 504} {
		a, b := instanceOf(t, "a"), instanceOf(t, "b")
		a.status.Store(status)
		g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) {
			u.Breaker = engine.Breaker{Failures: 2, Rest: engine.MaxRest, Unavailable: true}
			u.Retry = engine.Retry{Count: 1, Unavailable: true}
		}, a.URL, b.URL)))
		if got := names(t, s, 6); got != "bbbbbb" || a.calls.Load() != 2 || state(t, g).Addresses[0].Health != balance.Resting {
			t.Errorf("%d: asked %s, %+v", status, got, state(t, g))
		}
	}
	// Without being told so they are the API's own business, as any 500 is.
	a, b := instanceOf(t, "a"), instanceOf(t, "b")
	for _, status := range []int64{500, 503} {
		a.status.Store(status)
		g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) {
			u.Breaker.Failures = 1
			retried(u)
		}, a.URL, b.URL)))
		if got := get(t, s.URL+"/api"); int64(got.status) != status || !strings.HasPrefix(got.body, "a ") || state(t, g).Retries != 0 {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	// The last answer is passed on where no try is left.
	b.status.Store(503)
	_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) { u.Retry = engine.Retry{Count: 1, Unavailable: true} }, a.URL, b.URL)))
	if got := get(t, s.URL+"/api"); got.status != 503 || !strings.HasPrefix(got.body, "b ") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// ATTACK: nothing that may not be made twice is made twice, whatever the address
// does, and however the second try could come about.
func TestAttackNoCallIsMadeTwiceThatMayNot(t *testing.T) {
	t.Parallel()
	all := func(u *engine.Upstream) {
		u.Retry = engine.Retry{Count: engine.MaxRetries, Unavailable: true}
		u.ResponseTimeout = 100
	}
	for name, answer := range map[string]func(net.Conn){
		"503":     func(c net.Conn) { io.WriteString(c, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") },
		"a reset": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"silence": func(c net.Conn) { io.Copy(io.Discard, c) },
	} {
		for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				var heads atomic.Int64
				bad := func() string {
					return behaving(t, func(c net.Conn) {
						readHead(c)
						heads.Add(1)
						answer(c)
					})
				}
				_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(all, bad(), bad(), bad())))
				for i, length := range []int64{int64(len("pay 100")), -1} { // read whole, and streamed
					r := request(t, method, s.URL+"/api", "", "Idempotency-Key", "1")
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader("pay 100")), length
					send(t, r)
					if n := heads.Load(); n != int64(i+1) { // PUT and DELETE too: their body has begun
						t.Errorf("%d calls", n)
					}
				}
			})
		}
	}
	t.Run("POST without a connection", func(t *testing.T) {
		t.Parallel()
		b := instanceOf(t, "b")
		_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(all, closedPort(t), b.URL)))
		if a := send(t, request(t, "POST", s.URL+"/api", "pay 100")); a.status != http.StatusBadGateway || b.calls.Load() != 0 {
			t.Errorf("got %d, b was called %d times", a.status, b.calls.Load())
		}
	})
}

// A body arrives whole at the address that takes it, also after tries that found no
// connection.
func TestABodyIsNeverLost(t *testing.T) {
	t.Parallel()
	b := instanceOf(t, "b")
	g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) {
		retried(u)
		u.Breaker.Failures = engine.MaxFailures
	}, closedPort(t), closedPort(t), b.URL)))
	var all sync.WaitGroup
	for n := range 30 {
		all.Go(func() {
			text := strings.Repeat(fmt.Sprintf("%d,", n), []int{10, 50_000}[n%2])
			for _, size := range []int64{int64(len(text)), -1} { // with a length, and in chunks
				r := request(t, "PUT", s.URL+"/api", text)
				if size < 0 {
					r.Body = io.NopCloser(strings.NewReader(text))
				}
				r.ContentLength = size
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 || !bytes.HasSuffix(body, []byte(" /"+" "+text)) {
					t.Errorf("%d, %d bytes of %d arrived", res.StatusCode, len(body), len(text))
				}
			}
		})
	}
	all.Wait()
	if state(t, g).Retries == 0 {
		t.Error("nothing was tried again")
	}
}

func TestWhatTheCallerDoesIsNotTheAddresssFault(t *testing.T) {
	t.Parallel()
	hangs := behaving(t, func(c net.Conn) { readHead(c); io.Copy(io.Discard, c) })
	g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) {
		u.Breaker = engine.Breaker{Failures: 1, Refuse: true}
	}, hangs)))
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := http.DefaultClient.Do(request(t, "GET", s.URL+"/api", "").WithContext(ctx)); err == nil {
			res.Body.Close()
		}
	}()
	for state(t, g).Addresses[0].Calls == 0 {
		runtime.Gosched()
	}
	leave()
	<-done
	for state(t, g).Addresses[0].Calls != 0 {
		runtime.Gosched()
	}
	if a := state(t, g).Addresses[0]; a.Health != balance.Well {
		t.Errorf("a caller who left has laid it to rest: %+v", a)
	}
}

func TestWhereNobodyIsWell(t *testing.T) {
	t.Parallel()
	t.Run("they are called nevertheless", func(t *testing.T) {
		t.Parallel()
		a := instanceOf(t, "a")
		a.status.Store(503)
		g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) {
			u.Breaker = engine.Breaker{Failures: 1, Rest: engine.MaxRest, Unavailable: true}
		}, a.URL, a.URL+"/other")))
		names(t, s, 4)
		if a.calls.Load() != 4 {
			t.Errorf("%d calls arrived", a.calls.Load())
		}
		a.status.Store(0)
		if got := names(t, s, 3); got != "aaa" {
			t.Errorf("asked %s, %+v", got, state(t, g))
		}
	})
	t.Run("they are refused where that is wanted", func(t *testing.T) {
		t.Parallel()
		a, clock, events := instanceOf(t, "a"), enginetest.NewClock(), enginetest.NewEvents()
		a.status.Store(504)
		_, s := enginetest.Gateway(t, engine.Options{Now: clock.Now, Sink: events}, enginetest.Bundle(t, spread(func(u *engine.Upstream) {
			u.Breaker = engine.Breaker{Failures: 2, Rest: 30_000, Unavailable: true, Refuse: true}
		}, a.URL)))
		names(t, s, 2)
		clock.Advance(9500 * time.Millisecond)
		got := get(t, s.URL+"/api")
		if row := fault.Find(fault.UpstreamResting); got.status != 503 || got.header.Get("Retry-After") != "21" || got.body != string(row.Body()) || a.calls.Load() != 2 {
			t.Errorf("got %d %v %s after %d calls", got.status, got.header, got.body, a.calls.Load())
		}
		a.status.Store(0)
		clock.Advance(20500 * time.Millisecond)
		if got := names(t, s, 2); got != "aa" {
			t.Errorf("after its rest %s", got)
		}
	})
}

// Deploys forget no address that is still there; pools that nobody needs are
// forgotten.
func TestDeploysKeepWhatIsKnownOfAddresses(t *testing.T) {
	t.Parallel()
	b := instanceOf(t, "b")
	p := spread(func(u *engine.Upstream) { u.Breaker = engine.Breaker{Failures: 1, Rest: engine.MaxRest}; retried(u) }, closedPort(t), b.URL)
	first := enginetest.Bundle(t, p)
	g, s := enginetest.Gateway(t, engine.Options{}, first)
	names(t, s, 2)
	apply := func(what string, want balance.Health, proxies ...engine.Proxy) {
		t.Helper()
		next := enginetest.Bundle(t, proxies...)
		next.Generation = first.Generation + 1
		first = next
		if err := g.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if a := state(t, g).Addresses[0]; a.Health != want {
			t.Errorf("after a deploy of %s: %+v", what, a)
		}
	}
	apply("another one", balance.Resting, p, enginetest.Proxy("other", "/other", b.URL))
	moved := p
	moved.Route.BasePath = "/moved"
	apply("it elsewhere", balance.Resting, moved)
	broken := enginetest.Bundle(t, p, p)
	if err := g.Apply(t.Context(), broken); err == nil {
		t.Fatal("two proxies of one id run")
	}
	if a := state(t, g).Addresses[0]; a.Health != balance.Resting {
		t.Errorf("after a bundle that does not run: %+v", a)
	}
	p.Upstream.Retry.Count = 1
	apply("it otherwise", balance.Resting, p)
	p.Name = "renamed"
	renamed := enginetest.Bundle(t, p)
	renamed.Owners[0].ID = "id-api"
	if err := g.Apply(t.Context(), renamed); err != nil {
		t.Fatal(err)
	}
	if u := state(t, g); u.Proxy != "renamed" || u.Retries != 1 || u.Addresses[0].Rests != 1 {
		t.Errorf("renamed it is %+v", u)
	}
	p.Name = "api"
	grouped := enginetest.Bundle(t, p)
	frozen := p
	frozen.Upstream.Retry.Count = 2
	grouped.Owners = append(grouped.Owners, enginetest.Owner(t, enginetest.ProxyGroup("shop", "/shop", frozen)))
	if err := g.Apply(t.Context(), grouped); err != nil {
		t.Fatal(err)
	}
	before := b.calls.Load()
	if got := get(t, s.URL+"/shop"); got.status != 200 || state(t, g).Retries != 1 || b.calls.Load() != before+1 {
		t.Errorf("by a new group %d, %+v", got.status, state(t, g))
	}
	fresh := p
	fresh.Upstream.URL = closedPort(t)
	apply("it with another address", balance.Well, fresh)
	if err := g.Apply(t.Context(), enginetest.Bundle(t)); err != nil || len(g.Upstreams()) != 0 {
		t.Errorf("undeployed, %v, %+v", err, g.Upstreams())
	}
}

func TestAnAddressThatFailsItsHealthCheckIsNotCalled(t *testing.T) {
	t.Parallel()
	a, b := instanceOf(t, "a"), instanceOf(t, "b")
	var log lines
	p := spread(func(u *engine.Upstream) {
		u.Check = &engine.HealthCheck{Path: "/health", Interval: 100, Timeout: 1000, From: 200, To: 299, Healthy: 1, Unhealthy: 1}
	}, a.URL+"/v1", b.URL+"/v1")
	g, s := enginetest.Gateway(t, engine.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, enginetest.Bundle(t, p))
	await := func(what string, ok func(u engine.UpstreamState) bool) {
		t.Helper()
		for !ok(state(t, g)) {
			if t.Context().Err() != nil {
				t.Fatal(what)
			}
			time.Sleep(time.Millisecond)
		}
	}
	b.status.Store(302) // redirects are not followed
	await("b is down", func(u engine.UpstreamState) bool { return u.Addresses[1].Health == balance.Down })
	if got := names(t, s, 4); got != "aaaa" {
		t.Errorf("while b is down %s", got)
	}
	a.status.Store(500)
	await("a is down", func(u engine.UpstreamState) bool { return u.Addresses[0].Health == balance.Down })
	if got := get(t, s.URL+"/api"); got.status != 503 || got.header.Get("Retry-After") != "1" {
		t.Errorf("with all down %d %v", got.status, got.header)
	}
	a.status.Store(0)
	await("a is well", func(u engine.UpstreamState) bool { return u.Addresses[0].Health == balance.Well })
	if got := names(t, s, 2); got != "aa" {
		t.Errorf("with a back %s", got)
	}
	for _, part := range []string{"an address of an API is not called", "state=down", "it answered 500.", "an address of an API is called again", "address=" + a.URL + "/v1", "proxy=api", "environment=production"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %q in the log %s", part, log.String())
		}
	}
	s.Close()
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := a.calls.Load() + b.calls.Load()
	time.Sleep(500 * time.Millisecond) // nothing can be waited for: none may come but what was under way
	if more := a.calls.Load() + b.calls.Load() - n; more > 2 {
		t.Errorf("a closed gateway checks on: %d times", more)
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A WebSocket is under way at its address until it ends.
func TestAWebSocketIsACallUnderWay(t *testing.T) {
	t.Parallel()
	to := behaving(t, func(c net.Conn) {
		readHead(c)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(io.Discard, c)
	})
	g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, spread(func(u *engine.Upstream) { u.Choice = engine.LeastConnections }, to, to+"/b")))
	conn := dial(t, s)
	fmt.Fprintf(conn, "GET /api HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	readHead(conn)
	if u := state(t, g); u.Addresses[0].Calls+u.Addresses[1].Calls != 1 {
		t.Errorf("while it is open %+v", u)
	}
	conn.Close()
	for u := state(t, g); u.Addresses[0].Calls+u.Addresses[1].Calls != 0; u = state(t, g) {
		runtime.Gosched()
	}
}
