package jwtauth

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

// unknown is a credential that a token names and nobody has.
type unknown struct{ name string }

func (*unknown) Error() string { return "there is no such credential" }

// Explain names it.
func (u *unknown) Explain() fault.Explanation {
	return fault.Explanation{
		Why: fmt.Sprintf("The token speaks for the credential %s, which is not there any more.", fault.Quoted(u.name)),
		Fix: "Look under Credentials whether it was deleted or renamed; a name counts exactly as it is spelt there. Then have the client ask for a new token.",
	}
}

// refusal is a credential's refusal as a cause, with the facts that it follows
// from.
type refusal struct {
	why                     identity.Refusal
	credential, api, method string
	ended                   time.Time // when it, or its access, ended
	client                  netip.Addr
}

func (*step) refusal(x *policy.Exchange, c *identity.Credential, why identity.Refusal) error {
	owner, name := grantor(x, c)
	r := &refusal{why: why, credential: c.Name, api: name, method: x.Method, client: x.Client}
	switch why {
	case identity.Expired:
		r.ended = c.Expires
	case identity.AccessExpired:
		r.ended = c.Access[owner].Expires
	}
	return r
}

func (r *refusal) Error() string { return string(r.why) }

// Explain names the credential, what it may not and the page that changes it.
func (r *refusal) Explain() fault.Explanation {
	name, onPage := fault.Quoted(r.credential), "on its page under Credentials. It takes effect at once."
	onAccess := "on the Access page. It takes effect at once."
	api := fault.Quoted(r.api)
	switch r.why {
	case identity.Disabled:
		return fault.Explanation{Why: "The credential " + name + " is disabled.", Fix: "Enable it " + onPage}
	case identity.DisabledHere:
		return fault.Explanation{Why: "The credential " + name + " is disabled in this environment.", Fix: "Enable it for this environment " + onPage}
	case identity.Expired:
		return fault.Explanation{Why: "The credential " + name + " expired on " + moment(r.ended) + ".", Fix: "Set a later expiry " + onPage}
	case identity.NoAccess:
		return fault.Explanation{Why: "The credential " + name + " has no access to the API " + api + ".", Fix: "Grant it access to this API " + onAccess}
	case identity.AccessExpired:
		return fault.Explanation{Why: "The access of the credential " + name + " to the API " + api + " ended on " + moment(r.ended) + ".", Fix: "Prolong it " + onAccess}
	case identity.MethodDenied:
		return fault.Explanation{Why: "The credential " + name + " may use the API " + api + ", but not with " + fault.Quoted(r.method) + ".", Fix: "Allow the method in its access " + onAccess}
	case identity.AddressRefused:
		return fault.Explanation{
			Why: fmt.Sprintf("The credential %s may not be used from %s: the address is not in its list.", name, r.client),
			Fix: "Add the address " + onPage + " If it is a load balancer's, name that in --trusted-proxies, so that the caller's own address counts.",
		}
	}
	return fault.Explanation{}
}

func moment(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") + " UTC" }

// lacking is a caller without the roles that a call needs.
type lacking struct {
	reason error
	need   need
	have   []string
	// source is where roles are read, "" when that is not known; issued tells that
	// they were when the token was issued, else they are at each call.
	source string
	issued bool
	// endpoint is that of the row, "" for the roles of every call.
	endpoint string
}

// maxHave is how many roles of a caller a refusal keeps.
const maxHave = 50

func (s *step) lacks(reason error, n need, have []string, endpoint string) error {
	l := &lacking{reason: reason, need: n, have: have[:min(len(have), maxHave)], endpoint: endpoint}
	if n.all { // what is missing must be told from all that there are
		l.need.roles = slices.DeleteFunc(slices.Clone(n.roles), func(role string) bool { return slices.Contains(have, role) })
	}
	l.source, l.issued = s.access.source(), s.access.kind == ""
	if l.issued {
		l.source = s.settings.Provider
	}
	if l.issued && s.settings.Source == identity.SecretManager {
		l.source = string(identity.SecretManager)
	}
	return l
}

func (l *lacking) Error() string { return l.reason.Error() }

// Unwrap is the reason.
func (l *lacking) Unwrap() error { return l.reason }

// Explain names the roles on both sides.
func (l *lacking) Explain() fault.Explanation {
	what, missing := "The policy", "needs any of "
	if l.endpoint != "" {
		what = "The endpoint " + fault.Quoted(l.endpoint)
	}
	switch {
	case l.need.all && len(l.need.roles) == 1:
		missing = "also needs the role "
	case l.need.all:
		missing = "also needs all of "
	case len(l.need.roles) == 1:
		missing = "needs the role "
	}
	have := "no role"
	if len(l.have) > 0 {
		have = fault.Listed(l.have)
	}
	return fault.Explanation{Why: what + " " + missing + fault.Listed(l.need.roles) + "; the caller has " + have + ".", Fix: l.fix()}
}

func (l *lacking) fix() string {
	give, when := "Give the caller the role where its roles come from", "; it counts once the source's cache has forgotten the old answer."
	switch l.source {
	case "":
	case string(identity.SecretManager):
		give, when = "Give the caller's credential the role on its page under Credentials", "; it takes effect at once."
	default:
		give = "Give the caller the role in the identity source " + fault.Quoted(l.source)
	}
	if l.issued {
		when = ", and have it ask for a new token: the roles of a token are those of the moment it was issued."
	}
	where := "Roles/Groups under Authorization in the policy"
	if l.endpoint != "" {
		where = "the endpoint's row under Authorization in the policy"
	}
	return give + when + " Or change " + where + " and deploy."
}

// nobody is a caller whom the source of roles does not know.
type nobody struct{ source string }

func (*nobody) Error() string { return "the identity source does not know the caller" }

// Explain names the source.
func (n *nobody) Explain() fault.Explanation {
	if n.source == string(identity.SecretManager) {
		return fault.Explanation{
			Why: "The policy reads roles from the caller's credential, and there is none of this name, or it is disabled or has expired.",
			Fix: "Look at the credential's page under Credentials; a name counts exactly as it is spelt there.",
		}
	}
	return fault.Explanation{
		Why: "The policy reads roles from the identity source " + fault.Quoted(n.source) + ", which does not know the caller.",
		Fix: "Add the caller to that source, or choose under Authorization in the policy another one that knows the callers. The test on the source's page shows what it finds.",
	}
}

// unreadable is a source of roles that cannot answer.
type unreadable struct {
	source string
	err    error
}

func (u *unreadable) Error() string { return "read roles from " + u.source + ": " + u.err.Error() }

// Unwrap is the source's error.
func (u *unreadable) Unwrap() error { return u.err }

// Explain names the source; what it said is for the log.
func (u *unreadable) Explain() fault.Explanation {
	var role *unfit
	switch {
	case errors.As(u.err, &role):
		return fault.Explanation{
			Why: "The identity source " + fault.Quoted(u.source) + " gave the caller the role " + fault.Quoted(role.name) + ", which is unfit for a list: handed on, it could be read as two.",
			Fix: "Rename the role in the source. Names of roles have no blanks, commas, quotes, backslashes or control characters.",
		}
	case errors.Is(u.err, errNoSource):
		return fault.Explanation{
			Why: "The policy reads roles from the identity source " + fault.Quoted(u.source) + ", which is not in this environment.",
			Fix: "Create the source under Identity Sources, or choose another one under Authorization in the policy and deploy.",
		}
	}
	return fault.Explanation{
		Why: "The policy reads roles from the identity source " + fault.Quoted(u.source) + " at each call, and it did not answer. Without them nobody is let in.",
		Fix: "Look at the source's page under Identity Sources: it shows whether the source answers and what its last error was.",
	}
}

// unfit is a role of a source that keeps no promise.
type unfit struct{ name, problem string }

func (u *unfit) Error() string { return fmt.Sprintf("role %q: %s", u.name, u.problem) }
