package engine_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"net/http/httptrace"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

func TestTroubleWithTheAPIIsNeverBlamedOnTheCaller(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, address string
		want          fault.Type
	}{
		{"nobody listens", closedPort(t), fault.UpstreamRefused},
		{"the name is unknown", "http://no-such-host.invalid", fault.UpstreamUnknown},
		{"the connection is cut before the answer", behaving(t, func(c net.Conn) { readHead(c) }), fault.UpstreamConnection},
		{"the answer is no HTTP", behaving(t, func(c net.Conn) { readHead(c); io.WriteString(c, "220 smtp ready\r\n") }), fault.UpstreamConnection},
		{"the answer's header has no end", behaving(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("a", 300<<10)+"\r\n\r\n")
		}), fault.UpstreamConnection},
		{"the certificate is nobody's", serveTLS(t).URL, fault.UpstreamTLS},
		{"it speaks no TLS", "https" + strings.TrimPrefix(enginetest.Echo(t).URL, "http"), fault.UpstreamTLS},
		{"it cuts the handshake with an alert", behaving(t, func(c net.Conn) {
			c.Read(make([]byte, 1024))
			c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
		}, "https"), fault.UpstreamTLS},
		{"it switches protocols unasked", behaving(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		}), fault.UpstreamConnection},
		{"it does not answer in time", behaving(t, func(c net.Conn) { readHead(c); io.Copy(io.Discard, c) }), fault.UpstreamTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events := enginetest.NewEvents()
			p := enginetest.Proxy("api", "/api", tt.address)
			if tt.want == fault.UpstreamTimeout {
				p.Upstream.ResponseTimeout = 50
			}
			_, s := enginetest.Gateway(t, engine.Options{Sink: events}, enginetest.Bundle(t, p))
			a := get(t, s.URL+"/api?secret=geheim")
			row := fault.Find(tt.want)
			if a.status != row.Status || a.body != string(row.Body()) || a.header.Get("Content-Type") != fault.ContentType {
				t.Errorf("got %d %s %s, want %d %s", a.status, a.header, a.body, row.Status, row.Body())
			}
			e := events.NextAccess(t)
			if e.Fault != tt.want || e.Result != event.Failed || e.Reason == "" || strings.Contains(e.Reason, "geheim") {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func closedPort(t testing.TB) string {
	t.Helper()
	// Bound and never listening: nobody else can get the port meanwhile, and
	// whoever connects is refused.
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// behaving is an upstream that does what do does with each connection and
// then closes it.
func behaving(t *testing.T, do func(net.Conn), scheme ...string) string {
	t.Helper()
	l, own := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c)
			}()
		}
	}()
	return append(scheme, own)[0] + "://" + l.Addr().String()
}

// listen is a listener of an API, over TLS where that is the test's way, and its scheme.
func listen(t testing.TB) (l net.Listener, scheme string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if enginetest.SecureUpstream(t) {
		return tls.NewListener(l, enginetest.TLS("http/1.1")), "https"
	}
	return l, "http"
}

func readHead(c net.Conn) {
	_, _ = textproto.NewReader(bufio.NewReader(c)).ReadMIMEHeader()
}

func serveTLS(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = discardLog
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestAnswerThatBreaksOffIsNotShownAsWhole(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		for name, text := range map[string]string{
			"with a length": "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50000),
			"in chunks":     "Transfer-Encoding: chunked\r\n\r\n8\r\nthe half\r\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				events := enginetest.NewEvents()
				s := through(t, engine.Options{Sink: events}, behaving(t, func(c net.Conn) {
					readHead(c)
					io.WriteString(c, "HTTP/1.1 200 OK\r\n"+text)
				}))
				res, err := http.DefaultTransport.RoundTrip(request(t, "GET", s.URL+"/api", ""))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if body, err := io.ReadAll(res.Body); err == nil {
					t.Errorf("the caller read %d bytes and no error", len(body))
				}
				if e := events.NextAccess(t); e.Status != 200 || e.Result != event.Failed || e.Fault != fault.UpstreamConnection {
					t.Errorf("event %+v", e)
				}
			})
		}
	})
}

func TestCallerThatLeavesIsReportedAndNotAnswered(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		events := enginetest.NewEvents()
		arrived, left := make(chan bool), make(chan bool)
		upstream := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			arrived <- true
			<-r.Context().Done()
			left <- true
		})
		s := through(t, engine.Options{Sink: events}, upstream.URL)
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-arrived
			leave()
		}()
		if res, err := http.DefaultTransport.RoundTrip(request(t, "GET", s.URL+"/api", "").WithContext(ctx)); err == nil {
			res.Body.Close()
			t.Errorf("an answer of status %d", res.StatusCode)
		}
		<-left // the API is told
		if e := events.NextAccess(t); e.Status != 499 || e.Result != event.Failed || e.Fault != "" {
			t.Errorf("event %+v", e)
		}
	})
}

func TestMalformedBodyIsTheCallersFault(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		for name, body := range map[string]string{
			"a chunk size that is no number": "zz\r\nhello\r\n0\r\n\r\n",
			"a chunk longer than its size":   "2\r\nhello\r\n0\r\n\r\n",
			"a negative chunk size":          "-1\r\nhello\r\n0\r\n\r\n",
			"an endless chunk size":          strings.Repeat("f", 5000) + "\r\n",
			"a huge chunk size":              "fffffffffffffffff\r\nhello",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				all := raw(t, s, "POST /petstore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+body+
					"GET /petstore/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
				row := fault.Find(fault.BadRequest)
				if len(all) != 1 || all[0].status != row.Status || all[0].body != string(row.Body()) {
					t.Errorf("answers %+v", all)
				}
			})
		}
	})
}

func TestBodyHasALimit(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		var calls atomic.Int64
		upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			body, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, len(body))
		})
		s := through(t, engine.Options{Limits: engine.Limits{MaxBody: 1000}}, upstream.URL)
		for _, n := range []int{0, 999, 1000} {
			for name, r := range map[string]*http.Request{
				"with a length": request(t, "POST", s.URL+"/api", strings.Repeat("x", n)),
				"in chunks":     chunkedRequest(t, s.URL+"/api", strings.Repeat("x", n)),
			} {
				if a := send(t, r); a.status != 200 || a.body != fmt.Sprint(n) {
					t.Errorf("%d bytes %s: %d %s", n, name, a.status, a.body)
				}
			}
		}
		before := calls.Load()
		if a := send(t, request(t, "POST", s.URL+"/api", strings.Repeat("x", 1001))); a.status != 413 || calls.Load() != before {
			t.Errorf("1001 bytes with a length: %d, the API called: %v", a.status, calls.Load() != before)
		}
		if a := send(t, chunkedRequest(t, s.URL+"/api", strings.Repeat("x", 1001))); a.status != 413 || a.body != string(fault.Find(fault.TooLarge).Body()) {
			t.Errorf("1001 bytes in chunks: %d %s", a.status, a.body)
		}
	})
}

func chunkedRequest(t *testing.T, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCallerThatAwaitsTheGoAheadGetsIt(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		conn := dial(t, s)
		io.WriteString(conn, "POST /petstore HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("before the body: %q, %v", line, err)
		}
		in.ReadString('\n')
		io.WriteString(conn, "hello")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if got := enginetest.Echoed(t, body); res.StatusCode != 200 || got.Body != "hello" {
			t.Errorf("status %d, arrived %+v", res.StatusCode, got)
		}
	})
}

func TestGoAheadOfTheUpstreamIsNotASecondOne(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		upstream := behaving(t, func(c net.Conn) {
			in := textproto.NewReader(bufio.NewReader(c))
			_, _ = in.ReadMIMEHeader()
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
			_, _ = io.ReadFull(in.R, make([]byte, 5))
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		})
		conn := dial(t, through(t, engine.Options{}, upstream))
		io.WriteString(conn, "POST /api HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
		all, err := io.ReadAll(conn)
		if text := string(all); err != nil || strings.Count(text, " 100 Continue") != 1 || !strings.Contains(text, "HTTP/1.1 204 ") {
			t.Errorf("read %q, %v", text, err)
		}
	})
}

func TestCallerThatIsRefusedIsNotAskedForItsBody(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		unread := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) })
		s := through(t, engine.Options{}, unread.URL)
		for target, want := range map[string]int{"/unknown": 404, "/api": 409} {
			conn := dial(t, s)
			io.WriteString(conn, "POST "+target+" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			// The connection must end: what follows could be the body or a request.
			if res.StatusCode != want || !res.Close {
				t.Errorf("%s: status %d, the connection ends: %v", target, res.StatusCode, res.Close)
			}
		}
	})
}

func TestInformationalAnswersPass(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		upstream := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		})
		s := through(t, engine.Options{}, upstream.URL)
		var hints []string
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, h["Link"]))
			return nil
		}}
		r := request(t, "GET", s.URL+"/api", "")
		a := send(t, r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
		if a.status != 204 || len(hints) != 1 || hints[0] != "103 [</style.css>; rel=preload]" || len(a.header["X-Correlation-Id"]) != 1 {
			t.Errorf("status %d, hints %q, header %s", a.status, hints, a.header)
		}
	})
}

func TestCompressedBodiesPassUntouched(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Accept", strings.Join(r.Header["Accept-Encoding"], "|"))
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "\x1f\x8bnot really")
		})
		s := through(t, engine.Options{}, upstream.URL)
		for _, accept := range []string{"", "br"} {
			r := request(t, "GET", s.URL+"/api", "")
			r.Header.Set("Accept-Encoding", accept)
			if a := sendBy(t, &http.Transport{DisableCompression: true}, r); a.body != "\x1f\x8bnot really" || a.header.Get("Content-Encoding") != "gzip" || a.header.Get("X-Accept") != accept {
				t.Errorf("with %q: %q, %s", accept, a.body, a.header)
			}
		}
	})
}

func TestTrailersOfTheAnswerPass(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		upstream := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			io.WriteString(w, "hello")
			w.Header().Set("Grpc-Status", "0")
		})
		s := through(t, engine.Options{}, upstream.URL)
		res, err := http.DefaultTransport.RoundTrip(request(t, "GET", s.URL+"/api", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		if got := res.Trailer.Get("Grpc-Status"); got != "0" {
			t.Errorf("trailers %v", res.Trailer)
		}
	})
}

// Connections to the API survive deploys: 20 deploys and calls use one.
func TestDeploysKeepTheConnectionsToTheAPI(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	upstream.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	upstream.Start()
	t.Cleanup(upstream.Close)
	g, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, enginetest.Proxy("api", "/api", upstream.URL)))
	for i := range 20 {
		if a := get(t, s.URL+"/api"); a.status != 200 {
			t.Fatalf("status %d", a.status)
		}
		if err := g.Apply(t.Context(), enginetest.Bundle(t, enginetest.Proxy("api", "/api", fmt.Sprint(upstream.URL, "/v", i)))); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
