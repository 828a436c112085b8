// Package apidocs owns the pages of the management API's reference. They are
// drawn from what the OpenAPI document is made of, so that they cannot differ,
// and they need nothing from elsewhere.
package apidocs

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/web/layout"
)

// Reference is the API as its document describes it.
type Reference struct {
	Groups []Group
	Shapes map[string]Shape
}

// Group is what belongs together.
type Group struct {
	Name, Text string
	Operations []Operation
}

// Operation is one method at one address.
type Operation struct {
	// ID is the operationId, Needs the right in words.
	ID, Method, Path, Summary, Text string
	Parameters                      []Parameter
	// Body and Answer are the members that are sent and answered, BodyText what
	// is sent instead of JSON.
	Body, Answer      Type
	BodyText          string
	Request, Response string // examples
	Curl              string
	Statuses          []Status
}

// Parameter is one of the path, the query or the header.
type Parameter struct {
	Name, In, Text string
	Type           Type
	Required       bool
}

// Type is what a value is, in words, and the shape that it has.
type Type struct {
	Text string
	// Shapes are the names of shapes that the text names.
	Shapes []string
}

// Shape is an object with its members, or a choice between other shapes.
type Shape struct {
	Name, Text string
	Fields     []Field
	Choice     Type
}

// Field is a member of a shape.
type Field struct {
	Name, Text string
	Type       Type
	Required   bool
	Values     []string
}

// Status is an answer by its number.
type Status struct{ Code, Text string }

// IndexPage is the list of all operations.
type IndexPage struct {
	Frame layout.Props
	Query string
	Reference
}

// OperationPage is one operation with all shapes that it has.
type OperationPage struct {
	Frame layout.Props
	Operation
	Shapes []Shape
}

// Find is an operation by its id.
func (r Reference) Find(id string) (Operation, bool) {
	for _, g := range r.Groups {
		for _, o := range g.Operations {
			if o.ID == id {
				return o, true
			}
		}
	}
	return Operation{}, false
}

// ShapesOf are the shapes of an operation and what those hold, in the order in
// which a reader meets them.
func (r Reference) ShapesOf(o Operation) []Shape {
	var list []Shape
	queue := slices.Concat(o.Body.Shapes, o.Answer.Shapes)
	for seen := map[string]bool{}; len(queue) > 0; {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		shape := r.Shapes[name]
		list = append(list, shape)
		queue = append(queue, shape.Choice.Shapes...)
		for _, f := range shape.Fields {
			queue = append(queue, f.Type.Shapes...)
		}
	}
	return list
}

// Matching are the groups with the operations in which every word of the query
// stands.
func (r Reference) Matching(query string) []Group {
	words := strings.Fields(strings.ToLower(query))
	var list []Group
	for _, g := range r.Groups {
		found := slices.DeleteFunc(slices.Clone(g.Operations), func(o Operation) bool {
			text := strings.ToLower(strings.Join([]string{g.Name, o.ID, o.Method, o.Path, o.Summary, o.Text}, " "))
			return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
		})
		if len(found) > 0 {
			list = append(list, Group{g.Name, g.Text, found})
		}
	}
	return list
}

func anchor(shape string) string { return "shape-" + shape }

// needed is a sentence about a value, which says first that it has to be there.
func needed(required bool, text string) string {
	if required {
		return strings.TrimSpace("Required. " + text)
	}
	return text
}
