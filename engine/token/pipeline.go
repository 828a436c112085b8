package token

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
)

// login is one request to the token service on its way through the pipeline,
// with what was found out about it so far.
type login struct {
	*request
	d  Directory
	e  *event.Token
	by client
	// owner is whom the token is for; zero at /credential, where the credential
	// is good for every owner that it has access to.
	owner    Owner
	settings *Settings
	// seen is what conditions see of the request.
	seen *condition.Request
}

// principal is whom a token speaks for.
type principal struct {
	identity.Identity
	// user tells a user from a client of the same name (D15).
	user bool
	// source is as in event.Token.
	source string
	// family is the login that is being refreshed, with the generation of the
	// refresh token to hand out; nil at a first login.
	family *Family
}

// operations are the endpoints below a door. Each answers with a body or a
// failure; an empty body is an empty answer.
var operations = map[string]struct {
	name event.Operation
	run  func(*Service, context.Context, *login) (any, *failure)
	// writes tells that it issues or ends tokens.
	writes bool
}{
	"/jwt":            {event.Issue, (*Service).issue, true},
	"/jwt/regenerate": {event.Regenerate, (*Service).regenerate, true},
	"/introspect":     {event.Introspect, (*Service).introspect, false},
	"/revoke":         {event.Revoke, (*Service).revoke, true},
}

// serve answers one request to an endpoint and reports it.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, d Directory, c Caller, through door, endpoint string) {
	operation := operations[endpoint]
	e := event.Token{
		Time: s.now(), Environment: d.Environment(), Operation: operation.name, Client: c.Client, CorrelationID: c.CorrelationID,
		Method: r.Method, Status: http.StatusOK,
	}
	noteHeader(&e, r)
	l := &login{d: d, e: &e, seen: c.Request}
	answer, f := s.run(w, r, l, through, endpoint)
	if f != nil {
		s.refuse(w, f, l)
	} else {
		writeJSON(w, http.StatusOK, answer)
	}
	e.Duration = s.now().Sub(e.Time)
	s.sink.Token(e)
}

func (s *Service) run(w http.ResponseWriter, r *http.Request, l *login, through door, endpoint string) (any, *failure) {
	q, f := parse(w, r)
	if q != nil {
		q.door = through
		q.tokenEndpoint = endpoint == "/jwt"
		noteRequest(l.e, q)
	}
	if f != nil {
		return nil, f
	}
	if q.urlParameters() && !q.tokenEndpoint { // D13 is about token requests
		return nil, q.notInURL()
	}
	l.request = q
	if operations[endpoint].writes && s.away() {
		return nil, overloaded("the database is away")
	}
	answer, f := operations[endpoint].run(s, r.Context(), l)
	if f != nil && f.again != nil {
		*l = login{request: q, d: f.again, e: l.e, seen: l.seen}
		return operations[endpoint].run(s, r.Context(), l)
	}
	return answer, f
}

// issue is the life of a token request. Every check that all grants share is
// here; a grant only answers for whom the token is.
func (s *Service) issue(ctx context.Context, l *login) (any, *failure) {
	g, f := l.findGrant()
	if f != nil {
		return nil, f
	}
	l.e.Operation = g.operation
	if f := s.authenticate(ctx, l, g.public); f != nil {
		return nil, f
	}
	if f := s.chooseOwner(ctx, l, g); f != nil {
		return nil, f
	}
	if f := l.allowed(g); f != nil {
		return nil, f
	}
	if f := l.guarded(); f != nil {
		return nil, f
	}
	p, f := g.authorize(s, ctx, l)
	if f != nil {
		return nil, f
	}
	return s.grantToken(ctx, l, p)
}

// allowed asks the owner's policy, after the client has shown who it is:
// whether an owner has a policy is nobody else's business.
func (l *login) allowed(g grant) *failure {
	switch {
	case l.settings == nil:
		return unauthorized("No tokens are issued for this client.", "the owner has no active policy that issues tokens")
	case l.door == authDoor && !l.settings.Managed:
		return wrongDoor()
	case l.urlParameters() && !l.settings.Issue.AllowURLParameters:
		return l.notInURL()
	case g.grantType != "" && g.grantType != l.settings.Issue.GrantType:
		return unauthorized("This client may not use this grant type.", "the settings allow another grant: "+string(l.settings.Issue.GrantType))
	}
	return nil
}

// guarded asks the condition of a policy that refuses what does not meet it. One
// that cannot be decided gives no token.
func (l *login) guarded() *failure {
	if l.settings.Guard == nil {
		return nil
	}
	if l.seen == nil {
		return unmet("the condition of the policy cannot be asked here")
	}
	met, err := l.settings.Guard.Met(l.seen)
	switch {
	case err != nil:
		return unmet("the condition of the policy cannot be decided: " + err.Error())
	case !met:
		return unmet(condition.Unmet(l.settings.Rules, l.seen).Error())
	}
	return nil
}

func noteHeader(e *event.Token, r *http.Request) {
	e.ForwardedFor = clipped(strings.Join(r.Header.Values("X-Forwarded-For"), ", "))
	e.ContentType = clipped(strings.Join(r.Header.Values("Content-Type"), ", "))
}

func noteRequest(e *event.Token, q *request) {
	if _, ok := findGrant(q.grant); ok {
		e.Grant = q.grant
	}
	e.ClientID, e.Username = abridge(q.clientID), abridge(q.username)
}

// noteOwner completes the event once the client has shown who it is.
func (l *login) noteOwner() {
	l.e.Project, l.e.Owner = l.owner.Project, l.owner.Name
	if l.settings != nil {
		l.e.Policy, l.e.Algorithm = l.settings.Policy, string(l.settings.Issue.JWTSignatureAlgorithm)
	}
}

func clipped(text string) string {
	return printable(text[:min(len(text), 255)])
}

// abridge keeps enough of a name that was not proven to recognise a mistake, and
// too little to be of use when a secret was sent in its place.
func abridge(id string) string {
	if id == "" {
		return ""
	}
	return printable(id[:min(8, len(id)/2)]) + "..."
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
