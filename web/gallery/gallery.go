// Package gallery shows every part of the kit in every state, and whole screens made of them, with canned data. It is
// where a part is looked at before it is used; the handlers serve it in development only.
package gallery

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	headersform "github.com/gatewright/gatewright/web/headers"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// Root is where the gallery is served; its pages are below it.
const Root = "/gallery"

// Page is the gallery's page with the given name, "" for the parts; false when there is none. Names are "list",
// "empty", "form", "wrong", "headers", "view", "develop", "confirm", "sign-in", "error" and "crash".
func Page(name string, theme layout.Theme) (templ.Component, bool) {
	page, ok := map[string]templ.Component{
		"":        parts(frame(theme, "Parts", "")),
		"list":    list(frame(theme, "JWT Authentication", "list")),
		"empty":   empty(frame(theme, "API Proxies", "empty")),
		"form":    form(frame(theme, "Edit policy", "form"), nil),
		"wrong":   form(frame(theme, "Edit policy", "wrong"), wrong),
		"headers": headerChanges(frame(theme, "Headers", "headers")),
		"view":    view(frame(theme, "orders-partner-jwt", "view")),
		"develop": develop(frame(theme, "orders", "develop")),
		"confirm": confirm(frame(theme, "Delete policy", "confirm")),
		"sign-in": signIn(theme),
		"error":   layout.ErrorPage(frame(theme, "Not found", "error"), notFound),
		"crash":   layout.BareErrorPage(theme, crash),
	}[name]
	return page, ok
}

// now stands still, so that two pictures of the gallery are alike.
var now = time.Date(2026, 5, 12, 14, 30, 0, 0, time.UTC)

// long and hostile are what names may be at worst.
var (
	long    = strings.Repeat("a-very-long-policy-name-", 11)[:255]
	hostile = `<script>alert("policy")</script>`
)

var labels = map[string]string{
	"name":                     "Name",
	"tokenExpiresInAmount":     "Token expires in",
	"identityProviderName":     "Identity source",
	"description":              "Description",
	"userHeaderName":           "Header name",
	"credentialRoleNameList":   "Roles",
	"jwtSignatureAlgorithm":    "Signature algorithm",
	"refreshTokenExpiresInAmt": "Refresh token expires in",
}

var wrong = problem.List{
	{Field: "name", Message: "Another policy of this project is called orders-partner-jwt. Choose another name."},
	{Field: "tokenExpiresInAmount", Message: "Give a whole number of at least 1."},
	{Field: "userHeaderName", Message: "A header name has letters, digits and dashes only, such as X-Authenticated-UserId."},
	{Message: "The policy was changed by mira while you edited it."},
}

var notFound = layout.Failure{
	Status: 404,
	Title:  "There is no such policy",
	Text:   "It may have been deleted or renamed since the link was made. The audit list says by whom.",
	Back:   ui.Action{Label: "All JWT policies", Href: Root + "/list", Icon: "back"},
}

var crash = layout.Failure{
	Status: 500,
	Title:  "Something went wrong on our side",
	Text:   "Nothing was changed. If it happens again, give the operator the id below: it leads to the entry in the log.",
	ID:     "0196c2f4-7b1e-7c55-9a54-2f6b8e0d4a11",
	Back:   ui.Action{Label: "Back to the console", Href: Root, Icon: "back"},
}

func frame(theme layout.Theme, title, name string) layout.Props {
	return layout.Props{
		Title: title,
		Theme: theme,
		User:  layout.User{Name: "Mira Lindqvist", Text: "Administrator"},
		Nav:   menu(name),
		Breadcrumbs: []layout.Crumb{
			{Label: "Payments", Href: Root}, {Label: "Development"}, {Label: "Global Settings"},
			{Label: "Global Policies"}, {Label: "JWT Authentication", Href: Root + "/list"}, {Label: title},
		},
		Project: layout.Chooser{Label: "Project", Current: "Payments", Options: []layout.Choice{
			{Label: "Payments", Href: Root, Text: "24 proxies", Current: true},
			{Label: "Logistics", Href: Root, Text: "7 proxies"},
			{Label: "Customer data", Href: Root, Text: "112 proxies"},
		}},
		Environment: layout.Chooser{Label: "Environment", Current: "production", Colour: layout.ColourRed, Options: []layout.Choice{
			{Label: "production", Href: Root, Text: "https://api.example.com", Colour: layout.ColourRed, Current: true},
			{Label: "staging", Href: Root, Text: "https://staging.example.com", Colour: layout.ColourAmber},
			{Label: "test", Href: Root, Text: "http://localhost:8082", Colour: layout.ColourGreen},
		}},
		CurrentPath: Root + "/" + name,
		Home:        Root,
	}
}

func menu(name string) []layout.NavSection {
	screen := func(label, page string) layout.NavItem {
		return layout.NavItem{Label: label, Href: Root + "/" + page, Current: name == page}
	}
	return []layout.NavSection{
		{Label: "Development", Items: []layout.NavItem{
			{Label: "API Proxies", Href: Root + "/empty", Icon: "proxy", Keys: "g p", Current: name == "empty" || name == "develop"},
			{Label: "Global Settings", Icon: "settings", Children: []layout.NavItem{
				{Label: "Global Policies", Children: []layout.NavItem{
					{Label: "JWT Authentication", Href: Root + "/list", Keys: "g j", Current: name == "list"},
				}},
			}},
		}},
		{Label: "Oversight", Items: []layout.NavItem{
			{Label: "Audit", Href: Root + "/error", Icon: "audit", Keys: "g a"},
		}},
		{Label: "Gallery", Items: []layout.NavItem{
			{Label: "Parts", Href: Root, Icon: "group", Current: name == ""},
			{Label: "Screens", Icon: "layers", Children: []layout.NavItem{
				screen("Form", "form"), screen("Form with errors", "wrong"), screen("Rows of headers", "headers"), screen("View", "view"),
				screen("Develop tab", "develop"), screen("Confirmation", "confirm"), screen("Sign in", "sign-in"),
				screen("Not found", "error"), screen("Failure", "crash"),
			}},
		}},
	}
}

// headerChanges is the form of the Headers policy with a row of each kind.
func headerChanges(p layout.Props) templ.Component {
	c := headers.New()
	c.Name = "hide-backend"
	c.Changes = []headers.Change{
		{Action: policy.RemoveField, Name: "Server"},
		{Action: policy.SetField, Name: "Strict-Transport-Security", Value: "max-age=31536000"},
		{Action: policy.AddField, Name: "X-Trace", Variable: &condition.Variable{Type: condition.Context, ContextValue: "MESSAGE_CORRELATION_ID"}},
		{Action: policy.SetField, Name: "X-Order", Variable: &condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "/orders/{id}"}},
	}
	f := headersform.Form{}
	return policies.ShowForm(policies.FormPage{
		Frame: p, Title: "Edit hide-backend", About: headers.Type().Summary, Form: f, Values: policies.Write(f, c),
		Action: Root + "/headers", Discard: Root + "/list", Advice: f.Advice(c, policies.Choices{}),
	})
}

// ago is a moment before now, for lines of a list.
func ago(d time.Duration) time.Time { return now.Add(-d) }

// row is a policy as the list shows it.
type row struct {
	name, about, grant, algorithm, used string
	active                              bool
	state                               ui.State
	changed                             time.Time
	by                                  string
}

var rows = []row{
	{"orders-partner-jwt", "Partners of the order API, 15 minute tokens", "Client credentials", "RS256", "3", true, ui.StateLive, ago(3 * time.Minute), "mira"},
	{"mobile-login", "Customers of the mobile app, against the company directory", "Password", "ES256", "12", true, ui.StateRedeployRequired, ago(2 * time.Hour), "jonas"},
	{"legacy-batch", "", "Client credentials", "HS256", "1", false, ui.StateLive, ago(9 * 24 * time.Hour), "admin"},
	{"warehouse-scanners", "Hand scanners in Gothenburg and Malmö", "Client credentials", "PS384", "0", true, ui.StateNotDeployed, ago(41 * 24 * time.Hour), "mira"},
	{hostile, "A name that somebody typed", "Password", "EdDSA", "2", true, ui.StateFailed, ago(90 * 24 * time.Hour), "admin"},
	{long, "A name of 255 characters", "Password", "RS512", "0", false, ui.StateDraft, ago(400 * 24 * time.Hour), "admin"},
}

var columns = []ui.Column{
	{Label: "Name", Sort: Root + "/list?sort=-name", Order: ui.Ascending},
	{Label: "Grant"},
	{Label: "Algorithm"},
	{Label: "Deployment"},
	{Label: "Used by", Number: true, Sort: Root + "/list?sort=used"},
	{Label: "Changed", Sort: Root + "/list?sort=changed"},
	{Label: "Active", Tight: true},
	{Label: "Actions", Hidden: true, Tight: true},
}

var algorithms = []ui.OptionGroup{
	{Label: "RSA: cheap to verify, dear to sign", Options: []ui.Option{
		{Value: "RS256", Label: "RS256", Text: "RSA signature with SHA-256. Understood everywhere."},
		{Value: "RS384", Label: "RS384", Text: "RSA signature with SHA-384."},
		{Value: "PS256", Label: "PS256", Text: "RSA-PSS with SHA-256: the newer padding, not known to every library."},
	}},
	{Label: "Elliptic curve: cheap to sign, dear to verify", Options: []ui.Option{
		{Value: "ES256", Label: "ES256", Text: "P-256 with SHA-256. Short signatures."},
		{Value: "EdDSA", Label: "EdDSA", Text: "Ed25519."},
	}},
	{Label: "Shared secret", Options: []ui.Option{
		{Value: "HS256", Label: "HS256", Text: "Whoever can verify a token can also forge one."},
	}},
}

var units = ui.Options("Seconds", "Minutes", "Hours", "Days", "Weeks")

var grants = []ui.Card{
	{Value: "CLIENT_CREDENTIALS", Label: "Client credentials", Text: "An application proves itself with its own id and secret."},
	{Value: "PASSWORD", Label: "Password", Text: "A person signs in through the application; an identity source checks."},
}

var results = []ui.Result{
	{State: ui.StateSucceeded, Name: "orders", Href: Root, Place: "production", Detail: "Revision 14 is live on 3 nodes.", Took: 212 * time.Millisecond},
	{State: ui.StateSucceeded, Name: "orders-internal", Href: Root, Place: "production", Detail: "Revision 3 is live on 3 nodes.", Took: 187 * time.Millisecond},
	{State: ui.StateFailed, Name: "invoices", Href: Root, Place: "production", Detail: "The policy mobile-login signs with a key of the wrong curve. Revision 7 keeps serving.", Took: 1480 * time.Millisecond},
}

var bars = ui.Bars{
	ID: "gallery-bars", Title: "Policies in the most places", Noun: "places", Table: Root + "/list", Rows: []ui.Bar{
		{Label: "orders-partner-jwt", Value: 12480, Href: Root + "/view"}, {Label: "mobile-login", Value: 910, Href: Root + "/view"},
		{Label: "warehouse-scanners", Text: "local", Value: 37}, {Label: hostile, Value: 1, Href: Root + "/view"}, {Label: long, Text: "local", Value: 0},
	},
}

// value keeps what was typed, as a form's page does after an error.
func value(list problem.List, ok, bad string) string {
	if len(list) > 0 {
		return bad
	}
	return ok
}
