package condition_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
)

// value is what a trace saw of a variable; "-" for a missing one.
func value(t *testing.T, v *condition.Variable, r *condition.Request) string {
	t.Helper()
	c := of(condition.Rule{Criteria: condition.Value, First: v, Operator: "IS_EXISTS"})
	compile(t, c)
	out, err := c.Trace(r)
	if err != nil || out.Err != nil {
		t.Fatal(err, out.Err)
	}
	if seen := out.Rules[0].First; seen != nil {
		return *seen
	}
	return "-"
}

func TestEveryKindOfVariableIsRead(t *testing.T) {
	t.Parallel()
	query := func(name string) *condition.Variable {
		return &condition.Variable{Type: condition.Parameter, ParamType: condition.Query, ParamName: name}
	}
	path := func(name, template string) *condition.Variable {
		return &condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: name, ParamPath: template}
	}
	json := func(path string) *condition.Variable {
		return &condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: path}
	}
	in := func(name condition.ContextName, zone string) *condition.Variable {
		v := contextValue(name)
		v.ZoneID = zone
		return v
	}
	tests := map[string]struct {
		v    *condition.Variable
		want string
	}{
		"a header in any case":             {header("x-ENVIRONMENT"), "production"},
		"the host as a header":             {header("Host"), "api.example.com"},
		"a missing header":                 {header("X-Missing"), "-"},
		"the first of a repeated one":      {query("page"), "2"},
		"a decoded one":                    {query("q"), "a b"},
		"one without a value":              {query("flag"), ""},
		"a missing one":                    {query("pag"), "-"},
		"a segment of the endpoint":        {path("name", ""), "café"},
		"a segment of another template":    {path("part", "/api/{part}/users/{name}"), "admin"},
		"a template that does not fit":     {path("part", "/api/{part}"), "-"},
		"a template that is too long":      {path("part", "/api/admin/users/{name}/{part}"), "-"},
		"a number of the body":             {json("$.order.id"), "12345678901234567"},
		"a fraction":                       {json("$.order.total"), "99.5"},
		"an element":                       {json("$.order.tags[1]"), "b"},
		"a whole list":                     {json("$.order.tags"), `["a","b"]`},
		"null is missing":                  {json("$.order.none"), "-"},
		"a member that is not there":       {json("$.order.nothing"), "-"},
		"the address":                      {contextValue("REQUEST_REMOTE_ADDRESS"), "10.1.2.3"},
		"its older name":                   {contextValue("CLIENT_IP"), "10.1.2.3"},
		"the country":                      {contextValue("CLIENT_COUNTRY"), "TR"},
		"the path":                         {contextValue("REQUEST_REQUEST_URI"), "/shop/api/admin/users/café"},
		"the base path":                    {contextValue("REQUEST_CONTEXT_PATH"), "/shop"},
		"the path below it":                {contextValue("REQUEST_PATH_INFO"), "/api/admin/users/café"},
		"the method":                       {contextValue("REQUEST_HTTP_METHOD"), "POST"},
		"the query":                        {contextValue("REQUEST_QUERY_STRING"), "page=2&q=a%20b&page=3&flag"},
		"the host":                         {contextValue("REQUEST_SERVER_NAME"), "api.example.com"},
		"the scheme":                       {contextValue("REQUEST_SCHEME"), "https"},
		"the protocol":                     {contextValue("REQUEST_PROTOCOL"), "HTTP/1.1"},
		"the content type":                 {contextValue("REQUEST_CONTENT_TYPE"), "application/json"},
		"the charset":                      {contextValue("REQUEST_CHARACTER_ENCODING"), "utf-8"},
		"the content length":               {contextValue("REQUEST_CONTENT_LENGTH"), "42"},
		"whether it is a form":             {contextValue("REQUEST_IS_XWWW_FORM_URL_ENCODED"), "false"},
		"whether it is compressed":         {contextValue("REQUEST_GZIP"), "false"},
		"the user":                         {contextValue("REQUEST_REMOTE_USER"), "mia"},
		"the full name":                    {contextValue("CREDENTIAL_FULLNAME"), "Mia Öz"},
		"the e-mail":                       {contextValue("CREDENTIAL_EMAIL"), "mia@example.com"},
		"the roles":                        {contextValue("CONTEXT_ROLES"), "ops,admin"},
		"the correlation id":               {contextValue("MESSAGE_CORRELATION_ID"), "c-1"},
		"the environment":                  {contextValue("ENVIRONMENT_NAME"), "production"},
		"the proxy":                        {contextValue("APIPROXY_NAME"), "orders"},
		"the group":                        {contextValue("APIPROXYGROUP_NAME"), "sales"},
		"the group's id":                   {contextValue("APIPROXYGROUP_ID"), "g-1"},
		"whether a group was called":       {contextValue("REQUEST_IS_APIPROXYGROUP"), "true"},
		"whether a proxy was called":       {contextValue("REQUEST_IS_APIPROXY"), "false"},
		"the endpoint":                     {contextValue("APIMETHOD_ENDPOINT"), "/api/admin/users/{name}"},
		"the year":                         {contextValue("DATETIME_YEAR"), "2026"},
		"Sunday is the seventh day":        {contextValue("DATETIME_DAY_OF_WEEK"), "7"},
		"the hour in UTC":                  {contextValue("DATETIME_HOUR"), "12"},
		"the hour in another zone":         {in("DATETIME_HOUR", "Europe/Istanbul"), "15"},
		"the date where it is tomorrow":    {in("DATE_FORMATTED_TEXT", "Pacific/Kiritimati"), "2026-03-02"},
		"the moment":                       {contextValue("DATETIME_FORMATTED_TEXT"), "2026-03-01 12:30:15"},
		"milliseconds know no zone":        {in("DATETIME_EPOCH_MILLIS", "Europe/Istanbul"), "1772368215000"},
		"X-Forwarded-For that nobody sent": {contextValue("REQUEST_XFORWARDED_FOR"), "-"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := value(t, tt.v, sample()); got != tt.want {
				t.Errorf("%s = %q, want %q", tt.v.Words(), got, tt.want)
			}
		})
	}
}

func TestEveryContextValueCanBeRead(t *testing.T) {
	t.Parallel()
	full := sample()
	full.Status = 200
	for _, info := range condition.ContextValues {
		for name, r := range map[string]*condition.Request{"a full request": full, "an empty one": {Time: time.Unix(0, 0)}} {
			if info.Label == "" || value(t, contextValue(info.Name), r) == "-" && name == "a full request" && info.Name != "REQUEST_XFORWARDED_FOR" {
				t.Errorf("%s of %s is missing", info.Name, name)
			}
		}
	}
}

func TestAHeaderVariableReadsTheAnswerWhereThereIsOne(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Header = http.Header{"X-Level": {"asked"}, "Content-Type": {"text/plain"}}
	level := &condition.Variable{Type: condition.Header, HeaderName: "x-level"}
	if got := value(t, level, r); got != "asked" {
		t.Errorf("of a request: %q", got)
	}
	r.Status, r.Answer = 404, http.Header{"X-Level": {"answered"}, "Content-Type": {"text/html"}}
	for _, tt := range []struct {
		v    *condition.Variable
		want string
	}{{level, "answered"}, {contextValue("RESPONSE_STATUS_CODE"), "404"}, {contextValue("REQUEST_CONTENT_TYPE"), "text/plain"}} {
		if got := value(t, tt.v, r); got != tt.want {
			t.Errorf("%s of an answer: %q, want %q", tt.v.Words(), got, tt.want)
		}
	}
	r.Answer = http.Header{}
	if got := value(t, level, r); got != "-" {
		t.Errorf("of an answer without it: %q", got)
	}
}

func TestBodiesAreReadAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	body := func(contentType condition.ContentType, path string) *condition.Variable {
		v := &condition.Variable{Type: condition.Body, ContentType: contentType}
		v.JSONPath, v.XPath = path, path
		v.Normalize()
		return v
	}
	form := &condition.Variable{Type: condition.Parameter, ParamType: condition.Form, ParamName: "kind"}
	const order = `<o:order xmlns:o="urn:x"><customer id="7">Mia &amp; Leo</customer><item/><item/></o:order>`
	const parts = "--b\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nlarge\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nfile\r\n--b--\r\n"
	tests := map[string]struct {
		v                 *condition.Variable
		contentType, body string
		want              string
	}{
		"an attribute":                 {body(condition.XML, "//customer/@id"), "application/xml", order, "7"},
		"a text":                       {body(condition.XML, "/o:order/customer"), "text/xml", order, "Mia & Leo"},
		"a count":                      {body(condition.XML, "count(//item)"), "text/xml", order, "2"},
		"nothing":                      {body(condition.XML, "/order/nobody"), "text/xml", order, "-"},
		"the whole body":               {body(condition.AllBody, ""), "text/plain", "hello", "hello"},
		"a form":                       {form, "application/x-www-form-urlencoded;charset=utf-8", "a=1&kind=small&kind=x", "small"},
		"form data":                    {form, "multipart/form-data; boundary=b", parts, "large"},
		"a form in a body of no form":  {form, "application/json", `{"kind":"small"}`, "-"},
		"an empty body has no values":  {body(condition.JSON, "$.a"), "application/json", "", "-"},
		"an empty body has no element": {body(condition.XML, "/a"), "application/json", "", "-"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := value(t, tt.v, sample(withBody(tt.contentType, tt.body))); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// ATTACK: a body that the API can read and the rule cannot would walk around it.
func TestAttackABodyThatNoRuleCanReadStopsTheRequest(t *testing.T) {
	t.Parallel()
	json := &condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.amount"}
	xml := &condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/amount"}
	form := &condition.Variable{Type: condition.Parameter, ParamType: condition.Form, ParamName: "amount"}
	deep := func(open, end string) string {
		var all string
		for range 5000 {
			all += open
		}
		for range 5000 {
			all += end
		}
		return all
	}
	tests := map[string]struct {
		v     *condition.Variable
		shape func(*condition.Request)
	}{
		"broken JSON":              {json, withBody("application/json", `{"amount":5000`)},
		"a repeated name":          {json, withBody("application/json", `{"amount":1,"amount":5000}`)},
		"a name repeated escaped":  {json, withBody("application/json", `{"amount":1,"\u0061mount":5000}`)},
		"a number beyond bounds":   {json, withBody("application/json", `{"amount":5000,"x":1e999}`)},
		"something after it":       {json, withBody("application/json", `{"amount":1}{"amount":5000}`)},
		"nesting beyond bounds":    {json, withBody("application/json", deep("[", "]"))},
		"no UTF-8":                 {json, withBody("application/json", "{\"amount\":\"\xff\"}")},
		"broken XML":               {xml, withBody("text/xml", `<amount>5000`)},
		"XML with a document type": {xml, withBody("text/xml", `<!DOCTYPE a [<!ENTITY b "5000">]><amount>&b;</amount>`)},
		"XML of many elements":     {xml, withBody("text/xml", "<a>"+strings.Repeat("<b/>", 20_000)+"</a>")},
		"deep XML":                 {xml, withBody("text/xml", deep("<a>", "</a>"))},
		"a broken form":            {form, withBody("application/x-www-form-urlencoded", "amount=5000%zz")},
		"form data without end":    {form, withBody("multipart/form-data; boundary=b", "--b\r\n")},
		"a compressed body": {json, func(r *condition.Request) {
			withBody("application/json", "\x1f\x8b...")(r)
			r.Header = http.Header{"Content-Encoding": {"gzip"}}
		}},
	}
	for name, tt := range tests {
		for _, o := range []condition.Operator{"EQ", "NE"} {
			if got := decide(t, of(leaf(tt.v, o, "1")), sample(tt.shape)); got != "no body" {
				t.Errorf("%s, %s: %s", name, o, got)
			}
		}
	}
	lost := errors.New("the caller left")
	gone := func(r *condition.Request) { r.Content = func() ([]byte, error) { return nil, lost } }
	p := compile(t, of(leaf(json, "EQ", "1")))
	if _, err := p.Met(sample(gone)); !errors.Is(err, lost) {
		t.Errorf("a caller who left: %v", err)
	}
}

func TestTheBodyIsReadOnceAndOnlyWhenARuleNeedsIt(t *testing.T) {
	t.Parallel()
	json := func(path string) *condition.Variable {
		return &condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: path}
	}
	p := compile(t, of(leaf(header("X-Environment"), "EQ", "production"), leaf(json("$.a"), "EQ", "1"), leaf(json("$.b"), "EQ", "2")))
	reads := 0
	count := func(r *condition.Request) {
		r.Content = func() ([]byte, error) { reads++; return []byte(`{"a":1,"b":2}`), nil }
	}
	if met, err := p.Met(sample(count)); !met || err != nil || reads != 1 {
		t.Errorf("met %v, %v after %d reads", met, err, reads)
	}
	elsewhere := func(r *condition.Request) { r.Header = http.Header{} }
	if met, err := p.Met(sample(count, elsewhere)); met || err != nil || reads != 1 {
		t.Errorf("met %v, %v: the body was read though no rule got to it", met, err)
	}
	if !p.ReadsBody() {
		t.Error("it does not say that it may read the body")
	}
	if q := compile(t, of(leaf(header("X-Environment"), "EQ", "x"))); q.ReadsBody() {
		t.Error("a header rule reads the body")
	}
}
