package wire

import (
	"bufio"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What is taken here net/http must read the same way: a head that two readers
// understand differently is how requests are smuggled.
func FuzzRequestIsReadAsNetHTTPReadsIt(f *testing.F) {
	for _, text := range slices.Concat(plainHeads, slices.Collect(maps.Values(oddHeads))) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := endOfHead([]byte(text))
		var h head
		if n == 0 {
			return
		}
		method, target, ok := h.request(text[:n])
		if !ok {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			if _, after, _ := strings.Cut(err.Error(), "parse "); strings.Contains(after, "invalid URL escape") {
				return // the gateway's own reading of paths refuses those
			}
			t.Fatalf("taken, but net/http: %v", err)
		}
		length := max(h.length, 0)
		if h.chunked {
			length = -1
			h.fields.Del("Transfer-Encoding")
		}
		if r.Method != method || r.RequestURI != target || r.Host != h.host || r.ContentLength != length || r.Close != h.close || len(r.TransferEncoding) > 0 != h.chunked {
			t.Errorf("read %s %s %s %d %v, net/http %s %s %s %d %v", method, target, h.host, length, h.close, r.Method, r.RequestURI, r.Host, r.ContentLength, r.Close)
		}
		sameHeader(t, h.fields.Header(), r.Header)
	})
}

func FuzzAnswerIsReadAsNetHTTPReadsIt(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 204\r\n\r\n", "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nconnection: close\r\nset-cookie: a\r\nSet-Cookie: b\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
	} {
		f.Add(text, "GET")
		f.Add(text, "HEAD")
	}
	f.Fuzz(func(t *testing.T, text, method string) {
		n := endOfHead([]byte(text))
		u := &upstreamConn{keep: true}
		u.body.u = u
		if n == 0 || method == "CONNECT" || !u.plain(text[:n], method) || u.res.StatusCode < 200 {
			return
		}
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("taken, but net/http: %v", err)
		}
		if res.StatusCode != u.res.StatusCode || res.ContentLength != u.res.ContentLength && u.res.StatusCode != 204 && u.res.StatusCode != 304 && method != "HEAD" {
			t.Errorf("read %d of %d, net/http %d of %d", u.res.StatusCode, u.res.ContentLength, res.StatusCode, res.ContentLength)
		}
		if (len(res.TransferEncoding) > 0) != u.head.chunked {
			t.Errorf("chunked %v, net/http %v", u.head.chunked, res.TransferEncoding)
		}
		if u.keep && res.Close {
			t.Error("net/http would close the connection")
		}
		u.head.fields.Del("Connection") // taken off by both, here later
		delete(res.Header, "Connection")
		sameHeader(t, u.head.fields.Header(), res.Header)
	})
}

func sameHeader(t *testing.T, ours, theirs http.Header) {
	t.Helper()
	if !maps.EqualFunc(ours, theirs, slices.Equal) {
		t.Errorf("read %q, net/http %q", ours, theirs)
	}
}

var plainHeads = []string{
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /a/b?c=%20d HTTP/1.1\r\nhost: api.test:8080\r\naccept: */*\r\nX-A: 1\r\nX-A: 2\r\nx-odd_name: \t v \t\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nhi",
	"DELETE /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Empty:\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /a HTTP/1.1\r\nHost: x\r\nX-A: \xc3\xbc\r\nCookie: a=b; c=d\r\n\r\n",
	"GET /a HTTP/1.1\r\nHost: x\r\nX-A: \xc2\xa0a\xc2\xa0\r\n\r\n", // blanks that HTTP does not know
}

var oddHeads = map[string]string{
	"no host":                        "GET / HTTP/1.1\r\nA: b\r\n\r\n",
	"an empty host":                  "GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"two hosts":                      "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
	"a host with a path":             "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
	"an older version":               "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
	"a version that there is not":    "GET / HTTP/1.10\r\nHost: x\r\n\r\n",
	"the preface of HTTP/2":          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"an absolute target":             "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
	"a target of a star":             "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	"a tunnel":                       "CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n",
	"a blank in the target":          "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
	"two blanks":                     "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
	"a control character in it":      "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
	"a target beyond ASCII":          "GET /\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n",
	"a method in lower case":         "get / HTTP/1.1\r\nHost: x\r\n\r\n",
	"a blank before the colon":       "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
	"a tab before the colon":         "GET / HTTP/1.1\r\nHost: x\r\nA\t: b\r\n\r\n",
	"a folded field":                 "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
	"a bare line feed":               "GET / HTTP/1.1\r\nHost: xyz\nA: b\r\n\r\n",
	"a bare carriage return":         "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
	"a zero byte":                    "GET / HTTP/1.1\r\nHost: x\r\nA: b\x00\r\n\r\n",
	"no name":                        "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
	"a name that is no token":        "GET / HTTP/1.1\r\nHost: x\r\nA(b): c\r\n\r\n",
	"no colon":                       "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
	"a length with a sign":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
	"a length without digits":        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
	"a length in another base":       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
	"two lengths in one":             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
	"two lengths":                    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
	"an endless length":              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\na",
	"a coding in upper case":         "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
	"two codings":                    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"two options of a connection":    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
	"a coding within another":        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"a coding that ends like one":    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"length and coding":              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a go-ahead that is awaited":     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na",
	"an upgrade":                     "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"another option of a connection": "GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-A\r\nX-A: 1\r\n\r\n",
	"trailers":                       "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n",
	"too many fields":                "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n",
}

func TestPlainHeadsAreTaken(t *testing.T) {
	t.Parallel()
	for _, text := range plainHeads {
		var h head
		if _, _, ok := h.request(text[:endOfHead([]byte(text))]); !ok {
			t.Errorf("left: %q", text)
		}
	}
}

func TestAttackOddHeadsAreLeftToNetHTTP(t *testing.T) {
	t.Parallel()
	for name, text := range oddHeads {
		var h head
		if _, _, ok := h.request(text[:endOfHead([]byte(text))]); ok {
			t.Errorf("%s: taken", name)
		}
	}
}

// One head must leave nothing for the next one on its connection.
func TestHeadForgetsTheOneBefore(t *testing.T) {
	t.Parallel()
	var used, fresh head
	long := "Authorization: Bearer a\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\nConnection: close\r\nHost: a\r\n"
	if !used.parse(long) || !used.parse("X-B: 2\r\n") || !fresh.parse("X-B: 2\r\n") {
		t.Fatal("not plain")
	}
	if !reflect.DeepEqual(used, fresh) {
		t.Errorf("%+v, want %+v", used, fresh)
	}
}

// Eight bytes at a time see what each byte by itself shows.
func TestValuesAreReadByteByByteWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 17 {
			for _, around := range []string{"a", "~", " ", "!", "\xff", "\x80"} {
				value := strings.Repeat(around, at) + string([]byte{byte(c)}) + strings.Repeat(around, 16-at)
				if _, ok := fieldValue(value); ok != textByte[c] {
					t.Fatalf("byte %#x at %d among %q: %v", c, at, around, ok)
				}
			}
		}
	}
}
