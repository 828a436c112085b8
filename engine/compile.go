package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
)

// Deps are the parts of the world that compiling uses.
type Deps struct {
	// Types are the known kinds of policy.
	Types policy.Set
	// Now is the clock of the steps. Default time.Now.
	Now func() time.Time
	// Logger gets what is left out of a bundle that runs. Default: nobody.
	Logger *slog.Logger

	transports *transports
	balancers  *balancers
	sources    *sources
	revoked    *revoke.List
	forgeries  *guess.Forgeries
}

// compiled is an owner ready to run. It depends on nothing but its origin, so
// snapshots share it, and with it whatever its steps remember of verified
// tokens.
type compiled struct {
	origin              origin
	kind, project, name string
	route               Route    // zero for a policy group
	hosts               []string // as normalHost spells them
	segments            int      // of the base path
	allow               string   // the methods of the route
	// members are the ids of a proxy group's proxies; blocks tells that they
	// answer through it alone.
	members []string
	blocks  bool
	paths   paths
	// backends are the proxies that answer: itself, or the members.
	backends []*backend
	embedded []embedded
	settings *token.Settings
	frames   *fault.Frames // what error answers are put into
	// errors run on error answers of the owner where no operation is found.
	errors []step
	// identity are the fields in which its policies tell who called.
	identity []string
}

// origin is everything that a compiled owner was made of. Equal origins
// compile alike.
type origin struct {
	digest, clientID, keys, issuer string
	// others are the client ids of the owners that are embedded, one a line.
	others string
}

// Compile turns a bundle into what runs. Owners of prev (which may be nil)
// that would compile alike are taken over, and with them all of prev that is not
// about the others. Every owner is tried, so the error names all that is wrong:
// what does not compile by its owner, a path that two claim by both.
func Compile(ctx context.Context, b Bundle, prev *Snapshot, d Deps) (*Snapshot, error) {
	s := &Snapshot{environment: b.Environment, issuer: b.PublicURL, generation: b.Generation, keys: b.Keys, tokens: b.Tokens}
	if s.tokens == nil {
		m := issue.DefaultManagement()
		s.tokens = &m
	}
	e := newEnvironment(&b)
	if err := s.publish(e, prev); err != nil {
		return nil, err
	}
	s.customize(b, d.Logger)
	s.enlist(b.Credentials, prev)
	if err := s.deploy(ctx, e, prev, d); err != nil {
		return nil, err
	}
	s.sources = d.sources.open(b.Environment, b.Sources) // last, as nobody closes those of a bundle that does not compile
	return s, nil
}

// Check compiles one owner dry, touching neither network nor traffic: what
// it accepts will compile in the environment b, whose own owners it ignores.
// What is wrong with a value comes back as a problem.List inside the error.
func Check(types policy.Set, b Bundle, o Owner) error {
	b.Owners = nil
	_, err := compileOwner(newEnvironment(&b), o, Deps{Types: types})
	return err
}

// environment is a bundle while its owners are compiled.
type environment struct {
	*Bundle
	// clients are the client ids of its owners by their ids.
	clients func() map[string]string
	// keys is the digest of all keys.
	keys func() string
	// policies are those that were read, by their JSON: many proxies have the same
	// one. Whoever compiles a policy only reads it.
	policies sync.Map
}

// policy reads one that may have been read before.
func (e *environment) policy(types policy.Set, raw json.RawMessage) (policy.Config, error) {
	if have, there := e.policies.Load(string(raw)); there {
		return have.(policy.Config), nil
	}
	c, err := types.Decode(raw)
	if err != nil {
		return nil, err
	}
	e.policies.Store(string(raw), c)
	return c, nil
}

func newEnvironment(b *Bundle) *environment {
	return &environment{Bundle: b, clients: sync.OnceValue(func() map[string]string {
		ids := make(map[string]string, len(b.Owners))
		for _, o := range b.Owners {
			ids[o.ID] = o.Client.ID
		}
		return ids
	}), keys: sync.OnceValue(b.keysDigest)}
}

// client is the client id of an embedded owner. Key pairs take effect at save
// (D5), so what is deployed itself has the one of this moment, and not the one
// that was frozen with its embedded copy.
func (e *environment) client(id, frozen string) string {
	if now := e.clients()[id]; now != "" {
		return now
	}
	return frozen
}

func (e *environment) originOf(o Owner) origin {
	digest := o.Digest
	if digest == "" {
		digest = Digest(o.Definition)
	}
	return origin{digest: digest, clientID: o.Client.ID, keys: e.keys(), issuer: e.PublicURL}
}

// same tells whether an owner would compile to c.
func (c *compiled) same(e *environment, o *Owner) bool {
	from := e.originOf(*o)
	from.others = e.clientsOf(c.embedded)
	return c.origin == from && c.kind == o.kind()
}

// embedded is an owner in the definition of another one.
type embedded struct{ id, clientID string }

func (e *environment) clientsOf(list []embedded) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	for _, o := range list {
		b.WriteString(e.client(o.id, o.clientID))
		b.WriteByte('\n')
	}
	return b.String()
}

func onHosts(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return " on " + strings.Join(hosts, ", ")
}

// kindNames are what people call the kinds.
var kindNames = map[string]string{KindProxy: "proxy", KindProxyGroup: "proxy group", KindPolicyGroup: "policy group"}

func (c *compiled) label() string {
	return fmt.Sprintf("%s %q of project %q", kindNames[c.kind], c.name, c.project)
}
