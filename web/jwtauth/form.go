// Package jwtauth owns what the JWT Authentication policy adds to the pages of policies: the fields of its form, how
// they are read, and how its settings are said in words.
package jwtauth

import (
	"errors"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// Form is the part of the policy form that is JWT Authentication's own.
type Form struct{}

var _ policies.Form = Form{}

// tokenSection is the heading over all of its fields.
const tokenSection = "Token"

// labels are the seed's, in its order.
var labels = []policies.Label{
	{Field: "grantType", Text: "Grant Type"},
	{Field: "tokenNeverExpires", Text: "Token Never Expires"},
	{Field: "tokenExpiresInAmount", Text: "Token Expires In"},
	{Field: "tokenExpiresInUnit", Text: "Token Expires In, unit"},
	{Field: "jwtSignatureAlgorithm", Text: "JWT Signature Algorithm"},
	{Field: "leewaySeconds", Text: "Clock leeway"},
	{Field: "clearAuth", Text: "Clear Authentication Data"},
	{Field: "addUserToHeader", Text: "Add Client Info to Header"},
	{Field: "userHeaderName", Text: "Authenticated User Header Name"},
}

// Labels implements policies.Form.
func (Form) Labels() []policies.Label { return labels }

func label(field string) string {
	for _, l := range labels {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// New implements policies.Form.
func (Form) New() policy.Config { return jwtauth.NewForm() }

// Write implements policies.Form. Fields that do not matter get what an empty form would hold, so that switching
// something on shows a sensible value.
func (Form) Write(config policy.Config) policies.Values {
	c, ok := config.(*jwtauth.Config)
	if !ok {
		return policies.Values{}
	}
	blank := jwtauth.NewForm()
	v := policies.Values{
		"grantType":             string(c.GrantType),
		"tokenExpiresInAmount":  strconv.FormatInt(c.TokenExpiresInAmount, 10),
		"tokenExpiresInUnit":    string(c.TokenExpiresInUnit),
		"jwtSignatureAlgorithm": string(c.JWTSignatureAlgorithm),
		"leewaySeconds":         strconv.Itoa(c.LeewaySeconds),
		"userHeaderName":        c.UserHeaderName,
	}
	if c.TokenNeverExpires {
		v["tokenExpiresInAmount"] = strconv.FormatInt(blank.TokenExpiresInAmount, 10)
		v["tokenExpiresInUnit"] = string(blank.TokenExpiresInUnit)
	}
	if !c.AddUserToHeader && c.UserHeaderName == "" {
		v["userHeaderName"] = blank.UserHeaderName
	}
	v.Tick("tokenNeverExpires", c.TokenNeverExpires)
	v.Tick("clearAuth", c.ClearAuth)
	v.Tick("addUserToHeader", c.AddUserToHeader)
	return v
}

// Read implements policies.Form. A field that another one makes meaningless is not read: a letter in a hidden box must
// not keep anybody from saving.
func (Form) Read(v policies.Values) (policy.Config, problem.List) {
	var l problem.List
	c := jwtauth.New()
	c.GrantType = jwtauth.GrantType(v["grantType"])
	c.TokenNeverExpires = v.On("tokenNeverExpires")
	if !c.TokenNeverExpires {
		c.TokenExpiresInAmount = number(&l, v, "tokenExpiresInAmount", "15")
		c.TokenExpiresInUnit = jwtauth.TimeUnit(v["tokenExpiresInUnit"])
	}
	c.JWTSignatureAlgorithm = keys.Algorithm(v["jwtSignatureAlgorithm"])
	c.LeewaySeconds = int(number(&l, v, "leewaySeconds", "30"))
	c.ClearAuth = v.On("clearAuth")
	c.AddUserToHeader = v.On("addUserToHeader")
	if c.AddUserToHeader {
		c.UserHeaderName = strings.TrimSpace(v["userHeaderName"])
		if c.UserHeaderName == "" { // Normalize would fill in the default, and nobody would have chosen it
			l.Add("userHeaderName", "%s", jwtauth.HeaderNameProblem(""))
		}
	}
	return c, l
}

// number reads a whole number. One that is too large for the machine stays the largest, so that Validate names the limit.
func number(l *problem.List, v policies.Values, field, example string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(v[field]), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		l.Add(field, "Enter a whole number, such as %s.", example)
		return 0
	}
	return n
}

// Settings implements policies.Form.
func (Form) Settings(v policies.Values) []policies.Setting {
	list := []policies.Setting{
		{Label: label("grantType"), Text: grantText(v["grantType"])},
		{Label: label("tokenExpiresInAmount"), Text: lifetimeText(v)},
		{Label: label("jwtSignatureAlgorithm"), Text: v["jwtSignatureAlgorithm"], Code: true},
		{Label: label("leewaySeconds"), Text: v["leewaySeconds"] + " seconds"},
		{Label: label("clearAuth"), Text: yesNo(v.On("clearAuth"))},
		{Label: label("addUserToHeader"), Text: yesNo(v.On("addUserToHeader"))},
	}
	if v.On("addUserToHeader") {
		list = append(list, policies.Setting{Label: label("userHeaderName"), Text: v["userHeaderName"], Code: true})
	}
	for i := range list {
		list[i].Section = tokenSection
	}
	return list
}

func grantText(grant string) string {
	if jwtauth.GrantType(grant) == jwtauth.ClientCredentials {
		return "Client credentials"
	}
	return grant
}

func lifetimeText(v policies.Values) string {
	if v.On("tokenNeverExpires") {
		return "Never expires"
	}
	unit := jwtauth.TimeUnit(v["tokenExpiresInUnit"]).Label()
	if v["tokenExpiresInAmount"] == "1" {
		unit = strings.TrimSuffix(unit, "s")
	}
	return v["tokenExpiresInAmount"] + " " + unit
}

func yesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}

// Advice implements policies.Form.
func (Form) Advice(config policy.Config) []policies.Advice {
	c, ok := config.(*jwtauth.Config)
	if !ok {
		return nil
	}
	var list []policies.Advice
	for _, a := range jwtauth.Advise(c) {
		list = append(list, policies.Advice{
			Field: a.Field, Label: label(a.Field), Warning: a.Level == jwtauth.Warning, Text: a.Text, Instead: a.Instead,
		})
	}
	return list
}

// Fields implements policies.Form.
func (Form) Fields(v policies.Values, problems problem.List) templ.Component {
	return fields(v, problems)
}

// families are the headings over the algorithms, by kind (D6).
var families = map[keys.Kind]string{
	keys.RSA: "RSA", keys.PSS: "RSA-PSS", keys.ECDSA: "Elliptic curve", keys.Ed: "Edwards curve", keys.HMAC: "Shared secret",
}

// algorithms groups the algorithms by family, each with what it costs and when to choose it.
func algorithms() []ui.OptionGroup {
	var groups []ui.OptionGroup
	for _, a := range keys.Algorithms() {
		family := families[a.Kind()]
		if n := len(groups); n == 0 || groups[n-1].Label != family {
			groups = append(groups, ui.OptionGroup{Label: family})
		}
		last := &groups[len(groups)-1]
		last.Options = append(last.Options, ui.Option{Value: string(a), Label: string(a), Text: a.Cost() + " " + a.Advice()})
	}
	return groups
}

func units() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, u := range jwtauth.TimeUnits() {
		g.Options = append(g.Options, ui.Option{Value: string(u), Label: u.Label()})
	}
	return []ui.OptionGroup{g}
}
