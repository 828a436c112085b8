// Package postgres owns how an identity source asks a PostgreSQL.
package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/statement"
)

// Name is the driver's.
const Name database.DriverName = "POSTGRESQL"

// maxMessage bounds one message of the server in bytes.
const maxMessage = 16 << 20

// Driver is PostgreSQL, with what speaks its protocol.
func Driver() database.Driver {
	return database.Driver{
		Name: Name, Label: "PostgreSQL", Port: 5432,
		Syntax:    statement.Syntax{NestedComments: true, DollarQuotes: true, EscapeStrings: true, Numbered: true},
		Connector: connector, Explain: explain, Unmatched: unmatched,
	}
}

// settings are those for ParseConfig, which otherwise reads the environment and
// files of the account that the gateway runs as. What they say is then replaced.
const settings = "host=localhost port=5432 user=none password=none dbname=none sslmode=disable " +
	"passfile=/dev/null target_session_attrs=any connect_timeout=0 require_auth='' channel_binding=prefer"

func connector(s database.Server) (driver.Connector, error) {
	c, err := pgx.ParseConfig(settings)
	if err != nil {
		return nil, errors.New("the PG... variables of the environment do not let connections be made")
	}
	c.Host, c.Port, c.Database, c.User, c.Password = s.Host, uint16(s.Port), s.Database, s.Username, s.Password.Reveal()
	c.TLSConfig, c.Fallbacks, c.SSLNegotiation, c.SSLCertMode = s.TLS, nil, "postgres", "disable"
	c.DialFunc = s.Dial
	// Dial resolves: the rule on destinations is asked there.
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	c.MaxProtocolMessageBodyLen = maxMessage
	c.RequireAuth = methods(s)
	// PgBouncer takes these two at the start of a connection. The second is what
	// the statement was read by.
	c.RuntimeParams = map[string]string{"application_name": "gatewright", "standard_conforming_strings": "on"}
	// No named statements: behind a pooler the next one may run elsewhere.
	c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	return stdlib.GetConnector(*c, stdlib.OptionShouldPing(alive)), nil
}

// methods are the ways to log in. In plain text nobody gets the password itself.
func methods(s database.Server) string {
	if s.TLS == nil {
		return "!password,!gss,!sspi,!oauth"
	}
	return "!gss,!sspi,!oauth"
}

// alive asks for a sign of life before each use of a connection, so that one that
// the server has closed costs nobody a login.
func alive(context.Context, stdlib.ShouldPingParams) bool { return true }

// explained are the classes and codes of SQLSTATE whose messages name objects of
// the database and never values.
var explained = []string{"08", "0A", "25", "28", "3D", "3F", "42", "53", "54", "55", "57", "58"}

func explain(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return ""
	}
	if slices.Contains(explained, e.Code[:2]) {
		return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code)
	}
	return "SQLSTATE " + e.Code
}

// unmatched are the codes for text that is no value of a column's type.
func unmatched(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && slices.Contains([]string{
		"22P02", // invalid_text_representation: letters for a number, no member of an enum
		"22003", // numeric_value_out_of_range
		"22P05", // untranslatable_character: the database's alphabet lacks one
		"22021", // character_not_in_repertoire
	}, e.Code)
}
