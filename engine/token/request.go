package token

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatewright/gatewright/engine/secret"
)

// Limits of a token request. A real one has a dozen parameters at most.
const (
	maxBody       = 64 << 10
	maxParameters = 100
)

// request is a token request, parsed once for the whole pipeline.
type request struct {
	grant    string
	clientID string
	secret   secret.Text
	form     url.Values // each name has one value that is not empty
}

// parse reads what RFC 6749 allows and nothing else.
func parse(w http.ResponseWriter, r *http.Request) (*request, *failure) {
	if f := checkForm(r); f != nil {
		return nil, f
	}
	form, f := readForm(w, r)
	if f != nil {
		return nil, f
	}
	q := &request{grant: form.Get("grant_type"), form: form}
	if f := q.readClient(r.Header.Values("Authorization")); f != nil {
		return q, f
	}
	return q, nil
}

// checkForm looks at everything that can be told without the body.
func checkForm(r *http.Request) *failure {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 || mediaType(types[0]) != "application/x-www-form-urlencoded" {
		return malformed("Send the parameters as application/x-www-form-urlencoded.")
	}
	// Queries end in access logs and browser histories (D13).
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return malformed("Send the parameters in the body, not in the query.")
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

// readClient takes the client's credentials from the header or from the body
// (section 2.3.1). A scheme other than Basic is none of ours: such a header is
// ignored.
func (q *request) readClient(authorization []string) *failure {
	q.clientID, q.secret = q.form.Get("client_id"), secret.New(q.form.Get("client_secret"))
	q.form.Del("client_secret") // from here on it exists as secret.Text alone
	if len(authorization) > 1 {
		return malformed("Send one Authorization header.")
	}
	if len(authorization) == 0 {
		return nil
	}
	scheme, credentials, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil
	}
	return q.readBasic(strings.TrimLeft(credentials, " "))
}

func (q *request) readBasic(credentials string) *failure {
	if !q.secret.IsZero() {
		return malformed("Authenticate the client by the Authorization header or by the body, not by both.")
	}
	id, password, ok := decodeBasic(credentials)
	if !ok {
		return refusedClient("the Basic credentials cannot be decoded")
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
