package handlers

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/apiops"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/apispec"
	"github.com/gatewright/gatewright/web/link"
)

// correlationHeader is on every answer, and on a request from outside it is
// taken over when it is harmless.
const correlationHeader = "X-Correlation-Id"

var harmlessID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// contentPolicy allows nothing inline and nothing from elsewhere, so that a
// name with markup in it stays a name (D22).
const contentPolicy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// maxForm bounds what a form can carry; the largest legitimate one is a proxy
// with its endpoints.
const maxForm = 1 << 20

// longestWrite bounds what goes on without anybody waiting for it.
const longestWrite = 2 * time.Minute

// middleware wraps h in its order on the request's way in.
func middleware(h http.Handler, wrap ...func(http.Handler) http.Handler) http.Handler {
	for i := len(wrap) - 1; i >= 0; i-- {
		h = wrap[i](h)
	}
	return h
}

// withClientAddress puts the caller's own address in the place of a trusted
// proxy's: behind one, all visitors would otherwise share a single allowance
// of failed sign-ins and look alike in the audit.
func withClientAddress(trusted []netip.Prefix) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if client := engine.ClientAddr(r.RemoteAddr, r.Header["X-Forwarded-For"], trusted); client.IsValid() {
				r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
			}
			next.ServeHTTP(w, r)
		})
	}
}

func withCorrelationID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(correlationHeader)
		if !harmlessID.MatchString(id) {
			id = rand.Text()
		}
		r.Header.Set(correlationHeader, id)
		w.Header().Set(correlationHeader, id)
		next.ServeHTTP(w, r)
	})
}

func withSecurityHeaders(secure bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", contentPolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY")
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
			h.Set("Cache-Control", "no-store")
			if secure {
				h.Set("Strict-Transport-Security", "max-age=31536000")
			}
			next.ServeHTTP(w, r)
		})
	}
}

// withFinishedWrites lets what somebody asked for be done also when the browser
// has gone on to another page meanwhile: an order that was dragged, a switch.
func withFinishedWrites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), longestWrite)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// mostOf is how much a request may carry: a form, the document of an API, or the
// file of a package, which nobody reads before the right to import was asked for.
func mostOf(r *http.Request) int64 {
	if r.Method == http.MethodPost && link.TakesDocument(r.URL.EscapedPath()) || apiops.TakesDocument(r.URL.EscapedPath()) {
		return apispec.MaxDocument + maxForm
	}
	if r.Method == http.MethodPost && (link.TakesPackage(r.URL.EscapedPath()) || apiops.TakesPackage(r.URL.EscapedPath())) {
		return models.MaxUpload + maxForm
	}
	return maxForm
}

func withBodyLimit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostOf(r))
		next.ServeHTTP(w, r)
	})
}

// withRecovery turns a panic into a 500 that names only the correlation id.
// http.ErrAbortHandler goes on: it must end the connection.
func withRecovery(logger *slog.Logger, failed http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if v == http.ErrAbortHandler {
					panic(v)
				}
				logger.Error("panic", "value", v, "path", r.URL.Path, "correlationId", r.Header.Get(correlationHeader), "stack", string(debug.Stack()))
				failed(w, r)
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// withAccessLog logs each request without its query, which may hold what
// somebody typed.
func withAccessLog(logger *slog.Logger, now func() time.Time) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start, sw := now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
			next.ServeHTTP(sw, r)
			logger.Debug("console", "method", r.Method, "path", r.URL.Path, "status", sw.status, "client", clientOf(r),
				"duration", now().Sub(start), "correlationId", r.Header.Get(correlationHeader))
		})
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (w *statusWriter) WriteHeader(code int) {
	w.status = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController find the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func clientOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
