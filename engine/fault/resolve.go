package fault

import (
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/gatewright/gatewright/engine/condition"
)

// Origin is which of the six priorities an answer came from (reference 3.9).
type Origin int

// The priorities, the first goes before the others.
const (
	RowTemplate    Origin = 1 + iota // the template of the row
	PolicyTemplate                   // the policy's template for everything
	RuleTemplate                     // an error response rule
	PolicyRow                        // the row as the policy customized it
	PlatformRow                      // the row as the platform customized it
	Default                          // the catalogue
)

// String says it in words.
func (o Origin) String() string {
	return [...]string{
		"", "the template of this error", "the template of the policy", "an error response rule",
		"the policy's customized message", "the platform's customized message", "the standard message",
	}[o]
}

// Levels are all that has a say in an answer. Each may be nil.
type Levels struct {
	Platform, Policy *Set
	Frames           *Frames
}

// Answer is what a caller gets.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	Origin      Origin
	// Rule is the name of the rule that answered; Framed tells that a template
	// of the proxy is around the message.
	Rule   string
	Framed bool

	length string // of the body, as a header field
}

// Customized tells whether anything has a say in t but the catalogue.
func (l Levels) Customized(t Type) bool {
	return l.Frames != nil || l.Policy.says(t) || l.Platform.says(t)
}

func (s *Set) says(t Type) bool { return s != nil && (s.wide != nil || s.rows[t] != nil) }

func (s *Set) row(t Type) *row {
	if s == nil || s.rows[t] == nil {
		return &row{}
	}
	return s.rows[t]
}

// Answer decides what a request that failed with t gets.
func (l Levels) Answer(t Type, f Facts) Answer {
	a := l.decide(t, &f)
	a.length = strconv.Itoa(len(a.Body))
	return a
}

func (l Levels) decide(t Type, f *Facts) Answer {
	of, on := l.Policy.row(t), l.Platform.row(t)
	origin := f.words(Find(t), of, on)
	switch {
	case of.whole != nil:
		return of.whole.answer(f, RowTemplate)
	case on.whole != nil:
		return on.whole.answer(f, RowTemplate)
	case l.Policy != nil && l.Policy.wide != nil:
		return l.Policy.wide.answer(f, PolicyTemplate)
	}
	for _, rules := range [2][]rule{of.rules, on.rules} {
		if r := first(rules, f.Request); r != nil {
			a := r.answer(f, RuleTemplate)
			a.Rule = r.name
			return a
		}
	}
	return l.Frames.around(f, origin)
}

// words completes the facts with the row as people customized it, member by
// member, and tells the first level that did.
func (f *Facts) words(r Row, of, on *row) Origin {
	f.row = r
	f.shown = Row{
		Type: r.Type, Status: cmp.Or(of.status, on.status, r.Status),
		Code: cmp.Or(of.code, on.code, r.Code), Message: cmp.Or(of.text, on.text, r.Message),
	}
	switch {
	case of.customized():
		return PolicyRow
	case on.customized():
		return PlatformRow
	}
	return Default
}

func (r *row) customized() bool { return r.status != 0 || r.code != "" || r.text != "" }

// first is the first rule that applies. One that cannot be decided does not: the
// request has failed already, and must not fail again.
func first(rules []rule, q *condition.Request) *rule {
	for i := range rules {
		if met, err := rules[i].when.Met(q); met && err == nil {
			return &rules[i]
		}
	}
	return nil
}

func (w *whole) answer(f *Facts, from Origin) Answer {
	return Answer{Status: cmp.Or(w.status, f.shown.Status), ContentType: w.contentType, Body: w.render(f), Origin: from}
}

// around puts the message into the proxy's template, or gives it as it is.
func (fr *Frames) around(f *Facts, origin Origin) Answer {
	a := Answer{Status: f.shown.Status, ContentType: ContentType, Origin: origin}
	if p := fr.choose(f.Request); p != nil {
		a.ContentType, a.Body, a.Framed = p.contentType, p.render(f), true
		return a
	}
	if a.Body = f.shown.Body(); origin != Default {
		a.Body = f.shown.customBody()
	}
	return a
}

// Framed is an API's own answer in the proxy's template; false when there is
// none for the caller.
func (fr *Frames) Framed(status int, f Facts) (Answer, bool) {
	p := fr.choose(f.Request)
	if p == nil {
		return Answer{}, false
	}
	f.row = Find(UpstreamAnswered)
	f.row.Status = status
	f.shown = f.row
	return Answer{Status: status, ContentType: p.contentType, Body: p.render(&f), Origin: Default, Framed: true}, true
}

// customBody is the answer of D10 with a code.
func (r Row) customBody() []byte {
	b, err := json.Marshal(struct {
		StatusCode int    `json:"statusCode"`
		ErrorCode  string `json:"errorCode"`
		Message    string `json:"message"`
	}{r.Status, r.Code, r.Message})
	if err != nil { // an int and texts always marshal
		panic(err)
	}
	return b
}
