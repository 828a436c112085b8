package database_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"github.com/gatewright/gatewright/engine/identity"
	engine "github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/identity/database/statement"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/identity/database"
	"github.com/gatewright/gatewright/web/layout"
)

// kind has two databases to choose, whose statements differ in every way that matters here.
func kind() identity.Kind {
	return engine.Kind(
		engine.Driver{Name: "POSTGRESQL", Label: "PostgreSQL", Port: 5432, Syntax: statement.Syntax{
			NestedComments: true, DollarQuotes: true, EscapeStrings: true, Numbered: true,
		}},
		engine.Driver{Name: "MYSQL", Label: "MySQL / MariaDB", Port: 3306, Syntax: statement.Syntax{
			Backtick: true, Hash: true, DashNeedsBlank: true, Backslash: true,
		}},
	)
}

func form() webidentity.Form { return database.Form{}.Of(kind()) }

// valid is a source that nothing is wrong with.
func valid(changes ...func(*engine.Config)) *engine.Config {
	c := kind().New().(*engine.Config)
	c.Name, c.Driver, c.Host, c.Database, c.Username = "people", "POSTGRESQL", "db.example.com", "people", "gateway"
	c.Query, c.PasswordColumn = "SELECT name, password\nFROM users WHERE name = :username", "password"
	for _, change := range changes {
		change(c)
	}
	c.Normalize()
	return c
}

// everything sets whatever the gateway checking passwords leaves to be set.
func everything(t testing.TB) func(*engine.Config) {
	ca := certificate(t)
	return func(c *engine.Config) {
		c.Driver, c.Port, c.CACertificates, c.ServerName = "MYSQL", 3307, ca, "primary.example.com"
		c.PasswordEncoding, c.SaltColumn, c.SaltPosition = password.SHA256, "salt", engine.SaltAfter
		c.UserColumn, c.RoleQuery, c.RoleSeparator = "name", "SELECT role FROM roles\nWHERE name = :username", " "
		c.ClaimColumns = []engine.ClaimColumn{{Column: "mail", Claim: "email"}, {Column: "größe", Claim: "size"}}
		c.IdleConnections, c.ConnectionLifetimeSeconds = 0, 86400
		c.Description, c.MaxConcurrent = "two\nlines", 7
	}
}

func compares(c *engine.Config) {
	c.PasswordCheck, c.ParameterEncoding = engine.InQuery, "SHA512_BASE64"
	c.Query = "SELECT name FROM users WHERE name = :username AND password = :password"
}

func certificate(t testing.TB) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// asJSON is what is stored of a source.
func asJSON(t testing.TB, c identity.Config) string {
	t.Helper()
	raw, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func page(v webidentity.Values, problems problem.List) templ.Component {
	return webidentity.ShowForm(webidentity.FormPage{
		Frame: layout.Props{Title: "New"}, Title: "New", Kind: kind(), Form: form(), Values: v, Problems: problems, Action: "/new", Test: "/test", Refresh: "/advice",
	})
}

func draw(t testing.TB, v webidentity.Values) htmlcheck.Node {
	t.Helper()
	return htmlcheck.Render(t, form().Fields(webidentity.Fields{Values: v, Kind: kind()}))
}

// sent is what a browser without JavaScript sends of a page: hidden parts are no different from others.
func sent(t testing.TB, c templ.Component) webidentity.Values {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	v := webidentity.Values{}
	for n := range root.Descendants() {
		if name, ok := attribute(n, "name"); ok && n.Type == html.ElementNode {
			send(v, n, name)
		}
	}
	return v
}

func send(v webidentity.Values, n *html.Node, name string) {
	kind, _ := attribute(n, "type")
	_, checked := attribute(n, "checked")
	switch {
	case n.Data == "textarea" && n.FirstChild != nil:
		v[name] = strings.ReplaceAll(n.FirstChild.Data, "\n", "\r\n")
	case n.Data == "textarea":
		v[name] = ""
	case n.Data == "select":
		v[name] = chosen(n)
	case n.Data == "input" && (checked || kind != "radio" && kind != "checkbox"):
		v[name], _ = attribute(n, "value")
	}
}

// chosen is the option that is selected, or the first.
func chosen(list *html.Node) string {
	first, found := "", false
	for n := range list.Descendants() {
		if n.Data != "option" {
			continue
		}
		value, _ := attribute(n, "value")
		if _, selected := attribute(n, "selected"); selected {
			return value
		}
		if !found {
			first, found = value, true
		}
	}
	return first
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}
