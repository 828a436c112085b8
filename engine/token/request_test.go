package token

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/issue"
)

// TestTokenRequests holds the endpoint against RFC 6749, sections 2.3.1, 3.2,
// 4.4 and 5.
func TestTokenRequests(t *testing.T) {
	t.Parallel()
	const (
		good   = "grant_type=client_credentials&client_id=" + clientID + "&client_secret=" + clientSecret
		grant  = "grant_type=client_credentials"
		idOnly = grant + "&client_id=" + clientID
	)
	encode := func(s string) []string { return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(s))} }
	right := encode(clientID + ":" + clientSecret)
	type fields = http.Header
	tests := map[string]struct {
		body   string
		header http.Header
		status int
		code   string
	}{
		"credentials in the body":                    {good, nil, 200, ""},
		"credentials in the header":                  {grant, fields{"Authorization": right}, 200, ""},
		"the scheme in lower case":                   {grant, fields{"Authorization": {"basic" + right[0][5:]}}, 200, ""},
		"two blanks after the scheme":                {grant, fields{"Authorization": {"Basic  " + right[0][6:]}}, 200, ""},
		"percent-encoded credentials":                {grant, fields{"Authorization": encode("%6frders%2dclient:s3cr3t%2D0f-0rders")}, 200, ""},
		"the same client id in the body too":         {idOnly, fields{"Authorization": right}, 200, ""},
		"a charset behind the type":                  {good, fields{"Content-Type": {formType + "; charset=UTF-8"}}, 200, ""},
		"a charset without value":                    {good, fields{"Content-Type": {formType + ";charset"}}, 200, ""},
		"the type in upper case":                     {good, fields{"Content-Type": {"Application/X-WWW-Form-URLEncoded"}}, 200, ""},
		"unknown parameters are ignored":             {good + "&audience=x&unheard=y", nil, 200, ""},
		"an empty scope counts as omitted":           {good + "&scope=", nil, 200, ""},
		"an empty parameter counts as omitted":       {good + "&refresh_token=&&", nil, 200, ""},
		"a bearer header beside the body is ignored": {good, fields{"Authorization": {"Bearer abc"}}, 200, ""},

		"no body":              {"", nil, 400, "invalid_request"},
		"no grant":             {"client_id=" + clientID + "&client_secret=" + clientSecret, nil, 400, "invalid_request"},
		"an empty grant":       {"grant_type=&client_id=" + clientID, nil, 400, "invalid_request"},
		"JSON":                 {`{"grant_type":"client_credentials"}`, fields{"Content-Type": {"application/json"}}, 400, "invalid_request"},
		"a multipart form":     {good, fields{"Content-Type": {"multipart/form-data; boundary=x"}}, 400, "invalid_request"},
		"no content type":      {good, fields{"Content-Type": nil}, 400, "invalid_request"},
		"two content types":    {good, fields{"Content-Type": {formType, "application/json"}}, 400, "invalid_request"},
		"a repeated parameter": {good + "&client_id=other", nil, 400, "invalid_request"},
		"a parameter repeated with the same value":       {good + "&grant_type=client_credentials", nil, 400, "invalid_request"},
		"a parameter repeated in other encoding":         {good + "&client%5Fid=other", nil, 400, "invalid_request"},
		"a parameter repeated without value":             {good + "&client_id=", nil, 400, "invalid_request"},
		"an unknown parameter repeated":                  {good + "&x=1&x=2", nil, 400, "invalid_request"},
		"a broken escape":                                {good + "&x=%zz", nil, 400, "invalid_request"},
		"a semicolon as separator":                       {strings.ReplaceAll(good, "&", ";"), nil, 400, "invalid_request"},
		"a thousand parameters":                          {good + strings.Repeat("&", 1000), nil, 400, "invalid_request"},
		"secrets in header and body":                     {good, fields{"Authorization": right}, 400, "invalid_request"},
		"another client in the body than in the header":  {grant + "&client_id=other", fields{"Authorization": right}, 400, "invalid_request"},
		"two authorization headers":                      {grant, fields{"Authorization": {right[0], right[0]}}, 400, "invalid_request"},
		"two authorization headers of other schemes":     {good, fields{"Authorization": {"Bearer a", "Bearer b"}}, 400, "invalid_request"},
		"a body of 64 KiB and one byte":                  {good + "&x=" + strings.Repeat("x", maxBody-len(good)-2), nil, 413, "invalid_request"},
		"a body of exactly 64 KiB":                       {good + "&x=" + strings.Repeat("x", maxBody-len(good)-3), nil, 200, ""},
		"no client":                                      {grant, nil, 401, "invalid_client"},
		"a client without secret":                        {idOnly, nil, 401, "invalid_client"},
		"a secret without client":                        {grant + "&client_secret=" + clientSecret, nil, 401, "invalid_client"},
		"a bearer header and no credentials in the body": {grant, fields{"Authorization": {"Bearer abc"}}, 401, "invalid_client"},
		"a wrong secret":                                 {good + "x", nil, 401, "invalid_client"},
		"a wrong secret in the header":                   {grant, fields{"Authorization": encode(clientID + ":wrong")}, 401, "invalid_client"},
		"an empty secret in the header":                  {grant, fields{"Authorization": encode(clientID + ":")}, 401, "invalid_client"},
		"an empty client in the header":                  {grant, fields{"Authorization": encode(":" + clientSecret)}, 401, "invalid_client"},
		"a secret longer than any hash is made of":       {good + strings.Repeat("x", secretMax), nil, 401, "invalid_client"},
		"a secret with a zero byte behind it":            {good + "%00", nil, 401, "invalid_client"},
		"an unknown client":                              {grant + "&client_id=nobody&client_secret=" + clientSecret, nil, 401, "invalid_client"},
		"the client id in another letter case":           {grant + "&client_id=Orders-Client&client_secret=" + clientSecret, nil, 401, "invalid_client"},
		"basic without a colon":                          {grant, fields{"Authorization": encode(clientID)}, 401, "invalid_client"},
		"basic that is not base64":                       {grant, fields{"Authorization": {"Basic ***"}}, 401, "invalid_client"},
		"basic without padding":                          {grant, fields{"Authorization": {strings.TrimRight(encode("a:b")[0], "=")}}, 401, "invalid_client"},
		"basic with a broken escape":                     {grant, fields{"Authorization": encode(clientID + ":%zz")}, 401, "invalid_client"},
		"basic without credentials":                      {grant, fields{"Authorization": {"Basic"}}, 401, "invalid_client"},
		"two basic credentials in one header":            {grant, fields{"Authorization": {right[0] + ", " + right[0]}}, 401, "invalid_client"},
		"an unknown grant":                               {strings.Replace(good, grant, "grant_type=magic", 1), nil, 400, "unsupported_grant_type"},
		"a grant in another letter case":                 {strings.Replace(good, grant, "grant_type=Client_Credentials", 1), nil, 400, "unsupported_grant_type"},
		"a grant that the policy does not allow":         {strings.Replace(good, grant, "grant_type=password&username=a&password=b", 1), nil, 400, "unauthorized_client"},
		"a refresh where none is given":                  {strings.Replace(good, grant, "grant_type=refresh_token&refresh_token=a", 1), nil, 400, "invalid_grant"},
	}
	w := newWorld(t)
	w.cheap()
	w.logins = unthrottled(w) // throttling has its own tests
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.post(t, tt.body, tt.header)
			if r.status != tt.status {
				t.Fatalf("%d %s, want %d", r.status, r.body, tt.status)
			}
			checkHeaders(t, r)
			if tt.code == "" {
				r.token(t)
				return
			}
			if got := r.member(t, "error"); got != tt.code {
				t.Errorf("error = %v, want %s", got, tt.code)
			}
			text, _ := r.member(t, "error_description").(string)
			if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
				t.Errorf("error_description %q is not what section 5.2 allows", text)
			}
			if strings.Contains(r.body, clientSecret) {
				t.Errorf("the answer repeats the secret: %s", r.body)
			}
		})
	}
}

const secretMax = 1024

func checkHeaders(t *testing.T, r reply) {
	t.Helper()
	want := map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff",
		"Access-Control-Allow-Origin": "",
	}
	for name, value := range want {
		if got := r.header.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if got := strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic realm="); got != (r.status == 401) {
		t.Errorf("status %d with WWW-Authenticate %q", r.status, r.header.Get("WWW-Authenticate"))
	}
}

func TestOnlyPostGetsAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		req, err := http.NewRequest(method, w.URL+"/auth/jwt?grant_type=client_credentials&client_id="+clientID+"&client_secret="+clientSecret, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := do(t, req)
		if r.status != 405 || r.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, r.status, r.header.Get("Allow"))
		}
		if method != "HEAD" && r.member(t, "error") != "invalid_request" {
			t.Errorf("%s: %s", method, r.body)
		}
	}
	if w.hashed() != 0 {
		t.Error("a secret from a query was checked")
	}
}

func TestParametersInTheQueryAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const good = "grant_type=client_credentials&client_id=" + clientID + "&client_secret=" + clientSecret
	for _, query := range []string{"?" + good, "?scope=", "?x", "?"} {
		req, err := http.NewRequest(http.MethodPost, w.URL+"/auth/jwt"+query, strings.NewReader(good))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", formType)
		if r := do(t, req); r.status != 400 || r.member(t, "error") != "invalid_request" {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}

func TestALargeBodyOfUnknownLengthIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := io.MultiReader(strings.NewReader("grant_type="), strings.NewReader(strings.Repeat("x", maxBody)))
	req, err := http.NewRequest(http.MethodPost, w.URL+"/auth/jwt", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formType)
	if r := do(t, req); r.status != 413 || r.member(t, "error") != "invalid_request" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestABodyThatBreaksOffIsTheCallersFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req, err := http.NewRequest(http.MethodPost, "/auth/jwt", io.MultiReader(strings.NewReader("grant_type=c"), brokenReader{}))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", formType)
	rec := httptest.NewRecorder()
	w.serve(rec, req)
	if rec.Code != 400 || !strings.Contains(rec.Body.String(), "invalid_request") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestThePolicyDecidesWhatAClientMayHave(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit   func(*Owner)
		status int
		code   string
	}{
		"no active policy":                {func(o *Owner) { o.Settings = nil }, 400, "unauthorized_client"},
		"a policy of another grant":       {func(o *Owner) { o.Settings.Issue.GrantType = issue.Password }, 400, "unauthorized_client"},
		"an algorithm without a key":      {func(o *Owner) { o.Settings.Issue.JWTSignatureAlgorithm = "XX999" }, 500, "server_error"},
		"a hash that is damaged":          {func(o *Owner) { o.SecretHash = "damaged" }, 500, "server_error"},
		"no hash, as a key pair not made": {func(o *Owner) { o.SecretHash = "" }, 500, "server_error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.edit(tt.edit)
			r := w.login(t, clientID, clientSecret)
			if r.status != tt.status || r.member(t, "error") != tt.code {
				t.Fatalf("%d %s, want %d %s", r.status, r.body, tt.status, tt.code)
			}
			checkHeaders(t, r)
			if logged := strings.Contains(w.said(), "token request failed"); logged != (tt.status == 500) {
				t.Errorf("logged: %v\n%s", logged, w.said())
			}
		})
	}
}

func TestWhetherAnOwnerHasAPolicyIsToldToItsClientOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit(func(o *Owner) { o.Settings = nil })
	if r := w.login(t, clientID, "wrong"); r.status != 401 || r.member(t, "error") != "invalid_client" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// unthrottled lets a table of wrong logins through.
func unthrottled(w *world) *logins {
	l := *w.logins
	l.names = guess.NewThrottle[[32]byte](guess.Rate{Burst: 1000, Every: time.Second}, w.clock)
	l.addresses = guess.NewThrottle[netip.Addr](guess.Rate{Burst: 1000, Every: time.Second}, w.clock)
	return &l
}
