package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/wire"
)

// served is a front with its server.
type served struct {
	address string
	server  *http.Server
	front   *wire.Front
}

func front(t *testing.T, h http.HandlerFunc, change ...func(*wire.Options)) served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	o := wire.Options{
		Handler: h, Server: s, Logger: slog.New(slog.DiscardHandler),
		HeaderTimeout: time.Minute, IdleTimeout: time.Minute, StallTimeout: time.Minute,
	}
	for _, f := range change {
		f(&o)
	}
	f := wire.Listen(l, o)
	go s.Serve(f)
	t.Cleanup(func() { s.Close() })
	return served{l.Addr().String(), s, f}
}

// by tells who read the request: net/http alone says where it came in.
func by(r *http.Request) string {
	if r.Context().Value(http.LocalAddrContextKey) != nil {
		return "net/http"
	}
	return "front"
}

// tell answers with who read the request and its body.
func tell(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %q %v", by(r), r.Method, r.RequestURI, body, err)
}

func connect(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, bufio.NewReader(c)
}

// next reads one answer.
func next(t *testing.T, in *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestPlainRequestsAreAnsweredOneAfterTheOther(t *testing.T) {
	t.Parallel()
	c, in := connect(t, front(t, tell).address)
	for range 3 { // all in one piece
		io.WriteString(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
	}
	for range 3 {
		for _, want := range []string{`front GET /a "" <nil>`, `front POST /b "hi" <nil>`} {
			if _, got := next(t, in, "GET"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

func TestHeadsComeInPieces(t *testing.T) {
	t.Parallel()
	c, in := connect(t, front(t, tell).address)
	for _, b := range []byte("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi") {
		c.Write([]byte{b})
	}
	if _, got := next(t, in, "POST"); got != `front POST /b "hi" <nil>` {
		t.Errorf("got %s", got)
	}
}

// The connection goes to net/http with what is odd, and nothing of it is lost, nor of
// what came before or after.
func TestWhatIsOddGoesToNetHTTPWhole(t *testing.T) {
	t.Parallel()
	c, in := connect(t, front(t, tell).address)
	io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"+
		"POST /2 HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"+
		"GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, want := range []string{`front GET /1 "" <nil>`, `net/http POST /2 "hi" <nil>`, `net/http GET /3 "" <nil>`} {
		if _, got := next(t, in, "GET"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLongHeadsAreNetHTTPs(t *testing.T) {
	t.Parallel()
	c, in := connect(t, front(t, tell).address)
	io.WriteString(c, "GET /b HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("x", 20_000)+"\r\n\r\n")
	if _, got := next(t, in, "GET"); !strings.HasPrefix(got, "net/http ") {
		t.Errorf("got %.100s", got)
	}
}

func TestAnswersAreFramed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 10_000)
	address := front(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch r.URL.Path {
		case "/short":
			io.WriteString(w, "short")
		case "/announced":
			h.Set("Content-Length", fmt.Sprint(len(long)))
			io.WriteString(w, long)
		case "/long":
			io.WriteString(w, long[:100])
			io.WriteString(w, long[100:])
		case "/trailers":
			h.Set("Trailer", "X-Sum")
			io.WriteString(w, "body")
			h.Set("X-Sum", "7")
		case "/none":
			w.WriteHeader(204)
		case "/unchanged":
			h.Set("Etag", `"1"`)
			w.WriteHeader(304)
		case "/twice":
			h["X-A"] = []string{"1", "2"}
			h.Set("X-Line", "a\r\nX-Evil: 1")
			h.Set("X Bad", "1")
			w.WriteHeader(200)
			w.WriteHeader(500)
			h.Set("X-Late", "1")
		}
	}).address
	c, in := connect(t, address)
	for _, tt := range []struct {
		method, path string
		status       int
		body, coding string
		length       int64
	}{
		{"GET", "/short", 200, "short", "", 5},
		{"HEAD", "/short", 200, "", "", -1},
		{"GET", "/announced", 200, long, "", int64(len(long))},
		{"HEAD", "/announced", 200, "", "", int64(len(long))},
		{"GET", "/long", 200, long, "chunked", -1},
		{"GET", "/trailers", 200, "body", "chunked", -1},
		{"GET", "/none", 204, "", "", 0},
		{"GET", "/unchanged", 304, "", "", 0},
		{"GET", "/twice", 200, "", "", 0},
		{"GET", "/short", 200, "short", "", 5},
	} {
		io.WriteString(c, tt.method+" "+tt.path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		res, body := next(t, in, tt.method)
		if res.StatusCode != tt.status || body != tt.body || res.ContentLength != tt.length || strings.Join(res.TransferEncoding, "") != tt.coding {
			t.Errorf("%s %s: %d, %d bytes of %d, %v", tt.method, tt.path, res.StatusCode, len(body), res.ContentLength, res.TransferEncoding)
		}
		if _, err := time.Parse(http.TimeFormat, res.Header.Get("Date")); err != nil {
			t.Errorf("%s: %v", tt.path, err)
		}
		switch tt.path {
		case "/trailers":
			if res.Trailer.Get("X-Sum") != "7" {
				t.Errorf("trailers %v", res.Trailer)
			}
		case "/twice":
			if h := res.Header; len(h["X-A"]) != 2 || h["X-Evil"] != nil || h["X-Late"] != nil || len(h) != 4 {
				t.Errorf("header %v", h)
			}
		}
	}
}

func TestConnectionEndsWhenOneSideSaysSo(t *testing.T) {
	t.Parallel()
	address := front(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
		io.WriteString(w, "body")
	}).address
	for _, request := range []string{"GET /close HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"} {
		c, in := connect(t, address)
		io.WriteString(c, request)
		if res, body := next(t, in, "GET"); !res.Close || body != "body" {
			t.Errorf("close %v, %q", res.Close, body)
		}
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("after it: %v", err)
		}
	}
}

// What the handler did not read of a body is no request.
func TestAttackABodyIsNoRequest(t *testing.T) {
	t.Parallel()
	c, in := connect(t, front(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }).address)
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	fmt.Fprintf(c, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%sGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", len(smuggled), smuggled)
	for _, want := range []string{"/1", "/2"} {
		if _, got := next(t, in, "GET"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after it: %v", err)
	}
}

// An answer that broke off must not look whole.
func TestBrokenAnswersEndTheConnection(t *testing.T) {
	t.Parallel()
	address := front(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "12345")
		case "/abort":
			io.WriteString(w, strings.Repeat("x", 50_000))
			panic(http.ErrAbortHandler)
		case "/panic":
			panic("a fault of ours")
		}
	}).address
	for _, path := range []string{"/short", "/abort", "/panic"} {
		c, in := connect(t, address)
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(in, nil)
		if err == nil {
			_, err = io.ReadAll(res.Body)
		}
		if err == nil {
			t.Errorf("%s looks whole", path)
		}
	}
}

func TestCallerThatLeavesEndsItsCall(t *testing.T) {
	t.Parallel()
	began, ended := make(chan bool), make(chan error, 1)
	c, _ := connect(t, front(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		ended <- r.Context().Err()
	}).address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	c.Close()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
}

func TestWhoIsSlowIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	address := front(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the answer's own time begins now
		fmt.Fprintf(w, "%q %v", body, err)
	}, func(o *wire.Options) {
		o.HeaderTimeout, o.IdleTimeout, o.StallTimeout = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	}).address
	for name, text := range map[string]string{"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost", "half after another": "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"} {
		c, _ := connect(t, address)
		io.WriteString(c, text)
		if _, err := io.ReadAll(c); err != nil { // until the front closes
			t.Errorf("%s: %v", name, err)
		}
	}
	c, in := connect(t, address)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhi")
	if _, got := next(t, in, "POST"); !strings.Contains(got, "timeout") {
		t.Errorf("half a body: %s", got)
	}
}

func TestShutdownLetsCallsFinishAndEndsTheRest(t *testing.T) {
	t.Parallel()
	began, goOn := make(chan bool), make(chan bool)
	s := front(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(began)
			<-goOn
		}
		io.WriteString(w, "whole")
	})
	idle, idleIn := connect(t, s.address)
	io.WriteString(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	next(t, idleIn, "GET")
	busy, busyIn := connect(t, s.address)
	io.WriteString(busy, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := idleIn.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v", err)
	}
	if _, err := net.Dial("tcp", s.address); err == nil {
		t.Error("still listening")
	}
	close(goOn)
	if res, body := next(t, busyIn, "GET"); body != "whole" || !res.Close {
		t.Errorf("%q, close %v", body, res.Close)
	}
	if err := s.front.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDrainCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	began, ended := make(chan bool), make(chan bool)
	s := front(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	c, _ := connect(t, s.address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	s.front.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.front.Drain(ctx); err != context.Canceled {
		t.Error(err)
	}
	<-ended
}

func TestConnectionsBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(tell)
	s := &http.Server{Handler: h}
	var counts wire.Connections
	f := wire.Listen(wire.Limit(l, 2, []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"), &counts), wire.Options{
		Handler: h, Server: s, Logger: slog.New(slog.DiscardHandler), HeaderTimeout: time.Minute, IdleTimeout: time.Minute, StallTimeout: time.Minute,
	})
	go s.Serve(f)
	t.Cleanup(func() { s.Close() })
	plain, plainIn := connect(t, l.Addr().String())
	odd, oddIn := connect(t, l.Addr().String())
	for range 2 { // both stay open: one here, one at net/http
		io.WriteString(plain, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		next(t, plainIn, "GET")
		io.WriteString(odd, "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n")
		next(t, oddIn, "GET")
	}
	third, thirdIn := connect(t, l.Addr().String())
	io.WriteString(third, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, body := next(t, thirdIn, "GET"); res.StatusCode != 503 || body != "busy" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	if open, refused := counts.Open.Load(), counts.Refused.Load(); open != 2 || refused != 1 {
		t.Errorf("counted are %d open, %d refused", open, refused)
	}
	for _, c := range []net.Conn{plain, odd} { // each makes room for another
		c.Close()
		for { // once its end has been seen
			again, in := connect(t, l.Addr().String())
			io.WriteString(again, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if res, _ := next(t, in, "GET"); res.StatusCode == 200 {
				break
			}
		}
	}
}

// A handler may set some fields in one way and some in the other.
func TestFieldsOfAnAnswerWinOverItsHeader(t *testing.T) {
	t.Parallel()
	c, in := connect(t, front(t, func(w http.ResponseWriter, r *http.Request) {
		request, answer, ok := wire.Of(w)
		if !ok || request.Get("X-A") != "1" || r.Header != nil {
			t.Errorf("request %v, header %v", request, r.Header)
		}
		w.Header().Set("X-A", "header")
		w.Header().Set("X-B", "header")
		answer.Add("X-B", "fields")
		answer.Add("X-B", "more")
		answer.Set("Connection", "close")
		io.WriteString(w, "body")
	}, func(o *wire.Options) { o.Fields = true }).address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nx-a: 1\r\n\r\n")
	res, body := next(t, in, "GET")
	if h := res.Header; body != "body" || strings.Join(h["X-A"], "|") != "header" || strings.Join(h["X-B"], "|") != "fields|more" || !res.Close {
		t.Errorf("%q, close %v, %q", h, res.Close, body)
	}
}
