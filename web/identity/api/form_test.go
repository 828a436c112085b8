package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	engine "github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/identity/api"
	"github.com/gatewright/gatewright/web/identity/formtest"
)

var (
	form = api.Form{}
	kind = engine.Kind()

	example     = "CN=Example, until 2040-01-02, SHA-256 51503e24f4ac03b4"
	certificate = formtest.Certificate()
)

func valid(changes ...func(*engine.Config)) *engine.Config {
	c := engine.New().(*engine.Config)
	c.Name, c.URL, c.BasicAuth = "crm", "https://login.example.com/check", true
	for _, change := range changes {
		change(c)
	}
	c.Normalize()
	return c
}

func everything(c *engine.Config) {
	c.CACertificates, c.ClientCertificate = certificate, certificate+certificate
	c.Method, c.URL, c.AllowPlaintext, c.BasicAuth = "POST", "http://login.example.com/{{username}}", true, false
	c.Headers = []engine.Header{{Name: "X-Api-Key", Value: "{{secret}}"}, {Name: "Accept", Value: ""}}
	c.BodyType, c.BodyTemplate = engine.JSONBody, "\n{\"p\": \"{{password}}\",\n \"q\": 1}\n"
	c.Retries, c.RetryPost, c.RefusedStatuses = 3, true, []int{302, 401}
	c.Assertions = []engine.Assertion{
		{Kind: engine.Status, Operator: engine.Matches, Expected: `20\d`},
		{Kind: engine.HeaderIs, Name: "X-Result", Operator: engine.Exists},
		{Kind: engine.JSONPath, Path: "$.active", Operator: engine.NotEquals, Expected: " false\n"},
		{Kind: engine.BodyContains, Operator: engine.Contains, Expected: "\nwelcome"},
	}
	c.UsernamePath, c.RolesPath, c.RolesSeparator = "$.name", "$.roles", " "
	c.Claims = []engine.ClaimMapping{{Source: "$.mail", Claim: "email"}, {Source: "$..id", Claim: "ids"}}
	c.WholeResponseClaim = true
}

func anew(c *engine.Config) {
	c.Method, c.BasicAuth, c.BodyType, c.BodyTemplate = "PUT", false, engine.FormBody, "u={{username}}&r={{roles}}"
}

func separator(text string) func(*engine.Config) {
	return func(c *engine.Config) { c.RolesPath, c.RolesSeparator = "$", text }
}

func configs() map[string]*engine.Config {
	return map[string]*engine.Config{
		"a small one":                valid(),
		"everything":                 valid(everything),
		"a regenerator":              valid(anew),
		"no refusals and no repeats": valid(func(c *engine.Config) { c.RefusedStatuses, c.Retries = []int{}, 0 }),
		"lines of roles":             valid(separator("\n")),
		"a separator with a break":   valid(separator("\\n\t\r\n")),
		"roles with commas":          valid(separator("")),
	}
}

// What the form shows and what it sends back must be one and the same source.
func TestWritingAndReadingGivesTheSameSource(t *testing.T) {
	t.Parallel()
	for name, want := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := webidentity.Write(form, want)
			maps.Copy(v, formtest.Sent(t, formtest.Draw(t, form, kind, v, nil)))
			for field, text := range v { // as browsers send it
				v[field] = strings.ReplaceAll(text, "\n", "\r\n")
			}
			got, problems := webidentity.Read(form, kind, v)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestThePageShowsWhatMattersAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := form.Write(c)
			formtest.Keeps(t, form, kind, v, nil)
			doc := formtest.Draw(t, form, kind, v, nil)
			formtest.Depends(t, doc)
			htmlcheck.Sound(t, doc)
		})
	}
}

func TestANewFormHasTheDefaults(t *testing.T) {
	t.Parallel()
	v := form.Write(form.New())
	for field, want := range map[string]string{
		"method": "GET", "bodyType": "NONE", "retries": "1", "refusedStatuses": "400, 401, 403, 404, 422", "rolesSeparator": ",",
		"headers.rows": "0", "assertions.rows": "0", "claims.rows": "0",
	} {
		if v[field] != want {
			t.Errorf("%s is %q, want %q", field, v[field], want)
		}
	}
}

func TestProblemsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		from   *engine.Config
		change func(webidentity.Values)
		want   []string
	}{
		"nothing":               {valid(everything), nil, nil},
		"no method, no address": {valid(), func(v webidentity.Values) { v["method"], v["url"] = "", "" }, []string{"method", "url"}},
		"plain http":            {valid(), func(v webidentity.Values) { v["url"] = "http://x.example" }, []string{"url"}},
		"plain http that was allowed for another address": {valid(everything), func(v webidentity.Values) { v["url"] = "https://x.example/{{username}}" }, nil},
		"the password in the address":                     {valid(), func(v webidentity.Values) { v["url"] += "?p={{password}}" }, []string{"url"}},
		"wrong headers": {valid(everything), func(v webidentity.Values) { v["headers[0].name"], v["headers[1].value"] = "a b", "{{user}}" },
			[]string{"headers[0].name", "headers[1].value"}},
		"an empty header before a wrong one": {valid(everything), func(v webidentity.Values) {
			v["headers[0].name"], v["headers[0].value"], v["headers[1].name"] = "", " ", "Host"
		}, []string{"headers[0].name"}},
		"Authorization beside Basic": {valid(), func(v webidentity.Values) {
			v.SetRows("headers", 1)
			v["headers[0].name"] = "authorization"
		}, []string{"headers[0].name"}},
		"a body of no type":     {valid(everything), func(v webidentity.Values) { v["bodyType"] = "" }, []string{"bodyType"}},
		"an empty body":         {valid(anew), func(v webidentity.Values) { v["bodyTemplate"] = "" }, []string{"", "bodyTemplate"}},
		"JSON that is none":     {valid(everything), func(v webidentity.Values) { v["bodyTemplate"] = "{" }, []string{"bodyTemplate"}},
		"a body that is hidden": {valid(anew), func(v webidentity.Values) { v["method"], v["bodyTemplate"] = "GET", "{{"; v.Tick("basicAuth", true) }, nil},
		"password and roles":    {valid(anew), func(v webidentity.Values) { v.Tick("basicAuth", true) }, []string{""}},
		"the same for all":      {valid(), func(v webidentity.Values) { v.Tick("basicAuth", false) }, []string{""}},
		"letters as repeats":    {valid(), func(v webidentity.Values) { v["retries"] = "x" }, []string{"retries"}},
		"too many repeats":      {valid(), func(v webidentity.Values) { v["retries"] = "99999999999999999999" }, []string{"retries"}},
		"no certificates": {valid(), func(v webidentity.Values) { v["caCertificates"], v["clientCertificate"] = "x", "y" },
			[]string{"caCertificates", "clientCertificate"}},
		"blanks as certificates":   {valid(), func(v webidentity.Values) { v["caCertificates"] = " \r\n" }, nil},
		"letters as a status":      {valid(), func(v webidentity.Values) { v["refusedStatuses"] = "401, x, 200" }, []string{"refusedStatuses"}},
		"a status that accepts":    {valid(), func(v webidentity.Values) { v["refusedStatuses"] = "401;200 408" }, []string{"refusedStatuses"}},
		"statuses in any spelling": {valid(), func(v webidentity.Values) { v["refusedStatuses"] = " 404,401 ;, 401\r\n" }, nil},
		"an assertion of no kind":  {valid(everything), func(v webidentity.Values) { v["assertions[0].kind"] = "" }, []string{"assertions[0].kind"}},
		"an assertion not begun":   {valid(everything), func(v webidentity.Values) { v.SetRows("assertions", 5) }, nil},
		"a forged kind":            {valid(everything), func(v webidentity.Values) { v["assertions[3].kind"] = "x" }, []string{"assertions[3].kind"}},
		"a forged comparison": {valid(everything), func(v webidentity.Values) {
			v["assertions[0].statusOperator"], v["assertions[0].expected"] = "EXISTS", "200"
		}, []string{"assertions[0].operator", "assertions[0].expected"}},
		"a header without name": {valid(everything), func(v webidentity.Values) { v["assertions[1].name"] = "" }, []string{"assertions[1].name"}},
		"a path that is none":   {valid(everything), func(v webidentity.Values) { v["assertions[2].path"] = "active" }, []string{"assertions[2].path"}},
		"a status that is none": {valid(everything), func(v webidentity.Values) { v["assertions[0].statusOperator"] = "EQUALS" }, []string{"assertions[0].expected"}},
		"a wrong one after a gap": {valid(everything), func(v webidentity.Values) {
			for _, field := range []string{"kind", "name", "path", "expected"} {
				v["assertions[0]."+field] = ""
			}
			v["assertions[1].name"] = "a b"
		}, []string{"assertions[0].name"}},
		"wrong paths": {valid(everything), func(v webidentity.Values) { v["usernamePath"], v["rolesPath"] = "name", "roles" },
			[]string{"usernamePath", "rolesPath"}},
		"a long separator":          {valid(everything), func(v webidentity.Values) { v["rolesSeparator"] = "123456789" }, []string{"rolesSeparator"}},
		"a long one that is hidden": {valid(), func(v webidentity.Values) { v["rolesSeparator"] = "123456789" }, nil},
		"a reserved claim":          {valid(everything), func(v webidentity.Values) { v["claims[1].claim"] = "sub" }, []string{"claims[1].claim"}},
		"half a claim":              {valid(everything), func(v webidentity.Values) { v["claims[0].source"] = "" }, []string{"claims[0].source"}},
		"a claim after an empty one": {valid(everything), func(v webidentity.Values) {
			v["claims[0].source"], v["claims[0].claim"], v["claims[1].source"] = "", "", "id"
		}, []string{"claims[0].source"}},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formtest.Problems(t, form, kind, formtest.Typed(form, tt.from, tt.change), tt.want...)
		})
	}
}

// An assertion that is only half made is a check that somebody wants: without it everybody would get in.
func TestAttackAHalfMadeAssertionIsNotDropped(t *testing.T) {
	t.Parallel()
	for _, k := range engine.AssertionKinds() {
		v := formtest.Typed(form, valid(), func(v webidentity.Values) {
			v.SetRows("assertions", 1)
			v["assertions[0].kind"], v["assertions[0].operator"], v["assertions[0].statusOperator"] = string(k), "EXISTS", "MATCHES"
		})
		c, problems := webidentity.Read(form, kind, v)
		if len(c.(*engine.Config).Assertions) != 1 || !slices.ContainsFunc(problemFields(problems), func(f string) bool { return strings.HasPrefix(f, "assertions[0].") }) {
			t.Errorf("%s: %v", k, problems)
		}
	}
}

// Empty rows are dropped before the others are counted, on the page as well.
func TestAProblemStandsAtTheRowWithTheWrongText(t *testing.T) {
	t.Parallel()
	v := formtest.Typed(form, valid(everything), func(v webidentity.Values) {
		v["headers[0].name"], v["headers[0].value"], v["headers[1].name"] = "", "", "a b"
		v["claims[0].source"], v["claims[0].claim"], v["claims[1].claim"] = "", "", "sub"
		v["assertions[0].kind"], v["assertions[0].expected"], v["assertions[1].name"] = "", "", "c d"
	})
	_, problems := webidentity.Read(form, kind, v)
	doc := formtest.Draw(t, form, kind, v, problems)
	for name, want := range map[string]string{"headers[0].name": "a b", "claims[0].claim": "sub", "assertions[0].name": "c d"} {
		if at := doc.One(t, `[name="`+name+`"]`); at.Attr("value") != want || at.Attr("aria-invalid") != "true" {
			t.Errorf("%s: %s", name, at.HTML())
		}
	}
}

// A box that is out of sight must not allow what somebody types later.
func TestAttackPlainHTTPIsAllowedForAnHTTPAddressOnly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"http://x.example/{{username}}": true, " HTTP://x.example": true, "https://x.example/{{username}}": false} {
		v := formtest.Typed(form, valid(everything), func(v webidentity.Values) { v["url"] = address })
		c, _ := form.Read(v)
		if got := c.(*engine.Config).AllowPlaintext; got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// Wrong text, and text in parts that are hidden, comes back as it was typed.
func TestNothingTypedIsLostByAProblem(t *testing.T) {
	t.Parallel()
	typed := formtest.Typed(form, valid(everything), func(v webidentity.Values) {
		v["method"], v["url"], v["bodyTemplate"], v["retries"] = "GET", `ftp://"<`, "\n\n{{x", " many "
		v["refusedStatuses"], v["rolesPath"], v["rolesSeparator"] = "4O1", "", ` \n`
		v["assertions[1].kind"], v["headers[0].value"] = "BODY_CONTAINS", " &amp; "
	})
	_, problems := webidentity.Read(form, kind, typed)
	if len(problems) < 4 {
		t.Fatalf("only %v", problems)
	}
	formtest.Keeps(t, form, kind, typed, problems)
}

// Choosing another way and coming back must find what was typed for the first.
func TestHiddenPartsKeepTheirValues(t *testing.T) {
	t.Parallel()
	v := formtest.Typed(form, valid(everything), func(v webidentity.Values) { v["method"], v["assertions[1].kind"] = "GET", "STATUS" })
	back := formtest.Sent(t, formtest.Draw(t, form, kind, v, nil))
	back["method"], back["assertions[1].kind"] = "POST", "HEADER"
	config, _ := form.Read(back)
	c, want := config.(*engine.Config), valid(everything)
	if c.BodyTemplate != want.BodyTemplate || c.Assertions[1] != want.Assertions[1] {
		t.Errorf("body %q, assertion %v", c.BodyTemplate, c.Assertions[1])
	}
}

func TestAttackNoSecretComesToThePage(t *testing.T) {
	t.Parallel()
	v := form.Write(valid(everything))
	f := webidentity.Fields{Values: v, Kind: kind, Stored: map[string]bool{}, Held: map[string]string{}}
	for _, s := range kind.Secrets {
		v[webidentity.SecretName(s.Name)] = "correct horse"
		f.Stored[s.Name], f.Held[s.Name] = true, "sealed"
	}
	doc := htmlcheck.Render(t, form.Fields(f))
	if strings.Contains(doc.HTML(), "correct horse") {
		t.Error("the page shows a secret")
	}
	for _, s := range kind.Secrets {
		doc.One(t, `[name="`+webidentity.SecretName(s.Name)+`"]`)
		doc.One(t, `[name="`+webidentity.RemoveName(s.Name)+`"]`)
	}
}

func TestSettingsInWords(t *testing.T) {
	t.Parallel()
	say := func(c *engine.Config) map[string]string {
		words := map[string]string{}
		for _, s := range form.Settings(form.Write(c)) {
			if _, twice := words[s.Label]; twice {
				t.Errorf("%s is said twice", s.Label)
			}
			words[s.Label] = s.Text
		}
		return words
	}
	for name, tt := range map[string]struct{ got, want map[string]string }{
		"a small one": {say(valid()), map[string]string{
			"Use": "Logs people in", "Method": "GET", "Address": "https://login.example.com/check", "Send name and password as HTTP Basic": "Yes",
			"Headers": "None", "Repeats": "1", "CA certificates": "Those the system trusts", "Client certificate": "None",
			"Statuses of a wrong login": "400, 401, 403, 404, 422", "Assertions": "None", "Path of the user name": "As typed", "Path of the roles": "No roles",
			"Claims": "None", "Pass the whole answer on as X-ApiResponse": "No",
		}},
		"a regenerator": {say(valid(anew)), map[string]string{
			"Use": "Looks people up and regenerates tokens; logs nobody in", "Method": "PUT", "Address": "https://login.example.com/check",
			"Send name and password as HTTP Basic": "No", "Headers": "None", "Body": "Form", "Body template": "u={{username}}&r={{roles}}", "Repeats": "1",
			"CA certificates": "Those the system trusts", "Client certificate": "None",
			"Statuses of a wrong login": "400, 401, 403, 404, 422", "Assertions": "None", "Path of the user name": "As typed", "Path of the roles": "No roles",
			"Claims": "None", "Pass the whole answer on as X-ApiResponse": "No",
		}},
		"everything": {say(valid(everything)), map[string]string{
			"Use": "Logs people in", "Method": "POST", "Address": "http://login.example.com/{{username}}", "Allow plain http": "Yes",
			"Send name and password as HTTP Basic": "No", "Headers": "X-Api-Key: {{secret}}; Accept: ", "Body": "JSON",
			"Body template": "\n{\"p\": \"{{password}}\",\n \"q\": 1}\n", "Repeats": "3", "Repeat a POST too": "Yes",
			"CA certificates": example, "Client certificate": example + "; " + example, "Statuses of a wrong login": "302, 401",
			"Assertions":            "status matches 20\\d; header X-Result exists; $.active not equals  false; body contains \nwelcome",
			"Path of the user name": "$.name", "Path of the roles": "$.roles", "Separator of the roles": `" "`,
			"Claims": "$.mail as email; $..id as ids", "Pass the whole answer on as X-ApiResponse": "Yes",
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		c        *engine.Config
		use      string
		want     []string
		warnings int
	}{
		"a small one": {valid(), "Logs people in", []string{"use", "assertions", "usernamePath", "rolesPath"}, 0},
		"everything":  {valid(everything), "Logs people in", []string{"use", "allowPlaintext", "retryPost", "wholeResponseClaim"}, 2},
		"a key that is written out": {valid(func(c *engine.Config) {
			c.Headers = []engine.Header{{Name: "Accept-Language", Value: "en"}, {Name: "X-Api-Key", Value: "hunter22"}}
		}), "Logs people in", []string{"use", "headers", "assertions", "usernamePath", "rolesPath"}, 1},
		"a key in its place": {valid(func(c *engine.Config) { c.Headers = []engine.Header{{Name: "X-Api-Key", Value: "{{secret}}"}} }),
			"Logs people in", []string{"use", "assertions", "usernamePath", "rolesPath"}, 0},
		"a regenerator": {valid(anew), "Looks people up and regenerates tokens; logs nobody in", []string{"use", "usernamePath", "rolesPath"}, 0},
	} {
		var got []string
		warnings := 0
		for _, a := range form.Advice(tt.c) {
			got = append(got, a.Field)
			if a.Warning {
				warnings++
			}
			if a.Field == "use" && a.Label != tt.use || a.Label == a.Field || a.Text == "" || strings.Contains(a.Text, "hunter22") {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || warnings != tt.warnings {
			t.Errorf("%s: %s (%d warnings)", name, diff, warnings)
		}
	}
}

func problemFields(l problem.List) []string {
	fields := make([]string, len(l))
	for i, p := range l {
		fields[i] = p.Field
	}
	return fields
}
