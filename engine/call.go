package engine

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/engine/wire"
)

// call is one request under way. Calls are used again, so that one costs next
// to no memory; nothing that may outlive a request may keep its call.
type call struct {
	g *Gateway
	// proxy is bound to this call once, for its whole life: the way of
	// passing a request's state to the callbacks that allocates nothing.
	proxy    httputil.ReverseProxy
	balanced balanced
	buffer   []byte
	// read and country are bound once too: conditions ask by them; and informs.
	read    func() ([]byte, error)
	country func(*condition.Request) string
	informs func(status int, f *wire.Fields)
	// Memory for what is sent to the API: the header, a short body; and for the two
	// headers of a call that net/http has read.
	out     wire.Fields
	content []byte
	asked   wire.Request
	copies  struct{ in, answer wire.Fields }

	x   policy.Exchange
	ids newIDs
	state
}

// state is what a call forgets at its end.
type state struct {
	w    http.ResponseWriter
	r    *http.Request // its Header is nil when the call is lean
	snap *Snapshot
	// in is the request's header, fields that of the answer: what is set there wins over
	// Header(). Lean calls were read by package wire, the others by net/http.
	in, fields *wire.Fields
	lean       bool

	target  target
	host    string // normal Host field with its port, for the upstream
	route   route
	body    *body
	held    *heldBody // what a condition has read of the body
	holds   int64     // room that was made for it
	upgrade *socket
	peer    netip.Addr
	trusted bool   // the peer is a trusted proxy
	id      string // the correlation id
	trace   Trace  // nil: the call is not followed

	started, called, answered, extended time.Time

	streaming bool // body goes to the API while that may answer already

	sent   bool // the answer has begun
	lost   bool // the caller cannot be written to
	silent bool // another part reports the call
	status int
	fault  fault.Type
	by     *step // the policy that refused
	cause  error // for the operator; never sent to the caller
}

func newCall(g *Gateway) *call {
	c := &call{g: g}
	c.proxy = httputil.ReverseProxy{
		Rewrite: c.rewrite, ModifyResponse: c.modifyResponse, ErrorHandler: c.forwardFailed,
		BufferPool: copyBuffer{c}, ErrorLog: g.proxyLog,
	}
	c.balanced.bind(c)
	c.read, c.country, c.informs = c.readBody, c.findCountry, c.inform
	return c
}

// copyBuffer lends the call's own buffer to the one copy that it makes.
type copyBuffer struct{ c *call }

const copyBufferSize = 32 << 10

func (b copyBuffer) Get() []byte {
	if b.c.buffer == nil {
		b.c.buffer = make([]byte, copyBufferSize)
	}
	return b.c.buffer
}

func (copyBuffer) Put([]byte) {}

// ServeHTTP answers one request of the environment: by the token service on
// the reserved paths, else by the proxy that it belongs to.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := g.calls.Get().(*call)
	c.begin(w, r)
	defer c.end()
	defer g.load.done()
	if !g.load.more(g.limits.MaxCalls) {
		c.shed()
		return
	}
	c.serve()
}

func (c *call) begin(w http.ResponseWriter, r *http.Request) {
	c.w, c.r, c.started, c.snap = w, r, c.g.now(), c.g.snapshot.Load()
	c.headers()
	if !c.lean {
		c.extended = time.Now() // the server has just set its deadlines
	}
	c.peer = peerAddr(r.RemoteAddr)
	c.trusted = within(c.g.trusted, c.peer)
	c.id = c.ids.correlationID(c.in, c.trusted)
	if c.g.tracer != nil {
		c.follow()
	}
	c.x.Header, c.x.Method, c.x.CorrelationID = c.in, r.Method, c.id
	c.x.Protocol, c.x.Time, c.x.Content, c.x.Country = r.Proto, c.started, c.read, c.country
	c.x.Client = clientAddr(c.peer, c.in.Values("X-Forwarded-For"), c.g.trusted)
}

// headers are those of package wire, or copies of net/http's.
func (c *call) headers() {
	if c.in, c.fields, c.lean = wire.Of(c.w); c.lean {
		return
	}
	c.in, c.fields = &c.copies.in, &c.copies.answer
	c.in.SetHeader(c.r.Header)
	c.fields.Reset()
}

// whole is the request for who reads its header as net/http's.
func (c *call) whole() *http.Request {
	if c.r.Header == nil {
		c.r.Header = c.in.Header()
	}
	return c.r
}

func (c *call) serve() {
	if c.snap == nil {
		c.refuse(fault.Unavailable, errNoConfiguration)
		return
	}
	if err := c.normalize(); err != nil {
		c.refuse(fault.BadRequest, err)
		return
	}
	if c.g.tokens.Handles(c.target.match) {
		c.serveToken()
		return
	}
	if !c.find() {
		return
	}
	c.name()
	c.x.Identities, c.x.Context = c.snap, c.r.Context()
	if by, err := runSteps(c.route.operation.request, &c.x, c.trace); err != nil {
		c.reject(by, err)
		return
	}
	c.forward()
}

// name tells policies and conditions what was called: the proxy that answers, if
// one was found, and the group through which the call came.
func (c *call) name() {
	o, op := c.route.owner, c.route.operation
	c.x.BasePath = o.route.BasePath
	switch {
	case op == nil && o.kind == KindProxy:
		c.x.OwnerID, c.x.OwnerName = o.id, o.name
	case op != nil:
		c.x.OwnerID, c.x.OwnerName = op.proxy.id, op.proxy.name
		c.x.EndpointMethod, c.x.EndpointPath = op.endpoint.Method, op.endpoint.Path
	}
	if o.kind == KindProxyGroup {
		c.x.GroupID, c.x.GroupName = o.id, o.name
	}
}

func (c *call) normalize() error {
	if err := checkMethod(c.r.Method); err != nil {
		return err
	}
	if !c.lean && c.in.Len() > c.g.limits.MaxFields {
		return manyFields
	}
	name, port, err := normalHost(c.r.Host)
	if err != nil {
		return err
	}
	if c.target, err = parseTarget(c.r.RequestURI); err != nil {
		return err
	}
	c.x.Host, c.x.Path, c.x.DecodedPath, c.x.RawQuery = name, c.target.path, c.target.match, c.target.query
	c.x.Environment, c.x.Scheme = c.snap.environment, "http"
	if c.secure() {
		c.x.Scheme = "https"
	}
	c.host = forwardedHost(c.r.Host, name, port)
	return nil
}

// serveToken hands over to the token service, which reports its own events.
func (c *call) serveToken() {
	c.silent = true
	c.r.URL.Path, c.r.URL.RawPath, c.r.URL.RawQuery = c.target.match, "", c.target.query
	c.x.Content = nil // the body is the token service's
	c.g.tokens.ServeHTTP(c, c.whole(), c.snap, token.Caller{Client: c.x.Client, CorrelationID: c.id, Request: &c.x.Request})
	if !c.sent {
		c.WriteHeader(http.StatusOK)
	}
}

func (c *call) find() bool {
	c.route = c.snap.router.route(c.x.Host, c.x.Method, c.target.match)
	if c.route.fault == "" {
		return true
	}
	if c.route.allow != "" {
		c.fields.Set("Allow", c.route.allow)
	}
	c.refuse(c.route.fault, nil)
	return false
}

// reject answers for a policy. Only a rejection says more than "our fault".
func (c *call) reject(by *step, err error) {
	c.by = by
	r, ok := err.(*policy.Rejection) // as nearly always
	if !ok {
		r, ok = wrapped(err)
	}
	if !ok {
		c.broken(&stepError{by.name, err})
		return
	}
	if r.Challenge != "" {
		c.fields.Set(fault.Challenge, r.Challenge)
	}
	if r.Retry > 0 {
		c.fields.Set("Retry-After", strconv.Itoa(int(r.Retry.Seconds())))
	}
	if r.Alarm != "" {
		c.alarm(r)
	}
	c.refuse(r.Fault, r.Cause)
}

// wrapped is apart from reject, as it costs memory.
func wrapped(err error) (r *policy.Rejection, ok bool) {
	ok = errors.As(err, &r)
	return r, ok
}

// broken answers for a fault of ours and logs it: with the id that the caller
// can tell, and without the query and the header, which may hold secrets.
func (c *call) broken(err error) {
	attrs := []slog.Attr{
		slog.String("correlation_id", c.id), slog.String("method", c.r.Method),
		slog.String("path", c.target.path), slog.Any("error", err),
	}
	if o := c.route.owner; o != nil {
		group, proxy := c.names()
		attrs = append(attrs, slog.String("project", o.project), slog.String("group", group), slog.String("proxy", proxy))
	}
	var b *broken
	if errors.As(err, &b) {
		attrs = append(attrs, slog.String("stack", string(b.stack)))
	}
	c.g.log.LogAttrs(c.r.Context(), slog.LevelError, "request failed", attrs...)
	c.refuse(fault.Unexpected, err)
}

// end reports the call, also when it panicked, and makes it ready for its
// next use. A call that panicked is not used again.
func (c *call) end() {
	v, begun := recover(), c.sent
	c.g.load.letGo(c.holds)
	switch {
	case v == nil:
	case v == http.ErrAbortHandler:
		c.aborted()
	default:
		c.broken(&broken{v, debug.Stack()})
	}
	if !c.silent {
		c.g.sink.Access(c.access())
	}
	if c.trace != nil {
		c.trace.End(c.access())
	}
	if v == http.ErrAbortHandler || v != nil && begun {
		panic(http.ErrAbortHandler) // net/http cuts the answer off
	}
	if v != nil {
		return
	}
	c.reset()
	c.g.calls.Put(c)
}

var (
	errNoConfiguration = errors.New("no configuration yet")
	errCallerLeft      = errors.New("the caller closed the connection")
	errAnswerBroke     = errors.New("the answer of the API broke off")
)

// aborted is the end of an answer that broke off in its middle.
func (c *call) aborted() {
	switch {
	case c.status == statusGone:
	case c.lost || c.r.Context().Err() != nil:
		c.status, c.cause = statusGone, errCallerLeft
	case c.fault == "":
		c.fault, c.cause = fault.UpstreamConnection, errAnswerBroke
	}
}

func (c *call) reset() {
	c.x.Reset()
	c.state = state{}
}

func (c *call) access() event.Access {
	a := event.Access{
		Time: c.started, Method: c.r.Method, Path: c.target.path, Client: c.x.Client, Subject: c.x.Identity.Subject,
		TokenCheck: c.x.TokenCheck,
		Status:     c.status, Result: c.result(), Fault: c.fault, Cause: c.cause, CorrelationID: c.id,
		Duration: c.g.now().Sub(c.started),
	}
	if c.cause != nil {
		a.Reason = c.cause.Error()
	}
	if c.by != nil {
		a.Policy = c.by.name
	}
	if a.Path == "" {
		a.Path = c.r.URL.Path // refused before it was read
	}
	if c.snap != nil {
		a.Environment = c.snap.environment
	}
	if o := c.route.owner; o != nil {
		a.Project = o.project
		a.Group, a.Proxy = c.names()
	}
	if c.route.operation != nil {
		a.Endpoint = c.route.operation.name
	}
	if !c.answered.IsZero() {
		a.Upstream = c.answered.Sub(c.called)
	}
	return a
}

// names are those of the group that was called, "" when it was a proxy itself,
// and of the proxy, "" when none of the group answers.
func (c *call) names() (group, proxy string) {
	o := c.route.owner
	if o.kind != KindProxyGroup {
		return "", o.name
	}
	if c.route.operation == nil {
		return o.name, ""
	}
	return o.name, c.route.operation.proxy.name
}
