package apiops

import (
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// How one gets in (reference 6.1): a token for name and password, and two
// addresses to try whether it works.

func (a *API) accessOperations() []operation {
	return []operation{
		{
			method: http.MethodPost, path: Prefix + "auth/token", id: "issueToken", tag: "Access", summary: "Get a token for a name and a password",
			text:  "The name and the password of a console user, as a client of RFC 6749 section 4.4. Errors are those of section 5.2.",
			right: visit.Public, body: tokenForm, result: tokenAnswer{}, also: []int{http.StatusUnauthorized, http.StatusTooManyRequests}, do: a.issueToken,
		},
		{
			method: http.MethodGet, path: Prefix + "test/healthcheck", id: "healthcheck", tag: "Access", summary: "Ask whether the API is there", right: visit.Public,
			produces: "text/plain", do: func(*call) (any, error) { return file{kind: "text/plain; charset=utf-8", content: []byte("OK")}, nil },
		},
		{
			method: http.MethodGet, path: Prefix + "test/hello/{name}", id: "hello", tag: "Access", summary: "Try whether a token works", right: visit.SignedIn,
			result: greeting{},
			do: func(c *call) (any, error) {
				return greeting{success(), "Hello " + c.name("name"), c.visit().User.Name}, nil
			},
		},
		{
			method: http.MethodGet, path: Prefix + "openapi.json", id: "openapi", tag: "Access", summary: "This document", right: visit.Public,
			produces: "application/json", do: func(*call) (any, error) { return file{kind: "application/json", content: a.document()}, nil },
		},
	}
}

type greeting struct {
	done
	Message string `json:"message"`
	User    string `json:"user" doc:"Whose token it is."`
}

var tokenForm = form{fields: []formField{
	{name: "grant_type", required: true, enum: []string{"client_credentials"}},
	{name: "client_id", required: true, text: "Name of a console user."},
	{name: "client_secret", required: true, text: "The user's password."},
}}

// tokenAnswer is RFC 6749 section 5.1.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type" enum:"Bearer"`
	ExpiresIn   int    `json:"expires_in" doc:"Seconds."`
}

const maxCredential = 1024

var (
	errGrant    = &refusal{status: http.StatusBadRequest, code: "unsupported_grant_type", text: "Send grant_type=client_credentials."}
	errPassword = &refusal{status: http.StatusUnauthorized, code: "unauthorized_client", text: "The name or the password is wrong, or the user may not sign in."}
	// Only whoever knows the password reads this.
	errOwnPassword = &refusal{status: http.StatusUnauthorized, code: "unauthorized_client", text: "Sign in to the console and choose a password of your own first; this one was generated."}
)

func (a *API) issueToken(c *call) (any, error) {
	fields, err := c.form()
	if err != nil {
		return nil, err
	}
	if fields.Get("grant_type") != "client_credentials" {
		return nil, errGrant
	}
	name, password := fields.Get("client_id"), secret.New(fields.Get("client_secret"))
	if name == "" || password.IsZero() || len(name) > maxCredential || len(password.Reveal()) > maxCredential {
		return nil, invalid("client_id", "Send client_id and client_secret, the name and the password of a console user.")
	}
	client := a.Client(c.g.Request)
	if wait := a.Throttle.Wait(name, client.String()); wait > 0 {
		n := int(math.Ceil(wait.Seconds()))
		return nil, &refusal{status: http.StatusTooManyRequests, code: "too_many_requests", text: fmt.Sprintf("Too many failed attempts; wait %d s.", n), retryAfter: n}
	}
	user, ok, err := a.Store.Authenticate(c.ctx(), name, password, client, c.correlation())
	if err != nil && !errors.Is(err, models.ErrDirectory) { // which is refused like a wrong password: it may be one
		return nil, err
	}
	if ok && user.MustChangePassword {
		return nil, errOwnPassword
	}
	if !ok {
		a.Throttle.Failed(name, client.String())
		return nil, errPassword
	}
	a.Throttle.Succeeded(name, client.String())
	token, _, err := a.Store.IssueAPIToken(c.ctx(), user)
	if err != nil {
		return nil, err
	}
	c.g.Header("Cache-Control", "no-store")
	return tokenAnswer{token.Reveal(), "Bearer", int(models.APITokenLife.Seconds())}, nil
}

// form reads a form that was posted, never the query: what stands in an address
// is logged on its way. Many generated clients send every form as multipart,
// whatever the document says, so that is taken too.
func (c *call) form() (url.Values, error) {
	media, _, err := mime.ParseMediaType(c.g.GetHeader("Content-Type"))
	parse := c.g.Request.ParseForm
	switch {
	case err == nil && media == "application/x-www-form-urlencoded":
	case err == nil && media == "multipart/form-data":
		// More than the whole body may hold, so that nothing is written to the disk.
		parse = func() error { return c.g.Request.ParseMultipartForm(4 << 20) }
	default:
		return nil, &refusal{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", text: "Send Content-Type: application/x-www-form-urlencoded."}
	}
	var tooLarge *http.MaxBytesError
	switch err := parse(); {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, code: "bad_request", text: "The body is not a form."}
	}
	return c.g.Request.PostForm, nil
}
