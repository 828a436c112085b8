package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// secretAPI hands each secure connection to do, which owns it; raw lies below it.
func secretAPI(t *testing.T, protocols []string, do func(n int, c *tls.Conn, raw net.Conn)) *Pool {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 1; ; n++ {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go do(n, tls.Server(raw, &tls.Config{Certificates: s.TLS.Certificates, NextProtos: protocols}), raw)
		}
	}()
	known := x509.NewCertPool()
	known.AddCert(s.Certificate())
	p := NewSecurePool(l.Addr().String(), &tls.Config{RootCAs: known, ServerName: "example.com"}, time.Minute, time.Minute)
	t.Cleanup(func() { p.CloseIdle(true) })
	return p
}

func askSecretly(t *testing.T, p *Pool, method string) (string, error) {
	t.Helper()
	res, err := p.Do(t.Context(), httptest.NewRecorder(), &Request{Method: method, Path: "/", Host: "api", Length: 0})
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func short(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestSecureConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	p := secretAPI(t, []string{"http/1.1"}, func(n int, c *tls.Conn, _ net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for at := 1; ; at++ {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			io.WriteString(c, short(fmt.Sprint(n, ".", at)))
		}
	})
	for _, want := range []string{"1.1", "1.2", "1.3"} {
		if got, err := askSecretly(t, p, "POST"); got != want || err != nil {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

// Tickets come when the server likes: what waits on an idle connection is not always
// what nobody asked for.
func TestTicketsDoNotMakeAConnectionStale(t *testing.T) {
	t.Parallel()
	p := secretAPI(t, nil, func(_ int, c *tls.Conn, _ net.Conn) {
		_ = c.Handshake() // the ticket leaves with it
		_, _ = io.Copy(c, c)
	})
	u, err := p.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.put(u)
		again, err := p.get(t.Context())
		if again != u || err != nil {
			t.Fatalf("another connection, %v", err)
		}
	}
	// Nor has looking spoilt it.
	_, _ = io.WriteString(u.nc, "x")
	if c, err := u.in.ReadByte(); c != 'x' || err != nil {
		t.Errorf("%q, %v", c, err)
	}
}

// What comes in on an idle connection would be the answer to the next caller's request:
// also what TLS has read already together with the answer before.
func TestAttackASecretAnswerTooManyIsNobodys(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]func(c *tls.Conn, raw net.Conn, later chan bool){
		"in a record of its own, at once": func(c *tls.Conn, _ net.Conn, later chan bool) {
			io.WriteString(c, short("poison"))
			close(later)
		},
		"a byte":      func(c *tls.Conn, _ net.Conn, later chan bool) { io.WriteString(c, "x"); close(later) },
		"no TLS":      func(_ *tls.Conn, raw net.Conn, later chan bool) { io.WriteString(raw, "poison"); close(later) },
		"a goodbye":   func(c *tls.Conn, _ net.Conn, later chan bool) { c.Close(); close(later) },
		"a cut":       func(_ *tls.Conn, raw net.Conn, later chan bool) { raw.Close(); close(later) },
		"a half word": func(c *tls.Conn, _ net.Conn, later chan bool) { c.CloseWrite(); close(later) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			later := make(chan bool)
			p := secretAPI(t, nil, func(n int, c *tls.Conn, raw net.Conn) {
				in := bufio.NewReader(c)
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				if n == 1 {
					io.WriteString(c, short("1"))
					more(c, raw, later)
					_, _ = http.ReadRequest(in)
					return
				}
				io.WriteString(c, short(fmt.Sprint(n)))
			})
			if got, err := askSecretly(t, p, "POST"); got != "1" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			<-later
			if got, err := askSecretly(t, p, "POST"); got != "2" || err != nil {
				t.Errorf("the second: %q, %v", got, err)
			}
		})
	}
}

// together sends what is written in one piece when it is told to.
type together struct {
	net.Conn
	hold []byte
	held bool
}

func (w *together) Write(p []byte) (int, error) {
	if !w.held {
		return w.Conn.Write(p)
	}
	w.hold = append(w.hold, p...)
	return len(p), nil
}

func (w *together) release() {
	w.held = false
	_, _ = w.Conn.Write(w.hold)
}

func TestAttackPoisonInTheSamePieceIsNobodys(t *testing.T) {
	t.Parallel()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	here, there := pair(t)
	w := &together{Conn: there}
	go func() {
		c := tls.Server(w, certificate.TLS.Clone())
		_, _ = http.ReadRequest(bufio.NewReader(c))
		w.held = true
		io.WriteString(c, short("1"))
		io.WriteString(c, short("poison"))
		w.release()
	}()
	p := NewSecurePool("", &tls.Config{InsecureSkipVerify: true}, time.Minute, time.Minute)
	u, err := p.secure(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	res, err := u.ask(&Request{Method: "GET", Path: "/", Host: "api", Length: -1})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); string(body) != "1" || err != nil {
		t.Fatalf("%q, %v", body, err)
	}
	_ = res.Body.Close()
	if n, said := peek(u.below.socket); said && n > 0 {
		t.Fatal("the poison is still in the socket")
	}
	if u := p.pop(); u != nil && u.fresh() {
		t.Error("the connection would be used again")
	}
}

func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err == nil {
		there, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func TestAnAPIThatChoosesHTTP2IsLeft(t *testing.T) {
	t.Parallel()
	p := secretAPI(t, []string{"h2"}, func(_ int, c *tls.Conn, _ net.Conn) {
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("it was sent %q", b)
		}
	})
	for range 2 {
		if _, err := askSecretly(t, p, "POST"); !errors.Is(err, ErrHTTP2) || !p.HTTP2() {
			t.Errorf("%v, %v", err, p.HTTP2())
		}
	}
}

func TestAttackAnAPIThatIsNotTheRightOneIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*tls.Config){
		"unknown":       func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
		"another name":  func(c *tls.Config) { c.ServerName = "example.org" },
		"too old a TLS": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS11 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := secretAPI(t, nil, func(_ int, c *tls.Conn, _ net.Conn) {
				if b, _ := io.ReadAll(c); len(b) > 0 {
					t.Errorf("it was sent %q", b)
				}
			})
			change(p.secrets)
			_, err := askSecretly(t, p, "GET")
			if handshake := new(HandshakeError); !errors.As(err, &handshake) {
				t.Error(err)
			}
		})
	}
}

func TestAHandshakeWithAnAPIHasAnEnd(t *testing.T) {
	t.Parallel()
	silent := make(chan bool)
	defer close(silent)
	p := secretAPI(t, nil, func(_ int, _ *tls.Conn, raw net.Conn) { <-silent; raw.Close() })
	p.connect = 50 * time.Millisecond
	_, err := askSecretly(t, p, "GET")
	if network, ok := errors.AsType[net.Error](err); !ok || !network.Timeout() {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.connect = time.Minute
	if _, err := p.Do(ctx, httptest.NewRecorder(), &Request{Method: "GET", Path: "/", Host: "api", Length: -1}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// An answer that ends with the connection is whole with a goodbye of TLS alone.
func TestAttackACutAnswerIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"plain": "HTTP/1.1 200 OK\r\n\r\n", "odd": "HTTP/1.0 200 OK\n\n"} {
		for _, cut := range []bool{false, true} {
			p := secretAPI(t, nil, func(_ int, c *tls.Conn, raw net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, head+"hello")
				if cut {
					raw.Close()
				}
				c.Close()
			})
			got, err := askSecretly(t, p, "GET")
			if got != "hello" || (err != nil) != cut {
				t.Errorf("%s, cut %v: %q, %v", name, cut, got, err)
			}
		}
	}
}
