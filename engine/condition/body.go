package condition

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"

	"github.com/gatewright/gatewright/engine/jsonpath"
)

// BodyError is why a body that a rule needs cannot be read. The request does not
// go on: a body that only the API can read would walk around the rule.
type BodyError string

// Error implements error.
func (e BodyError) Error() string { return string(e) }

const (
	errCompressed BodyError = "the body is compressed, so that no rule can read it"
	errNotXML     BodyError = "the body is not XML, or one with a document type, too deep or of too many elements"
	errNotForm    BodyError = "the body is not a form"
)

// bodies is what was read of the body so far, each form once for all rules.
type bodies struct {
	raw  once[[]byte]
	json once[any]
	xml  once[*xmlquery.Node]
	form once[url.Values]
}

func (r *Request) bodies() *bodies {
	if r.body == nil {
		r.body = &bodies{}
	}
	return r.body
}

// once is read at most once; its zero value is not read yet.
type once[T any] struct {
	done  bool
	value T
	err   error
}

func (o *once[T]) get(read func() (T, error)) (T, error) {
	if !o.done {
		o.done = true
		o.value, o.err = read()
	}
	return o.value, o.err
}

// content is the whole body; empty for none.
func (r *Request) content() ([]byte, error) {
	return r.bodies().raw.get(func() ([]byte, error) {
		if r.Content == nil {
			return nil, nil
		}
		raw, err := r.Content()
		if err != nil {
			return nil, err
		}
		if coding, ok := r.joined("Content-Encoding"); ok && len(raw) > 0 && !strings.EqualFold(coding, "identity") {
			return nil, errCompressed
		}
		return raw, nil
	})
}

func (v *Variable) bodyReader() reader {
	switch v.ContentType {
	case JSON:
		path, err := jsonpath.Compile(v.JSONPath)
		if err == nil {
			return func(r *Request) (string, bool, error) { return r.jsonValue(path) }
		}
	case XML:
		path, err := compileXPath(v.XPath)
		if err == nil {
			return func(r *Request) (string, bool, error) { return r.xmlValue(path) }
		}
	case AllBody:
		return func(r *Request) (string, bool, error) {
			raw, err := r.content()
			return string(raw), len(raw) > 0, err
		}
	}
	return unresolved
}

// jsonValue is the first value that the path finds, missing for null.
func (r *Request) jsonValue(path jsonpath.Path) (string, bool, error) {
	document, err := r.bodies().json.get(func() (any, error) {
		raw, err := r.content()
		if err != nil || len(raw) == 0 {
			return nil, err
		}
		v, err := jsonpath.Decode(raw)
		if err != nil {
			return nil, BodyError("the body cannot be read as JSON: " + err.Error())
		}
		return v, nil
	})
	if err != nil {
		return "", false, err
	}
	values := path.Values(document)
	if len(values) == 0 {
		return "", false, nil
	}
	return jsonpath.Text(values[0]), true, nil
}

func (r *Request) xmlValue(path *xpath.Expr) (string, bool, error) {
	document, err := r.bodies().xml.get(func() (*xmlquery.Node, error) {
		raw, err := r.content()
		if err != nil || len(raw) == 0 {
			return nil, err
		}
		return parseXML(raw)
	})
	if err != nil || document == nil {
		return "", false, err
	}
	return xpathText(path, document)
}

// formValue is the first value of a field of a form of either kind. A body of
// another kind has none.
func (r *Request) formValue(name string) (string, bool, error) {
	form, err := r.bodies().form.get(func() (url.Values, error) {
		raw, err := r.content()
		if err != nil || len(raw) == 0 {
			return nil, err
		}
		return r.parseForm(raw)
	})
	if values := form[name]; len(values) > 0 {
		return values[0], true, err
	}
	return "", false, err
}

func (r *Request) parseForm(raw []byte) (url.Values, error) {
	field, _ := r.first("Content-Type")
	kind, params, err := mime.ParseMediaType(field)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return nil, errNotForm
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, errNotForm
		}
		return form, nil
	case "multipart/form-data":
		if !bytes.Contains(raw, []byte("--"+params["boundary"]+"--")) { // the reader would not miss the end
			return nil, errNotForm
		}
		return parts(multipart.NewReader(bytes.NewReader(raw), params["boundary"]))
	}
	return nil, nil
}

// parts are the fields of form data that are no files.
func parts(in *multipart.Reader) (url.Values, error) {
	form := url.Values{}
	for {
		p, err := in.NextRawPart()
		if err == io.EOF { // wrapped, it is an end in the middle
			return form, nil
		}
		if err != nil {
			return nil, errNotForm
		}
		if p.FormName() == "" || p.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(p)
		if err != nil {
			return nil, errNotForm
		}
		form.Add(p.FormName(), string(value))
	}
}
