package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
)

// serveUpstream answers every request with 1 KiB, or what its path asks for, at as
// little cost as can be: it must not be what limits a proxy. It takes requests without
// a body only.
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
	if err := p.tell(addresses{Plain: listener.Addr().String()}); err != nil {
		return err
	}
	return p.wait()
}

// The ends of paths that ask for another answer.
const (
	largePath   = "/large"
	chunkedPath = "/chunked"
)

const answerHead = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"

var (
	kilobyte  = []byte(answerHead + "Content-Length: 1024\r\n\r\n" + strings.Repeat("x", 1<<10))
	large     = []byte(answerHead + "Content-Length: 65536\r\n\r\n" + strings.Repeat("x", 64<<10))
	inChunks  = []byte(answerHead + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("200\r\n"+strings.Repeat("x", 512)+"\r\n", 2) + "0\r\n\r\n")
	largeAsk  = []byte(largePath + " HTTP/1.1\r\n")
	chunksAsk = []byte(chunkedPath + " HTTP/1.1\r\n")
)

func answerTo(head []byte) []byte {
	line := head[:bytes.IndexByte(head, '\n')+1]
	switch {
	case bytes.HasSuffix(line, largeAsk):
		return large
	case bytes.HasSuffix(line, chunksAsk):
		return inChunks
	}
	return kilobyte
}

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
		answer := answerTo(in[:end])
		end = 0
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
