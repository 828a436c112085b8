// Package apiops owns the management API (D19): every operation with its right,
// its shapes and its examples in one table, from which both the routes and the
// OpenAPI document are made, and the adapters between HTTP and models.Store. The
// rules are those of the console: one Validate, one save, one permission rule.
package apiops

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
)

// Prefix is where the API is served.
const Prefix = "/apiops/"

// Options are what the API needs.
type Options struct {
	Store      *models.Store
	Types      policy.Set
	Identities identity.Kinds
	// Outgoing decides where a test of an identity source may connect to; nil
	// allows everything.
	Outgoing func(netip.Addr) error
	Logger   *slog.Logger
	Now      func() time.Time
	Throttle Throttle
	// Client is the caller's address.
	Client func(*http.Request) netip.Addr
}

// Throttle slows the guessing of passwords.
type Throttle interface {
	// Wait is how long the next attempt has to wait; zero means go on.
	Wait(name, address string) time.Duration
	Failed(name, address string)
	Succeeded(name, address string)
}

// API serves the operations.
type API struct {
	Options
	operations []operation
	// document takes longer to make than all else at a start, and few ask for it.
	document func() []byte
}

// New makes the API.
func New(o Options) *API {
	a := &API{Options: o}
	a.operations = a.table()
	a.document = sync.OnceValue(func() []byte { return encodeDocument(a.describe()) })
	return a
}

// Document is the OpenAPI document as JSON.
func (a *API) Document() []byte { return a.document() }

// Handler serves the operations. It expects the middleware of the listener
// around it: correlation id, recovery, body limit.
func (a *API) Handler() http.Handler {
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.HandleMethodNotAllowed = true
	e.UseRawPath = true          // a name with an encoded slash must not become two segments
	e.UnescapePathValues = false // gin reads a plus as a blank there
	if err := e.SetTrustedProxies(nil); err != nil {
		panic(err) // nil is always valid
	}
	e.Use(a.withNames)
	for _, op := range a.operations {
		for _, path := range op.ginPaths() {
			e.Handle(op.method, path, a.serve(op))
		}
	}
	e.NoRoute(a.refuse(models.ErrNotFound))
	e.NoMethod(a.refuse(errMethod))
	return e
}

// refuse answers what no operation takes.
func (a *API) refuse(err error) gin.HandlerFunc {
	return func(g *gin.Context) { a.fail(&call{API: a, g: g}, err) }
}

// withNames refuses a path with a part that is empty or dots, which is the path of
// something else (RFC 3986 section 5.2.4), encoded or not.
func (a *API) withNames(g *gin.Context) {
	path := strings.TrimSuffix(strings.TrimPrefix(g.Request.URL.EscapedPath(), Prefix), "/")
	for part := range strings.SplitSeq(path, "/") {
		if name, err := url.PathUnescape(part); err == nil && name != "" && name != "." && name != ".." {
			continue
		}
		a.refuse(models.ErrNotFound)(g)
		g.Abort()
		return
	}
}

// call is one request to one operation.
type call struct {
	*API
	g       *gin.Context
	op      operation
	project models.Project    // that the path names, if it names one
	token   models.TokenScope // what the token was made for
	sent    []byte            // the JSON that was sent
}

func (c *call) ctx() context.Context { return c.g.Request.Context() }

// name is a path parameter, decoded. In a path, unlike in a query, a plus is a
// plus (RFC 3986 section 2.4).
func (c *call) name(parameter string) string {
	value := c.g.Param(parameter)
	if c.g.Request.URL.RawPath == "" {
		return value // gin matched the decoded path
	}
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}
