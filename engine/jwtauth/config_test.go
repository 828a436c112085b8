package jwtauth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// valid is a policy with nothing wrong, for tests to spoil.
func valid() *jwtauth.Config {
	c := jwtauth.NewForm()
	c.Name = "Orders"
	return c
}

func TestValidateNamesTheFieldThatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*jwtauth.Config)
		want  []string // fields with a problem
	}{
		"a complete policy is valid":                  {func(*jwtauth.Config) {}, nil},
		"another type":                                {func(c *jwtauth.Config) { c.Type = "jwt-auth" }, []string{"type"}},
		"no name":                                     {func(c *jwtauth.Config) { c.Name = "" }, []string{"name"}},
		"a name of blanks":                            {func(c *jwtauth.Config) { c.Name = "   " }, []string{"name"}},
		"a name with a leading blank":                 {func(c *jwtauth.Config) { c.Name = " Orders" }, []string{"name"}},
		"a name with a no-break space at its end":     {func(c *jwtauth.Config) { c.Name = "Orders\u00a0" }, []string{"name"}},
		"a name of 255 characters is allowed":         {func(c *jwtauth.Config) { c.Name = strings.Repeat("ü", 255) }, nil},
		"a name of 256 characters":                    {func(c *jwtauth.Config) { c.Name = strings.Repeat("ü", 256) }, []string{"name"}},
		"a name with a slash":                         {func(c *jwtauth.Config) { c.Name = "a/b" }, []string{"name"}},
		"a name with a backslash":                     {func(c *jwtauth.Config) { c.Name = `a\b` }, []string{"name"}},
		"a name of dots":                              {func(c *jwtauth.Config) { c.Name = ".." }, []string{"name"}},
		"a name with a line break":                    {func(c *jwtauth.Config) { c.Name = "a\nb" }, []string{"name"}},
		"a name with a zero byte":                     {func(c *jwtauth.Config) { c.Name = "a\x00b" }, []string{"name"}},
		"a name with a bidirectional override":        {func(c *jwtauth.Config) { c.Name = "a\u202eb" }, []string{"name"}},
		"a name with a zero width space":              {func(c *jwtauth.Config) { c.Name = "a\u200bb" }, []string{"name"}},
		"a name with a line separator":                {func(c *jwtauth.Config) { c.Name = "a\u2028b" }, []string{"name"}},
		"a name of broken UTF-8":                      {func(c *jwtauth.Config) { c.Name = "a\xffb" }, []string{"name"}},
		"a name in another script is allowed":         {func(c *jwtauth.Config) { c.Name = "Sipariş 注文" }, nil},
		"a description of 1000 characters is allowed": {func(c *jwtauth.Config) { c.Description = strings.Repeat("é", 1000) }, nil},
		"a description of 1001 characters":            {func(c *jwtauth.Config) { c.Description = strings.Repeat("é", 1001) }, []string{"description"}},
		"a description with paragraphs is allowed":    {func(c *jwtauth.Config) { c.Description = "One.\r\n\tTwo." }, nil},
		"a description with an escape character":      {func(c *jwtauth.Config) { c.Description = "\x1b[31m" }, []string{"description"}},
		"no grant":                                    {func(c *jwtauth.Config) { c.GrantType = "" }, []string{"grantType"}},
		"a grant that is not issued":                  {func(c *jwtauth.Config) { c.GrantType = "PASSWORD" }, []string{"grantType"}},
		"no algorithm":                                {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = "" }, []string{"jwtSignatureAlgorithm"}},
		"the algorithm none":                          {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = "none" }, []string{"jwtSignatureAlgorithm"}},
		"an algorithm in lower case":                  {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = "rs256" }, []string{"jwtSignatureAlgorithm"}},
		"a negative leeway":                           {func(c *jwtauth.Config) { c.LeewaySeconds = -1 }, []string{"leewaySeconds"}},
		"no leeway is allowed":                        {func(c *jwtauth.Config) { c.LeewaySeconds = 0 }, nil},
		"a leeway of 300 seconds is allowed":          {func(c *jwtauth.Config) { c.LeewaySeconds = 300 }, nil},
		"a leeway of 301 seconds":                     {func(c *jwtauth.Config) { c.LeewaySeconds = 301 }, []string{"leewaySeconds"}},
		"a lifetime without amount":                   {func(c *jwtauth.Config) { c.TokenExpiresInAmount = 0 }, []string{"tokenExpiresInAmount"}},
		"a negative lifetime":                         {func(c *jwtauth.Config) { c.TokenExpiresInAmount = -5 }, []string{"tokenExpiresInAmount"}},
		"a lifetime without unit":                     {func(c *jwtauth.Config) { c.TokenExpiresInUnit = "" }, []string{"tokenExpiresInUnit"}},
		"a lifetime in unknown units":                 {func(c *jwtauth.Config) { c.TokenExpiresInUnit = "FORTNIGHTS" }, []string{"tokenExpiresInUnit"}},
		"no lifetime where tokens never expire": {func(c *jwtauth.Config) {
			c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = true, 0, ""
		}, nil},
		"a user header without name":         {func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "" }, []string{"userHeaderName"}},
		"a bad header name that is not used": {func(c *jwtauth.Config) { c.UserHeaderName = "a b" }, nil},
		"everything wrong at once": {func(c *jwtauth.Config) {
			*c = jwtauth.Config{Common: policy.Common{Description: "\x00"}, LeewaySeconds: -1, AddUserToHeader: true}
		}, []string{"name", "description", "type", "grantType", "jwtSignatureAlgorithm", "leewaySeconds", "tokenExpiresInUnit", "tokenExpiresInAmount", "userHeaderName"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			tt.spoil(c)
			l := c.Validate()
			if diff := cmp.Diff(tt.want, fields(l)); diff != "" {
				t.Errorf("fields with a problem (-want +got):\n%s\n%v", diff, l)
			}
			for _, p := range l {
				if !strings.HasSuffix(p.Message, ".") {
					t.Errorf("%s: message %q is no sentence", p.Field, p.Message)
				}
			}
		})
	}
}

func fields(l problem.List) []string {
	var names []string
	for _, p := range l {
		names = append(names, p.Field)
	}
	return names
}

func TestHeaderNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "X User", "X:User", "X-User\r\n", "X-Üser", "X\x00", "X\x7f", "x,y", strings.Repeat("x", 101),
		"Authorization", "authorization", "AUTHORIZATION", "Connection", "Content-Length", "content_length", "Content-Type",
		"Host", "Transfer-Encoding", "Transfer_Encoding", "Upgrade", "Cookie", "Te", "Sec-WebSocket-Key", "Sec-Fetch-Site",
		"X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "X-Correlation-Id",
		"Proxy-Authorization", "Accept", "Accept-Encoding", "If-Match", "Access-Control-Allow-Origin", "X-HTTP-Method-Override",
	}
	for _, name := range bad {
		if jwtauth.HeaderNameProblem(name) == "" {
			t.Errorf("%q is accepted as the name of an identity header", name)
		}
	}
	good := []string{"X-Authenticated-UserId", "X-User", "x-user", "Client", "X_Client_Id", "!#$%&'*+-.^_`|~", strings.Repeat("x", 100)}
	for _, name := range good {
		if msg := jwtauth.HeaderNameProblem(name); msg != "" {
			t.Errorf("%q: %s", name, msg)
		}
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := []struct {
		amount int64
		unit   jwtauth.TimeUnit
		want   time.Duration // 0: refused
	}{
		{999, jwtauth.Milliseconds, 0},
		{1000, jwtauth.Milliseconds, time.Second},
		{1001, jwtauth.Milliseconds, 2 * time.Second},
		{100 * 365 * 86400 * 1000, jwtauth.Milliseconds, 100 * 365 * day},
		{100*365*86400*1000 + 1, jwtauth.Milliseconds, 0},
		{1, jwtauth.Seconds, time.Second},
		{100 * 365 * 86400, jwtauth.Seconds, 100 * 365 * day},
		{100*365*86400 + 1, jwtauth.Seconds, 0},
		{15, jwtauth.Minutes, 15 * time.Minute},
		{2, jwtauth.Hours, 2 * time.Hour},
		{7, jwtauth.Days, 7 * day},
		{2, jwtauth.Weeks, 14 * day},
		{1, jwtauth.Months, 30 * day},
		{1, jwtauth.Years, 365 * day},
		{100, jwtauth.Years, 100 * 365 * day},
		{101, jwtauth.Years, 0},
		{300, jwtauth.Years, 0}, // more than a time.Duration holds
		{1 << 62, jwtauth.Years, 0},
		{1 << 62, jwtauth.Milliseconds, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.amount, tt.unit), func(t *testing.T) {
			t.Parallel()
			c := valid()
			c.TokenExpiresInAmount, c.TokenExpiresInUnit = tt.amount, tt.unit
			l := c.Validate()
			if refused := l.For("tokenExpiresInAmount") != ""; refused != (tt.want == 0) {
				t.Fatalf("problems: %v", l)
			}
			if got := c.Lifetime(); tt.want != 0 && got != tt.want {
				t.Errorf("Lifetime = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNormalizeDropsWhatMeansNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ change, want func(*jwtauth.Config) }{
		"a lifetime beside tokens that never expire": {
			func(c *jwtauth.Config) { c.TokenNeverExpires = true },
			func(c *jwtauth.Config) {
				c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit, c.UserHeaderName = true, 0, "", ""
			},
		},
		"the name of a header that is not set": {
			func(c *jwtauth.Config) { c.UserHeaderName = "X-User" },
			func(c *jwtauth.Config) { c.UserHeaderName = "" },
		},
		"a header without name gets the default": {
			func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "" },
			func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, jwtauth.DefaultUserHeader },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := valid(), valid()
			tt.change(got)
			tt.want(want)
			got.Normalize()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("normalised (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSingularUnitsAreRead(t *testing.T) {
	t.Parallel()
	for _, unit := range jwtauth.TimeUnits() {
		c := valid()
		c.TokenExpiresInAmount, c.TokenExpiresInUnit = 1000, unit[:len(unit)-1]
		c.Normalize()
		if c.TokenExpiresInUnit != unit {
			t.Errorf("%s became %s, want %s", unit[:len(unit)-1], c.TokenExpiresInUnit, unit)
		}
	}
	c := valid()
	c.TokenExpiresInUnit = "FORTNIGHT"
	c.Normalize()
	if c.TokenExpiresInUnit != "FORTNIGHT" {
		t.Errorf("an unknown unit became %s; it should be kept for its message", c.TokenExpiresInUnit)
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	want := &jwtauth.Config{
		Common:    policy.Common{Type: "policy-auth-jwt", Active: true},
		GrantType: "CLIENT_CREDENTIALS", TokenNeverExpires: true, LeewaySeconds: 30,
	}
	if diff := cmp.Diff(want, jwtauth.New()); diff != "" {
		t.Errorf("New (-want +got):\n%s", diff)
	}
	form := jwtauth.NewForm()
	if form.TokenNeverExpires || form.Lifetime() != 15*time.Minute || form.JWTSignatureAlgorithm != keys.RS256 {
		t.Errorf("the form starts with %+v, want RS256 tokens of 15 minutes (D8)", form)
	}
}

func TestAdviceNeverBlocksAndAlwaysOffersAWayOut(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*jwtauth.Config)
		want   []string // field and level
	}{
		"tokens that never expire":    {func(c *jwtauth.Config) { c.TokenNeverExpires = true }, []string{"tokenNeverExpires warning"}},
		"a lifetime of a day is fine": {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 24, "HOURS" }, nil},
		"a lifetime above a day":      {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 2, "DAYS" }, []string{"tokenExpiresInAmount warning"}},
		"a lifetime below a minute":   {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 59, "SECONDS" }, []string{"tokenExpiresInAmount note"}},
		"a lifetime without sense":    {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 1<<62, "YEARS" }, nil},
		"a shared secret":             {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.HS512 }, []string{"jwtSignatureAlgorithm warning"}},
		"an uncommon algorithm":       {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.EdDSA }, []string{"jwtSignatureAlgorithm note"}},
		"a long leeway":               {func(c *jwtauth.Config) { c.LeewaySeconds = 120 }, []string{"leewaySeconds note"}},
		"the token reaches the API":   {func(c *jwtauth.Config) { c.ClearAuth = false }, []string{"clearAuth note"}},
		"the default header": {func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "x-authenticated-userid" },
			[]string{"userHeaderName note"}},
		"an underscore in the header": {func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "X_User" },
			[]string{"userHeaderName note"}},
		"nothing to say": {func(*jwtauth.Config) {}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			c.ClearAuth = true
			tt.change(c)
			var got []string
			for _, a := range jwtauth.Advise(c) {
				got = append(got, a.Field+" "+string(a.Level))
				if a.Text == "" || a.Instead == "" {
					t.Errorf("%s: advice without reason or way out: %+v", a.Field, a)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("advice (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTypeBelongsInTheRequestLane(t *testing.T) {
	t.Parallel()
	typ := jwtauth.Type()
	if !slices.Equal(typ.Pipelines, []policy.Pipeline{policy.Request}) || typ.Allows(policy.Response) {
		t.Errorf("pipelines = %v", typ.Pipelines)
	}
	if c, ok := typ.New().(*jwtauth.Config); !ok || c.Base().Type != typ.Name {
		t.Errorf("New = %#v", typ.New())
	}
}
