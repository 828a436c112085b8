package engine

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/wire"
)

// customize compiles the catalogue of the installation. It was checked when it
// was saved; should a row not compile nevertheless, its standard message is given
// and traffic goes on.
func (s *Snapshot) customize(b Bundle, log *slog.Logger) {
	var good []fault.Message
	for _, m := range b.Messages {
		resolved, err := resolveMessage(m, b.Values)
		if err == nil {
			_, err = fault.CompileMessages([]fault.Message{resolved}, b.Values)
		}
		if err == nil {
			good = append(good, resolved)
		} else if log != nil {
			log.Error("a customized error message cannot be used", "environment", b.Environment, "error_type", m.Type, "error", err)
		}
	}
	s.messages, _ = fault.CompileMessages(good, b.Values) // each has compiled
}

// resolveMessage puts environment variables into the conditions of its rules.
func resolveMessage(m fault.Message, values map[string]string) (fault.Message, error) {
	rules := make([]fault.Rule, len(m.Rules))
	for i, r := range m.Rules {
		var wrong error
		resolved, l := r.Condition.Resolve(
			func(string) (condition.Variable, bool) { return condition.Variable{}, false },
			func(name string) (string, bool) { v, ok := values[name]; return v, ok },
		)
		if wrong = l.Err(); wrong != nil {
			return m, wrong
		}
		r.Condition = resolved
		rules[i] = r
	}
	m.Rules = rules
	return m, nil
}

// maxFramed is how much of an API's own error a template shows.
const maxFramed = 64 << 10

// frame puts an error of the API into the proxy's template, where the proxy wants
// that.
func (c *call) frame(res *wire.Answer) error {
	frames := c.frames()
	if frames == nil || !frames.Upstream || res.StatusCode < http.StatusBadRequest || res.Body == nil {
		return nil
	}
	f := fault.Facts{Request: &c.x.Request}
	if res.Fields.Get("Content-Encoding") == "" {
		var err error
		if f.Response, err = io.ReadAll(io.LimitReader(res.Body, maxFramed)); err != nil {
			return err
		}
	}
	a, ok := frames.Framed(res.StatusCode, f)
	if !ok {
		res.Body = rest{io.MultiReader(bytes.NewReader(f.Response), res.Body), res.Body}
		return nil
	}
	_ = res.Body.Close() // what it says beyond that is not shown
	replaceBody(res, &a)
	return nil
}

// rest is a body of which something was read already.
type rest struct {
	io.Reader
	io.Closer
}

// replaceBody leaves nothing that was about the other body.
func replaceBody(res *wire.Answer, a *fault.Answer) {
	for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Range", "Content-Md5",
		"Accept-Ranges", "Etag", "Last-Modified", "Digest", "Content-Digest", "Repr-Digest", "Trailer"} {
		res.Fields.Del(name)
	}
	res.Trailer = nil
	res.Fields.Set("Content-Type", a.ContentType)
	res.Fields.Set("Content-Length", strconv.Itoa(len(a.Body)))
	res.Fields.Set("X-Content-Type-Options", "nosniff")
	res.ContentLength = int64(len(a.Body))
	res.Body = io.NopCloser(bytes.NewReader(a.Body))
}
