package database_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/dbtest"
	"github.com/gatewright/gatewright/engine/problem"
)

// valid is a source that nothing is wrong with.
func valid() *database.Config {
	c := database.New(kindsDrivers()...)
	c.Name, c.Driver, c.Host, c.Database, c.Username = "people", "POSTGRESQL", "db.example.com", "people", "gateway"
	c.Query, c.PasswordColumn = "select name, password from users where name = :username", "password"
	return c
}

func TestEveryMistakeIsNamedByItsField(t *testing.T) {
	t.Parallel()
	inQuery := func(c *database.Config) {
		c.PasswordCheck, c.ParameterEncoding, c.Query = database.InQuery, "NONE", "select 1 where :username = :password"
	}
	for _, tc := range []struct {
		name   string
		change func(*database.Config)
		fields []string
	}{
		{"nothing", func(*database.Config) {}, nil},
		{"the query compares", inQuery, nil},
		{"an address", func(c *database.Config) { c.Host = "2001:db8::1" }, nil},
		{"no name", func(c *database.Config) { c.Name = "" }, []string{"name"}},
		{"no driver", func(c *database.Config) { c.Driver = "ORACLE" }, []string{"driver"}},
		{"no server", func(c *database.Config) { c.Host, c.Database, c.Username = "", "", "" }, []string{"host", "database", "username"}},
		{"a socket", func(c *database.Config) { c.Host = "/var/run/postgresql" }, []string{"host"}},
		{"two hosts", func(c *database.Config) { c.Host = "a,b" }, []string{"host"}},
		{"an address of JDBC", func(c *database.Config) { c.Host = "jdbc:mysql://db/people" }, []string{"host"}},
		{"a port beside the host", func(c *database.Config) { c.Host = "db:5432" }, []string{"host"}},
		{"a zone", func(c *database.Config) { c.Host = "fe80::1%eth0" }, []string{"host"}},
		{"no port", func(c *database.Config) { c.Port = 70000 }, []string{"port"}},
		{"control characters", func(c *database.Config) { c.Database = "a\x00b" }, []string{"database"}},
		{"TLS in between", func(c *database.Config) { c.TLS = "PREFERRED" }, []string{"tls"}},
		{"no certificate", func(c *database.Config) { c.CACertificates = "hello" }, []string{"caCertificates"}},
		{"a private key", func(c *database.Config) {
			c.CACertificates = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
		}, []string{"caCertificates"}},
		{"a certificate and a key", func(c *database.Config) {
			c.CACertificates = dbtest.OtherCA() + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
		}, []string{"caCertificates"}},
		{"a server name with a path", func(c *database.Config) { c.ServerName = "db/x" }, []string{"serverName"}},
		{"no query", func(c *database.Config) { c.Query = "" }, []string{"query"}},
		{"a query for everybody", func(c *database.Config) { c.Query = "select name, password from users" }, []string{"query"}},
		{"a password parameter that is not used", func(c *database.Config) {
			c.Query = "select name, password from users where name = :username and :password <> ''"
		}, []string{"query"}},
		{"a comparing query without a password", func(c *database.Config) { inQuery(c); c.Query = "select 1 where :username = ''" }, []string{"query"}},
		{"a password in a comment", func(c *database.Config) { inQuery(c); c.Query = "select 1 where :username = '' -- :password" }, []string{"query"}},
		{"no way to check", func(c *database.Config) { c.PasswordCheck = "NONE" }, []string{"passwordCheck"}},
		{"no password column", func(c *database.Config) { c.PasswordColumn = "" }, []string{"passwordColumn"}},
		{"an unknown encoding", func(c *database.Config) { c.PasswordEncoding = "MD5" }, []string{"passwordEncoding"}},
		{"an unknown encoding of the parameter", func(c *database.Config) { inQuery(c); c.ParameterEncoding = "ROT13" }, []string{"parameterEncoding"}},
		{"a salt position", func(c *database.Config) {
			c.PasswordEncoding, c.SaltColumn, c.SaltPosition = "SHA256_HEX", "salt", "AROUND"
		}, []string{"saltPosition"}},
		{"blanks around a column", func(c *database.Config) { c.UserColumn = " name" }, []string{"userColumn"}},
		{"roles for everybody", func(c *database.Config) { c.RoleQuery = "select 'admin'" }, []string{"roleQuery"}},
		{"roles by password", func(c *database.Config) { c.RoleQuery = "select :username, :password" }, []string{"roleQuery"}},
		{"a letter between roles", func(c *database.Config) { c.RoleQuery, c.RoleSeparator = "select :username", "x" }, []string{"roleSeparator"}},
		{"a reserved claim", func(c *database.Config) { c.ClaimColumns = []database.ClaimColumn{{"a", "SUB"}} }, []string{"claimColumns[0].claim"}},
		{"a claim twice", func(c *database.Config) { c.ClaimColumns = []database.ClaimColumn{{"a", "x"}, {"b", "x"}} }, []string{"claimColumns[1].claim"}},
		{"the password as claim", func(c *database.Config) { c.ClaimColumns = []database.ClaimColumn{{"PASSWORD", "x"}} }, []string{"claimColumns[0].column"}},
		{"an empty claim", func(c *database.Config) { c.ClaimColumns = []database.ClaimColumn{{}} }, []string{"claimColumns[0].column", "claimColumns[0].claim"}},
		{"more idle than all", func(c *database.Config) { c.IdleConnections = 17 }, []string{"idleConnections"}},
		{"a short life", func(c *database.Config) { c.ConnectionLifetimeSeconds = 1 }, []string{"connectionLifetimeSeconds"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			tc.change(c)
			var fields []string
			for _, p := range c.Validate() {
				fields = append(fields, p.Field)
			}
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Errorf("%s\n%v", diff, c.Validate())
			}
		})
	}
}

func TestTheSmallestDocumentGetsTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := kinds().Decode([]byte(`{"kind":"DATABASE","name":"people","driver":"MYSQL","host":" db ","database":"d","username":"u",
		"query":"select p from u where n = :username","passwordColumn":"p","serverName":"x","tls":"PLAINTEXT","saltColumn":"s"}`))
	if err != nil {
		t.Fatal(err)
	}
	c := got.(*database.Config)
	if c.Port != 3306 || c.Host != "db" || c.ServerName != "" || c.SaltColumn != "" || c.PasswordEncoding != "AUTO" || c.IdleConnections != 2 {
		t.Errorf("config = %+v", c)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kinds().Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := json.Marshal(again); string(second) != string(raw) {
		t.Errorf("second reading gives %s after %s", second, raw)
	}
}

func TestThePasswordIsNoPartOfTheDocument(t *testing.T) {
	t.Parallel()
	_, err := kinds().Decode([]byte(`{"kind":"DATABASE","password":"x"}`))
	if msg := problem.Of(err).For("password"); !strings.Contains(msg, "Unknown member") {
		t.Errorf("message = %q", msg)
	}
}

func TestADestinationIsTheServerAndWhomTheConnectionTrusts(t *testing.T) {
	t.Parallel()
	first := valid().Destinations()
	for name, change := range map[string]func(*database.Config){
		"host": func(c *database.Config) { c.Host = "db2.example.com" }, "port": func(c *database.Config) { c.Port = 1 },
		"driver": func(c *database.Config) { c.Driver = "MYSQL" }, "plain text": func(c *database.Config) { c.TLS = database.Plaintext },
		"server name": func(c *database.Config) { c.ServerName = "other" }, "authority": func(c *database.Config) { c.CACertificates = dbtest.OtherCA() },
	} {
		c := valid()
		change(c)
		if slices.Equal(first, c.Destinations()) {
			t.Errorf("another %s is the same destination %v", name, first)
		}
	}
	same := valid()
	same.Query, same.Port, same.ServerName = "select 1", 5432, same.Host
	if !slices.Equal(first, same.Destinations()) {
		t.Errorf("destinations %v and %v differ", first, same.Destinations())
	}
}

func TestAdviceNamesRisks(t *testing.T) {
	t.Parallel()
	fields := func(c *database.Config) []string {
		var all []string
		for _, a := range c.Advise() {
			all = append(all, a.Field)
		}
		return all
	}
	safe := valid()
	safe.UserColumn = "name"
	if got := fields(safe); got != nil {
		t.Errorf("advice on a safe source: %v", got)
	}
	risky := valid()
	risky.TLS, risky.PasswordEncoding = database.Plaintext, "SHA256_HEX"
	if diff := cmp.Diff([]string{"tls", "passwordEncoding", "saltColumn", "userColumn"}, fields(risky)); diff != "" {
		t.Error(diff)
	}
	risky.PasswordCheck, risky.ParameterEncoding = database.InQuery, database.NoEncoding
	if diff := cmp.Diff([]string{"tls", "parameterEncoding", "userColumn"}, fields(risky)); diff != "" {
		t.Error(diff)
	}
}
