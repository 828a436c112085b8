package engine

import (
	"strings"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/wire"
)

// A backend may know a header field by another spelling than the one it came
// in: letter case never counts, and CGI, WSGI, Rack and PHP read X-Real-IP and
// X_Real_IP as one name. So names are compared folded: lower case, with
// everything but letters and digits as a hyphen.

// ownedFields are fields, folded, that say something only a gateway can know
// or that make a backend read another request than the one the policies saw.
// What a caller sends under these names, in any spelling, does not arrive.
var ownedFields = set(
	// Where the call came from; X-Forwarded-* by its prefix.
	"forwarded", "x-real-ip", "x-client-ip", "client-ip", "x-cluster-client-ip", "true-client-ip",
	"cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip", "x-original-forwarded-for",
	"x-originating-ip", "x-remote-ip", "x-remote-addr", "x-envoy-external-address", "x-proxyuser-ip",
	"x-original-host", "x-host", "x-scheme", "x-url-scheme", "front-end-https", "x-correlation-id",
	// Another method or path than the request's own.
	"x-http-method", "x-http-method-override", "x-method-override", "x-original-method",
	"x-original-url", "x-original-uri", "x-rewrite-url", "x-override-url",
	// Proxy becomes HTTP_PROXY in CGI (CVE-2016-5385); these two make Rack
	// hand out files.
	"proxy", "x-sendfile-type", "x-accel-mapping",
	// Belongs to an upgrade that is not made.
	"http2-settings",
)

// framedFields are fields whose proper spelling HTTP itself takes care of;
// any other spelling can only be meant to deceive a backend.
var framedFields = set("authorization", "connection", "content-length", "content-type", "cookie", "expect",
	"host", "te", "trailer", "transfer-encoding", "upgrade")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

const longestOwned = 24

// cleanFields removes from an outgoing request what is the gateway's to say
// and what the policies strip.
func cleanFields(f *wire.Fields, strip []string) {
	f.DelFunc(func(i int) bool { return !f.Common(i) && owned(f.Name(i)) || stripped(f.Name(i), strip) })
}

func owned(name string) bool {
	var buf [longestOwned + 1]byte
	n := min(len(name), len(buf))
	odd := false
	for i := range n {
		buf[i] = fold(name[i])
		odd = odd || buf[i] == '-' && name[i] != '-'
	}
	folded := buf[:n]
	if strings.HasPrefix(string(folded), "x-forwarded") {
		return true
	}
	return ownedFields[string(folded)] || odd && framedFields[string(folded)]
}

func stripped(name string, strip []string) bool {
	for _, s := range strip {
		if sameField(name, s) {
			return true
		}
	}
	return false
}

// sameField tells whether a backend may read two names as one.
func sameField(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		return c
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	}
	return '-'
}

// setOwn writes the gateway's own fields. Of two settings of one name the later
// counts.
func setOwn(f *wire.Fields, own []policy.Field) {
	for i, field := range own {
		if !overruled(own[i+1:], field.Name) {
			f.Set(field.Name, field.Value)
		}
	}
}

func overruled(later []policy.Field, name string) bool {
	for _, l := range later {
		if sameField(l.Name, name) {
			return true
		}
	}
	return false
}
