// Package apispec reads what an API proxy needs from a description of its API:
// an OpenAPI 3.0 or 3.1 document or a Swagger 2.0 document, in JSON or YAML. It
// knows no database and calls nobody: what a document refers to elsewhere is not
// read.
//
// Documents come from strangers. The tree is bounded in size, depth and what its
// aliases stand for before anything is made of it, and only what becomes an
// endpoint goes on to the library that knows the versions; schemas, which are
// most of a document and its only part without end, stay behind.
package apispec

import (
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// MaxDocument is the most bytes that a document may have.
const MaxDocument = 1 << 20

// Spec is what a document says about the proxy of its API.
type Spec struct {
	// Format is the version that the document was written for, such as "OpenAPI
	// 3.1.0" or "Swagger 2.0".
	Format string
	// Name is the title, made fit for the name of a proxy. Whether it is free only
	// the store knows.
	Name string
	// Description is what the document says about the API, cut to what a proxy may
	// hold.
	Description string
	// BasePath is the path of the first server, or else one made of the name. It is
	// fit for a route; whether it is free only the store knows.
	BasePath string
	// Upstream is the first server that has an address, its variables replaced by
	// their defaults; "" when there is none.
	Upstream string
	// Endpoints are the operations in the order of the document, one at least.
	Endpoints []Endpoint
	// LeftOut are sentences about operations that became no endpoints, and Notes
	// about what else the proxy does not take over.
	LeftOut, Notes []string
}

// Endpoint is one operation: its path is a template as engine.APIEndpoint has it.
type Endpoint struct{ Method, Path, Description string }

// Read reads a document. What is wrong with it is a problem.List; a field is the
// place in the document, such as "paths[/pets/{id}].get", or "" for the whole.
// Operations that no proxy can have are left out, as long as others are there.
func Read(document []byte) (Spec, error) {
	root, why := parse(document)
	if why != "" {
		return Spec{}, problem.List{{Message: why}}
	}
	r := &reader{known: map[*node]object{}}
	s := r.spec(root)
	if err := r.problems.Err(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// reader is one reading of a document.
type reader struct {
	root     object
	version  version
	known    map[*node]object // objects that were looked at before
	problems problem.List
	left     []leftOut
	notes    []string
	// callbacks and servers count the operations that have some of their own.
	callbacks, servers int
}

// leftOut is an operation that became no endpoint, or with no method a path.
type leftOut struct{ path, method, why string }

func (r *reader) spec(root *node) Spec {
	var ok bool
	if r.root, ok = r.object(root, ""); !ok {
		return Spec{}
	}
	if r.version, ok = r.versionOf(); !ok {
		return Spec{}
	}
	found := r.operations()
	if len(r.problems) > 0 {
		return Spec{}
	}
	doc, err := r.load(found)
	if err != nil {
		r.problem("", "It cannot be read as %s: %s.", r.version.format(), shown(err.Error()))
		return Spec{}
	}
	info := r.info()
	s := Spec{Format: r.version.format(), Name: nameOf(text(info.of["title"]))}
	s.Description = descriptionOf(firstOf(text(info.of["description"]), text(info.of["summary"])))
	s.Endpoints = r.fit(endpointsOf(doc, found))
	r.addresses(doc.Servers, &s)
	r.rest()
	s.LeftOut, s.Notes = r.leftOut(), r.notes
	return s
}

// info is optional here, as a proxy can be named by hand.
func (r *reader) info() object {
	n := r.root.of["info"]
	if n == nil {
		return object{}
	}
	o, _ := r.object(n, "info")
	return o
}

// fit leaves out what the one validator of proxies refuses. A proxy that would be
// left without endpoints would pass everything on, so that is refused.
func (r *reader) fit(list []Endpoint) []Endpoint {
	p := engine.Proxy{}
	for _, e := range list {
		p.Endpoints = append(p.Endpoints, engine.APIEndpoint{Method: e.Method, Path: e.Path})
	}
	wrong := p.Validate()
	var out []Endpoint
	for i, e := range list {
		if msg := wrong.For(fmt.Sprintf("endpoints[%d]", i)); msg != "" {
			r.leave(e.Path, e.Method, plainer(e.Path, msg))
			continue
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		r.refuseLeft()
	}
	return out
}

// plainer has better words for what documents often have and our templates have
// not.
func plainer(path, msg string) string {
	switch last := path[strings.LastIndex(path, "/"):]; {
	case last == "/":
		return "The gateway has no endpoints whose path ends with a slash."
	case strings.ContainsAny(path, "{}") && strings.HasPrefix(msg, "Use letters"):
		return "A parameter of an endpoint takes a whole segment, such as /pets/{petId}."
	}
	return msg
}

// leave says why an operation is no endpoint.
func (r *reader) leave(path, method, why string) {
	r.left = append(r.left, leftOut{path, method, why})
}

func (r *reader) refuseLeft() {
	for _, l := range r.left {
		r.problem(place(l.path, l.method), "%s", l.why)
	}
}

func (r *reader) problem(field, message string, args ...any) {
	if len(r.problems) < maxSaid {
		r.problems.Add(field, message, args...)
	}
}

func (r *reader) note(message string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(message, args...))
}

// maxSaid bounds the problems and the operations that are named one by one.
const maxSaid = 50

// leftOut names each operation that was left out, up to a bound.
func (r *reader) leftOut() []string {
	var list []string
	for i, l := range r.left {
		if i == maxSaid {
			return append(list, fmt.Sprintf("%d more operations were left out for reasons like these.", len(r.left)-maxSaid))
		}
		list = append(list, strings.TrimSpace(l.method+" "+shown(l.path))+" was left out: "+l.why)
	}
	return list
}

// rest notes what a document may have and a proxy has not.
func (r *reader) rest() {
	if r.callbacks > 0 {
		r.note("Callbacks of %s were left out: the API makes these calls itself.", counted(r.callbacks, "operation", "operations"))
	}
	if r.root.has("webhooks") {
		r.note("Webhooks were left out: the API makes these calls itself.")
	}
	if r.servers > 0 {
		r.note("%s left out: all calls go to the one upstream of the proxy.", counted(r.servers, "list of servers of a path or operation was", "lists of servers of paths or operations were"))
	}
	if r.root.has("security") || r.root.has("securityDefinitions") || r.schemes() {
		r.note("What the document says about security was not taken over: add policies once the proxy is there.")
	}
}

func (r *reader) schemes() bool {
	n := r.root.of["components"]
	if n == nil {
		return false
	}
	o, why := r.look(n)
	return why == "" && o.has("securitySchemes")
}
