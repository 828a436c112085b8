package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// Proxy is an API proxy as it is written, deployed and compared: a
// self-contained definition with its policies embedded (D5).
type Proxy struct {
	Project string `json:"project"`
	Name    string `json:"name"`
	// ClientID is the public half of the key pair and the audience of the
	// proxy's tokens (D15).
	ClientID string   `json:"clientId"`
	Route    Route    `json:"route"`
	Upstream Upstream `json:"upstream"`
	// Endpoints are the operations of the API. With none, every path and
	// method below the base path is passed on.
	Endpoints []APIEndpoint `json:"endpoints,omitempty"`
	// Policies are the bound policies in the order they run.
	Policies []Bound `json:"policies,omitempty"`
	// ErrorTemplates are what the proxy's error answers are put into; nil for
	// none.
	ErrorTemplates *fault.Bodies `json:"errorTemplates,omitempty"`
	// Values are the environment variables that the templates of the proxy and of
	// its policies name, as the environment had them at the deploy.
	Values map[string]string `json:"values,omitempty"`
}

// Route says which requests are the proxy's.
type Route struct {
	// BasePath is matched by whole segments and taken off before the
	// upstream is called; it begins with a slash and does not end with one.
	BasePath string `json:"basePath"`
	// Hosts limits the route to host names, each exact or with "*" as its
	// first label; empty means any.
	Hosts []string `json:"hosts,omitempty"`
	// Methods limits the route to HTTP methods; empty means any.
	Methods []string `json:"methods,omitempty"`
}

// APIEndpoint is one operation: a method and a path template below the base
// path, such as /pets/{petId}.
type APIEndpoint struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// Bound is a policy in one of the proxy's pipelines.
type Bound struct {
	Scope    policy.Scope    `json:"scope"`
	Endpoint *APIEndpoint    `json:"endpoint,omitempty"`
	Pipeline policy.Pipeline `json:"pipeline"`
	// Policy is the flat JSON object of the policy, Group a policy group; exactly
	// one of them is there.
	Policy json.RawMessage `json:"policy,omitempty"`
	Group  *PolicyGroup    `json:"group,omitempty"`
}

// Limits of a proxy.
const (
	MaxTimeout   = 10 * 60 * 1000 // milliseconds
	MaxEndpoints = 2000
	maxPath      = 512
)

// Methods are the HTTP methods that a route or an endpoint can name.
func Methods() []string {
	return []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
}

// ReservedPaths belong to the gateway's own token endpoints.
func ReservedPaths() []string { return []string{"/auth", "/credential", "/.well-known"} }

// Encode is the one JSON form of a definition, and Digest of it tells whether
// two are the same.
func Encode[D *Proxy | *ProxyGroup | *PolicyGroup](definition D) (json.RawMessage, string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(definition); err != nil {
		return nil, "", fmt.Errorf("encode definition: %w", err)
	}
	raw := bytes.TrimRight(b.Bytes(), "\n")
	return raw, Digest(raw), nil
}

// Digest is the SHA-256 of a definition, in hex.
func Digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Validate reports everything wrong with the proxy itself. Whether its name
// and route are free only the store knows; its policies are checked by their
// own types.
func (p *Proxy) Validate() problem.List {
	var l problem.List
	if msg := problem.Name(p.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	l.Append("", p.Route.validate())
	l.Append("", p.Upstream.validate())
	l.Append("", validateEndpoints(p.Endpoints))
	if p.ErrorTemplates != nil {
		l.Append("errorTemplates", p.ErrorTemplates.Validate())
	}
	return l
}

func (r *Route) validate() problem.List {
	var l problem.List
	if msg := BasePathProblem(r.BasePath); msg != "" {
		l.Add("basePath", "%s", msg)
	}
	for i, h := range r.Hosts {
		if msg := hostProblem(h); msg != "" {
			l.Add("hosts", "%s", msg)
		} else if slices.Contains(r.Hosts[:i], h) {
			l.Add("hosts", "Name the host %s once.", h)
		}
	}
	for _, m := range r.Methods {
		if !slices.Contains(Methods(), m) {
			l.Add("methods", "%q is not a method that can be routed; use %s.", m, strings.Join(Methods(), ", "))
		}
	}
	return l
}

// BasePathProblem says what is wrong with a base path, or "".
func BasePathProblem(path string) string {
	switch {
	case path == "":
		return "Enter a base path, such as /orders."
	case path[0] != '/':
		return "Begin the base path with a slash, such as /" + strings.TrimLeft(path, "/") + "."
	case path == "/":
		return "Enter at least one segment after the slash, such as /orders."
	case strings.HasSuffix(path, "/"):
		return "Remove the slash at the end of the base path."
	case len(path) > maxPath:
		return fmt.Sprintf("Shorten the base path to %d characters.", maxPath)
	}
	for _, reserved := range ReservedPaths() {
		if first, _, _ := strings.Cut(path[1:], "/"); strings.EqualFold("/"+first, reserved) {
			return "Choose another base path: " + reserved + " is reserved for the gateway's own endpoints."
		}
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if msg := segmentProblem(segment); msg != "" {
			return msg
		}
	}
	return ""
}

// segmentProblem keeps to the unreserved characters and the few others that
// no server reads in two ways.
func segmentProblem(s string) string {
	switch {
	case s == "":
		return "Remove the double slash from the path."
	case s == "." || s == "..":
		return "Remove the dot segment from the path."
	case strings.ContainsFunc(s, func(r rune) bool { return !plainPathChar(r) }):
		return "Use letters, digits and - . _ ~ ! $ & ' ( ) * + , = : @ in a path segment."
	}
	return ""
}

func plainPathChar(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~!$&'()*+,=:@", r)
}

func hostProblem(h string) string {
	name := strings.TrimPrefix(h, "*.")
	if ip, err := netip.ParseAddr(name); err == nil && name == h && ip.Zone() == "" {
		return ""
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return !hostChar(r) }) {
			return fmt.Sprintf("%q is not a host name; write it in lower case without scheme or port, such as api.example.com or *.example.com.", h)
		}
	}
	return ""
}

func hostChar(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }

func upstreamURLProblem(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return "Enter the address of the API, such as https://orders.internal:8443/v1."
	case err != nil || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return "Enter an address that begins with http:// or https://, such as https://orders.internal:8443/v1."
	case u.Hostname() == "":
		return "Enter the host after " + u.Scheme + "://, such as orders.internal."
	case u.User != nil:
		return "Remove the user name and password from the address; they would be visible to everyone who reads it."
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "Remove the query and the fragment; only scheme, host, port and path belong here."
	case !validPort(u):
		return "Enter a port from 1 to 65535."
	}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if path == "" {
		return ""
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		if msg := segmentProblem(segment); msg != "" {
			return msg
		}
	}
	return ""
}

func validPort(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n := 0
	for _, d := range port {
		n = n*10 + int(d-'0')
		if n > 65535 {
			return false
		}
	}
	return n > 0
}

func validateEndpoints(list []APIEndpoint) problem.List {
	var l problem.List
	if len(list) > MaxEndpoints {
		l.Add("endpoints", "Keep to %d endpoints; there are %d.", MaxEndpoints, len(list))
		return l
	}
	seen := make(map[string]bool, len(list))
	for i, e := range list {
		field := fmt.Sprintf("endpoints[%d]", i)
		if msg := e.problem(); msg != "" {
			l.Add(field, "%s", msg)
		} else if key := e.Method + " " + shape(e.Path); seen[key] {
			l.Add(field, "%s %s is here twice, or only its parameter names differ.", e.Method, e.Path)
		} else {
			seen[key] = true
		}
	}
	return l
}

func (e APIEndpoint) problem() string {
	if !slices.Contains(Methods(), e.Method) {
		return fmt.Sprintf("%q is not a method of an endpoint; use %s.", e.Method, strings.Join(Methods(), ", "))
	}
	if len(e.Path) > maxPath {
		return fmt.Sprintf("Shorten the path to %d characters.", maxPath)
	}
	if !strings.HasPrefix(e.Path, "/") {
		return "Begin the path with a slash, such as /pets/{petId}."
	}
	if e.Path == "/" {
		return ""
	}
	for segment := range strings.SplitSeq(e.Path[1:], "/") {
		if isParameter(segment) {
			continue
		}
		if msg := segmentProblem(segment); msg != "" {
			return msg
		}
	}
	return ""
}

// Shape is the endpoint without the names of its parameters: two of one shape
// match the same requests.
func (e APIEndpoint) Shape() APIEndpoint { return APIEndpoint{e.Method, shape(e.Path)} }

// isParameter tells whether a segment of a template stands for any value.
func isParameter(segment string) bool {
	n := len(segment)
	return n > 2 && segment[0] == '{' && segment[n-1] == '}' &&
		!strings.ContainsFunc(segment[1:n-1], func(r rune) bool { return !plainPathChar(r) })
}

// shape is a template without its parameter names: two of one shape would
// match the same requests.
func shape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if isParameter(s) {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}
