package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/proxies"
)

func TestAProxyGetsErrorTemplatesAndLosesThem(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	stored := func() *fault.Bodies {
		p = modelstest.Reload(t, site.Store, p)
		return p.ErrorTemplates
	}
	submit := func(typed url.Values) {
		t.Helper()
		form := v.Get(t, link.Proxy("Default", "orders").Edit())
		htmlcheck.Sound(t, form.Node)
		for name := range typed {
			form.One(t, `#proxy-form [name="`+name+`"]`) // the page has what is typed into
		}
		mustStatus(t, v.Submit(t, form, "#proxy-form", typed), http.StatusSeeOther)
	}

	submit(nil)
	if got := stored(); got != nil {
		t.Errorf("a form that nobody touched stored %+v", got)
	}
	overview := v.Get(t, link.Proxy("Default", "orders").Page())
	mustContain(t, overview.One(t, "main").Text(), "Error templates None.")

	submit(url.Values{"errorTemplates.json.enabled": {"true"}, "errorTemplates.replaceApiErrors": {"true"}})
	want := &fault.Bodies{JSON: fault.Body{Enabled: true, Text: proxies.StartJSON, ContentType: fault.ContentType}, Upstream: true}
	if diff := cmp.Diff(want, stored()); diff != "" {
		t.Errorf("with the text that there is (-want +got):\n%s", diff)
	}

	const typed = "<error lang=\"ş\">\n  #FAULTMESSAGE#</error>"
	submit(url.Values{
		"errorTemplates.xml.enabled": {"true"}, "errorTemplates.xml.contentType": {" application/xml "},
		"errorTemplates.xml.template": {strings.ReplaceAll(typed, "\n", "\r\n")},
	})
	want.XML = fault.Body{Enabled: true, Text: typed, ContentType: "application/xml"}
	if diff := cmp.Diff(want, stored()); diff != "" {
		t.Errorf("with one of my own (-want +got):\n%s", diff)
	}
	overview = v.Get(t, link.Proxy("Default", "orders").Page())
	htmlcheck.Sound(t, overview.Node)
	mustContain(t, overview.One(t, "main").Text(), "JSON template · application/json; charset=utf-8", "XML template · application/xml", `<error lang="ş">`, "Errors of the API are put into them too.")

	off := func(names ...string) url.Values {
		values := url.Values{}
		for _, n := range names {
			values[n] = nil
		}
		return values
	}
	submit(off("errorTemplates.xml.enabled"))
	want.XML.Enabled = false
	if diff := cmp.Diff(want, stored()); diff != "" {
		t.Errorf("a template that is off is kept (-want +got):\n%s", diff)
	}
	submit(url.Values{
		"errorTemplates.json.enabled": nil, "errorTemplates.replaceApiErrors": nil,
		"errorTemplates.xml.contentType": {""}, "errorTemplates.xml.template": {""},
	})
	if got := stored(); got != nil {
		t.Errorf("without templates there is %+v", got)
	}
}

func TestWhatIsWrongWithErrorTemplatesStandsBesideThem(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	typed := url.Values{
		"endpoints[0].method": {"GET"}, "endpoints[0].path": {"pets"}, "endpoints[0].description": {""},
		"errorTemplates.json.enabled": {"true"}, "errorTemplates.json.contentType": {"text/css"}, "errorTemplates.json.template": {"{\"<script>\": \"#NOBODY#\"\n"},
		"errorTemplates.xml.enabled": {"true"}, "errorTemplates.xml.contentType": {""}, "errorTemplates.xml.template": {""},
		"errorTemplates.replaceApiErrors": {"true"},
	}
	answer := v.Submit(t, v.Get(t, link.NewProxy("Default")), "#proxy-form", proxyInput(typed))
	mustStatus(t, answer, http.StatusUnprocessableEntity)
	htmlcheck.Sound(t, answer.Node)
	var fields []string
	for _, a := range answer.All("[data-problems] a") {
		fields = append(fields, a.Attr("href")+" "+a.Text())
		answer.ByID(t, a.Attr("href")[1:])
	}
	want := []string{
		"#f-endpoints-0 Endpoint 1", "#f-errorTemplates-json-contentType JSON template: content type",
		"#f-errorTemplates-xml-template XML template: text",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
	kept := handlerstest.Fields(answer.One(t, "#proxy-form"))
	for name, values := range typed {
		if !cmp.Equal(kept[name], values) {
			t.Errorf("%s came back as %q, was %q", name, kept[name], values)
		}
	}
	one := v.Post(t, link.NewProxy("Default"), proxyInput(url.Values{"errorTemplates.xml.enabled": {"true"}, "errorTemplates.xml.template": {""}}))
	if got := one.One(t, "[autofocus]").Attr("name"); got != "errorTemplates.xml.template" {
		t.Errorf("the cursor is in %s", got)
	}
	off := v.Post(t, link.NewProxy("Default"), proxyInput(url.Values{"errorTemplates.json.template": {"{"}, "errorTemplates.xml.template": {"<a/>"}}))
	mustStatus(t, off, http.StatusUnprocessableEntity)
	if block := off.One(t, `[data-depends="errorTemplates.json.enabled=true|false"]`); block.HasAttr("data-off") || !block.Has("[aria-invalid=true]") {
		t.Error("a text that is kept while it is off has a problem that is hidden")
	}
	if block := off.One(t, `[data-depends="errorTemplates.xml.enabled=true"]`); !block.HasAttr("data-off") {
		t.Error("the other one is shown, though it is off")
	}
	none := v.Post(t, link.NewProxy("Default"), proxyInput(url.Values{"errorTemplates.replaceApiErrors": {"true"}}))
	mustContain(t, none.One(t, `[name="errorTemplates.replaceApiErrors"]`).DescribedBy(t, none.Node), "Switch a template on")
}

func TestTwoPeopleChangingErrorTemplatesSeeBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.Proxy("Default", "orders").Edit())
	p.ErrorTemplates = &fault.Bodies{JSON: fault.Body{Enabled: true, Text: `{"theirs":1}`}, Upstream: true}
	if _, _, err := site.Store.SaveProxy(t.Context(), modelstest.By(), site.Project.ID, p); err != nil {
		t.Fatal(err)
	}
	both := v.Submit(t, form, "#proxy-form", url.Values{"errorTemplates.xml.enabled": {"true"}, "errorTemplates.xml.template": {"<mine/>"}})
	mustStatus(t, both, http.StatusConflict)
	got := map[string][2]string{}
	for _, row := range both.All("#proxy-form tr[data-row]") {
		got[row.One(t, "th").Text()] = [2]string{row.One(t, "[data-label^=Theirs]").Text(), row.One(t, "[data-label^=Yours]").Text()}
	}
	want := map[string][2]string{
		"JSON template": {`On application/json; charset=utf-8 {"theirs":1}`, "Off"}, "XML template": {"Off", "On <mine/>"}, "Replace errors of the API too": {"On", "Off"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mustStatus(t, v.Submit(t, both, "#proxy-form", nil), http.StatusSeeOther)
	now := modelstest.Reload(t, site.Store, p)
	if diff := cmp.Diff(&fault.Bodies{XML: fault.Body{Enabled: true, Text: "<mine/>", ContentType: "application/xml; charset=utf-8"}}, now.ErrorTemplates); diff != "" {
		t.Errorf("kept mine (-want +got):\n%s", diff)
	}
}

func TestTheFormShowsWhatCallersGet(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	shots := func(page handlerstest.Page) string { return page.One(t, "body").Text() }
	form := v.Get(t, link.Proxy("Default", "orders").Edit())
	mustContain(t, form.One(t, "#templates-shots").Text(), "401 Unauthorized", `{"statusCode":401,"message":"The access token is not valid."}`)

	typed := handlerstest.Fields(form.One(t, "#proxy-form"))
	for name, value := range map[string]string{
		"errorTemplates.json.enabled": "true", "errorTemplates.json.template": `{"why":"#FAULTMESSAGE#","at":"#{request.uri}","desk":"${DESK}"}`,
		"errorTemplates.xml.enabled": "true", "errorTemplates.xml.template": `<why code="#FAULTCODE#"/>`, "errorTemplates.reason": string(fault.MethodNotFound),
	} {
		typed.Set(name, value)
	}
	htmx := v.HTMX()
	mustContain(t, shots(htmx.Post(t, link.ProxyErrors("Default"), typed)), "404 Not Found",
		`{"why":"The API has no such endpoint.","at":"/orders/42","desk":""}`, `<why code="ERR-006"/>`, "${DESK} has no value in production.")
	typed.Set("errorTemplates.json.template", `{"why":#NOTHING#}`)
	mustContain(t, shots(htmx.Post(t, link.ProxyErrors("Default"), typed)), "Correct what is wrong", "There is no placeholder #NOTHING#")
	otto := site.SignIn(t, handlerstest.Auditor)
	mustStatus(t, otto.Post(t, link.ProxyErrors("Default"), typed), http.StatusForbidden)
}
