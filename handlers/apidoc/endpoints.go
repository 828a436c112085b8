package apidoc

import (
	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/apispec"
)

// Endpoints are the endpoints of a document. One that matches the same requests as
// a stored one is that one, with its policies, and keeps its description where the
// document has none. With keep, stored ones that the document has not stand at the
// end.
func Endpoints(stored []models.Endpoint, s apispec.Spec, keep bool) []models.Endpoint {
	at := make(map[engine.APIEndpoint]models.Endpoint, len(stored))
	for _, e := range stored {
		at[shapeOf(e.Method, e.Path)] = e
	}
	var list []models.Endpoint
	for _, e := range s.Endpoints {
		key := shapeOf(e.Method, e.Path)
		had := at[key]
		delete(at, key)
		fresh := models.Endpoint{ID: had.ID, Method: e.Method, Path: e.Path, Description: e.Description}
		if fresh.Description == "" {
			fresh.Description = had.Description
		}
		list = append(list, fresh)
	}
	for _, e := range stored {
		if _, left := at[shapeOf(e.Method, e.Path)]; left && keep {
			list = append(list, e)
		}
	}
	return list
}

func shapeOf(method, path string) engine.APIEndpoint {
	return engine.APIEndpoint{Method: method, Path: path}.Shape()
}
