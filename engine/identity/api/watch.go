package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jsonpath"
	"github.com/gatewright/gatewright/engine/secret"
)

const (
	maxShown = 160 // characters of one value in a report
	hidden   = "[hidden]"
)

// watch writes down how a test goes. A nil watch, that of ordinary logins,
// writes nothing.
type watch struct {
	steps []identity.Step
	last  time.Time
	// name is shown even when it is the password as well.
	name  string
	hides []string
}

func newWatch(name string, secrets ...secret.Text) *watch {
	w := &watch{last: time.Now(), name: name}
	for i, s := range secrets {
		if s.IsZero() {
			continue
		}
		w.hide(s.Reveal())
		if i == 0 { // the password, which Basic carries with the name
			w.hide(base64.StdEncoding.EncodeToString([]byte(name + ":" + s.Reveal())))
		}
	}
	return w
}

// hide keeps a value out of the report in each spelling that a request gives
// it, as services echo what they were asked.
func (w *watch) hide(value string) {
	quoted, _ := json.Marshal(value) // a string always has JSON
	w.hides = append(w.hides, value, percent(value), string(quoted[1:len(quoted)-1]))
}

// mask hides every place of every secret as the text has it: hidden one after the
// other, a password that holds a part of the secret would leave the rest of it.
func (w *watch) mask(text string) string {
	if text == w.name {
		return text
	}
	ends := map[int]int{} // of the longest secret that begins there
	for _, h := range w.hides {
		for from, at := 0, 0; at >= 0; from += at + 1 {
			if at = strings.Index(text[from:], h); at >= 0 {
				ends[from+at] = max(ends[from+at], from+at+len(h))
			}
		}
	}
	return cover(text, ends)
}

// cover writes one sign of something hidden for each run of bytes that is.
func cover(text string, ends map[int]int) string {
	var b strings.Builder
	until := 0
	for at := range len(text) {
		end := ends[at]
		if end > 0 && at >= until {
			b.WriteString(hidden)
		}
		if until = max(until, end); at >= until {
			b.WriteByte(text[at])
		}
	}
	return b.String()
}

// shown is a value as a report shows it: masked before it is cut, so that half
// a secret is not left.
func (w *watch) shown(text string) string {
	text = w.mask(strings.ToValidUTF8(text, "?"))
	if r := []rune(text); len(r) > maxShown {
		return string(r[:maxShown]) + "..."
	}
	return text
}

func (w *watch) step(ok bool, text, format string, args ...any) {
	if w == nil {
		return
	}
	now := time.Now()
	w.steps = append(w.steps, identity.Step{Text: text, OK: ok, Detail: w.shown(fmt.Sprintf(format, args...)), Took: now.Sub(w.last)})
	w.last = now
}

// answered is the end of the request.
func (w *watch) answered(a *answer, err error) {
	if w == nil || err != nil {
		return // the error is the last step of the test
	}
	w.step(true, "Request", "%s", outcome(a, nil))
}

func outcome(a *answer, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("The service answered %d with %d bytes", a.status, len(a.body))
}

func (w *watch) assertion(c *check, ok bool, seen []any) {
	if w == nil {
		return
	}
	w.step(ok, "Assertion: "+w.shown(c.String()), "%s", evidence(c, ok, seen))
}

// evidence is what an assertion saw. Of a body it says only whether the text is
// there: raw JSON could spell a password in more ways than could be hidden.
func evidence(c *check, ok bool, seen []any) string {
	switch {
	case c.Kind == BodyContains && ok:
		return "found"
	case c.Kind == BodyContains:
		return "not found"
	case len(seen) == 0:
		return "nothing there"
	}
	var texts []string
	for _, v := range seen {
		texts = append(texts, jsonpath.Text(v))
	}
	return "seen: " + strings.Join(texts, ", ")
}

func (w *watch) roles(kept, left []string) {
	if len(left) > 0 {
		w.step(false, "Roles left out", "%s: %s", strings.Join(left, " | "), identity.RoleProblem(left[0]))
	}
	w.step(true, "Roles", "%s", strings.Join(kept, ", "))
}

// identity is an identity with nothing secret in it.
func (w *watch) identity(id identity.Identity) identity.Identity {
	out := identity.Identity{Name: w.mask(id.Name)}
	for _, r := range id.Roles {
		out.Roles = append(out.Roles, w.mask(r))
	}
	out.Claims, _ = w.value(id.Claims).(map[string]any)
	out.Response, _ = w.value(id.Response).(map[string]any)
	return out
}

// value copies a JSON value, masking its texts.
func (w *watch) value(v any) any {
	switch v := v.(type) {
	case string:
		return w.mask(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = w.value(v[i])
		}
		return out
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for k := range v {
			out[w.mask(k)] = w.value(v[k])
		}
		return out
	}
	return v
}
