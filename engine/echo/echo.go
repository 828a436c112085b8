// Package echo owns the upstream that answers with what it was asked: for the
// demo project (D23) and for tests.
package echo

import (
	"encoding/json"
	"io"
	"net/http"
)

// MaxBody is how many bytes of a request's body an answer shows.
const MaxBody = 64 << 10

// Request is the answer: the request as it arrived.
type Request struct {
	Method string `json:"method"`
	Host   string `json:"host"`
	// Path is the path as it was sent, with its escapes.
	Path string `json:"path"`
	// Query is what followed the question mark, as it was sent.
	Query string `json:"query"`
	// Headers are all values by name, in net/http's spelling of the name.
	Headers map[string][]string `json:"headers"`
	// Trailers are the fields that came after the body.
	Trailers map[string][]string `json:"trailers,omitempty"`
	// Body is at most the first MaxBody bytes; invalid UTF-8 is replaced.
	Body string `json:"body"`
	// Truncated tells that there was more.
	Truncated bool `json:"truncated,omitempty"`
}

// Handler answers every request with 200 and a Request as JSON.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	shown, err := read(r)
	if err != nil {
		http.Error(w, "The body could not be read.", http.StatusBadRequest)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(shown) // whoever has gone reads no answer
}

func read(r *http.Request) (Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return Request{}, err
	}
	shown := Request{
		Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Headers: r.Header, Trailers: r.Trailer, Truncated: len(body) > MaxBody,
	}
	shown.Body = string(body[:min(len(body), MaxBody)])
	return shown, nil
}
