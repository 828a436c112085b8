package engine

import (
	"maps"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
)

// router finds the owner of a request: the longest base path, then the host.
// It is a map read from the longest candidate down, so its cost does not grow
// with the number of owners, and it neither locks nor allocates.
type router struct {
	sites index[*site] // by base path
	depth int          // segments of the longest base path, now or before
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
		if s, ok := rt.sites.get(p); ok {
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

// routes is a router while it is changed.
type routes struct {
	sites *edit[*site]
	depth int
	own   map[*site]bool // that are no other router's
}

func (rt *router) edit(more int) *routes {
	return &routes{rt.sites.edit(more), rt.depth, map[*site]bool{}}
}

func (rs *routes) done() router { return router{rs.sites.done(), rs.depth} }

// site is that of a base path, to be changed.
func (rs *routes) site(base string) *site {
	s, _ := rs.sites.get(base)
	if s != nil && rs.own[s] {
		return s
	}
	mine := &site{}
	if s != nil {
		*mine = site{maps.Clone(s.exact), maps.Clone(s.wild), s.any}
	}
	rs.own[mine] = true
	rs.sites.set(base, mine)
	return mine
}

// add puts an owner in and returns the owner that already has one of its
// addresses, if any.
func (rs *routes) add(o *deployed) *deployed {
	s := rs.site(o.route.BasePath)
	rs.depth = max(rs.depth, o.segments)
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

func (rs *routes) remove(o *deployed) {
	s := rs.site(o.route.BasePath)
	if s.any == o {
		s.any = nil
	}
	for _, h := range o.hosts {
		if suffix, ok := strings.CutPrefix(h, "*"); ok {
			delete(s.wild, suffix)
		} else {
			delete(s.exact, h)
		}
	}
	if s.any == nil && len(s.exact) == 0 && len(s.wild) == 0 {
		rs.sites.remove(o.route.BasePath)
	}
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
