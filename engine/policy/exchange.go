package policy

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/revoke"
)

// Field is one header field to be set on the outgoing request.
type Field struct{ Name, Value string }

// Identity is who the caller turned out to be.
type Identity struct {
	// Subject is the user name or the client id (D15).
	Subject string
	// FullName and Email are those of the credential in the secret manager that the
	// caller has, as they are at this moment; empty for callers of other sources.
	FullName, Email string
	// ClientID is the owner's client id that the token was issued for.
	ClientID string
	// Grant tells which grant issued the token, so that a client is never
	// taken for a user of the same name.
	Grant string
	// Roles are all roles of the token, in its order.
	Roles []string
	// Expires is when the identity ends; zero means never. Upgraded
	// connections are closed at that moment.
	Expires time.Time
}

// Change is one change of a header that people have written down. It is no word
// of the gateway's own: where Set or Strip have the same name, they win.
type Change struct {
	Action ChangeAction
	Field
}

// ChangeAction is what a change does.
type ChangeAction string

// The actions, as the management API spells them. SET replaces all fields of the
// name, ADD leaves them, REMOVE needs no value.
const (
	SetField    ChangeAction = "SET"
	AddField    ChangeAction = "ADD"
	RemoveField ChangeAction = "REMOVE"
)

// Exchange is one request under way, free of net/http types. The engine fills
// the first block before the pipeline; steps write the second. In the response
// and error pipelines Request has the status of the answer, and of what steps
// write only Changes count. It is used by one goroutine and must not be kept
// after Do returns.
type Exchange struct {
	// Request is what conditions see too. What it tells of the caller follows Identity
	// with Introduce.
	condition.Request

	// Identities are the credentials and identity sources of the environment at
	// this moment.
	Identities identity.Directory
	// Context ends with the request.
	Context context.Context

	// Identity is set by an authentication step, TokenCheck by one that found a
	// token to be good.
	Identity   Identity
	TokenCheck event.TokenCheck
	// Strip names header fields that must not reach the upstream, in every
	// spelling a backend may read as the same name (D14).
	Strip []string
	// StripParameters names query parameters that must not reach the upstream,
	// in any encoding; StripCookies cookies.
	StripParameters, StripCookies []string
	// Set are header fields of the gateway's own; they are written last and
	// nothing the caller sends can add to or remove them.
	Set []Field
	// Changes are made in their order: on the outgoing request before the gateway's
	// own fields, in the other pipelines on the answer.
	Changes []Change
	// Notes are what steps of a kind have found out at this moment of the call. Nil
	// until one notes something.
	Notes Notes
}

// Notes are what a step leaves for those of its kind that come after it in the same
// call, so that they need not find it out again.
type Notes interface {
	// Reset forgets everything and keeps the memory.
	Reset()
}

// Waited drops the notes: the call has waited, so what was true may be so no more.
func (x *Exchange) Waited() {
	if x.Notes != nil {
		x.Notes.Reset()
	}
}

// Introduce shows conditions who the caller turned out to be.
func (x *Exchange) Introduce() {
	who := &x.Identity
	x.Subject, x.FullName, x.Email, x.Roles = who.Subject, who.FullName, who.Email, who.Roles
}

// SetHeader records a field of the gateway's own for the outgoing request.
// The caller's field of that name is removed, in every spelling.
// Of two settings of one name the later counts.
func (x *Exchange) SetHeader(name, value string) {
	x.StripHeader(name)
	x.Set = append(slices.DeleteFunc(x.Set, func(f Field) bool { return f.Name == name }), Field{Name: name, Value: value})
}

// StripHeader removes the caller's field of that name, in every spelling.
func (x *Exchange) StripHeader(name string) { x.Strip = once(x.Strip, name) }

// StripParameter removes a parameter from the query.
func (x *Exchange) StripParameter(name string) { x.StripParameters = once(x.StripParameters, name) }

// StripCookie removes a cookie of the caller's.
func (x *Exchange) StripCookie(name string) { x.StripCookies = once(x.StripCookies, name) }

// once adds a name: twenty policies mostly strip the same, and each name is looked for
// in every field.
func once(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// Reset empties the exchange for its next use and keeps its memory.
func (x *Exchange) Reset() {
	x.Waited()
	*x = Exchange{
		Notes: x.Notes,
		Strip: x.Strip[:0], Set: x.Set[:0], Changes: x.Changes[:0],
		StripParameters: x.StripParameters[:0], StripCookies: x.StripCookies[:0],
	}
}

// Rejection is an error meant for the client: a row of the error catalogue.
// The cause is for the log only and never reaches the caller (D10).
type Rejection struct {
	Fault fault.Type
	// Challenge is the value of WWW-Authenticate; empty for none (D9).
	Challenge string
	// Alarm is raised as a security event; empty for none.
	Alarm event.SecurityKind
	// Retry is the Retry-After; zero for none.
	Retry time.Duration
	Cause error
}

// Error names the fault and its cause, for the log.
func (r *Rejection) Error() string {
	if r.Cause == nil {
		return string(r.Fault)
	}
	return string(r.Fault) + ": " + r.Cause.Error()
}

// Unwrap is the cause.
func (r *Rejection) Unwrap() error { return r.Cause }

// Owner is what a policy's step needs to know of the thing it guards.
type Owner struct {
	// ID is stable over the owner's revisions; access is granted to it.
	ID string
	// Kind is PROXY, PROXY_GROUP or POLICY_GROUP.
	Kind string
	// Project and Name address the owner.
	Project, Name string
	// ClientID is the public half of the owner's key pair, the audience of
	// its tokens (D15).
	ClientID string
}

// Runtime is what steps may use of the world. It is fixed when a step is
// compiled; a change of any part compiles the owner anew.
type Runtime struct {
	// Issuer is the environment's public URL (D15).
	Issuer string
	// Owner is the one whose pipeline the policy is in, also where that is called
	// through a group.
	Owner Owner
	// Also are the client ids of others whose tokens are good here: the proxy group
	// through which the owner is called, and the policy group that holds the policy
	// (D15).
	Also []string
	// IssuedBy is the policy that issues the tokens of a client id, "" when that is
	// not known. Nil knows none. It is asked on calls only.
	IssuedBy func(clientID string) string
	// Keys are the environment's; they verify and sign. Never nil.
	Keys *keys.Set
	// NamedKeys are the keys of the owner's project with that name, for policies
	// that name their own; nil when there are none.
	NamedKeys func(name string) *keys.Set
	// Alike is what steps of the owner have in common: one finds there, under a key of
	// its own type, what another has left. It is used while the owner is compiled, by
	// one goroutine; nil has nothing in common.
	Alike map[any]any
	// Revoked is asked about every token. Nil revokes none.
	Revoked *revoke.List
	// Forgeries bounds what checking forged tokens costs. Nil bounds nothing.
	Forgeries *guess.Forgeries
	// Now is the clock.
	Now func() time.Time
}
