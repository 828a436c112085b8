// Package database owns what the kind DATABASE adds to the pages of identity sources: the fields of its form, how they
// are read, and how its settings are said in words.
package database

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// Form is the part of the form that is the databases' own. Which databases there are to choose is known to the kind: the
// empty Form offers none, Of gives the one to use.
type Form struct{ kind identity.Kind }

var _ webidentity.Form = Form{}

// Of is the form of a kind, which has the drivers that may be chosen.
func (Form) Of(kind identity.Kind) webidentity.Form { return Form{kind: kind} }

// The headings over its fields.
const (
	serverSection     = "Database"
	tlsSection        = "Encryption"
	passwordSection   = "Passwords"
	userSection       = "Names, roles and claims"
	connectionSection = "Connections"
)

// claimList is the list of claims, each a column and a claim.
const claimList = "claimColumns"

var labels = []webidentity.Label{
	{Field: "driver", Text: "Database"},
	{Field: "host", Text: "Server"},
	{Field: "port", Text: "Port"},
	{Field: "database", Text: "Database name"},
	{Field: "username", Text: "Account"},
	{Field: "password", Text: "Password"},
	{Field: "tls", Text: "Encryption"},
	{Field: "caCertificates", Text: "Authorities (PEM)"},
	{Field: "serverName", Text: "Name in the certificate"},
	{Field: "passwordCheck", Text: "Who checks the password"},
	{Field: "query", Text: "Query"},
	{Field: "passwordColumn", Text: "Password column"},
	{Field: "passwordEncoding", Text: "Stored as"},
	{Field: "saltColumn", Text: "Salt column"},
	{Field: "saltPosition", Text: "Salt stands"},
	{Field: "parameterEncoding", Text: ":password becomes"},
	{Field: "userColumn", Text: "Name column"},
	{Field: "roleQuery", Text: "Role query"},
	{Field: "roleSeparator", Text: "Between roles"},
	{Field: claimList, Text: "Claims"},
	{Field: claimList + "[].column", Text: "Column of claim"},
	{Field: claimList + "[].claim", Text: "Name of claim"},
	{Field: "idleConnections", Text: "Kept open"},
	{Field: "connectionLifetimeSeconds", Text: "Renewed after"},
}

// Labels implements webidentity.Form.
func (Form) Labels() []webidentity.Label { return labels }

func label(field string) string {
	for _, l := range labels {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// fresh is a configuration with the defaults and the drivers of the kind.
func (f Form) fresh() *database.Config {
	if f.kind.New != nil {
		if c, ok := f.kind.New().(*database.Config); ok {
			return c
		}
	}
	return database.New()
}

// New implements webidentity.Form. It starts with the first database of the chooser, so that everything else can be
// checked from the start.
func (f Form) New() identity.Config {
	c := f.fresh()
	if drivers := c.Drivers(); len(drivers) > 0 {
		c.Driver = drivers[0].Name
	}
	return c
}

// Write implements webidentity.Form. The usual port is left empty: it follows when another database is chosen.
func (f Form) Write(config identity.Config) webidentity.Values {
	c, ok := config.(*database.Config)
	if !ok {
		return webidentity.Values{}
	}
	v := webidentity.Values{
		"driver": string(c.Driver), "host": c.Host, "port": f.portText(c), "database": c.Database, "username": c.Username,
		"tls": string(c.TLS), "caCertificates": c.CACertificates, "serverName": c.ServerName,
		"passwordCheck": string(c.PasswordCheck), "query": c.Query, "passwordColumn": c.PasswordColumn,
		"passwordEncoding": orElse(string(c.PasswordEncoding), string(password.Auto)),
		"saltColumn":       c.SaltColumn, "saltPosition": orElse(string(c.SaltPosition), string(database.SaltBefore)),
		"parameterEncoding": orElse(string(c.ParameterEncoding), string(database.NoEncoding)),
		"userColumn":        c.UserColumn, "roleQuery": c.RoleQuery, "roleSeparator": c.RoleSeparator,
		"idleConnections": strconv.Itoa(c.IdleConnections), "connectionLifetimeSeconds": strconv.Itoa(c.ConnectionLifetimeSeconds),
	}
	v.SetRows(claimList, len(c.ClaimColumns))
	for i, cc := range c.ClaimColumns {
		v[webidentity.Row(claimList, i, "column")], v[webidentity.Row(claimList, i, "claim")] = cc.Column, cc.Claim
	}
	return v
}

func (f Form) portText(c *database.Config) string {
	if c.Port == 0 || c.Port == f.usualPort(string(c.Driver)) {
		return ""
	}
	return strconv.Itoa(c.Port)
}

// usualPort is the one of a driver, 0 when there is no such driver.
func (f Form) usualPort(driver string) int {
	d, _ := f.fresh().Drivers().Find(database.DriverName(driver))
	return d.Port
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// The parts of the form that depend on others, as they matter now. What the page says of the same is beside them, for
// ui.Depends.

func encrypted(v webidentity.Values) bool { return v["tls"] == string(database.TLSRequired) }

const encryptedWhen = "tls=" + string(database.TLSRequired)

func inColumn(v webidentity.Values) bool { return v["passwordCheck"] == string(database.InColumn) }

const inColumnWhen = "passwordCheck=" + string(database.InColumn)

func inQuery(v webidentity.Values) bool { return v["passwordCheck"] == string(database.InQuery) }

const inQueryWhen = "passwordCheck=" + string(database.InQuery)

// salted stands inside the part for columns.
func salted(v webidentity.Values) bool { return password.Encoding(v["passwordEncoding"]).Salted() }

const saltedWhen = "passwordEncoding=" + string(password.SHA256) + "|" + string(password.SHA512)

func positioned(v webidentity.Values) bool { return strings.TrimSpace(v["saltColumn"]) != "" }

const positionedWhen = "!saltColumn="

func hasRoles(v webidentity.Values) bool { return strings.TrimSpace(v["roleQuery"]) != "" }

const hasRolesWhen = "!roleQuery="

// Advice implements webidentity.Form.
func (Form) Advice(config identity.Config) []webidentity.Advice {
	c, ok := config.(*database.Config)
	if !ok {
		return nil
	}
	var list []webidentity.Advice
	for _, p := range c.Advise() {
		list = append(list, webidentity.Advice{
			Field: p.Field, Label: label(p.Field), Text: p.Message,
			Warning: p.Field != "userColumn", // which may be right where names are compared exactly
		})
	}
	return list
}

// Fields implements webidentity.Form.
func (f Form) Fields(p webidentity.Fields) templ.Component { return fields(f.controls(p)) }
