package wire

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Connections counts those of several listeners: open at the moment, and refused so
// far.
type Connections struct{ Open, Refused atomic.Int64 }

// Limit is a listener that has so many connections open at once at most; 0 means no
// limit. What comes beyond is told refusal, if it is not empty, and closed.
func Limit(l net.Listener, most int, refusal []byte, counts *Connections) net.Listener {
	return &limited{Listener: l, most: int64(most), refusal: refusal, counts: counts}
}

type limited struct {
	net.Listener
	most          int64
	open, leaving atomic.Int64
	refusal       []byte
	counts        *Connections
}

// Accept returns the next connection within the limit.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if n := l.open.Add(1); l.most == 0 || n <= l.most {
			l.counts.Open.Add(1)
			return l.counted(c), nil
		}
		l.open.Add(-1)
		l.counts.Refused.Add(1)
		l.refuse(c)
	}
}

// maxLeaving bounds those that are being refused: a flood is closed at once.
const maxLeaving = 100

func (l *limited) refuse(c net.Conn) {
	if len(l.refusal) == 0 || l.leaving.Add(1) > maxLeaving {
		if len(l.refusal) > 0 {
			l.leaving.Add(-1)
		}
		_ = c.Close()
		return
	}
	go func() {
		defer l.leaving.Add(-1)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(lingerTimeout))
		if _, err := c.Write(l.refusal); err != nil {
			return
		}
		if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(c, 64<<10))
		}
	}()
}

// counted keeps what a TCP connection can do besides, such as closing one direction.
func (l *limited) counted(c net.Conn) net.Conn {
	free := func() { l.open.Add(-1); l.counts.Open.Add(-1) }
	if tcp, ok := c.(*net.TCPConn); ok {
		return &countedTCP{TCPConn: tcp, free: free}
	}
	return &countedConn{Conn: c, free: free}
}

type countedTCP struct {
	*net.TCPConn
	once sync.Once
	free func()
}

// Close closes the connection and makes room for another.
func (c *countedTCP) Close() error {
	c.once.Do(c.free)
	return c.TCPConn.Close()
}

type countedConn struct {
	net.Conn
	once sync.Once
	free func()
}

// Close closes the connection and makes room for another.
func (c *countedConn) Close() error {
	c.once.Do(c.free)
	return c.Conn.Close()
}
