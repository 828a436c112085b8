package identity

import (
	"net/url"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Item is a source as lists and views show it.
type Item struct {
	ID, Name, Description string
	Kind                  identity.KindName
	KindLabel             string
	Used                  int // policies that name it
	Version               int
	UpdatedAt             time.Time
	UpdatedBy             string
}

// Query is what a list is narrowed to and how it is ordered. It lives in the address.
type Query struct {
	Text string
	Kind identity.KindName // "" for all
	Sort string            // name, kind, used or updated; "" is name
	Desc bool
	Page int // from 1
}

// ParseQuery reads an address; what makes no sense there is left out.
func ParseQuery(v url.Values, kinds identity.Kinds) Query {
	q := Query{Text: v.Get("q"), Page: 1}
	if k, ok := kinds.Find(identity.KindName(v.Get("kind"))); ok {
		q.Kind = k.Name
	}
	sort := v.Get("sort")
	if sort != "" && sort[0] == '-' {
		q.Desc, sort = true, sort[1:]
	}
	switch sort {
	case "name", "kind", "used", "updated":
		q.Sort = sort
	default:
		q.Desc = false
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 1 {
		q.Page = n
	}
	return q
}

func (q Query) order() string {
	if q.Desc {
		return "-" + q.Sort
	}
	return q.Sort
}

// URL is the address of the list at base narrowed like this.
func (q Query) URL(base string) string {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.Text, "kind": string(q.Kind), "sort": q.order()} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	if len(v) > 0 {
		return base + "?" + v.Encode()
	}
	return base
}

func (q Query) narrowed() bool { return q.Text != "" || q.Kind != "" }

// ListPage is everything the list of identity sources shows.
type ListPage struct {
	Frame   layout.Props
	Project string
	Kinds   identity.Kinds
	Query   Query
	Items   []Item
	Total   int // that the query leaves
	PerPage int
	Manage  bool // the visitor may change something
	Now     time.Time
}

func (p ListPage) base() string { return link.IdentitySources(p.Project) }

func (p ListPage) clear() string { return Query{Sort: p.Query.Sort, Desc: p.Query.Desc}.URL(p.base()) }

func (p ListPage) clearText() string {
	q := p.Query
	q.Text, q.Page = "", 1
	return q.URL(p.base())
}

func (p ListPage) hidden() []ui.Hidden {
	if p.Query.order() == "" {
		return nil
	}
	return []ui.Hidden{{Name: "sort", Value: p.Query.order()}}
}

func (p ListPage) kindOptions() []ui.Option {
	list := []ui.Option{{Label: "Any kind"}}
	for _, k := range p.Kinds {
		list = append(list, ui.Option{Value: string(k.Name), Label: k.Label})
	}
	return list
}

func (p ListPage) columns() []ui.Column {
	columns := []ui.Column{
		p.column("Name", "name"), p.column("Kind", "kind"), {Label: "Description"}, {Label: "State", Tight: true},
		p.column("Used by", "used"), p.column("Last change", "updated"),
	}
	columns[4].Number, columns[4].Tight = true, true
	if p.Manage {
		columns = append(columns, ui.Column{Label: "Actions", Hidden: true, Tight: true})
	}
	return columns
}

// column sorts by itself, and the other way round once it does.
func (p ListPage) column(label, sort string) ui.Column {
	q := p.Query
	current := q.Sort == sort || q.Sort == "" && sort == "name"
	c := ui.Column{Label: label}
	if current {
		c.Order = ui.Ascending
		if q.Desc {
			c.Order = ui.Descending
		}
	}
	q.Sort, q.Desc, q.Page = sort, current && !q.Desc, 1
	c.Sort = q.URL(p.base())
	return c
}

func (p ListPage) pager() ui.Page {
	return ui.PageOf(p.Query.Page, p.PerPage, len(p.Items), p.Total, "identity source", "identity sources", func(page int) string {
		q := p.Query
		q.Page = page
		return q.URL(p.base())
	})
}

// state is whether anything hangs on a source.
func (i Item) state() (ui.Tone, string) {
	if i.Used == 0 {
		return ui.ToneNeutral, "Not used"
	}
	return ui.ToneSuccess, "In use"
}

func (p ListPage) usage(i Item) string {
	if i.Used == 0 {
		return ""
	}
	return link.IdentitySource(p.Project, i.Name) + "#usage"
}

// summary shortens a description to what a row has room for.
func summary(description string) string {
	const most = 120
	runes := []rune(description)
	if len(runes) <= most {
		return description
	}
	return string(runes[:most-1]) + "…"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
