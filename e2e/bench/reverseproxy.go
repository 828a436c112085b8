package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// serveReverseProxy is the standard library's proxy with what is known to speed it
// up: enough idle connections and a pool of buffers.
func serveReverseProxy(p *parent) error {
	var with setup
	if err := p.read(&with); err != nil {
		return err
	}
	plain, secure, err := listenBoth()
	if err != nil {
		return err
	}
	to := &url.URL{Scheme: "http", Host: with.Upstream}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:  &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
		BufferPool: &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}},
	}}
	go func() { _ = server.Serve(plain) }()
	go func() { _ = server.Serve(tls.NewListener(secure, with.secrets())) }()
	if err := p.tell(addresses{plain.Addr().String(), secure.Addr().String()}); err != nil {
		return err
	}
	return p.wait()
}

const bufferSize = 32 << 10

// buffers hands out arrays, which a pool takes back without allocating.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return b.pool.Get().(*[bufferSize]byte)[:] }
func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
