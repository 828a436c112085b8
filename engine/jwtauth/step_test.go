package jwtauth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/token"
)

const (
	issuer = "https://gateway.example"
	client = "orders-client"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keySet has a signing key for every algorithm; made once, as RSA keys take time.
var keySet = sync.OnceValue(func() *keys.Set {
	var entries []keys.Entry
	for _, alg := range keys.Algorithms() {
		entries = append(entries, keys.Entry{Key: newKey(alg), State: keys.Active})
	}
	set, err := keys.NewSet(entries)
	if err != nil {
		panic(err)
	}
	return set
})

func newKey(alg keys.Algorithm) *keys.Key {
	k, err := keys.Generate(alg)
	if err != nil {
		panic(err)
	}
	return k
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func compile(t testing.TB, c *jwtauth.Config, now func() time.Time) policy.Step {
	t.Helper()
	return compileIn(t, c, func(rt *policy.Runtime) { rt.Now = now })
}

// compileIn compiles a policy after the console has normalised it.
func compileIn(t testing.TB, c *jwtauth.Config, change func(*policy.Runtime)) policy.Step {
	t.Helper()
	c.Normalize()
	if l := c.Validate(); len(l) > 0 {
		t.Fatal(l)
	}
	rt := runtime()
	if change != nil {
		change(&rt)
	}
	s, err := c.Compile(rt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func runtime() policy.Runtime {
	return policy.Runtime{
		Issuer: issuer, Owner: policy.Owner{ID: "owner-1", Kind: "PROXY", Project: "Default", Name: "Orders", ClientID: client},
		Keys: keySet(), Now: func() time.Time { return start },
	}
}

// claims are those of a good token.
func claims() jwt.ClaimSet {
	return jwt.ClaimSet{
		Issuer: issuer, Subject: client, Audience: []string{client}, ID: "1", ClientID: client,
		GrantType: "client_credentials", IssuedAt: start.Unix(), Expires: start.Add(15 * time.Minute).Unix(),
	}
}

func sign(t testing.TB, alg keys.Algorithm, change func(*jwt.ClaimSet)) string {
	t.Helper()
	c := claims()
	if change != nil {
		change(&c)
	}
	text, err := jwt.Sign(keySet().Signing(alg), jwt.AccessToken, c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// forUsers is a policy for users of a directory.
func forUsers() *jwtauth.Config {
	c := valid()
	c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, "corp"
	return c
}

// as makes a token that of a user with roles.
func as(name string, roles ...string) func(*jwt.ClaimSet) {
	return func(c *jwt.ClaimSet) {
		c.Subject, c.GrantType, c.Scope = name, "password", strings.Join(roles, " ")
	}
}

func call(fields ...string) *policy.Exchange {
	return &policy.Exchange{Request: condition.Request{Method: "GET", Path: "/orders", OwnerID: "owner-1", OwnerName: "Orders", Header: http.Header{"Authorization": fields}}}
}

// rejection is what a refused call is told; empty when it was let through.
func rejection(t *testing.T, err error) *policy.Rejection {
	t.Helper()
	var r *policy.Rejection
	if err != nil && !errors.As(err, &r) {
		t.Fatalf("Do = %v, want a rejection", err)
	}
	return r
}

func TestEveryAlgorithmLetsItsOwnTokensThroughAndNoOthers(t *testing.T) {
	t.Parallel()
	for _, alg := range keys.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			c := valid()
			c.JWTSignatureAlgorithm = alg
			step := compile(t, c, func() time.Time { return start })
			for _, other := range keys.Algorithms() {
				x := call("Bearer " + sign(t, other, nil))
				err := step.Do(x)
				if (err == nil) != (other == alg) {
					t.Errorf("policy %s, token %s: Do = %v", alg, other, err)
				}
				if (x.Identity.Subject == client) != (other == alg) {
					t.Errorf("policy %s, token %s: identity %+v", alg, other, x.Identity)
				}
			}
		})
	}
}

func TestAValidTokenBecomesAnIdentityAndHeaders(t *testing.T) {
	t.Parallel()
	c := valid()
	c.AddUserToHeader, c.UserHeaderName, c.ClearAuth = true, "X-User", true
	step := compile(t, c, func() time.Time { return start })
	text := sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Scope = "reader writer" })
	for _, sight := range []string{"first", "second"} {
		x := call("Bearer " + text)
		if err := step.Do(x); err != nil {
			t.Fatal(err)
		}
		want := policy.Identity{
			Subject: client, ClientID: client, Grant: "client_credentials", Roles: []string{"reader", "writer"},
			Expires: start.Add(15 * time.Minute),
		}
		if diff := cmp.Diff(want, x.Identity); diff != "" {
			t.Errorf("%s sight: identity (-want +got):\n%s", sight, diff)
		}
		if diff := cmp.Diff([]policy.Field{{Name: "X-User", Value: client}}, x.Set); diff != "" {
			t.Errorf("%s sight: headers set (-want +got):\n%s", sight, diff)
		}
		if diff := cmp.Diff([]string{"X-User", "Authorization"}, x.Strip); diff != "" {
			t.Errorf("%s sight: headers removed (-want +got):\n%s", sight, diff)
		}
		if !slices.Equal(x.StripParameters, []string{"access_token"}) || !slices.Equal(x.StripCookies, []string{"access_token"}) {
			t.Errorf("%s sight: parameters %v and cookies %v removed", sight, x.StripParameters, x.StripCookies)
		}
	}
}

func TestWithoutHeaderSettingsNothingIsChanged(t *testing.T) {
	t.Parallel()
	x := call("Bearer " + sign(t, keys.RS256, nil))
	if err := compile(t, valid(), func() time.Time { return start }).Do(x); err != nil {
		t.Fatal(err)
	}
	if len(x.Set)+len(x.Strip)+len(x.StripParameters)+len(x.StripCookies) != 0 {
		t.Errorf("set %v, removed %v %v %v; want nothing", x.Set, x.Strip, x.StripParameters, x.StripCookies)
	}
}

func TestCredentialsOfAllShapes(t *testing.T) {
	t.Parallel()
	good := sign(t, keys.RS256, nil)
	const (
		missing   = fault.TokenMissing
		ambiguous = fault.TokenAmbiguous
		notValid  = fault.TokenNotValid
	)
	tests := map[string]struct {
		fields []string
		query  string
		want   fault.Type
	}{
		"one token":                                   {[]string{"Bearer " + good}, "", ""},
		"the scheme in lower case":                    {[]string{"bearer " + good}, "", ""},
		"the scheme in upper case":                    {[]string{"BEARER " + good}, "", ""},
		"several blanks after the scheme":             {[]string{"Bearer   " + good + " "}, "", ""},
		"no header":                                   {nil, "", missing},
		"an empty header":                             {[]string{""}, "", missing},
		"the scheme alone":                            {[]string{"Bearer"}, "", missing},
		"the scheme and blanks":                       {[]string{"Bearer   "}, "", missing},
		"a token without scheme":                      {[]string{good}, "", missing},
		"another scheme":                              {[]string{"Basic dXNlcjpwYXNz"}, "", missing},
		"another scheme around the token":             {[]string{"Token " + good}, "", missing},
		"a scheme that begins alike":                  {[]string{"Bearer2 " + good}, "", missing},
		"a tab after the scheme":                      {[]string{"Bearer\t" + good}, "", missing},
		"a digest with commas of its own":             {[]string{`Digest username="a", realm="b"`}, "", missing},
		"two headers":                                 {[]string{"Bearer " + good, "Bearer " + good}, "", ambiguous},
		"a header of another scheme first":            {[]string{"Basic dXNlcjpwYXNz", "Bearer " + good}, "", ambiguous},
		"a header of another scheme last":             {[]string{"Bearer " + good, "Basic dXNlcjpwYXNz"}, "", ambiguous},
		"an empty header beside the token":            {[]string{"Bearer " + good, ""}, "", ambiguous},
		"two tokens joined by a comma":                {[]string{"Bearer " + good + ",Bearer " + good}, "", ambiguous},
		"two bare tokens joined by a comma":           {[]string{"Bearer " + good + "," + good}, "", ambiguous},
		"a token joined behind another scheme":        {[]string{"Basic dXNlcjpwYXNz, bearer " + good}, "", ambiguous},
		"a token joined behind two other schemes":     {[]string{"Basic dXNlcjpwYXNz,Basic a,\tBEARER " + good}, "", ambiguous},
		"a comma at the end":                          {[]string{"Bearer " + good + ","}, "", ambiguous},
		"a token in the query":                        {nil, "access_token=" + good, ambiguous},
		"a token in header and query":                 {[]string{"Bearer " + good}, "a=1&access_token=" + good, ambiguous},
		"an empty token in the query":                 {[]string{"Bearer " + good}, "access_token", ambiguous},
		"an encoded name in the query":                {[]string{"Bearer " + good}, "%61ccess%5Ftoken=x", ambiguous},
		"an encoded name in lower case hex":           {[]string{"Bearer " + good}, "access%5ftoken=x", ambiguous},
		"a semicolon as separator":                    {[]string{"Bearer " + good}, "a=1;access_token=x", ambiguous},
		"a parameter that begins alike":               {[]string{"Bearer " + good}, "access_token_hint=x&xaccess_token=1&access_toke=1&Access_Token=1", ""},
		"the word as a value":                         {[]string{"Bearer " + good}, "fields=access_token", ""},
		"a broken escape in the query":                {[]string{"Bearer " + good}, "access%5=1&%=&%zz=2", ""},
		"a blank within the token":                    {[]string{"Bearer " + good[:20] + " " + good[20:]}, "", notValid},
		"a quoted token":                              {[]string{`Bearer "` + good + `"`}, "", notValid},
		"a token of 8193 bytes":                       {[]string{"Bearer " + strings.Repeat("a", 8193)}, "", notValid},
		"a token of 100 kilobytes":                    {[]string{"Bearer " + strings.Repeat("a.", 50000)}, "", notValid},
		"rubbish":                                     {[]string{"Bearer rubbish"}, "", notValid},
		"a byte":                                      {[]string{"Bearer x"}, "", notValid},
		"a zero byte":                                 {[]string{"Bearer " + good + "\x00"}, "", notValid},
		"a line break":                                {[]string{"Bearer " + good + "\r\nX-User: admin"}, "", notValid},
		"a token without its last character":          {[]string{"Bearer " + good[:len(good)-1]}, "", notValid},
		"a token with a character more":               {[]string{"Bearer " + good + "A"}, "", notValid},
		"a token with padding":                        {[]string{"Bearer " + good + "="}, "", notValid},
		"a token without signature":                   {[]string{"Bearer " + good[:strings.LastIndex(good, ".")+1]}, "", notValid},
		"a token whose payload is another's":          {[]string{"Bearer " + swapPayload(t, good)}, "", notValid},
		"a token in percent encoding":                 {[]string{"Bearer " + url.QueryEscape(good) + "%2E"}, "", notValid},
		"the JSON form of a token":                    {[]string{`Bearer {"payload":"x"}`}, "", notValid},
		"an unsigned token of the algorithm none":     {[]string{"Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + strings.Split(good, ".")[1] + "."}, "", notValid},
		"a public key used as a shared secret":        {[]string{"Bearer " + confuse(t)}, "", notValid},
		"a token signed by a key that nobody knows":   {[]string{"Bearer " + foreign(t, "")}, "", notValid},
		"a foreign key under the kid of one of ours":  {[]string{"Bearer " + foreign(t, keySet().Signing(keys.RS256).ID)}, "", notValid},
		"a refresh token":                             {[]string{"Bearer " + typed(t, "rt+jwt")}, "", notValid},
		"an ID token":                                 {[]string{"Bearer " + typed(t, "JWT")}, "", notValid},
		"a token with its type in full":               {[]string{"Bearer " + typed(t, "application/at+jwt")}, "", ""},
		"a token of another issuer":                   {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Issuer = "https://evil.example" })}, "", notValid},
		"a token of the issuer with a slash more":     {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Issuer += "/" })}, "", notValid},
		"a token for another owner":                   {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Audience = []string{"other"} })}, "", notValid},
		"a token for the owner in another case":       {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Audience = []string{"Orders-Client"} })}, "", notValid},
		"a token for nobody":                          {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Audience = nil })}, "", notValid},
		"a token without expiry":                      {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Expires = 0 })}, "", notValid},
		"a token that expired before the leeway":      {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Expires = start.Unix() - 30 })}, "", notValid},
		"a token that expired within the leeway":      {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Expires = start.Unix() - 29 })}, "", ""},
		"a token that begins later":                   {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.NotBefore = start.Unix() + 31 })}, "", notValid},
		"a token that begins within the leeway":       {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.NotBefore = start.Unix() + 30 })}, "", ""},
		"a token from the future":                     {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.IssuedAt = start.Unix() + 31 })}, "", notValid},
		"a token that names nobody":                   {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Subject = "" })}, "", notValid},
		"a token of a user":                           {[]string{"Bearer " + sign(t, keys.RS256, as("jane"))}, "", notValid},
		"a token of a user called like the client":    {[]string{"Bearer " + sign(t, keys.RS256, as(client))}, "", notValid},
		"a token of another client":                   {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Subject, c.ClientID = "other", "other" })}, "", notValid},
		"a client token for another's name":           {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Subject = "other" })}, "", notValid},
		"a token from a grant that nobody knows":      {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.GrantType = "CLIENT_CREDENTIALS" })}, "", notValid},
		"a role with a comma":                         {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Scope = "reader,admin" })}, "", notValid},
		"a role with a line break":                    {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Scope = "reader\nadmin" })}, "", notValid},
		"a role with a no-break space":                {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Scope = "reader\u00a0admin" })}, "", notValid},
		"a role without name":                         {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Scope = "reader  admin" })}, "", notValid},
		"a token that does not say how it was gotten": {[]string{"Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.GrantType = "" })}, "", notValid},
	}
	challenge := map[fault.Type]string{
		missing:   `Bearer realm="Orders"`,
		ambiguous: `Bearer realm="Orders", error="invalid_request"`,
		notValid:  `Bearer realm="Orders", error="invalid_token"`,
	}
	step := compile(t, valid(), func() time.Time { return start })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the answer must not depend on what was seen before
				x := call(tt.fields...)
				x.RawQuery = tt.query
				r := rejection(t, step.Do(x))
				if tt.want == "" {
					if r != nil {
						t.Fatalf("refused: %v", r)
					}
					continue
				}
				if r == nil || r.Fault != tt.want {
					t.Fatalf("Do = %v, want %s", r, tt.want)
				}
				if r.Challenge != challenge[tt.want] {
					t.Errorf("challenge = %q, want %q", r.Challenge, challenge[tt.want])
				}
				if x.Identity.Subject != "" || len(x.Set) != 0 {
					t.Errorf("a refused call has the identity %+v and headers %v", x.Identity, x.Set)
				}
				if r.Cause == nil || strings.Contains(r.Error(), good[len(good)-40:]) {
					t.Errorf("the cause is %q: want one that holds no token", r.Error())
				}
			}
		})
	}
}

// swapPayload keeps header and signature.
func swapPayload(t *testing.T, text string) string {
	t.Helper()
	parts := strings.Split(text, ".")
	parts[1] = strings.Split(sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Subject = "admin" }), ".")[1]
	return strings.Join(parts, ".")
}

// confuse signs with the public RSA key as HMAC secret, under that key's kid.
func confuse(t *testing.T) string {
	t.Helper()
	rsa := keySet().Signing(keys.RS256)
	public, err := keys.NewSet([]keys.Entry{{Key: rsa, State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + rsa.ID + `","typ":"at+jwt"}`))
	input := header + "." + strings.Split(sign(t, keys.RS256, nil), ".")[1]
	mac := hmac.New(sha256.New, public.JWKS())
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var foreignKey = sync.OnceValue(func() *keys.Key { return newKey(keys.RS256) })

func foreign(t *testing.T, kid string) string {
	t.Helper()
	k := *foreignKey()
	if kid != "" {
		k.ID = kid
	}
	text, err := jwt.Sign(&k, jwt.AccessToken, claims())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func typed(t *testing.T, typ string) string {
	t.Helper()
	text, err := jwt.Sign(keySet().Signing(keys.RS256), typ, claims())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestARememberedTokenStillExpires(t *testing.T) {
	t.Parallel()
	c := &clock{now: start}
	step := compile(t, valid(), c.Now)
	text := "Bearer " + sign(t, keys.RS256, nil)
	steps := []struct {
		move time.Duration
		want fault.Type
	}{
		{0, ""}, {15*time.Minute + 29*time.Second, ""}, {time.Second, fault.TokenNotValid}, {time.Hour, fault.TokenNotValid},
	}
	for _, s := range steps {
		c.Move(s.move)
		r := rejection(t, step.Do(call(text)))
		if got := faultOf(r); got != s.want {
			t.Fatalf("at %s: %q, want %q", c.Now().Sub(start), got, s.want)
		}
	}
}

func TestARememberedTokenIsRefusedWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	c := &clock{now: start}
	step := compile(t, valid(), c.Now)
	text := "Bearer " + sign(t, keys.RS256, nil)
	for _, s := range []struct {
		move time.Duration
		want fault.Type
	}{{0, ""}, {-30 * time.Second, ""}, {-time.Second, fault.TokenNotValid}} {
		c.Move(s.move)
		if got := faultOf(rejection(t, step.Do(call(text)))); got != s.want {
			t.Fatalf("at %s: %q, want %q", c.Now().Sub(start), got, s.want)
		}
	}
}

func faultOf(r *policy.Rejection) fault.Type {
	if r == nil {
		return ""
	}
	return r.Fault
}

func TestTokensWithoutExpiryPassOnlyWherePolicyIssuesThem(t *testing.T) {
	t.Parallel()
	c := valid()
	c.TokenNeverExpires = true
	c.Normalize()
	now := &clock{now: start}
	step := compile(t, c, now.Now)
	for _, change := range []func(*jwt.ClaimSet){func(c *jwt.ClaimSet) { c.Expires = 0 }, nil} {
		x := call("Bearer " + sign(t, keys.RS256, change))
		if err := step.Do(x); err != nil {
			t.Fatal(err)
		}
		if x.Identity.Expires.IsZero() != (change != nil) {
			t.Errorf("identity ends at %s", x.Identity.Expires)
		}
	}
	now.Move(50 * 365 * 24 * time.Hour)
	if r := rejection(t, step.Do(call("Bearer "+sign(t, keys.RS256, nil)))); r == nil {
		t.Error("an expired token passes because others never expire")
	}
}

func TestNoUserNameCanBreakOrForgeAHeader(t *testing.T) {
	t.Parallel()
	c := forUsers()
	c.AddUserToHeader, c.UserHeaderName = true, "X-User"
	step := compile(t, c, func() time.Time { return start })
	seen := map[string]string{}
	names := []string{
		client, "jane@example.com", "jörg", "注文", "a b", "a+b", "a%20b", "a,b", "a;b", "a\"b", `a\b`, " a", "a ", "a\tb",
		"a\r\nX-Role: admin", "a\x00b", "a\x7fb", "a%0d%0ab", "\u202eabc", "a%2Cb", "%", "",
	}
	for _, name := range names[:len(names)-1] {
		x := call("Bearer " + sign(t, keys.RS256, as(name)))
		if err := step.Do(x); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		value := x.Set[0].Value
		if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == ';' || r == '"' }) {
			t.Errorf("%q arrives as %q", name, value)
		}
		for how, decode := range map[string]func(string) (string, error){"path": url.PathUnescape, "form": url.QueryUnescape} {
			if back, err := decode(value); err != nil || back != name {
				t.Errorf("%q is read as %q by %s decoding", name, back, how)
			}
		}
		if other, twice := seen[value]; twice {
			t.Errorf("%q and %q both arrive as %q", name, other, value)
		}
		seen[value] = name
		if x.Identity.Subject != name {
			t.Errorf("the identity is %q, want %q unescaped", x.Identity.Subject, name)
		}
	}
}

func TestPlainNamesArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	c := forUsers()
	c.AddUserToHeader, c.UserHeaderName = true, "X-User"
	step := compile(t, c, func() time.Time { return start })
	for _, name := range []string{client, "jane.doe@example.com", "DOMAIN-x_y~z", "3f8a0c9e-1b2d-4e5f-8a9b-0c1d2e3f4a5b", "cn=a/b:c"} {
		x := call("Bearer " + sign(t, keys.RS256, as(name)))
		if err := step.Do(x); err != nil || x.Set[0].Value != name {
			t.Errorf("%q arrives as %v (%v)", name, x.Set, err)
		}
	}
}

func TestTheRealmCannotBreakTheChallenge(t *testing.T) {
	t.Parallel()
	s, err := valid().Compile(policy.Runtime{
		Issuer: issuer, Owner: policy.Owner{Name: "Sipariş \"x\", Basic\\"}, Keys: keySet(), Now: func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rejection(t, s.Do(call()))
	if want := `Bearer realm="Sipari%C5%9F%20%22x%22%2C%20Basic%5C"`; r.Challenge != want {
		t.Errorf("challenge = %s, want %s", r.Challenge, want)
	}
}

func TestCompileNeedsASigningKey(t *testing.T) {
	t.Parallel()
	retiring, err := keys.NewSet([]keys.Entry{{Key: keySet().Signing(keys.RS256), State: keys.Retiring}})
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]*keys.Set{"no keys": nil, "a key that only verifies": retiring} {
		if _, err := valid().Compile(policy.Runtime{Issuer: issuer, Owner: policy.Owner{ClientID: client}, Keys: set}); err == nil {
			t.Errorf("%s: compiled", name)
		} else if !strings.Contains(err.Error(), "RS256") {
			t.Errorf("%s: error %q does not name the algorithm", name, err)
		}
	}
}

func TestAPolicyWithAKeyOfItsOwnTakesNoOtherKey(t *testing.T) {
	t.Parallel()
	own, err := keys.NewSet([]keys.Entry{{Key: foreignKey(), State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	named := func(rt *policy.Runtime) {
		rt.NamedKeys = func(name string) *keys.Set { return map[string]*keys.Set{"own": own}[name] }
	}
	c := valid()
	c.SigningKeyName = "own"
	step := compileIn(t, c, named)
	if err := step.Do(call("Bearer " + foreign(t, ""))); err != nil {
		t.Errorf("its own token: %v", err)
	}
	if r := rejection(t, step.Do(call("Bearer "+sign(t, keys.RS256, nil)))); faultOf(r) != fault.TokenNotValid {
		t.Errorf("a token of the environment's key: %v", r)
	}
	for key, algorithm := range map[string]keys.Algorithm{"gone": keys.RS256, "own": keys.ES256} {
		c := valid()
		c.SigningKeyName, c.JWTSignatureAlgorithm = key, algorithm
		rt := runtime()
		named(&rt)
		if _, err := c.Compile(rt); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("key %s with %s: %v, want an error that names the key", key, algorithm, err)
		}
		rt.NamedKeys = nil
		if _, err := c.Compile(rt); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("no keys at all: %v, want an error that names the key", err)
		}
	}
}

func TestAnOwnerWithoutClientIDAcceptsNoToken(t *testing.T) {
	t.Parallel()
	s, err := valid().Compile(policy.Runtime{Issuer: issuer, Keys: keySet(), Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	text := sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Audience = []string{""} })
	if rejection(t, s.Do(call("Bearer "+text))) == nil {
		t.Error("a token for the empty audience passes")
	}
}

func TestTheStepTellsTheTokenServiceWhatToIssue(t *testing.T) {
	t.Parallel()
	own, err := keys.NewSet([]keys.Entry{{Key: foreignKey(), State: keys.Active}})
	if err != nil {
		t.Fatal(err)
	}
	full := forUsers()
	full.AuthenticationType, full.IdentityProviderName, full.JWTRegeneratorAPIName, full.SigningKeyName = identity.API, "crm", "regen", "own"
	full.Authorization = roles("clerk")
	live := forUsers()
	live.AuthenticationType, live.CheckClientIPAddress = identity.SecretManager, true
	live.Authorization = roles("clerk")
	live.Authorization.AuthorizationType = identity.SecretManager
	left := valid()
	left.ManagedFromThisPolicy = false
	for name, tt := range map[string]struct {
		config *jwtauth.Config
		want   token.Settings
	}{
		"only the owner's key pair": {valid(), token.Settings{Keys: keySet(), Policy: "Orders", Managed: true}},
		"users of an API, with a key of its own": {full, token.Settings{
			Keys: own, Policy: "Orders", Managed: true, Source: identity.API, Provider: "crm", Regenerator: "regen", NeedsScope: true,
		}},
		"users of the secret manager, whose roles are read anew": {live, token.Settings{
			Keys: keySet(), Policy: "Orders", Managed: true, Source: identity.SecretManager, CheckAddress: true,
		}},
		"credentials decide": {left, token.Settings{Keys: keySet(), Policy: "Orders", Source: identity.SecretManager}},
	} {
		step := compileIn(t, tt.config, func(rt *policy.Runtime) {
			rt.NamedKeys = func(name string) *keys.Set { return map[string]*keys.Set{"own": own}[name] }
		})
		i, ok := step.(token.Issuer)
		if !ok {
			t.Fatal("the step is no token.Issuer")
		}
		tt.want.Issue, tt.want.Leeway = tt.config.Settings, 30*time.Second
		if diff := cmp.Diff(tt.want, i.TokenSettings(), cmp.Comparer(func(a, b *keys.Set) bool { return a == b })); diff != "" {
			t.Errorf("%s: settings (-want +got):\n%s", name, diff)
		}
	}
}
