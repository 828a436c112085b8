package wire

import (
	"errors"
	"io"
	"sync/atomic"
)

// body is that of a request. One goroutine at a time reads it; left is looked at by
// others.
type body struct {
	conn    *conn
	chunked bool
	chunks  chunks
	left    atomic.Int64 // -1 in chunks
	failed  error
}

// begin is for an announced length, -1 for chunks.
func (b *body) begin(length int64) {
	b.failed, b.chunked = nil, length < 0
	b.left.Store(length)
	if b.chunked {
		b.chunks = chunks{in: b.conn.in}
	}
}

// Read ends with io.EOF where the body does, and with io.ErrUnexpectedEOF when the caller
// ends before.
func (b *body) Read(p []byte) (n int, err error) {
	left := b.left.Load()
	switch {
	case b.failed != nil:
		return 0, b.failed
	case left == 0:
		return 0, io.EOF
	case b.chunked:
		if n, err = b.chunks.Read(p); err == io.EOF {
			if err = skipTrailers(b.conn.in); err == nil {
				b.left.Store(0)
				return n, io.EOF
			}
		}
	default:
		n, err = b.conn.in.Read(p[:min(int64(len(p)), left)])
		if b.left.Store(left - int64(n)); left == int64(n) {
			return n, io.EOF
		}
		err = unexpected(err)
	}
	b.failed = err
	return n, err
}

// Close does nothing: what was not read is read after the answer.
func (b *body) Close() error { return nil }

// drainMost is how much of a body is read for nobody, so that the connection can be used
// again (as in net/http).
const drainMost = 256 << 10

var errLongRest = errors.New("too much of the body was left")

// long tells whether so much is left that the connection ends with the answer.
func (b *body) long() bool { return b.left.Load() > drainMost }

// drain reads what the handler left.
func (b *body) drain() error {
	if b.left.Load() == 0 || b.failed != nil {
		return b.failed
	}
	n, err := io.CopyN(io.Discard, b, drainMost+1)
	switch {
	case n > drainMost:
		return errLongRest
	case err == io.EOF && b.failed == nil:
		return nil
	}
	return err
}
