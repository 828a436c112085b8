package wire

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// response is the http.ResponseWriter of a connection: head and short body leave in one
// write. Unlike net/http's it does not guess a Content-Type: nobody who passes an answer
// on knows better than whoever made it.
type response struct {
	conn   *conn
	fields Fields      // what wins over header
	header http.Header // nil until a handler asks for it
	out    *[]byte     // the head, then what of the body waits
	text   []byte      // a body whose length is not known yet

	status          int
	length, written int64 // announced, -1 when not; of the body
	head, bare      bool  // the method is HEAD; the status has no body
	chunked, sent   bool  // sent: a part has left
	closes          bool
	trailers        []string
	failed          error
}

// Of are the header of the request that w answers and that of its answer, when the
// request was read here: its head is short and in order. The answer's replaces the
// fields of the same names in w.Header(). Both are valid until the handler returns.
func Of(w http.ResponseWriter) (request, answer *Fields, ok bool) {
	r, ok := w.(*response)
	if !ok {
		return nil, nil, false
	}
	return &r.conn.head.fields, &r.fields, true
}

const bufferSize = 16 << 10

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, bufferSize)
	return &b
}}

func (w *response) begin(method string, closes bool) {
	w.fields.Reset()
	w.header = nil
	w.text, w.status, w.length, w.written, w.trailers, w.failed = w.text[:0], 0, -1, 0, nil, nil
	w.head, w.bare, w.chunked, w.sent, w.closes = method == http.MethodHead, false, false, false, closes
}

func giveBack(b *[]byte) {
	*b = (*b)[:0]
	buffers.Put(b)
}

func (w *response) release() {
	if w.out != nil {
		giveBack(w.out)
		w.out = nil
	}
	if cap(w.text) > bufferSize {
		w.text = nil
	}
}

// Header is the answer's header.
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader begins the answer. What is informational leaves at once.
func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	if w.out == nil { // not before: who waits for an API has no memory of it
		w.out = buffers.Get().(*[]byte)
	}
	if status >= 100 && status < 200 {
		*w.out = append(w.appendHeader(appendStatus(*w.out, status)), "\r\n"...)
		w.failed = w.flush()
		return
	}
	w.status = status
	w.bare = status == http.StatusNoContent || status == http.StatusNotModified
	w.closes = w.closes || w.closesAfter() || w.conn.front.closing() || w.conn.body.long()
	b := w.appendHeader(appendStatus(*w.out, status))
	if len(w.lines("Date")) == 0 {
		b = append(append(append(b, "Date: "...), date(*w.conn.front.tick.Load())...), "\r\n"...)
	}
	if w.closes {
		b = append(b, "Connection: close\r\n"...)
	}
	*w.out = w.frame(b)
}

// frame ends the head where the body's length is known.
func (w *response) frame(b []byte) []byte {
	if declared := w.lines("Content-Length"); len(declared) == 1 {
		w.length = number(declared[0])
	}
	switch {
	case status1xxOrBare(w.status):
		if w.status == http.StatusNotModified && w.length >= 0 {
			b = appendLength(b, w.length)
		}
		w.length = 0
		return append(b, "\r\n"...)
	case w.length >= 0:
		return append(appendLength(b, w.length), "\r\n"...)
	}
	for _, line := range w.lines("Trailer") {
		for name := range strings.SplitSeq(line, ",") {
			w.trailers = append(w.trailers, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	return b
}

func status1xxOrBare(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

func appendLength(b []byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, "Content-Length: "...), n, 10), "\r\n"...)
}

func (w *response) closesAfter() bool {
	for _, v := range w.lines("Connection") {
		if strings.EqualFold(v, "close") {
			return true
		}
	}
	return false
}

// lines are the values of a field, whichever way it was set.
func (w *response) lines(name string) []string {
	if values := w.fields.Values(name); values != nil {
		return values
	}
	return w.header[name]
}

func appendStatus(b []byte, status int) []byte {
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10)
	return append(append(append(b, ' '), http.StatusText(status)...), "\r\n"...)
}

// appendHeader writes the header without what the connection decides.
func (w *response) appendHeader(b []byte) []byte {
	b = w.fields.appendTo(b, aLength|aCoding|aConnection)
	for name, values := range w.header {
		if kinds[name]&(aLength|aCoding|aConnection) != 0 || !token(name) || w.fields.Has(name) {
			continue // a name with http.TrailerPrefix is no token
		}
		for _, v := range values {
			b = appendField(b, name, v)
		}
	}
	return b
}

// appendField takes line ends for blanks: nothing may begin a field of its own.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	from := len(b)
	b = append(b, value...)
	if !oneLine(value) {
		for i := from; i < len(b); i++ {
			if b[i] == '\r' || b[i] == '\n' {
				b[i] = ' '
			}
		}
	}
	return append(b, "\r\n"...)
}

func oneLine(value string) bool {
	return strings.IndexByte(value, '\n') < 0 && strings.IndexByte(value, '\r') < 0
}

func token(name string) bool {
	for i := range len(name) {
		if !tokenByte[name[i]] {
			return false
		}
	}
	return name != ""
}

// Write keeps what fits, so that a short answer leaves whole.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.failed != nil:
		return 0, w.failed
	case w.bare:
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
	if w.head {
		return len(p), nil
	}
	if w.length < 0 && !w.chunked {
		if len(w.text)+len(p) <= bufferSize {
			w.text = append(w.text, p...)
			return len(p), nil
		}
		w.chunk()
	}
	w.failed = w.pass(p)
	if w.failed != nil {
		return 0, w.failed
	}
	return len(p), nil
}

// chunk begins a body of unknown length with what waits of it.
func (w *response) chunk() {
	w.chunked = true
	*w.out = append(*w.out, "Transfer-Encoding: chunked\r\n\r\n"...)
	if len(w.text) > 0 {
		w.failed = w.pass(w.text)
		w.text = w.text[:0]
	}
}

func (w *response) pass(p []byte) error {
	if len(p) == 0 || w.failed != nil {
		return w.failed
	}
	if w.chunked {
		*w.out = append(strconv.AppendInt(*w.out, int64(len(p)), 16), "\r\n"...)
		if err := w.put(p); err != nil {
			return err
		}
		*w.out = append(*w.out, "\r\n"...)
		return nil
	}
	return w.put(p)
}

// put keeps a part that fits and writes one that does not.
func (w *response) put(p []byte) error {
	if len(*w.out)+len(p) > bufferSize-64 { // room for a chunk's frame
		if err := w.flush(); err != nil {
			return err
		}
		if len(p) > bufferSize/2 {
			w.conn.writeWithin(w.conn.front.o.StallTimeout)
			_, err := w.conn.nc.Write(p)
			return err
		}
	}
	*w.out = append(*w.out, p...)
	return nil
}

func (w *response) flush() error {
	if len(*w.out) == 0 {
		return nil
	}
	w.sent = true
	w.conn.writeWithin(w.conn.front.o.StallTimeout)
	_, err := w.conn.nc.Write(*w.out)
	*w.out = (*w.out)[:0]
	return err
}

// FlushError sends what waits, for http.ResponseController.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.length < 0 && !w.chunked && !w.bare && !w.head {
		w.chunk()
	}
	if w.failed == nil && !(w.head && w.length < 0) {
		w.failed = w.flush()
	}
	return w.failed
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// SetReadDeadline and SetWriteDeadline are for http.ResponseController.
func (w *response) SetReadDeadline(t time.Time) error {
	w.conn.readBy = t
	return w.conn.nc.SetReadDeadline(t)
}

// SetWriteDeadline see SetReadDeadline.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.conn.writeBy = t
	return w.conn.nc.SetWriteDeadline(t)
}

var errShort = errors.New("the answer is shorter than was announced")

// finish ends the answer.
func (w *response) finish() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.failed != nil:
		return w.failed
	case w.chunked:
		*w.out = append(*w.out, "0\r\n"...)
		*w.out = append(w.appendTrailers(*w.out), "\r\n"...)
	case w.length < 0 && w.head:
		*w.out = append(*w.out, "\r\n"...)
	case w.length < 0 && len(w.trailers) > 0:
		w.chunk()
		return w.finish()
	case w.length < 0:
		*w.out = append(append(appendLength(*w.out, int64(len(w.text))), "\r\n"...), w.text...)
	case !w.head && w.written < w.length:
		_ = w.flush()
		return errShort
	}
	return w.flush()
}

// appendTrailers writes the fields that were announced, and those that net/http knows
// by their prefix.
func (w *response) appendTrailers(b []byte) []byte {
	for _, name := range w.trailers {
		for _, v := range w.header[name] {
			b = appendField(b, name, v)
		}
	}
	for name, values := range w.header {
		if short, ok := strings.CutPrefix(name, http.TrailerPrefix); ok && token(short) {
			for _, v := range values {
				b = appendField(b, short, v)
			}
		}
	}
	return b
}

// stamp is the date of one second.
type stamp struct {
	second int64
	text   string
}

var today atomic.Pointer[stamp]

// date is the Date of this second (RFC 9110 section 6.6.1).
func date(now time.Time) string {
	s := today.Load()
	if s == nil || s.second != now.Unix() {
		s = &stamp{now.Unix(), now.UTC().Format(http.TimeFormat)}
		today.Store(s)
	}
	return s.text
}
