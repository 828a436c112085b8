// Package environments owns the pages of environments: the list, one with its nodes and what it runs, its form, and the
// questions before its address changes and before it goes.
package environments

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// List is the page of all environments.
type List struct {
	Items []Item
	New   string // the empty form; "" when the visitor may not
}

// Item is an environment in the list.
type Item struct {
	Name, Description, PublicURL string
	Type                         string // as people read it
	Colour                       layout.Colour
	Nodes                        []Node
	Deployed                     int
	Redeploy                     string // how many of them need a redeploy, in words
	Stale                        bool   // at least one does
	// Addresses; empty for what this visitor may not do.
	Edit, Address, Delete string
}

// Node is a gateway node as it last reported.
type Node struct {
	Name, Version string
	Generation    int64
	Message       string // why it does not run what it should; "" when it does
	Tone          ui.Tone
	State         string
	Alive         bool
	At            time.Time
}

// served says in a few words who serves an environment.
func served(nodes []Node) (ui.Tone, string) {
	alive, well := 0, 0
	for _, n := range nodes {
		if n.Alive {
			alive++
		}
		if n.Alive && n.Message == "" {
			well++
		}
	}
	switch {
	case alive == 0:
		return ui.ToneWarning, "Not served"
	case well < alive:
		return ui.ToneDanger, fmt.Sprintf("%d of %s failed", alive-well, count(alive, "node", "nodes"))
	}
	return ui.ToneSuccess, "Served by " + count(alive, "node", "nodes")
}

// Page is the page of an environment.
type Page struct {
	Item
	Created    Stamp
	Changed    Stamp
	Owners     []Owner
	Missing    []Missing
	Now        time.Time
	Until      time.Time // how long the page asks for news of the nodes by itself
	Generation int64
}

// Stamp says who did something, and when.
type Stamp struct {
	At time.Time
	By string
}

// Owner is something deployed in the environment.
type Owner struct {
	Name, Project, Href string
	Revision            string
	State               ui.State
	At                  time.Time
	By                  string
}

// Missing is a variable that messages of the error catalogue name and the environment has not.
type Missing struct {
	Name     string
	Messages string
}

// seen tells whether what is shown of the nodes is still so. When each was heard of last does not count: they repeat
// themselves every few seconds.
func (p Page) seen() string {
	h := fnv.New64a()
	for _, n := range p.Nodes {
		fmt.Fprintf(h, "%q %q %d %q %q\n", n.Name, n.Version, n.Generation, n.State, n.Message)
	}
	return fmt.Sprintf("%x", h.Sum64())
}

// Seen tells whether a browser that says so shows the nodes as they are.
func (p Page) Seen(by string) bool { return by == p.seen() }

// poll is where the browser asks for news of the nodes: while these are awaited, and not for ever, as every question
// keeps the visitor signed in.
func (p Page) poll() string {
	tone, _ := served(p.Nodes)
	settled := tone == ui.ToneSuccess
	for _, n := range p.Nodes {
		settled = settled && n.Tone == ui.ToneSuccess
	}
	if settled || !p.Now.Before(p.Until) {
		return ""
	}
	return link.EnvironmentNodes(p.Name) + "?" + url.Values{"seen": {p.seen()}, "until": {strconv.FormatInt(p.Until.Unix(), 10)}}.Encode()
}

// flag is what serves the environment. Its port is that of the public address where this has one.
func (p Page) flag() string { return "--gateway " + quoted(p.Name+"=:"+p.port()) }

func (p Page) port() string {
	if u, err := url.Parse(p.PublicURL); err == nil && u.Port() != "" {
		return u.Port()
	}
	return "8083"
}

// command is a node of its own.
func (p Page) command() string { return "gatewright gateway " + p.flag() }

// quoted is a word for a shell.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.=:", r)
	}
	if strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// The tabs of an environment.
const (
	Overview  = "Overview"
	Keys      = "Keys"
	Variables = "Variables"
)

// tabs lead from one part of an environment to the others.
func tabs(environment, current string) []ui.Tab {
	list := []ui.Tab{
		{Label: Overview, Href: link.EnvironmentPage(environment)},
		{Label: Keys, Href: link.Keys(environment)},
		{Label: Variables, Href: link.EnvironmentVariables(environment)},
	}
	for i := range list {
		list[i].Current = list[i].Label == current
	}
	return list
}
