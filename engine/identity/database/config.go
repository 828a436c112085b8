package database

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database/password"
)

// TLSMode says whether connections are encrypted.
type TLSMode string

// The modes. There is none that encrypts without checking who is at the other end.
const (
	// TLSRequired encrypts and checks the server's certificate and name.
	TLSRequired TLSMode = "REQUIRED"
	// Plaintext encrypts nothing.
	Plaintext TLSMode = "PLAINTEXT"
)

// PasswordCheck says who compares passwords.
type PasswordCheck string

// The ways.
const (
	// InColumn: the query gives the stored password, which is checked here.
	InColumn PasswordCheck = "COLUMN"
	// InQuery: the query compares with :password; a row means that it is right.
	InQuery PasswordCheck = "QUERY"
)

// SaltPosition says where the salt of another column stands in what is hashed.
type SaltPosition string

// The positions.
const (
	SaltBefore SaltPosition = "BEFORE"
	SaltAfter  SaltPosition = "AFTER"
)

// The parameters that queries may have.
const (
	usernameParameter = "username"
	passwordParameter = "password"
)

// Defaults and limits.
const (
	DefaultIdle     = 2
	DefaultLifetime = 1800  // seconds
	MaxLifetime     = 86400 // seconds
	MaxClaims       = 50
)

// ClaimColumn puts a column of the query into tokens.
type ClaimColumn struct {
	// Column is a column of the query.
	Column string `json:"column"`
	// Claim is what the token calls it.
	Claim string `json:"claim"`
}

// Config is a database source as its author writes it.
type Config struct {
	identity.Common
	// Driver names the kind of database. Required.
	Driver DriverName `json:"driver"`
	// Host is a name or an address. Required.
	Host string `json:"host"`
	// Port is 0 for the usual one of the driver.
	Port int `json:"port,omitempty"`
	// Database and Username are what to connect to, and as whom. Required.
	Database string `json:"database"`
	Username string `json:"username"`
	// TLS is REQUIRED (default) or PLAINTEXT.
	TLS TLSMode `json:"tls"`
	// CACertificates are PEM blocks of the authorities that may have signed the
	// server's certificate; empty means those of the system.
	CACertificates string `json:"caCertificates,omitempty"`
	// ServerName is the name that the certificate must have; empty means Host.
	ServerName string `json:"serverName,omitempty"`

	// Query finds one user by :username, and by :password with QUERY. Required.
	Query string `json:"query"`
	// PasswordCheck is COLUMN (default) or QUERY.
	PasswordCheck PasswordCheck `json:"passwordCheck"`
	// PasswordColumn is the column of the stored password; required with COLUMN.
	PasswordColumn string `json:"passwordColumn,omitempty"`
	// PasswordEncoding is how it is stored. Default AUTO. With COLUMN only.
	PasswordEncoding password.Encoding `json:"passwordEncoding,omitempty"`
	// SaltColumn is the column of the salt of bare digests; empty means that they
	// have none. With SHA256_HEX and SHA512_HEX only, as is SaltPosition, which is
	// BEFORE (default) or AFTER the password.
	SaltColumn   string       `json:"saltColumn,omitempty"`
	SaltPosition SaltPosition `json:"saltPosition,omitempty"`
	// ParameterEncoding is what :password becomes. Default NONE. With QUERY only.
	ParameterEncoding ParameterEncoding `json:"parameterEncoding,omitempty"`
	// UserColumn is the column with the user's name as tokens are to have it;
	// empty means the name as it was typed, which may be spelled in several ways
	// where the database compares without case or accents.
	UserColumn string `json:"userColumn,omitempty"`

	// RoleQuery gives the roles of :username, which is the name from UserColumn,
	// in its first column. Optional.
	RoleQuery string `json:"roleQuery,omitempty"`
	// RoleSeparator cuts the column into several roles; empty means one a row.
	RoleSeparator string `json:"roleSeparator,omitempty"`
	// ClaimColumns are columns of Query that go into tokens.
	ClaimColumns []ClaimColumn `json:"claimColumns,omitempty"`

	// IdleConnections are kept open for the next login. Default 2.
	IdleConnections int `json:"idleConnections"`
	// ConnectionLifetimeSeconds is when a connection is made anew. Default 1800.
	ConnectionLifetimeSeconds int `json:"connectionLifetimeSeconds"`

	drivers Drivers
}

// New has the defaults. The drivers are those that may be chosen.
func New(drivers ...Driver) *Config {
	return &Config{
		Common: identity.NewCommon(identity.Database), TLS: TLSRequired, PasswordCheck: InColumn,
		PasswordEncoding: password.Auto, ParameterEncoding: NoEncoding,
		IdleConnections: DefaultIdle, ConnectionLifetimeSeconds: DefaultLifetime, drivers: drivers,
	}
}

// Drivers are the kinds of database that may be chosen.
func (c *Config) Drivers() Drivers { return c.drivers }

// Base implements identity.Config.
func (c *Config) Base() *identity.Common { return &c.Common }

// Normalize implements identity.Config. It also finds the host where it is written
// between blanks, and the port of the driver.
func (c *Config) Normalize() {
	c.Host = strings.Trim(strings.TrimSpace(c.Host), "[]")
	if d, ok := c.drivers.Find(c.Driver); ok && c.Port == 0 {
		c.Port = d.Port
	}
	if c.TLS == Plaintext {
		c.CACertificates, c.ServerName = "", ""
	}
	if c.PasswordCheck == InQuery {
		c.PasswordColumn, c.PasswordEncoding = "", ""
	} else {
		c.ParameterEncoding = ""
	}
	if !c.PasswordEncoding.Salted() {
		c.SaltColumn = ""
	}
	if c.SaltColumn == "" {
		c.SaltPosition = ""
	} else if c.SaltPosition == "" {
		c.SaltPosition = SaltBefore
	}
	if strings.TrimSpace(c.RoleQuery) == "" {
		c.RoleQuery, c.RoleSeparator = "", ""
	}
}

// Destinations implements identity.Config. Whom the connection trusts belongs to
// the address: the password must not follow when encryption is switched off or
// another name or authority is accepted.
func (c *Config) Destinations() []string {
	scheme := strings.ToLower(string(c.Driver))
	if c.TLS == Plaintext {
		return []string{scheme + "://" + c.address()}
	}
	return []string{identity.Trusting(scheme+"+tls://"+c.address(), c.certificateName(), c.CACertificates)}
}

func (c *Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.port())) }

func (c *Config) port() int {
	if d, ok := c.drivers.Find(c.Driver); ok && c.Port == 0 {
		return d.Port
	}
	return c.Port
}

func (c *Config) certificateName() string {
	if c.ServerName != "" {
		return c.ServerName
	}
	return c.Host
}

func (c *Config) lifetime() time.Duration {
	return time.Duration(c.ConnectionLifetimeSeconds) * time.Second
}

// format is how stored passwords are read.
func (c *Config) format() password.Format {
	return password.Format{Encoding: c.PasswordEncoding, SaltAfter: c.SaltPosition == SaltAfter}
}

// tlsConfig is nil for plain text.
func (c *Config) tlsConfig() *tls.Config {
	if c.TLS == Plaintext {
		return nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.certificateName()}
	if c.CACertificates != "" {
		t.RootCAs = x509.NewCertPool()
		t.RootCAs.AppendCertsFromPEM([]byte(c.CACertificates))
	}
	return t
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// isHost tells one name or address from addresses of other kinds: lists of hosts,
// paths of sockets, connection strings.
func isHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() == ""
	}
	return len(host) <= 253 && hostName.MatchString(host)
}
