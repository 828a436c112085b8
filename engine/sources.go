package engine

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/secret"
)

type sourceName struct{ project, name string }

// openSource is an identity source in use.
type openSource struct {
	source Source
	guard  identity.Guarded
	close  func()
}

// sources are the open identity sources of an environment. Those that did not
// change are taken over by the next snapshot with their caches and connections.
type sources struct {
	kinds identity.Kinds
	allow func(netip.Addr) error
	now   func() time.Time
	sink  event.Sink

	mu      sync.Mutex
	current map[string]*openSource // by Source.ID
}

// open gives every source of a bundle, from those that are open or anew. One
// that cannot be opened refuses everybody and hurts no other.
func (o *sources) open(environment string, list []Source) map[sourceName]*openSource {
	all := make(map[sourceName]*openSource, len(list))
	if o == nil {
		return all
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range list {
		have := o.current[s.ID]
		if have == nil || have.source.Digest != s.Digest || have.source.Project != s.Project || have.source.Name != s.Name {
			have = o.start(environment, s)
		}
		all[sourceName{s.Project, strings.ToLower(s.Name)}] = have
	}
	return all
}

// keep closes what the new snapshot uses no more. Logins under way at that
// moment may fail; the client tries again.
func (o *sources) keep(s *Snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.current
	o.current = make(map[string]*openSource, len(s.sources))
	for _, open := range s.sources {
		o.current[open.source.ID] = open
	}
	for id, open := range before {
		if o.current[id] != open {
			go open.close()
		}
	}
}

func (o *sources) closeAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, open := range o.current {
		open.close()
	}
	o.current = nil
}

func (o *sources) start(environment string, s Source) *openSource {
	config, err := o.kinds.Decode(s.Definition)
	if err != nil {
		return closedSource(s, nil, fmt.Errorf("identity source %s: %w", s.Name, err))
	}
	opened, err := config.Open(identity.Deps{Secrets: s.Secrets, Allow: o.allow})
	if err != nil {
		return closedSource(s, config, fmt.Errorf("open identity source %s: %w", s.Name, err))
	}
	guard := identity.NewGuard(config, opened, o.options(environment, s, config))
	return &openSource{source: s, guard: guard, close: guard.Close}
}

func (o *sources) options(environment string, s Source, config identity.Config) identity.GuardOptions {
	report := func(kind event.SecurityKind, subject string, from netip.Addr, detail string) {
		o.sink.Security(event.Security{
			Time: o.now(), Kind: kind, Environment: environment, Project: s.Project, Subject: subject, Client: from,
			Source: string(config.Base().Kind) + ":" + s.Name, Detail: detail,
		})
	}
	return identity.GuardOptions{
		Now: o.now,
		OnFailing: func(err error) {
			report(event.SourceFailing, "", netip.Addr{}, "The source does not answer: "+err.Error())
		},
		OnRecovered: func() { report(event.SourceRecovered, "", netip.Addr{}, "The source answers again.") },
		OnThrottled: func(name string, from netip.Addr) {
			report(event.LoginsThrottled, name, from, "Too many wrong passwords; further ones are turned away for a while.")
		},
	}
}

// closedSource stands for one that cannot be opened.
func closedSource(s Source, config identity.Config, err error) *openSource {
	return &openSource{source: s, guard: unusable{config, err}, close: func() {}}
}

type unusable struct {
	config identity.Config
	err    error
}

func (u unusable) Login(context.Context, string, secret.Text, netip.Addr) (identity.Identity, identity.Outcome, error) {
	return identity.Identity{}, identity.Outcome{Verdict: identity.Broken}, u.err
}

func (u unusable) Find(context.Context, string) (identity.Identity, bool, error) {
	return identity.Identity{}, false, u.err
}

func (u unusable) Regenerate(context.Context, identity.Identity) (identity.Identity, bool, error) {
	return identity.Identity{}, false, u.err
}

func (u unusable) Config() identity.Config { return u.config }

// SourceState is what an identity source has done since it was opened.
type SourceState struct {
	Project, Name string
	Kind          identity.KindName
	identity.Stats
}

// Sources tells of every open identity source, in the order of their names.
func (g *Gateway) Sources() []SourceState {
	s := g.snapshot.Load()
	if s == nil {
		return nil
	}
	var list []SourceState
	for _, o := range s.sources {
		state := SourceState{Project: o.source.Project, Name: o.source.Name}
		if guard, ok := o.guard.(*identity.Guard); ok {
			state.Kind, state.Stats = guard.Config().Base().Kind, guard.Stats()
		}
		list = append(list, state)
	}
	slices.SortFunc(list, func(a, b SourceState) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name))
	})
	return list
}
