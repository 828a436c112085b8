// Package api owns what the external API adds to the pages of identity sources: the fields of its form, how they are
// read, and how its settings are said in words.
package api

import (
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// Form is the part of an identity source's form that is the API kind's own.
type Form struct{}

var _ webidentity.Form = Form{}

// The headings over its fields.
const (
	requestSection  = "Request"
	securitySection = "Connection security"
	verdictSection  = "Verdict"
	mappingSection  = "Mapping"
)

var labels = []webidentity.Label{
	{Field: "method", Text: "Method"},
	{Field: "url", Text: "Address"},
	{Field: "allowPlaintext", Text: "Allow plain http"},
	{Field: "basicAuth", Text: "Send name and password as HTTP Basic"},
	{Field: "headers", Text: "Headers"},
	{Field: "headers[].name", Text: "Header"},
	{Field: "headers[].value", Text: "Value"},
	{Field: "bodyType", Text: "Body"},
	{Field: "bodyTemplate", Text: "Body template"},
	{Field: api.SecretField, Text: "Secret"},
	{Field: "retries", Text: "Repeats"},
	{Field: "retryPost", Text: "Repeat a POST too"},
	{Field: "caCertificates", Text: "CA certificates"},
	{Field: "clientCertificate", Text: "Client certificate"},
	{Field: api.ClientKeyName, Text: "Private key of the client certificate"},
	{Field: "refusedStatuses", Text: "Statuses of a wrong login"},
	{Field: "assertions", Text: "Assertions"},
	{Field: "assertions[].kind", Text: "What is checked"},
	{Field: "assertions[].name", Text: "Header"},
	{Field: "assertions[].path", Text: "JSONPath"},
	{Field: "assertions[].operator", Text: "Comparison"},
	{Field: "assertions[].statusOperator", Text: "Comparison of the status"},
	{Field: "assertions[].expected", Text: "Expected"},
	{Field: "usernamePath", Text: "Path of the user name"},
	{Field: "rolesPath", Text: "Path of the roles"},
	{Field: "rolesSeparator", Text: "Separator of the roles"},
	{Field: "claims", Text: "Claims"},
	{Field: "claims[].source", Text: "JSONPath"},
	{Field: "claims[].claim", Text: "Claim"},
	{Field: "wholeResponseClaim", Text: "Pass the whole answer on as X-ApiResponse"},
}

// Labels implements webidentity.Form.
func (Form) Labels() []webidentity.Label { return labels }

func label(field string) string {
	for _, l := range labels {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// New implements webidentity.Form.
func (Form) New() identity.Config { return api.New() }

// Write implements webidentity.Form.
func (Form) Write(config identity.Config) webidentity.Values {
	c, ok := config.(*api.Config)
	if !ok {
		return webidentity.Values{}
	}
	v := webidentity.Values{
		"method": c.Method, "url": c.URL, "bodyType": string(c.BodyType), "bodyTemplate": c.BodyTemplate, "retries": strconv.Itoa(c.Retries),
		"caCertificates": c.CACertificates, "clientCertificate": c.ClientCertificate, "refusedStatuses": statusList(c.RefusedStatuses),
		"usernamePath": c.UsernamePath, "rolesPath": c.RolesPath, "rolesSeparator": writeSeparator(c.RolesSeparator),
	}
	v.Tick("allowPlaintext", c.AllowPlaintext)
	v.Tick("basicAuth", c.BasicAuth)
	v.Tick("retryPost", c.RetryPost)
	v.Tick("wholeResponseClaim", c.WholeResponseClaim)
	writeRows(v, c)
	return v
}

func writeRows(v webidentity.Values, c *api.Config) {
	v.SetRows("headers", len(c.Headers))
	for i, h := range c.Headers {
		v[webidentity.Row("headers", i, "name")], v[webidentity.Row("headers", i, "value")] = h.Name, h.Value
	}
	v.SetRows("claims", len(c.Claims))
	for i, m := range c.Claims {
		v[webidentity.Row("claims", i, "source")], v[webidentity.Row("claims", i, "claim")] = m.Source, m.Claim
	}
	v.SetRows("assertions", len(c.Assertions))
	for i, a := range c.Assertions {
		writeAssertion(v, i, a)
	}
}

// Read implements webidentity.Form. A field that another one makes meaningless is not read.
func (Form) Read(typed webidentity.Values) (identity.Config, problem.List) {
	var l problem.List
	v := withoutEmptyRows(typed)
	c := &api.Config{Common: *api.New().Base()}
	readRequest(&l, v, c)
	c.CACertificates, c.ClientCertificate = certificates(v["caCertificates"]), certificates(v["clientCertificate"])
	c.RefusedStatuses = readStatuses(&l, v["refusedStatuses"])
	for i := range v.Rows("assertions") {
		c.Assertions = append(c.Assertions, readAssertion(&l, v, i))
	}
	readMapping(v, c)
	return c, l
}

func readRequest(l *problem.List, v webidentity.Values, c *api.Config) {
	c.Method, c.URL, c.BasicAuth = v["method"], v["url"], v.On("basicAuth")
	c.AllowPlaintext = plainAddress(v) && v.On("allowPlaintext")
	for i := range v.Rows("headers") {
		c.Headers = append(c.Headers, api.Header{
			Name: strings.TrimSpace(v[webidentity.Row("headers", i, "name")]), Value: v[webidentity.Row("headers", i, "value")],
		})
	}
	c.BodyType = api.NoBody
	if sendsBody(v) {
		c.BodyType, c.BodyTemplate = api.BodyType(v["bodyType"]), unixLines(v["bodyTemplate"])
	}
	retries, err := strconv.Atoi(strings.TrimSpace(v["retries"]))
	if err != nil && !errors.Is(err, strconv.ErrRange) { // a number that is too large stays the largest, and Validate names the limit
		l.Add("retries", "Enter a whole number, such as %d.", api.DefaultRetries)
		retries = api.DefaultRetries
	}
	c.Retries, c.RetryPost = retries, v.On("retryPost")
}

func readMapping(v webidentity.Values, c *api.Config) {
	c.UsernamePath, c.RolesPath = strings.TrimSpace(v["usernamePath"]), strings.TrimSpace(v["rolesPath"])
	c.RolesSeparator = readSeparator(v["rolesSeparator"])
	for i := range v.Rows("claims") {
		c.Claims = append(c.Claims, api.ClaimMapping{
			Source: strings.TrimSpace(v[webidentity.Row("claims", i, "source")]), Claim: strings.TrimSpace(v[webidentity.Row("claims", i, "claim")]),
		})
	}
	c.WholeResponseClaim = v.On("wholeResponseClaim")
}

// unixLines undoes what browsers make of line breaks.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// certificates is what was pasted; blanks alone are nothing.
func certificates(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return unixLines(text)
}

// withoutEmptyRows keeps an assertion of which something is chosen, however little: dropped without a word, it would let
// everybody in.
func withoutEmptyRows(v webidentity.Values) webidentity.Values {
	v = maps.Clone(v)
	v.DropEmptyRows("headers", "name", "value")
	v.DropEmptyRows("assertions", "kind", "name", "path", "expected")
	v.DropEmptyRows("claims", "source", "claim")
	return v
}

// Fields implements webidentity.Form.
func (Form) Fields(f webidentity.Fields) templ.Component {
	if len(f.Problems) > 0 { // which count the rows that were read
		f.Values = withoutEmptyRows(f.Values)
	}
	return fields(f)
}
