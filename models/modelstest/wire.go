package modelstest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Wire stands between a store and its database and takes down what a store waits for.
type Wire struct {
	mu    sync.Mutex
	trips []string
}

// Tap is the URL of a database by way of a wire, which goes with the test.
func Tap(t testing.TB, database string) (string, *Wire) {
	t.Helper()
	to, err := pgconn.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &Wire{}
	go w.serve(listener, to)
	q := u.Query()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = listener.Addr().String(), q.Encode()
	return u.String(), w
}

// Taken are the round trips since the last call, each with the texts of its
// statements. Those that only prepare a statement are left out, as each connection
// makes them once, and so are pings, which idle connections get.
func (w *Wire) Taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.trips
	w.trips = nil
	return taken
}

func (w *Wire) serve(listener net.Listener, to *pgconn.Config) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		network, address := pgconn.NetworkAddress(to.Host, to.Port)
		server, err := net.Dial(network, address)
		if err != nil {
			_ = client.Close()
			return
		}
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		go func() {
			defer server.Close()
			w.listen(client, server)
		}()
	}
}

// listen passes on what a client says until it has no more to say.
func (w *Wire) listen(client io.Reader, server io.Writer) {
	from, l := bufio.NewReader(client), line{prepared: map[string]string{}}
	for header := 4; ; header = 5 { // only the first message has no kind
		message, err := from.Peek(header)
		if err != nil {
			return
		}
		whole := make([]byte, header-4+int(binary.BigEndian.Uint32(message[header-4:])))
		if _, err := io.ReadFull(from, whole); err != nil {
			return
		}
		if trip := l.hear(whole[0], whole[header:]); trip != "" {
			w.mu.Lock()
			w.trips = append(w.trips, trip)
			w.mu.Unlock()
		}
		if _, err := server.Write(whole); err != nil {
			return
		}
	}
}

// line is one connection.
type line struct {
	prepared map[string]string
	bound    string
	asked    []string
}

// hear is the round trip that a message makes the client wait for, if it does.
func (l *line) hear(kind byte, body []byte) string {
	switch kind {
	case 'P': // parse: the statement's name and its text
		name, rest, _ := bytes.Cut(body, []byte{0})
		text, _, _ := bytes.Cut(rest, []byte{0})
		l.prepared[string(name)] = string(text)
	case 'B': // bind: the portal's name and the statement's
		_, rest, _ := bytes.Cut(body, []byte{0})
		name, _, _ := bytes.Cut(rest, []byte{0})
		l.bound = l.prepared[string(name)]
	case 'E': // execute
		l.asked = append(l.asked, l.bound)
	case 'Q': // a query without parameters
		if text := string(bytes.TrimRight(body, "\x00")); !strings.HasPrefix(text, "-- ping") {
			return text
		}
	case 'S': // sync
		trip := strings.Join(l.asked, "; ")
		l.asked = nil
		return trip
	}
	return ""
}
