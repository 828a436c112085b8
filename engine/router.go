package engine

import (
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
)

// router finds the owner of a request: the longest base path, then the host.
// It is a map read from the longest candidate down, so its cost does not grow
// with the number of owners, and it neither locks nor allocates.
type router struct {
	sites map[string]*site // by base path
	depth int              // segments of the longest base path
}

// site is the owners of one base path by host.
type site struct {
	exact map[string]*deployed
	// wild is keyed by what follows the star, with its dot.
	wild map[string]*deployed
	any  *deployed
}

// route is where a request goes, or why it goes nowhere.
type route struct {
	owner     *deployed
	operation *operation
	fault     fault.Type // "" when it goes somewhere
	allow     string     // with MethodNotAllowed
}

func (rt *router) route(host, method, match string) route {
	o := rt.find(host, match)
	if o == nil {
		return route{fault: fault.NotFound}
	}
	if o.blocked { // by owner, so that no spelling of the address matters
		return route{owner: o, fault: fault.DirectAccess}
	}
	r := o.operation(method, match[len(o.route.BasePath):])
	r.owner = o
	return r
}

// find looks at no more prefixes than the longest base path has segments; a
// path of ten thousand slashes costs no more than another.
func (rt *router) find(host, match string) *deployed {
	for p := firstSegments(match, rt.depth); p != ""; p = p[:strings.LastIndexByte(p, '/')] {
		if s, ok := rt.sites[p]; ok {
			if o := s.find(host); o != nil {
				return o
			}
		}
	}
	return nil
}

// find prefers the exact host, then the longest wildcard, then any host.
func (s *site) find(host string) *deployed {
	if o, ok := s.exact[host]; ok {
		return o
	}
	if len(s.wild) > 0 {
		for i := strings.IndexByte(host, '.'); i > 0; {
			if o, ok := s.wild[host[i:]]; ok {
				return o
			}
			next := strings.IndexByte(host[i+1:], '.')
			if next < 0 {
				break
			}
			i += next + 1
		}
	}
	return s.any
}

// firstSegments is the part of path up to its n-th segment.
func firstSegments(path string, n int) string {
	return path[:segmentsEnd(path, n)]
}

// segmentsEnd is where the n-th segment of path ends.
func segmentsEnd(path string, n int) int {
	for i := 1; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		if n--; n == 0 {
			return i
		}
	}
	return len(path)
}

// add puts an owner in and returns the owner that already has one of its
// addresses, if any.
func (rt *router) add(o *deployed) *deployed {
	base := o.route.BasePath
	s := rt.sites[base]
	if s == nil {
		s = &site{}
		rt.sites[base] = s
		rt.depth = max(rt.depth, o.segments)
	}
	if len(o.hosts) == 0 {
		return claim(&s.any, o)
	}
	for _, h := range o.hosts {
		if other := s.addHost(h, o); other != nil {
			return other
		}
	}
	return nil
}

func claim(place **deployed, o *deployed) *deployed {
	if *place != nil {
		return *place
	}
	*place = o
	return nil
}

func (s *site) addHost(host string, o *deployed) *deployed {
	hosts := &s.exact
	if suffix, ok := strings.CutPrefix(host, "*"); ok {
		hosts, host = &s.wild, suffix
	}
	if other := (*hosts)[host]; other != nil && other != o { // one address may be spelled twice
		return other
	}
	if *hosts == nil {
		*hosts = make(map[string]*deployed)
	}
	(*hosts)[host] = o
	return nil
}
