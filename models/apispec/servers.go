package apispec

import (
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/engine"
)

// Bounds of servers: how many are looked at, and the length of an address, which
// variables could make without end.
const (
	maxServers = 20
	maxAddress = 2048
)

// addresses are the upstream and the base path that the servers give.
func (r *reader) addresses(servers openapi3.Servers, s *Spec) {
	var absolute []string
	for i, server := range servers {
		u := addressOf(server)
		if u == nil {
			continue
		}
		if i == 0 {
			s.BasePath = r.basePath(u)
		}
		if u.Host == "" {
			continue
		}
		if a := strings.TrimSuffix(u.String(), "/"); upstreamFits(a) {
			absolute = append(absolute, a)
		}
	}
	if s.BasePath == "" {
		s.BasePath = pathOfName(s.Name)
	}
	if len(absolute) == 0 {
		r.note("The document names no address at which the API can be called: enter the upstream address.")
		return
	}
	s.Upstream = absolute[0]
	if len(absolute) > 1 {
		r.note("The document names %d servers; the first one is the upstream.", len(absolute))
	}
}

// addressOf is a server's address with the defaults of its variables; nil when it
// cannot be read as one.
func addressOf(server *openapi3.Server) *url.URL {
	if server == nil || len(server.URL) > maxAddress {
		return nil
	}
	raw := server.URL
	for name, v := range server.Variables {
		if v == nil || strings.Count(raw, "{"+name+"}")*len(v.Default)+len(raw) > maxAddress {
			return nil
		}
		// A default with a variable in it would be another one for each order.
		raw = strings.ReplaceAll(raw, "{"+name+"}", strings.NewReplacer("{", "", "}", "").Replace(v.Default))
	}
	if strings.ContainsAny(raw, "{}") {
		return nil
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Opaque != "" {
		return nil
	}
	return u
}

// upstreamFits asks the one validator of proxies.
func upstreamFits(address string) bool {
	p := engine.Proxy{Upstream: engine.Upstream{URL: address}}
	return p.Validate().For("upstreamUrl") == ""
}

// basePath is a server's path as a route may have it, or "".
func (r *reader) basePath(u *url.URL) string {
	var path strings.Builder
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if segment != "" && segment != "." {
			path.WriteString("/" + segment)
		}
	}
	if path.Len() == 0 {
		return ""
	}
	if msg := engine.BasePathProblem(path.String()); msg != "" {
		r.note("The path of the first server, %s, cannot be the base path: %s", shown(path.String()), msg)
		return ""
	}
	return path.String()
}
