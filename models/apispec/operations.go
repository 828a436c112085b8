package apispec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
)

// Bounds of one path: how often it may refer on, and its members.
const (
	maxRefs    = 10
	maxMembers = 100
)

// operation is one method of one path with what the document says about it.
type operation struct {
	path, method string
	members      object
}

// item is a path with its operations, in order.
type item struct {
	path       string
	summary    string
	operations []operation
}

// besides are the members of a path that are no methods.
var besides = []string{"$ref", "summary", "description", "servers", "parameters"}

// others are methods that a document can have and an endpoint cannot.
var others = []string{"trace", "connect", "query"}

// operations are all that could become endpoints.
func (r *reader) operations() []item {
	n := r.root.of["paths"]
	if n == nil {
		r.problem("paths", "The document describes no operation. A proxy without endpoints passes everything on; create it by hand if that is what you want.")
		return nil
	}
	paths, ok := r.object(n, "paths")
	if !ok {
		return nil
	}
	var list []item
	count := 0
	for i, path := range paths.names {
		if strings.HasPrefix(path, "x-") {
			continue
		}
		if !strings.HasPrefix(path, "/") {
			r.leave(path, "", "A path begins with a slash.")
			continue
		}
		one := r.item(path, paths.of[path])
		if count += len(one.operations); count > engine.MaxEndpoints || i > engine.MaxEndpoints {
			r.problem("paths", "The document describes more than %d operations, and a proxy has room for so many; split it.", engine.MaxEndpoints)
			return nil
		}
		list = append(list, one)
	}
	if count == 0 && len(r.problems) == 0 {
		r.problem("paths", "The document describes no operation that an endpoint could be made of.")
		r.refuseLeft()
	}
	return list
}

func (r *reader) item(path string, n *node) item {
	it := item{path: path}
	o, ok := r.whole(path, n)
	if !ok {
		return it
	}
	it.summary = text(o.of["summary"])
	for _, name := range o.names {
		switch method := strings.ToUpper(name); {
		case slices.Contains(besides, name) || strings.HasPrefix(name, "x-"):
			if name == "servers" {
				r.servers++
			}
		case name == strings.ToLower(method) && slices.Contains(engine.Methods(), method):
			it.operations = append(it.operations, r.operation(path, method, o.of[name])...)
		case slices.Contains(others, name):
			r.leave(path, method, "An endpoint has one of the methods "+strings.Join(engine.Methods(), ", ")+".")
		case name == "additionalOperations":
			r.leave(path, "", "Its additional operations have methods that the gateway does not route.")
		default:
			r.leave(path, "", fmt.Sprintf("The member %q is none that a path has; methods are written in lower case.", shown(name)))
		}
	}
	return it
}

// whole is a path with what it refers to; its own members stand before those.
func (r *reader) whole(path string, n *node) (object, bool) {
	var all object
	for range maxRefs {
		o, ok := r.object(n, place(path, ""))
		if !ok {
			return all, false
		}
		if len(o.names) > maxMembers {
			r.problem(place(path, ""), "The path has more than %d members.", maxMembers)
			return all, false
		}
		for _, name := range o.names {
			all.add(name, o.of[name])
		}
		if !o.has("$ref") {
			return all, true
		}
		ref := text(o.of["$ref"])
		if !strings.HasPrefix(ref, "#/") {
			r.problem(place(path, ""), "The path is described in another document, %q, which is not read; put everything into one document.", shown(ref))
			return all, false
		}
		if n = r.at(ref); n == nil {
			r.problem(place(path, ""), "It refers to %q, which the document has not.", shown(ref))
			return all, false
		}
	}
	r.problem(place(path, ""), "It refers on and on, or to itself.")
	return all, false
}

func (r *reader) operation(path, method string, n *node) []operation {
	o, ok := r.object(n, place(path, method))
	if !ok {
		return nil
	}
	if o.has("callbacks") {
		r.callbacks++
	}
	if o.has("servers") {
		r.servers++
	}
	return []operation{{path, method, o}}
}
