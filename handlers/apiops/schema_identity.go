package apiops

import (
	"reflect"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/engine/identity"
)

// identitySource is a reference to what an identity source of any kind is.
func (s schemas) identitySource() *openapi3.SchemaRef {
	name := "IdentitySource"
	if s.sent {
		name += "Request"
	}
	ref := openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
	if _, known := s.components[name]; known {
		return ref
	}
	s.made[name] = reflect.TypeFor[identity.Config]()
	any := &openapi3.Schema{Description: "An identity source of any kind; its kind says which."}
	s.components[name] = any.NewRef()
	for _, k := range s.kinds {
		kind := s.of(reflect.TypeOf(k.New()))
		if !slices.ContainsFunc(any.OneOf, func(r *openapi3.SchemaRef) bool { return r.Ref == kind.Ref }) {
			any.OneOf = append(any.OneOf, kind)
		}
		s.only(kind, "kind", string(k.Name))
	}
	return ref
}

// only says which values a member of a component can have, beside those that were
// said before.
func (s schemas) only(of *openapi3.SchemaRef, member, value string) {
	object := s.components[of.Ref[len("#/components/schemas/"):]].Value
	words := openapi3.NewStringSchema()
	if now := object.Properties[member].Value; now != nil {
		words.Enum = slices.Clone(now.Enum)
	}
	words.Enum = append(words.Enum, value)
	object.Properties[member] = words.NewRef()
	if s.sent && !slices.Contains(object.Required, member) {
		object.Required = append(object.Required, member)
		slices.Sort(object.Required)
	}
}
