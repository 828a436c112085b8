// Package issue owns the fields that say what tokens are issued like: how long they live, how they are refreshed and
// what signs them. A policy and a credential have the same settings, so both forms put in these fields, read them here
// and say them in the same words.
package issue

import (
	"errors"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// Values are the fields as typed, by their names without a prefix. A ticked box is "true", another is missing.
type Values map[string]string

func (v Values) on(name string) bool { return v[name] == "true" }

// Props is what the fields show.
type Props struct {
	// Prefix stands before every name, such as "tokens."; "" for a form whose other names are different.
	Prefix string
	// Values and Problems have names with the prefix, as they were posted.
	Values   map[string]string
	Problems problem.List
	// Grant also draws the grant type, for a form that has no choice of its own.
	Grant bool
}

// Label is how the user knows a field.
type Label struct{ Field, Text string }

// labels are the seed's, in its order.
var labels = []Label{
	{"grantType", "Grant Type"},
	{"tokenNeverExpires", "Token Never Expires"},
	{"tokenExpiresInAmount", "Token Expires In"},
	{"tokenExpiresInUnit", "Token Expires In, unit"},
	{"refreshTokenAllowed", "Refresh Token Allowed"},
	{"refreshTokenCount", "Refresh Token Count"},
	{"refreshTokenExpiresInAmount", "Refresh Token Expires In"},
	{"refreshTokenExpiresInUnit", "Refresh Token Expires In, unit"},
	{"refreshTokenMaxActive", "Refreshable logins at once"},
	{"jwtSignatureAlgorithm", "JWT Signature Algorithm"},
	{"allowUrlParameters", "Allow URL Parameters"},
}

// Labels are the fields with the prefix, in the order of the form and with what the user calls them. The grant type is
// the first.
func Labels(prefix string) []Label {
	list := make([]Label, len(labels))
	for i, l := range labels {
		list[i] = Label{prefix + l.Field, l.Text}
	}
	return list
}

func label(field string) string {
	for _, l := range labels {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// Write is the fields of settings, without a prefix. Fields that do not matter get what an empty form would hold, so
// that switching something on shows a sensible value.
func Write(s issue.Settings) Values {
	v := Values{
		"grantType": string(s.GrantType), "jwtSignatureAlgorithm": string(s.JWTSignatureAlgorithm),
		"tokenExpiresInAmount": "15", "tokenExpiresInUnit": string(issue.Minutes),
		"refreshTokenCount": "3", "refreshTokenExpiresInAmount": "8", "refreshTokenExpiresInUnit": string(issue.Hours),
	}
	if !s.TokenNeverExpires {
		v["tokenExpiresInAmount"], v["tokenExpiresInUnit"] = amount(s.TokenExpiresInAmount), string(s.TokenExpiresInUnit)
	}
	if s.RefreshTokenAllowed {
		v["refreshTokenCount"] = strconv.Itoa(s.RefreshTokenCount)
		v["refreshTokenExpiresInAmount"] = amount(s.RefreshTokenExpiresInAmount)
		v["refreshTokenExpiresInUnit"] = string(s.RefreshTokenExpiresInUnit)
	}
	if s.RefreshTokenMaxActive != 0 {
		v["refreshTokenMaxActive"] = strconv.Itoa(s.RefreshTokenMaxActive)
	}
	v.tick("tokenNeverExpires", s.TokenNeverExpires)
	v.tick("refreshTokenAllowed", s.RefreshTokenAllowed)
	v.tick("allowUrlParameters", s.AllowURLParameters)
	return v
}

func amount(n int64) string { return strconv.FormatInt(n, 10) }

func (v Values) tick(name string, on bool) {
	if on {
		v[name] = "true"
	}
}

// Into puts the values into those of a form, under names with the prefix.
func (v Values) Into(form map[string]string, prefix string) {
	for name, text := range v {
		form[prefix+name] = text
	}
}

// From takes the values out of those of a form.
func From(form map[string]string, prefix string) Values {
	v := Values{}
	for _, l := range labels {
		if text, ok := form[prefix+l.Field]; ok {
			v[l.Field] = text
		}
	}
	return v
}

// Read turns posted text into settings, and says which numbers are none; the rest is for Settings.Validate. A field
// that another one makes meaningless is not read: a letter in a hidden box must not keep anybody from saving.
func Read(form map[string]string, prefix string) (issue.Settings, problem.List) {
	r := reader{values: From(form, prefix), prefix: prefix}
	v := r.values
	s := issue.Settings{
		GrantType: issue.GrantType(v["grantType"]), TokenNeverExpires: v.on("tokenNeverExpires"),
		JWTSignatureAlgorithm: keys.Algorithm(v["jwtSignatureAlgorithm"]), AllowURLParameters: v.on("allowUrlParameters"),
	}
	if s.TokenNeverExpires {
		return s, r.problems
	}
	s.TokenExpiresInAmount, s.TokenExpiresInUnit = r.number("tokenExpiresInAmount", "15"), issue.TimeUnit(v["tokenExpiresInUnit"])
	if s.RefreshTokenAllowed = v.on("refreshTokenAllowed"); !s.RefreshTokenAllowed {
		return s, r.problems
	}
	s.RefreshTokenCount = int(r.number("refreshTokenCount", "3"))
	s.RefreshTokenExpiresInAmount = r.number("refreshTokenExpiresInAmount", "8")
	s.RefreshTokenExpiresInUnit = issue.TimeUnit(v["refreshTokenExpiresInUnit"])
	s.RefreshTokenMaxActive = r.most("refreshTokenMaxActive")
	return s, r.problems
}

type reader struct {
	values   Values
	prefix   string
	problems problem.List
}

// most reads a limit, which nothing typed leaves out. A typed 0 is wrong, where
// in settings it means no limit.
func (r *reader) most(field string) int {
	if strings.TrimSpace(r.values[field]) == "" {
		return 0
	}
	n := int(r.number(field, "5"))
	if n == 0 && r.problems.For(r.prefix+field) == "" {
		return -1
	}
	return n
}

// number reads a whole number. One that is too large for the machine stays the largest, so that Validate names the limit.
func (r *reader) number(field, example string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(r.values[field]), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		r.problems.Add(r.prefix+field, "Enter a whole number, such as %s.", example)
		return 0
	}
	return n
}

// Problems adds what Settings.Validate found, under names with the prefix, to what Read found: that something is no
// number says more than that it is below one.
func Problems(read, found problem.List, prefix string) problem.List {
	for _, p := range found {
		if p.Field = prefix + p.Field; read.For(p.Field) == "" {
			read = append(read, p)
		}
	}
	return read
}

// Line is one setting in words.
type Line struct {
	Label, Text string
	Code        bool // shown in the face of code
}

// Describe says the settings in words, in the order of the form. The grant type is the first.
func Describe(v Values) []Line {
	list := []Line{
		{Label: label("grantType"), Text: grantText(v["grantType"])},
		{Label: label("tokenExpiresInAmount"), Text: lifetimeText(v)},
	}
	if !v.on("tokenNeverExpires") {
		list = append(list, Line{Label: label("refreshTokenAllowed"), Text: yesNo(v.on("refreshTokenAllowed"))})
		if v.on("refreshTokenAllowed") {
			list = append(list, refreshLines(v)...)
		}
	}
	return append(list,
		Line{Label: label("jwtSignatureAlgorithm"), Text: v["jwtSignatureAlgorithm"], Code: true},
		Line{Label: label("allowUrlParameters"), Text: yesNo(v.on("allowUrlParameters"))})
}

func refreshLines(v Values) []Line {
	most := strings.TrimSpace(v["refreshTokenMaxActive"])
	if most == "" {
		most = "No limit"
	}
	return []Line{
		{Label: label("refreshTokenCount"), Text: v["refreshTokenCount"]},
		{Label: label("refreshTokenExpiresInAmount"), Text: span(v["refreshTokenExpiresInAmount"], v["refreshTokenExpiresInUnit"])},
		{Label: label("refreshTokenMaxActive"), Text: most},
	}
}

func grantText(grant string) string {
	switch issue.GrantType(grant) {
	case issue.ClientCredentials:
		return "Client credentials"
	case issue.Password:
		return "Password"
	}
	return grant
}

func lifetimeText(v Values) string {
	if v.on("tokenNeverExpires") {
		return "Never expires"
	}
	return span(v["tokenExpiresInAmount"], v["tokenExpiresInUnit"])
}

func span(amount, unit string) string {
	word := issue.TimeUnit(unit).Label()
	if amount == "1" {
		word = strings.TrimSuffix(word, "s")
	}
	return amount + " " + word
}

func yesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}

// families are the headings over the algorithms, by kind (D6).
var families = map[keys.Kind]string{
	keys.RSA: "RSA", keys.PSS: "RSA-PSS", keys.ECDSA: "Elliptic curve", keys.Ed: "Edwards curve", keys.HMAC: "Shared secret",
}

// Algorithms groups the algorithms by family, each with what it costs and when to choose it.
func Algorithms() []ui.OptionGroup {
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

// Units are the units of a lifetime, shortest first.
func Units() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, u := range issue.TimeUnits() {
		g.Options = append(g.Options, ui.Option{Value: string(u), Label: u.Label()})
	}
	return []ui.OptionGroup{g}
}

// chosen always holds the value that was posted, also when it is none of those offered.
func chosen(groups []ui.OptionGroup, value string) []ui.OptionGroup {
	for _, g := range groups {
		for _, o := range g.Options {
			if o.Value == value {
				return groups
			}
		}
	}
	text := value
	if text == "" {
		text = "Choose one"
	}
	return append([]ui.OptionGroup{{Options: []ui.Option{{Value: value, Label: text}}}}, groups...)
}

// field is a control as it was typed, with what is wrong with it.
func (p Props) field(name, help string) ui.Field {
	full := p.Prefix + name
	f := ui.Field{Name: full, Label: label(name), Value: p.Values[full], Error: p.Problems.For(full), Help: help}
	if len(p.Problems) > 0 && p.Problems[0].Field == full {
		f.Attrs = templ.Attributes{"autofocus": true}
	}
	return f
}

func (p Props) required(name, help string) ui.Field {
	f := p.field(name, help)
	f.Required = true
	return f
}

func (p Props) narrow(name, help string) ui.Field {
	f := p.field(name, help)
	f.Narrow = true
	return f
}

func (p Props) on(name string) bool { return p.Values[p.Prefix+name] == "true" }

func (p Props) options(name string, groups []ui.OptionGroup) []ui.OptionGroup {
	return chosen(groups, p.Values[p.Prefix+name])
}
