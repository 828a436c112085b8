// Package proxies owns the pages of API proxies: the list, the form, the
// overview, the Develop tab where policies are bound, and the history. Their
// props are plain values that the handlers fill.
package proxies

import (
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/web/deploys"
	"github.com/gatewright/gatewright/web/nodes"
	"github.com/gatewright/gatewright/web/ui"
)

// Row is one proxy in the list.
type Row struct {
	Name, Description string
	BasePath          string
	Upstream          string
	Places            []deploys.Place
	ChangedAt         time.Time
	ChangedBy         string
	Href              string
	// Edit, Develop, Duplicate and Delete are the row's menu; all but Develop are
	// empty when the visitor may not.
	Edit, Develop, Duplicate, Delete string
}

// List is the list of a project's proxies.
type List struct {
	Rows    []Row
	Columns []ui.Column
	Query   string
	// Redeploy tells that only what has to be deployed again is listed.
	Redeploy bool
	Search   ui.Search
	Page     ui.Page
	New      string // "" when the visitor may not
	// Document begins one from an OpenAPI document; "" when the visitor may not.
	Document string
	Now      time.Time
	// Several tells that badges must name their environment.
	Several bool
}

// Head is what every page of one owner begins with.
type Head struct {
	Name, Description string
	Noun              string // "proxy", "proxy group" or "policy group"
	Places            []deploys.Place
	Now               time.Time
	// The tabs.
	Overview, Develop, History string
	Current                    Section
	Policies                   int // bound ones, shown on the tab
	// Edit, Secret, Duplicate and Delete are the actions; "" when the visitor may
	// not.
	Edit, Secret, Duplicate, Delete string
	// Export makes a package of the owner.
	Export string
	// Document reads the endpoints of a proxy anew; "" when the visitor may not.
	Document string
}

// Section is a tab of the proxy's page.
type Section string

// The sections.
const (
	OnOverview Section = "Overview"
	OnDevelop  Section = "Develop"
	OnHistory  Section = "History"
)

// tabsLabel names the tabs for those who do not see them.
func (h Head) tabsLabel() string { return strings.ToUpper(h.Noun[:1]) + h.Noun[1:] }

func (h Head) tabs() []ui.Tab {
	return []ui.Tab{
		{Label: "Overview", Href: h.Overview, Current: h.Current == OnOverview},
		{Label: "Develop", Href: h.Develop, Current: h.Current == OnDevelop, Count: h.Policies},
		{Label: "History", Href: h.History, Current: h.Current == OnHistory},
	}
}

// states are the badges beside the title: the one of the place that is shown
// first. The others stand in the popover and in the overview.
func (h Head) states() []ui.State {
	if len(h.Places) != 1 {
		return nil
	}
	return []ui.State{h.Places[0].State}
}

// stale are the places where the proxy as it is now is not yet live.
func (h Head) stale() []deploys.Place {
	var list []deploys.Place
	for _, p := range h.Places {
		if p.State == ui.StateRedeployRequired {
			list = append(list, p)
		}
	}
	return list
}

// Overview is what a proxy is.
type Overview struct {
	Head     Head
	ClientID string
	BasePath string
	Hosts    []string
	Methods  []string
	Upstream string
	// ConnectTimeout and ResponseTimeout are in words, with the default named.
	ConnectTimeout, ResponseTimeout string
	// Balancing is what else the upstream says: labels and texts.
	Balancing [][2]string
	// Watched is what nodes know of the addresses; nil where there is nothing to know.
	Watched              *Watched
	Endpoints            []EndpointText
	ErrorTemplates       []TemplateText // none: error answers go out as they are
	ReplaceAPIErrors     bool
	Groups               []Group // that it is a member of
	CreatedAt, ChangedAt time.Time
	CreatedBy, ChangedBy string
}

// Watched is what nodes know of the addresses, and what to know about that.
type Watched struct {
	Addresses []nodes.Address
	Text      string
}

// EndpointText is one operation as it is read.
type EndpointText struct {
	Method, Path, Description string
	Policies                  int
	Href                      string // its Develop tab
}

// Revision is one line of the history.
type Revision struct {
	Number      int
	Environment string
	Live        bool
	Pinned      bool
	At          time.Time
	By, Note    string
	Digest      string
	Policies    int
	// Compare holds it against what runs, or what runs against the draft. Rollback
	// is "" when the visitor may not, or it runs.
	Compare, Rollback string
	// Pin takes whether it is kept whatever its age, Delete asks; "" when the visitor
	// may not, or it is needed.
	Pin, Delete string
}

// History is what was deployed when, newest first.
type History struct {
	Head      Head
	Revisions []Revision
	Limit     int // how many are shown at most
	Kept      int // how many of each environment are kept, 0 for all
}

// Secret shows a key pair, the only time that the secret is known.
type Secret struct {
	Noun         string // what the owner is
	Title, Text  string
	ClientID     string
	ClientSecret string
	Curl         string // asks for a token
	Done         string // the owner's page
	Develop      string
	New          bool // the owner was just made
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
