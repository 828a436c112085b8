package condition

import (
	"cmp"
	"mime"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// ContextName is a value that the gateway itself knows of a request.
type ContextName string

// The context values that other rooms name.
const (
	ClientAddress ContextName = "REQUEST_REMOTE_ADDRESS"
	ClientCountry ContextName = "CLIENT_COUNTRY"
	RequestPath   ContextName = "REQUEST_REQUEST_URI"
	RequestMethod ContextName = "REQUEST_HTTP_METHOD"
	CallerRoles   ContextName = "CONTEXT_ROLES"
	AnswerStatus  ContextName = "RESPONSE_STATUS_CODE"
)

// ContextInfo describes a context value for forms and sentences.
type ContextInfo struct {
	Name ContextName
	// Label stands in menus and sentences, Text explains it.
	Label, Text string
	// Type is the data type that suits it.
	Type DataType
	// Zoned tells that it depends on a zone.
	Zoned bool

	get func(*Request) (string, bool)
	// at is for what depends on the time, in the zone of the variable.
	at func(time.Time) string
	// list is for what has several values: a comparison is met when any of them
	// meets it, a negative one when none does the opposite.
	list func(*Request) []string
}

// ContextValues are all that there are, in the order of menus (reference 4.1,
// and CLIENT_COUNTRY and CONTEXT_ROLES of our own).
var ContextValues = []ContextInfo{
	{Name: ClientAddress, Label: "client address", Text: "The caller's IP address, after trusted proxies.", Type: String,
		get: func(r *Request) (string, bool) { return r.Client.Unmap().String(), r.Client.IsValid() }},
	{Name: ClientCountry, Label: "client country", Text: "ISO 3166 code such as DE, from the country database or the header of a trusted proxy.", Type: String, get: country},
	{Name: RequestPath, Label: "path", Text: "The whole path as called, without the query.", Type: String,
		get: func(r *Request) (string, bool) { return r.DecodedPath, true }},
	{Name: "REQUEST_CONTEXT_PATH", Label: "base path", Text: "The base path of the API proxy.", Type: String,
		get: func(r *Request) (string, bool) { return r.BasePath, r.BasePath != "" }},
	{Name: "REQUEST_PATH_INFO", Label: "path below the base path", Text: "What follows the base path of the API proxy.", Type: String,
		get: func(r *Request) (string, bool) { return r.Below(), true }},
	{Name: RequestMethod, Label: "HTTP method", Text: "Such as GET.", Type: String,
		get: func(r *Request) (string, bool) { return r.Method, true }},
	{Name: "REQUEST_QUERY_STRING", Label: "query string", Text: "Everything after the question mark, as sent.", Type: String,
		get: func(r *Request) (string, bool) { return r.RawQuery, r.RawQuery != "" }},
	{Name: "REQUEST_SERVER_NAME", Label: "host", Text: "The host that was called, without a port.", Type: String,
		get: func(r *Request) (string, bool) { return r.Host, r.Host != "" }},
	{Name: "REQUEST_SCHEME", Label: "scheme", Text: "http or https, as the caller used it.", Type: String,
		get: func(r *Request) (string, bool) { return r.Scheme, r.Scheme != "" }},
	{Name: "REQUEST_PROTOCOL", Label: "protocol", Text: "Such as HTTP/1.1.", Type: String,
		get: func(r *Request) (string, bool) { return r.Protocol, r.Protocol != "" }},
	{Name: "REQUEST_XFORWARDED_FOR", Label: "X-Forwarded-For", Text: "The header as it came. Anybody can write it.", Type: String,
		get: func(r *Request) (string, bool) { return r.joined("X-Forwarded-For") }},
	{Name: "REQUEST_CONTENT_TYPE", Label: "content type", Text: "Without parameters, such as application/json.", Type: String, get: mediaType},
	{Name: "REQUEST_CHARACTER_ENCODING", Label: "character encoding", Text: "The charset of the content type.", Type: String, get: charset},
	{Name: "REQUEST_CONTENT_LENGTH", Label: "content length", Text: "Bytes of the body, where the caller tells them.", Type: Numeric,
		get: func(r *Request) (string, bool) { return r.first("Content-Length") }},
	{Name: "REQUEST_IS_XWWW_FORM_URL_ENCODED", Label: "body is a form", Text: "true or false.", Type: String, get: bodyIs("application/x-www-form-urlencoded")},
	{Name: "REQUEST_IS_FORM_DATA", Label: "body is form data", Text: "true or false: multipart/form-data.", Type: String, get: bodyIs("multipart/form-data")},
	{Name: "REQUEST_GZIP", Label: "body is gzip", Text: "true or false, by Content-Encoding.", Type: String, get: encoded("gzip")},
	{Name: "REQUEST_DEFLATE", Label: "body is deflate", Text: "true or false, by Content-Encoding.", Type: String, get: encoded("deflate")},
	{Name: "REQUEST_BR", Label: "body is Brotli", Text: "true or false, by Content-Encoding.", Type: String, get: encoded("br")},
	{Name: "REQUEST_ZSTD", Label: "body is Zstandard", Text: "true or false, by Content-Encoding.", Type: String, get: encoded("zstd")},
	{Name: "REQUEST_REMOTE_USER", Label: "user", Text: "User name or client id, once an earlier policy has authenticated the caller.", Type: String,
		get: func(r *Request) (string, bool) { return r.Subject, r.Subject != "" }},
	{Name: "CREDENTIAL_FULLNAME", Label: "full name", Text: "That of the caller's credential, once an earlier policy has authenticated it.", Type: String,
		get: func(r *Request) (string, bool) { return r.FullName, r.FullName != "" }},
	{Name: "CREDENTIAL_EMAIL", Label: "e-mail", Text: "That of the caller's credential, once an earlier policy has authenticated it.", Type: String,
		get: func(r *Request) (string, bool) { return r.Email, r.Email != "" }},
	{Name: CallerRoles, Label: "roles", Text: "The caller's roles, once an earlier policy has authenticated them. A rule is met when any role meets it.", Type: String,
		list: func(r *Request) []string { return r.Roles }},
	{Name: AnswerStatus, Label: "status of the answer", Text: "Such as 200. Known to policies in the response and error lanes only.", Type: Numeric,
		get: func(r *Request) (string, bool) { return strconv.Itoa(r.Status), r.Status != 0 }},
	{Name: "MESSAGE_CORRELATION_ID", Label: "correlation id", Text: "The id that every answer carries.", Type: String,
		get: func(r *Request) (string, bool) { return r.CorrelationID, r.CorrelationID != "" }},
	{Name: "ENVIRONMENT_NAME", Label: "environment", Text: "The name of the environment.", Type: String,
		get: func(r *Request) (string, bool) { return r.Environment, r.Environment != "" }},
	{Name: "APIPROXY_ID", Label: "API proxy id", Text: "", Type: String,
		get: func(r *Request) (string, bool) { return r.OwnerID, r.OwnerID != "" }},
	{Name: "APIPROXY_NAME", Label: "API proxy", Text: "The name of the API proxy.", Type: String,
		get: func(r *Request) (string, bool) { return r.OwnerName, r.OwnerName != "" }},
	{Name: "APIPROXYGROUP_ID", Label: "API proxy group id", Text: "Of the group through which the call came.", Type: String,
		get: func(r *Request) (string, bool) { return r.GroupID, r.GroupID != "" }},
	{Name: "APIPROXYGROUP_NAME", Label: "API proxy group", Text: "The name of the group through which the call came.", Type: String,
		get: func(r *Request) (string, bool) { return r.GroupName, r.GroupName != "" }},
	{Name: "REQUEST_IS_APIPROXY", Label: "proxy called at its own address", Text: "true or false.", Type: String,
		get: func(r *Request) (string, bool) { return strconv.FormatBool(r.OwnerID != "" && r.GroupID == ""), true }},
	{Name: "REQUEST_IS_APIPROXYGROUP", Label: "called through a group", Text: "true or false: through an API proxy group.", Type: String,
		get: func(r *Request) (string, bool) { return strconv.FormatBool(r.GroupID != ""), true }},
	{Name: "APIMETHOD_ENDPOINT", Label: "endpoint", Text: "The template of the endpoint, such as /orders/{id}.", Type: String,
		get: func(r *Request) (string, bool) { return r.EndpointPath, r.EndpointPath != "" }},
	{Name: "APIMETHOD_HTTPMETHOD", Label: "method of the endpoint", Text: "", Type: String,
		get: func(r *Request) (string, bool) { return r.EndpointMethod, r.EndpointMethod != "" }},
	moment("DATETIME_YEAR", "year", Numeric, func(t time.Time) string { return strconv.Itoa(t.Year()) }),
	moment("DATETIME_MONTH", "month", Numeric, func(t time.Time) string { return strconv.Itoa(int(t.Month())) }),
	moment("DATETIME_DAY_OF_MONTH", "day of the month", Numeric, func(t time.Time) string { return strconv.Itoa(t.Day()) }),
	moment("DATETIME_DAY_OF_WEEK", "day of the week (Monday is 1)", Numeric, func(t time.Time) string { return strconv.Itoa((int(t.Weekday())+6)%7 + 1) }),
	moment("DATETIME_HOUR", "hour", Numeric, func(t time.Time) string { return strconv.Itoa(t.Hour()) }),
	moment("DATETIME_MINUTE", "minute", Numeric, func(t time.Time) string { return strconv.Itoa(t.Minute()) }),
	moment("DATETIME_SECOND", "second", Numeric, func(t time.Time) string { return strconv.Itoa(t.Second()) }),
	{Name: "DATETIME_EPOCH_MILLIS", Label: "milliseconds since 1970", Text: "The moment of the request.", Type: Numeric,
		get: func(r *Request) (string, bool) { return strconv.FormatInt(r.Time.UnixMilli(), 10), true }},
	moment("DATETIME_FORMATTED_TEXT", "date and time", Date, func(t time.Time) string { return t.Format(time.DateTime) }),
	moment("DATE_FORMATTED_TEXT", "date", Date, func(t time.Time) string { return t.Format(time.DateOnly) }),
	moment("TIME_FORMATTED_TEXT", "time of day", Date, func(t time.Time) string { return t.Format(time.TimeOnly) }),
}

func moment(name ContextName, label string, t DataType, at func(time.Time) string) ContextInfo {
	return ContextInfo{Name: name, Label: label, Text: "Of the moment of the request, in the zone of the variable (UTC by default).", Type: t, Zoned: true, at: at}
}

// aliases are names of older documents.
var aliases = map[ContextName]ContextName{
	"CLIENT_IP": ClientAddress, "REMOTE_ADDRESS": ClientAddress, "REQUEST_PATH": RequestPath, "REQUEST_METHOD": RequestMethod,
	"USER_NAME": "REQUEST_REMOTE_USER", "REQUEST_USERNAME_KEY": "REQUEST_REMOTE_USER", "CREDENTIAL_USERNAME": "REQUEST_REMOTE_USER",
	"CURRENT_TIME": "TIME_FORMATTED_TEXT", "CURRENT_DATE": "DATE_FORMATTED_TEXT", "CORRELATION_ID": "MESSAGE_CORRELATION_ID",
}

func (n ContextName) canonical() ContextName { return cmp.Or(aliases[n], n) }

// Info describes the context value; false when there is no such one.
func (n ContextName) Info() (ContextInfo, bool) {
	for _, info := range ContextValues {
		if info.Name == n {
			return info, true
		}
	}
	return ContextInfo{}, false
}

func country(r *Request) (string, bool) {
	if r.Country == nil {
		return "", false
	}
	code := r.Country(r)
	return code, code != ""
}

func mediaType(r *Request) (string, bool) {
	field, ok := r.first("Content-Type")
	if !ok {
		return "", false
	}
	kind, _, _ := strings.Cut(field, ";")
	return strings.ToLower(textproto.TrimString(kind)), true
}

func charset(r *Request) (string, bool) {
	field, _ := r.first("Content-Type")
	_, params, err := mime.ParseMediaType(field)
	if err != nil || params["charset"] == "" {
		return "", false
	}
	return params["charset"], true
}

func bodyIs(kind string) func(*Request) (string, bool) {
	return func(r *Request) (string, bool) {
		is, _ := mediaType(r)
		return strconv.FormatBool(is == kind), true
	}
}

func encoded(coding string) func(*Request) (string, bool) {
	return func(r *Request) (string, bool) {
		all, _ := r.joined("Content-Encoding")
		for part := range strings.SplitSeq(all, ",") {
			if strings.EqualFold(textproto.TrimString(part), coding) {
				return "true", true
			}
		}
		return "false", true
	}
}
