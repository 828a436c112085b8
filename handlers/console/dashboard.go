package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/dashboard"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	// soon is how far the dashboard looks ahead for what expires.
	soon = 30 * 24 * time.Hour
	// failingSince is how far it looks back for sources that do not answer.
	failingSince = 7 * 24 * time.Hour
	// itemsShown is how many of what a card counts it names.
	itemsShown = 3
)

// dashboardDesk is one visit to the dashboard of a project.
type dashboardDesk struct {
	c       *Console
	g       *gin.Context
	ctx     context.Context
	v       *visit.Visit
	project models.Project
	page    dashboard.Page
}

// Dashboard is what needs attention in a project, as far as the visitor may see
// it.
func (c *Console) Dashboard(g *gin.Context) error {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	d := &dashboardDesk{c: c, g: g, ctx: ctx, v: visit.From(ctx), project: project}
	d.page = dashboard.Page{Project: project.Name, Span: g.Query("span"), Now: c.now()}
	if d.page.Span != "7d" {
		d.page.Span = "24h"
	}
	for _, part := range []struct {
		right visit.Right
		add   func() error
	}{
		{models.ViewAPIs, d.redeploys}, {models.ViewIdentity, d.credentials}, {visit.ViewSystem, d.keys}, {models.ViewMonitoring, d.sources},
		{models.ViewMonitoring, d.charts}, {visit.ViewSystem, d.nodes},
	} {
		if !d.v.Can(part.right) {
			continue
		}
		if err := part.add(); err != nil {
			return err
		}
	}
	if d.page.Frame, err = c.frame(g, "Dashboard", project, layout.Crumb{Label: "Dashboard"}); err != nil {
		return err
	}
	return render(g, http.StatusOK, dashboard.Show(d.page))
}

func (d *dashboardDesk) redeploys() error {
	found, err := d.c.store.Outdated(d.ctx, d.project.ID)
	if err != nil {
		return err
	}
	n := len(found.Owners)
	card := dashboard.Card{
		Title: "Redeploy required", Count: n, AtLeast: found.Uncompared > 0, Tone: ui.ToneWarning, Href: redeploysOf(link.Proxies(d.project.Name)), Link: "API proxies to deploy again",
		Text: countOf(n, "proxy or group runs", "proxies and groups run") + " something else than is edited.",
		Calm: "What runs is what is edited.", Others: []dashboard.Item{{Name: "API proxy groups to deploy again", Href: redeploysOf(kindNamed(engine.KindProxyGroup).at.List(d.project.Name))}},
	}
	if found.Uncompared > 0 {
		card.Text += fmt.Sprintf(" %s more changed since the last deploy; whether they differ is compared where they are shown.", ui.Grouped(found.Uncompared))
	}
	for _, o := range found.Owners[:min(n, itemsShown)] {
		item := dashboard.Item{Name: o.Name, Href: linkOf(d.project.Name, o).Page()}
		for _, at := range o.Deployments {
			if at.State == models.RedeployRequired {
				item.Href, item.Text = linkOf(d.project.Name, o).CompareIn(at.Environment), "in "+at.Environment
				break
			}
		}
		card.Items = append(card.Items, item)
	}
	d.page.Cards = append(d.page.Cards, card)
	return nil
}

// redeploysOf narrows the address of a list to what has to be deployed again.
func redeploysOf(list string) string { return list + "?state=" + string(models.RedeployRequired) }

func (d *dashboardDesk) credentials() error {
	list, total, err := d.c.store.ExpiringCredentials(d.ctx, d.project.ID, d.page.Now.Add(soon))
	card := dashboard.Card{
		Title: "Credentials that expire", Count: total, Tone: ui.ToneWarning, Link: "Credentials by expiry",
		Href: withQuery(link.Credentials(d.project.Name), url.Values{"sort": {"expires"}, "status": {"enabled"}}),
		Text: countOf(total, "credential expires", "credentials expire") + " within 30 days.", Calm: "No credential expires within 30 days.",
	}
	for _, x := range list {
		card.Items = append(card.Items, dashboard.Item{Name: x.Name, Href: link.Credential(d.project.Name, x.Name), At: x.At})
	}
	d.page.Cards = append(d.page.Cards, card)
	return err
}

func (d *dashboardDesk) keys() error {
	list, total, err := d.c.store.ExpiringKeys(d.ctx, d.page.Now.Add(soon))
	card := dashboard.Card{
		Title: "Signing keys that end", Count: total, Tone: ui.ToneInfo, Link: "Environments", Href: link.Environments,
		Text: countOf(total, "key stops", "keys stop") + " verifying within 30 days, in any environment.", Calm: "No signing key ends within 30 days.",
	}
	for _, x := range list {
		card.Items = append(card.Items, dashboard.Item{Name: x.Name, Href: link.Keys(x.Environment), Text: "in " + x.Environment, At: x.At})
	}
	d.page.Cards = append(d.page.Cards, card)
	return err
}

// seen is what the visitor sees of the project's logs, and of no other's.
func (d *dashboardDesk) seen() models.Scope { return d.v.SeesIn(models.ViewMonitoring, d.project.Name) }

func (d *dashboardDesk) sources() error {
	list, err := d.c.store.FailingSources(d.ctx, d.seen(), d.page.Now.Add(-failingSince))
	card := dashboard.Card{
		Title: "Identity sources that fail", Count: len(list), Tone: ui.ToneDanger, Link: "Events of identity sources",
		Href: withQuery(link.SecurityEvents, url.Values{"project": {d.project.Name}, "kind": {string(event.SourceFailing)}}),
		Text: countOf(len(list), "identity source does", "identity sources do") + " not answer; logins that need it are refused.",
		Calm: "Every identity source that was asked answers.",
	}
	for _, x := range list[:min(len(list), itemsShown)] {
		card.Items = append(card.Items, dashboard.Item{Name: tokens.SourceName(x.Source), Text: "in " + x.Environment, At: x.Since})
	}
	d.page.Cards = append(d.page.Cards, card)
	return err
}

// charts are of whole hours, so that counts of hours answer them.
func (d *dashboardDesk) charts() error {
	from, width, bars := d.page.Now.UTC().Truncate(time.Hour).Add(-23*time.Hour), time.Hour, 24
	if d.page.Span == "7d" {
		width, bars = 6*time.Hour, 29
		from = d.page.Now.UTC().Truncate(width).Add(-28 * width)
	}
	to := from.Add(width * time.Duration(bars))
	refused, err := d.c.store.RefusalStats(d.ctx, d.seen(), from, to, width)
	if err != nil {
		return err
	}
	stats, err := d.c.store.TokenStats(d.ctx, d.seen(), from, to, width, "", models.ByGrant)
	if err != nil {
		return err
	}
	calls := make([]tokens.Count, len(refused))
	for i, r := range refused {
		calls[i] = tokens.Count{Bar: r.Bucket, Error: refusalLabel(r.Fault), Count: r.Count}
	}
	_, byReason := tokens.Draw(from, width, bars, calls, tokens.ByReason)
	byReason.ID, byReason.Title, byReason.Noun, byReason.Empty = "refused-calls", "Refused calls by reason", "refused calls", "No call was refused in this time."
	counts := make([]tokens.Count, len(stats.Counts))
	for i, s := range stats.Counts {
		counts[i] = tokens.Count{Bar: s.Bucket, Grant: s.Grant, Error: s.Error, Count: s.Count}
	}
	_, byGrant := tokens.Draw(from, width, bars, counts, tokens.ByGrant)
	byGrant.ID, byGrant.Title, byGrant.Noun, byGrant.Empty = "failed-logins", "Failed logins by grant", "failed logins", "No login failed in this time."
	mine := url.Values{"project": {d.project.Name}}
	d.page.Charts = []dashboard.Figure{
		{Chart: byReason, Href: withQuery(link.Refusals, mine), Link: "Refused calls of " + d.project.Name},
		{Chart: byGrant, Href: withQuery(link.TokenRequests, url.Values{"project": mine["project"], "outcome": {"refused"}, "span": {d.page.Span}}), Link: "Refused token requests of " + d.project.Name},
	}
	return nil
}

// refusalLabel is what the caller read, in the catalogue's words.
func refusalLabel(name string) string {
	if t := fault.Type(name); t.Known() {
		return strings.TrimSuffix(fault.Find(t).Message, ".")
	}
	return "Other"
}

func (d *dashboardDesk) nodes() error {
	reports, generation, err := d.c.nodes(d.ctx, d.c.store.Nodes)
	if err != nil {
		return err
	}
	d.page.ShowNodes = true
	for _, r := range reports {
		n := nodeRow(r, generation[r.Environment])
		d.page.Nodes = append(d.page.Nodes, dashboard.Node{
			Name: n.Name, Version: n.Version, Environment: r.Environment, Tone: n.Tone, State: n.State, SeenAt: n.At, Href: link.EnvironmentPage(r.Environment),
		})
	}
	return nil
}
