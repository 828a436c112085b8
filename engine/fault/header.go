package fault

import "net/http"

// Values that every answer of the gateway's own has.
var (
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	standard    = []string{ContentType}
	unspecified = []string{"Bearer"}
)

// Challenge is WWW-Authenticate as net/http keeps it.
const Challenge = "Www-Authenticate"

// markup keeps a page that shows something of a request from running it.
var markup = []string{"default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}

// WriteHeader adds what belongs to the answer to what h has already. A 401 has a
// challenge (RFC 9110 section 15.5.2).
func (a *Answer) WriteHeader(h http.Header) {
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	h["Content-Type"], h["Content-Length"] = standard, a.length
	if a.ContentType != ContentType {
		h["Content-Type"] = []string{a.ContentType}
		if k, _ := kindOf(a.ContentType); k == inHTML || k == inXML {
			h["Content-Security-Policy"] = markup
		}
	}
	if a.Status == http.StatusUnauthorized && len(h[Challenge]) == 0 {
		h[Challenge] = unspecified
	}
}
