package database

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gatewright/gatewright/engine/identity/database/statement"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
)

// Validate implements identity.Config.
func (c *Config) Validate() problem.List {
	l := c.Common.Validate()
	c.validateServer(&l)
	c.validateTLS(&l)
	c.validatePassword(&l)
	c.validateQueries(&l)
	c.validateClaims(&l)
	number(&l, "idleConnections", c.IdleConnections, 0, c.MaxConcurrent, "connections")
	number(&l, "connectionLifetimeSeconds", c.ConnectionLifetimeSeconds, 10, MaxLifetime, "seconds")
	return l
}

func (c *Config) validateServer(l *problem.List) {
	if _, ok := c.drivers.Find(c.Driver); !ok {
		l.Add("driver", "Choose a kind of database: %s.", c.driverNames())
	}
	switch {
	case c.Host == "":
		l.Add("host", "Enter the name or address of the database server.")
	case !isHost(c.Host):
		l.Add("host", "Enter a host alone, such as db.example.com: port and database have fields of their own.")
	}
	if c.Port < 0 || c.Port > 65535 {
		l.Add("port", "Enter a port from 1 to 65535, or nothing for the usual one.")
	}
	for _, f := range []struct{ field, what, value string }{
		{"database", "name of the database", c.Database}, {"username", "account to connect with", c.Username},
	} {
		if strings.TrimSpace(f.value) == "" || len(f.value) > 255 || strings.ContainsFunc(f.value, unicode.IsControl) {
			l.Add(f.field, "Enter the %s, of at most 255 bytes.", f.what)
		}
	}
}

func (c *Config) driverNames() string {
	names := make([]string, len(c.drivers))
	for i, d := range c.drivers {
		names[i] = string(d.Name)
	}
	return strings.Join(names, ", ")
}

func number(l *problem.List, field string, value, least, most int, unit string) {
	if value < least || value > most {
		l.Add(field, "Enter a number of %s from %d to %d.", unit, least, most)
	}
}

func (c *Config) validateTLS(l *problem.List) {
	if c.TLS != TLSRequired && c.TLS != Plaintext {
		l.Add("tls", "Choose REQUIRED or PLAINTEXT.")
	}
	if c.ServerName != "" && !isHost(c.ServerName) {
		l.Add("serverName", "Enter a name such as db.example.com, or leave it empty.")
	}
	if msg := certificatesProblem(c.CACertificates); msg != "" {
		l.Add("caCertificates", "%s", msg)
	}
}

// certificatesProblem makes sure that every block is a certificate: a key pasted
// here would be stored where everybody can read it.
func certificatesProblem(text string) string {
	if len(text) > 256<<10 {
		return "Leave out certificates that are not needed: 256 KiB at most."
	}
	rest := []byte(strings.TrimSpace(text))
	for n := 1; len(rest) > 0; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return fmt.Sprintf("Enter certificates only, as PEM blocks that begin with -----BEGIN CERTIFICATE-----; block %d is none.", n)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("Certificate %d cannot be read.", n)
		}
		rest = []byte(strings.TrimSpace(string(rest)))
	}
	return ""
}

func (c *Config) validatePassword(l *problem.List) {
	switch c.PasswordCheck {
	case InColumn:
		c.validateColumn(l)
	case InQuery:
		if !c.ParameterEncoding.Valid() {
			l.Add("parameterEncoding", "Choose what the query compares with: %s.", parameterEncodingNames())
		}
	default:
		l.Add("passwordCheck", "Choose COLUMN or QUERY.")
	}
	optionalColumn(l, "userColumn", c.UserColumn)
}

func (c *Config) validateColumn(l *problem.List) {
	requiredColumn(l, "passwordColumn", c.PasswordColumn, "Enter the column of the query that has the stored password.")
	if !c.PasswordEncoding.Valid() {
		l.Add("passwordEncoding", "Choose how passwords are stored; AUTO recognises them.")
	}
	optionalColumn(l, "saltColumn", c.SaltColumn)
	if c.SaltPosition != "" && c.SaltPosition != SaltBefore && c.SaltPosition != SaltAfter {
		l.Add("saltPosition", "Choose BEFORE or AFTER.")
	}
}

func requiredColumn(l *problem.List, field, name, message string) {
	if name == "" {
		l.Add(field, "%s", message)
		return
	}
	optionalColumn(l, field, name)
}

func optionalColumn(l *problem.List, field, name string) {
	if name != strings.TrimSpace(name) || len(name) > 128 || strings.ContainsFunc(name, unicode.IsControl) {
		l.Add(field, "Enter the name of one column of the query, without blanks around it.")
	}
}

// validateQueries needs the driver, whose syntax the queries are in.
func (c *Config) validateQueries(l *problem.List) {
	d, ok := c.drivers.Find(c.Driver)
	if !ok {
		return
	}
	if _, err := c.parseQuery(d); err != nil {
		l.Add("query", "%s", err)
	}
	if c.RoleQuery == "" {
		return
	}
	if _, err := c.parseRoleQuery(d); err != nil {
		l.Add("roleQuery", "%s", err)
	}
	if s := c.RoleSeparator; len(s) > 4 || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		l.Add("roleSeparator", "Enter the sign between roles, such as a comma, or leave it empty for one role a row.")
	}
}

func (c *Config) parseQuery(d Driver) (*statement.Statement, error) {
	known := []string{usernameParameter}
	if c.PasswordCheck == InQuery {
		known = append(known, passwordParameter)
	}
	s, err := statement.Parse(c.Query, d.Syntax, known...)
	switch {
	case err != nil:
		return nil, err
	case !s.Has(usernameParameter):
		return nil, statement.Problem("Find the user by :username; without it everybody is found.")
	case c.PasswordCheck == InQuery && !s.Has(passwordParameter):
		return nil, statement.Problem("Compare the password with :password; without it every password is right.")
	}
	return s, nil
}

func (c *Config) parseRoleQuery(d Driver) (*statement.Statement, error) {
	s, err := statement.Parse(c.RoleQuery, d.Syntax, usernameParameter)
	if err == nil && !s.Has(usernameParameter) {
		return nil, statement.Problem("Find the roles by :username; without it everybody has them.")
	}
	return s, err
}

func (c *Config) validateClaims(l *problem.List) {
	if len(c.ClaimColumns) > MaxClaims {
		l.Add("claimColumns", "Leave out some claims: %d at most.", MaxClaims)
	}
	for i, cc := range c.ClaimColumns {
		at := fmt.Sprintf("claimColumns[%d]", i)
		requiredColumn(l, at+".column", cc.Column, "Enter a column of the query.")
		if cc.Column != "" && (strings.EqualFold(cc.Column, c.PasswordColumn) || strings.EqualFold(cc.Column, c.SaltColumn)) {
			l.Add(at+".column", "Choose another column: tokens are no place for stored passwords.")
		}
		if msg := claimProblem(cc.Claim); msg != "" {
			l.Add(at+".claim", "%s", msg)
		} else if slices.ContainsFunc(c.ClaimColumns[:i], func(o ClaimColumn) bool { return o.Claim == cc.Claim }) {
			l.Add(at+".claim", "Another column gives this claim already.")
		}
	}
}

func claimProblem(name string) string {
	switch {
	case name == "" || len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }):
		return "Enter a name of 1 to 128 signs without blanks and quotes."
	case issue.ReservedClaim(name):
		return "Choose another name: this claim belongs to the gateway."
	}
	return ""
}
