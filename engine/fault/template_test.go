package fault

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// rendered is a template with the facts of a request.
func rendered(t testing.TB, text, contentType string, f Facts) string {
	t.Helper()
	p, wrong := compileTemplate(text, contentType, func(name string) string { return map[string]string{"SUPPORT": `help"<desk>`, "RETRY": "30"}[name] })
	if len(wrong) > 0 {
		t.Fatalf("%s: %q", text, wrong)
	}
	f.words(Find(TokenNotValid), &row{text: "Log in again.\nNow."}, &row{code: "E-7"})
	return string(p.render(&f))
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	q := SampleRequest()
	q.Header = http.Header{"Content-Type": {"application/json"}}
	q.RawQuery = "a=1&access_token=abc;Pass%77ord=x&b=%3C"
	f := Facts{Request: &q, Response: []byte("\n  " + strings.Repeat("ş", 200) + "\nsecond")}
	for written, want := range map[string]string{
		"#CORRELATIONID#": q.CorrelationID, "#FAULTCODE#": "E-7", "#FAULTMESSAGE#": "Log in again.\nNow.", "#FAULTMESSAGE_FIRSTLINE#": "Log in again.",
		"#FAULTSTATUSCODE#": "401", "#RESPONSEFROMAPI#": string(f.Response), "#RESPONSEFROMAPI_FIRSTLINE#": strings.Repeat("ş", 150),
		"#{error.defaultErrorCode}": "ERR-044", "#{error.defaultMessage}": "The access token is not valid.", "#{error.defaultHttpCode}": "401",
		"#{error.customizedErrorCode}": "E-7", "#{error.customizedMessage}": "Log in again.\nNow.", "#{error.customizedHttpCode}": "401",
		"#{request.method}": "GET", "#{request.uri}": "/orders/42", "#{ request.contentType }": "application/json", "#{request.remoteAddress}": "203.0.113.7",
		"#{request.queryString}": "a=1&access_token=;Pass%77ord=&b=%3C", "#{request.pathInfo}": "/42", "#{request.contextPath}": "/orders",
		"#{message.correlationId}": q.CorrelationID, "#{apiProxy.id}": q.OwnerID, "#{apiProxy.name}": "orders",
		"#{dateTime.year}-#{dateTime.month}-#{dateTime.dayOfMonth}": "2026-11-22", "#{dateTime.hour}:#{dateTime.minute}:#{dateTime.second}": "14:5:9",
		"#{dateTime.timestamp}": "1795356309000", "#{dtf.epochMillis()}": "1795356309000", "#{dateTime.formattedText}": "2026-11-22 14:05:09",
		"#{dtf.format('Europe/Istanbul')}": "2026-11-22 17:05:09", `#{dtf.format("Asia/Tokyo", 'dd.MM.yyyy HH:mm')}`: "22.11.2026 23:05",
		"${SUPPORT} ${NOBODY}": `help"<desk> `, "# #1 ## #lower# ${} ${1} {} #": "# #1 ## #lower# ${} ${1} {} #",
	} {
		if got := rendered(t, written, "text/plain", f); got != want {
			t.Errorf("%s = %q, want %q", written, got, want)
		}
	}
}

func TestEveryListedPlaceholderIsOne(t *testing.T) {
	t.Parallel()
	n := 0
	for _, g := range Placeholders() {
		for _, p := range g.List {
			n++
			got := rendered(t, p.Name, "text/plain", facts())
			if p.Text == "" || p.Name != "#RESPONSEFROMAPI#" && p.Name != "#RESPONSEFROMAPI_FIRSTLINE#" && p.Name != "#{request.contentType}" && got == "" {
				t.Errorf("%+v gives %q", p, got)
			}
		}
	}
	if n != 7+6+7+1+2+10 {
		t.Errorf("%d placeholders", n)
	}
}

func TestAValueStaysAValue(t *testing.T) {
	t.Parallel()
	q := SampleRequest()
	q.Path = `/a"},"admin":true,"x":"\</script>` + "\x00\x1f\n\u2028\xff]]>&'"
	f := Facts{Request: &q}
	for name, text := range map[string]string{
		"inside quotation marks": `{"path":"#{request.uri}"}`, "outside": `{"path":#{request.uri}}`, "as the whole": `#{request.uri}`,
		"in an array": "[1, #{request.uri} , 2]", "as a name": `{"#{request.uri}":1}`,
	} {
		var v any
		body := rendered(t, text, "application/json", f)
		if err := json.Unmarshal([]byte(body), &v); err != nil || strings.ContainsAny(body, "<>&\x00") {
			t.Errorf("%s: %v %s", name, err, body)
		}
		if m, ok := v.(map[string]any); ok && len(m) != 1 {
			t.Errorf("%s: the caller wrote members: %s", name, body)
		}
	}
	for name, text := range map[string]string{"in text": "<a>#{request.uri}</a>", "in an attribute": `<a b="#{request.uri}" c='#{request.uri}'/>`} {
		body := rendered(t, text, "application/xml", f)
		if err := checkXML([]byte(body)); err != nil || strings.Count(body, "<") > 2 {
			t.Errorf("%s: %v %s", name, err, body)
		}
		if html := rendered(t, text, "text/html", f); strings.Contains(html, "</script>") {
			t.Errorf("%s: %s", name, html)
		}
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, contentType, want string }{
		"an unknown name":                   {`"#NOTHING#"`, "", "There is no placeholder #NOTHING#."},
		"an unknown expression":             {`"#{request.body}"`, "", "There is no placeholder #{request.body}"},
		"no end":                            {`"#{request.uri"`, "", "Close the placeholder"},
		"a zone that is none":               {`"#{dtf.format('Mars/Olympus')}"`, "", "time zone"},
		"the machine's own zone":            {`"#{dtf.format('Local')}"`, "", "time zone"},
		"a pattern that is none":            {`"#{dtf.format('UTC','qqq')}"`, "", "pattern"},
		"no JSON":                           {`{"a":}`, "", "not valid JSON"},
		"JSON cut off":                      {`{"a":1`, "", "not valid JSON"},
		"two JSON values":                   {`{} {}`, "", "not valid JSON"},
		"the line of the mistake":           {"{\n\"a\":1,\n}", "", "in line 3"},
		"after a backslash":                 {`"\#{request.uri}"`, "", "backslash"},
		"within an escape":                  {`"\u00#FAULTSTATUSCODE#"`, "", "backslash"},
		"as part of a number":               {`{"a":1#FAULTSTATUSCODE#}`, "", "value of its own"},
		"two numbers in one":                {`{"a":#{dateTime.second}#{dateTime.minute}}`, "", "value of its own"},
		"no XML":                            {`<a>`, "application/xml", "not well-formed"},
		"two roots":                         {`<a/><b/>`, "application/xml", "one outermost"},
		"text around the root":              {`#{request.uri}<a/>`, "application/xml", "one outermost"},
		"a document type":                   {`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, "application/xml", "not well-formed"},
		"a tag name":                        {`<#{request.method}/>`, "application/xml", "attribute"},
		"an attribute without quotes":       {`<a b=#{request.method}>x</a>`, "text/html", "attribute"},
		"a comment":                         {`<a><!-- #{request.uri} --></a>`, "application/xml", "comment"},
		"a CDATA section":                   {`<a><![CDATA[#{request.uri}]]></a>`, "application/xml", "section"},
		"a processing instruction":          {`<?x #{request.uri}?><a/>`, "application/xml", "section"},
		"a script":                          {`<SCRIPT type="x">var a = "#{request.uri}"</SCRIPT>`, "text/html", "script"},
		"a style":                           {`<style>a { b: #{request.uri} }</style>`, "text/html", "script"},
		"another content type":              {`x`, "application/javascript", "content type"},
		"another character set":             {`x`, "text/plain; charset=iso-8859-9", "content type"},
		"a content type that cannot be one": {`x`, "text/plain\r\nSet-Cookie: a=b", "content type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, wrong := compileTemplate(tt.text, tt.contentType, func(string) string { return "" })
			if got := strings.Join(wrong, " "); !strings.Contains(got, tt.want) {
				t.Errorf("%q, want something about %q", got, tt.want)
			}
		})
	}
}

func TestTemplatesThatAreFine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string][2]string{
		"the reference's": {`{"fault":{"correlationId":"#CORRELATIONID#","faultCode":"#FAULTCODE#","faultString":"#FAULTMESSAGE#","faultStatusCode":"#FAULTSTATUSCODE#","responseFromApi":"#RESPONSEFROMAPI#"}}`, "application/json;charset=UTF-8"},
		"escapes before":  {`{"a":"\\#{request.uri} \u00e7#FAULTCODE#"}`, ""},
		"a number":        {`{"a": #FAULTSTATUSCODE# , "b":${RETRY}, "c": ${SUPPORT}}`, ""},
		"XML":             {`<?xml version="1.0" encoding="UTF-8"?><!-- ours --><f:fault xmlns:f="urn:x" code='#FAULTCODE#'><![CDATA[<raw>]]><m>#FAULTMESSAGE#</m></f:fault>`, "application/soap+xml"},
		"HTML":            {`<!doctype html><html><head><style>p { color: red }</style><script src="x"></script></head><body><br><p title="#FAULTCODE#">#FAULTMESSAGE#</p><a href="/?q=#{request.method}">x</a>`, "text/html; charset=utf-8"},
		"text":            {"#FAULTMESSAGE# (#FAULTCODE#)\n", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, wrong := compileTemplate(tt[0], tt[1], func(name string) string { return map[string]string{"RETRY": "30", "SUPPORT": "help"}[name] }); len(wrong) > 0 {
				t.Errorf("%q", wrong)
			}
		})
	}
}

// FuzzTemplate holds every template that is accepted to its promise: whatever
// the caller sends, the answer is sound.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		`{"a":"#{request.uri}","b":#FAULTSTATUSCODE#,"c":#{request.method}}`, `<a b="#{request.uri}">#{request.method}</a>`,
		`"\u12#FAULTCODE#"`, `<a><!--#{request.uri}--></a>`, `#{dtf.format('UTC','yyyy')}`, `<script>#{request.uri}</script>`, `[${A},"${A}"]`, "#",
		`<a>&#{request.uri};</a>`, `<![CDATA[]]>`, `{"a":"\\"#{request.uri}}`,
	} {
		f.Add(seed, 0, "/\"<>&'\\\x00\xff]]>\n", "1")
		f.Add(seed, 1, "--><b x=\"", `",`)
	}
	types := []string{"application/json", "application/xml", "text/html", "text/plain"}
	f.Fuzz(func(t *testing.T, text string, kind int, sent, environment string) {
		contentType := types[uint(kind)%uint(len(types))]
		values := func(string) string { return environment }
		if !utf8.ValidString(text) || !utf8.ValidString(environment) {
			return
		}
		p, wrong := compileTemplate(text, contentType, values)
		if len(wrong) > 0 || p == nil {
			return
		}
		q := SampleRequest()
		q.Path, q.Method, q.CorrelationID, q.OwnerName = sent, sent, sent, sent
		facts := Facts{Request: &q, Response: []byte(sent)}
		facts.words(Find(TokenNotValid), &row{text: sent, code: sent}, &row{})
		body := p.render(&facts)
		if why := p.kind.unsound(body); why != "" {
			t.Errorf("%s\nfrom %q with %q: %s", body, text, sent, why)
		}
		if p.kind != plain && !utf8.Valid(body) {
			t.Errorf("not UTF-8: %q", body)
		}
	})
}
