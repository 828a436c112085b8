package engine

// Served are the names of what a gateway serves, as its events tell them.
type Served struct {
	names    map[[2]string]bool // project and proxy, of members too
	projects map[string]bool
}

// Served tells what is served at this moment.
func (g *Gateway) Served() Served {
	s := g.snapshot.Load()
	if s == nil {
		return Served{}
	}
	served := Served{names: make(map[[2]string]bool, len(s.lines)), projects: map[string]bool{}}
	for _, o := range s.lines {
		served.projects[o.project] = true
		served.names[[2]string{o.project, o.name}] = true
		for _, b := range o.backends {
			served.names[[2]string{o.project, b.name}] = true
		}
	}
	return served
}

// Has tells whether a proxy of the project is served; without a proxy, whether
// anything of the project is. Calls that found nothing have neither.
func (s Served) Has(project, proxy string) bool {
	if proxy == "" {
		return project == "" || s.projects[project]
	}
	return s.names[[2]string{project, proxy}]
}
