package apispec

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/oasdiff/yaml3"
)

// object is a mapping of the document with its members in order.
type object struct {
	names []string
	of    map[string]*node
}

func (o object) has(name string) bool { return o.of[name] != nil }

// add puts in a member, unless there is one of that name.
func (o *object) add(name string, n *node) bool {
	if o.has(name) {
		return false
	}
	if o.of == nil {
		o.of = map[string]*node{}
	}
	o.names, o.of[name] = append(o.names, name), n
	return true
}

// object is a mapping, which must be one.
func (r *reader) object(n *node, field string) (object, bool) {
	o, why := r.look(n)
	if why != "" {
		r.problem(field, "%s", why)
	}
	return o, why == ""
}

// look is a mapping or why it is none. What two readers would read in two ways is
// refused.
func (r *reader) look(n *node) (object, string) {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if o, ok := r.known[n]; ok {
		return o, ""
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return object{}, "This is not an object with members."
	}
	var o object
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := text(n.Content[i])
		if n.Content[i].Tag == "!!merge" {
			return object{}, "This uses a merge key, <<; write its members out."
		}
		if !o.add(name, n.Content[i+1]) {
			return object{}, fmt.Sprintf("The member %q is here twice.", shown(name))
		}
	}
	r.known[n] = o
	return o, ""
}

// items are the values of a list, at most so many.
func items(n *node, most int) []*node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content[:min(len(n.Content), most)]
}

// text is a single value as it is written; what is none is "".
func text(n *node) string {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// at follows a reference within the document (RFC 6901 section 6); nil when it
// leads nowhere.
func (r *reader) at(ref string) *node {
	o, n := r.root, (*node)(nil)
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		name, err := url.PathUnescape(step)
		if err != nil {
			return nil
		}
		if n != nil {
			var why string
			if o, why = r.look(n); why != "" {
				return nil
			}
		}
		if n = o.of[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; n == nil {
			return nil
		}
	}
	return n
}
