package token

import (
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/secret"
)

// Limits of a token request. A real one has a dozen parameters at most.
const (
	maxBody       = 64 << 10
	maxParameters = 100
)

// request is a request to the token service, parsed once for the whole
// pipeline. Secrets are in no other place than here.
type request struct {
	door door
	// tokenEndpoint tells the token endpoint from the others.
	tokenEndpoint bool

	method, grant, clientID, username, scope, resource string

	secret, userSecret, refresh, token secret.Text
	// bearer is the access token of an Authorization header; it authenticates
	// no client.
	bearer string
	// query tells that parameters came in the query.
	query bool
}

// urlParameters tells a request that only allowUrlParameters allows (D13).
func (q *request) urlParameters() bool { return q.query || q.method == http.MethodGet }

// notInURL refuses it. Queries end in access logs and browser histories.
func (q *request) notInURL() *failure {
	if q.method == http.MethodGet {
		return wrongMethod()
	}
	return malformed("Send the parameters in the body, not in the query.")
}

// parse reads what RFC 6749 allows and nothing else. The request comes also with
// a failure, as far as it was read.
func parse(w http.ResponseWriter, r *http.Request) (*request, *failure) {
	q := &request{method: r.Method, query: r.URL.RawQuery != "" || r.URL.ForceQuery}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return q, wrongMethod()
	}
	form, f := readParameters(w, r)
	if f != nil {
		return q, f
	}
	q.take(form)
	return q, q.readAuthorization(r.Header.Values("Authorization"))
}

// take moves the parameters to where each belongs.
func (q *request) take(form url.Values) {
	q.grant, q.clientID, q.username = form.Get("grant_type"), form.Get("client_id"), form.Get("username")
	q.scope, q.resource = form.Get("scope"), form.Get("resource")
	q.secret, q.userSecret = secret.New(form.Get("client_secret")), secret.New(form.Get("password"))
	q.refresh, q.token = secret.New(form.Get("refresh_token")), secret.New(form.Get("token"))
}

// readParameters joins body and query; the body wins (reference 3.4). Whether a
// query is allowed is for the client's settings to say.
func readParameters(w http.ResponseWriter, r *http.Request) (url.Values, *failure) {
	form, f := parseForm(r.URL.RawQuery)
	if f != nil {
		return nil, f
	}
	if r.Method == http.MethodGet || r.URL.RawQuery != "" && r.ContentLength == 0 {
		return form, nil
	}
	if f := checkForm(r); f != nil {
		return nil, f
	}
	body, f := readForm(w, r)
	if f != nil {
		return nil, f
	}
	maps.Copy(form, body)
	return form, nil
}

// checkForm looks at everything that can be told without the body.
func checkForm(r *http.Request) *failure {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 || mediaType(types[0]) != "application/x-www-form-urlencoded" {
		return malformed("Send the parameters as application/x-www-form-urlencoded.")
	}
	if r.ContentLength > maxBody {
		return tooLarge()
	}
	return nil
}

// mediaType leaves out parameters such as charset, right or wrong: the
// percent-encoded body is ASCII in any of them.
func mediaType(field string) string {
	t, _, err := mime.ParseMediaType(field)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return t
}

func tooLarge() *failure {
	f := malformed("The request is too large.")
	f.status = http.StatusRequestEntityTooLarge
	return f
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *failure) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge()
	case err != nil:
		return nil, malformed("The body could not be read.")
	}
	return parseForm(string(body))
}

// parseForm refuses a repeated parameter: two readers of one request would
// otherwise see two different ones (RFC 6749 section 3.2). One without a value
// counts as omitted, as the same section asks.
func parseForm(body string) (url.Values, *failure) {
	if strings.Count(body, "&") >= maxParameters {
		return nil, malformed("There are too many parameters.")
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, malformed("The body is not a valid form.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, malformed("Send each parameter once.")
		}
		if values[0] == "" {
			delete(form, name)
		}
	}
	return form, nil
}

// readAuthorization takes the client's credentials from the header if they are
// there (section 2.3.1), or the access token that is to be regenerated. Any other
// scheme is none of ours: such a header is ignored.
func (q *request) readAuthorization(fields []string) *failure {
	if len(fields) > 1 {
		return malformed("Send one Authorization header.")
	}
	if len(fields) == 0 {
		return nil
	}
	scheme, credentials, _ := strings.Cut(fields[0], " ")
	credentials = strings.TrimLeft(credentials, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return q.readBasic(credentials)
	case strings.EqualFold(scheme, "Bearer"):
		q.bearer = credentials
	}
	return nil
}

func (q *request) readBasic(credentials string) *failure {
	if !q.secret.IsZero() {
		return malformed("Authenticate the client by the Authorization header or by the body, not by both.")
	}
	id, password, ok := decodeBasic(credentials)
	if !ok {
		return refusedClient("the Basic credentials cannot be decoded", fault.ClientRefused)
	}
	// Repeating the client id in the body authenticates nothing and many
	// clients do it; naming another one is a mixture.
	if q.clientID != "" && q.clientID != id {
		return malformed("The Authorization header and the body name different clients.")
	}
	q.clientID, q.secret = id, secret.New(password)
	return nil
}

// decodeBasic undoes base64 and then the form encoding of both halves, which
// section 2.3.1 asks for on top of RFC 7617.
func decodeBasic(credentials string) (id, password string, ok bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(credentials)
	if err != nil {
		return "", "", false
	}
	id, password, ok = strings.Cut(string(raw), ":")
	if !ok {
		return "", "", false
	}
	id, errID := url.QueryUnescape(id)
	password, errPassword := url.QueryUnescape(password)
	return id, password, errID == nil && errPassword == nil
}
