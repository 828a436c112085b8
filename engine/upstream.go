package engine

import (
	"crypto/tls"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/wire"
)

// Defaults of an upstream's timeouts.
const (
	DefaultConnectTimeout  = 5 * time.Second
	DefaultResponseTimeout = 60 * time.Second
)

// upstream is an API's address, taken apart once.
type upstream struct {
	scheme, host string
	base         string // path without the slash at its end; no request leaves it
	whole        string // path for a request of the base path itself
	timeouts     timeouts
}

// timeouts are the part of an upstream that its connections depend on.
type timeouts struct{ connect, response time.Duration }

// newUpstream reads a valid address.
func newUpstream(u Upstream) upstream {
	address, err := url.Parse(u.URL)
	if err != nil { // Validate has parsed it
		panic(err)
	}
	up := upstream{
		scheme: address.Scheme, host: address.Host, whole: address.EscapedPath(),
		timeouts: timeouts{
			connect:  milliseconds(u.ConnectTimeout, DefaultConnectTimeout),
			response: milliseconds(u.ResponseTimeout, DefaultResponseTimeout),
		},
	}
	up.base = strings.TrimSuffix(up.whole, "/")
	if up.whole == "" {
		up.whole = "/"
	}
	return up
}

func milliseconds(n int, otherwise time.Duration) time.Duration {
	if n == 0 {
		return otherwise
	}
	return time.Duration(n) * time.Millisecond
}

// path is what the upstream is asked for. rest is the normal path after the
// base path: empty, or beginning with a slash.
func (u *upstream) path(rest string) string {
	base, path := u.parts(rest)
	return base + path
}

// parts is path in two, which costs no memory.
func (u *upstream) parts(rest string) (base, path string) {
	if rest == "" {
		return u.whole, ""
	}
	return u.base, rest
}

// address is where the upstream listens: host and port.
func (u *upstream) address() string {
	if _, port, ok := splitHost(u.host); ok && port != "" {
		return u.host
	}
	return u.host + ":" + map[string]string{"http": "80", "https": "443"}[u.scheme]
}

// transports keeps one http.Transport for each set of timeouts, outside of
// any snapshot, so that a deploy closes no connection.
type transports struct {
	mu    sync.Mutex
	all   map[timeouts]*http.Transport
	pools map[poolKey]*wire.Pool
	// used and pooled tell how many addresses of the snapshot that runs use one,
	// asked and askedPools which ones may be of no use.
	used       map[timeouts]int
	pooled     map[poolKey]int
	asked      []timeouts
	askedPools []poolKey
}

// poolKey tells which connections are of one kind.
type poolKey struct {
	scheme, address string
	timeouts
}

func (u *upstream) poolKey() poolKey { return poolKey{u.scheme, u.address(), u.timeouts} }

func newTransports() *transports {
	return &transports{all: make(map[timeouts]*http.Transport), pools: make(map[poolKey]*wire.Pool), used: make(map[timeouts]int), pooled: make(map[poolKey]int)}
}

// pool is that of an upstream's connections, nil for those that only net/http makes.
func (t *transports) pool(u *upstream) *wire.Pool {
	if international(u.host) {
		return nil
	}
	k := u.poolKey()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pools[k] == nil {
		t.pools[k] = newPool(u)
		t.askedPools = append(t.askedPools, k)
	}
	return t.pools[k]
}

func (t *transports) get(k timeouts) *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[k] == nil {
		t.all[k] = newTransport(k)
		t.asked = append(t.asked, k)
	}
	return t.all[k]
}

// keep forgets what a snapshot does not use any more. Requests under way on it
// end as they would have.
func (t *transports) keep(s *Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for b := range backendsOf(s.come) {
		t.count(b, 1)
	}
	for b := range backendsOf(s.gone) {
		t.count(b, -1)
	}
	t.dropUnused()
}

// count notes that a backend begins or ends to be used.
func (t *transports) count(b *backend, by int) {
	t.use(&b.upstream, by)
	for i := range b.addresses {
		t.use(&b.addresses[i].upstream, by)
	}
}

func (t *transports) use(u *upstream, by int) {
	if t.used[u.timeouts] += by; t.used[u.timeouts] == 0 {
		t.asked = append(t.asked, u.timeouts)
	}
	if international(u.host) {
		return
	}
	k := u.poolKey()
	if t.pooled[k] += by; t.pooled[k] == 0 {
		t.askedPools = append(t.askedPools, k)
	}
}

// drop forgets what was made for what did not compile.
func (t *transports) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropUnused()
}

func (t *transports) dropUnused() {
	for _, k := range t.asked {
		if transport := t.all[k]; t.used[k] == 0 {
			delete(t.used, k)
			delete(t.all, k)
			if transport != nil {
				transport.CloseIdleConnections()
			}
		}
	}
	for _, k := range t.askedPools {
		if pool := t.pools[k]; t.pooled[k] == 0 {
			delete(t.pooled, k)
			delete(t.pools, k)
			if pool != nil {
				pool.CloseIdle(true)
			}
		}
	}
	t.asked, t.askedPools = nil, nil
}

// backendsOf are those of all the owners.
func backendsOf(list []*compiled) iter.Seq[*backend] {
	return func(yield func(*backend) bool) {
		for _, c := range list {
			for _, b := range c.backends {
				if !yield(b) {
					return
				}
			}
		}
	}
}

func (t *transports) closeIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, transport := range t.all {
		transport.CloseIdleConnections()
	}
	for _, pool := range t.pools {
		pool.CloseIdle(false)
	}
}

// newTransport differs from the default where a gateway must: it asks no
// proxy of the process's environment, passes compressed bodies untouched, and
// keeps enough idle connections that a busy API is not dialled for each call.
func newTransport(k timeouts) *http.Transport {
	dialer := &net.Dialer{Timeout: k.connect}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    k.connect,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  k.response,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         16 << 10,
	}
}
