package apiops

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/handlers/visit"
)

// describe makes the OpenAPI 3.1 document from the table of operations.
func (a *API) describe() *openapi3.T {
	components := openapi3.Schemas{}
	d := &openapi3.T{
		OpenAPI: "3.1.0",
		Info: &openapi3.Info{
			Title: "Gatewright management API", Version: "1",
			Description: "Administers the authentication policies of APIs and what they need. Everything that the console does can be done here, by the same rules. " +
				"Errors name the fields as they were sent. GET answers an ETag; a write with If-Match goes through only while that is current. " +
				"A write with an Idempotency-Key can be repeated safely for a day. Paths are accepted without the slash at their end, too.",
			License: &openapi3.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Servers: openapi3.Servers{{URL: "/"}},
		Paths:   openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: components,
			SecuritySchemes: openapi3.SecuritySchemes{"token": {Value: &openapi3.SecurityScheme{
				Type: "http", Scheme: "bearer", Description: "A token of POST /apiops/auth/token, or a personal one from the account page.",
			}}},
		},
		Security: openapi3.SecurityRequirements{{"token": {}}},
	}
	for _, t := range tags {
		d.Tags = append(d.Tags, &openapi3.Tag{Name: t.name, Description: t.text})
	}
	known := schemas{components: components, types: a.Types, kinds: a.Identities, made: map[string]reflect.Type{}}
	for _, op := range a.operations {
		item := d.Paths.Value(op.path)
		if item == nil {
			item = &openapi3.PathItem{}
			d.Paths.Set(op.path, item)
		}
		item.SetOperation(op.method, op.describe(known))
	}
	return d
}

func (op operation) describe(known schemas) *openapi3.Operation {
	o := &openapi3.Operation{OperationID: op.id, Tags: []string{op.tag}, Summary: op.summary, Description: op.described(), Responses: openapi3.NewResponses()}
	o.Responses.Delete("default")
	for _, name := range op.parameters() {
		p := openapi3.NewPathParameter(name).WithSchema(openapi3.NewStringSchema()).WithDescription(pathTexts[name])
		p.Example = orAbsent(op.example().Path, name)
		o.AddParameter(p)
	}
	for _, p := range op.query {
		schema := schemas{}.of(reflect.TypeOf(p.kind)).Value
		for _, word := range p.enum {
			schema.Enum = append(schema.Enum, word)
		}
		q := openapi3.NewQueryParameter(p.name).WithSchema(schema).WithDescription(p.text)
		q.Example = p.example(op.example().Query)
		o.AddParameter(q)
	}
	for _, h := range op.headers() {
		o.AddParameter(openapi3.NewHeaderParameter(h[0]).WithSchema(openapi3.NewStringSchema()).WithDescription(h[1]))
	}
	if op.body != nil {
		o.RequestBody = &openapi3.RequestBodyRef{Value: op.describeBody(known)}
	}
	if op.right == visit.Public {
		o.Security = &openapi3.SecurityRequirements{}
	}
	o.Responses.Set(strconv.Itoa(op.success()), &openapi3.ResponseRef{Value: op.describeAnswer(known)})
	for _, status := range op.statuses() {
		o.Responses.Set(strconv.Itoa(status), describeFailure(status, known))
	}
	return o
}

// described is the text with the right that the operation needs.
func (o operation) described() string {
	text := o.text
	if o.right != visit.Public && o.right != visit.SignedIn {
		text = strings.TrimSpace(text + "\n\nNeeds " + rightText(o.right) + ".")
	}
	return text
}

func rightText(r visit.Right) string {
	switch r {
	case visit.Member:
		return "any permission in the project"
	case visit.Exchange:
		return "EXPORT_IMPORT of the category of each kind"
	case visit.ViewSystem, visit.ManageSystem:
		return r.Action() + " of the installation"
	}
	return r.Category() + ", " + r.Action()
}

// headers are what a request may carry, with what they do.
func (o operation) headers() [][2]string {
	if !o.writes() || o.right == visit.Public {
		return o.header
	}
	list := [][2]string{{"Idempotency-Key", "Any text of at most 255 characters. The same request with the same key is answered with the first answer for a day, and not carried out again."}}
	if o.versioned {
		list = append(list, [2]string{"If-Match", "The ETag of what was read; refused with 412 when it has changed since."})
	}
	return append(list, o.header...)
}

func (o operation) describeBody(known schemas) *openapi3.RequestBody {
	known.sent = true
	b := openapi3.NewRequestBody().WithRequired(!o.optional)
	var content openapi3.Content
	switch v := o.body.(type) {
	case form:
		content = openapi3.NewContentWithSchema(v.schema(), []string{v.media()})
	default:
		content = openapi3.NewContentWithJSONSchemaRef(known.of(reflect.TypeOf(v)))
	}
	for _, media := range content {
		media.Example = rawOrNil(o.example().Request)
	}
	return b.WithContent(content)
}

func (o operation) describeAnswer(known schemas) *openapi3.Response {
	r := openapi3.NewResponse().WithDescription("Done.")
	if o.versioned {
		r.Headers = openapi3.Headers{"ETag": {Value: &openapi3.Header{Parameter: openapi3.Parameter{
			Description: "The version, for If-Match.", Schema: openapi3.NewStringSchema().NewRef(),
		}}}}
	}
	switch {
	case o.result != nil:
		r.Content = openapi3.NewContentWithJSONSchemaRef(known.of(reflect.TypeOf(o.result)))
	case o.produces != "":
		schema := openapi3.NewStringSchema()
		if o.produces == "application/json" {
			schema = openapi3.NewObjectSchema()
		}
		r.Content = openapi3.NewContentWithSchema(schema, strings.Split(o.produces, ","))
	}
	for _, media := range r.Content {
		media.Example = rawOrNil(o.example().Answer)
	}
	return r
}

// statuses are the failures that the operation can answer.
func (o operation) statuses() []int {
	list := slices.Clone(o.also)
	list = append(list, http.StatusInternalServerError)
	if o.right != visit.Public {
		list = append(list, http.StatusUnauthorized)
	}
	if o.right != visit.Public && o.right != visit.SignedIn {
		list = append(list, http.StatusForbidden)
	}
	if len(o.parameters()) > 0 && o.right != visit.SignedIn {
		list = append(list, http.StatusNotFound)
	}
	if len(o.query) > 0 || o.body != nil {
		list = append(list, http.StatusBadRequest)
	}
	if o.body != nil {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.writes() && o.right != visit.Public {
		list = append(list, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	if o.versioned && o.writes() {
		list = append(list, http.StatusPreconditionFailed)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func describeFailure(status int, known schemas) *openapi3.ResponseRef {
	text := failureTexts[status]
	if text == "" {
		text = http.StatusText(status) + "."
	}
	r := openapi3.NewResponse().WithDescription(text)
	r.Content = openapi3.NewContentWithJSONSchemaRef(known.of(reflect.TypeFor[failure]()))
	return &openapi3.ResponseRef{Value: r}
}

var failureTexts = map[int]string{
	http.StatusBadRequest:            "Something of what was sent is wrong; fieldErrors has every field.",
	http.StatusUnauthorized:          "No token, or one that is unknown, expired or revoked.",
	http.StatusForbidden:             "The role or the scope of the token does not allow it.",
	http.StatusNotFound:              "Something that the address names is not there.",
	http.StatusConflict:              "It is against what is there: a name that is taken, or somebody was faster.",
	http.StatusPreconditionFailed:    "If-Match is not the current version.",
	http.StatusUnprocessableEntity:   "The Idempotency-Key was used with another request.",
	http.StatusRequestEntityTooLarge: "More than is taken at once.",
	http.StatusUnsupportedMediaType:  "Another Content-Type than the operation takes.",
	http.StatusTooManyRequests:       "Too many failed attempts; Retry-After says how long to wait.",
	http.StatusInternalServerError:   "A fault of ours; the correlation id finds it in the log.",
}

func encodeDocument(d *openapi3.T) []byte {
	raw, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		panic(fmt.Sprintf("encode OpenAPI document: %v", err)) // made of our own types only
	}
	return raw
}

// form is a body that is not JSON: fields of a form, some of them files.
type form struct {
	multipart bool
	fields    []formField
}

type formField struct {
	name, text     string
	file, required bool
	enum           []string
}

func (f form) media() string {
	if f.multipart {
		return "multipart/form-data"
	}
	return "application/x-www-form-urlencoded"
}

func (f form) schema() *openapi3.Schema {
	object := openapi3.NewObjectSchema()
	for _, field := range f.fields {
		s := openapi3.NewStringSchema()
		s.Description = field.text
		if field.file {
			s.Format = "binary"
		}
		for _, word := range field.enum {
			s.Enum = append(s.Enum, word)
		}
		object.WithProperty(field.name, s)
		if field.required {
			object.Required = append(object.Required, field.name)
		}
	}
	return object
}
