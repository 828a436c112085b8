package engine_test

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// wholeWay is a call from the caller's socket to the API's and back. Neither end
// allocates, so that what is counted is the gateway's.
type wholeWay struct {
	caller  net.Conn
	request []byte
	answer  []byte
	heard   *bytes.Buffer // what the API was asked last
	says    string        // what it answers
}

func newWholeWay(t testing.TB, alg keys.Algorithm, change ...func(*engine.Upstream)) *wholeWay {
	t.Helper()
	w := &wholeWay{
		answer: make([]byte, 4<<10), heard: &bytes.Buffer{},
		says: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
	}
	if strings.HasSuffix(t.Name(), "chunks") {
		w.says = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
	}
	c := jwtPolicy(alg)
	c.ClearAuth = true
	g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
	p := enginetest.Proxy("petstore", "/petstore", w.api(t), enginetest.Bind(t, c))
	for _, some := range change {
		some(&p.Upstream)
	}
	if err := g.Apply(t.Context(), enginetest.Bundle(t, p)); err != nil {
		t.Fatal(err)
	}
	w.caller = dial(t, enginetest.Serve(t, g))
	w.with(enginetest.Token(t, alg, enginetest.Claims("petstore", time.Now())))
	return w
}

// with makes the request, with a token.
func (w *wholeWay) with(token string) {
	w.request = []byte("GET /petstore/pets/7?size=large HTTP/1.1\r\nHost: api.test\r\nUser-Agent: test\r\nAccept: */*\r\nAuthorization: Bearer " +
		token + "\r\n\r\n")
}

// api answers each request on its one connection.
func (w *wholeWay) api(t testing.TB) string {
	t.Helper()
	l, scheme := listen(t)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in, out := make([]byte, 4<<10), []byte(w.says)
		for {
			n, err := c.Read(in) // a short request comes in one piece
			if err != nil {
				return
			}
			w.heard.Reset()
			w.heard.Write(in[:n])
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	return scheme + "://" + l.Addr().String() + "/v1"
}

func (w *wholeWay) call(t testing.TB) {
	if _, err := w.caller.Write(w.request); err != nil {
		t.Fatal(err)
	}
	n, err := w.caller.Read(w.answer)
	if err != nil || !bytes.HasPrefix(w.answer[:n], []byte("HTTP/1.1 200 ")) || !bytes.HasSuffix(w.answer[:n], []byte("\r\n\r\nhello")) {
		t.Fatalf("answer %q, %v", w.answer[:n], err)
	}
}

// These are all there are, HTTP included: the texts of the two heads, and for some calls
// the memory of the next correlation ids.
func TestRepeatedTokenCostsFewAllocations(t *testing.T) {
	w := newWholeWay(t, keys.HS256)
	w.call(t)
	if heard := w.heard.String(); !strings.HasPrefix(heard, "GET /v1/pets/7?size=large HTTP/1.1\r\n") || !strings.Contains(heard, "\r\n"+jwtauth.DefaultUserHeader+": petstore-client\r\n") ||
		strings.Contains(heard, "Authorization") {
		t.Fatalf("the API was asked %q", heard)
	}
	if engine.RaceEnabled {
		return // the race detector empties pools at random; the run without it counts
	}
	if n := testing.AllocsPerRun(500, func() { w.call(t) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

// Chunks cost none. crypto/tls costs one for each read that fetches something or tries
// to: here and at the test's two ends.
func TestSecureAndChunkedCallsCostFewAllocations(t *testing.T) {
	enginetest.EachWay(t, func(t *testing.T) {
		most := 4.0
		if enginetest.SecureGateway(t) {
			most += 2
		}
		if enginetest.SecureUpstream(t) {
			most += 3
		}
		for _, how := range []string{"length", "chunks"} {
			t.Run(how, func(t *testing.T) {
				w := newWholeWay(t, keys.HS256)
				w.call(t)
				if engine.RaceEnabled {
					return
				}
				if n := testing.AllocsPerRun(500, func() { w.call(t) }); n > most {
					t.Errorf("%v allocations", n)
				}
			})
		}
	})
}

// The choice among addresses costs none.
func TestSeveralAddressesCostNoMoreAllocations(t *testing.T) {
	w := newWholeWay(t, keys.HS256, severalAddresses)
	w.call(t)
	if engine.RaceEnabled {
		return
	}
	if n := testing.AllocsPerRun(500, func() { w.call(t) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func severalAddresses(u *engine.Upstream) {
	u.Further, u.Choice = []engine.Address{{URL: u.URL + "/more", Weight: 7}}, engine.LeastConnections
	u.Breaker.Unavailable, u.Retry = true, engine.Retry{Count: 2, Unavailable: true}
}

// refuse sends a call that is refused for its token.
func (w *wholeWay) refuse(t testing.TB) {
	if _, err := w.caller.Write(w.request); err != nil {
		t.Fatal(err)
	}
	n, err := w.caller.Read(w.answer)
	if err != nil || !bytes.HasPrefix(w.answer[:n], []byte("HTTP/1.1 401 ")) || !bytes.HasSuffix(w.answer[:n], []byte(`not valid."}`)) {
		t.Fatalf("answer %q, %v", w.answer[:n], err)
	}
}

// refused are tokens that are not good, each with what a call with it may allocate: the
// text of its head, what the refusal says, why, and what is said below.
func refused(t testing.TB) map[string]struct {
	token string
	most  float64
} {
	type row = struct {
		token string
		most  float64
	}
	old := enginetest.Claims("petstore", time.Now())
	old.Expires = time.Now().Add(-time.Hour).Unix()
	good := enginetest.Claims("petstore", time.Now())
	token := enginetest.Token(t, keys.HS256, good)
	return map[string]row{
		"expired":         {enginetest.Token(t, keys.HS256, old), 3},
		"wrong algorithm": {enginetest.Token(t, keys.ES256, good), 4}, // the name of the algorithm
		"malformed":       {token[:len(token)/2], 5},                  // the decoder's error, and the text of ours
		"forged":          {forgery(token, 1), 6},                     // what who comes with the same one waits for
	}
}

// A flood of bad tokens costs little memory too.
func TestRefusedTokensCostFewAllocations(t *testing.T) {
	for name, bad := range refused(t) {
		t.Run(name, func(t *testing.T) {
			w := newWholeWay(t, keys.HS256)
			w.with(bad.token)
			w.refuse(t)
			if engine.RaceEnabled {
				return
			}
			if n := testing.AllocsPerRun(500, func() { w.refuse(t) }); n > bad.most {
				t.Errorf("%v allocations, want at most %v", n, bad.most)
			}
		})
	}
}

// BenchmarkWholeWay counts both ends' time too.
func BenchmarkWholeWay(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256} {
		b.Run(string(alg), func(b *testing.B) { newWholeWay(b, alg).loop(b) })
	}
	b.Run("several addresses", func(b *testing.B) { newWholeWay(b, keys.HS256, severalAddresses).loop(b) })
}

func (w *wholeWay) loop(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		w.call(b)
	}
}

// BenchmarkRefused is the same of calls with bad tokens.
func BenchmarkRefused(b *testing.B) {
	for name, bad := range refused(b) {
		b.Run(name, func(b *testing.B) {
			w := newWholeWay(b, keys.HS256)
			w.with(bad.token)
			b.ReportAllocs()
			for b.Loop() {
				w.refuse(b)
			}
		})
	}
}
