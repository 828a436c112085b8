package handlers

import (
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/handlers/visit"
)

// rights tell what a page needs by its address, so that menus and search offer
// what opens and nothing else, by the routes' own rule.
type rights map[int][]route // by the number of segments, as registered

func rightsOf(table []route) rights {
	r := rights{}
	for _, to := range table {
		if to.method == http.MethodGet {
			n := strings.Count(to.path, "/")
			r[n] = append(r[n], to)
		}
	}
	return r
}

// of is the right for a page; what no route has cannot be opened.
func (r rights) of(address string) (visit.Right, bool) {
	path, _, _ := strings.Cut(address, "?")
	path, _, _ = strings.Cut(path, "#")
	best, fewest := route{}, -1
	for _, to := range r[strings.Count(path, "/")] {
		if n, ok := matches(to.path, path); ok && (fewest < 0 || n < fewest) {
			best, fewest = to, n
		}
	}
	return best.right, fewest >= 0
}

// matches tells whether path has the shape of a route, and how many of its
// segments are parameters: the router takes a literal before one.
func matches(shape, path string) (parameters int, ok bool) {
	for shape != "" {
		var want, got string
		want, shape, _ = strings.Cut(shape[1:], "/")
		got, path, _ = strings.Cut(path[1:], "/")
		switch {
		case strings.HasPrefix(want, ":"):
			parameters++
		case want != got:
			return 0, false
		}
		if shape == "" {
			return parameters, true
		}
		shape, path = "/"+shape, "/"+path
	}
	return parameters, path == ""
}
