package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
)

// serveUpstream answers every request with 1 KiB, at as little cost as can be: it
// must not be what limits a proxy. It takes requests without a body only.
func serveUpstream(p *parent) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerAll(conn)
		}
	}()
	if err := p.tell(listener.Addr().String()); err != nil {
		return err
	}
	return p.wait()
}

var kilobyte = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1<<10))

func answerAll(conn io.ReadWriteCloser) {
	defer conn.Close()
	in, end := make([]byte, 32<<10), 0
	for {
		n, err := conn.Read(in[end:])
		if err != nil {
			return
		}
		if end += n; !bytes.HasSuffix(in[:end], []byte("\r\n\r\n")) {
			continue // the head is in several pieces
		}
		end = 0
		if _, err := conn.Write(kilobyte); err != nil {
			return
		}
	}
}
