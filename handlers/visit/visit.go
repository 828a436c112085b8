// Package visit owns who is asking: the signed-in user, what that user may
// do, and the words left for the next page. The permission rule stands here
// once; menus, buttons, routes and the management API all ask it (D22).
package visit

import (
	"context"
	"net/netip"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/models"
)

// Right is what a route or a button needs.
type Right string

// The rights. Public needs no sign-in; SignedIn is every user's own business.
const (
	Public   Right = "public"
	SignedIn Right = "signed-in"
	View     Right = "view"
	Manage   Right = "manage"
	Deploy   Right = "deploy"
	Audit    Right = "audit"
)

// granted is the one permission rule: what each role may do.
var granted = map[string]map[Right]bool{
	models.RoleAdministrator: {SignedIn: true, View: true, Manage: true, Deploy: true, Audit: true},
	models.RoleAuditor:       {SignedIn: true, View: true, Audit: true},
}

// Visit is one request's user and session.
type Visit struct {
	User          models.User // zero when nobody is signed in
	CorrelationID string
	Client        netip.Addr
	sessions      *scs.SessionManager
}

// New is the visit of user, zero for nobody.
func New(user models.User, correlationID string, client netip.Addr, sessions *scs.SessionManager) *Visit {
	return &Visit{User: user, CorrelationID: correlationID, Client: client, sessions: sessions}
}

// Can tells whether the visitor has right; an unknown role has none.
func (v *Visit) Can(right Right) bool {
	return right == Public || granted[v.User.Role][right]
}

// SignedIn tells whether somebody is signed in.
func (v *Visit) SignedIn() bool { return v.User.ID != "" }

// Actor is the visitor as audit records name one.
func (v *Visit) Actor() models.Actor {
	return models.Actor{UserID: v.User.ID, Name: v.User.Name, Client: v.Client, CorrelationID: v.CorrelationID}
}

// Kind is the meaning of a message, shown by shape and word beside colour.
type Kind string

// The kinds of messages.
const (
	Success Kind = "success"
	Warning Kind = "warning"
	Danger  Kind = "danger"
)

// Message is a sentence for the next page.
type Message struct {
	Kind Kind
	Text string
	// Next and Href are what to do about it; both may be empty.
	Next, Href string
}

const (
	messageKey     = "message"
	messageKindKey = "message-kind"
	messageNextKey = "message-next"
	messageHrefKey = "message-href"
	environmentKey = "environment"
	projectKey     = "project"
)

// Say leaves a message for the next page that is shown.
func (v *Visit) Say(ctx context.Context, kind Kind, text string) {
	v.sessions.Put(ctx, messageKindKey, string(kind))
	v.sessions.Put(ctx, messageKey, text)
	v.sessions.Remove(ctx, messageNextKey)
	v.sessions.Remove(ctx, messageHrefKey)
}

// SayWithLink is Say with what to do next.
func (v *Visit) SayWithLink(ctx context.Context, kind Kind, text, next, href string) {
	v.Say(ctx, kind, text)
	v.sessions.Put(ctx, messageNextKey, next)
	v.sessions.Put(ctx, messageHrefKey, href)
}

// Heard takes the message that the last action left, if any.
func (v *Visit) Heard(ctx context.Context) []Message {
	if v.sessions == nil {
		return nil
	}
	text := v.sessions.PopString(ctx, messageKey)
	if text == "" {
		return nil
	}
	return []Message{{
		Kind: Kind(v.sessions.PopString(ctx, messageKindKey)), Text: text,
		Next: v.sessions.PopString(ctx, messageNextKey), Href: v.sessions.PopString(ctx, messageHrefKey),
	}}
}

// Environment is the name of the environment chosen on top, "" for the first.
func (v *Visit) Environment(ctx context.Context) string {
	return v.sessions.GetString(ctx, environmentKey)
}

// ChooseEnvironment remembers the choice for the session.
func (v *Visit) ChooseEnvironment(ctx context.Context, name string) {
	v.sessions.Put(ctx, environmentKey, name)
}

// Project is the name of the project that was looked at last, "" for none.
func (v *Visit) Project(ctx context.Context) string {
	return v.sessions.GetString(ctx, projectKey)
}

// Enter remembers for the session that a page of the project was looked at, so
// that pages outside of any project lead back into this one.
func (v *Visit) Enter(ctx context.Context, project string) {
	if v.Project(ctx) != project { // else each page would write the session
		v.sessions.Put(ctx, projectKey, project)
	}
}

type contextKey struct{}

// With puts v into ctx.
func With(ctx context.Context, v *Visit) context.Context {
	return context.WithValue(ctx, contextKey{}, v)
}

// From is the visit of a request; every request under New has one.
func From(ctx context.Context) *Visit {
	v, ok := ctx.Value(contextKey{}).(*Visit)
	if !ok {
		return &Visit{}
	}
	return v
}
