package database

import (
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/problem"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// Read implements webidentity.Form. A field that another one makes meaningless is not read: what stands in a hidden box
// must not keep anybody from saving.
func (f Form) Read(v webidentity.Values) (identity.Config, problem.List) {
	var l problem.List
	c := f.fresh()
	c.Driver, c.Host, c.Port = database.DriverName(v["driver"]), v["host"], port(&l, v)
	c.Database, c.Username = v["database"], v["username"]
	if c.TLS = database.TLSMode(v["tls"]); encrypted(v) {
		c.CACertificates, c.ServerName = lines(v, "caCertificates"), trimmed(v, "serverName")
	}
	c.Query = lines(v, "query")
	c.PasswordCheck = database.PasswordCheck(v["passwordCheck"])
	readPassword(v, c)
	c.UserColumn = trimmed(v, "userColumn")
	if hasRoles(v) {
		c.RoleQuery, c.RoleSeparator = lines(v, "roleQuery"), v["roleSeparator"]
	}
	c.ClaimColumns = readClaims(v)
	c.IdleConnections = number(&l, v, "idleConnections", database.DefaultIdle)
	c.ConnectionLifetimeSeconds = number(&l, v, "connectionLifetimeSeconds", database.DefaultLifetime)
	return c, l
}

// readPassword reads how passwords are compared.
func readPassword(v webidentity.Values, c *database.Config) {
	c.PasswordEncoding, c.ParameterEncoding = "", ""
	if inQuery(v) {
		c.ParameterEncoding = database.ParameterEncoding(v["parameterEncoding"])
	}
	if !inColumn(v) {
		return
	}
	c.PasswordColumn, c.PasswordEncoding = trimmed(v, "passwordColumn"), password.Encoding(v["passwordEncoding"])
	if !salted(v) {
		return
	}
	if c.SaltColumn = trimmed(v, "saltColumn"); c.SaltColumn != "" {
		c.SaltPosition = database.SaltPosition(v["saltPosition"])
	}
}

func readClaims(v webidentity.Values) []database.ClaimColumn {
	v = tidy(v)
	var list []database.ClaimColumn
	for i := range v.Rows(claimList) {
		list = append(list, database.ClaimColumn{
			Column: trimmed(v, webidentity.Row(claimList, i, "column")), Claim: trimmed(v, webidentity.Row(claimList, i, "claim")),
		})
	}
	return list
}

// tidy is v without the rows in which nothing stands. Problems count the rows that are left.
func tidy(v webidentity.Values) webidentity.Values {
	v = maps.Clone(v)
	v.DropEmptyRows(claimList, "column", "claim")
	return v
}

// trimmed is a text that has no blanks around it where it is right.
func trimmed(v webidentity.Values, field string) string { return strings.TrimSpace(v[field]) }

// lines is a text of several lines; browsers send line breaks as two characters.
func lines(v webidentity.Values, field string) string {
	return strings.ReplaceAll(v[field], "\r\n", "\n")
}

// port reads the port; nothing means the usual one.
func port(l *problem.List, v webidentity.Values) int {
	if trimmed(v, "port") == "" {
		return 0
	}
	n, err := whole(v["port"])
	if err != nil || n == 0 { // zero is how a configuration has the usual one, and nobody would have chosen that
		l.Add("port", "Enter a port from 1 to 65535, or nothing for the usual one.")
	}
	return n
}

func number(l *problem.List, v webidentity.Values, field string, example int) int {
	n, err := whole(v[field])
	if err != nil {
		l.Add(field, "Enter a whole number, such as %d.", example)
	}
	return n
}

// whole reads a whole number. One that is too large for the machine stays the largest, so that Validate names the limit.
func whole(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if errors.Is(err, strconv.ErrRange) {
		return n, nil
	}
	return n, err
}
