package condition

// Variable is a named pointer to a value of a request. One that has a name and
// no type refers to a variable of the project.
type Variable struct {
	Name        string       `json:"name,omitempty"`
	Description string       `json:"description,omitempty"`
	Type        VariableType `json:"type,omitempty"`

	// HeaderName is a HEADER's, in any letter case. Of a repeated header the
	// first value counts.
	HeaderName string `json:"headerName,omitempty"`

	// ParamType and ParamName are a PARAMETER's.
	ParamType ParamType `json:"paramType,omitempty"`
	ParamName string    `json:"paramName,omitempty"`
	// ParamPath is a template such as /orders/{id} below the base path; empty
	// means that of the endpoint. PATH only.
	ParamPath string `json:"paramPath,omitempty"`

	// ContentType is how a BODY is read; JSONPath and XPath find the value.
	ContentType ContentType `json:"messageContentType,omitempty"`
	JSONPath    string      `json:"jsonPathValue,omitempty"`
	XPath       string      `json:"xpathValue,omitempty"`

	// ContextValue is one of ContextValues.
	ContextValue ContextName `json:"contextValue,omitempty"`
	// ZoneID is the IANA zone of a date, UTC by default.
	ZoneID string `json:"zoneId,omitempty"`
}

// Reference tells that the variable is one of the project's.
func (v *Variable) Reference() bool { return v.Type == "" && v.Name != "" }

func (v *Variable) clone() *Variable {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

// VariableType is the kind of place that a variable points to.
type VariableType string

// The types of variables. The reference's CUSTOM, a script, is not among them.
const (
	Header    VariableType = "HEADER"
	Parameter VariableType = "PARAMETER"
	Body      VariableType = "BODY"
	Context   VariableType = "CONTEXT_VALUES"
)

// ParamType is where a parameter stands.
type ParamType string

// The places of parameters.
const (
	Query ParamType = "QUERY"
	Path  ParamType = "PATH"
	Form  ParamType = "FORM"
)

// ContentType is how a body is read.
type ContentType string

// How bodies are read. ALL_BODY is the whole body as text.
const (
	JSON    ContentType = "JSON"
	XML     ContentType = "XML"
	AllBody ContentType = "ALL_BODY"
)

// ReadsBody tells that the variable needs the body.
func (v *Variable) ReadsBody() bool {
	return v.Type == Body || v.Type == Parameter && v.ParamType == Form
}

// Normalize drops what the type makes meaningless and writes aliases as what
// they stand for.
func (v *Variable) Normalize() {
	if v == nil {
		return
	}
	n := Variable{Name: v.Name, Description: v.Description, Type: v.Type}
	switch v.Type {
	case Header:
		n.HeaderName = v.HeaderName
	case Parameter:
		n.ParamType, n.ParamName = v.ParamType, v.ParamName
		if v.ParamType == Path {
			n.ParamPath = v.ParamPath
		}
	case Body:
		n.ContentType = v.ContentType
		switch v.ContentType {
		case JSON:
			n.JSONPath = v.JSONPath
		case XML:
			n.XPath = v.XPath
		}
	case Context:
		n.ContextValue = v.ContextValue.canonical()
	default: // a reference, or what Validate refuses
		n = *v
	}
	n.ZoneID = v.ZoneID
	*v = n
}
