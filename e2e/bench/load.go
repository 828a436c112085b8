package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
)

// order is one turn of load.
type order struct {
	Address, Path string
	Host          string // "" for the address
	TLS           bool
	Conns         int
	// Tokens are used in turn; none means requests without a token.
	Tokens []string
	// Turn is how long to go on. With zero each token is used once, and each page opened.
	Turn time.Duration
	// Status is what must be answered, such as 200.
	Status string
	// Rate is how many requests a second become due, whatever the answers take;
	// zero means that each connection sends as soon as it has its answer.
	Rate int
	// Forms are bodies of POST requests, used in turn like tokens.
	Forms []string
	// Renew is the form of a refresh without its token: each connection logs in with
	// one of Forms and refreshes from then on.
	Renew string
	// Visits are what people open, one page a second each.
	Visits []visits
	// Algorithm is what the signer signs with.
	Algorithm keys.Algorithm
}

// outcome is what came of an order.
type outcome struct {
	Requests int
	Elapsed  time.Duration
	P50, P99 time.Duration
	Times    []time.Duration // of pages, one by one
	// Failure is the first answer that was wrong, or the first error.
	Failure string
}

// serveLoad carries out orders until there are no more.
func serveLoad(p *parent) error {
	var logins chains
	for {
		var o order
		if err := p.dec.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if err := p.tell(o.do(&logins)); err != nil {
			return err
		}
	}
}

func (o order) do(logins *chains) outcome {
	switch {
	case o.Renew != "":
		return logins.follow(o)
	case len(o.Visits) > 0:
		return o.asPeopleDo()
	case o.Rate > 0:
		return o.asDue()
	}
	return o.asFastAsPossible()
}

func (o order) asFastAsPossible() outcome {
	requests := o.requests()
	var next atomic.Int64
	var all sync.WaitGroup
	clients, failures := make([]client, o.Conns), make([]error, o.Conns)
	start := time.Now()
	for i := range clients {
		clients[i].order = &o
		all.Go(func() {
			failures[i] = clients[i].run(requests, func() (int, bool) {
				n := int(next.Add(1)) - 1
				if o.Turn == 0 {
					return n, n < len(requests)
				}
				return n % len(requests), time.Since(start) < o.Turn
			})
		})
	}
	all.Wait()
	return sum(clients, failures, time.Since(start))
}

func (o order) requests() [][]byte {
	if len(o.Forms) > 0 {
		list := make([][]byte, len(o.Forms))
		for i, form := range o.Forms {
			list[i] = o.post(form)
		}
		return list
	}
	tokens := o.Tokens
	if len(tokens) == 0 {
		tokens = []string{""}
	}
	list := make([][]byte, len(tokens))
	for i, t := range tokens {
		head := "GET " + o.Path + " HTTP/1.1\r\nHost: " + cmp.Or(o.Host, o.Address) + "\r\nUser-Agent: bench\r\nAccept: */*\r\n"
		if t != "" {
			head += "Authorization: Bearer " + t + "\r\n"
		}
		list[i] = []byte(head + "\r\n")
	}
	return list
}

func sum(clients []client, failures []error, elapsed time.Duration) outcome {
	var times []time.Duration
	for i := range clients {
		times = append(times, clients[i].times...)
	}
	o := outcome{Requests: len(times), Elapsed: elapsed}
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); i >= 0 {
		o.Failure = failures[i].Error()
	}
	if slices.Sort(times); len(times) > 0 {
		o.P50, o.P99 = times[len(times)/2], times[len(times)*99/100]
	}
	return o
}

// client is one connection. It speaks just enough HTTP to be cheaper than
// what it measures.
type client struct {
	order *order
	conn  net.Conn
	in    *bufio.Reader
	times []time.Duration
	// keep leaves the last answer with a length in body.
	keep bool
	body []byte
}

func (c *client) run(requests [][]byte, next func() (int, bool)) error {
	defer c.close()
	for n, more := next(); more; n, more = next() {
		start := time.Now()
		if err := c.exchange(requests[n]); err != nil {
			return err
		}
		c.times = append(c.times, time.Since(start))
	}
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) exchange(request []byte) error {
	if err := c.send(request); err != nil {
		return err
	}
	return c.receive()
}

func (c *client) send(request []byte) error {
	if c.conn == nil {
		conn, err := c.order.dial()
		if err != nil {
			return err
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, 64<<10)
	}
	_, err := c.conn.Write(request)
	return err
}

// dial believes whoever answers.
func (o *order) dial() (net.Conn, error) {
	if o.TLS {
		return tls.Dial("tcp", o.Address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	return net.Dial("tcp", o.Address)
}

// receive reads one answer.
func (c *client) receive() error {
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(status) < 12 || string(status[9:12]) != c.order.Status {
		return fmt.Errorf("answer %q instead of %s", bytes.TrimSpace(status), c.order.Status)
	}
	head, err := c.head()
	if err != nil {
		return err
	}
	switch {
	case head.chunked:
		err = c.chunks()
	case c.keep:
		c.body = slices.Grow(c.body[:0], head.length)[:head.length]
		_, err = io.ReadFull(c.in, c.body)
	default:
		_, err = c.in.Discard(head.length)
	}
	if head.last {
		c.close()
	}
	return err
}

// head is what a client must know of an answer's header.
type head struct {
	length        int
	chunked, last bool
}

func (c *client) head() (head, error) {
	var h head
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil || len(line) <= 2 {
			return h, err
		}
		switch line[0] | 0x20 { // few lines begin with these letters
		case 'c', 't':
			if err := h.take(line); err != nil {
				return h, err
			}
		}
	}
}

func (h *head) take(line []byte) (err error) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		h.length, err = strconv.Atoi(string(value))
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		h.chunked = strings.EqualFold(string(value), "chunked")
	case bytes.EqualFold(name, []byte("Connection")):
		h.last = strings.EqualFold(string(value), "close")
	}
	return err
}

// chunks reads a chunked body with its end.
func (c *client) chunks() error {
	if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(c.in)); err != nil {
		return err
	}
	for {
		if line, err := c.in.ReadSlice('\n'); err != nil || len(line) <= 2 {
			return err
		}
	}
}
