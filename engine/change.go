package engine

import (
	"log/slog"
	"net/textproto"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/wire"
)

// stopped is an answer of the API that a policy does not let through.
type stopped struct {
	by  *step
	err error
}

func (s *stopped) Error() string { return "policy " + s.by.name + ": " + s.err.Error() }

// changeRequest makes the changes that policies have written down for the
// outgoing request. They never write what the gateway says of the caller,
// whatever the order of the policies: a field that a policy strips or sets, or
// that tells the identity anywhere in the owner, is not there until it is set
// (D14).
func (c *call) changeRequest(f *wire.Fields) {
	for _, change := range c.x.Changes {
		if c.introduces(change.Name) {
			removeFields(f, change.Name, sameField)
			continue
		}
		apply(f, change, sameField)
	}
}

func (c *call) introduces(name string) bool {
	same := func(own string) bool { return sameField(own, name) }
	return slices.ContainsFunc(c.x.Strip, same) || slices.ContainsFunc(c.route.owner.identity, same)
}

// changeAnswer runs the response line on an answer of the API, whatever its
// status; its body goes by untouched. A policy that stops or breaks there ends
// the call with an error: it was to hide something, or to refuse.
func (c *call) changeAnswer(res *wire.Answer) error {
	steps := c.route.operation.response
	if len(steps) == 0 {
		return nil
	}
	c.x.Answer = res.Fields
	defer func() { c.x.Answer = nil }()
	if by, err := c.runAnswer(policy.Response, steps, res.StatusCode, res.Fields); err != nil {
		return &stopped{by, err}
	}
	return nil
}

// changeError runs the error line on an answer of the gateway's own, whose body
// has been built. A policy that fails there is left out: the answer says nothing
// that would have to be hidden.
func (c *call) changeError(status int) {
	steps := c.errorLine()
	if len(steps) == 0 {
		return
	}
	c.name()
	for len(steps) > 0 {
		by, err := c.runAnswer(policy.Error, steps, status, c.fields)
		if err == nil {
			return
		}
		c.note(slog.LevelError, "a policy of the error line failed", by, err)
		steps = after(steps, by)
	}
}

func after(steps []step, by *step) []step {
	for i := range steps {
		if &steps[i] == by {
			return steps[i+1:]
		}
	}
	return nil
}

// errorLine is that of the operation, else that of the owner that was called.
func (c *call) errorLine() []step {
	switch {
	case c.route.operation != nil:
		return c.route.operation.errors
	case c.route.owner != nil:
		return c.route.owner.errors
	}
	return nil
}

// runAnswer ends at the first error and tells whose it is. What a policy has
// changed the next one's condition sees.
func (c *call) runAnswer(lane policy.Pipeline, steps []step, status int, f *wire.Fields) (*step, error) {
	content := c.x.Content
	c.x.Status, c.x.Content = status, nil
	defer func() { c.x.Status, c.x.Content = 0, content }()
	for i := range steps {
		c.x.Changes = c.x.Changes[:0]
		end := begun(c.trace, lane, &steps[i])
		undecided, err := steps[i].answer(&c.x)
		end.with(err)
		if undecided != nil {
			c.note(slog.LevelWarn, "a condition cannot be decided, so its policy applies", &steps[i], undecided)
		}
		if err != nil {
			return &steps[i], err
		}
		for _, change := range c.x.Changes {
			apply(f, change, strings.EqualFold)
		}
	}
	return nil, nil
}

// answer is do for an answer. A condition that cannot be decided counts as met:
// an answer of the API, for which it has done its work, is not lost over it, and
// a policy that hides a header still hides it. Nothing is opened by that: whoever
// can send a value that is no number can also send one that meets the rule.
func (s *step) answer(x *policy.Exchange) (undecided, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &broken{v, debug.Stack()}
		}
	}()
	if !s.when.Always() {
		x.Introduce()
		met, why := s.when.Met(&x.Request)
		if why == nil && !met {
			return nil, nil
		}
		undecided = why
	}
	return undecided, s.run.Do(x)
}

// note logs what befell a policy on an answer, with the id that the caller can
// tell.
func (c *call) note(level slog.Level, message string, by *step, err error) {
	group, proxy := c.names()
	c.g.log.LogAttrs(c.r.Context(), level, message, slog.String("correlation_id", c.id),
		slog.String("project", c.route.owner.project), slog.String("group", group), slog.String("proxy", proxy),
		slog.String("policy", by.name), slog.Any("error", err))
}

// apply makes one change. same tells which names are one: a backend may read more
// of them as one than a caller.
func apply(f *wire.Fields, c policy.Change, same func(a, b string) bool) {
	if c.Action != policy.AddField {
		removeFields(f, c.Name, same)
	}
	if c.Action != policy.RemoveField {
		f.Add(textproto.CanonicalMIMEHeaderKey(c.Name), c.Value)
	}
}

func removeFields(f *wire.Fields, name string, same func(a, b string) bool) {
	f.DelFunc(func(i int) bool { return same(f.Name(i), name) })
}
