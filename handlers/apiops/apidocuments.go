package apiops

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
	"github.com/gatewright/gatewright/handlers/apidoc"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/apispec"
)

// Proxies out of a document that describes their API, by its address or as a file
// (reference 6.4).

// TakesDocument tells that a file is sent to the address.
func TakesDocument(path string) bool {
	return strings.HasPrefix(path, Prefix) && strings.HasSuffix(strings.TrimSuffix(path, "/"), "/file")
}

func (a *API) documentOperations() []operation {
	const (
		text  = "OpenAPI 3.0, 3.1 or Swagger 2.0, in JSON or YAML, of at most 1 MiB; what it refers to elsewhere is not read. "
		fresh = "What is left out is taken from the document: its title, its description, and of its first server the path and the address. Where these are taken already, or not there, send others."
		again = "An endpoint that matches the same requests stays with its policies. Nothing else of the proxy changes."
	)
	return []operation{
		{
			method: http.MethodPost, path: proxyKind.list() + "url/", id: "createProxyFromURL", tag: proxyTag, summary: "Create an API proxy from a document at an address", text: text + fresh,
			right: models.ManageAPIs, body: proxyURLRequest{}, result: proxyFromDocument{}, do: a.createFromURL,
		},
		{
			method: http.MethodPost, path: proxyKind.list() + "file/", id: "createProxyFromFile", tag: proxyTag, summary: "Create an API proxy from a document that is sent", text: text + fresh,
			right: models.ManageAPIs, result: proxyFromDocument{}, do: a.createFromFile,
			body: fileForm("As the body of createProxyFromURL without specUrl, in JSON."),
		},
		{
			method: http.MethodPut, path: proxyKind.path() + "url/", id: "reparseProxyFromURL", tag: proxyTag, summary: "Give an API proxy the endpoints of a document at an address", text: text + again,
			right: models.ManageAPIs, body: reparseURLRequest{}, result: proxyReparsed{}, versioned: true, do: a.reparseFromURL,
		},
		{
			method: http.MethodPut, path: proxyKind.path() + "file/", id: "reparseProxyFromFile", tag: proxyTag, summary: "Give an API proxy the endpoints of a document that is sent", text: text + again,
			right: models.ManageAPIs, result: proxyReparsed{}, versioned: true, do: a.reparseFromFile,
			body: fileForm("As the body of reparseProxyFromURL without specUrl, in JSON."),
		},
	}
}

// The parts of a form with a document.
const (
	specFile = "specFile"
	specRest = "apiProxy"
	specURL  = "specUrl"
)

func fileForm(rest string) form {
	return form{multipart: true, fields: []formField{
		{name: specFile, text: "The document.", file: true, required: true},
		{name: specRest, text: rest},
	}}
}

// documentFields are what can be sent beside a document.
type documentFields struct {
	Name string `json:"apiProxyName" doc:"Left out: made of the document's title."`
	Type string `json:"apiProxyCreationType" enum:"OPEN_API,SWAGGER" doc:"Refused where the document is the other; left out: either."`
	proxyFields
}

type proxyURLRequest struct {
	URL string `json:"specUrl" required:"true" doc:"Where the document is. Redirects are not followed."`
	documentFields
}

type reparseFields struct {
	Keep bool `json:"keepEndpoints" doc:"Keeps endpoints that the document has not; else they are deleted with their policies."`
	wish
}

type reparseURLRequest struct {
	URL string `json:"specUrl" required:"true" doc:"Where the document is. Redirects are not followed."`
	reparseFields
}

// documentRead says what was made of a document.
type documentRead struct {
	Format  string   `json:"specFormat" doc:"Such as OpenAPI 3.1.0."`
	Notes   []string `json:"notes" doc:"What of the document the proxy does not take over."`
	LeftOut []string `json:"leftOut" doc:"Operations that became no endpoints, and why."`
}

func readOf(s apispec.Spec) documentRead {
	return documentRead{s.Format, noNil(s.Notes), noNil(s.LeftOut)}
}

type proxyFromDocument struct {
	proxyCreated
	documentRead
}

type proxyReparsed struct {
	proxySaved
	documentRead
}

// fetchSpec reads the document of an address. Where it may be is the one rule for
// addresses that an administrator names.
func (c *call) fetchSpec(address string) (apispec.Spec, error) {
	document, why := apidoc.Fetch(c.ctx(), c.Outgoing, address)
	if why != "" {
		return apispec.Spec{}, invalid(specURL, "%s", why)
	}
	return readSpec(document, specURL)
}

// readSpec names the part that a wrong document came in, and says in words where
// in it something is wrong.
func readSpec(document []byte, part string) (apispec.Spec, error) {
	s, err := apispec.Read(document)
	list := problem.Of(err)
	if list == nil {
		return s, err
	}
	var l problem.List
	for _, p := range list {
		if p.Field != "" {
			p.Message = p.Field + ": " + p.Message
		}
		l.Add(part, "%s", p.Message)
	}
	return s, l
}

var errNoForm = &refusal{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", text: "Send Content-Type: multipart/form-data with the part specFile."}

// sentSpec reads the document of a form, and what else it has into rest.
func (c *call) sentSpec(rest any) (apispec.Spec, error) {
	media, _, err := mime.ParseMediaType(c.g.Request.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return apispec.Spec{}, errNoForm
	}
	// More than the whole body may hold, so that nothing is written to the disk.
	if err := c.g.Request.ParseMultipartForm(4 * apispec.MaxDocument); err != nil {
		return apispec.Spec{}, brokenForm(err)
	}
	sent := c.g.Request.MultipartForm
	if l := unknownParts(sent); l != nil {
		return apispec.Spec{}, l
	}
	if text := sent.Value[specRest]; len(text) > 0 {
		if err := strict.Decode([]byte(text[0]), rest, specRest); err != nil {
			return apispec.Spec{}, prefixed(specRest, err)
		}
	}
	document, err := content(sent.File[specFile][0])
	if err != nil {
		return apispec.Spec{}, err
	}
	return readSpec(document, specFile)
}

func brokenForm(err error) error {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return tooLarge
	}
	return invalid(specFile, "The form cannot be read: %s.", err)
}

// unknownParts refuses what nobody would read, and a form without a document.
func unknownParts(f *multipart.Form) problem.List {
	var l problem.List
	for name, values := range f.Value {
		switch {
		case name == specFile:
			l.Add(name, "Send it as a file, with a filename.")
		case name != specRest:
			l.Add(name, "Unknown part; remove it.")
		case len(values) > 1:
			l.Add(name, "The part is here twice; remove one.")
		}
	}
	for name := range f.File {
		if name != specFile {
			l.Add(name, "Unknown file; remove it.")
		}
	}
	if n := len(f.File[specFile]); n != 1 && l.For(specFile) == "" {
		l.Add(specFile, "Send one document; there are %d.", n)
	}
	return l
}

func content(h *multipart.FileHeader) ([]byte, error) {
	file, err := h.Open()
	if err != nil {
		return nil, fmt.Errorf("open file of form: %w", err)
	}
	defer func() { _ = file.Close() }() // it was read, or the reading has failed
	raw, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read file of form: %w", err)
	}
	return raw, nil
}

func (a *API) createFromURL(c *call) (any, error) {
	var r proxyURLRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.firstDeploy(r.wish); err != nil {
		return nil, err
	}
	spec, err := c.fetchSpec(r.URL)
	if err != nil {
		return nil, err
	}
	return c.createFromSpec(r.documentFields, spec)
}

func (a *API) createFromFile(c *call) (any, error) {
	var r documentFields
	spec, err := c.sentSpec(&r)
	if err != nil {
		return nil, err
	}
	answer, err := c.createFromSpec(r, spec)
	return answer, prefixed(specRest, err)
}

// createFromSpec creates what the document describes, as far as nothing else was
// sent.
func (c *call) createFromSpec(f documentFields, s apispec.Spec) (any, error) {
	if err := f.fits(s); err != nil {
		return nil, err
	}
	if f.Name == "" {
		f.Name = s.Name
	}
	if f.Description == "" {
		f.Description = s.Description
	}
	if len(f.Route.Paths) == 0 {
		f.Route.Paths = []string{s.BasePath}
	}
	if len(f.Routing.Addresses) == 0 && s.Upstream != "" {
		f.Routing.Addresses = []routingAddress{{Address: s.Upstream}}
	}
	for _, e := range s.Endpoints {
		f.Endpoints = append(f.Endpoints, endpointItem{e.Path, e.Method, e.Description})
	}
	made, err := c.newProxy(f.Name, f.proxyFields)
	if err != nil {
		return nil, err
	}
	return proxyFromDocument{made, readOf(s)}, nil
}

// fits says what was sent that the document is against.
func (f documentFields) fits(s apispec.Spec) error {
	kind := "OPEN_API"
	if strings.HasPrefix(s.Format, "Swagger") {
		kind = "SWAGGER"
	}
	switch {
	case f.Type != "" && f.Type != kind:
		return invalid("apiProxyCreationType", "Send %s, or leave it out: the document is %s.", kind, s.Format)
	case len(f.Endpoints) > 0:
		return invalid("endpoints", "Leave them out: the document has them.")
	}
	return nil
}

func (a *API) reparseFromURL(c *call) (any, error) {
	var r reparseURLRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	if err := c.mayDeploy(r.wish); err != nil {
		return nil, err
	}
	spec, err := c.fetchSpec(r.URL)
	if err != nil {
		return nil, err
	}
	return c.reparse(o, r.reparseFields, spec)
}

func (a *API) reparseFromFile(c *call) (any, error) {
	var r reparseFields
	spec, err := c.sentSpec(&r)
	if err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	answer, err := c.reparse(o, r, spec)
	return answer, prefixed(specRest, err)
}

func (c *call) reparse(o models.Owner, f reparseFields, s apispec.Spec) (any, error) {
	o.Endpoints = apidoc.Endpoints(o.Endpoints, s, f.Keep)
	saved, err := c.saveProxy(o, f.wish, proxyNames)
	if err != nil {
		return nil, err
	}
	return proxyReparsed{saved, readOf(s)}, nil
}
