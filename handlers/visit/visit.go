// Package visit owns who is asking: the signed-in user, what that user may
// do, and the words left for the next page. The permission rule stands here
// once; menus, buttons, routes and the management API all ask it (D22).
package visit

import (
	"context"
	"net/netip"
	"slices"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/models"
)

// Right is what a route or a button needs: a models.Permission, which a role
// gives in one project, or one of those below, which concern the installation.
type Right = models.Permission

// The rights beside the permissions of a project. Public needs no sign-in;
// SignedIn is every user's own business.
const (
	Public   Right = "public"
	SignedIn Right = "signed-in"
	// ViewSystem and ManageSystem are about what no project owns: environments,
	// keys, settings, users, roles, projects, what happened on all of them.
	ViewSystem   = models.ViewSystem
	ManageSystem = models.ManageSystem
	// Exchange is the right to export or import something of a project; which
	// kinds is asked again for each.
	Exchange Right = "*:EXPORT_IMPORT"
	// Member is anything that a role of the project allows.
	Member Right = "*:VIEW"
)

// everywhere is the one permission rule for those whose role holds in the whole
// installation: an administrator may do everything, a project manager everything
// in every project, an auditor look at everything. A member may do what the
// roles of a project say, see Visit.Enters.
func everywhere(role string, right Right) bool {
	system := right == ViewSystem || right == ManageSystem
	switch role {
	case models.RoleAdministrator:
		return true
	case models.RoleProjectManager:
		return !system || right == ViewSystem
	case models.RoleAuditor:
		return right.Action() == models.ActionView
	}
	return false
}

// Visit is one request's user and session.
type Visit struct {
	User          models.User // zero when nobody is signed in
	CorrelationID string
	Client        netip.Addr
	sessions      *scs.SessionManager
	here          models.Permissions
	memberships   map[string]models.Permissions
	limit         *models.TokenScope
	outside       bool // of the project that the token is for
	kept          *kept
}

// New is the visit of user, zero for nobody.
func New(user models.User, correlationID string, client netip.Addr, sessions *scs.SessionManager) *Visit {
	return &Visit{User: user, CorrelationID: correlationID, Client: client, sessions: sessions}
}

// Enters tells what a member may do in the project that the request names.
func (v *Visit) Enters(here models.Permissions) { v.here = here }

// Belongs tells what a member may do in each project, by name.
func (v *Visit) Belongs(to map[string]models.Permissions) { v.memberships = to }

// Sees is of which projects the visitor may look at what was logged, by a
// permission such as models.ViewAudit: of all, or of those whose roles give it to
// a member. A token that is for one project sees no logs.
func (v *Visit) Sees(right Right) models.Scope {
	if !v.SignedIn() || v.limit != nil && (v.limit.ProjectID != "" || v.limit.Permissions != nil && !has(v.limit.Permissions, right)) {
		return models.Scope{}
	}
	if everywhere(v.User.Role, right) {
		return models.Everywhere
	}
	var projects []string
	for name, list := range v.memberships {
		if has(list, right) {
			projects = append(projects, name)
		}
	}
	slices.Sort(projects)
	return models.OnlyIn(projects...)
}

// SeesIn is what the visitor sees of the logs of one project.
func (v *Visit) SeesIn(right Right, project string) models.Scope {
	if v.Sees(right).Has(project) {
		return models.OnlyIn(project)
	}
	return models.Scope{}
}

// LogsOf is what a program sees of the logs of the project that it names, by the
// right that was asked for it, or with no project of all that was logged.
func (v *Visit) LogsOf(right Right, project string) models.Scope {
	switch {
	case project != "" && v.Can(right):
		return models.OnlyIn(project)
	case project == "" && v.Can(ViewSystem):
		return models.Everywhere
	}
	return models.Scope{}
}

// EntersLogs is Enters for the pages of logs, which stand outside of projects: a
// member may open one by what any project gives.
func (v *Visit) EntersLogs(right Right) {
	if IsLog(right) && !v.Sees(right).Empty() {
		v.Enters(models.Permissions{right})
	}
}

// IsLog tells the rights to look at what was logged, of which pages outside of
// projects show as much as the visitor sees.
func IsLog(right Right) bool { return right == models.ViewAudit || right == models.ViewMonitoring }

// Limit is what the token that the request came with was made for; what its
// owner may do beyond that it may not. Outside tells that the request is about
// something else than the project that the token is for.
func (v *Visit) Limit(to models.TokenScope, outside bool) { v.limit, v.outside = &to, outside }

// Limited tells that the request came with a token that was made for less than
// all that its owner may do.
func (v *Visit) Limited() bool {
	return v.limit != nil && (v.limit.Permissions != nil || v.limit.ProjectID != "")
}

// Can tells whether the visitor has right, in the project that the request names
// where it is one of a project's; an unknown role has none.
func (v *Visit) Can(right Right) bool {
	if right == Public {
		return true
	}
	if !v.SignedIn() {
		return false
	}
	if right == SignedIn {
		return true
	}
	if v.outside || v.limit != nil && v.limit.ProjectID != "" && (right == ViewSystem || right == ManageSystem) {
		return false
	}
	if v.limit != nil && !has(v.limit.Permissions, right) && v.limit.Permissions != nil {
		return false
	}
	return has(v.here, right) || everywhere(v.User.Role, right)
}

// Holds is what the visitor may do in the project that the request names, token
// and all: what may be given to others is measured by it.
func (v *Visit) Holds() models.Permissions {
	var list models.Permissions
	for _, p := range models.AllPermissions() {
		if v.Can(p) {
			list = append(list, p)
		}
	}
	return list
}

// In is the visit as it would be to the project in which a member may do what
// permissions say.
func (v *Visit) In(here models.Permissions) *Visit {
	other := *v
	other.here = here
	return &other
}

func has(list models.Permissions, right Right) bool {
	switch right {
	case Member:
		return len(list) > 0
	case Exchange:
		return slices.ContainsFunc(list, func(p models.Permission) bool { return p.Action() == right.Action() })
	}
	return list.Has(right)
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
