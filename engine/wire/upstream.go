package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of the connections to one address.
const (
	maxIdle     = 512
	idleTimeout = 90 * time.Second
	// maxAnswerHead is the longest head of an answer in bytes.
	maxAnswerHead = 256 << 10
)

// Pool keeps the connections to one address of an API, the one that was used last
// first. It is safe for concurrent use.
type Pool struct {
	address           string
	connect, response time.Duration
	dialer            net.Dialer
	secrets           *tls.Config // nil without TLS
	http2             atomic.Bool

	mu      sync.Mutex
	idle    []*upstreamConn
	closed  bool
	janitor *time.Timer
}

// NewPool is for host:port, with how long a connection may take to stand and the head
// of an answer to come.
func NewPool(address string, connect, response time.Duration) *Pool {
	return &Pool{address: address, connect: connect, response: response, dialer: net.Dialer{Timeout: connect}}
}

// Request is what an API is asked. The target is Base, Path and Query together. What
// the header says of Host and framing does not count.
type Request struct {
	Method, Base, Path, Query, Host string
	Fields                          *Fields
	// Body is sent with its length where Length is not negative.
	Body   []byte
	Length int
	// Stream is sent in place of Body where it is not nil: Length bytes, or in chunks as
	// they come where that is negative. Closing it must end a read that waits. It is
	// read by one goroutine, which has ended when the answer is closed or none came.
	Stream io.ReadCloser
	// Informational gets the informational answers but 100; nil drops them.
	Informational func(status int, f *Fields)
}

// Answer is what an API answers.
type Answer struct {
	StatusCode int
	Fields     *Fields
	// ContentLength is that of the body, -1 when it is not known.
	ContentLength int64
	Body          io.ReadCloser
	// Trailer is known when the body has been read; before, what is announced.
	Trailer http.Header
}

// errUnasked is an API that speaks before it is asked, or twice.
var errUnasked = errors.New("the API switched to a protocol that it was not asked for")

// Do asks the API. The answer is valid until its body is closed, which must be; the
// body is read by the caller's goroutine. w is the call's http.ResponseWriter: the
// asking ends when its caller leaves, or ctx ends. A connection that turns out to be
// dead is replaced once, where asking twice does no harm (RFC 9110 section 9.2.2).
func (p *Pool) Do(ctx context.Context, w http.ResponseWriter, r *Request) (*Answer, error) {
	for {
		u, err := p.get(ctx)
		if err != nil {
			return nil, err
		}
		u.guard(ctx, w)
		res, err := u.ask(r)
		if err == nil {
			return res, nil
		}
		again := u.used && !u.heard && u.sending == nil && (u.wrote == 0 || harmless(r.Method)) && ctx.Err() == nil && !timedOut(err)
		u.drop()
		if !again {
			return nil, err
		}
	}
}

func harmless(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// get takes the idle connection that was used last, or makes one.
func (p *Pool) get(ctx context.Context) (*upstreamConn, error) {
	for {
		u := p.pop()
		if u == nil {
			break
		}
		if u.turn != nil || u.fresh() { // a turn looks for itself
			return u, nil
		}
		_ = u.nc.Close()
	}
	return p.dial(ctx)
}

func (p *Pool) pop() *upstreamConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	u := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return u
}

func (p *Pool) put(u *upstreamConn) {
	u.used = true
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		_ = u.nc.Close()
		return
	}
	p.idle = append(p.idle, u)
	if p.janitor == nil {
		p.janitor = time.AfterFunc(idleTimeout/2, p.clean)
	}
}

// clean closes what nobody has asked for long. Those lie at the bottom.
func (p *Pool) clean() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].since) > idleTimeout/2 {
		_ = p.idle[old].nc.Close()
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	p.janitor = nil
	if len(p.idle) > 0 {
		p.janitor = time.AfterFunc(idleTimeout/2, p.clean)
	}
}

// CloseIdle closes the idle connections; with forever also those that become idle.
func (p *Pool) CloseIdle(forever bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = p.closed || forever
	for _, u := range p.idle {
		_ = u.nc.Close()
	}
	p.idle = nil
	if p.janitor != nil {
		p.janitor.Stop()
		p.janitor = nil
	}
}

// upstreamConn is one connection to an API.
type upstreamConn struct {
	pool  *Pool
	nc    net.Conn
	raw   net.Conn // what nc lies on, where it is TLS; else the same
	below *below   // the same, nil without TLS
	in    *bufio.Reader
	probe *probe
	turn  *turn   // nil where there is no bare socket
	out   *[]byte // the request until it is written
	one   [1]byte
	head  head
	res   Answer
	body  answerBody
	since time.Time // when it was last asked

	// used: it has served a call before; heard: something of the answer came; keep: it
	// may serve another.
	used, heard, keep bool
	wrote             int
	readBy            time.Time
	rest              *bufio.Reader // what net/http reads the answer from
	front             *conn         // of the caller, when it is ours
	stop              func() bool   // ends the watch over another's context
	sending           *upload       // nil but while a body streams
	interrupted       atomic.Bool
}

func newUpstreamConn(p *Pool, nc net.Conn) *upstreamConn {
	u := &upstreamConn{pool: p, nc: nc, raw: nc, in: bufio.NewReaderSize(nc, 16<<10)}
	u.turn = newTurn(nc, u.release)
	if s, ok := nc.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			u.probe = newProbe(raw)
		}
	}
	u.body.u = u
	return u
}

// guard lets the leaving caller end the asking.
func (u *upstreamConn) guard(ctx context.Context, w http.ResponseWriter) {
	r, ok := w.(*response)
	if !ok {
		u.stop = context.AfterFunc(ctx, u.interrupt)
		return
	}
	u.front = r.conn
	u.front.setBehind(u)
	if ctx.Err() != nil { // it was a moment too early to be told
		u.interrupt()
	}
}

// unguard ends that, before the connection is anybody else's.
func (u *upstreamConn) unguard() {
	switch {
	case u.front != nil:
		u.front.setBehind(nil)
		u.front = nil
	case u.stop != nil:
		if !u.stop() { // it may be interrupting at this moment
			u.keep = false
		}
		u.stop = nil
	}
}

// interrupt ends what waits on the connection. It is the caller's end, from another
// goroutine.
func (u *upstreamConn) interrupt() {
	u.interrupted.Store(true)
	_ = u.raw.Close() // TLS would say goodbye, and might wait with that
}

func (u *upstreamConn) drop() {
	u.unguard()
	_ = u.raw.Close()
	u.sent()
}

// sent ends the upload, if there is one, and tells whether it is complete.
func (u *upstreamConn) sent() bool {
	if u.sending == nil {
		return true
	}
	whole := u.sending.end()
	u.sending = nil
	return whole
}

// ask writes the request in one piece and reads the head of the answer.
func (u *upstreamConn) ask(r *Request) (*Answer, error) {
	u.heard, u.keep, u.wrote = false, true, 0
	if err := u.readWithin(u.pool.response); err != nil {
		return nil, err
	}
	if err := u.write(r); err != nil {
		// An API may answer before it has read everything, and close.
		if u.wrote == 0 || u.interrupted.Load() || timedOut(err) || u.readWithin(u.pool.response) != nil {
			return nil, u.why(err)
		}
		res, failed := u.answer(r)
		if failed != nil {
			return nil, err
		}
		u.keep = false
		return res, nil
	}
	if r.Stream != nil {
		return u.askWhileSending(r)
	}
	return u.answer(r)
}

// askWhileSending has no deadline for the head until all is sent.
func (u *upstreamConn) askWhileSending(r *Request) (*Answer, error) {
	u.readBy = time.Time{}
	if err := u.raw.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	u.startUpload(r)
	res, err := u.answer(r)
	if err != nil {
		return nil, u.sending.why(err)
	}
	u.sending.answered()
	u.body.patient = true
	return res, nil
}

func (u *upstreamConn) write(r *Request) error {
	u.out = buffers.Get().(*[]byte)
	defer u.release()
	b := appendRequest(*u.out, r)
	together := r.Stream == nil && len(b)+len(r.Body) <= bufferSize
	if together {
		b = append(b, r.Body...)
	}
	*u.out = b
	err := u.send(b, together)
	if err == nil && !together && r.Stream == nil {
		if err = u.send(r.Body, false); err == nil {
			err = u.readWithin(u.pool.response) // it may have taken a while
		}
	}
	return err
}

// release gives the memory of the request back, once it is written: whoever waits for an
// answer has none.
func (u *upstreamConn) release() {
	if u.out != nil {
		giveBack(u.out)
		u.out = nil
	}
}

// errStale is an idle connection that the API has closed or spoken on.
var errStale = errors.New("the connection to the API is no longer idle")

// send writes a part of the request; all tells that it is the whole.
func (u *upstreamConn) send(b []byte, all bool) (err error) {
	n := 0
	switch {
	case !u.used || u.turn == nil || u.wrote > 0:
	case all:
		n, err = u.turn.ask(b)
	case !u.probe.ok():
		err = errStale
	}
	if u.wrote += n; err == nil && n < len(b) {
		n, err = u.nc.Write(b[n:])
		u.wrote += n
	}
	return err
}

func appendRequest(b []byte, r *Request) []byte {
	b = append(append(append(append(b, r.Method...), ' '), r.Base...), r.Path...)
	if r.Query != "" {
		b = append(append(b, '?'), r.Query...)
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...), "\r\n"...)
	if r.Fields != nil {
		b = r.Fields.appendTo(b, aHost|aLength|aCoding|aTrailer)
	}
	if r.Length >= 0 {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(r.Length), 10), "\r\n"...)
	} else if r.Stream != nil {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}

// readWithin sets the deadline for the head. It moves once in a while: the head may
// take up to an eighth longer than was said.
func (u *upstreamConn) readWithin(d time.Duration) error {
	now := u.now(d)
	u.since = now
	if left := u.readBy.Sub(now); left >= d && left <= d+d/8 {
		return nil
	}
	u.readBy = now.Add(d + d/8)
	return u.nc.SetReadDeadline(u.readBy)
}

func (u *upstreamConn) now(d time.Duration) time.Time {
	if u.front != nil {
		return u.front.front.now(d)
	}
	return time.Now()
}

// answer reads the head of the answer that counts.
func (u *upstreamConn) answer(r *Request) (*Answer, error) {
	for {
		res, err := u.readAnswer(r.Method)
		if err != nil {
			return nil, err
		}
		switch {
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errUnasked
		case res.StatusCode >= 200:
			u.res.Body = &u.body
			return &u.res, nil
		case res.StatusCode != http.StatusContinue && r.Informational != nil:
			r.Informational(res.StatusCode, res.Fields)
		}
	}
}

func (u *upstreamConn) readAnswer(method string) (*Answer, error) {
	if u.rest != nil {
		return u.odd(method)
	}
	n, err := u.awaitHead()
	if err != nil {
		return nil, err
	}
	if n > 0 {
		raw, _ := u.in.Peek(n)
		if u.plain(string(raw), method) {
			_, _ = u.in.Discard(n)
			return &u.res, nil
		}
	}
	return u.odd(method)
}

// awaitHead is the length of the head that waits, 0 when it has no end that is plain.
func (u *upstreamConn) awaitHead() (int, error) {
	for {
		have, _ := u.in.Peek(u.in.Buffered())
		if n := endOfHead(have); n > 0 || len(have) == u.in.Size() || !mayBePlain(have) {
			return n, nil
		}
		if _, err := u.in.Peek(len(have) + 1); err != nil {
			if len(have) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, u.why(err)
		}
		u.heard = true
	}
}

// mayBePlain is false for heads whose lines end without a carriage return: their end
// would be awaited in vain.
func mayBePlain(b []byte) bool {
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') {
			return false
		}
	}
	return true
}

// why makes a caller's leaving known by a name of its own.
func (u *upstreamConn) why(err error) error {
	if u.interrupted.Load() {
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return err
}

// plain parses a plain head into the one response of the connection.
func (u *upstreamConn) plain(text, method string) bool {
	line, rest, _ := strings.Cut(text, "\r\n")
	status, ok := statusLine(line)
	if !ok || len(rest) < 2 || !u.head.parse(rest[:len(rest)-2]) || u.head.hosts > 0 {
		return false
	}
	if u.head.chunked {
		u.head.fields.Del("Transfer-Encoding")
	}
	u.res = Answer{StatusCode: status, Fields: &u.head.fields, ContentLength: -1}
	u.keep = u.keep && !u.head.close
	u.body.begin()
	switch {
	case status < 200:
	case method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified:
		u.res.ContentLength = u.head.length
		u.body.left = 0
	case u.head.chunked:
		u.body.chunked, u.body.chunks = true, chunks{in: u.in}
	case u.head.length >= 0:
		u.res.ContentLength, u.body.left = u.head.length, u.head.length
	default:
		u.keep, u.body.endless = false, true // until the end of the connection
	}
	return true
}

// statusLine reads "HTTP/1.1 200 OK" (RFC 9112 section 4).
func statusLine(line string) (status int, ok bool) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	if !ok || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return 0, false
	}
	status = int(number(rest[:3]))
	_, ok = fieldValue(rest[3:]) // or the line does not end where it seems to
	return status, ok && status >= 100
}

// odd leaves the answer to net/http, and the connection with it.
func (u *upstreamConn) odd(method string) (*Answer, error) {
	if u.keep = false; u.rest == nil {
		u.rest = bufio.NewReader(&bounded{u.in, maxAnswerHead, u})
	}
	res, err := http.ReadResponse(u.rest, &http.Request{Method: method})
	if err != nil {
		return nil, u.why(err)
	}
	u.head.fields.SetHeader(res.Header)
	u.res = Answer{StatusCode: res.StatusCode, Fields: &u.head.fields, ContentLength: res.ContentLength, Trailer: res.Trailer}
	u.body.begin()
	u.body.odd, u.body.endless = res.Body, res.ContentLength < 0 && len(res.TransferEncoding) == 0
	return &u.res, nil
}

// bounded ends a head that is too long. From the body on it lets everything through.
type bounded struct {
	r    io.Reader
	left int
	u    *upstreamConn
}

var errLongHead = errors.New("the head of the API's answer is too long")

func (b *bounded) Read(p []byte) (int, error) {
	b.u.heard = true
	if b.left <= 0 && b.u.body.odd == nil {
		return 0, errLongHead
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// answerBody is the body of an answer.
type answerBody struct {
	u      *upstreamConn
	left   int64 // of a known length; -1 until the end of the connection
	chunks chunks
	odd    io.ReadCloser
	chunked, patient, endless,
	ended, closed bool
}

func (b *answerBody) begin() { *b = answerBody{u: b.u, left: -1} }

// Read gives the next part.
func (b *answerBody) Read(p []byte) (n int, err error) {
	if b.ended {
		return 0, io.EOF
	}
	b.wait()
	switch {
	case b.odd != nil:
		n, err = b.odd.Read(p)
	case b.chunked:
		if n, err = b.chunks.Read(p); err == io.EOF {
			err = b.trailer()
		}
	case b.left == 0:
		err = io.EOF
	case b.left > 0:
		n, err = b.u.in.Read(p[:min(int64(len(p)), b.left)])
		if b.left -= int64(n); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	default:
		n, err = b.u.in.Read(p)
	}
	if err == io.EOF && b.u.cutOff() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		b.ended = true
		b.u.keep = b.u.keep && err == io.EOF
		if err != io.EOF {
			err = b.u.why(err)
		}
	}
	return n, err
}

// wait takes the head's deadline away before the first read that may have to wait: a
// body takes its time.
func (b *answerBody) wait() {
	if b.patient || b.odd == nil && (b.left == 0 || b.left > 0 && int64(b.u.in.Buffered()) >= b.left) {
		return
	}
	b.patient = true
	b.u.readBy = time.Time{}
	_ = b.u.nc.SetReadDeadline(time.Time{})
}

// trailer reads what follows the last chunk: nothing, or fields.
func (b *answerBody) trailer() error {
	end, err := b.u.in.Peek(2)
	if err == nil && string(end) == "\r\n" {
		_, _ = b.u.in.Discard(2)
		return io.EOF
	}
	fields, err := textproto.NewReader(bufio.NewReader(io.LimitReader(b.u.in, maxAnswerHead))).ReadMIMEHeader()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	b.u.keep = false // what was read ahead is lost
	b.u.res.Trailer = http.Header(fields)
	return io.EOF
}

// Waits tells whether the next read may have to wait for the API.
func (b *answerBody) Waits() bool {
	switch {
	case b.ended:
		return false
	case b.chunked:
		return b.chunks.waits()
	}
	return b.odd != nil || b.left != 0 && b.u.in.Buffered() == 0
}

// Close gives the connection back, if the body was read to its end and nothing came
// after it.
func (b *answerBody) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	u := b.u
	u.unguard()
	u.keep = u.sent() && u.keep
	if u.interrupted.Load() || !u.keep || !b.ended && b.left != 0 || u.in.Buffered() > 0 {
		return u.raw.Close()
	}
	u.pool.put(u)
	return nil
}

// Address is the one that the pool was made for.
func (p *Pool) Address() string { return p.address }
