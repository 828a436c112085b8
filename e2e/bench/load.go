package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// order is one turn of load.
type order struct {
	Address, Path string
	Conns         int
	// Tokens are used in turn; none means requests without a token.
	Tokens []string
	// Turn is how long to go on. With zero each token is used once.
	Turn time.Duration
}

// outcome is what came of an order.
type outcome struct {
	Requests int
	Elapsed  time.Duration
	P50, P99 time.Duration
	// Failure is the first answer that was not 200, or the first error.
	Failure string
}

// serveLoad carries out orders until in ends.
func serveLoad(in io.Reader, out io.Writer) error {
	orders, outcomes := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if err := outcomes.Encode(o.carryOut()); err != nil {
			return fmt.Errorf("tell outcome: %w", err)
		}
	}
}

// client is one connection. It speaks just enough HTTP to be cheaper than
// what it measures.
type client struct {
	conn  net.Conn
	in    *bufio.Reader
	times []time.Duration
}

func (o order) carryOut() outcome {
	requests := o.requests()
	var next atomic.Int64
	var all sync.WaitGroup
	clients, failures := make([]client, o.Conns), make([]error, o.Conns)
	start := time.Now()
	for i := range clients {
		all.Go(func() {
			failures[i] = clients[i].run(o.Address, requests, func() (int, bool) {
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
	tokens := o.Tokens
	if len(tokens) == 0 {
		tokens = []string{""}
	}
	list := make([][]byte, len(tokens))
	for i, t := range tokens {
		head := "GET " + o.Path + " HTTP/1.1\r\nHost: " + o.Address + "\r\nUser-Agent: bench\r\nAccept: */*\r\n"
		if t != "" {
			head += "Authorization: Bearer " + t + "\r\n"
		}
		list[i] = []byte(head + "\r\n")
	}
	return list
}

func (c *client) run(address string, requests [][]byte, next func() (int, bool)) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.conn, c.in = conn, bufio.NewReader(conn)
	for n, more := next(); more; n, more = next() {
		start := time.Now()
		if err := c.exchange(requests[n]); err != nil {
			return err
		}
		c.times = append(c.times, time.Since(start))
	}
	return nil
}

func (c *client) exchange(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(status), "HTTP/1.1 200 ") {
		return fmt.Errorf("answer %q", status)
	}
	length, err := c.length()
	if err != nil {
		return err
	}
	_, err = c.in.Discard(length)
	return err
}

// length reads the header to its end.
func (c *client) length() (int, error) {
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			return length, nil
		}
		if value, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return 0, err
			}
		}
	}
}

func sum(clients []client, failures []error, elapsed time.Duration) outcome {
	var times []time.Duration
	for i := range clients {
		times = append(times, clients[i].times...)
	}
	o := outcome{Requests: len(times), Elapsed: elapsed}
	if err := errors.Join(failures...); err != nil {
		o.Failure = err.Error()
	}
	if slices.Sort(times); len(times) > 0 {
		o.P50, o.P99 = times[len(times)/2], times[len(times)*99/100]
	}
	return o
}
