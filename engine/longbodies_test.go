package engine_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
)

// pattern is so many bytes that differ from place to place.
type pattern struct{ at, size int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.size-p.at))
	for i := range b[:n] {
		b[i] = byte((p.at + int64(i)) % 251)
	}
	p.at += int64(n)
	return n, nil
}

// same tells how many bytes came in the order of a pattern.
func same(r io.Reader) (n int64, err error) {
	want, got := make([]byte, 16<<10), make([]byte, 16<<10)
	p := pattern{size: 1 << 40}
	for {
		m, err := r.Read(got)
		_, _ = io.ReadFull(&p, want[:m])
		if !bytes.Equal(got[:m], want[:m]) {
			return n, fmt.Errorf("other bytes after %d", n)
		}
		if n += int64(m); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// Not parallel: what it counts others would add to.
func TestLongBodiesTakeNoMemory(t *testing.T) {
	const size = 64 << 20
	enginetest.EachWay(t, func(t *testing.T) {
		upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				n, err := same(r.Body)
				fmt.Fprint(w, n, r.ContentLength, err)
				return
			}
			if r.URL.Path == "/length" {
				w.Header().Set("Content-Length", fmt.Sprint(size))
			}
			_, _ = io.Copy(w, &pattern{size: size})
		})
		s := through(t, engine.Options{}, upstream.URL)
		get(t, s.URL+"/api") // what is made once
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, path := range []string{"/length", "/chunks"} {
			res, err := http.DefaultTransport.RoundTrip(request(t, "GET", s.URL+"/api"+path, ""))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := same(res.Body); n != size || err != nil {
				t.Errorf("%s: %d bytes, %v", path, n, err)
			}
			res.Body.Close()
		}
		for _, length := range []int64{size, -1} {
			r := request(t, "POST", s.URL+"/api", "")
			r.Body, r.ContentLength = io.NopCloser(&pattern{size: size}), length
			if a := send(t, r); a.body != fmt.Sprint(size, length, nil) {
				t.Errorf("%d: %d %s", length, a.status, a.body)
			}
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > size/4 && !engine.RaceEnabled {
			t.Errorf("%d MiB for %d", took>>20, 4*size>>20)
		}
	})
}

// A body that the caller did not end must not look whole to the API.
func TestAttackABodyThatBreaksOffIsNotWhole(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		read := make(chan error, 1)
		s := through(t, engine.Options{}, serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		}).URL)
		for name, text := range map[string]string{
			"with a length":        "Content-Length: 200000\r\n\r\n" + strings.Repeat("x", 100_000),
			"in a chunk":           "Transfer-Encoding: chunked\r\n\r\n20000\r\n" + strings.Repeat("x", 100_000),
			"between chunks":       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
			"in the last chunk":    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0",
			"before its end":       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
			"in a trailer":         "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\n",
			"with a bad extension": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0;\n\r\n\r\n",
		} {
			conn := dial(t, s)
			io.WriteString(conn, "POST /api HTTP/1.1\r\nHost: x\r\n"+text)
			if half, ok := conn.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
			if err := <-read; err == nil {
				t.Errorf("%s: the API read it as whole", name)
			}
		}
	})
}

// What follows a chunked body is the next request, and nothing of the body is.
func TestAttackARequestBehindAChunkedBody(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		smuggled := "GET /petstore/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
		body := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)
		for name, tt := range map[string]struct {
			first  string
			status int
		}{"passed on": {"/petstore", 200}, "refused": {"/unknown", 404}} {
			all := raw(t, s, "POST "+tt.first+" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+body+
				"GET /petstore/second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if len(all) != 2 || all[0].status != tt.status {
				t.Fatalf("%s: answers %+v", name, all)
			}
			if tt.status == 200 && arrived(t, all[0]).Body != smuggled {
				t.Errorf("%s: arrived %+v", name, all[0])
			}
			if got := arrived(t, all[1]); got.Path != "/v1/second" {
				t.Errorf("%s: the second is %s", name, got.Path)
			}
		}
	})
}

// An API may answer before it has the body, and not want the rest.
func TestAnAPIMayAnswerEarly(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		const early = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n"
		release := make(chan bool)
		defer close(release)
		for name, do := range map[string]func(net.Conn){
			"and close": func(c net.Conn) {
				readHead(c)
				io.WriteString(c, early+"Connection: close\r\n\r\nbig")
			},
			"and read no more": func(c net.Conn) {
				readHead(c)
				io.WriteString(c, early+"\r\nbig")
				<-release
			},
		} {
			events := enginetest.NewEvents()
			s := through(t, engine.Options{Sink: events}, behaving(t, do))
			conn := dial(t, s)
			go func() {
				io.WriteString(conn, "POST /api HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3000000\r\n")
				_, _ = io.CopyN(conn, &pattern{size: 1 << 40}, 50_000_000)
			}()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				if name == "and close" {
					continue // the API's end may have overtaken its answer
				}
				t.Fatalf("%s: %v", name, err)
			}
			body, err := io.ReadAll(res.Body)
			switch {
			case name == "and close" && res.StatusCode == 502: // as above
			case res.StatusCode != 413 || string(body) != "big" || err != nil || !res.Close:
				t.Errorf("%s: %d %q %v, close %v", name, res.StatusCode, body, err, res.Close)
			}
			conn.Close()
			events.NextAccess(t)
		}
	})
}

// Both bodies go on at once.
func TestBodiesStreamBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := through(t, engine.Options{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			in := bufio.NewReader(r.Body)
			for line, err := in.ReadString('\n'); err == nil; line, err = in.ReadString('\n') {
				io.WriteString(w, strings.ToUpper(line))
				w.(http.Flusher).Flush()
			}
		}).URL)
		conn := dial(t, s)
		io.WriteString(conn, "POST /api HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		var in *bufio.Reader
		for i := range 3 {
			io.WriteString(conn, "3\r\nab\n\r\n")
			if i == 0 {
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				in = bufio.NewReader(res.Body)
			}
			if line, err := in.ReadString('\n'); line != "AB\n" || err != nil {
				t.Fatalf("%q, %v", line, err)
			}
		}
		io.WriteString(conn, "0\r\n\r\n")
		if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
	})
}

func TestACallerWhoLeavesItsUploadEndsIt(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		events, began, left := enginetest.NewEvents(), make(chan bool), make(chan error)
		s := through(t, engine.Options{Sink: events}, serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = r.Body.Read(make([]byte, 1))
			began <- true
			_, err := io.Copy(io.Discard, r.Body)
			left <- err
		}).URL)
		conn := dial(t, s)
		io.WriteString(conn, "POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhello")
		<-began
		conn.Close()
		if err := <-left; err == nil {
			t.Error("the API read it as whole")
		}
		if e := events.NextAccess(t); e.Status != 499 && e.Fault != fault.BadRequest {
			t.Errorf("event %+v", e)
		}
	})
}

func TestUploadsThatStandStillAreGivenUp(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		const stall = 200 * time.Millisecond
		release := make(chan bool)
		defer close(release)
		s := through(t, engine.Options{Limits: engine.Limits{HeaderTimeout: stall, StallTimeout: stall}}, serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}).URL)
		for name, text := range map[string]string{
			"with a length": "Content-Length: 100000\r\n\r\nhello", "in chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		} {
			if a := rawOne(t, s, "POST /api HTTP/1.1\r\nHost: x\r\n"+text); a.status != 400 {
				t.Errorf("the caller, %s: %d", name, a.status)
			}
		}
		p := enginetest.Proxy("api", "/api", behaving(t, func(c net.Conn) { readHead(c); <-release }))
		p.Upstream.ResponseTimeout = 200
		_, s = enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, p))
		conn := dial(t, s)
		go func() {
			io.WriteString(conn, "POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
			_, _ = io.CopyN(conn, &pattern{size: 1 << 40}, 50_000_000)
		}()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != fault.Find(fault.UpstreamTimeout).Status {
			t.Errorf("the API: %d", res.StatusCode)
		}
	})
}
