package wire

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// A listener may lie for an hour before anybody accepts: the first callers must not be
// measured by the time of then.
func TestTheClockRunsFromTheFirstConnectionOn(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.NotFoundHandler()}
	f := Listen(l, Options{
		Handler: s.Handler, Server: s, Logger: slog.New(slog.DiscardHandler), HeaderTimeout: time.Minute, IdleTimeout: time.Minute, StallTimeout: time.Minute,
	})
	f.tick.Store(new(time.Now().Add(-time.Hour)))
	go s.Serve(f)
	t.Cleanup(func() { s.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 404 {
		t.Errorf("%v, %v", res, err)
	}
	for before := *f.tick.Load(); before.Equal(*f.tick.Load()); time.Sleep(time.Millisecond) { // it goes on
	}
	if late := time.Since(f.now(time.Minute)); late > time.Minute || time.Since(f.now(time.Second)) > time.Minute {
		t.Errorf("the clock is %v late", late)
	}
}
