package wire_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/wire"
)

// secure is a config for a front; protocols are those that it offers.
func secure(t testing.TB, protocols ...string) *tls.Config {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates, NextProtos: protocols}
}

func secureFront(t *testing.T, h http.HandlerFunc, change ...func(*wire.Options)) served {
	t.Helper()
	config := secure(t, "h2", "http/1.1")
	return front(t, h, append(change, func(o *wire.Options) { o.TLS = config })...)
}

func connectTLS(t *testing.T, address string, protocols ...string) (*tls.Conn, *bufio.Reader) {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, bufio.NewReader(c)
}

func tellSecurity(w http.ResponseWriter, r *http.Request) {
	said := " plain"
	if r.TLS != nil && r.TLS.HandshakeComplete {
		said = " over TLS by " + r.TLS.NegotiatedProtocol
	}
	io.WriteString(w, by(r)+said)
}

func TestSecureConnectionsAreAnsweredLikePlainOnes(t *testing.T) {
	t.Parallel()
	address := secureFront(t, tellSecurity).address
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		c, in := connectTLS(t, address, protocols...)
		for _, tt := range []struct{ more, who string }{{"", "front"}, {"", "front"}, {"TE: trailers\r\n", "net/http"}, {"", "net/http"}} {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n"+tt.more+"\r\n")
			if _, got := next(t, in, "GET"); got != tt.who+" over TLS by "+strings.Join(protocols, "") {
				t.Errorf("%v: %s", protocols, got)
			}
		}
	}
}

func TestHTTP2IsNetHTTPs(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+secureFront(t, tellSecurity).address, nil)
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.ProtoMajor != 2 || string(body) != "net/http over TLS by h2" {
		t.Errorf("%s %s", res.Proto, body)
	}
}

// Who does not finish a handshake is given up, and nobody waits for him meanwhile.
func TestAttackAHandshakeThatNeverEnds(t *testing.T) {
	t.Parallel()
	address := secureFront(t, tellSecurity, func(o *wire.Options) { o.HeaderTimeout = 300 * time.Millisecond }).address
	silent, _ := connect(t, address)
	half, _ := connect(t, address)
	half.Write([]byte{22, 3, 1, 2, 0, 1, 0})
	for range 3 {
		c, in := connectTLS(t, address)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		next(t, in, "GET")
	}
	for _, c := range []net.Conn{silent, half} {
		if _, err := io.ReadAll(c); err != nil { // until the front closes
			t.Error(err)
		}
	}
}

func TestSecureConnectionsEndAtShutdown(t *testing.T) {
	t.Parallel()
	began, goOn := make(chan bool), make(chan bool)
	s := secureFront(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(began)
			<-goOn
		}
		io.WriteString(w, "whole")
	})
	silent, silentIn := connect(t, s.address)
	silent.Write([]byte{22, 3, 1})
	idle, idleIn := connectTLS(t, s.address)
	io.WriteString(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	next(t, idleIn, "GET")
	busy, busyIn := connectTLS(t, s.address)
	io.WriteString(busy, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := silentIn.ReadByte(); err == nil {
		t.Error("the handshake goes on")
	}
	if _, err := idleIn.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v", err)
	}
	close(goOn)
	if res, body := next(t, busyIn, "GET"); body != "whole" || !res.Close {
		t.Errorf("%q, close %v", body, res.Close)
	}
	if err := s.front.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDrainCutsOffSecureConnections(t *testing.T) {
	t.Parallel()
	began, ended := make(chan bool), make(chan bool)
	s := secureFront(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	c, _ := connectTLS(t, s.address)
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

// The goodbye of TLS waits unread in the socket while the call is under way.
func TestSecureCallerThatLeavesEndsItsCall(t *testing.T) {
	t.Parallel()
	began, ended := make(chan bool), make(chan error, 1)
	c, _ := connectTLS(t, secureFront(t, func(_ http.ResponseWriter, r *http.Request) {
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

func TestWhoSpeaksWithoutTLSIsToldSo(t *testing.T) {
	t.Parallel()
	c, in := connect(t, secureFront(t, tellSecurity).address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := in.ReadString('\n'); line != "HTTP/1.0 400 Bad Request\r\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestSlowSecureCallersAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	address := secureFront(t, tellSecurity, func(o *wire.Options) {
		o.HeaderTimeout, o.IdleTimeout, o.StallTimeout = 200*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
	}).address
	for name, text := range map[string]string{"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost", "half after another": "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"} {
		c, _ := connectTLS(t, address)
		io.WriteString(c, text)
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
