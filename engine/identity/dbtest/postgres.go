package dbtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/database/postgres"
)

// variable names the server to use.
const variable = "TEST_DATABASE_URL"

var startPostgres = sync.OnceValues(newPostgres)

func postgresServer(t testing.TB) *server {
	t.Helper()
	s, err := startPostgres()
	if err != nil {
		t.Fatalf("start a PostgreSQL for tests (or set %s): %v", variable, err)
	}
	return s
}

// newPostgres puts a front with TLS before the server, which mostly has none and
// listens on a socket of the file system only.
func newPostgres() (*server, error) {
	text := os.Getenv(variable)
	s := &server{driver: postgres.Driver()}
	if text == "" {
		var err error
		if text, s.input, err = lend(); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return nil, fmt.Errorf("%s is no URL with a user", variable)
	}
	s.username = u.User.Username()
	s.password, _ = u.User.Password()
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialURL(ctx, u) }
	s.port, err = front{backend: s.dial, tls: true}.listen()
	return s, err
}

// lend runs the command that lends a server to others. It stops the server when its
// input ends, which happens when the test program does.
func lend() (string, io.Closer, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command("go", "run", "./models/localpg/testserver", "--", "cat")
	cmd.Dir = root
	input, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	text, ok := strings.CutPrefix(strings.TrimSpace(line), variable+"=")
	if !ok {
		return "", nil, errors.Join(fmt.Errorf("the test server said %q", line), err)
	}
	return text, input, nil
}

func dialURL(ctx context.Context, u *url.URL) (net.Conn, error) {
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = u.Query().Get("host")
	}
	if port == "" {
		port = "5432"
	}
	var d net.Dialer
	if strings.HasPrefix(host, "/") {
		return d.DialContext(ctx, "unix", filepath.Join(host, ".s.PGSQL."+port))
	}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
}

// front listens for clients of a PostgreSQL and speaks TLS with those that ask,
// or says that there is none.
type front struct {
	backend func(ctx context.Context, network, address string) (net.Conn, error)
	tls     bool
}

// sslRequest is what a client sends that wants TLS.
const sslRequest = 80877103

func (f front) listen() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(client)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (f front) serve(client net.Conn) {
	defer client.Close()
	first := make([]byte, 8)
	if _, err := io.ReadFull(client, first); err != nil {
		return
	}
	if binary.BigEndian.Uint32(first[4:]) == sslRequest {
		if client = f.upgrade(client); client == nil {
			return
		}
		first = nil
	}
	backend, err := f.backend(context.Background(), "", "")
	if err != nil {
		return
	}
	defer backend.Close()
	if _, err := backend.Write(first); err == nil {
		join(client, backend)
	}
}

func (f front) upgrade(client net.Conn) net.Conn {
	answer := byte('N')
	if f.tls {
		answer = 'S'
	}
	if _, err := client.Write([]byte{answer}); err != nil {
		return nil
	}
	if !f.tls {
		return client
	}
	return tls.Server(client, &tls.Config{Certificates: []tls.Certificate{authority().pair}, MinVersion: tls.VersionTLS12})
}

// join copies both ways until one side ends, and then ends the other.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
		done <- struct{}{}
	}
	go pass(a, b)
	go pass(b, a)
	<-done
	<-done
}
