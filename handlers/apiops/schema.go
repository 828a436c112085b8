package apiops

import (
	"cmp"
	"encoding/json"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

// schemas makes JSON Schemas of Go types, so that the document says what the
// code reads and writes. Struct tags add what types cannot say: doc (a
// sentence), enum (words with commas), required (of a member that is sent),
// format and example.
type schemas struct {
	components openapi3.Schemas
	// sent tells that the schema is of a body: its members are optional unless
	// they are tagged as required. What is answered has every member that is not
	// left out when empty.
	sent bool
	// types are the kinds of policy, for members that are tagged policy.
	types policy.Set
	// kinds are those of identity sources, for members that are tagged identity.
	kinds identity.Kinds
	// made says of which type a component is: two of one name would be one.
	made map[string]reflect.Type
}

// special are types whose schema is not that of their Go shape.
var special = map[reflect.Type]func() *openapi3.Schema{
	reflect.TypeFor[time.Time]():       func() *openapi3.Schema { return openapi3.NewDateTimeSchema() },
	reflect.TypeFor[json.RawMessage](): func() *openapi3.Schema { return &openapi3.Schema{} },
}

// of is the schema of a type, a reference where it has a name.
func (s schemas) of(t reflect.Type) *openapi3.SchemaRef {
	if t.Kind() == reflect.Pointer {
		return s.of(t.Elem())
	}
	if make, ok := special[t]; ok {
		return make().NewRef()
	}
	if t == reflect.TypeFor[policyBody]() {
		return s.policyBody()
	}
	if values, ok := enums[t]; ok {
		return openapi3.NewStringSchema().WithEnum(values...).NewRef()
	}
	switch t.Kind() {
	case reflect.String:
		return openapi3.NewStringSchema().NewRef()
	case reflect.Bool:
		return openapi3.NewBoolSchema().NewRef()
	case reflect.Int, reflect.Int32:
		return openapi3.NewIntegerSchema().NewRef()
	case reflect.Int64:
		return openapi3.NewInt64Schema().NewRef()
	case reflect.Float64:
		return openapi3.NewFloat64Schema().NewRef()
	case reflect.Slice:
		array := openapi3.NewArraySchema()
		array.Items = s.of(t.Elem())
		if s.sent { // which is read as an empty one
			array.Type = &openapi3.Types{openapi3.TypeArray, openapi3.TypeNull}
		}
		return array.NewRef()
	case reflect.Map:
		object := openapi3.NewObjectSchema()
		object.AdditionalProperties.Schema = s.of(t.Elem())
		return object.NewRef()
	case reflect.Struct:
		return s.component(t)
	}
	return (&openapi3.Schema{}).NewRef()
}

// component is a reference to a struct, which is described once.
func (s schemas) component(t reflect.Type) *openapi3.SchemaRef {
	name := s.name(t)
	ref := openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
	if _, known := s.components[name]; known {
		if s.made[name] != t {
			panic("apiops: two types are called " + name + " in the document: " + t.String() + " and " + s.made[name].String())
		}
		return ref
	}
	s.made[name] = t
	object := openapi3.NewObjectSchema()
	s.components[name] = object.NewRef() // before its members, which may hold it again
	closed := false
	object.AdditionalProperties.Has = &closed
	s.members(t, object)
	if s.sent {
		object.Required = append(object.Required, needed[t]...)
	}
	slices.Sort(object.Required)
	return ref
}

func (s schemas) members(t reflect.Type, object *openapi3.Schema) {
	for f := range t.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "":
			s.members(f.Type, object)
			continue
		case !f.IsExported() || tag == "" || tag == "-":
			continue
		}
		ref := s.member(f, docOf(t, f, tag))
		if words := memberEnums[fieldKey(t, tag)]; words != nil {
			ref.Value.Enum = words
		}
		object.WithPropertyRef(tag, ref)
		optional := strings.Contains(options, "omit")
		if s.sent && f.Tag.Get("required") == "true" || !s.sent && !optional {
			object.Required = append(object.Required, tag)
		}
	}
}

// docOf is what there is to say of a member: its tag, or the comment of the
// engine's own struct.
func docOf(t reflect.Type, f reflect.StructField, name string) string {
	at := fieldKey(t, name)
	return cmp.Or(f.Tag.Get("doc"), sentences[at], fieldTexts[at])
}

// fieldKey is how a member of a struct is called in tables.
func fieldKey(t reflect.Type, name string) string {
	return path.Base(t.PkgPath()) + "." + t.Name() + "." + name
}

// member is the schema of a member with what its tags say.
func (s schemas) member(f reflect.StructField, text string) *openapi3.SchemaRef {
	ref := s.of(f.Type)
	switch {
	case f.Tag.Get("identity") != "":
		ref = s.identitySource()
	case f.Tag.Get("policy") == "":
	case f.Tag.Get("policy") == "member":
		ref.Value.Items = s.groupMember()
	case f.Type.Kind() == reflect.Slice && f.Type != reflect.TypeFor[json.RawMessage]():
		ref.Value.Items = s.policy()
	default:
		ref = s.policy()
	}
	if ref.Ref != "" {
		if text == "" {
			return ref
		}
		return (&openapi3.Schema{Description: text, AllOf: openapi3.SchemaRefs{ref}}).NewRef()
	}
	schema := *ref.Value
	schema.Description = text
	if words := f.Tag.Get("enum"); words != "" {
		of := &schema
		if schema.Items != nil && schema.Items.Value != nil {
			items := *schema.Items.Value
			schema.Items, of = items.NewRef(), &items
		}
		of.Enum = nil
		for word := range strings.SplitSeq(words, ",") {
			of.Enum = append(of.Enum, word)
		}
	}
	if format := f.Tag.Get("format"); format != "" {
		schema.Format = format
	}
	return schema.NewRef()
}

// policy is a reference to what a policy of any kind is.
func (s schemas) policy() *openapi3.SchemaRef {
	name := "Policy"
	if s.sent {
		name += "Request"
	}
	ref := openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
	if _, known := s.components[name]; known {
		return ref
	}
	s.made[name] = reflect.TypeFor[policy.Config]()
	any := &openapi3.Schema{
		Description:   "A policy of any kind; its type says which.",
		Discriminator: &openapi3.Discriminator{PropertyName: "type", Mapping: map[string]openapi3.MappingRef{}},
	}
	s.components[name] = any.NewRef()
	add := func(wire string, t reflect.Type) {
		kind := s.of(t)
		any.OneOf = append(any.OneOf, kind)
		any.Discriminator.Mapping[wire] = openapi3.MappingRef{Ref: kind.Ref}
		s.components[strings.TrimPrefix(kind.Ref, "#/components/schemas/")].Value.Properties["type"] = openapi3.NewStringSchema().WithEnum(wire).NewRef()
	}
	for _, t := range s.types {
		add(t.Name, reflect.TypeOf(t.New()).Elem())
	}
	if !s.sent {
		add("policy-group", reflect.TypeFor[groupEntry]())
	}
	return ref
}

// policyBody is a policy as a body of its own: by type, or with _class as clients
// of another generation send it.
func (s schemas) policyBody() *openapi3.SchemaRef {
	classed := openapi3.NewObjectSchema()
	classed.Description = "A policy that names its type in _class; jwt-auth is policy-auth-jwt."
	names := []any{"jwt-auth"}
	for _, t := range s.types {
		names = append(names, t.Name)
	}
	classed.WithPropertyRef("_class", openapi3.NewStringSchema().WithEnum(names...).NewRef())
	classed.Required = []string{"_class"}
	const name = "ClassedPolicyRequest"
	s.components[name], s.made[name] = classed.NewRef(), reflect.TypeFor[policyBody]()
	return s.either("GlobalPolicyRequest", s.policy(), openapi3.NewSchemaRef("#/components/schemas/"+name, nil))
}

// groupMember is a policy of a policy group: a local one, or a global one by its
// name.
func (s schemas) groupMember() *openapi3.SchemaRef {
	name := "PolicyGroupMember"
	if s.sent {
		name += "Request"
	}
	return s.either(name, s.policy(), s.of(reflect.TypeFor[globalMember]()))
}

// either is a component that is one of several things.
func (s schemas) either(name string, options ...*openapi3.SchemaRef) *openapi3.SchemaRef {
	s.components[name] = (&openapi3.Schema{AnyOf: options}).NewRef()
	s.made[name] = nil
	return openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
}

var generic = regexp.MustCompile(`^(\w+)\[(?:.*[./])?(\w+)\]$`)

// name is that of a component: the type's, with what it holds for a generic one.
func (s schemas) name(t reflect.Type) string {
	name := t.Name()
	if renamed, ok := names[t]; ok {
		name = renamed
	} else if m := generic.FindStringSubmatch(name); m != nil {
		name = s.held(t) + map[string]string{"listOf": "List", "logOf": "Log", "one": "Answer"}[m[1]]
	}
	name = upperFirst(name)
	if s.sent && !strings.HasSuffix(name, "Request") {
		name += "Request"
	}
	return name
}

// held is the name of what a generic answer holds.
func (s schemas) held(t reflect.Type) string {
	held := t.Field(1).Type // after done
	if held.Kind() == reflect.Slice {
		held = held.Elem()
	}
	s.sent = false // an answer never is
	return s.name(held)
}

func upperFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
