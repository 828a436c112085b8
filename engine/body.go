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
	ended   atomic.Bool // it was read to its end

	moving  sync.Mutex // of deadlines
	stopped bool
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
	if !b.extend() {
		return 0, errStopped
	}
	n, err := b.ReadCloser.Read(p)
	if b.left >= 0 {
		if b.left -= int64(n); b.left < 0 {
			n, err = 0, errTooLarge
		}
	}
	if err == io.EOF {
		b.ended.Store(true)
	}
	if err != nil && err != io.EOF && !b.isStopped() {
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
// is moved once in a while, not at each read, because moving it costs a timer. It tells
// false for a body that is not to be read any more.
func (b *body) extend() bool {
	b.moving.Lock()
	defer b.moving.Unlock()
	now := time.Now()
	if b.stopped || now.Sub(b.extended) < b.stall/8 {
		return !b.stopped
	}
	b.extended = now
	_ = b.conn.SetReadDeadline(now.Add(b.stall)) // not every connection has deadlines
	return true
}

var errStopped = errors.New("nobody needs the body any more")

// stop ends a read that waits, and all later ones: whoever reads in a goroutine of his own
// must not do so when the caller's next request comes.
func (b *body) stop() {
	b.moving.Lock()
	b.stopped = true
	if !b.ended.Load() {
		_ = b.conn.SetReadDeadline(time.Unix(1, 0))
	}
	b.moving.Unlock()
	b.reading.Lock()
	defer b.reading.Unlock()
}

func (b *body) isStopped() bool {
	b.moving.Lock()
	defer b.moving.Unlock()
	return b.stopped
}

// streamed is a body for package wire.
type streamed struct{ *body }

// Close stops the body.
func (s streamed) Close() error {
	s.stop()
	return nil
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
