package fault

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
)

// Facts are what templates can tell of a failure.
type Facts struct {
	// Request is never nil.
	Request *condition.Request
	// Response is the body of the API's own answer, nil when it gave none.
	Response []byte

	row   Row // the catalogue's
	shown Row // with the words of the installation and of the policy
}

// value is what a placeholder stands for; a number needs no quotation marks.
type value struct {
	number bool
	of     func(*Facts) string
}

// Placeholder describes one for forms.
type Placeholder struct {
	// Name is how it is written; Text explains it; Sample is what it stands for
	// in the sample of previews.
	Name, Text, Sample string
}

// PlaceholderGroup is some of them that belong together.
type PlaceholderGroup struct {
	Name string
	List []Placeholder
}

type entry struct {
	name, text string
	value
}

func text(of func(*Facts) string) value { return value{of: of} }

func number(of func(*Facts) int) value {
	return value{number: true, of: func(f *Facts) string { return strconv.Itoa(of(f)) }}
}

func moment(of func(time.Time) int) value {
	return number(func(f *Facts) int { return of(f.Request.Time.UTC()) })
}

// groups are all placeholders in the order of forms (reference 3.9, 5.5). Those
// of #{...} are listed without their brackets.
var groups = []struct {
	name    string
	entries []entry
}{
	{"Short", []entry{
		{"#CORRELATIONID#", "The correlation id, which is in the header X-Correlation-Id too.", text(correlationID)},
		{"#FAULTCODE#", "The code of the error.", text(func(f *Facts) string { return f.shown.Code })},
		{"#FAULTMESSAGE#", "The message of the error.", text(func(f *Facts) string { return f.shown.Message })},
		{"#FAULTMESSAGE_FIRSTLINE#", "Its first line, at most 150 characters.", text(func(f *Facts) string { return firstLine(f.shown.Message) })},
		{"#FAULTSTATUSCODE#", "The HTTP status of the error.", number(func(f *Facts) int { return f.shown.Status })},
		{"#RESPONSEFROMAPI#", "What the API itself answered, where its errors are replaced; else nothing.", text(func(f *Facts) string { return string(f.Response) })},
		{"#RESPONSEFROMAPI_FIRSTLINE#", "The first line of that, at most 150 characters.", text(func(f *Facts) string { return firstLine(string(f.Response)) })},
	}},
	{"Error", []entry{
		{"error.defaultErrorCode", "The code of the catalogue.", text(func(f *Facts) string { return f.row.Code })},
		{"error.defaultMessage", "The message of the catalogue.", text(func(f *Facts) string { return f.row.Message })},
		{"error.defaultHttpCode", "The HTTP status of the catalogue.", number(func(f *Facts) int { return f.row.Status })},
		{"error.customizedErrorCode", "The code as it was customized.", text(func(f *Facts) string { return f.shown.Code })},
		{"error.customizedMessage", "The message as it was customized.", text(func(f *Facts) string { return f.shown.Message })},
		{"error.customizedHttpCode", "The HTTP status as it was customized.", number(func(f *Facts) int { return f.shown.Status })},
	}},
	{"Request", []entry{
		{"request.method", "The HTTP method.", text(func(f *Facts) string { return f.Request.Method })},
		{"request.uri", "The path as it was called, without the query.", text(func(f *Facts) string { return f.Request.Path })},
		{"request.contentType", "The Content-Type that the caller sent.", text(contentTypeOf)},
		{"request.remoteAddress", "The caller's IP address.", text(remoteAddress)},
		{"request.queryString", "The query; tokens and passwords in it are left out.", text(func(f *Facts) string { return withoutSecrets(f.Request.RawQuery) })},
		{"request.pathInfo", "The path below the base path of the API.", text(func(f *Facts) string { return f.Request.Below() })},
		{"request.contextPath", "The base path of the API.", text(func(f *Facts) string { return f.Request.BasePath })},
	}},
	{"Message", []entry{{"message.correlationId", "The correlation id.", text(correlationID)}}},
	{"API", []entry{
		{"apiProxy.id", "The id of the API proxy.", text(func(f *Facts) string { return f.Request.OwnerID })},
		{"apiProxy.name", "The name of the API proxy.", text(func(f *Facts) string { return f.Request.OwnerName })},
	}},
	{"Date and time (UTC)", []entry{
		{"dateTime.year", "The year.", moment(time.Time.Year)},
		{"dateTime.month", "The month, from 1 to 12.", moment(func(t time.Time) int { return int(t.Month()) })},
		{"dateTime.dayOfMonth", "The day of the month.", moment(time.Time.Day)},
		{"dateTime.hour", "The hour, from 0 to 23.", moment(time.Time.Hour)},
		{"dateTime.minute", "The minute.", moment(time.Time.Minute)},
		{"dateTime.second", "The second.", moment(time.Time.Second)},
		{"dateTime.timestamp", "Milliseconds since 1970.", value{number: true, of: millis}},
		{"dateTime.formattedText", "Such as 2026-11-22 14:05:09.", text(func(f *Facts) string { return f.Request.Time.UTC().Format(time.DateTime) })},
		{"dtf.epochMillis()", "Milliseconds since 1970.", value{number: true, of: millis}},
		{"dtf.format('Europe/Istanbul', 'yyyy-MM-dd HH:mm')", "The time in a zone, in a pattern of Java's; without a pattern as above.", text(nil)},
	}},
}

// short are the placeholders of #NAME#, long those of #{...}.
var short, long = func() (map[string]*value, map[string]*value) {
	s, l := map[string]*value{}, map[string]*value{}
	for _, g := range groups {
		for i := range g.entries {
			e := &g.entries[i]
			switch {
			case e.name[0] == '#':
				s[e.name] = &e.value
			case e.of != nil:
				l[e.name] = &e.value
			}
		}
	}
	return s, l
}()

// Placeholders are all that there are but ${NAME}, with what they stand for in
// previews.
func Placeholders() []PlaceholderGroup {
	sample := &Facts{Request: sampleRequest(), row: sampleRow, shown: sampleRow}
	list := make([]PlaceholderGroup, len(groups))
	for i, g := range groups {
		list[i].Name = g.name
		for _, e := range g.entries {
			p := Placeholder{Name: e.name, Text: e.text}
			if e.name[0] != '#' {
				p.Name = "#{" + e.name + "}"
			}
			pieces, _ := split(p.Name)
			p.Sample = pieces[0].value.of(sample)
			list[i].List = append(list[i].List, p)
		}
	}
	return list
}

var sampleRow = Find(TokenNotValid)

// SampleRequest is the request that previews and checks of templates show.
func SampleRequest() condition.Request {
	return condition.Request{
		Method: "GET", Path: "/orders/42", DecodedPath: "/orders/42", RawQuery: "page=2", Host: "api.example.com", Scheme: "https", Protocol: "HTTP/1.1",
		Client: netip.MustParseAddr("203.0.113.7"), CorrelationID: "0123456789abcdef0123456789abcdef", Environment: "production",
		OwnerID: "6f1f3c1e-9f0e-4a55-8f6e-2f1f5a0c9b7d", OwnerName: "orders", BasePath: "/orders",
		Time: time.Date(2026, time.November, 22, 14, 5, 9, 0, time.UTC),
	}
}

func sampleRequest() *condition.Request {
	r := SampleRequest()
	return &r
}

var (
	errUnknown = errors.New("the list of placeholders has all that there are")
	errZone    = errors.New("name a time zone such as 'Europe/Istanbul'")
	errPattern = errors.New("the pattern is not one for dates, such as 'yyyy-MM-dd'")
)

// expression finds what stands between #{ and }.
func expression(inside string) (*value, error) {
	if v, ok := long[inside]; ok {
		return v, nil
	}
	arguments, ok := strings.CutPrefix(inside, "dtf.format(")
	arguments, closed := strings.CutSuffix(arguments, ")")
	if !ok || !closed {
		return nil, errUnknown
	}
	return formatted(arguments)
}

// formatted is dtf.format(zone[, pattern]). Both may be in either quotes.
func formatted(arguments string) (*value, error) {
	zoneText, pattern, given := strings.Cut(arguments, ",")
	zone, err := time.LoadLocation(unquoted(zoneText))
	if err != nil || unquoted(zoneText) == "" || unquoted(zoneText) == "Local" {
		return nil, errZone
	}
	layout := time.DateTime
	if given {
		if layout, err = condition.Layout(unquoted(pattern)); err != nil {
			return nil, errPattern
		}
	}
	return &value{of: func(f *Facts) string { return f.Request.Time.In(zone).Format(layout) }}, nil
}

func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}

func correlationID(f *Facts) string { return f.Request.CorrelationID }

func millis(f *Facts) string { return strconv.FormatInt(f.Request.Time.UnixMilli(), 10) }

func remoteAddress(f *Facts) string {
	if !f.Request.Client.IsValid() {
		return ""
	}
	return f.Request.Client.Unmap().String()
}

func contentTypeOf(f *Facts) string { return field(f.Request, "Content-Type") }

// field is the first value of a header of the request.
func field(r *condition.Request, name string) string {
	if r.Header == nil {
		return ""
	}
	if values := r.Header.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

const longestLine = 150 // characters

func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	text = strings.TrimRight(text, "\r")
	n := 0
	for i := range text {
		if n == longestLine {
			return text[:i]
		}
		n++
	}
	return text
}

// secretParameters are those that D13 keeps out of everything that is written.
var secretParameters = []string{"access_token", "refresh_token", "token", "client_secret", "password"}

// withoutSecrets is a query without the values of parameters that may hold a
// secret.
func withoutSecrets(query string) string {
	var out strings.Builder
	for query != "" {
		part, separator := query, ""
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			part, separator = query[:i], query[i:i+1]
		}
		query = query[len(part)+len(separator):]
		if name, _, has := strings.Cut(part, "="); has && secret(name) {
			part = name + "="
		}
		out.WriteString(part + separator)
	}
	return out.String()
}

// secret compares names decoded, as servers read them.
func secret(name string) bool {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return slices.ContainsFunc(secretParameters, func(s string) bool { return strings.EqualFold(s, name) })
}
