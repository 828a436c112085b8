package wire

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// largeSize is the size of buffers for bodies that do not end soon.
const largeSize = 64 << 10

var largeBuffers = sync.Pool{New: func() any { return new([largeSize]byte) }}

// Large lends a buffer for a long body; GiveBack ends that.
func Large() *[largeSize]byte { return largeBuffers.Get().(*[largeSize]byte) }

// GiveBack see Large.
func GiveBack(b *[largeSize]byte) { largeBuffers.Put(b) }

// upload is a body on its way to an API, in a goroutine of its own: the API may answer
// before it has all of it. It ends before the asking does.
type upload struct {
	u    *upstreamConn
	from io.ReadCloser
	left int64 // -1: in chunks
	done chan struct{}
	// read tells that the caller has sent all, whole that the API was sent all.
	read, whole atomic.Bool

	mu      sync.Mutex
	headed  bool      // the head of the answer is there
	hurried bool      // no deadline is moved any more
	by      time.Time // the deadline for writing
	failure error
}

func (u *upstreamConn) startUpload(r *Request) {
	s := &upload{u: u, from: r.Stream, left: int64(r.Length), done: make(chan struct{})}
	u.sending = s
	go s.run()
}

func (s *upload) run() {
	defer close(s.done)
	err := s.send()
	s.whole.Store(err == nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	broken, isWrite := errors.AsType[*uploadError](err)
	switch {
	case err != nil && (!isWrite || errors.Is(broken, os.ErrDeadlineExceeded)):
		// A body that broke off must not look whole, and who takes nothing answers nothing.
		s.failure = err
		_ = s.u.raw.Close()
	case !s.headed: // an API may answer before it has read everything, and close
		_ = s.u.raw.SetReadDeadline(time.Now().Add(s.u.pool.response))
	}
}

// uploadError is one of the connection to the API.
type uploadError struct{ error }

// Unwrap is the connection's.
func (e *uploadError) Unwrap() error { return e.error }

// frame is the room before a part for its chunk's line, and after it for its line end and
// the last chunk.
const (
	frameBefore = 8
	frameAfter  = len("\r\n0\r\n\r\n")
)

func (s *upload) send() error {
	buffer := Large()
	defer GiveBack(buffer)
	room := buffer[frameBefore : largeSize-frameAfter]
	for {
		if s.left >= 0 {
			room = room[:min(int64(len(room)), s.left)]
		}
		n, err := s.from.Read(room)
		if err != nil && err != io.EOF {
			return err
		}
		if s.left >= 0 {
			s.left -= int64(n)
			if err == io.EOF && s.left > 0 {
				return io.ErrUnexpectedEOF
			}
		}
		last := s.left == 0 || err == io.EOF
		s.read.Store(last)
		if err := s.write(s.framed(buffer, n, last)); err != nil || last {
			return err
		}
	}
}

// framed is the part of n bytes in the buffer as it is sent.
func (s *upload) framed(buffer *[largeSize]byte, n int, last bool) []byte {
	from, to := frameBefore, frameBefore+n
	if s.left >= 0 {
		return buffer[from:to]
	}
	if n > 0 {
		var line [frameBefore]byte
		text := append(strconv.AppendInt(line[:0], int64(n), 16), "\r\n"...)
		from -= copy(buffer[from-len(text):], text)
		to += copy(buffer[to:], "\r\n")
	}
	if last {
		to += copy(buffer[to:], "0\r\n\r\n")
	}
	return buffer[from:to]
}

func (s *upload) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	s.extend()
	if _, err := s.u.nc.Write(p); err != nil {
		return &uploadError{err}
	}
	return nil
}

// extend gives a part as long as an answer may take: who takes nothing for that long is
// not there.
func (s *upload) extend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, d := time.Now(), s.u.pool.response
	if left := s.by.Sub(now); s.hurried || left >= d && left <= d+d/8 {
		return
	}
	s.by = now.Add(d + d/8)
	_ = s.u.raw.SetWriteDeadline(s.by)
}

// answered takes the deadline for the head of the answer away, once it is there.
func (s *upload) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headed = true
	_ = s.u.raw.SetReadDeadline(time.Time{})
}

// why is the reason that the upload knows for an asking that failed.
func (s *upload) why(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil && !s.u.interrupted.Load() {
		return s.failure
	}
	return err
}

// lastMoment is how long the last part may take that an API needs no more: it has
// answered.
const lastMoment = 20 * time.Millisecond

// end waits for the upload and tells whether the API was sent all of it. Who has
// answered already gets no more.
func (s *upload) end() bool {
	s.mu.Lock()
	s.hurried = true
	if s.read.Load() {
		_ = s.u.raw.SetWriteDeadline(time.Now().Add(lastMoment))
		s.mu.Unlock()
	} else {
		_ = s.u.raw.Close()
		s.mu.Unlock()
		_ = s.from.Close()
	}
	<-s.done
	return s.whole.Load() && s.u.raw.SetWriteDeadline(time.Time{}) == nil
}
