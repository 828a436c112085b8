package engine

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"

	"github.com/gatewright/gatewright/engine/wire"
)

// Listen makes a listener for the gateway's Server that answers the plain calls of
// HTTP/1.1 by itself and refuses connections beyond the limit. Closing the gateway
// waits for the calls that are under way.
func Listen(l net.Listener, s *http.Server, g *Gateway) net.Listener {
	return front(wire.Limit(l, g.limits.MaxConnections, overloaded(), &g.connections), s, g, nil)
}

// ListenTLS is Listen over TLS, with HTTP/2 where the caller agrees on it. Who is beyond
// the limit is not told so: that would take a handshake.
func ListenTLS(l net.Listener, s *http.Server, g *Gateway, c *tls.Config) net.Listener {
	return front(wire.Limit(l, g.limits.MaxConnections, nil, &g.connections), s, g, c)
}

func front(l net.Listener, s *http.Server, g *Gateway, c *tls.Config) net.Listener {
	f := wire.Listen(l, wire.Options{
		Handler: g, Fields: true, Server: s, TLS: c, Logger: g.log,
		HeaderTimeout: g.limits.HeaderTimeout, IdleTimeout: g.limits.IdleTimeout, StallTimeout: g.limits.StallTimeout,
	})
	g.fronts.add(f)
	return f
}

// Server is the HTTP server of a gateway, with every limit set. ReadTimeout
// and WriteTimeout are how long a body may stand still: calls that move
// extend them, so streams may last.
func Server(addr string, g *Gateway) *http.Server {
	l := g.limits
	s := &http.Server{
		Addr:              addr,
		Handler:           g,
		ReadHeaderTimeout: l.HeaderTimeout,
		ReadTimeout:       l.HeaderTimeout + l.StallTimeout,
		WriteTimeout:      l.HeaderTimeout + l.StallTimeout,
		IdleTimeout:       l.IdleTimeout,
		MaxHeaderBytes:    l.MaxHeader,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		// OPTIONS * would be answered past the gateway.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 250, WriteByteTimeout: l.StallTimeout},
	}
	s.RegisterOnShutdown(g.CloseSockets)
	return s
}
