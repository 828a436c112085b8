package database_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	engine "github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/identity/database"
	"github.com/gatewright/gatewright/web/ui"
)

// What the form shows and what a browser sends back must be one and the same source.
func TestASourceComesBackFromItsFormAsItWas(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]*engine.Config{
		"a plain one":                 valid(),
		"everything":                  valid(everything(t)),
		"the query compares":          valid(compares),
		"the query compares with all": valid(everything(t), compares),
		"plain text":                  valid(everything(t), func(c *engine.Config) { c.TLS = engine.Plaintext }),
		"a salt before the password":  valid(everything(t), func(c *engine.Config) { c.SaltPosition = engine.SaltBefore }),
		"a digest without a salt":     valid(everything(t), func(c *engine.Config) { c.SaltColumn = "" }),
		"plain passwords":             valid(func(c *engine.Config) { c.PasswordEncoding = password.Plain }),
		"one role a row":              valid(everything(t), func(c *engine.Config) { c.RoleSeparator = "" }),
		"the port of the other":       valid(func(c *engine.Config) { c.Port = 3306 }),
		"an address as the server":    valid(func(c *engine.Config) { c.Host = "2001:db8::1" }),
		"as many claims as may be":    valid(func(c *engine.Config) { c.ClaimColumns = claims(engine.MaxClaims) }),
		"names that look like markup": valid(func(c *engine.Config) { c.Username, c.UserColumn = `"><b>`, `a"'<b>&amp;` }),
		"a column with a blank in it": valid(func(c *engine.Config) { c.PasswordColumn = "stored password" }),
		"blanks around an account":    valid(func(c *engine.Config) { c.Username = " gateway " }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := webidentity.Read(form(), kind(), sent(t, page(webidentity.Write(form(), want), nil)))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func claims(n int) []engine.ClaimColumn {
	list := make([]engine.ClaimColumn, n)
	for i := range list {
		name := "c" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		list[i] = engine.ClaimColumn{Column: name, Claim: name}
	}
	return list
}

// A field that is not drawn would be emptied by every save.
func TestEveryFieldThatIsWrittenIsDrawnOnceWithItsName(t *testing.T) {
	t.Parallel()
	v := form().Write(valid(everything(t)))
	doc := draw(t, v)
	for field := range v {
		drawn := doc.All(`[name="` + field + `"]`)
		if field == "tls" || field == "passwordCheck" {
			drawn = drawn[:len(drawn)/2] // two cards
		}
		if len(drawn) != 1 {
			t.Errorf("%s is drawn %d times, want once", field, len(drawn))
		}
	}
	for _, l := range form().Labels() {
		if strings.Contains(l.Field, "[]") {
			continue
		}
		at := doc.ByID(t, ui.FieldID(l.Field))
		words := doc.Texts(`label[for="` + at.Attr("id") + `"]`)
		if at.Tag() == "fieldset" {
			words = at.Texts("legend")
		}
		if len(words) != 1 || strings.TrimSpace(strings.TrimSuffix(words[0], "*")) != l.Text {
			t.Errorf("%s is called %q, want %q", l.Field, words, l.Text)
		}
	}
}

func TestTheFormAsksInTheOrderOfItsLabels(t *testing.T) {
	t.Parallel()
	html := draw(t, form().Write(valid(everything(t)))).HTML()
	last, before := -1, ""
	for _, l := range form().Labels() {
		at := strings.Index(html, `id="`+ui.FieldID(strings.ReplaceAll(l.Field, "[]", "[0]"))+`"`)
		if at <= last {
			t.Errorf("%s does not stand below %s", l.Field, before)
		}
		last, before = at, l.Field
	}
}

func TestThePageIsSound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*engine.Config{
		"an empty one": form().New().(*engine.Config), "everything": valid(everything(t)), "the query compares": valid(compares),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			htmlcheck.Sound(t, htmlcheck.Render(t, form().Fields(webidentity.Fields{Values: form().Write(c), Kind: kind()})))
		})
	}
}

func TestProblemsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	set := func(field, text string) func(webidentity.Values) {
		return func(v webidentity.Values) { v[field] = text }
	}
	row := func(i int, field string) string { return webidentity.Row("claimColumns", i, field) }
	full, query := valid(everything(t)), valid(everything(t), compares)
	for _, tt := range []struct {
		name   string
		from   *engine.Config
		change func(webidentity.Values)
		want   []string
	}{
		{"nothing", full, func(webidentity.Values) {}, nil},
		{"nothing, with a comparing query", query, func(webidentity.Values) {}, nil},
		{"no database chosen", full, set("driver", ""), []string{"driver"}},
		{"a database that this build lacks", full, set("driver", "ORACLE"), []string{"driver"}},
		{"no server", full, set("host", " "), []string{"host"}},
		{"a server with its port", full, set("host", "db:5432"), []string{"host"}},
		{"a port of letters", full, set("port", "x"), []string{"port"}},
		{"port zero", full, set("port", "0"), []string{"port"}},
		{"a negative port", full, set("port", "-1"), []string{"port"}},
		{"a port that is no machine word", full, set("port", "99999999999999999999"), []string{"port"}},
		{"no port", full, set("port", " "), nil},
		{"no database name", full, set("database", ""), []string{"database"}},
		{"no account", full, set("username", ""), []string{"username"}},
		{"no such encryption", full, set("tls", "PREFERRED"), []string{"tls"}},
		{"no encryption at all", full, func(v webidentity.Values) { delete(v, "tls") }, []string{"tls"}},
		{"a key among authorities", full, set("caCertificates", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), []string{"caCertificates"}},
		{"a name with a path", full, set("serverName", "db/x"), []string{"serverName"}},
		{"a name with blanks around it", full, set("serverName", " db.example.com "), nil},
		{"nobody checks", full, func(v webidentity.Values) { delete(v, "passwordCheck") }, []string{"passwordCheck"}},
		{"a query that writes", full, set("query", "DELETE FROM users WHERE name = :username"), []string{"query"}},
		{"a query for everybody", full, set("query", "SELECT 1"), []string{"query"}},
		{"a comparing query without a password", query, set("query", "SELECT 1 WHERE 'a' = :username"), []string{"query"}},
		{"a syntax of another database", full, set("query", `SELECT '\' FROM users WHERE name = :username`), []string{"query"}},
		{"no password column", full, set("passwordColumn", ""), []string{"passwordColumn"}},
		{"an unknown encoding", full, set("passwordEncoding", "MD5"), []string{"passwordEncoding"}},
		{"a salt that is no column", full, set("saltColumn", strings.Repeat("s", 129)), []string{"saltColumn"}},
		{"a salt nowhere", full, set("saltPosition", "AROUND"), []string{"saltPosition"}},
		{"an unknown parameter", query, set("parameterEncoding", "ROT13"), []string{"parameterEncoding"}},
		{"a name column that is none", full, set("userColumn", strings.Repeat("n", 129)), []string{"userColumn"}},
		{"roles for everybody", full, set("roleQuery", "SELECT role FROM roles"), []string{"roleQuery"}},
		{"a letter between roles", full, set("roleSeparator", "x"), []string{"roleSeparator"}},
		{"a claim without a column", full, set(row(1, "column"), ""), []string{row(1, "column")}},
		{"a claim without a name", full, set(row(1, "claim"), " "), []string{row(1, "claim")}},
		{"a claim twice", full, set(row(1, "claim"), "email"), []string{row(1, "claim")}},
		{"a claim of the gateway", full, set(row(0, "claim"), "sub"), []string{row(0, "claim")}},
		{"the stored password as a claim", full, set(row(0, "column"), "PASSWORD"), []string{row(0, "column")}},
		{"too many claims", valid(func(c *engine.Config) { c.ClaimColumns = claims(engine.MaxClaims + 1) }), func(webidentity.Values) {}, []string{"claimColumns"}},
		{"more rows than a page draws", full, set("claimColumns.rows", "99999999999"), nil},
		{"no number of rows", full, set("claimColumns.rows", "x"), nil},
		{"letters kept open", full, set("idleConnections", "x"), []string{"idleConnections"}},
		{"more kept open than there may be", full, set("idleConnections", "8"), []string{"idleConnections"}},
		{"nothing for the lifetime", full, set("connectionLifetimeSeconds", ""), []string{"connectionLifetimeSeconds"}},
		{"too short a lifetime", full, set("connectionLifetimeSeconds", "9"), []string{"connectionLifetimeSeconds"}},
		{"several, in the order of the form", full, func(v webidentity.Values) {
			v["connectionLifetimeSeconds"], v["query"], v["port"], v[row(0, "claim")] = "", "", "x", ""
		}, []string{"port", "query", row(0, "claim"), "connectionLifetimeSeconds"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := webidentity.Write(form(), tt.from)
			tt.change(v)
			_, problems := webidentity.Read(form(), kind(), v)
			var fields []string
			for _, p := range problems {
				fields = append(fields, p.Field)
			}
			if diff := cmp.Diff(tt.want, fields); diff != "" {
				t.Fatalf("%s\n%v", diff, problems)
			}
			besideFields(t, htmlcheck.Render(t, page(v, problems)), problems)
		})
	}
}

// besideFields checks that the summary leads to each field, that the field says the problem, and that the first one has
// the cursor.
func besideFields(t *testing.T, doc htmlcheck.Node, problems problem.List) {
	t.Helper()
	if links := doc.All("[data-problems] a"); len(links) != len(problems) {
		t.Errorf("the summary has %d links, want %d", len(links), len(problems))
	}
	for i, p := range problems {
		control := doc.ByID(t, ui.FieldID(p.Field))
		if text := doc.ByID(t, ui.FieldID(p.Field)+"-error").Text(); text != p.Message {
			t.Errorf("beside %s stands %q, want %q", p.Field, text, p.Message)
		}
		if control.Attr("aria-invalid") != "true" && control.Tag() != "fieldset" {
			t.Errorf("%s is not marked as wrong", p.Field)
		}
		if p.Field == "claimColumns" {
			continue // a list takes no text, and so no cursor
		}
		if focused := control.HasAttr("autofocus") || control.Has("[autofocus]"); focused != (i == 0) {
			t.Errorf("%s has the cursor: %t", p.Field, focused)
		}
	}
}

func TestNothingTypedIsLost(t *testing.T) {
	t.Parallel()
	v := webidentity.Write(form(), valid(everything(t)))
	for field := range v {
		switch field { // the rest can hold any text
		case "driver", "tls", "passwordCheck", "passwordEncoding", "saltPosition", "parameterEncoding", "claimColumns.rows":
		default:
			v[field] = ` <"wrong">&amp;` + "\t" + field
		}
	}
	_, problems := webidentity.Read(form(), kind(), v)
	if len(problems) < 10 {
		t.Fatalf("only %d problems: %v", len(problems), problems)
	}
	got := sent(t, page(v, problems))
	for field, want := range v {
		if got[field] != want {
			t.Errorf("%s came back as %q, want %q", field, got[field], want)
		}
	}
}

// What is hidden keeps what was typed, and keeps nobody from saving.
func TestHiddenPartsKeepWhatWasTypedAndAreNotRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, field, value string
		hidden             map[string]string
	}{
		{"plain text", "tls", "PLAINTEXT", map[string]string{"caCertificates": "half a", "serverName": "a/b"}},
		{"the query compares", "passwordCheck", "QUERY", map[string]string{"passwordColumn": "", "passwordEncoding": "BCRYPT", "saltColumn": strings.Repeat("s", 200)}},
		{"the gateway compares", "passwordCheck", "COLUMN", map[string]string{"parameterEncoding": "MD5_HEX"}},
		{"a hash with its own salt", "passwordEncoding", "BCRYPT", map[string]string{"saltColumn": strings.Repeat("s", 200), "saltPosition": "AFTER"}},
		{"no salt", "saltColumn", "", map[string]string{"saltPosition": "AFTER"}},
		{"no roles", "roleQuery", "", map[string]string{"roleSeparator": "abcdef"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := webidentity.Write(form(), valid(everything(t)))
			maps.Copy(v, tt.hidden)
			v[tt.field] = tt.value
			if tt.value == "QUERY" {
				v["query"] = "SELECT name FROM users WHERE name = :username AND password = :password"
			}
			c, problems := webidentity.Read(form(), kind(), v)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if again, wrong := webidentity.Read(form(), kind(), webidentity.Write(form(), c)); len(wrong) > 0 || asJSON(t, again) != asJSON(t, c) {
				t.Errorf("what was saved is not what is shown: %v", wrong)
			}
			back := sent(t, page(v, nil))
			for field, want := range tt.hidden {
				if back[field] != want {
					t.Errorf("%s came back as %q, want %q", field, back[field], want)
				}
			}
		})
	}
}

func TestPartsAreShownWhileTheyMatter(t *testing.T) {
	t.Parallel()
	base := map[string]string{"tls": "REQUIRED", "passwordCheck": "COLUMN", "passwordEncoding": "AUTO", "saltColumn": "", "roleQuery": ""}
	dependent := []string{"caCertificates", "serverName", "passwordColumn", "passwordEncoding", "saltColumn", "saltPosition", "parameterEncoding", "roleSeparator"}
	for _, tt := range []struct {
		name   string
		change map[string]string
		shown  []string
	}{
		{"a new one", nil, []string{"caCertificates", "serverName", "passwordColumn", "passwordEncoding"}},
		{"plain text", map[string]string{"tls": "PLAINTEXT"}, []string{"passwordColumn", "passwordEncoding"}},
		{"the query compares", map[string]string{"passwordCheck": "QUERY", "passwordEncoding": "SHA256_HEX", "saltColumn": "s"}, []string{"caCertificates", "serverName", "parameterEncoding"}},
		{"SHA-256", map[string]string{"passwordEncoding": "SHA256_HEX"}, []string{"caCertificates", "serverName", "passwordColumn", "passwordEncoding", "saltColumn"}},
		{"SHA-512", map[string]string{"passwordEncoding": "SHA512_HEX"}, []string{"caCertificates", "serverName", "passwordColumn", "passwordEncoding", "saltColumn"}},
		{"a salt", map[string]string{"passwordEncoding": "SHA512_HEX", "saltColumn": "s"}, []string{"caCertificates", "serverName", "passwordColumn", "passwordEncoding", "saltColumn", "saltPosition"}},
		{"roles", map[string]string{"roleQuery": "SELECT"}, []string{"caCertificates", "serverName", "passwordColumn", "passwordEncoding", "roleSeparator"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := form().Write(valid())
			maps.Copy(v, base)
			maps.Copy(v, tt.change)
			doc := draw(t, v)
			for _, field := range dependent {
				if shown := !doc.Has(`[data-off] [name="` + field + `"]`); shown != slices.Contains(tt.shown, field) {
					t.Errorf("%s is shown: %t", field, shown)
				}
			}
			agree(t, doc, v)
		})
	}
}

// agree checks that the script, which reads data-depends, shows the same parts as the server.
func agree(t *testing.T, doc htmlcheck.Node, v webidentity.Values) {
	t.Helper()
	for _, part := range doc.All("[data-depends]") {
		name, values, _ := strings.Cut(part.Attr("data-depends"), "=")
		name, negated := strings.CutPrefix(name, "!")
		holds := slices.Contains(strings.Split(values, "|"), v[name]) != negated
		if holds == part.HasAttr("data-off") {
			t.Errorf("%s holds: %t, and the server says otherwise", part.Attr("data-depends"), holds)
		}
		if !doc.Has(`[name="` + name + `"]`) {
			t.Errorf("%s depends on a field that is not there", part.Attr("data-depends"))
		}
	}
}

func TestEmptyRowsAreNoClaims(t *testing.T) {
	t.Parallel()
	v := webidentity.Write(form(), valid(everything(t)))
	for range 2 {
		if !v.Change("claimColumns+") {
			t.Fatal("no row was added")
		}
	}
	v["claimColumns[1].column"], v["claimColumns[1].claim"] = "  ", "" // between two others
	v["claimColumns[3].column"], v["claimColumns[3].claim"] = "size", "a b"
	shown := sent(t, form().Fields(webidentity.Fields{Values: v, Kind: kind()}))
	if shown.Rows("claimColumns") != 4 {
		t.Errorf("the page has %d rows, want the added ones too", shown.Rows("claimColumns"))
	}
	c, problems := webidentity.Read(form(), kind(), v)
	if got := c.(*engine.Config).ClaimColumns; len(got) != 2 || got[1].Column != "size" {
		t.Errorf("claims %v", got)
	}
	if len(problems) != 1 || problems[0].Field != "claimColumns[1].claim" {
		t.Fatal(problems)
	}
	doc := htmlcheck.Render(t, page(v, problems))
	if wrong := doc.One(t, `[aria-invalid]`); wrong.Attr("value") != "a b" || "#"+wrong.Attr("id") != doc.One(t, "[data-problems] a").Attr("href") {
		t.Errorf("the problem stands at %s", wrong.HTML())
	}
	if v.Rows("claimColumns") != 4 {
		t.Error("reading or drawing changed what was typed")
	}
}

// An attacker who sees a page, its log or a proxy's copy of it must not find the password in it.
func TestAttackNoSecretComesToThePage(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-secret"
	v := webidentity.Write(form(), valid(everything(t)))
	v[webidentity.SecretName("password")], v["password"] = secret, secret
	doc := htmlcheck.Render(t, form().Fields(webidentity.Fields{
		Values: v, Kind: kind(), Stored: map[string]bool{"password": true}, Held: map[string]string{"password": "sealed"},
	}))
	if strings.Contains(doc.HTML(), secret) {
		t.Error("the page has the secret")
	}
	control := doc.One(t, `[name="secret:password"]`)
	if control.Attr("type") != "password" || control.Attr("value") != "" || control.Attr("autocomplete") != "new-password" {
		t.Errorf("the control of the secret is %s", control.HTML())
	}
	doc.One(t, `[name="remove:password"]`)
	c, _ := webidentity.Read(form(), kind(), v)
	if strings.Contains(asJSON(t, c), secret) {
		t.Error("the configuration has the secret")
	}
	for _, s := range form().Settings(v) {
		if strings.Contains(s.Text, secret) {
			t.Errorf("%s says the secret", s.Label)
		}
	}
}

func TestTheUsualPortFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	for driver, want := range map[string]string{"POSTGRESQL": "5432", "MYSQL": "3306", "ORACLE": "", "": ""} {
		v := form().Write(valid())
		if v["port"] != "" {
			t.Fatalf("the usual port is written as %q, and would stay when another database is chosen", v["port"])
		}
		v["driver"] = driver
		at := draw(t, v).One(t, "[name=port]")
		if at.Attr("placeholder") != want {
			t.Errorf("%q: the placeholder is %q, want %q", driver, at.Attr("placeholder"), want)
		}
		if at.Attr("data-placeholder-of") != "driver" || at.Attr("data-placeholder-"+strings.ToLower(driver)) != want {
			t.Errorf("%q: the script does not find the placeholder in %v", driver, at.Attrs())
		}
		c, _ := webidentity.Read(form(), kind(), v)
		if port := c.(*engine.Config).Port; want != "" && port != map[string]int{"5432": 5432, "3306": 3306}[want] {
			t.Errorf("%s gets port %d", driver, port)
		}
	}
}

func TestTheFirstDatabaseIsChosenAtTheStart(t *testing.T) {
	t.Parallel()
	doc := draw(t, form().Write(form().New()))
	if got := doc.One(t, "[name=driver] option[selected]").Text(); got != "PostgreSQL" {
		t.Errorf("%q is chosen", got)
	}
	if got := doc.Texts("[name=driver] option"); !slices.Equal(got, []string{"PostgreSQL", "MySQL / MariaDB"}) {
		t.Errorf("to choose are %v", got)
	}
	if got := doc.One(t, "[name=tls][checked]").Attr("value"); got != "REQUIRED" {
		t.Errorf("the encryption is %s", got)
	}
}

// What is chosen and gone must not be replaced by whatever is the first of a list.
func TestADatabaseThatThisBuildLacksStaysChosen(t *testing.T) {
	t.Parallel()
	v := form().Write(valid())
	v["driver"] = "ORACLE"
	if got := sent(t, page(v, nil))["driver"]; got != "ORACLE" {
		t.Errorf("%q came back", got)
	}
	bare := database.Form{}
	bare.Fields(webidentity.Fields{Values: bare.Write(bare.New())})
	if got := bare.New().(*engine.Config).Driver; got != "" {
		t.Errorf("a form without a kind chooses %s", got)
	}
}

func TestEveryWayToStoreAPasswordIsOfferedInWords(t *testing.T) {
	t.Parallel()
	doc := draw(t, form().Write(valid()))
	offered := func(field string) (values []string) {
		labels := map[string]bool{}
		for _, o := range doc.All("[name=" + field + "] option") {
			values = append(values, o.Attr("value"))
			if o.Attr("data-text") == "" || o.Text() == o.Attr("value") || labels[o.Text()] {
				t.Errorf("%s %s is not said in words of its own: %s", field, o.Attr("value"), o.HTML())
			}
			labels[o.Text()] = true
		}
		return values
	}
	var want []string
	for _, e := range password.Encodings() {
		want = append(want, string(e))
	}
	if diff := cmp.Diff(want, offered("passwordEncoding")); diff != "" {
		t.Error(diff)
	}
	want = nil
	for _, e := range engine.ParameterEncodings() {
		want = append(want, string(e))
	}
	if diff := cmp.Diff(want, offered("parameterEncoding")); diff != "" {
		t.Error(diff)
	}
	for _, o := range doc.All("[name=passwordEncoding] option") {
		risky := password.Encoding(o.Attr("value")).Fast()
		if warned := strings.Contains(o.Attr("data-text"), "Whoever"); warned != risky {
			t.Errorf("%s is warned of: %t", o.Text(), warned)
		}
	}
}

// An example that the form refuses would help nobody.
func TestTheExamplesAreRightForEveryDatabase(t *testing.T) {
	t.Parallel()
	doc := draw(t, form().Write(valid()))
	for _, d := range valid().Drivers() {
		for check, example := range map[string]string{
			"COLUMN": doc.One(t, `[data-depends="passwordCheck=COLUMN"] > .CodeBlock [data-copy]`).Attr("data-copy"),
			"QUERY":  doc.One(t, `[data-depends="passwordCheck=QUERY"] > .CodeBlock [data-copy]`).Attr("data-copy"),
		} {
			v := webidentity.Write(form(), valid())
			v["driver"], v["passwordCheck"], v["query"] = string(d.Name), check, example
			v["roleQuery"] = doc.One(t, "[name=roleQuery]").Attr("placeholder")
			if _, problems := webidentity.Read(form(), kind(), v); len(problems) > 0 {
				t.Errorf("%s, %s: %v", d.Label, check, problems)
			}
		}
	}
}

func TestAdviceNamesItsField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*engine.Config)
		want   map[string]bool // by label, whether it is a warning
	}{
		{"nothing to say", func(c *engine.Config) { c.UserColumn = "name" }, map[string]bool{}},
		{"names as typed", func(*engine.Config) {}, map[string]bool{"Name column": false}},
		{"plain text", func(c *engine.Config) { c.UserColumn, c.TLS = "name", engine.Plaintext }, map[string]bool{"Encryption": true}},
		{"plain passwords", func(c *engine.Config) { c.UserColumn, c.PasswordEncoding = "name", password.Plain }, map[string]bool{"Stored as": true}},
		{"digests without a salt", func(c *engine.Config) { c.UserColumn, c.PasswordEncoding = "name", password.SHA512 }, map[string]bool{"Stored as": true, "Salt column": true}},
		{"the password in the query", func(c *engine.Config) { compares(c); c.UserColumn, c.ParameterEncoding = "name", "NONE" }, map[string]bool{":password becomes": true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := webidentity.Read(form(), kind(), webidentity.Write(form(), valid(tt.change)))
			got := map[string]bool{}
			for _, a := range form().Advice(c) {
				if a.Text == "" || a.Field == a.Label {
					t.Errorf("advice %+v", a)
				}
				got[a.Label] = a.Warning
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsInWords(t *testing.T) {
	t.Parallel()
	say := func(changes ...func(*engine.Config)) map[string]string {
		words := map[string]string{}
		for _, s := range form().Settings(form().Write(valid(changes...))) {
			if _, twice := words[s.Label]; twice {
				t.Errorf("%s is said twice", s.Label)
			}
			words[s.Label] = s.Text
		}
		return words
	}
	const role = "SELECT role FROM roles\nWHERE name = :username"
	for name, tt := range map[string]struct{ got, want map[string]string }{
		"a plain one": {say(), map[string]string{
			"Database": "PostgreSQL", "Server": "db.example.com", "Port": "5432, the usual one", "Database name": "people", "Account": "gateway",
			"Encryption": "TLS, certificate checked", "Authorities (PEM)": "Those of the system", "Name in the certificate": "The server's",
			"Who checks the password": "The gateway, from a stored password", "Query": valid().Query, "Password column": "password",
			"Stored as": "Recognise it", "Name column": "None: names are as typed", "Role query": "None: nobody has roles",
			"Kept open": "2", "Renewed after": "1800 seconds",
		}},
		"everything": {say(everything(t), func(c *engine.Config) { c.CACertificates = "PEM" }), map[string]string{
			"Database": "MySQL / MariaDB", "Server": "db.example.com", "Port": "3307", "Database name": "people", "Account": "gateway",
			"Encryption": "TLS, certificate checked", "Authorities (PEM)": "PEM", "Name in the certificate": "primary.example.com",
			"Who checks the password": "The gateway, from a stored password", "Query": valid().Query, "Password column": "password",
			"Stored as": "SHA-256, hexadecimal", "Salt column": "salt", "Salt stands": "After the password", "Name column": "name",
			"Role query": role, "Between roles": "A blank", "Claim 1": "email from mail", "Claim 2": "size from größe",
			"Kept open": "0", "Renewed after": "86400 seconds",
		}},
		"the query compares in plain text": {say(compares, func(c *engine.Config) { c.TLS = engine.Plaintext }), map[string]string{
			"Database": "PostgreSQL", "Server": "db.example.com", "Port": "5432, the usual one", "Database name": "people", "Account": "gateway",
			"Encryption": "None: plain text", "Who checks the password": "The query, with :password",
			"Query": "SELECT name FROM users WHERE name = :username AND password = :password", ":password becomes": "SHA-512, Base64",
			"Name column": "None: names are as typed", "Role query": "None: nobody has roles", "Kept open": "2", "Renewed after": "1800 seconds",
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
