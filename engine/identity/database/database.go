// Package database owns identity sources that ask a database: one query of their
// author finds a user by bound parameters, the password is compared by the query or
// checked here against what is stored, a second query may tell roles. What differs
// between databases is a Driver, in a folder of its own; the statements are read by
// the package statement, stored passwords by the package password.
package database

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"net"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database/statement"
	"github.com/gatewright/gatewright/engine/secret"
)

// DriverName names a kind of database, as the management API spells it.
type DriverName string

// Driver is a kind of database.
type Driver struct {
	Name DriverName
	// Label is what people call it.
	Label string
	// Port is used when none is given.
	Port int
	// Syntax is how its statements are read.
	Syntax statement.Syntax
	// Connector makes connections to a server. It connects by Server.Dial alone,
	// speaks TLS as Server.TLS says or not at all, and never writes a value into
	// the text of a statement.
	Connector func(Server) (driver.Connector, error)
	// Explain says what the database holds against a statement, in words that
	// cannot hold one of its values; "" when that is not sure.
	Explain func(error) string
	// Unmatched tells errors that mean that a value cannot be in a column, such as
	// letters in one of numbers: nobody has that name.
	Unmatched func(error) bool
}

// Server is how to reach a database.
type Server struct {
	Host               string
	Port               int
	Database, Username string
	Password           secret.Text
	// TLS is nil for a connection in plain text.
	TLS *tls.Config
	// Dial connects to a host and port. It resolves names by itself.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout is when a server should give up a statement by itself.
	Timeout time.Duration
}

// Drivers are the known kinds of database, in the order of choosers.
type Drivers []Driver

// Find is the driver of that name.
func (d Drivers) Find(name DriverName) (Driver, bool) {
	i := slices.IndexFunc(d, func(one Driver) bool { return one.Name == name })
	if i < 0 {
		return Driver{}, false
	}
	return d[i], true
}

// passwordField is the name of the one secret.
const passwordField = "password"

// Kind is the kind of source that asks databases by one of the drivers.
func Kind(drivers ...Driver) identity.Kind {
	return identity.Kind{
		Name: identity.Database, Label: "Database",
		Summary: "Users and roles come from queries to a database of yours.",
		Secrets: []identity.SecretField{{
			Name: passwordField, Label: "Password",
			Help: "The password of the account that the gateway connects with. Let that account only read what the queries need.",
		}},
		New: func() identity.Config { return New(drivers...) },
	}
}
