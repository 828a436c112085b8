package api

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// What a source is good for. The field has no place in the form: it follows from the templates.
const (
	use        = "use"
	logsIn     = "Logs people in"
	logsNobody = "Looks people up and regenerates tokens; logs nobody in"
)

func useText(c *api.Config) string {
	if c.ChecksPassword() {
		return logsIn
	}
	return logsNobody
}

// Settings implements webidentity.Form. What has no effect is not said.
func (f Form) Settings(typed webidentity.Values) []webidentity.Setting {
	w := &webidentity.Words{Values: withoutEmptyRows(typed), Labels: append([]webidentity.Label{{Field: use, Text: "Use"}}, labels...)}
	w.Section = requestSection
	if c, ok := read(f, typed); ok {
		w.Say(use, useText(c))
	}
	sayRequest(w)
	w.Section = securitySection
	w.Certificates("caCertificates", "Those the system trusts")
	w.Certificates("clientCertificate", "None")
	w.Section = verdictSection
	w.CodeOr("refusedStatuses", "None: all mean that the service has failed")
	w.Say("assertions", assertionsText(w.Values))
	w.Section = mappingSection
	sayMapping(w)
	return w.List
}

func read(f Form, v webidentity.Values) (*api.Config, bool) {
	config, _ := f.Read(v)
	c, ok := config.(*api.Config)
	return c, ok
}

func sayRequest(w *webidentity.Words) {
	w.Say("method", w.Values["method"])
	w.Code("url")
	if plainAddress(w.Values) {
		w.YesNo("allowPlaintext")
	}
	w.YesNo("basicAuth")
	w.Say("headers", rowsText(w.Values, "headers", "name", ": ", "value"))
	if sendsBody(w.Values) {
		w.Card("bodyType", bodyTypes)
	}
	if hasTemplate(w.Values) {
		w.Code("bodyTemplate")
	}
	w.Say("retries", w.Values["retries"])
	if w.Values["method"] == "POST" {
		w.YesNo("retryPost")
	}
}

func sayMapping(w *webidentity.Words) {
	w.CodeOr("usernamePath", "As typed")
	w.CodeOr("rolesPath", "No roles")
	if w.Values["rolesPath"] != "" {
		w.Say("rolesSeparator", strconv.Quote(readSeparator(w.Values["rolesSeparator"])))
	}
	w.Say("claims", rowsText(w.Values, "claims", "source", " as ", "claim"))
	w.YesNo("wholeResponseClaim")
}

func rowsText(v webidentity.Values, list, first, between, second string) string {
	var texts []string
	for i := range v.Rows(list) {
		texts = append(texts, v[webidentity.Row(list, i, first)]+between+v[webidentity.Row(list, i, second)])
	}
	return orNone(texts)
}

func assertionsText(v webidentity.Values) string {
	var texts []string
	for i := range v.Rows("assertions") {
		a := readAssertion(new(problem.List), v, i)
		if a.Kind == api.BodyContains {
			a.Operator = api.Contains
		}
		texts = append(texts, a.String())
	}
	return orNone(texts)
}

func orNone(texts []string) string {
	if len(texts) == 0 {
		return "None"
	}
	return strings.Join(texts, "; ")
}

// Advice implements webidentity.Form.
func (Form) Advice(config identity.Config) []webidentity.Advice {
	c, ok := config.(*api.Config)
	if !ok {
		return nil
	}
	var list []webidentity.Advice
	advise := func(matters, warning bool, field, text, instead string) {
		if matters {
			list = append(list, webidentity.Advice{Field: field, Label: label(field), Warning: warning, Text: text, Instead: instead})
		}
	}
	list = append(list, useAdvice(c))
	advise(c.AllowPlaintext, true, "allowPlaintext",
		"Passwords cross the network readably.", "Use an https address.")
	open := writtenOut(c.Headers)
	advise(open != "", true, "headers",
		"The value of "+open+" is written out: everybody who may see this source reads it, here and in the audit.", "Put it into the field Secret, and {{secret}} in its place.")
	advise(c.RetryPost && c.Retries > 0, true, "retryPost",
		"One wrong password may count as two guesses, and lock users out early.", "Leave it off, unless the service takes a repeated request for one.")
	advise(c.ChecksPassword() && len(c.Assertions) == 0, false, "assertions",
		"Every answer of success lets somebody in, whatever it says.", "If the service says in the body that a login is wrong, check that with an assertion.")
	advise(c.UsernamePath == "", false, "usernamePath",
		"Tokens have the name as it was typed. Where the service compares without case, one user then has several names.", "Take the name from the answer.")
	advise(c.RolesPath == "", false, "rolesPath", "Users get no roles.", "Say where the roles are in the answer.")
	advise(c.WholeResponseClaim, false, "wholeResponseClaim",
		"Clients see everything that the service answers.", "Take single values as claims.")
	return list
}

// secretive are the names of headers that prove who is asking.
var secretive = regexp.MustCompile(`(?i)authori[sz]ation|cookie|key|token|secret|passw|credential`)

// writtenOut is the name of a header whose value looks like a secret that is none to whoever may see the source.
func writtenOut(headers []api.Header) string {
	i := slices.IndexFunc(headers, func(h api.Header) bool {
		return secretive.MatchString(h.Name) && h.Value != "" && !strings.Contains(h.Value, "{{")
	})
	if i < 0 {
		return ""
	}
	return headers[i].Name
}

func useAdvice(c *api.Config) webidentity.Advice {
	a := webidentity.Advice{Field: use, Label: useText(c), Text: "The service is given the password and says whether it is right."}
	if !c.ChecksPassword() {
		a.Text = "The service is not given the password."
		a.Instead = "For logins, send it as {{password}} in a header or the body, or as HTTP Basic."
	}
	return a
}
