package proxies

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/errors"
	"github.com/gatewright/gatewright/web/ui"
)

// FormID is the element that htmx takes out of the answer.
const FormID = "proxy-form"

// Form is the form of a proxy, or of a proxy group, with everything as it was typed.
type Form struct {
	New bool
	// ID and Version are of the proxy as it was read; empty when New.
	ID, Version string
	// Title is the name as it is stored, which may differ from what is typed.
	Title string

	Name, Description               string
	BasePath                        string
	Hosts                           string // one a line
	Methods                         []string
	UpstreamURL                     string
	ConnectTimeout, ResponseTimeout string
	Balancing                       Balancing
	Endpoints                       []EndpointRow
	JSON, XML                       ErrorTemplate
	ReplaceAPIErrors                bool

	// Group tells a proxy group, which has members in place of an upstream and
	// endpoints. Found are proxies that it could get, More how many are not listed;
	// Search is what was looked for and FindMembers the address that looks.
	Group       bool
	Members     []MemberRow
	BlockDirect bool
	Search      string
	Found       []MemberRow
	More        int
	FindMembers string
	Direct      []Direct

	// Reason is the error that the answers of the templates are shown for.
	Reason fault.Type
	// Shots are these answers, Preview the address that draws them anew.
	Shots   errors.Preview
	Preview string

	// Document is the format of the document that the form was filled from, Notes
	// what was not taken over of it, and Changes what it makes of the endpoints that
	// are stored. FromDocument is where one is given; "" where a new form has none.
	Document     string
	Notes        []string
	Changes      Changes
	FromDocument string

	Problems problem.List
	Unsaved  bool // shows what was typed and not saved
	// Focus is the field that has the cursor; "" for the first wrong one.
	Focus string

	Conflict *Conflict
	Deleted  *Deletion

	Action, Cancel            string
	CheckName, CheckBasePath  string
	AllMethods, ReservedPaths []string
	// DefaultConnect and DefaultResponse are in milliseconds, as is MaxTimeout.
	DefaultConnect, DefaultResponse, MaxTimeout int
	MaxName, MaxDescription                     int
	// Live are the environments that go on serving what was deployed.
	Live []string
}

// EndpointRow is one operation as it was typed.
type EndpointRow struct {
	ID                        string // empty for one that is not stored yet
	Method, Path, Description string
	Policies                  int // bound to it; they go with it
}

// Conflict says that somebody else saved first (D17). What was typed stays in
// the form, which from now on saves over what is shown as theirs.
type Conflict struct {
	By          string
	At, Now     time.Time
	Differences []Difference
	Discard     string // the form with what is stored now
}

// Difference is a field where the two sides are not the same.
type Difference struct{ Label, Mine, Theirs string }

// Deletion says that the proxy is gone.
type Deletion struct {
	Name, By string
	At, Now  time.Time
}

// labels are how the user knows the fields.
func (f Form) labels() map[string]string {
	l := map[string]string{
		"name": "Name", "description": "Description", "basePath": "Base path", "hosts": "Hosts", "methods": "Methods",
		"upstreamUrl": "Upstream address", "connectTimeout": "Connect timeout", "responseTimeout": "Response timeout",
		"endpoints": "Endpoints", "members": "Members", "blockDirectAccess": f.blockDirect().Label,
	}
	for i := range f.Endpoints {
		l[endpointField(i, "")] = "Endpoint " + strconv.Itoa(i+1)
	}
	maps.Copy(l, f.templateLabels())
	maps.Copy(l, f.balancingLabels())
	return l
}

// endpointField is the name of a part of a row, or with "" of the row.
func endpointField(i int, part string) string {
	name := fmt.Sprintf("endpoints[%d]", i)
	if part != "" {
		name += "." + part
	}
	return name
}

// attrs puts the cursor into the field that needs it.
func (f Form) attrs(name string) templ.Attributes {
	return templ.Attributes{"autofocus": f.focus() == name}
}

func (f Form) focus() string {
	switch {
	case f.Focus != "":
		return f.Focus
	case len(f.Problems) > 0:
		return f.Problems[0].Field
	case f.New && f.Deleted == nil:
		return "name"
	}
	return ""
}

func (f Form) save() ui.Save {
	s := ui.Save{Discard: f.Cancel, Unsaved: f.Unsaved, Always: f.New}
	switch {
	case f.Deleted != nil:
		s.Label = "Create it again"
	case f.New:
		s.Label = "Create " + f.noun()
	case f.Conflict != nil:
		s.Label, s.Discard = "Keep mine", f.Conflict.Discard
	}
	if len(f.Live) > 0 && !f.New {
		s.Note = "Traffic is not touched until the next deploy."
	}
	return s
}

func (f Form) name() ui.Field {
	return ui.Field{
		Name: "name", Label: "Name", Value: f.Name, Required: true, Max: f.MaxName, Error: f.Problems.For("name"), Check: f.CheckName,
		Help: "How people and the management API address it, such as orders. Unique in the project.", Attrs: f.attrs("name"),
	}
}

func (f Form) description() ui.Field {
	return ui.Field{
		Name: "description", Label: "Description", Value: f.Description, Max: f.MaxDescription, Rows: 2,
		Error: f.Problems.For("description"), Attrs: f.attrs("description"),
	}
}

func (f Form) basePath() ui.Field {
	a := f.attrs("basePath")
	a["hx-include"] = "#" + FormID + " [name=hosts]" // two proxies may share a path under different hosts
	return ui.Field{
		Name: "basePath", Label: "Base path", Value: f.BasePath, Required: true, Mono: true, Placeholder: "/orders",
		Error: f.Problems.For("basePath"), Check: f.CheckBasePath, Attrs: a,
		Help: "Calls below this path are the " + f.noun() + "'s; it is taken off before " + f.behind() + ". Reserved for the gateway's own token endpoints: " + listed(f.ReservedPaths) + ".",
	}
}

func (f Form) hosts() ui.Field {
	return ui.Field{
		Name: "hosts", Label: "Hosts", Value: f.Hosts, Mono: true, Rows: 2, Error: f.Problems.For("hosts"), Attrs: f.attrs("hosts"),
		Help: "One a line, such as api.example.com or *.example.com. Empty: any host.",
	}
}

func (f Form) methods() ui.Field {
	return ui.Field{Name: "methods", Label: "Methods", Error: f.Problems.For("methods"), Help: "None ticked: any method."}
}

func (f Form) methodOptions() []ui.Option { return ui.Options(f.AllMethods...)[0].Options }

func (f Form) upstream() ui.Field {
	return ui.Field{
		Name: "upstreamUrl", Label: "Upstream address", Value: f.UpstreamURL, Required: true, Mono: true, Type: "url",
		Placeholder: "https://orders.internal:8443/v1", Error: f.Problems.For("upstreamUrl"), Attrs: f.attrs("upstreamUrl"),
		Help: "The API that answers: scheme, host, port and path. No request can leave the path.",
	}
}

func (f Form) timeout(name, label, value string, standard int, what string) ui.Field {
	return ui.Field{
		Name: name, Label: label, Value: value, Narrow: true, Placeholder: strconv.Itoa(standard),
		Error: f.Problems.For(name), Attrs: f.attrs(name),
		Help: fmt.Sprintf("%s From 1 to %d; empty: %d.", what, f.MaxTimeout, standard),
	}
}

func (f Form) rowMethod(i int) ui.Field {
	return ui.Field{
		Name: endpointField(i, "method"), Label: fmt.Sprintf("Method of endpoint %d", i+1), Value: f.Endpoints[i].Method, HideLabel: true,
	}
}

// rowPath carries the id of the whole row, so that the summary leads to it.
func (f Form) rowPath(i int) ui.Field {
	return ui.Field{
		Name: endpointField(i, "path"), ID: ui.FieldID(endpointField(i, "")), Label: fmt.Sprintf("Path of endpoint %d", i+1),
		Value: f.Endpoints[i].Path, HideLabel: true, Mono: true, Placeholder: "/pets/{petId}",
		Error: f.Problems.For(endpointField(i, "")), Attrs: f.attrs(endpointField(i, "")),
	}
}

func (f Form) rowDescription(i int) ui.Field {
	return ui.Field{
		Name: endpointField(i, "description"), Label: fmt.Sprintf("Description of endpoint %d", i+1), Value: f.Endpoints[i].Description,
		HideLabel: true, Placeholder: "Description", Error: f.Problems.For(endpointField(i, "description")),
	}
}

// rowMethods always hold the value that was posted, also when it is wrong.
func (f Form) rowMethods(i int) []ui.OptionGroup {
	have := f.Endpoints[i].Method
	for _, m := range f.AllMethods {
		if m == have {
			return ui.Options(f.AllMethods...)
		}
	}
	return ui.Options(append([]string{have}, f.AllMethods...)...)
}

func (f Form) removeLabel(i int) string {
	e := f.Endpoints[i]
	if e.Path == "" {
		return fmt.Sprintf("Remove endpoint %d", i+1)
	}
	return "Remove " + e.Method + " " + e.Path
}

func listed(words []string) string {
	text := ""
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			text += " and "
		default:
			text += ", "
		}
		text += w
	}
	return text
}
