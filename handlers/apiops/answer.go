package apiops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// done is what every success begins with: the keys of both generations of the
// management API (reference 6.1).
type done struct {
	Success bool   `json:"success" doc:"Always true."`
	Status  string `json:"status" enum:"SUCCESS" doc:"Always SUCCESS."`
}

func success() done { return done{Success: true, Status: "SUCCESS"} }

// listOf is an answer with several things.
type listOf[T any] struct {
	done
	ResultList  []T `json:"resultList"`
	ResultCount int `json:"resultCount" doc:"How many resultList holds."`
	TotalCount  int `json:"totalCount" doc:"How many there are on all pages."`
}

func listing[T any](list []T, total int) listOf[T] {
	if list == nil {
		list = []T{}
	}
	return listOf[T]{done: success(), ResultList: list, ResultCount: len(list), TotalCount: total}
}

// one is an answer with a single thing.
type one[T any] struct {
	done
	Result T `json:"result"`
}

func single[T any](v T) one[T] { return one[T]{success(), v} }

// failure is what every refusal is, the superset of both generations.
type failure struct {
	Success bool   `json:"success" doc:"Always false."`
	Status  string `json:"status" enum:"FAILURE" doc:"Always FAILURE."`
	// ResultMessage and Description are the same sentence.
	ResultMessage string         `json:"resultMessage" doc:"What is wrong and what would be right."`
	Error         string         `json:"error" enum:"bad_request,validation_failed,invalid_parameter,invalid_token,unauthorized_client,unsupported_grant_type,forbidden,not_found,method_not_allowed,conflict,duplicate_name,precondition_failed,payload_too_large,unsupported_media_type,too_many_requests,internal_error"`
	Description   string         `json:"error_description"`
	FieldErrors   []fieldProblem `json:"fieldErrors,omitempty" doc:"Everything that is wrong, by the fields as they were sent."`
	CorrelationID string         `json:"correlationId" doc:"Finds the request in logs and audit."`
}

type fieldProblem struct {
	Field   string `json:"field" doc:"Path of the member, such as policy.tokenExpiresInAmount; a query or path parameter by its name."`
	Message string `json:"message"`
}

// refusal is an error that knows its answer.
type refusal struct {
	status     int
	code, text string
	retryAfter int // seconds, 0 for none
}

func (r *refusal) Error() string { return r.text }

var (
	errMethod    = &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed", text: "This address does not take the method; the header Allow and the document at /apiops/openapi.json say which ones it takes."}
	errNoToken   = &refusal{status: http.StatusUnauthorized, code: "invalid_token", text: "Send a token in the header Authorization: Bearer. It comes from POST /apiops/auth/token or from your account page."}
	errBadToken  = &refusal{status: http.StatusUnauthorized, code: "invalid_token", text: "The token is unknown, expired or revoked."}
	errForbidden = &refusal{status: http.StatusForbidden, code: "forbidden", text: "Your role, or the scope of the token, does not allow this here."}
)

// conflict is a refusal because of what is there.
func conflict(format string, args ...any) error {
	return &refusal{status: http.StatusConflict, code: "conflict", text: fmt.Sprintf(format, args...)}
}

// invalid is one wrong field.
func invalid(field, format string, args ...any) error {
	return problem.List{{Field: field, Message: fmt.Sprintf(format, args...)}}
}

// fail answers an error. What has no meaning for the caller is logged once and
// answered with its correlation id.
func (a *API) fail(c *call, err error) {
	status, f := a.failureOf(c, err)
	f.Status, f.CorrelationID = "FAILURE", c.correlation()
	f.Description = f.ResultMessage
	var r *refusal
	if errors.As(err, &r) && r.retryAfter > 0 {
		c.g.Header("Retry-After", fmt.Sprint(r.retryAfter))
	}
	if status == http.StatusUnauthorized {
		challenge := `Bearer realm="gatewright"`
		if err == errBadToken {
			challenge += `, error="invalid_token"`
		}
		c.g.Header("WWW-Authenticate", challenge)
	}
	c.g.JSON(status, f)
}

func (c *call) correlation() string { return c.g.Request.Header.Get("X-Correlation-Id") }

func (a *API) failureOf(c *call, err error) (int, failure) {
	var r *refusal
	var stale *models.StaleError
	var tooLarge *http.MaxBytesError
	switch list := problem.Of(err); {
	case errors.As(err, &r):
		return r.status, failure{Error: r.code, ResultMessage: r.text}
	case list != nil:
		return invalidFields(list)
	case errors.As(err, &stale) && stale.Deleted:
		return http.StatusNotFound, failure{Error: "not_found", ResultMessage: fmt.Sprintf("%s was deleted by %s.", stale.Name, stale.By)}
	case errors.As(err, &stale):
		return http.StatusConflict, failure{Error: "conflict", ResultMessage: fmt.Sprintf("%s was changed by %s meanwhile; read it again and repeat.", stale.Name, stale.By)}
	case errors.Is(err, models.ErrStale):
		return http.StatusConflict, failure{Error: "conflict", ResultMessage: "It was changed meanwhile; read it again and repeat."}
	case errors.Is(err, models.ErrNotFound):
		return http.StatusNotFound, failure{Error: "not_found", ResultMessage: "There is nothing at this address; names are part of it."}
	case errors.Is(err, models.ErrForbidden):
		return http.StatusForbidden, failure{Error: "forbidden", ResultMessage: "This cannot be done by anybody."}
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, failure{Error: "payload_too_large", ResultMessage: fmt.Sprintf("Send at most %d bytes.", tooLarge.Limit)}
	case errors.Is(err, context.Canceled) && c.ctx().Err() != nil:
		return 499, failure{Error: "bad_request", ResultMessage: "The caller has gone."}
	}
	a.Logger.Error("management API request failed", "error", err, "method", c.g.Request.Method, "path", c.g.Request.URL.Path, "correlationId", c.correlation())
	return http.StatusInternalServerError, failure{Error: "internal_error", ResultMessage: errServer}
}

// ServerError answers for a panic, outside of gin.
func (a *API) ServerError(w http.ResponseWriter, r *http.Request) {
	f := failure{Status: "FAILURE", Error: "internal_error", ResultMessage: errServer, Description: errServer, CorrelationID: r.Header.Get("X-Correlation-Id")}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_ = json.NewEncoder(w).Encode(f) // the caller has gone; nobody is left to tell
}

const errServer = "Something went wrong; the correlation id finds it in the log."

// invalidFields is 400 with every field, or 409 where all that is wrong is that
// something else has the value.
func invalidFields(list problem.List) (int, failure) {
	f := failure{Error: "validation_failed", ResultMessage: list.Error()}
	taken := true
	for _, p := range list {
		f.FieldErrors = append(f.FieldErrors, fieldProblem{p.Field, p.Message})
		taken = taken && p.Taken
	}
	if taken {
		f.Error = "duplicate_name"
		return http.StatusConflict, f
	}
	return http.StatusBadRequest, f
}
