package engine

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
)

// operation is what runs for a request once it is routed.
type operation struct {
	proxy *backend
	// name is the method and the template, "" when the proxy names no
	// endpoints.
	name string
	// endpoint is the same apart; zero when the proxy names none.
	endpoint APIEndpoint
	lines
}

// endpoints is a tree of templates by segment.
type endpoints struct {
	literal   map[string]*endpoints
	parameter *endpoints
	methods   []method
	allow     string // what Allow says here
}

type method struct {
	name      string
	operation *operation
}

// paths choose among the endpoints of a proxy, or of all proxies of a group.
type paths struct {
	named *endpoints // nil when none is named
	// What no named endpoint takes goes to a proxy that names none: by method to
	// those whose routes are limited to methods, else to whole; nil for nobody.
	limited endpoints
	whole   *operation
}

// add puts a proxy behind those that are there: of two with one endpoint the
// first has it. methods are those that it answers at all, empty for any.
func (p *paths) add(proxy *Proxy, methods []string, l *lane, b *backend) {
	if len(proxy.Endpoints) == 0 {
		p.addWhole(methods, &operation{proxy: b, lines: l.all})
		return
	}
	if p.named == nil {
		p.named = &endpoints{}
	}
	for _, e := range proxy.Endpoints {
		if permits(methods, e.Method) {
			p.named.add(e, &operation{proxy: b, name: e.Method + " " + e.Path, endpoint: e, lines: l.all.around(l.own[e.Shape()])})
		}
	}
}

func (p *paths) addWhole(methods []string, o *operation) {
	switch {
	case p.whole != nil: // nothing is left for another one
	case len(methods) == 0:
		p.whole = o
	default:
		for _, m := range methods {
			p.limited.answer(m, o)
		}
	}
}

// operation chooses what answers. rest is what follows the base path in the
// decoded path: empty or beginning with a slash.
func (c *compiled) operation(method, rest string) route {
	if !permits(c.route.Methods, method) {
		return route{fault: fault.MethodNotAllowed, allow: c.allow}
	}
	e := c.paths.find(strings.TrimPrefix(rest, "/"))
	if o := e.operation(method); o != nil {
		return route{operation: o}
	}
	switch {
	case e == &c.paths.limited && c.paths.whole != nil:
		return route{operation: c.paths.whole}
	case len(e.methods) == 0:
		return route{fault: fault.MethodNotFound}
	}
	return route{fault: fault.MethodNotAllowed, allow: e.allow}
}

// find is the named endpoint of a path, or what takes all that have none.
func (p *paths) find(rest string) *endpoints {
	if p.named != nil {
		if e := p.named.find(rest); e != nil {
			return e
		}
	}
	return &p.limited
}

// permits lets HEAD through wherever GET goes (RFC 9110 section 9.3.2).
func permits(methods []string, m string) bool {
	return len(methods) == 0 || slices.Contains(methods, m) || m == "HEAD" && slices.Contains(methods, "GET")
}

// find takes literal segments before parameters and turns back where a
// literal leads nowhere. Each node of the tree is visited once at most, so no
// path can make it slow.
func (e *endpoints) find(rest string) *endpoints {
	if rest == "" {
		if len(e.methods) == 0 {
			return nil
		}
		return e
	}
	segment, after, more := strings.Cut(rest, "/")
	if more && after == "" {
		return nil // "/pets/" is not "/pets": the API may tell them apart
	}
	if next, ok := e.literal[segment]; ok {
		if found := next.find(after); found != nil {
			return found
		}
	}
	if e.parameter == nil || segment == "" {
		return nil
	}
	return e.parameter.find(after)
}

func (e *endpoints) operation(name string) *operation {
	for i := range e.methods {
		if e.methods[i].name == name {
			return e.methods[i].operation
		}
	}
	if name == "HEAD" {
		return e.operation("GET")
	}
	return nil
}

// add puts an endpoint in; its template is valid.
func (e *endpoints) add(a APIEndpoint, o *operation) {
	if a.Path != "/" {
		for segment := range strings.SplitSeq(a.Path[1:], "/") {
			e = e.child(segment)
		}
	}
	e.answer(a.Method, o)
}

// answer lets the operation answer with a method, unless another one does. What
// nobody would find is left out, lest calls walk past it.
func (e *endpoints) answer(name string, o *operation) {
	if slices.ContainsFunc(e.methods, func(m method) bool { return m.name == name }) {
		return
	}
	e.methods = append(e.methods, method{name, o})
	names := make([]string, len(e.methods))
	for i, m := range e.methods {
		names[i] = m.name
	}
	e.allow = allowed(names)
}

func (e *endpoints) child(segment string) *endpoints {
	if isParameter(segment) {
		if e.parameter == nil {
			e.parameter = &endpoints{}
		}
		return e.parameter
	}
	if e.literal == nil {
		e.literal = map[string]*endpoints{}
	}
	next := e.literal[segment]
	if next == nil {
		next = &endpoints{}
		e.literal[segment] = next
	}
	return next
}

// allowed is the value of Allow for these methods.
func allowed(methods []string) string {
	all := slices.Clone(methods)
	if slices.Contains(all, "GET") {
		all = append(all, "HEAD")
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
