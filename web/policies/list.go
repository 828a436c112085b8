package policies

import (
	"net/url"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// Item is a policy as lists and views show it.
type Item struct {
	ID, Name, Description string
	Active                bool
	Used                  int // places where it is bound
	Version               int
	UpdatedAt             time.Time
	UpdatedBy             string
}

// Query is what a list is narrowed to and how it is ordered. It lives in the address.
type Query struct {
	Text   string
	Status string // "", "active" or "passive"
	Sort   string // name, status, used or updated; "" is name
	Desc   bool
	Page   int // from 1
}

// ParseQuery reads an address; what makes no sense there is left out.
func ParseQuery(v url.Values) Query {
	q := Query{Text: v.Get("q"), Page: 1}
	if s := v.Get("status"); s == "active" || s == "passive" {
		q.Status = s
	}
	sort := v.Get("sort")
	if sort != "" && sort[0] == '-' {
		q.Desc, sort = true, sort[1:]
	}
	switch sort {
	case "name", "status", "used", "updated":
		q.Sort = sort
	default:
		q.Desc = false
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 1 {
		q.Page = n
	}
	return q
}

// values are the members that are not at their defaults.
func (q Query) values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("q", q.Text)
	set("status", q.Status)
	set("sort", q.order())
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	return v
}

func (q Query) order() string {
	if q.Desc {
		return "-" + q.Sort
	}
	return q.Sort
}

// URL is the address of the list at base narrowed like this.
func (q Query) URL(base string) string {
	if v := q.values(); len(v) > 0 {
		return base + "?" + v.Encode()
	}
	return base
}

func (q Query) narrowed() bool { return q.Text != "" || q.Status != "" }

// ListPage is everything the list of a type shows.
type ListPage struct {
	Frame   layout.Props
	Project string
	Type    policy.Type
	Query   Query
	Items   []Item
	Total   int // that the query leaves
	PerPage int
	Manage  bool // the visitor may change something
	Now     time.Time
}

// bulk ties the boxes of the rows to the bar of actions.
var bulk = ui.Bulk{ID: "policies-selected", Name: "policy"}

func (p ListPage) base() string { return link.Policies(p.Project, p.Type.Name) }

func (p ListPage) here() string { return p.Query.URL(p.base()) }

func (p ListPage) clear() string { return Query{Sort: p.Query.Sort, Desc: p.Query.Desc}.URL(p.base()) }

func (p ListPage) clearText() string {
	q := p.Query
	q.Text, q.Page = "", 1
	return q.URL(p.base())
}

func (p ListPage) columns() []ui.Column {
	last := ui.Column{Label: "Actions", Hidden: true, Tight: true}
	columns := []ui.Column{
		p.column("Name", "name"), {Label: "Description"}, p.column("Status", "status"), p.column("Used by", "used"), p.column("Last change", "updated"),
	}
	columns[2].Tight, columns[3].Number, columns[3].Tight = true, true, true
	if p.Manage {
		columns = append(columns, last)
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
	return ui.PageOf(p.Query.Page, p.PerPage, len(p.Items), p.Total, "policy", "policies", func(page int) string {
		q := p.Query
		q.Page = page
		return q.URL(p.base())
	})
}

// RowProps is one row of the list, which can also be drawn alone.
type RowProps struct {
	Item    Item
	Project string
	Type    string // wire name
	Return  string // the list as it is narrowed now
	Manage  bool
	Now     time.Time
}

func (p ListPage) row(i Item) RowProps {
	return RowProps{Item: i, Project: p.Project, Type: p.Type.Name, Return: p.here(), Manage: p.Manage, Now: p.Now}
}

func (r RowProps) value() string { return r.Item.ID + ":" + strconv.Itoa(r.Item.Version) }

func (r RowProps) usage() string {
	if r.Item.Used == 0 {
		return ""
	}
	return link.Policy(r.Project, r.Type, r.Item.Name) + "#usage"
}

// statusHidden is what a status switch sends along: which policy as it was read, and where it stands. The field is not
// called "id": in a browser it would take the place of the form's own.
func statusHidden(i Item, back string) []ui.Hidden {
	return []ui.Hidden{{Name: "policyId", Value: i.ID}, {Name: "version", Value: strconv.Itoa(i.Version)}, {Name: "return", Value: back}}
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
