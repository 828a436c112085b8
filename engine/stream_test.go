package engine_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
)

func TestAnswerStreams(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		for name, contentType := range map[string]string{
			"events sent by the server": "text/event-stream", "a body of unknown length": "application/octet-stream",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				goOn := make(chan bool)
				upstream := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", contentType)
					for _, line := range []string{"data: 1\n", "data: 2\n", "data: 3\n"} {
						io.WriteString(w, line)
						w.(http.Flusher).Flush()
						<-goOn
					}
				})
				s := through(t, engine.Options{}, upstream.URL)
				res, err := http.DefaultTransport.RoundTrip(request(t, "GET", s.URL+"/api", ""))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				in := bufio.NewReader(res.Body)
				for _, want := range []string{"data: 1\n", "data: 2\n", "data: 3\n"} {
					line, err := in.ReadString('\n') // the API waits until this line was read
					if line != want || err != nil {
						t.Fatalf("read %q, %v; want %q", line, err, want)
					}
					goOn <- true
				}
			})
		}
	})
}

func TestRequestStreams(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		lines := make(chan string)
		upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
			in := bufio.NewReader(r.Body)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					break
				}
				lines <- line
			}
			io.WriteString(w, "done")
		})
		s := through(t, engine.Options{}, upstream.URL)
		body, write := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api", body)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for _, line := range []string{"1\n", "2\n", "3\n"} {
				io.WriteString(write, line)
				if got := <-lines; got != line { // the rest is sent only after this line arrived
					t.Errorf("arrived %q, want %q", got, line)
				}
			}
			write.Close()
		}()
		if a := send(t, r); a.status != 200 || a.body != "done" {
			t.Errorf("got %d %q", a.status, a.body)
		}
	})
}

// The server's timeouts are for bodies that stand still. One that moves, in
// either direction, may take many times as long.
func TestStreamThatMovesOutlivesTheTimeouts(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		const stall, tick, ticks = time.Second, 100 * time.Millisecond, 25
		upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				w.Write(body)
				return
			}
			for range ticks {
				io.WriteString(w, "tick\n")
				w.(http.Flusher).Flush()
				<-time.After(tick)
			}
		})
		s := through(t, engine.Options{Limits: engine.Limits{HeaderTimeout: stall / 2, StallTimeout: stall}}, upstream.URL)
		t.Run("the answer", func(t *testing.T) {
			t.Parallel()
			if a := get(t, s.URL+"/api"); a.body != strings.Repeat("tick\n", ticks) {
				t.Errorf("got %q", a.body)
			}
		})
		t.Run("the request", func(t *testing.T) {
			t.Parallel()
			body, write := io.Pipe()
			go func() {
				for range ticks {
					io.WriteString(write, "tick\n")
					<-time.After(tick)
				}
				write.Close()
			}()
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api", body)
			if err != nil {
				t.Fatal(err)
			}
			if a := send(t, r); a.status != 200 || a.body != strings.Repeat("tick\n", ticks) {
				t.Errorf("got %d %q", a.status, a.body)
			}
		})
	})
}

func TestBodyThatStandsStillIsGivenUp(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		const stall = 100 * time.Millisecond
		s := through(t, engine.Options{Limits: engine.Limits{HeaderTimeout: stall, StallTimeout: stall}}, serve(t, func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
		}).URL)
		if a := rawOne(t, s, "POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"); a.status != 400 {
			t.Errorf("status %d", a.status)
		}
	})
}

// HTTP/2 resets a stream whose deadline passes even while nothing waits to be
// written, so its streams need a way of their own.
func TestHTTP2StreamOutlivesTheTimeouts(t *testing.T) {
	t.Parallel()
	const stall, tick, ticks = time.Second, 200 * time.Millisecond, 13
	upstream := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for range ticks {
			<-time.After(tick)
			io.WriteString(w, r.Proto+"\n")
			w.(http.Flusher).Flush()
		}
	})
	g := engine.New(engine.Options{Limits: engine.Limits{HeaderTimeout: stall, StallTimeout: stall}})
	if err := g.Apply(t.Context(), enginetest.Bundle(t, enginetest.Proxy("api", "/api", upstream.URL))); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(g)
	s.Config = engine.Server("", g)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	res, err := s.Client().Do(request(t, "GET", s.URL+"/api", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if want := strings.Repeat("HTTP/1.1\n", ticks); string(body) != want || err != nil || res.ProtoMajor != 2 {
		t.Errorf("%s: read %q, %v", res.Proto, body, err)
	}
}
