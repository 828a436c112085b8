package fault

import "net/http"

// Challenge is WWW-Authenticate as net/http keeps it.
const Challenge = "Www-Authenticate"

// markup keeps a page that shows something of a request from running it.
const markup = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// WriteHeader adds what belongs to the answer to what h has already. A 401 has a
// challenge (RFC 9110 section 15.5.2).
func (a *Answer) WriteHeader(h Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", a.ContentType)
	h.Set("Content-Length", a.length)
	if a.ContentType != ContentType {
		if k, _ := kindOf(a.ContentType); k == inHTML || k == inXML {
			h.Set("Content-Security-Policy", markup)
		}
	}
	if a.Status == http.StatusUnauthorized && h.Get(Challenge) == "" {
		h.Set(Challenge, "Bearer")
	}
}

// Header is what an answer's header is written to, by canonical names; net/http's
// Header satisfies it.
type Header interface {
	Get(name string) string
	Set(name, value string)
}
