package apiops

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gatewright/gatewright/web/apidocs"
)

// Reference is the document for its pages.
func (a *API) Reference() apidocs.Reference {
	d := a.describe()
	r := apidocs.Reference{Shapes: map[string]apidocs.Shape{}}
	for name, s := range d.Components.Schemas {
		r.Shapes[name] = shapeOf(name, s.Value)
	}
	for _, t := range tags {
		g := apidocs.Group{Name: t.name, Text: t.text}
		for _, op := range a.operations {
			if op.tag == t.name {
				g.Operations = append(g.Operations, operationOf(op, d.Paths.Value(op.path).GetOperation(op.method)))
			}
		}
		r.Groups = append(r.Groups, g)
	}
	return r
}

func operationOf(op operation, o *openapi3.Operation) apidocs.Operation {
	out := apidocs.Operation{ID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Text: o.Description, Curl: op.curl()}
	for _, p := range o.Parameters {
		out.Parameters = append(out.Parameters, apidocs.Parameter{
			Name: p.Value.Name, In: p.Value.In, Text: withValues(p.Value.Description, p.Value.Schema.Value.Enum), Type: typeOf(p.Value.Schema), Required: p.Value.Required,
		})
	}
	if o.RequestBody != nil {
		for media, content := range o.RequestBody.Value.Content {
			if media == "application/json" {
				out.Body = typeOf(content.Schema)
				continue
			}
			out.BodyText = fmt.Sprintf("The body is %s with %s.", media, strings.Join(slices.Sorted(maps.Keys(content.Schema.Value.Properties)), ", "))
		}
	}
	if content := o.Responses.Status(op.success()).Value.Content["application/json"]; content != nil {
		out.Answer = typeOf(content.Schema)
	}
	if _, isForm := op.body.(form); !isForm {
		out.Request = inLines(op.example().Request)
	}
	out.Response = inLines(op.example().Answer)
	for _, code := range slices.Sorted(maps.Keys(o.Responses.Map())) {
		out.Statuses = append(out.Statuses, apidocs.Status{Code: code, Text: *o.Responses.Value(code).Value.Description})
	}
	return out
}

// inLines is JSON for people.
func inLines(raw json.RawMessage) string {
	var b bytes.Buffer
	if raw == nil || json.Indent(&b, raw, "", "  ") != nil {
		return ""
	}
	return b.String()
}

// curl is a line to try the operation with.
func (o operation) curl() string {
	line := []string{"curl -X " + o.method + ` "https://gatewright.example` + o.path + `"`}
	if o.right != "public" {
		line = append(line, `  -H "Authorization: Bearer $TOKEN"`)
	}
	switch body := o.body.(type) {
	case nil:
	case form:
		for _, f := range body.fields {
			if !f.required {
				continue
			}
			flag := "--data-urlencode"
			if body.multipart {
				flag = "-F"
			}
			value := cmp.Or(strings.Join(f.enum, ""), "...")
			if f.file {
				value = "@file"
			}
			line = append(line, fmt.Sprintf("  %s %q", flag, f.name+"="+value))
		}
	default:
		line = append(line, `  -H "Content-Type: application/json"`, "  -d @body.json")
	}
	return strings.Join(line, " \\\n")
}

func shapeOf(name string, s *openapi3.Schema) apidocs.Shape {
	out := apidocs.Shape{Name: name, Text: s.Description}
	for _, choice := range slices.Concat(s.OneOf, s.AnyOf) {
		out.Choice.Shapes = append(out.Choice.Shapes, typeOf(choice).Shapes...)
	}
	for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[member]
		f := apidocs.Field{Name: member, Type: typeOf(p), Required: slices.Contains(s.Required, member)}
		if p.Value != nil {
			f.Text, f.Values = p.Value.Description, values(p.Value)
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

func values(s *openapi3.Schema) []string {
	if s.Items != nil && s.Items.Value != nil {
		s = s.Items.Value
	}
	var list []string
	for _, v := range s.Enum {
		list = append(list, fmt.Sprint(v))
	}
	return list
}

func withValues(text string, enum []any) string {
	if len(enum) == 0 {
		return text
	}
	return strings.TrimSpace(text + " " + strings.Join(values(&openapi3.Schema{Enum: enum}), ", ") + ".")
}

// typeOf is a schema in words.
func typeOf(ref *openapi3.SchemaRef) apidocs.Type {
	if ref.Ref != "" {
		return apidocs.Type{Shapes: []string{strings.TrimPrefix(ref.Ref, "#/components/schemas/")}, Text: "object "}
	}
	s := ref.Value
	switch {
	case len(s.AllOf) == 1:
		return typeOf(s.AllOf[0])
	case s.Items != nil:
		of := typeOf(s.Items)
		return apidocs.Type{Text: "list of " + strings.TrimPrefix(of.Text, "object "), Shapes: of.Shapes}
	case s.AdditionalProperties.Schema != nil:
		of := typeOf(s.AdditionalProperties.Schema)
		return apidocs.Type{Text: "object of " + of.Text, Shapes: of.Shapes}
	case s.Type == nil:
		return apidocs.Type{Text: "anything"}
	case s.Format != "":
		return apidocs.Type{Text: strings.Join(s.Type.Slice(), " or ") + ", " + s.Format}
	}
	return apidocs.Type{Text: strings.Join(s.Type.Slice(), " or ")}
}
