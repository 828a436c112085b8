package dbtest

import (
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/database/postgres"
)

// WithoutTLS gives a port at which the server seems to know no TLS: what an old
// server is like, and also somebody on the way who wants to read along.
func (d *Database) WithoutTLS(t testing.TB) int {
	t.Helper()
	if d.Driver.Name == postgres.Name {
		port, err := front{backend: postgresServer(t).dial}.listen()
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go hideTLS(client, net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Port)))
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// clientSSL is the bit for TLS in the lower capabilities of MySQL's greeting.
const clientSSL = 0x0800

// hideTLS takes that bit out of the greeting: a header of four bytes, the version,
// the server's name up to a NUL, the id of the connection, a salt of eight bytes and
// a filler; then the capabilities.
func hideTLS(client net.Conn, address string) {
	defer client.Close()
	backend, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer backend.Close()
	header := make([]byte, 4)
	if _, err := io.ReadFull(backend, header); err != nil {
		return
	}
	greeting := make([]byte, int(header[0])|int(header[1])<<8)
	if _, err := io.ReadFull(backend, greeting); err != nil {
		return
	}
	at := 1
	for greeting[at] != 0 {
		at++
	}
	at += 1 + 4 + 8 + 1
	greeting[at+1] &^= clientSSL >> 8
	if _, err := client.Write(append(header, greeting...)); err == nil {
		join(client, backend)
	}
}
