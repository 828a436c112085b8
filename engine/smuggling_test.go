package engine_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
)

// A path that routing reads as one thing and the API as another would walk
// around the policies.
func TestPathTricksAreRefused(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		for _, target := range []string{
			"/petstore//pets", "//petstore/pets", "/petstore/./pets", "/petstore/../admin", "/petstore/..", "/petstore/%2e%2e/admin",
			"/petstore/%2E./admin", "/petstore/.%2e", "/petstore/a%2fb", "/petstore/..%2fadmin", "/petstore/..%5cadmin", `/petstore/..\admin`,
			"/petstore/a%00b", "/petstore/%252e%252e/admin", "/petstore;x/pets", "/petstore/..;/admin", "/petstore/%3bx", "/petstore/a#b",
			"/petstore/%ff", "/petstore/%c0%ae%c0%ae/admin", "/petstore/%zz", "/petstore/%", "/petstore?a=%zz", "http://user@x/petstore", "*", "petstore",
			"http://x/petstore/../admin", "ftp://x/petstore",
		} {
			t.Run(target, func(t *testing.T) {
				t.Parallel()
				if a := rawOne(t, s, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); a.status != 400 {
					t.Errorf("status %d, %s", a.status, a.body)
				}
			})
		}
	})
}

func TestOddRequestsAreRefused(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		tests := map[string]string{
			"a method in lower case":                  "get /petstore HTTP/1.1\r\nHost: x\r\n",
			"a tunnel":                                "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n",
			"a trace":                                 "TRACE /petstore HTTP/1.1\r\nHost: x\r\n",
			"OPTIONS of the whole server":             "OPTIONS * HTTP/1.1\r\nHost: x\r\n",
			"two hosts":                               "GET /petstore HTTP/1.1\r\nHost: x\r\nHost: y\r\n",
			"no host":                                 "GET /petstore HTTP/1.1\r\n",
			"a host with a path":                      "GET /petstore HTTP/1.1\r\nHost: x/y\r\n",
			"a host with a user":                      "GET /petstore HTTP/1.1\r\nHost: u@x\r\n",
			"a host with a bad port":                  "GET /petstore HTTP/1.1\r\nHost: x:port\r\n",
			"an absolute target with a bad port":      "GET http://x:port/petstore HTTP/1.1\r\nHost: x\r\n",
			"two lengths":                             "POST /petstore HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
			"a length that is no number":              "POST /petstore HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n",
			"two lengths in one line":                 "POST /petstore HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n",
			"two codings":                             "POST /petstore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
			"an unknown coding":                       "POST /petstore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n",
			"a coding before chunked":                 "POST /petstore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n",
			"a blank before the colon":                "GET /petstore HTTP/1.1\r\nHost: x\r\nX-A : 1\r\n",
			"a first field that continues nothing":    "GET /petstore HTTP/1.1\r\n X-A: 1\r\nHost: x\r\n",
			"a control character in a value":          "GET /petstore HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n",
			"a bare carriage return in a value":       "GET /petstore HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n",
			"a control character in a name":           "GET /petstore HTTP/1.1\r\nHost: x\r\nX\x01A: a\r\n",
			"a blank in the target":                   "GET /petstore /x HTTP/1.1\r\nHost: x\r\n",
			"another version":                         "GET /petstore HTTP/1.2.3\r\nHost: x\r\n",
			"the preface of HTTP/2 without any of it": "PRI * HTTP/2.0\r\nHost: x\r\n",
		}
		for name, text := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				all := raw(t, s, text+"Connection: close\r\n\r\n")
				if len(all) > 1 || len(all) == 1 && (all[0].status < 400 || all[0].status >= 500 && all[0].status != 501 && all[0].status != 505) {
					t.Errorf("answers %+v", all)
				}
			})
		}
	})
}

func TestHostsAreReadInTheirNormalForm(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		for name, text := range map[string]string{
			"in upper case":           "GET /petstore HTTP/1.1\r\nHost: API.Test\r\n",
			"with a dot at its end":   "GET /petstore HTTP/1.1\r\nHost: api.test.\r\n",
			"with a port":             "GET /petstore HTTP/1.1\r\nHost: api.test:8081\r\n",
			"in an absolute target":   "GET http://api.test/petstore HTTP/1.1\r\nHost: api.test\r\n",
			"in the target alone":     "GET http://API.test/petstore HTTP/1.1\r\nHost: other.test\r\n",
			"of an older HTTP":        "GET /petstore HTTP/1.0\r\nHost: api.test\r\n",
			"with the path escaped":   "GET /%70etstore HTTP/1.1\r\nHost: api.test\r\n",
			"with a folded field too": "GET /petstore HTTP/1.1\r\nHost: api.test\r\nX-A: 1\r\n 2\r\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := hosted(t, "api.test")
				got := arrived(t, rawOne(t, p, text+"Connection: close\r\n\r\n"))
				if h := http.Header(got.Headers).Get("X-Forwarded-Host"); !strings.HasPrefix(h, "api.test") || strings.HasSuffix(h, ".") {
					t.Errorf("X-Forwarded-Host = %q", h)
				}
				if v, ok := got.Headers["X-A"]; ok && strings.ContainsAny(v[0], "\r\n") {
					t.Errorf("a folded field arrived as %q", v)
				}
			})
		}
		if a := rawOne(t, hosted(t, "api.test"), "GET http://other.test/petstore HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n"); a.status != 404 {
			t.Errorf("the Host field won over the absolute target: %d", a.status)
		}
	})
}

// Length and coding disagree: whichever the gateway goes by, the API must get
// one request with one framing, and no byte of the body may become a request.
func TestLengthAndCodingNeverDisagreeUpstream(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		for name, head := range map[string]string{
			"length first":              "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
			"coding first":              "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
			"a long length":             "Content-Length: 400\r\nTransfer-Encoding: chunked\r\n",
			"a coding in another case":  "Content-Length: 4\r\nTransfer-Encoding: Chunked\r\n",
			"an underscored length":     "Content_Length: 4\r\nTransfer-Encoding: chunked\r\n",
			"an underscored coding":     "Content-Length: 45\r\nTransfer_Encoding: chunked\r\n",
			"a length of nothing":       "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
			"a coding before the colon": "Content-Length: 45\r\nTransfer-Encoding : chunked\r\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				heads := make(chan string, 10)
				s := through(t, engine.Options{}, recording(t, heads))
				all := raw(t, s, "POST /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+head+"\r\n"+
					"2f\r\nGET /api/smuggled HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n\r\n0\r\n\r\n")
				if len(all) != 1 {
					t.Fatalf("%d answers: %+v", len(all), all)
				}
				if all[0].status == http.StatusBadRequest {
					return
				}
				got := <-heads
				if strings.Contains(got, "Content-Length") == strings.Contains(got, "Transfer-Encoding") || strings.Contains(got, "_") {
					t.Errorf("the API got %q", got)
				}
				if len(heads) > 0 {
					t.Errorf("and %q", <-heads)
				}
			})
		}
	})
}

// recording is an upstream that reads requests by their framing from a plain
// connection and keeps their heads as they came.
func recording(t *testing.T, heads chan<- string) string {
	t.Helper()
	l, scheme := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go record(conn, heads)
		}
	}()
	return scheme + "://" + l.Addr().String()
}

func record(conn net.Conn, heads chan<- string) {
	defer conn.Close()
	var seen strings.Builder
	in := bufio.NewReader(io.TeeReader(conn, &seen))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		head, _, _ := strings.Cut(seen.String(), "\r\n\r\n")
		heads <- head
		_, _ = io.Copy(io.Discard, r.Body)
		seen.Reset()
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	}
}
