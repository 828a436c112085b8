// Package mysql owns how an identity source asks a MySQL or MariaDB.
package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/statement"
)

// Name is the driver's.
const Name database.DriverName = "MYSQL"

// Driver is MySQL and MariaDB, with what speaks their protocol.
func Driver() database.Driver {
	return database.Driver{
		Name: Name, Label: "MySQL / MariaDB", Port: 3306,
		Syntax:    statement.Syntax{Backtick: true, Hash: true, DashNeedsBlank: true, Backslash: true},
		Connector: newConnector, Explain: explain, Unmatched: unmatched,
	}
}

func newConnector(s database.Server) (driver.Connector, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr = "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	c.DBName, c.User, c.Passwd = s.Database, s.Username, s.Password.Reveal()
	c.TLS, c.DialFunc, c.Logger = s.TLS, s.Dial, silent{}
	// Written out, as each of them would be a hole: values in the text of a
	// statement, several statements in one, files of ours, passwords for whoever
	// asks, and no TLS for whoever says that there is none.
	c.InterpolateParams, c.MultiStatements, c.AllowAllFiles = false, false, false
	c.AllowCleartextPasswords, c.AllowOldPasswords, c.AllowFallbackToPlaintext = false, false, false
	inner, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return connector{inner, begin(s)}, nil
}

// begin is what each connection starts with. MySQL and MariaDB each take their own
// limit of time from the comments, so that a query whose caller has gone does not
// run on. The first setting switches off a habit of old clients: where a column is
// asked to be NULL, the row that was inserted last would be found.
func begin(s database.Server) string {
	return fmt.Sprintf("SET SESSION sql_auto_is_null = 0 /*!50708 , SESSION max_execution_time = %d */ /*M!100101 , SESSION max_statement_time = %.3f */",
		s.Timeout.Milliseconds(), s.Timeout.Seconds())
}

// connector sets connections up.
type connector struct {
	driver.Connector
	begin string
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, c.begin, nil); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("set the connection up: %w", err)
	}
	return conn, nil
}

// silent keeps the library from writing to standard error.
type silent struct{}

// Print implements mysql.Logger.
func (silent) Print(...any) {}

// explained are the errors whose messages name objects of the database and never
// values.
var explained = []uint16{
	1040, 1044, 1045, 1046, 1049, 1054, 1064, 1109, 1142, 1143, 1146, 1203, 1205, 1213, 1226, 1227, 1235, 1305, 1317, 1370,
	1792, 1969, 3024,
}

func explain(err error) string {
	var e *mysql.MySQLError
	if errors.Is(err, mysql.ErrInvalidConn) { // the library keeps the reason to itself
		return "the connection to the database broke, or its answer is larger than 16 MiB"
	}
	if !errors.As(err, &e) {
		return ""
	}
	if slices.Contains(explained, e.Number) {
		return fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	}
	return fmt.Sprintf("error %d", e.Number)
}

// unmatched are the errors for text that the database's alphabet lacks.
func unmatched(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && slices.Contains([]uint16{
		1267, // illegal mix of collations
		1366, // incorrect string value
		3854, // cannot convert string
	}, e.Number)
}
