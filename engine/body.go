package engine

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var errTooLarge = errors.New("body is larger than the gateway accepts")

// body is a request's body on its way to the upstream. The transport reads it
// in a goroutine of its own, which may outlive the call, so it holds nothing
// that is used again.
type body struct {
	io.ReadCloser
	conn     *http.ResponseController
	left     int64 // bytes still accepted; negative without a limit
	stall    time.Duration
	extended time.Time

	reading sync.Mutex // held while a read is under way
	failure atomic.Pointer[error]
}

func newBody(r *http.Request, w http.ResponseWriter, l Limits) *body {
	b := &body{ReadCloser: r.Body, conn: http.NewResponseController(w), left: -1, stall: l.StallTimeout}
	if l.MaxBody > 0 {
		b.left = l.MaxBody
	}
	return b
}

// Read remembers why the body ended, because the transport's error would not
// tell the caller's fault from the upstream's.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	b.extend()
	n, err := b.ReadCloser.Read(p)
	if b.left >= 0 {
		if b.left -= int64(n); b.left < 0 {
			n, err = 0, errTooLarge
		}
	}
	if err != nil && err != io.EOF {
		b.fail(err)
	}
	return n, err
}

func (b *body) fail(err error) {
	if b.failure.Load() == nil {
		b.failure.Store(&err)
	}
}

// extend lets an upload take its time for as long as it moves. The deadline
// is moved once in a while, not at each read, because moving it costs a timer.
func (b *body) extend() {
	now := time.Now()
	if now.Sub(b.extended) < b.stall/8 {
		return
	}
	b.extended = now
	_ = b.conn.SetReadDeadline(now.Add(b.stall)) // not every connection has deadlines
}

// err is why reading failed, nil when it did not.
func (b *body) err() error {
	if b == nil {
		return nil
	}
	if err := b.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// settled is err once the read under way has ended. It is for a connection
// that has failed, where no read waits: net/http tells the failure to the
// request's context before it tells it to the reader.
func (b *body) settled() error {
	if b == nil {
		return nil
	}
	b.reading.Lock()
	defer b.reading.Unlock()
	return b.err()
}
