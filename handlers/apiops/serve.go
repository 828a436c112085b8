package apiops

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// file is an answer that is no JSON.
type file struct {
	disposition, kind string
	content           []byte
}

// serve is the way of every request: who asks, in which project, whether they
// may, whether it is a repetition, then the operation.
func (a *API) serve(op operation) gin.HandlerFunc {
	return func(g *gin.Context) {
		c := &call{API: a, g: g, op: op}
		answer, err := a.admitted(c)
		if err != nil {
			a.fail(c, err)
			return
		}
		switch v := answer.(type) {
		case repeated:
			c.repeat(v)
		case nil:
			g.Status(op.success())
		case file:
			if v.disposition != "" {
				g.Header("Content-Disposition", v.disposition)
			}
			g.Data(op.success(), v.kind, v.content)
		default:
			g.JSON(op.success(), v)
		}
	}
}

// admitted asks for the operation's right, then runs it.
func (a *API) admitted(c *call) (any, error) {
	if c.op.right == visit.Public {
		return c.op.do(c)
	}
	if err := a.identify(c); err != nil {
		return nil, err
	}
	if !c.visit().Can(c.op.right) {
		return nil, errForbidden
	}
	if c.g.Param("projectName") != "" {
		var err error
		if c.project, err = a.Store.Project(c.ctx(), c.name("projectName")); err != nil {
			return nil, err
		}
	}
	if err := c.receive(); err != nil {
		return nil, err
	}
	if key := c.g.GetHeader("Idempotency-Key"); key != "" && c.op.writes() {
		return c.once(key)
	}
	return c.op.do(c)
}

// receive takes the JSON of an operation that is sent some, before anything is
// looked up: what is no JSON is refused in one place.
func (c *call) receive() error {
	if _, isForm := c.op.body.(form); isForm || c.op.body == nil {
		return nil
	}
	raw, err := io.ReadAll(c.g.Request.Body)
	switch {
	case err != nil:
		return err
	case len(raw) == 0 && c.op.optional:
		return nil
	case !isJSON(c.g.GetHeader("Content-Type")):
		return errMedia
	case !json.Valid(raw):
		return errNoJSON
	}
	c.sent = raw
	return nil
}

var (
	errMedia  = &refusal{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", text: "Send Content-Type: application/json."}
	errNoJSON = &refusal{status: http.StatusBadRequest, code: "bad_request", text: "The body is not JSON."}
)

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

func (c *call) visit() *visit.Visit { return visit.From(c.ctx()) }

func (c *call) by() models.Actor { return c.visit().Actor() }

// identify finds whose token it is, and what that person may do in the project
// that the path names.
func (a *API) identify(c *call) error {
	value, err := bearer(c.g.Request)
	if err != nil {
		return err
	}
	user, scope, err := a.Store.RedeemPersonalToken(c.ctx(), value)
	if isNotFound(err) {
		return errBadToken
	}
	if err != nil {
		return err
	}
	v := visit.New(user, c.correlation(), a.Client(c.g.Request), nil)
	within := models.Permissions(nil)
	if name := c.g.Param("projectName"); name != "" && user.Role == models.RoleMember {
		if within, err = a.Store.PermissionsIn(c.ctx(), user.ID, c.name("projectName")); err != nil {
			return err
		}
	}
	v.Enters(within)
	outside, err := c.outside(scope)
	if err != nil {
		return err
	}
	v.Limit(scope, outside)
	c.token = scope
	c.g.Request = c.g.Request.WithContext(visit.With(c.ctx(), v))
	return nil
}

// outside tells that a token for one project is used for something else.
func (c *call) outside(scope models.TokenScope) (bool, error) {
	if scope.ProjectID == "" {
		return false, nil
	}
	p, err := c.Store.Project(c.ctx(), c.name("projectName"))
	if isNotFound(err) {
		return true, nil
	}
	return p.ID != scope.ProjectID, err
}

// bearer is the token of the one Authorization header that a request may have
// (RFC 6750 section 2.1; no other way is offered).
func bearer(r *http.Request) (secret.Text, error) {
	lines := r.Header.Values("Authorization")
	if len(lines) == 0 {
		return secret.Text{}, errNoToken
	}
	scheme, value, _ := strings.Cut(lines[0], " ")
	if len(lines) > 1 || !strings.EqualFold(scheme, "Bearer") || value == "" || len(value) > 512 {
		return secret.Text{}, errBadToken
	}
	return secret.New(strings.TrimSpace(value)), nil
}
