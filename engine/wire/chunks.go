package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// chunks reads a chunked body (RFC 9112 section 7.1) up to its last chunk, whose trailers
// are the caller's. It takes nothing that net/http would not take, which it is fuzzed
// against, and of extensions, which nobody uses, only what is text: two servers that
// differ in where an extension ends differ in where the next request begins.
type chunks struct {
	in     *bufio.Reader
	left   int64 // of the chunk that was begun
	end    bool  // the line end after it is due
	excess int64 // how much more was framing than body
	failed error
}

var (
	errChunk      = errors.New("malformed chunked encoding")
	errChunkWaste = errors.New("chunked encoding contains too much that is no data")
)

const (
	maxChunkLine = 4 << 10
	maxChunk     = 1 << 62
	// Framing that is no more than that, for each chunk, and than twice its data is usual,
	// and maxExcess beyond that in a whole body (as in net/http).
	usualFraming = 16
	maxExcess    = 16 << 10
)

// Read ends with io.EOF behind the last chunk's line.
func (c *chunks) Read(p []byte) (n int, err error) {
	for c.failed == nil && n < len(p) {
		if n > 0 && c.waits() {
			return n, nil
		}
		if c.left == 0 || c.end {
			c.failed = c.next()
			continue
		}
		var m int
		m, c.failed = c.in.Read(p[n:min(int64(len(p)), int64(n)+c.left)])
		n, c.left = n+m, c.left-int64(m)
		c.end = c.left == 0
		c.failed = unexpected(c.failed)
	}
	return n, c.failed
}

// unexpected is the end of a connection where there has to be more.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next reads the line end after a chunk and the line before the next one.
func (c *chunks) next() error {
	if c.end {
		two, err := c.in.Peek(2)
		switch {
		case err != nil:
			return unexpected(err)
		case string(two) != "\r\n":
			return errChunk
		}
		_, _ = c.in.Discard(2)
		c.end = false
	}
	line, err := c.in.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull || len(line) > maxChunkLine:
		return errChunk
	case err != nil:
		return unexpected(err)
	}
	return c.begin(line)
}

func (c *chunks) begin(line []byte) error {
	size, ok := chunkSize(line)
	if !ok {
		return errChunk
	}
	c.left = size
	if size == 0 {
		return io.EOF
	}
	c.excess = max(c.excess+int64(len(line))-usualFraming-2*min(size, maxExcess), 0)
	if c.excess > maxExcess {
		return errChunkWaste
	}
	return nil
}

// chunkSize reads the line before a chunk.
func chunkSize(line []byte) (int64, bool) {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	text = bytes.TrimRight(text, " \t")
	for _, b := range text {
		ok = ok && textByte[b]
	}
	digits, _, _ := bytes.Cut(text, []byte(";"))
	if !ok || len(digits) == 0 || len(digits) > 16 {
		return 0, false
	}
	n := uint64(0)
	for _, b := range digits {
		digit := hexDigit(b)
		if digit > 15 {
			return 0, false
		}
		n = n<<4 | uint64(digit)
	}
	return int64(n), n <= maxChunk
}

func hexDigit(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return b - '0'
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10
	}
	return 16
}

// waits tells whether the next read may have to wait for the other end.
func (c *chunks) waits() bool {
	have, _ := c.in.Peek(c.in.Buffered())
	switch {
	case c.failed != nil:
		return false
	case c.end && len(have) < 2:
		return true
	case c.end:
		have = have[2:]
	case c.left > 0:
		return len(have) == 0
	}
	return bytes.IndexByte(have, '\n') < 0
}

// skipTrailers reads what follows the last chunk. Fields there are dropped: they come
// when the policies have long run.
func skipTrailers(in *bufio.Reader) error {
	for n, left := 0, maxHead; left > 0; left -= n {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return unexpected(err)
		}
		n = len(line)
		switch text, ok := bytes.CutSuffix(line, []byte("\r\n")); {
		case !ok:
			return errChunk
		case len(text) == 0:
			return nil
		case !plainField(string(text)):
			return errChunk
		}
	}
	return errChunk
}

// plainField tells whether a line is a field that nobody reads in another way.
func plainField(line string) bool {
	n := 0
	for n < len(line) && tokenByte[line[n]] {
		n++
	}
	if n == 0 || n == len(line) || line[n] != ':' {
		return false
	}
	for _, b := range []byte(line[n+1:]) {
		if !textByte[b] {
			return false
		}
	}
	return true
}
