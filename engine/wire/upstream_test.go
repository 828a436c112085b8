package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/wire"
)

// api is an upstream that says what a script makes of each request: n counts them over
// all connections, at on the connection. An empty text closes the connection.
func api(t *testing.T, script func(n, at int, r *http.Request) string) (*wire.Pool, *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var asked atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for at := 1; ; at++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(strings.NewReader(string(body)))
					text := script(int(asked.Add(1)), at, r)
					if _, err := io.WriteString(c, text); text == "" || err != nil {
						return
					}
				}
			}()
		}
	}()
	p := wire.NewPool(l.Addr().String(), time.Minute, time.Minute)
	t.Cleanup(func() { p.CloseIdle(true) })
	return p, &asked
}

func ask(t *testing.T, p *wire.Pool, method, path string) (*http.Response, string, error) {
	t.Helper()
	r := &wire.Request{Method: method, Path: path, Host: "api", Fields: fields(http.Header{"X-A": {"1"}}), Length: -1}
	if method == "POST" {
		r.Body, r.Length = []byte("body"), 4
	}
	return do(t, t.Context(), p, r)
}

func do(t *testing.T, ctx context.Context, p *wire.Pool, r *wire.Request) (*http.Response, string, error) {
	t.Helper()
	res, err := p.Do(ctx, httptest.NewRecorder(), r)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	// The answer is valid until the body is closed.
	return &http.Response{StatusCode: res.StatusCode, Header: res.Fields.Header(), ContentLength: res.ContentLength, Trailer: res.Trailer}, string(body), err
}

func fields(h http.Header) *wire.Fields {
	var f wire.Fields
	f.SetHeader(h)
	return &f
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestAnswersOfManyFormsAreRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer, want string
		reused       bool
	}{
		"a length":                    {ok("hello"), "hello", true},
		"nothing":                     {ok(""), "", true},
		"no content":                  {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
		"no reason":                   {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "hi", true},
		"chunks":                      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n", "hello", true},
		"chunks and trailers":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nX-T: 1\r\n\r\n", "he", false},
		"announced trailers":          {"HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nX-T: 1\r\n\r\n", "he", false},
		"an informational one before": {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok("hello"), "hello", true},
		"an odd one before":           {"HTTP/1.1 103 Early Hints\nLink: </a>\n\n" + ok("hello"), "hello", false},
		"bare line feeds":             {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "hello", false},
		"a folded field":              {"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"another option":              {"HTTP/1.1 200 OK\r\nConnection: X-A\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"it wants to close":           {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"the older version":           {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"a long head":                 {"HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 100_000) + "\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"a long body":                 {ok(strings.Repeat("a", 300_000)), strings.Repeat("a", 300_000), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := api(t, func(_, at int, r *http.Request) string {
				if r.URL.Path == "/second" {
					return ok(fmt.Sprint(at))
				}
				return tt.answer
			})
			if _, got, err := ask(t, p, "GET", "/first"); got != tt.want || err != nil {
				t.Fatalf("got %.50q, %v", got, err)
			}
			if _, got, err := ask(t, p, "GET", "/second"); got != map[bool]string{true: "2", false: "1"}[tt.reused] || err != nil {
				t.Errorf("the second on its connection: %q, %v", got, err)
			}
		})
	}
}

func TestAnswerUntilTheEndOfTheConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello")
			c.Close()
		}
	}()
	if _, got, err := ask(t, wire.NewPool(l.Addr().String(), time.Minute, time.Minute), "GET", "/"); got != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTrailersAreTold(t *testing.T) {
	t.Parallel()
	for _, announced := range []string{"", "Trailer: X-T\r\n"} {
		p, _ := api(t, func(int, int, *http.Request) string {
			return "HTTP/1.1 200 OK\r\n" + announced + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nX-T: 1\r\n\r\n"
		})
		if res, _, err := ask(t, p, "GET", "/"); err != nil || res.Trailer.Get("X-T") != "1" {
			t.Errorf("%q: %v, %v", announced, res.Trailer, err)
		}
	}
}

// What comes in on an idle connection would be taken for the answer to the next
// caller's request.
func TestAttackAnAnswerTooManyIsNobodys(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"with the answer": ok("poison"), "a byte": "x", "a refusal": "HTTP/1.1 408 Request Timeout\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := api(t, func(n, _ int, _ *http.Request) string {
				if n == 1 {
					return ok("first") + more
				}
				return ok("second")
			})
			for _, want := range []string{"first", "second"} {
				if _, got, err := ask(t, p, "POST", "/"); got != want || err != nil {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
}

// The poison may come later than the answer.
func TestAttackALateAnswerIsNobodys(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answered, poisoned := make(chan bool), make(chan bool)
	go func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			http.ReadRequest(in)
			io.WriteString(c, ok(fmt.Sprint(n)))
			if n == 1 {
				<-answered
				io.WriteString(c, ok("poison"))
				close(poisoned)
			}
		}
	}()
	p := wire.NewPool(l.Addr().String(), time.Minute, time.Minute)
	defer p.CloseIdle(true)
	if _, got, err := ask(t, p, "GET", "/"); got != "1" || err != nil {
		t.Fatal(got, err)
	}
	close(answered)
	<-poisoned
	if _, got, err := ask(t, p, "GET", "/"); got != "2" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// An API that closes between two requests is asked again on another connection, but
// never twice for what may have been done.
func TestDeadConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method string
		asked  int64
		fails  bool
	}{{"GET", 3, false}, {"PUT", 3, false}, {"POST", 2, true}, {"PATCH", 2, true}} {
		t.Run(tt.method, func(t *testing.T) {
			t.Parallel()
			p, asked := api(t, func(n, _ int, _ *http.Request) string {
				if n == 2 {
					return "" // it has read the request and dies
				}
				return ok("hello")
			})
			if _, _, err := ask(t, p, "GET", "/"); err != nil {
				t.Fatal(err)
			}
			_, got, err := ask(t, p, tt.method, "/")
			if (err != nil) != tt.fails || !tt.fails && got != "hello" || asked.Load() != tt.asked {
				t.Errorf("%q, %v, asked %d times", got, err, asked.Load())
			}
		})
	}
}

// One that is new and dies is not asked again: it may be the request that kills it.
func TestNewConnectionsAreNotReplaced(t *testing.T) {
	t.Parallel()
	p, asked := api(t, func(int, int, *http.Request) string { return "" })
	if _, _, err := ask(t, p, "GET", "/"); err == nil || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

func TestBrokenAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no HTTP":            "hello\r\n\r\n",
		"half a head":        "HTTP/1.1 200 OK\r\nContent-",
		"a short body":       "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"half a chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
		"no last chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
		"a chunk of nothing": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhe\r\n0\r\n\r\n",
		"an endless head":    "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"an upgrade":         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				c, err := l.Accept()
				if err == nil {
					http.ReadRequest(bufio.NewReader(c))
					io.WriteString(c, answer)
					c.Close()
				}
			}()
			if _, got, err := ask(t, wire.NewPool(l.Addr().String(), time.Minute, time.Minute), "GET", "/"); err == nil {
				t.Errorf("got %.50q", got)
			}
		})
	}
}

func TestAnAPIThatIsSilentIsGivenUp(t *testing.T) {
	t.Parallel()
	silent := make(chan bool)
	defer close(silent)
	q, _ := api(t, func(n, _ int, _ *http.Request) string {
		if n == 2 {
			<-silent
		}
		return ok("hello")
	})
	p := wire.NewPool(q.Address(), time.Minute, 50*time.Millisecond)
	if _, _, err := ask(t, p, "GET", "/"); err != nil {
		t.Fatal(err)
	}
	_, _, err := ask(t, p, "GET", "/")
	if network, ok := err.(net.Error); !ok || !network.Timeout() {
		t.Errorf("%v", err)
	}
}

func TestWhoLeavesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	began, silent := make(chan bool), make(chan bool)
	defer close(silent)
	p, _ := api(t, func(int, int, *http.Request) string {
		close(began)
		<-silent
		return ""
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if _, _, err := do(t, ctx, p, &wire.Request{Method: "GET", Path: "/", Host: "api", Length: -1}); err == nil {
		t.Error("an answer came")
	}
}

func TestRequestsAreWrittenAsTheyAre(t *testing.T) {
	t.Parallel()
	var got *http.Request
	p, _ := api(t, func(_, _ int, r *http.Request) string {
		got = r
		return ok("")
	})
	long := []byte(strings.Repeat("b", 50_000))
	r := &wire.Request{
		Method: "PUT", Base: "/base", Path: "/a%20b", Query: "c=d&e", Host: "api.test:81", Body: long, Length: len(long),
		Fields: fields(http.Header{"X-A": {"1", "2\r\nX-Evil: 1"}, "Host": {"evil"}, "Content-Length": {"1"}, "Transfer-Encoding": {"chunked"}, "X B": {"1"}}),
	}
	if _, _, err := do(t, t.Context(), p, r); err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(got.Body)
	if got.Method != "PUT" || got.RequestURI != "/base/a%20b?c=d&e" || got.Host != "api.test:81" || string(body) != string(long) {
		t.Errorf("arrived %s %s %s, %d bytes", got.Method, got.RequestURI, got.Host, len(body))
	}
	if len(got.Header) != 2 || len(got.Header["X-A"]) != 2 {
		t.Errorf("header %v", got.Header)
	}
}

// What has not been sent is not lost: an API that closed, or spoke, while nobody asked
// is asked on another connection, once, whatever the method and the length of the body.
func TestAttackNothingIsSentOnAConnectionThatIsNoLongerIdle(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]func(net.Conn){
		"closed":      func(c net.Conn) { c.Close() },
		"half closed": func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
		"reset":       func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
		"spoken on":   func(c net.Conn) { io.WriteString(c, ok("poison")) },
	} {
		for _, size := range []int{4, 50_000} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				t.Parallel()
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				answered, done := make(chan bool), make(chan bool)
				var asked atomic.Int64
				go func() {
					for n := 1; ; n++ {
						c, err := l.Accept()
						if err != nil {
							return
						}
						defer c.Close()
						go func() {
							in := bufio.NewReader(c)
							for at := 1; ; at++ {
								r, err := http.ReadRequest(in)
								if err != nil {
									return
								}
								io.Copy(io.Discard, r.Body)
								asked.Add(1)
								io.WriteString(c, ok(fmt.Sprint(n)))
								if n == 1 && at == 1 {
									<-answered
									last(c)
									close(done)
								}
							}
						}()
					}
				}()
				p := wire.NewPool(l.Addr().String(), time.Minute, time.Minute)
				defer p.CloseIdle(true)
				if _, got, err := ask(t, p, "GET", "/"); got != "1" || err != nil {
					t.Fatal(got, err)
				}
				close(answered)
				<-done
				body := []byte(strings.Repeat("b", size))
				_, got, err := do(t, t.Context(), p, &wire.Request{Method: "POST", Path: "/", Host: "api", Body: body, Length: size})
				if got != "2" || err != nil || asked.Load() != 2 {
					t.Errorf("got %q, %v, asked %d times", got, err, asked.Load())
				}
			})
		}
	}
}
