package token

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/event"
)

// grant is one grant_type. The pipeline runs every check that all grants
// share; a grant only answers for whom the token is.
type grant struct {
	name string
	// authorize runs after the client is authenticated and its policy allows
	// the grant.
	authorize func(ctx context.Context, q *request, o Owner) (principal, *failure)
}

// principal is whom a token speaks for.
type principal struct {
	// subject is the user name or the client id (D15).
	subject string
}

// grants are all that there are.
var grants = []grant{clientCredentials}

func findGrant(name string) (grant, bool) {
	i := slices.IndexFunc(grants, func(g grant) bool { return g.name == name })
	if i < 0 {
		return grant{}, false
	}
	return grants[i], true
}

func grantNames() []string {
	names := make([]string, len(grants))
	for i, g := range grants {
		names[i] = g.name
	}
	return names
}

// serveToken answers one request to the token endpoint and reports it.
func (s *Service) serveToken(w http.ResponseWriter, r *http.Request, d Directory, c Caller) {
	e := event.Token{
		Time: s.now(), Environment: d.Environment(), Client: c.Client, CorrelationID: c.CorrelationID, Status: http.StatusOK,
	}
	answer, f := s.issue(w, r, d, &e)
	if f != nil {
		s.refuse(w, f, &e)
	} else {
		writeJSON(w, http.StatusOK, answer)
	}
	e.Duration = s.now().Sub(e.Time)
	s.sink.Token(e)
}

// issue is the life of a token request.
func (s *Service) issue(w http.ResponseWriter, r *http.Request, d Directory, e *event.Token) (*answer, *failure) {
	if r.Method != http.MethodPost {
		return nil, wrongMethod()
	}
	q, f := parse(w, r)
	noteRequest(e, q)
	if f != nil {
		return nil, f
	}
	g, f := q.findGrant()
	if f != nil {
		return nil, f
	}
	o, f := s.clients.authenticate(r.Context(), d, q, e.Client)
	noteOwner(e, o)
	if f != nil {
		return nil, f
	}
	if f := allowed(o, g, q); f != nil {
		return nil, f
	}
	p, f := g.authorize(r.Context(), q, o)
	if f != nil {
		return nil, f
	}
	return s.sign(r.Context(), d, o, g, p)
}

func (q *request) findGrant() (grant, *failure) {
	if q.grant == "" {
		return grant{}, malformed("The parameter grant_type is missing.")
	}
	g, ok := findGrant(q.grant)
	if !ok {
		return grant{}, unsupported()
	}
	return g, nil
}

// allowed asks the owner's policy, after the client has shown who it is:
// whether an owner has a policy is nobody else's business.
func allowed(o Owner, g grant, q *request) *failure {
	switch {
	case o.Settings == nil:
		return unauthorized("No tokens are issued for this client.", "the owner has no active policy that issues tokens")
	case o.Settings.Grant != g.name:
		return unauthorized("This client may not use this grant type.", "policy "+o.Settings.Policy+" allows another grant")
	case q.form.Has("scope"):
		return unknownScope()
	}
	return nil
}

func noteRequest(e *event.Token, q *request) {
	if q == nil {
		return
	}
	if _, ok := findGrant(q.grant); ok {
		e.Grant = q.grant
	}
	e.ClientID = abridge(q.clientID)
}

func noteOwner(e *event.Token, o Owner) {
	if o.ClientID == "" {
		return
	}
	e.Project, e.Owner, e.ClientID = o.Project, o.Name, o.ClientID
	if o.Settings != nil {
		e.Algorithm = string(o.Settings.Algorithm)
	}
}

// abridge keeps enough of an unknown client id to recognise a mistake, and too
// little to be of use when a secret was sent in its place.
func abridge(id string) string {
	if id == "" {
		return ""
	}
	begin := id[:min(8, len(id)/2)]
	plain := func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}
	return strings.Map(plain, begin) + "..."
}
