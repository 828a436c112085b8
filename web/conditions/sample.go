package conditions

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// samplePrefix begins the fields of the sample request. They are part of no policy.
const samplePrefix = "sample."

// Try has a saved condition tried on the sample request that was sent; nil is none. Whatever else was sent is left.
func Try(v, sent map[string]string) {
	if sent == nil {
		return
	}
	for name, text := range sent {
		if strings.HasPrefix(name, samplePrefix) {
			v[name] = text
		}
	}
	v["change"] = testIt
	takeCurl(v)
}

// trial is what became of the condition for the sample request.
type trial struct {
	outcome  *condition.Outcome
	cond     condition.Condition // as asked, with the project's variables in it
	problems problem.List        // of the condition, which keep it from being asked
	sample   problem.List        // of the sample request
	err      string
	answer   bool // the sample has an answer: the condition is asked as in the response lane
}

func try(p Props, c condition.Condition, unread problem.List) *trial {
	t := &trial{problems: unread}
	if len(unread) > 0 {
		return t
	}
	t.problems.Append(jsonName, c.Validate())
	if len(t.problems) > 0 {
		return t
	}
	e := p.environment()
	if t.problems = e.lacks(c); len(t.problems) > 0 {
		return t
	}
	var l problem.List
	t.cond, l = c.Resolve(p.variable, e.value)
	t.problems.Append(jsonName, l)
	var q *condition.Request
	if q, t.sample = request(p); len(t.problems)+len(t.sample) > 0 {
		return t
	}
	t.answer = q.Status != 0
	out, err := t.cond.Trace(q)
	if err != nil {
		t.err = err.Error()
		return t
	}
	t.outcome = &out
	return t
}

func (p Props) variable(name string) (condition.Variable, bool) {
	if p.Variable == nil {
		return condition.Variable{}, false
	}
	return p.Variable(name)
}

// request is the sample as the engine would see it.
func request(p Props) (*condition.Request, problem.List) {
	var l problem.List
	text := func(field string) string { return strings.TrimSpace(p.Values[samplePrefix+field]) }
	if msg := p.Values[samplePrefix+"problem"]; msg != "" {
		l.Add(samplePrefix+"curl", "%s", msg)
	}
	u, err := url.Parse(orElse(text("path"), "/"))
	if err != nil || u.Opaque != "" {
		l.Add(samplePrefix+"path", "Enter a path such as /orders/7?status=open, or an address.")
		return nil, l
	}
	h := headers(&l, "headers", p.Values[samplePrefix+"headers"])
	body := strings.ReplaceAll(p.Values[samplePrefix+"body"], "\r\n", "\n")
	if body != "" && h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	q := &condition.Request{
		Method: strings.ToUpper(orElse(text("method"), http.MethodGet)), Path: orElse(u.EscapedPath(), "/"), DecodedPath: orElse(u.Path, "/"), RawQuery: u.RawQuery,
		Host: orElse(u.Hostname(), host(h.Get("Host"))), Scheme: orElse(u.Scheme, "https"), Protocol: "HTTP/1.1", Header: h,
		BasePath: text("base"), Subject: text("user"), FullName: text("fullName"), Email: text("email"), Roles: list(text("roles")), Time: p.Now,
		Country: func(*condition.Request) string { return strings.ToUpper(text("country")) },
		Content: func() ([]byte, error) { return []byte(body), nil },
	}
	h.Del("Host")
	if address := text("address"); address != "" {
		if q.Client, err = netip.ParseAddr(address); err != nil {
			l.Add(samplePrefix+"address", "Enter an address such as 192.0.2.10.")
		}
	}
	answer(&l, p, q)
	return q, l
}

// answer is that of the API, where the sample has one: only policies of the response
// and error lanes see it.
func answer(l *problem.List, p Props, q *condition.Request) {
	status, fields := strings.TrimSpace(p.Values[samplePrefix+"status"]), p.Values[samplePrefix+"answer"]
	if status == "" && strings.TrimSpace(fields) == "" {
		return
	}
	n, err := strconv.Atoi(orElse(status, "200"))
	if err != nil || n < 100 || n > 599 {
		l.Add(samplePrefix+"status", "Enter a status such as 200.")
	}
	q.Status = n
	if h := headers(l, "answer", fields); len(h) > 0 { // nil in the error lane, where the header is the request's
		q.Answer = h
	}
}

func host(text string) string {
	if name, _, err := net.SplitHostPort(text); err == nil {
		return name
	}
	return text
}

// headers reads one header a line of a field.
func headers(l *problem.List, field, text string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			l.Add(samplePrefix+field, "Write one header a line, such as X-Environment: production.")
			return h
		}
		h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return h
}

func list(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// state is how a rule came out, in a word.
func state(o condition.Outcome) string {
	switch {
	case o.Err != nil:
		return "Error"
	case o.Met:
		return "True"
	}
	return "False"
}

func stateIcon(o condition.Outcome) string {
	return map[string]string{"Error": "danger", "True": "check", "False": "cross"}[state(o)]
}

// saw says which values a comparison had before it.
func saw(o condition.Outcome, r *condition.Rule) string {
	text := "saw " + seen(o.First)
	if o.Err != nil {
		text = o.Err.Error() + ": " + text
	}
	if r != nil && r.Source == condition.FromVariable {
		text += " and " + seen(o.Second)
	}
	return text
}

// seen quotes a value; a long one is cut.
func seen(value *string) string {
	const most = 200
	if value == nil {
		return "nothing"
	}
	if runes := []rune(*value); len(runes) > most {
		return strconv.Quote(string(runes[:most])) + " and more"
	}
	return strconv.Quote(*value)
}

// verdict says what the outcome means for the request.
func (v *view) verdict() string {
	o := v.tried.outcome
	if v.tried.answer {
		return answerVerdict(o)
	}
	switch {
	case errors.Is(o.Err, condition.ErrNumber), errors.Is(o.Err, condition.ErrDate):
		return "The condition cannot be decided: " + o.Err.Error() + ". The request fails with 400."
	case o.Err != nil:
		return "The condition cannot be decided: " + o.Err.Error() + ". The request fails."
	case o.Met:
		return "Met: the policy applies to this request."
	case v.unmet == policy.Reject:
		return "Not met: this request is answered 403."
	}
	return "Not met: this request goes on without the policy."
}

// answerVerdict is verdict for an answer, which is never lost over a condition.
func answerVerdict(o *condition.Outcome) string {
	switch {
	case o.Err != nil:
		return "The condition cannot be decided: " + o.Err.Error() + ". On an answer that counts as met."
	case o.Met:
		return "Met: the policy applies to this answer."
	}
	return "Not met: this answer goes on without the policy."
}

// asked is one rule of the list that the trial shows.
type asked struct {
	words, saw, state, icon string
	number                  string
}

// answers are the comparisons in their order, for JSON, which has no rows to light.
func (v *view) answers() []asked {
	if v.tried == nil || v.tried.outcome == nil {
		return nil
	}
	return collect(nil, v.tried.cond.Rules, v.tried.outcome.Rules)
}

func collect(all []asked, rules []condition.Rule, outcomes []condition.Outcome) []asked {
	for i := range min(len(rules), len(outcomes)) {
		r, o := &rules[i], outcomes[i]
		if r.Criteria != condition.Value {
			all = collect(all, r.Rules, o.Rules)
			continue
		}
		all = append(all, asked{words: r.Words(), saw: saw(o, r), state: state(o), icon: stateIcon(o), number: itoa(len(all) + 1)})
	}
	return all
}
