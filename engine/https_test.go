package engine_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
)

// secureAPI speaks the protocols that it is given; it says by which one it was asked.
func secureAPI(t *testing.T, connections *atomic.Int64, protocols ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Proto+" "+string(body))
	}))
	s.Config.ErrorLog = discardLog
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.TLS, s.EnableHTTP2 = enginetest.TLS(protocols...), protocols[0] == "h2"
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestSecureAPIsChooseTheirProtocol(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{"http/1.1": "HTTP/1.1", "h2": "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int64
			s := through(t, engine.Options{}, secureAPI(t, &connections, protocol).URL)
			for range 5 {
				if a := send(t, request(t, "POST", s.URL+"/api", "hello")); a.status != 200 || a.body != want+" hello" {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if n, most := connections.Load(), int64(2); n > most { // for HTTP/2 the first one finds that out
				t.Errorf("%d connections", n)
			}
		})
	}
}

// Each address chooses for itself.
func TestAddressesMaySpeakDifferentProtocols(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	p := enginetest.Proxy("api", "/api", secureAPI(t, &connections, "http/1.1").URL)
	p.Upstream.Further = []engine.Address{{URL: secureAPI(t, &connections, "h2").URL}, {URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Proto+" "+string(body))
	}).URL}}
	_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, p))
	seen := map[string]int{}
	for range 12 {
		a := send(t, request(t, "POST", s.URL+"/api", "hello"))
		if a.status != 200 || !strings.HasSuffix(a.body, " hello") {
			t.Errorf("%d %s", a.status, a.body)
		}
		seen[a.body]++
	}
	if seen["HTTP/2.0 hello"] < 3 || seen["HTTP/1.1 hello"] < 6 {
		t.Errorf("seen %v", seen)
	}
}

// One that has spoken HTTP/2 may be exchanged for one that does not.
func TestAnAPIMayChooseAnew(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	first, second := secureAPI(t, &connections, "h2"), secureAPI(t, &connections, "http/1.1")
	var old atomic.Bool
	old.Store(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			to := second
			if old.Load() {
				to = first
			}
			api, err := net.Dial("tcp", to.Listener.Addr().String())
			if err != nil {
				c.Close()
				continue
			}
			go func() { io.Copy(api, c); api.Close() }()
			go func() { io.Copy(c, api); c.Close() }()
		}
	}()
	s := through(t, engine.Options{}, "https://"+l.Addr().String())
	if a := get(t, s.URL+"/api"); a.body != "HTTP/2.0 " {
		t.Fatalf("%d %s", a.status, a.body)
	}
	old.Store(false)
	first.CloseClientConnections()
	for a := get(t, s.URL+"/api"); a.status != 200; a = get(t, s.URL+"/api") { // net/http has seen the end
	}
	before := connections.Load()
	for range 5 {
		if a := get(t, s.URL+"/api"); a.body != "HTTP/1.1 " {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := connections.Load() - before; n != 1 { // the gateway's own from then on
		t.Errorf("%d connections", n)
	}
}

// A long body goes to an API that turns out to speak HTTP/2 as a whole.
func TestLongBodiesReachAnAPIThatSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	s := through(t, engine.Options{}, secureAPI(t, &connections, "h2").URL)
	text := strings.Repeat("hello", 50_000)
	for range 2 {
		for _, r := range []*http.Request{request(t, "POST", s.URL+"/api", text), chunkedRequest(t, s.URL+"/api", text)} {
			if a := send(t, r); a.status != 200 || a.body != "HTTP/2.0 "+text {
				t.Errorf("%d, %d bytes", a.status, len(a.body))
			}
		}
	}
}
