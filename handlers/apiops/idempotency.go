package apiops

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/gatewright/gatewright/models"
)

// maxKey bounds an Idempotency-Key.
const maxKey = 255

// repeated is the first answer to a request, given again.
type repeated struct{ models.KeptAnswer }

// once carries a write out unless the same one with the same key was: then its
// answer comes again (draft-ietf-httpapi-idempotency-key-header). Only what
// changed something is kept; a refused request can be mended and sent again.
func (c *call) once(key string) (any, error) {
	if len(key) > maxKey {
		return nil, invalid("Idempotency-Key", "Give at most %d characters.", maxKey)
	}
	fingerprint, err := c.fingerprint()
	if err != nil {
		return nil, err
	}
	user := c.visit().User.ID
	state, kept, err := c.Store.ClaimKey(c.ctx(), user, key, fingerprint)
	if err != nil {
		return nil, err
	}
	switch state {
	case models.KeyAnswered:
		return repeated{kept}, nil
	case models.KeyOther:
		return nil, &refusal{status: http.StatusUnprocessableEntity, code: "bad_request", text: "The Idempotency-Key was used with another request; choose a new one."}
	case models.KeyUnderWay:
		return nil, &refusal{status: http.StatusConflict, code: "conflict", text: "The request with this Idempotency-Key is still under way; ask again in a moment.", retryAfter: 1}
	}
	answer, err := c.op.do(c)
	if _, isFile := answer.(file); err != nil || isFile { // what answers a file changes nothing
		return answer, errors.Join(err, c.Store.ReleaseKey(c.ctx(), user, key))
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	err = c.Store.KeepAnswer(c.ctx(), user, key, models.KeptAnswer{Status: c.op.success(), ETag: c.g.Writer.Header().Get("ETag"), Body: raw})
	if err != nil { // it is done and answered; only a repetition would not know
		c.Logger.Error("answer not kept for its idempotency key", "error", err, "correlationId", c.correlation())
	}
	return answer, nil
}

// fingerprint tells requests apart by all that decides what they do.
func (c *call) fingerprint() ([]byte, error) {
	h := sha256.New()
	for _, part := range []string{c.g.Request.Method, c.g.Request.URL.RequestURI(), c.g.GetHeader("If-Match"), string(c.sent)} {
		_, _ = h.Write([]byte(part + "\x00")) // a hash takes everything
	}
	if _, isForm := c.op.body.(form); isForm {
		body, err := io.ReadAll(c.g.Request.Body)
		if err != nil {
			return nil, err
		}
		c.g.Request.Body = io.NopCloser(bytes.NewReader(body))
		_, _ = h.Write(body)
	}
	return h.Sum(nil), nil
}

// repeat answers as the first time.
func (c *call) repeat(r repeated) {
	if r.ETag != "" {
		c.g.Header("ETag", r.ETag)
	}
	c.g.Header("Idempotent-Replayed", "true")
	c.g.Data(r.Status, "application/json; charset=utf-8", r.Body)
}
