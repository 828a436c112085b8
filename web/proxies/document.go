package proxies

import (
	"fmt"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// Document is where an OpenAPI document is given, by one of three ways.
type Document struct {
	// Proxy is the name of the one whose endpoints are read; "" for a new proxy.
	Proxy          string
	Content, URL   string
	Keep           bool // endpoints that the document has not
	Most           string
	Problems       problem.List
	Action, Cancel string
}

// documentLabels are how the user knows the ways.
var documentLabels = map[string]string{"file": "File", "content": "Text", "url": "Address"}

func (d Document) heading() layout.Heading {
	if d.Proxy != "" {
		return layout.Heading{
			Title: "Update the endpoints of " + d.Proxy,
			Text:  "From an OpenAPI 3.0 or 3.1 or a Swagger 2.0 document. You see what changes before anything is saved.",
		}
	}
	return layout.Heading{
		Title: "New API proxy from an OpenAPI document",
		Text:  "OpenAPI 3.0 or 3.1, or Swagger 2.0. You see the whole form before anything is saved.",
	}
}

func (d Document) field(f ui.Field) ui.Field {
	f.Error = d.Problems.For(f.Name)
	first := len(d.Problems) == 0 && f.Name == "file" || len(d.Problems) > 0 && d.Problems[0].Field == f.Name
	f.Attrs = templ.Attributes{"autofocus": first}
	return f
}

func (d Document) file() ui.Field {
	return d.field(ui.Field{Name: "file", Label: "File", Help: "JSON or YAML, at most " + d.Most + ". A file has to be chosen again when it could not be read."})
}

func (d Document) content() ui.Field {
	return d.field(ui.Field{Name: "content", Label: "Or paste the document", Value: d.Content, Rows: 10, Mono: true, Placeholder: "openapi: 3.1.0"})
}

func (d Document) url() ui.Field {
	return d.field(ui.Field{
		Name: "url", Label: "Or fetch it from an address", Value: d.URL, Mono: true, Type: "url", Placeholder: "https://api.example.com/openapi.json",
		Help: "Public addresses, and networks that the operator allows. Redirects are not followed, and nothing that the document refers to is fetched.",
	})
}

// Changes is what a document would make of a proxy's endpoints.
type Changes struct {
	Added, Changed, Removed []EndpointChange
	Kept                    int // without any change
}

// EndpointChange is one endpoint before or after.
type EndpointChange struct {
	Method, Path string
	// Text is what else there is to know, such as the path that it had.
	Text string
	// Policies are bound to it and go with it.
	Policies []string
}

// changesShown bounds the rows of one kind.
const changesShown = 100

func (c Changes) none() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

func (c Changes) title() string {
	if c.none() {
		return "The document has the same endpoints"
	}
	return fmt.Sprintf("%d added, %d changed, %d removed, %d unchanged", len(c.Added), len(c.Changed), len(c.Removed), c.Kept)
}

// lost counts the policies that go with what is removed.
func (c Changes) lost() int {
	n := 0
	for _, r := range c.Removed {
		n += len(r.Policies)
	}
	return n
}

// changeKind is one part of the table.
type changeKind struct {
	word string
	tone ui.Tone
	list []EndpointChange
}

// kinds begin with what somebody would regret.
func (c Changes) kinds() []changeKind {
	return []changeKind{
		{"Removed", ui.ToneDanger, c.Removed}, {"Changed", ui.ToneWarning, c.Changed}, {"Added", ui.ToneSuccess, c.Added},
	}
}

func (k changeKind) shown() []EndpointChange { return k.list[:min(len(k.list), changesShown)] }

func (k changeKind) more() int { return len(k.list) - len(k.shown()) }

// fromDocument is the title of the notes.
func (f Form) fromDocument() string {
	return "From " + f.Document + ": " + counted(len(f.Endpoints), "endpoint", "endpoints")
}
