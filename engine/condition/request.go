package condition

import (
	"net/netip"
	"strings"
	"time"
)

// Fields are a request's header fields; net/http's Header satisfies it.
type Fields interface {
	// Values are all values under a canonical name, in the order received.
	Values(name string) []string
}

// Request is what conditions read. The engine fills it before the pipeline.
type Request struct {
	// Method, Path and RawQuery are the one normal form that routing,
	// conditions, endpoint rules and the upstream share. DecodedPath is Path
	// with its escapes decoded, as routes are compared.
	Method, Path, DecodedPath, RawQuery string
	// Host is without a port. Scheme and Protocol are such as https, HTTP/1.1.
	Host, Scheme, Protocol string
	Header                 Fields
	// Client is the caller's address, after trusted proxies.
	Client netip.Addr
	// Country finds the caller's country as an ISO 3166 code; nil or "" when it
	// is not known.
	Country func(*Request) string
	// CorrelationID is the id that every answer and log line carries.
	CorrelationID string
	// Environment, OwnerID and OwnerName say which proxy answers, BasePath where
	// what was called begins.
	Environment, OwnerID, OwnerName, BasePath string
	// GroupID and GroupName are the proxy group through which the call came, empty
	// when the proxy was called at its own address.
	GroupID, GroupName string
	// EndpointMethod and EndpointPath are the endpoint's method and template as
	// the proxy spells them; empty when the proxy names no endpoints.
	EndpointMethod, EndpointPath string
	// Time is the moment of the request.
	Time time.Time
	// Subject and Roles are the caller's, once a policy has authenticated it. FullName
	// and Email are those of its credential, empty for callers of other sources.
	Subject, FullName, Email string
	Roles                    []string
	// Content reads the body, bounded, and hands it on intact. Nil when there
	// is none to read.
	Content func() ([]byte, error)
	// Status is that of the answer, 0 while there is none. Answer is the header of
	// the API's answer: in the response pipeline HEADER variables read it and not
	// Header (reference 4.1); elsewhere it is nil.
	Status int
	Answer Fields

	body *bodies // nil until a rule reads it, as nearly always
}

// first is the first value of a header. Go keeps the host apart.
func (r *Request) first(name string) (string, bool) {
	if name == "Host" {
		return r.Host, r.Host != ""
	}
	if r.Header == nil {
		return "", false
	}
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

// field is what a HEADER variable names: a field of the message that the policy
// works on.
func (r *Request) field(name string) (string, bool) {
	if r.Answer == nil {
		return r.first(name)
	}
	values := r.Answer.Values(name)
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

func (r *Request) joined(name string) (string, bool) {
	if r.Header == nil {
		return "", false
	}
	values := r.Header.Values(name)
	if len(values) < 2 {
		return r.first(name)
	}
	return strings.Join(values, ", "), true
}

// Below is the path after the base path, with its slash.
func (r *Request) Below() string {
	rest := strings.TrimPrefix(r.DecodedPath, strings.TrimSuffix(r.BasePath, "/"))
	if rest == "" {
		return "/"
	}
	return rest
}
