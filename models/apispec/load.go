package apispec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// version is what the document was written for.
type version struct {
	swagger bool
	number  string
}

func (v version) format() string {
	if v.swagger {
		return "Swagger " + v.number
	}
	return "OpenAPI " + v.number
}

func (r *reader) versionOf() (version, bool) {
	v := version{swagger: r.root.has("swagger"), number: text(r.root.of["openapi"])}
	if v.swagger {
		v.number = text(r.root.of["swagger"])
	}
	switch {
	case v.swagger && r.root.has("openapi"):
		r.problem("openapi", "The document names two versions; leave out openapi or swagger.")
	case v.number == "":
		r.problem("openapi", "This is no OpenAPI document: it has neither openapi nor swagger with its version.")
	case v.swagger && v.number != "2.0" && v.number != "2", !v.swagger && !v.supported():
		r.problem("openapi", "The document is written for %s; OpenAPI 3.0 and 3.1 and Swagger 2.0 can be read.", shown(v.format()))
	default:
		return v, true
	}
	return v, false
}

// supported tells 3.0 and 3.1, whatever their patch level.
func (v version) supported() bool {
	minor, patch, _ := strings.Cut(strings.TrimPrefix(v.number, "3."), ".")
	return strings.HasPrefix(v.number, "3.") && (minor == "0" || minor == "1") && len(patch) < 20
}

// load hands to the library what a proxy needs of the document: info, servers and
// the words about each operation. No reference is left in it, and the loader may
// follow none.
func (r *reader) load(found []item) (*openapi3.T, error) {
	paths := map[string]any{}
	for _, it := range found {
		methods := map[string]any{"summary": it.summary}
		if r.version.swagger {
			methods = map[string]any{} // where paths have no summary
		}
		for _, o := range it.operations {
			methods[strings.ToLower(o.method)] = map[string]any{"summary": text(o.members.of["summary"]), "description": text(o.members.of["description"])}
		}
		paths[it.path] = methods
	}
	if r.version.swagger {
		return r.loadSwagger(paths)
	}
	document, err := json.Marshal(map[string]any{
		"openapi": r.version.number, "info": map[string]any{"title": "API", "version": "1"}, "servers": r.serverList(), "paths": paths,
	})
	if err != nil {
		return nil, fmt.Errorf("write it anew: %w", err)
	}
	return loader().LoadFromData(document)
}

func (r *reader) loadSwagger(paths map[string]any) (*openapi3.T, error) {
	document, err := json.Marshal(map[string]any{
		"swagger": "2.0", "info": map[string]any{"title": "API", "version": "1"}, "paths": paths,
		"host": text(r.root.of["host"]), "basePath": text(r.root.of["basePath"]), "schemes": r.swaggerSchemes(),
	})
	if err != nil {
		return nil, fmt.Errorf("write it anew: %w", err)
	}
	var doc openapi2.T
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	return openapi2conv.ToV3WithLoader(&doc, loader(), nil)
}

func loader() *openapi3.Loader {
	l := openapi3.NewLoader()
	l.IsExternalRefsAllowed = false // neither files nor the network
	return l
}

// swaggerSchemes puts https first: where an API has both, that is the one to call.
func (r *reader) swaggerSchemes() []string {
	var list []string
	for _, n := range items(r.root.of["schemes"], maxServers) {
		list = append(list, text(n))
	}
	slices.SortStableFunc(list, func(a, b string) int { return rank(a) - rank(b) })
	return list
}

func rank(scheme string) int {
	if scheme == "https" {
		return 0
	}
	return 1
}

func (r *reader) serverList() []map[string]any {
	list := []map[string]any{}
	for _, n := range items(r.root.of["servers"], maxServers) {
		o, why := r.look(n)
		if why != "" {
			continue // the address can be typed
		}
		list = append(list, map[string]any{"url": text(o.of["url"]), "variables": r.variables(o.of["variables"])})
	}
	return list
}

func (r *reader) variables(n *node) map[string]any {
	list := map[string]any{}
	o, why := r.look(n)
	if n == nil || why != "" || len(o.names) > maxMembers {
		return list
	}
	for _, name := range o.names {
		if v, why := r.look(o.of[name]); why == "" {
			list[name] = map[string]any{"default": text(v.of["default"])}
		}
	}
	return list
}

// endpointsOf are the operations as the library has them, in the order of the
// document.
func endpointsOf(doc *openapi3.T, found []item) []Endpoint {
	var list []Endpoint
	for _, it := range found {
		p := doc.Paths.Value(it.path)
		if p == nil {
			continue
		}
		for _, o := range it.operations {
			op := p.GetOperation(o.method)
			if op == nil {
				continue
			}
			list = append(list, Endpoint{Method: o.method, Path: template(it.path), Description: summaryOf(op.Summary, op.Description, p.Summary)})
		}
	}
	return list
}
