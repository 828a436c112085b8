package proxies

import (
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/web/ui"
)

// ErrorTemplate is a template for errors as it was typed.
type ErrorTemplate struct {
	On                bool
	ContentType, Text string
}

// The templates that an author starts from (reference 3.9).
const (
	StartJSON = `{
  "fault": {
    "correlationId": "#CORRELATIONID#",
    "faultCode": "#FAULTCODE#",
    "faultString": "#FAULTMESSAGE#",
    "faultStatusCode": "#FAULTSTATUSCODE#",
    "responseFromApi": "#RESPONSEFROMAPI#"
  }
}`
	StartXML = `<?xml version="1.0" encoding="UTF-8"?>
<fault>
  <correlationId>#CORRELATIONID#</correlationId>
  <faultCode>#FAULTCODE#</faultCode>
  <faultString>#FAULTMESSAGE#</faultString>
  <faultStatusCode>#FAULTSTATUSCODE#</faultStatusCode>
  <responseFromApi>#RESPONSEFROMAPI#</responseFromApi>
</fault>`
)

// The names of the section's fields: those of the JSON form.
const (
	jsonTemplate = "errorTemplates.json"
	xmlTemplate  = "errorTemplates.xml"
	apiErrors    = "errorTemplates.replaceApiErrors"
	reasonField  = "errorTemplates.reason" // of the preview alone
)

// reasons are the errors of calls, which templates are for.
func reasons() []ui.OptionGroup {
	var list []ui.OptionGroup
	for _, g := range fault.Groups() {
		o := ui.OptionGroup{Label: string(g)}
		for _, r := range fault.Rows() {
			if r.Group() == g && g != fault.GroupToken && r.Type != fault.UpstreamAnswered {
				o.Options = append(o.Options, ui.Option{Value: string(r.Type), Label: r.Code + " " + r.Message})
			}
		}
		if len(o.Options) > 0 {
			list = append(list, o)
		}
	}
	return list
}

// templateForm is one of the two templates in the form.
type templateForm struct {
	form                 Form
	name, label          string
	typed                ErrorTemplate
	help, typeIfNotTyped string
}

func (f Form) templates() []templateForm {
	return []templateForm{
		{f, jsonTemplate, "JSON template", f.JSON, "For callers who accept or send JSON, and for those who say nothing of it.", "application/json; charset=utf-8"},
		{f, xmlTemplate, "XML template", f.XML, "For callers who accept or send XML; without a JSON template also for those who say nothing of it.", "application/xml; charset=utf-8"},
	}
}

// when its fields are shown: while it is on, and while something is wrong with
// them, as what is kept must be right too.
func (t templateForm) when() string {
	if t.wrong() {
		return t.name + ".enabled=true|false"
	}
	return t.name + ".enabled=true"
}

func (t templateForm) wrong() bool {
	return t.contentType().Error != "" || t.text().Error != ""
}

func (t templateForm) shown() bool { return t.typed.On || t.wrong() }

func (t templateForm) field(part, label string) ui.Field {
	name := t.name + part
	return ui.Field{Name: name, Label: label, Error: t.form.Problems.For(name), Attrs: t.form.attrs(name)}
}

func (t templateForm) enabled() ui.Field {
	f := t.field(".enabled", t.label)
	f.Help = t.help
	return f
}

func (t templateForm) contentType() ui.Field {
	f := t.field(".contentType", t.label+": content type")
	f.Value, f.Mono, f.Placeholder, f.Help = t.typed.ContentType, true, t.typeIfNotTyped, "Empty: "+t.typeIfNotTyped+"."
	return f
}

func (t templateForm) text() ui.Field {
	f := t.field(".template", t.label+": text")
	f.Value, f.Mono, f.Rows = t.typed.Text, true, 10
	f.Help = "Placeholders and ${NAME} of the environment are replaced; the gateway escapes the values."
	return f
}

func (f Form) apiErrors() ui.Field {
	return ui.Field{
		Name: apiErrors, Label: "Replace errors of the API too", Error: f.Problems.For(apiErrors), Attrs: f.attrs(apiErrors),
		Help: "Answers of the API with status 400 or more are put into the templates as well. Off: they reach callers as the API wrote them.",
	}
}

// templateLabels are how the user knows the section's fields.
func (f Form) templateLabels() map[string]string {
	l := map[string]string{apiErrors: f.apiErrors().Label}
	for _, t := range f.templates() {
		for _, field := range []ui.Field{t.enabled(), t.contentType(), t.text()} {
			l[field.Name] = field.Label
		}
	}
	return l
}

// TemplateText is a template for errors as it is read.
type TemplateText struct{ Label, ContentType, Text string }

// TemplateTexts are the templates that are on.
func TemplateTexts(b *fault.Bodies) []TemplateText {
	if b == nil {
		return nil
	}
	var list []TemplateText
	form := Form{}.templates()
	for i, body := range []fault.Body{b.JSON, b.XML} {
		if body.Enabled {
			list = append(list, TemplateText{form[i].label, body.ContentType, body.Text})
		}
	}
	return list
}
